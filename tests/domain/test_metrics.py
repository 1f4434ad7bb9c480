"""The numbers of a plan, a run and a fleet, by their names."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.adoption import (
    AdoptionFigure,
    Count,
    CountMethod,
    Declaration,
    ResourceAdoption,
)
from reconciler.domain.drift import Sighting
from reconciler.domain.fleet_status import TimedRecord, Trail, fleet_status
from reconciler.domain.manifest import Manifests
from reconciler.domain.metrics import (
    Latencies,
    Metrics,
    adoption_metrics,
    plan_metrics,
    quantiles,
    run_metrics,
    status_metrics,
)
from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Create
from reconciler.domain.records import Event, Status
from tests.support.domain_world import (
    document,
    extension,
    live,
    plan_of,
    planned,
    tenant_of,
    unreadable,
)

NOW = datetime(2026, 1, 3, tzinfo=UTC)
NEW, SAME, OTHER = (extension(name, {"name": "grade"}) for name in ("New", "Same", "Other"))
OF_THE_VENDOR = extension("vendor:X", {"name": "grade"})


def numbers(metrics: Metrics) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        each.name.removeprefix("reconciler_"): {m.labels: m.value for m in each.metrics}
        for each in metrics
        if not isinstance(each, Latencies)
    }


def test_a_plan_counts_the_tenants_that_were_read():
    there = live(document("Same", {"name": "grade"}), document("Other", {"name": "rank"}))
    plan = plan_of(planned([NEW, SAME, OTHER, OF_THE_VENDOR], there), unreadable("lost"))

    found = numbers(plan_metrics(plan, NOW))

    assert found == {
        "extensions_desired": {("acme",): 4},
        "extensions_in_sync": {("acme",): 1},
        "extensions_drifted": {("acme",): 1},
        "extensions_blocked": {("acme",): 1},
        "extensions_to_change": {("acme",): 1},
        "tenant_last_read_timestamp_seconds": {("acme",): NOW.timestamp()},
    }


def test_a_run_adds_what_it_did_to_what_the_trail_has():
    plan = planned([NEW, SAME])
    done = [
        Outcome(change=change, kind=kind)
        for change, kind in zip(
            plan.changes, (OutcomeKind.APPLIED, OutcomeKind.CONFLICT), strict=True
        )
        if isinstance(change, Create)
    ]
    seen = Sighting(at=NOW.isoformat(), fingerprint=SAME.schema.fingerprint())
    trail = Trail(
        as_desired={("acme", SAME.schema.key): seen},
        last_success=NOW.isoformat(),
    )
    manifests = Manifests(tenants=(tenant_of(), tenant_of("beta")), extensions=(SAME,))
    status = fleet_status(manifests, trail, NOW)

    created = Event.SCHEMA_EXTENSION_CREATED
    timed = [TimedRecord(event=created, status=Status.SUCCESS, at=NOW.isoformat(), latency_ms=1500)]

    metrics = run_metrics(status, timed, done)

    found = numbers(metrics)
    assert found["changes_applied"] == {("acme",): 1, ("beta",): 0}
    assert found["extensions_in_sync"] == {("acme",): 1, ("beta",): 0}
    assert found["last_success_timestamp_seconds"] == {(): NOW.timestamp()}
    assert found["tenant_last_read_timestamp_seconds"] == {
        ("acme",): NOW.timestamp(),
        ("beta",): 0.0,  # never, for which an alarm by age goes off
    }
    assert [each.seconds for each in metrics if isinstance(each, Latencies)] == [(1.5,), ()]
    without = numbers(status_metrics(replace(status, last_success=None), timed))
    assert without["last_success_timestamp_seconds"] == {(): 0.0}


def test_adoption_is_counted_by_attribute_where_there_is_a_count():
    def figure(name: str, count: Count | None) -> AdoptionFigure:
        return AdoptionFigure(
            schema_id="urn:x",
            name=name,
            declaration=Declaration.DECLARED,
            count=count,
            unknown=None,
            since=None,
            first_value=None,
            before=None,
            verdict=None,
            measured_at=None,
        )

    figures = (
        figure("grade", Count(holders=3, total=4, method=CountMethod.PAGES)),
        figure("badge", None),
        figure("desk", Count(holders=0, total=0, method=CountMethod.FILTER)),
    )
    adoption = ResourceAdoption(tenant="acme", resource_type="User", attributes=figures)

    found = numbers(adoption_metrics([adoption]))

    of_grade, of_desk = (("acme", "User", "urn:x", name) for name in ("grade", "desk"))
    assert found == {
        "adoption_holders": {of_grade: 3, of_desk: 0},
        "adoption_ratio": {of_grade: 0.75},
    }


@given(st.lists(st.integers(0, 10_000), min_size=1))
def test_quantiles_are_among_what_was_measured(found: list[int]):
    seconds = tuple(each / 1000 for each in found)

    (half, median), (most, high) = quantiles(seconds)

    assert (half, most) == (0.5, 0.95)
    assert min(seconds) <= median <= high <= max(seconds)
    assert sum(each <= median for each in seconds) * 2 >= len(seconds)


def test_of_nothing_there_are_no_quantiles():
    assert quantiles(()) == ()
