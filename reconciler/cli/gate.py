"""`gate`: whether HR may send attributes of a tenant now."""

from typing import assert_never

from reconciler.adapters.database import courses_at
from reconciler.cli.commands.gate import Options
from reconciler.cli.desired import desired_of
from reconciler.cli.exits import Exit
from reconciler.cli.invocation import Invocation
from reconciler.cli.shared_options import TextOrJson
from reconciler.cli.wiring import Workbench, workbench
from reconciler.domain.gate import TenantGate
from reconciler.domain.manifest import Tenant
from reconciler.domain.messages import nearest
from reconciler.domain.scim import fold
from reconciler.domain.selection import Selection
from reconciler.errors import UsageError
from reconciler.gating import Gating
from reconciler.occurrences import Phase, in_phase, working_on
from reconciler.planning import Desired
from reconciler.render.gate import gate_document, gate_text
from reconciler.render.json_text import json_text


def gate(invocation: Invocation, options: Options) -> int:
    """Print the answer; 0 for yes, 2 for not yet."""
    desired = desired_of(invocation, Selection(tenants=(options.tenant,)), options.reading)
    tenant = _the_tenant(desired, options.tenant)
    most = options.reading.max_attributes
    with (
        workbench(invocation, desired, options.deadlines, max_attributes=most) as bench,
        in_phase(invocation.observe, Phase.GATE, 1),
        working_on(tenant.name, Phase.GATE, invocation.observe),
    ):
        found = _look(invocation, bench, tenant, options)
        names = {each.schema.key: each.name for each in bench.desired.wanted_by(tenant)}
    console = invocation.console
    match options.format:
        case TextOrJson.JSON:
            console.data(json_text(gate_document(found)))
        case TextOrJson.TEXT:
            pieces = gate_text(found, names, paint=console.paint, width=console.width)
            console.text("".join(pieces))
        case _:
            assert_never(options.format)
    return Exit.WELL if found.ready else Exit.NOT_YET


def _the_tenant(desired: Desired, name: str) -> Tenant:
    tenant, *others = desired.tenants()
    if others:
        raise UsageError(f"{name} fits {len(others) + 1} tenants, and a gate is about one: name it")
    return tenant


def _look(invocation: Invocation, bench: Workbench, tenant: Tenant, options: Options) -> TenantGate:
    wanted = bench.desired.wanted_by(tenant)
    named = [each for each in wanted if fold(options.urn) in (each.schema.key, fold(each.name))]
    if not named:
        known = [name for each in wanted for name in (each.name, each.schema.id)]
        meant = nearest(options.urn, known)
        hint = f"; did you mean {meant}?" if meant else ""
        reason = f"no manifest gives the tenant {options.urn}{hint}"
        return TenantGate.undeclared(tenant.name, options.urn, options.attribute, reason=reason)
    searching = bench.searching(
        tenant, timeout=0.0, deadline=float(options.deadlines.read_deadline)
    )
    return Gating(
        clock=bench.clock,
        tenant=tenant,
        reader=bench.reader(tenant),
        searching=None if options.not_searchable else searching,
        courses=lambda schemas: courses_at(
            invocation.common.state_url, tenant.name, schemas, bench.desired.manifests.tenants
        ),
    ).look(named, options.attribute)
