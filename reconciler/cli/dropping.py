"""`webhooks drop`: show what is open under a name, ask, and end it."""

from collections import Counter
from collections.abc import Iterator

from reconciler.adapters.clock import StopSignal, SystemClock, install
from reconciler.adapters.database import Store
from reconciler.cli.commands.webhooks_drop import Options
from reconciler.cli.desired import commit_of
from reconciler.cli.exits import Exit
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifest_loading import require_manifests
from reconciler.cli.state_store import existing_state, locks_of
from reconciler.domain.manifest import Manifests
from reconciler.domain.messages import suggestion
from reconciler.domain.records import Run
from reconciler.domain.tenant_names import tenant_names
from reconciler.dropping import Dropping
from reconciler.errors import UsageError
from reconciler.render.plain_text import counted, visible
from reconciler.run_context import RunContext


def drop(invocation: Invocation, options: Options) -> int:
    """End what is open under the name; 1 where nobody has approved it."""
    if options.tenant is None:
        raise UsageError("name whose with --tenant NAME; `reconciler status` shows the names")
    name = options.tenant
    stop = StopSignal()
    install(stop)
    clock = SystemClock(stop)
    manifests = require_manifests(invocation, options.reading)
    with existing_state(invocation, stop) as store:
        _require_unclaimed(name, manifests, store)
        for line in _open_under(name, manifests, store):
            invocation.console.data(f"{visible(line)}\n")
        if not options.auto_approve:
            if not invocation.console.interactive:
                raise UsageError("nobody is there to approve: give --auto-approve")
            question = '\nEnd this for good? Only "yes" is accepted: '
            if invocation.console.ask(question, check=clock.check) != "yes":
                invocation.console.say("not approved; nothing was ended")
                return Exit.ERROR
        run = Run(
            id=invocation.run_id,
            actor=invocation.settings.actor,
            commit=commit_of(invocation).commit,
        )
        holder = f"run {run.id} of {run.actor}"
        ended = Dropping(
            context=RunContext(run=run, journal=store, clock=clock),
            memory=store,
            locks=locks_of(invocation, store, holder=holder, clock=clock),
            name=name,
        ).drop()
    invocation.console.say(f"{name}: {ended.detail}; the trail keeps all of it")
    return Exit.WELL


def _require_unclaimed(name: str, manifests: Manifests, store: Store) -> None:
    """Raise UsageError for the name of a tenant that there is, and for one that is not known."""
    for tenant in manifests.tenants:
        if tenant.name == name:
            raise UsageError(
                f"{name} is a tenant, at {tenant.place}: its writes are settled by the next apply "
                "and its webhooks delivered; take its manifest away first if it is gone"
            )
    kept = store.kept_names()
    if not (store.is_kept(name) or name in (*kept.pending, *kept.held)):
        known = [each.name for each in kept.unclaimed(manifests.tenants)]
        raise UsageError(f"the store keeps nothing of {name!r}; {suggestion(name, known)}")


def _open_under(name: str, manifests: Manifests, store: Store) -> Iterator[str]:
    """What would be ended, a line for each write and for each URL."""
    names = tenant_names(manifests.tenants, store.renamings())
    if (current := names.current(name)) != name:
        yield f"{name} is what {current} was called, whose next apply would carry this on:"
    intents = store.open_intents(name)
    for _, intent in intents:
        at = intent.base_url or "a place that is not known"
        yield f"a write without a known end: {intent.schema_id} at {at}, by run {intent.run_id}"
    waiting = Counter(row.url for row in store.waiting() if row.tenant == name)
    held = Counter(row.url for row in store.held() if row.tenant == name)
    for url, number in waiting.items():
        yield f"{counted(number, 'webhook')} to {url}, not delivered"
    for url, number in held.items():
        yield f"{counted(number, 'webhook')} to {url}, held"
    if not (intents or waiting or held):
        yield f"nothing is open under {name}: only that its history is no longer named"
