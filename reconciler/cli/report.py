"""`report`: the page of a fleet."""

from datetime import timedelta

from reconciler.adapters.clock import wall_time
from reconciler.adapters.packaged import template_text
from reconciler.cli.commands.report import Options
from reconciler.cli.exits import Exit
from reconciler.cli.files import require_folder, write_file
from reconciler.cli.given import STANDARD_OUTPUT
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifest_loading import require_manifests
from reconciler.cli.state_store import state_if_any
from reconciler.cli.status import taken_of
from reconciler.domain.fleet_report import (
    FleetReport,
    adoption_in,
    days_until,
    gates_by_trail,
)
from reconciler.domain.fleet_status import Trail, fleet_status
from reconciler.domain.lifecycle import FleetCourses
from reconciler.domain.metrics import TIMED, latencies
from reconciler.domain.records import check_chain
from reconciler.domain.selection import Selection
from reconciler.render.report_html import ReportTemplate, report_html

_ATTEMPTS = 20_000  # of each kind, by day


def report(invocation: Invocation, options: Options) -> int:
    """Write the page, whole or not at all."""
    require_folder("--out", options.out, alone=True)
    whole = require_manifests(invocation, options.reading)
    manifests = taken_of(whole, Selection(tenants=options.tenant))
    now = wall_time()
    with state_if_any(invocation) as store:
        if store is not None:
            store.carry_on(whole.tenants)
        trail = store.fleet_trail() if store else Trail()
        status = fleet_status(manifests, trail, now)
        desired = [(t.name, each.extension.schema) for t in status.tenants for each in t.extensions]
        courses = store.fleet_courses(desired) if store else FleetCourses()
        samples = store.newest_samples() if store else ()
        histories = store.fleet_histories() if store else {}
        records = store.timed(_ATTEMPTS) if store else ()
        chain = check_chain(store.records() if store else ())
    found = FleetReport(
        status=status,
        max_age=timedelta(hours=options.max_age),
        gates=tuple(gates_by_trail(status, manifests.tenants, courses, trail.held)),
        days=days_until(now, records),
        deliveries=latencies(records)[1][:TIMED],
        adoption=adoption_in(samples, histories.values(), status, courses),
        chain=chain,
    )
    template = ReportTemplate(page=template_text("report.html"), style=template_text("report.css"))
    write_file(options.out, report_html(found, template))
    if options.out != STANDARD_OUTPUT:
        invocation.console.say(f"{options.out} is written")
    return Exit.WELL
