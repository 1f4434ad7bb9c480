"""`doctor`: look at a tenant, read-only unless it is to probe its writes; keep what was learnt."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from reconciler.adapters.gateway.doctor import HttpDoctor
from reconciler.adapters.webhooks import Unusable
from reconciler.cli.commands.doctor import Options
from reconciler.cli.desired import desired_of
from reconciler.cli.exits import Exit
from reconciler.cli.expiry import NO_ORIGINS, expiry_findings, origins_unset
from reconciler.cli.files import write_file
from reconciler.cli.invocation import Invocation
from reconciler.cli.output import output_of
from reconciler.cli.shared_options import TextOrJson
from reconciler.cli.state_store import locks_of, open_state
from reconciler.cli.wiring import Workbench, workbench
from reconciler.doctor import WriteProbe
from reconciler.domain.doctor import Finding, Grade, TenantFindings
from reconciler.domain.freeze import frozen_at
from reconciler.domain.manifest import Tenant
from reconciler.domain.selection import Selection
from reconciler.errors import UsageError
from reconciler.occurrences import Phase, in_phase, working_on
from reconciler.parallel import in_parallel
from reconciler.render.doctor import capability_block, doctor_data, doctor_text
from reconciler.run_context import RunContext

_AT_ONCE = 16  # tenants


def doctor(invocation: Invocation, options: Options) -> int:
    """Print what was found; 1 where a tenant cannot be worked with."""
    with output_of(invocation, wanted=options.format is TextOrJson.JSON) as output:
        found = _found(invocation, options)
        if output.wanted:
            output.show(doctor_data(found))
        else:
            console = invocation.console
            texts = (doctor_text(e, paint=console.paint, width=console.width) for e in found)
            console.text("\n".join(texts))
        if options.write is not None:
            _keep(invocation, found[0], options.write)
    return Exit.WELL if all(each.well for each in found) else Exit.ERROR


def _found(invocation: Invocation, options: Options) -> list[TenantFindings]:
    globs = () if options.tenant is None else (options.tenant,)
    desired = desired_of(invocation, Selection(tenants=globs), options.reading)
    most = options.reading.max_attributes
    with workbench(invocation, desired, options.deadlines, max_attributes=most) as bench:
        notifier = bench.notifier()
        tenants = bench.desired.tenants()
        if options.write is not None and len(tenants) > 1:
            raise UsageError(
                f"--write keeps what is learnt of one tenant, and there are {len(tenants)}: name it"
            )
        if origins_unset(invocation.settings, tenants):
            invocation.console.say(f"warning: {NO_ORIGINS}")

        def look(tenant: Tenant) -> TenantFindings:
            with working_on(tenant.name, Phase.DOCTOR, invocation.observe) as work:
                found = _look_at(
                    invocation,
                    bench,
                    tenant,
                    webhooks=notifier.obstacles(tenant),
                    probe_writes=options.probe_writes,
                )
                work.failure = None if found.well else "it cannot be worked with"
            return found

        at_once = 1 if options.probe_writes else _AT_ONCE
        with (
            in_phase(invocation.observe, Phase.DOCTOR, len(tenants)),
            closing(in_parallel(look, tenants, at_once)) as found,
        ):
            return sorted(found, key=lambda each: each.tenant)


def _look_at(
    invocation: Invocation,
    bench: Workbench,
    tenant: Tenant,
    *,
    webhooks: Iterable[Unusable],
    probe_writes: bool,
) -> TenantFindings:
    wrong = tuple(
        Finding("webhook", Grade.NOTE if found.unset else Grade.WARNING, found.reason)
        for found in webhooks
    )
    try:
        access = bench.connection(tenant)
    except UsageError as error:  # a secret that is not set, an origin that is not allowed
        return _findings_of(tenant, (Finding("manifest", Grade.PROBLEM, str(error)), *wrong))
    if tenant.projection is None:
        look = HttpDoctor(access, limit=tenant.extensions_limit)
    else:
        from reconciler.adapters.keycloak.doctor import KeycloakDoctor

        look = KeycloakDoctor(access, tenant.projection.schema_id)
    seen = (*look.findings(bench.desired.manifests.desired_for(tenant)), *wrong)
    seen = (*expiry_findings(tenant, bench.trust.read, bench.clock.now()), *seen)
    found = _findings_of(tenant, seen)
    if not probe_writes or not found.well:
        return found
    if (frozen := frozen_at(tenant.freeze, bench.clock.now())) is not None:
        note = Finding("create", Grade.NOTE, f"not probed: the tenant is {frozen}")
        return _findings_of(tenant, (*seen, note))
    if tenant.projection is not None:
        message = "not probed: a projection is there from the start, and holds nothing but yours"
        return _findings_of(tenant, (*seen, Finding("create", Grade.NOTE, message)))
    known = replace(tenant, dialect=look.dialect)
    return _findings_of(tenant, (*seen, *_probe(invocation, bench, known)))


def _findings_of(tenant: Tenant, findings: tuple[Finding, ...]) -> TenantFindings:
    return TenantFindings(
        tenant=tenant.name,
        dialect=tenant.dialect.name,
        base_url=tenant.base_url,
        findings=findings,
    )


def _probe(invocation: Invocation, bench: Workbench, tenant: Tenant) -> tuple[Finding, ...]:
    holder = f"run {bench.run.id} of {bench.run.actor}"
    with open_state(invocation, bench.stop) as store:
        return WriteProbe(
            context=RunContext(run=bench.run, journal=store, clock=bench.clock),
            tenant=tenant,
            writer=bench.writer(tenant),
            retry=bench.retry(tenant),
            locks=locks_of(invocation, store, holder=holder, clock=bench.clock),
        ).probe()


def _keep(invocation: Invocation, found: TenantFindings, file: Path) -> None:
    if not found.learnt:
        raise UsageError(f"nothing was learnt of tenant {found.tenant}, so {file} is not written")
    write_file(file, capability_block(found))
    invocation.console.say(f"saved as {file}; it belongs below spec in the tenant's manifest")
