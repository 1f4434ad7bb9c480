"""`adoption`: count who holds a value of what is deployed, keep the figures, show them."""

from contextlib import closing
from dataclasses import dataclass, field
from typing import assert_never

from reconciler.adapters.database import Store
from reconciler.adapters.metrics import metrics_text
from reconciler.adopted import TenantSubject, adoption_of
from reconciler.cli.commands.adoption import AdoptionFormat, Options
from reconciler.cli.console import Console
from reconciler.cli.desired import desired_of, shard_of
from reconciler.cli.exits import Exit
from reconciler.cli.files import require_folder, write_file
from reconciler.cli.invocation import Invocation
from reconciler.cli.state_store import open_state
from reconciler.cli.wiring import Workbench, workbench
from reconciler.counting import HolderCount
from reconciler.domain.adoption import ResourceAdoption
from reconciler.domain.dialect import BindingList
from reconciler.domain.manifest import Tenant
from reconciler.domain.metrics import adoption_metrics
from reconciler.domain.selection import Selection
from reconciler.errors import TenantError, UsageError
from reconciler.occurrences import Phase, in_phase, working_on
from reconciler.parallel import in_parallel
from reconciler.ports import Clock
from reconciler.render.adoption import adoption_csv, adoption_document, adoption_text
from reconciler.render.json_text import json_text
from reconciler.render.plain_text import counted, visible

_EVERY = 10.0  # seconds between two lines about the progress in one tenant


def adoption(invocation: Invocation, options: Options) -> int:
    """Print the figures, and keep them; 1 where a tenant could not be counted."""
    if options.metrics is not None:
        require_folder("--metrics", options.metrics)
    part, most = options.part, options.reading.max_attributes
    selection = Selection(
        tenants=options.tenants,
        targets=part.target,
        excludes=part.exclude,
        shard=shard_of(invocation, part.shard),
    )
    desired, observe = desired_of(invocation, selection, options.reading), invocation.observe
    with (
        workbench(
            invocation,
            desired,
            options.deadlines,
            parallelism=part.parallelism,
            max_attributes=most,
        ) as bench,
        open_state(invocation, bench.stop) as store,
    ):
        store.carry_on(desired.manifests.tenants)

        def one(tenant: Tenant) -> list[ResourceAdoption]:
            bench.clock.check()
            with working_on(tenant.name, Phase.ADOPTION, observe) as work:
                figures = _of_tenant(invocation.console, options, bench, store, tenant)
                work.failure = next(filter(None, (each.error for each in figures)), None)
            return figures

        tenants = desired.tenants()
        with (
            in_phase(observe, Phase.ADOPTION, len(tenants)),
            closing(in_parallel(one, tenants, part.parallelism)) as made,
        ):
            found = sorted(
                (each for tenant in made for each in tenant),
                key=lambda each: (each.tenant, each.resource_type or ""),
            )
        _show(invocation.console, found, options.format, bench)
    if options.metrics is not None:
        write_file(options.metrics, metrics_text(adoption_metrics(found)))
    if wrong := {each.tenant for each in found if each.error is not None}:
        number = counted(len(wrong), "tenant")
        invocation.console.complain(f"error: {number} could not be counted")
        return Exit.ERROR
    return Exit.WELL


def _of_tenant(
    console: Console, options: Options, bench: Workbench, store: Store, tenant: Tenant
) -> list[ResourceAdoption]:
    try:
        reader = bench.reader(tenant)
        extensions = bench.desired.wanted_by(tenant)
        wanted = [each.schema.id for each in extensions]
        live = reader.read_all(wanted, everything=True)
        listed = tenant.dialect.bindings is BindingList.LISTED
        subject = TenantSubject(
            tenant=tenant,
            extensions=extensions,
            live=live,
            bindings=reader.bindings() if listed else None,
            selection=bench.desired.selection,
        )
        count = HolderCount(
            tenant=tenant.name,
            users=bench.user_readers(options.counting)(tenant),
            samples=store,
            clock=bench.clock,
            sample=options.sample,
            progress=CountProgress(console=console, tenant=tenant.name, clock=bench.clock),
        )
        return adoption_of(subject, count)
    except (TenantError, UsageError) as error:  # one that is set up wrongly fails alone, too
        return [ResourceAdoption(tenant=tenant.name, resource_type=None, error=str(error))]


@dataclass(slots=True, kw_only=True)
class CountProgress:
    """A line on standard error now and then while a tenant is counted page by page."""

    console: Console
    tenant: str
    clock: Clock
    _shown_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._shown_at = self.clock.monotonic()

    def __call__(self, resource_type: str, looked_at: int, total: int | None) -> None:
        """Say how far it has come, where the last line was a while ago."""
        if self.clock.monotonic() - self._shown_at < _EVERY:
            return
        self._shown_at = self.clock.monotonic()
        of = "" if total is None else f" of {total:,}"
        about = f"{visible(self.tenant)}: {visible(resource_type)}"
        self.console.say(f"{about}: {looked_at:,}{of} looked at")


def _show(
    console: Console, found: list[ResourceAdoption], wanted: AdoptionFormat, bench: Workbench
) -> None:
    match wanted:
        case AdoptionFormat.JSON:
            console.data(json_text(adoption_document(found)))
        case AdoptionFormat.CSV:
            console.data(adoption_csv(adoption_document(found)))
        case AdoptionFormat.TEXT:
            now = bench.clock.now()
            names = {
                tenant.name: {
                    each.schema.key: each.name for each in bench.desired.wanted_by(tenant)
                }
                for tenant in bench.desired.tenants()
            }
            texts = (
                adoption_text(
                    each,
                    names.get(each.tenant, {}),
                    now=now,
                    paint=console.paint,
                    width=console.width,
                )
                for each in found
            )
            console.text("\n".join(texts))
        case _:
            assert_never(wanted)
