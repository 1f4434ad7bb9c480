"""`webhooks drop`: show what is open under a name, ask, and end it."""

from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.adapters.clock import StopSignal, SystemClock, install
from reconciler.adapters.database import Store
from reconciler.cli.commands.webhooks_drop import Options
from reconciler.cli.desired import commit_of
from reconciler.cli.exits import Exit
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifest_loading import require_manifests
from reconciler.cli.output import Output, output_of
from reconciler.cli.shared_options import TextOrJson
from reconciler.cli.state_store import existing_state, locks_of
from reconciler.domain.documents import DroppedData, UrlCount
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
    with output_of(invocation, wanted=options.format is TextOrJson.JSON) as output:
        return _drop(invocation, options, output)


def _drop(invocation: Invocation, options: Options, output: Output) -> int:
    if options.tenant is None:
        raise UsageError("name whose with --tenant NAME; `reconciler status` shows the names")
    if output.wanted and not options.auto_approve:
        raise UsageError("--format json asks nobody: give --auto-approve")
    name = options.tenant
    stop = StopSignal()
    install(stop)
    clock = SystemClock(stop)
    manifests = require_manifests(invocation, options.reading)
    with existing_state(invocation, stop) as store:
        _require_unclaimed(name, manifests, store)
        found = _open_under(name, manifests, store)
        if not output.wanted:
            for line in _lines(found):
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
    if output.wanted:
        output.show(found)
    else:
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
    if not (store.kept_of([name]) or name in (*kept.pending, *kept.held)):
        known = [each.name for each in kept.unclaimed(manifests.tenants)]
        raise UsageError(f"the store keeps nothing of {name!r}; {suggestion(name, known)}")


def _open_under(name: str, manifests: Manifests, store: Store) -> DroppedData:
    """All that would be ended."""
    current = tenant_names(manifests.tenants, store.renamings()).current(name)
    return {
        "tenant": name,
        "called_now": None if current == name else current,
        "writes": [
            {"schema_id": each.schema_id, "base_url": each.base_url, "run_id": each.run_id}
            for _, each in store.open_intents(name)
        ],
        "pending": _by_url(row.url for row in store.waiting() if row.tenant == name),
        "held": _by_url(row.url for row in store.held() if row.tenant == name),
    }


def _by_url(urls: Iterable[str]) -> list[UrlCount]:
    return [{"url": url, "webhooks": number} for url, number in Counter(urls).items()]


def _lines(found: DroppedData) -> Iterator[str]:
    """A line for each write, and for each URL."""
    name = found["tenant"]
    if (current := found["called_now"]) is not None:
        yield f"{name} is what {current} was called, whose next apply would carry this on:"
    for write in found["writes"]:
        at = write["base_url"] or "a place that is not known"
        yield f"a write without a known end: {write['schema_id']} at {at}, by run {write['run_id']}"
    for each in found["pending"]:
        yield f"{counted(each['webhooks'], 'webhook')} to {each['url']}, not delivered"
    for each in found["held"]:
        yield f"{counted(each['webhooks'], 'webhook')} to {each['url']}, held"
    if not (found["writes"] or found["pending"] or found["held"]):
        yield f"nothing is open under {name}: only that its history is no longer named"
