"""What the trail says of each extension, for how long, and what of it concerns a person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.dialect import READ_ONLY
from reconciler.domain.drift import Sighting
from reconciler.domain.fleet_status import (
    ExtensionState,
    FleetStatus,
    LastOutcome,
    Trail,
    fleet_status,
)
from reconciler.domain.freeze import Frozen, FrozenPeriod
from reconciler.domain.manifest import Manifests
from reconciler.domain.outbox import HeldRow, OutboxRow, RowState
from reconciler.domain.outcome import OutcomeKind, in_freeze, in_wave
from reconciler.domain.records import Event, Status
from reconciler.domain.tenant_names import UnclaimedName
from tests.support.domain_world import dialect, extension, tenant_of

NOW = datetime(2026, 1, 3, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HR = extension("HR", {"name": "grade"})
URN = HR.schema.id
IN_SYNC, OUTDATED, DRIFTED, BLOCKED, FAILED, WAITING, NEVER_READ = ExtensionState
SKIPPED = (Event.SCHEMA_EXTENSION_SKIPPED, Status.SUCCESS, "drifted")
STUCK = (Event.SCHEMA_EXTENSION_BLOCKED, Status.FAILED, "incompatible")


FROZEN = Frozen(NOW + timedelta(days=2))


def not_attempted(why: str) -> tuple[Event, Status, str]:
    detail = f"{OutcomeKind.NOT_ATTEMPTED}: {why}"
    return (Event.SCHEMA_EXTENSION_CREATED, Status.FAILED, detail)


def seen(ago: timedelta, fingerprint: str = HR.schema.fingerprint()) -> Trail:
    at = (NOW - ago).isoformat()
    return Trail(as_desired={("acme", HR.schema.key): Sighting(at=at, fingerprint=fingerprint)})


def then(
    trail: Trail, found: tuple[Event, Status, str], ago: timedelta = HOUR, live: str = "other"
) -> Trail:
    event, status, detail = found
    outcome = LastOutcome(
        tenant="acme",
        schema_id=URN.upper(),
        at=(NOW - ago).isoformat(),
        live=live,
        event=event,
        status=status,
        detail=detail,
    )
    return replace(trail, outcomes=(outcome,))


def status(trail: Trail, service: str = "genesys") -> FleetStatus:
    tenants = (tenant_of("acme", service=dialect(name=service)),)
    return fleet_status(Manifests(tenants=tenants, extensions=(HR,)), trail, NOW)


@pytest.mark.parametrize(
    ("trail", "state", "stays"),
    [
        (Trail(), NEVER_READ, False),
        (seen(HOUR), IN_SYNC, False),
        (seen(HOUR, "of an older manifest"), OUTDATED, False),
        (then(seen(DAY), SKIPPED), DRIFTED, True),
        (then(seen(DAY, "live"), SKIPPED, live="live"), OUTDATED, True),
        (then(Trail(), SKIPPED), DRIFTED, True),
        (then(seen(DAY), STUCK), BLOCKED, True),
        (then(seen(DAY), (Event.SCHEMA_EXTENSION_CREATED, Status.FAILED, "no")), FAILED, True),
        (then(seen(DAY), (Event.SCHEMA_EXTENSION_UPDATED, Status.UNKNOWN, "?")), FAILED, True),
        (then(seen(DAY), not_attempted(in_freeze("acme", str(FROZEN)))), WAITING, False),
        (then(Trail(), not_attempted(in_wave(3, "east was not applied"))), WAITING, False),
        (then(Trail(), not_attempted("nobody could be told")), FAILED, True),
    ],
)
def test_the_state_is_that_of_the_last_record(trail: Trail, state: ExtensionState, stays: bool):
    [tenant] = status(trail).tenants

    [found] = tenant.extensions
    assert (found.state, found.stays) == (state, stays)
    assert tenant.count(state) == status(trail).count(state) == 1


def test_what_a_read_only_tenant_lacks_concerns_nobody():
    assert status(then(Trail(), STUCK), READ_ONLY).needs(DAY) == ()
    assert status(then(Trail(), STUCK)).needs(DAY) == (
        ("acme", "hr is blocked, never in sync: incompatible"),
    )


@pytest.mark.parametrize(
    ("trail", "number"),
    [
        (then(seen(DAY), SKIPPED), 1),
        (then(seen(DAY - HOUR), SKIPPED), 0),
        (then(Trail(), SKIPPED), 1),
        (then(seen(DAY, "live"), SKIPPED, live="live"), 0),  # nobody has touched it
    ],
)
def test_drift_is_as_old_as_the_last_time_in_sync(trail: Trail, number: int):
    assert status(trail).drifted_for_a_day == number


@pytest.mark.parametrize(
    ("trail", "unread"),
    [
        (Trail(), True),
        (seen(HOUR), False),
        (seen(DAY), True),
        (then(seen(DAY), STUCK, ago=HOUR), False),
    ],
)
def test_a_tenant_is_unread_once_no_apply_has_looked_for_so_long(trail: Trail, unread: bool):
    found = status(trail)

    assert bool(found.unread(DAY)) is unread
    assert any("no apply has looked at it" in text for _, text in found.needs(DAY)) is unread


def test_a_tenant_with_a_cadence_is_unread_that_much_later():
    found = status(seen(DAY))
    weekly = replace(found, tenants=tuple(replace(t, every=7 * DAY) for t in found.tenants))

    assert [t.name for t in weekly.unread(DAY)] == []
    assert [t.name for t in replace(weekly, at=NOW + 7 * DAY).unread(DAY)] == ["acme"]


def test_a_tenant_in_a_freeze_says_when_it_is_over_and_needs_nobody():
    freeze = (FrozenPeriod(NOW - DAY, NOW + 2 * DAY),)
    tenants = (replace(tenant_of(), freeze=freeze),)
    trail = then(Trail(), not_attempted(in_freeze("acme", str(FROZEN))))

    found = fleet_status(Manifests(tenants=tenants, extensions=(HR,)), trail, NOW)

    assert [tenant.frozen for tenant in found.tenants] == [FROZEN]
    assert found.needs(DAY) == ()


def test_a_tenant_without_extensions_is_never_unread():
    found = fleet_status(Manifests(tenants=(tenant_of(),), extensions=()), Trail(), NOW)

    assert found.needs(DAY) == ()


def row(number: int, due_at: str | None) -> OutboxRow:
    return OutboxRow(
        id=number,
        tenant="acme",
        url="https://hr.example.com",
        schema_id=URN,
        event_id=f"evt_{number}",
        sequence=number,
        state=RowState.READY,
        attempts=0,
        due_at=due_at,
        last_status=None,
        last_detail=None,
    )


def test_webhooks_and_open_writes_are_counted_by_tenant():
    held = HeldRow(tenant="acme", url="https://x", schema_id=URN, waits_for="a binding")
    trail = replace(
        seen(HOUR),
        waiting=(row(1, "2026-01-02"), row(2, "2026-01-01"), row(3, None)),
        held=(held,),
        given_up={"acme": 2, "gone": 1},
        open_writes={"acme": 1},
    )

    [tenant] = status(trail).tenants

    assert (tenant.pending, tenant.due_at, tenant.held) == (3, "2026-01-01", 1)
    assert status(trail).needs(DAY) == (
        ("acme", "webhooks that were given up: 2"),
        ("acme", "writes without a known end: 1"),
    )


def test_a_name_that_no_manifest_has_needs_a_person_where_something_is_open_under_it() -> None:
    names = (UnclaimedName(name="history"), UnclaimedName(name="gone", pending=3))
    found = replace(status(Trail()), unclaimed=names)

    needs = dict(found.needs(timedelta(days=365)))

    assert "history" not in needs
    assert needs["gone"].startswith("no manifest here has this tenant (webhooks that wait: 3)")
