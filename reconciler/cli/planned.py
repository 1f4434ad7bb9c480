"""A plan as it is made: the document of each tenant is kept in a file, and little in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

from reconciler.adapters.spool import Spool, spooling
from reconciler.cli.console import Console
from reconciler.cli.shared_options import PlanFormat
from reconciler.domain.approvals import Approvals
from reconciler.domain.manifest import Tenant
from reconciler.domain.plan import Plan, TenantPlan
from reconciler.planning import Desired
from reconciler.render.paint import Paint
from reconciler.render.plan_document import (
    change_of,
    plan_facts,
    plan_head,
    plan_json,
    tenant_head,
)
from reconciler.render.plan_text import foot_text, head_text, plan_text, tenants_text

if TYPE_CHECKING:  # text has no origin, and few tenants have a freeze
    from reconciler.domain.documents import ChangeDocument, PlanFacts
    from reconciler.domain.freeze import Frozen
    from reconciler.render.origin import Origin

_FEW = 2000  # attributes of a tenant, whose changes may all be in memory at once


@contextmanager
def planning(*, show: Callable[[str], None] | None, paint: Paint) -> Iterator[Planned]:
    """A plan to be made; its documents last as long as the block."""
    # docs/decisions.md, "A plan is made tenant by tenant, and little of it is kept"
    with spooling() as spool:
        yield Planned(spool, show=show, paint=paint)


def show_plan(
    document: PlanFacts, wanted: PlanFormat, console: Console, origin: Origin | None = None
) -> None:
    """Print a whole plan on standard output; `origin` is known where it was made just now."""
    match wanted:
        case PlanFormat.JSON:
            pieces = plan_json(document)
        case PlanFormat.MARKDOWN:
            from reconciler.render.plan_markdown import plan_markdown

            pieces = iter((plan_markdown(document, origin=origin),))
        case PlanFormat.TEXT:
            pieces = plan_text(document, paint=console.paint)
        case _:
            assert_never(wanted)
    show = console.text if wanted is PlanFormat.TEXT else console.data
    for piece in pieces:
        show(piece)


class Planned:
    """The documents of a plan's tenants, and the approvals that the plan needs.

    `show` gets the text of the plan, when all tenants are planned; None where another format is
    wanted.
    """

    def __init__(self, spool: Spool, *, show: Callable[[str], None] | None, paint: Paint) -> None:
        self._spool = spool
        self._approvals = Approvals()
        self._show = show
        self._paint = paint
        self._warn: Callable[[Tenant], tuple[str, ...]] = lambda _: ()
        self._frozen: Callable[[Tenant], Frozen | None] = lambda _: None

    def begin(
        self,
        desired: Desired,
        warn: Callable[[Tenant], tuple[str, ...]],
        now: datetime,
        during_freeze: Collection[str] = (),
    ) -> None:
        """Show what is known before any tenant is read.

        `warn` gives what a person should know of a tenant besides; the freezes are those of `now`,
        but for some tenants.
        """
        self._warn = warn
        self._frozen = lambda tenant: None if tenant.name in during_freeze else _frozen(tenant, now)
        head = head_text(plan_head(desired.plan()), paint=self._paint)
        if self._show is not None and head:
            self._show(head)

    def keep(self, tenant: TenantPlan) -> TenantPlan:
        """Make the document of a tenant, and give as much of its plan as carrying it out needs."""
        tenant = replace(
            tenant,
            warnings=(*tenant.warnings, *self._warn(tenant.tenant)),
            frozen=self._frozen(tenant.tenant),
        )
        self._spool_document(tenant)
        return tenant.without_live()

    def _spool_document(self, tenant: TenantPlan) -> None:
        """Keep the document of a tenant's plan in the spool; a large one is never whole."""
        head, changes = tenant_head(tenant), self._changes(tenant)
        wanted = sum(len(change.subject.desired.attributes) for change in tenant.changes)
        if wanted > _FEW:
            self._spool.add_long(tenant.name, head, {"changes": self._spool.keep(changes)})
        else:
            self._spool.add(tenant.name, {**head, "changes": [*changes]})

    def _changes(self, tenant: TenantPlan) -> Iterator[ChangeDocument]:
        """The document of each change, once the approvals that it needs are noted."""
        for number, change in enumerate(tenant.changes):
            yield change_of(tenant, change)
            self._approvals.add(tenant.name, number, change)

    def document(self, plan: Plan) -> PlanFacts:
        """The document of the whole plan, without a checksum; its tenants stay in the spool."""
        return plan_facts(plan, self._spool, self._approvals.needed())

    def end(self, document: PlanFacts) -> None:
        """Show the plan, when all tenants are planned."""
        if self._show is not None:
            for piece in tenants_text(document["tenants"], paint=self._paint):
                self._show(piece)
            self._show(foot_text(document, paint=self._paint))


def _frozen(tenant: Tenant, now: datetime) -> Frozen | None:
    if not tenant.freeze:
        return None
    from reconciler.domain.freeze import frozen_at

    return frozen_at(tenant.freeze, now)
