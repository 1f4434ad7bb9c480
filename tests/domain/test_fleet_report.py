"""What the page of a fleet is made of: days, adoption over tenants, and whether HR may send."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.domain.adoption import (
    AdoptionVerdict,
    Count,
    CountMethod,
    Sample,
    SampleHistory,
    SampleKey,
)
from reconciler.domain.canary import CanaryResult
from reconciler.domain.dialect import BindingList
from reconciler.domain.fleet_report import (
    DAYS,
    AttributeAdoption,
    ExtensionGate,
    Share,
    adoption_in,
    days_until,
    gates_by_trail,
)
from reconciler.domain.fleet_status import (
    ExtensionState,
    ExtensionStatus,
    FleetStatus,
    TenantStatus,
    TimedRecord,
)
from reconciler.domain.lifecycle import CanaryEnd, Course, Deployment, FleetCourses, Search
from reconciler.domain.manifest import Retired, SchemaExtension
from reconciler.domain.outbox import UNLOOKED, UNSEARCHED, Awaited, HeldRow
from reconciler.domain.records import Event, Status
from reconciler.domain.scim import ABSENT, Schema
from reconciler.domain.searching import Searchable, names_in
from tests.support.domain_world import dated_sample, dialect, extension, tenant_of

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
GRADE = {"name": "grade", "type": "complex", "subAttributes": [{"name": "level"}]}
HR = extension("HR", GRADE)
URN = HR.schema.id


def record(event: Event, status: Status, back: int) -> TimedRecord:
    at = (NOW - timedelta(days=back)).isoformat()
    return TimedRecord(event=event, status=status, at=at, latency_ms=1)


def test_days_count_changes_and_deliveries_by_their_end():
    records = (
        record(Event.SCHEMA_EXTENSION_CREATED, Status.SUCCESS, 0),
        record(Event.SCHEMA_EXTENSION_UPDATED, Status.UNKNOWN, 0),
        record(Event.HR_SYNC_COMPLETED, Status.SYNCED, 1),
        record(Event.HR_SYNC_COMPLETED, Status.FAILED, 1),
        record(Event.SCHEMA_EXTENSION_CREATED, Status.SUCCESS, DAYS),  # too long ago
    )

    days = days_until(NOW, records)

    assert [day.date for day in days] == sorted(day.date for day in days)
    assert len(days) == DAYS
    yesterday, today = days[-2:]
    assert (today.changed, today.failed, today.delivered, today.undelivered) == (1, 1, 0, 0)
    assert (yesterday.changed, yesterday.delivered, yesterday.undelivered) == (0, 1, 1)
    assert sum(day.changed for day in days) == 1


def sample(tenant: str, holders: int, total: int, day: int, attribute: str = "grade") -> Sample:
    key = SampleKey(tenant=tenant, resource_type="User", schema_id=URN.upper(), attribute=attribute)
    count = Count(holders=holders, total=total, method=CountMethod.FILTER)
    return Sample(key=key, count=count, measured_at=f"2026-01-{day:02}T00:00:00.000Z")


def adoption(
    *samples: Sample,
    tenants: tuple[str, ...] = ("a", "b"),
    desired: SchemaExtension = HR,
    course: Course = (),
) -> dict[str, AttributeAdoption]:
    """The adoption of the attributes of HR, from all samples that were ever taken."""
    firsts: dict[SampleKey, str] = {}
    values: dict[SampleKey, str] = {}
    newest: dict[SampleKey, Sample] = {}
    for each in samples:
        firsts.setdefault(each.key, each.measured_at)
        newest[each.key] = each
        if each.count.holders:
            values.setdefault(each.key, each.measured_at)
    histories = [
        SampleHistory(first_at=firsts[key], first_value=values.get(key), newest=newest[key])
        for key in newest
    ]
    known = ExtensionStatus(extension=desired, state=ExtensionState.IN_SYNC)
    status = FleetStatus(
        at=NOW, tenants=tuple(TenantStatus(name=name, extensions=(known,)) for name in tenants)
    )
    courses = FleetCourses(courses={(name, HR.schema.key): course for name in tenants})
    dated = [dated_sample(each) for each in samples]
    found = adoption_in(dated, histories, status, courses)
    return {each.attribute: each for each in found.get(HR.schema.key, ())}


def test_adoption_is_that_of_the_newest_samples_and_of_each_day():
    found = adoption(
        sample("a", 1, 10, 1), sample("b", 0, 30, 1), sample("a", 5, 10, 2), sample("c", 9, 9, 2)
    )["grade"]

    assert found.share == Share(holders=5, total=40)
    assert found.by_day == (
        ("2026-01-01", Share(holders=1, total=40)),
        ("2026-01-02", Share(holders=5, total=10)),
    )
    assert {name: each.share.holders for name, each in found.by_tenant.items()} == {"a": 5, "b": 0}
    assert found.measured == ("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z")


@pytest.mark.parametrize(
    ("samples", "verdict"),
    [
        ([sample("a", 1, 10, 31)], AdoptionVerdict.FILLING),
        ([sample("a", 10, 10, 31)], AdoptionVerdict.FILLED),
        ([sample("a", 0, 10, 31)], AdoptionVerdict.FILLING),
        ([sample("a", 0, 10, 1), sample("a", 0, 10, 31)], AdoptionVerdict.NEVER_FILLED),
        ([sample("a", 1, 10, 1), sample("a", 0, 10, 31)], AdoptionVerdict.FILLING),
        ([sample("a", 0, 0, 31)], None),
        ([sample("a", 1, 10, 31, "shoe")], AdoptionVerdict.UNDECLARED),
        ([sample("a", 1, 10, 31, "band.x")], AdoptionVerdict.ORPHANED),
        ([sample("a", 0, 10, 31, "band")], None),
    ],
)
def test_the_adoption_of_a_tenant_has_the_verdict_of_its_newest_sample(
    samples: list[Sample], verdict: AdoptionVerdict | None
):
    retired = replace(HR, retired=(Retired(name="Band", type="string"),))

    [found] = adoption(*samples, desired=retired).values()

    assert found.by_tenant["a"].verdict == verdict
    assert found.by_tenant["a"].measured_at == samples[-1].measured_at
    assert found.verdicts == ({} if verdict is None else {verdict: 1})


def test_an_attribute_is_as_old_as_the_trail_has_it():
    old = Deployment(at="2025-12-01T00:00:00.000Z", attributes=frozenset({"grade"}))

    found = adoption(sample("a", 0, 10, 15), course=(old,))["grade"]

    assert found.by_tenant["a"].verdict is AdoptionVerdict.NEVER_FILLED


def test_what_nobody_declares_and_nobody_holds_is_left_out():
    assert adoption(sample("a", 0, 10, 31, "shoe")) == {}


def test_what_was_counted_before_the_samples_that_are_read_is_there_all_the_same():
    before = sample("a", 1, 10, 1)
    history = SampleHistory(
        first_at=before.measured_at, first_value=before.measured_at, newest=before
    )
    known = ExtensionStatus(extension=HR, state=ExtensionState.IN_SYNC)
    status = FleetStatus(at=NOW, tenants=(TenantStatus(name="a", extensions=(known,)),))

    [found] = adoption_in((), [history], status, FleetCourses())[HR.schema.key]

    assert (found.by_day, found.share) == ((), Share(holders=1, total=10))


def test_a_share_of_nobody_is_none():
    assert [Share(holders=h, total=t).value for h, t in ((0, 0), (1, 4))] == [0.0, 0.25]


DEPLOYED = Deployment(at="1", attributes=frozenset({"grade", "grade.level"}))
FOUND = Search(at="2", searchable=Searchable.TRUE)
KEPT = CanaryEnd(at="3", results={"grade": CanaryResult.PERSISTED})
LIVE = HR.schema.fingerprint()
IN_SYNC = ExtensionStatus(extension=HR, state=ExtensionState.IN_SYNC, looked_at="4", live=LIVE)


def gates(
    *course: Deployment | Search | CanaryEnd,
    found: ExtensionStatus = IN_SYNC,
    held: tuple[HeldRow, ...] = (),
    schemas: tuple[Schema, ...] = (HR.schema,),
    **changes: Any,
) -> ExtensionGate:
    """The gate of HR of the tenant acme, of which the trail has that course."""
    acme = replace(tenant_of("acme", service=dialect()), **changes)
    status = FleetStatus(at=NOW, tenants=(TenantStatus(name="acme", extensions=(found,)),))
    known = FleetCourses(
        courses={("acme", HR.schema.key): course},
        schemas={schema.fingerprint(): schema for schema in schemas},
    )
    [gate] = gates_by_trail(status, [acme], known, held)
    return gate


def reasons(gate: ExtensionGate) -> dict[str, tuple[str, ...]]:
    return {each.attribute: each.reasons for each in gate.gates}


def test_hr_may_send_what_the_trail_has_as_live_bound_and_searchable():
    found = gates(DEPLOYED, FOUND)

    assert reasons(found) == {"grade": (), "grade.level": ()}
    assert (found.tenant, found.extension) == ("acme", HR)
    assert (found.looked_at, found.searched_at, found.tried_at) == ("4", "2", None)


def test_hr_may_not_send_what_is_not_searchable_by_attribute():
    mixed = {"grade": Searchable.TRUE, "grade.level": Searchable.FALSE}
    refused = replace(FOUND, searchable=Searchable.FALSE, found=mixed, detail="HTTP 400")

    found = reasons(gates(DEPLOYED, refused))

    assert found == {"grade": (), "grade.level": ("not searchable: HTTP 400",)}


def test_what_nobody_has_searched_for_is_no_yes():
    [first, *_] = reasons(gates(DEPLOYED)).values()

    assert first == (
        "nobody has looked whether it is bound: apply --gate looks",
        "not known to be searchable: nobody asked",
    )


def test_a_tenant_with_a_test_user_needs_its_values_kept():
    canary = "canary@example.com"

    assert reasons(gates(DEPLOYED, FOUND, KEPT, canary=canary)) == {
        "grade": (),
        "grade.level": ("a value that was written as a test is not known to be kept: not-tried",),
    }
    lost = CanaryEnd(at="5", results={"grade": CanaryResult.DROPPED})
    found = gates(DEPLOYED, FOUND, KEPT, lost, canary=canary)
    assert "not known to be kept: dropped" in reasons(found)["grade"][0]
    assert found.tried_at == "5"
    assert reasons(gates(DEPLOYED, FOUND, lost))["grade"] == ()  # of a tenant without one


@pytest.mark.parametrize(
    ("waits_for", "bound"),
    [
        (Awaited.binding("User"), False),
        (UNLOOKED, True),
        (UNSEARCHED, True),
    ],
)
def test_what_a_webhook_waits_for_says_whether_it_is_bound(waits_for: Awaited, bound: bool):
    row = HeldRow(tenant="acme", url="https://x", schema_id=URN.upper(), waits_for=waits_for.text)
    other = replace(row, tenant="beta", waits_for="/ResourceTypes")

    found = gates(DEPLOYED, FOUND, held=(other, row, replace(row, waits_for="a later one")))

    assert {gate.bound for gate in found.gates} == {bound}
    assert ("nobody can hold a value" in str(reasons(found))) is not bound


def test_a_service_that_lists_no_bindings_needs_none():
    unlisted = dialect(bindings=BindingList.UNLISTED)

    assert reasons(gates(DEPLOYED, FOUND, dialect=unlisted)) == {"grade": (), "grade.level": ()}
    only = reasons(gates(DEPLOYED, dialect=unlisted))["grade"]
    assert only == ("not known to be searchable: nobody asked",)


@pytest.mark.parametrize(
    ("state", "live", "reason"),
    [
        (ExtensionState.NEVER_READ, None, "no apply has looked at it yet"),
        (ExtensionState.DRIFTED, "sha256:1", "live differs from the manifest; plan shows how"),
        (ExtensionState.OUTDATED, "sha256:1", "the manifest has changed since an apply last"),
        (ExtensionState.BLOCKED, "sha256:1", "live is not as the manifest wants it, and the"),
        (ExtensionState.BLOCKED, ABSENT, "the schema is not live"),
        (ExtensionState.FAILED, None, "its last write did not end well; the next apply"),
        (ExtensionState.IN_SYNC, "sha256:1", "the trail does not have what is live"),
    ],
)
def test_hr_may_not_send_what_is_not_known_to_be_live(
    state: ExtensionState, live: str | None, reason: str
):
    found = gates(DEPLOYED, FOUND, found=replace(IN_SYNC, state=state, live=live))

    assert {len(each) for each in reasons(found).values()} == {1}
    assert all(each[0].startswith(reason) for each in reasons(found).values())


def test_of_an_outdated_schema_that_the_trail_has_hr_may_send_what_is_as_before():
    grown = extension("HR", GRADE, {"name": "desk"})
    outdated = ExtensionStatus(
        extension=grown, state=ExtensionState.OUTDATED, looked_at="4", live=LIVE
    )

    found = reasons(gates(DEPLOYED, FOUND, found=outdated, schemas=(HR.schema, grown.schema)))

    assert found == {"grade": (), "grade.level": (), "desk": ("it is not live",)}


def test_attributes_are_named_with_their_parts():
    assert names_in(HR.schema) == ("grade", "grade.level")
