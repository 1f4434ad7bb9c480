"""Freezes in an apply: judged when a write is about to begin, lifted by name alone, recorded."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from reconciler.cli.reporting import run_code
from reconciler.domain.freeze import FrozenPeriod
from reconciler.domain.jsontext import Json
from reconciler.domain.outcome import OutcomeKind
from reconciler.domain.plan import Plan
from reconciler.domain.records import Event
from reconciler.domain.scim import Schema
from reconciler.errors import TenantUnavailable
from reconciler.ports import WriteResult
from tests.support.fakes import (
    LOST,
    START,
    FakeClock,
    FakeTenant,
    as_sent,
    document,
    extension,
    nothing,
)
from tests.support.world import World

HOUR = timedelta(hours=1)
NOW = (FrozenPeriod(START - HOUR, START + HOUR),)
SOON = (FrozenPeriod(START + timedelta(seconds=1), START + HOUR),)
PAST = (FrozenPeriod(START - HOUR, START),)
OPENS = "2026-03-01T13:00:00Z"


@dataclass
class SlowTenant(FakeTenant):
    """A tenant of which each write, or else each read by id, takes two seconds."""

    clock: FakeClock = field(default_factory=FakeClock)
    slow: str = "POST"

    def read(self, schema_id: str) -> Schema | None:
        self.clock.seconds += 2 if self.slow == "GET" else 0
        return super().read(schema_id)

    def _write(self, method: str, body: Mapping[str, Json]) -> WriteResult:
        self.clock.seconds += 2 if self.slow == method else 0
        return super()._write(method, body)


def kinds(summary) -> dict[str, OutcomeKind]:
    return {outcome.change.subject.id: outcome.kind for outcome in summary.outcomes}


def test_a_tenant_in_a_freeze_is_left_as_it_is_and_others_are_written():
    world = World(freezes={"east": NOW, "west": PAST})

    summary = world.apply()

    assert kinds(summary) == {
        "east/acme": OutcomeKind.NOT_ATTEMPTED,
        "west/acme": OutcomeKind.APPLIED,
    }
    assert world.live["east"].log == ["GET /Schemas"]
    assert run_code(summary) == 3
    assert summary.outcomes[0].detail == (
        f"east is frozen until {OPENS}; before that, only --during-freeze east writes to it"
    )
    (entry,) = (e for e in world.journal.entries if e.tenant == "east")
    assert (entry.event, entry.detail) == (
        Event.SCHEMA_EXTENSION_CREATED,
        f"not-attempted: {summary.outcomes[0].detail}",
    )


def test_all_in_a_freeze_ends_partly():
    summary = World(freezes={"east": NOW, "west": NOW}).apply()

    assert set(kinds(summary).values()) == {OutcomeKind.NOT_ATTEMPTED}
    assert run_code(summary) == 3


def test_what_is_in_sync_is_well_in_a_freeze_too():
    live = {"east": FakeTenant.holding(document())}
    summary = World(live=live, freezes={"east": NOW}).apply()

    assert summary.complete
    assert run_code(summary) == 0


def test_a_freeze_is_lifted_for_the_tenants_that_are_named_and_that_is_recorded():
    world = World(freezes={"east": NOW, "west": NOW}, during_freeze=frozenset({"east"}))

    summary = world.apply()

    assert kinds(summary) == {
        "east/acme": OutcomeKind.APPLIED,
        "west/acme": OutcomeKind.NOT_ATTEMPTED,
    }
    started = next(e for e in world.journal.entries if e.event is Event.RUN_STARTED)
    assert started.detail == "--during-freeze east"
    ended = [e.detail for e in world.journal.entries if e.tenant == "east"]
    assert f"applied; written with --during-freeze, frozen until {OPENS}" in ended


def test_a_run_outside_of_freezes_records_none():
    world = World(freezes={"east": PAST}, during_freeze=frozenset({"east"}))

    world.apply()

    assert not [e for e in world.journal.entries if "frozen" in (e.detail or "")]


def test_a_freeze_that_begins_while_an_apply_is_under_way_stops_the_next_change():
    clock = FakeClock()
    world = World(
        live={"east": SlowTenant(clock=clock)},
        extensions=(extension(), extension(document("urn:example:other"), name="other")),
        freezes={"east": SOON},
        clock=clock,
    )

    summary = world.apply()

    assert list(kinds(summary).values()) == [OutcomeKind.APPLIED, OutcomeKind.NOT_ATTEMPTED]
    assert world.writes() == 1
    assert "east is frozen until" in summary.outcomes[1].detail


def test_a_freeze_that_begins_while_a_schema_is_read_stops_its_change():
    clock = FakeClock()
    live: dict[str, FakeTenant] = {"east": SlowTenant(clock=clock, slow="GET")}
    world = World(live=live, freezes={"east": SOON}, clock=clock)

    summary = world.apply()

    assert kinds(summary) == {"east/acme": OutcomeKind.NOT_ATTEMPTED}
    assert world.writes() == 0
    assert Event.SCHEMA_EXTENSION_CREATE_INTENDED not in world.journal.events()


def test_a_freeze_that_begins_while_a_plan_is_approved_counts():
    world = World(live={"east": FakeTenant()}, freezes={"east": SOON})

    def approve(plan: Plan) -> None:
        world.clock.seconds += 2

    assert kinds(world.apply(approve)) == {"east/acme": OutcomeKind.NOT_ATTEMPTED}
    assert world.writes() == 0


@pytest.mark.parametrize(("freeze", "sent"), [(SOON, 1), (PAST, 2)])
def test_a_write_that_was_not_done_is_not_sent_again_in_a_freeze(freeze, sent: int):
    clock = FakeClock()
    east = SlowTenant(clock=clock, script=deque([(LOST, nothing)]))
    world = World(live={"east": east}, freezes={"east": freeze}, clock=clock)

    summary = world.apply()

    assert world.writes() == sent
    done = sent == 2
    assert kinds(summary) == {"east/acme": OutcomeKind.APPLIED if done else OutcomeKind.NOT_APPLIED}
    assert done or "east is frozen until" in summary.outcomes[0].detail
    assert world.journal.open_intents("east") == ()


def test_what_an_earlier_run_has_sent_is_settled_in_a_freeze():
    east = FakeTenant(
        script=deque([(LOST, as_sent)]), fail_reads=deque([None, TenantUnavailable("503")])
    )
    world = World(live={"east": east})
    assert kinds(world.apply()) == {"east/acme": OutcomeKind.UNKNOWN}
    world.freezes = {"east": NOW}

    summary = world.apply()

    assert [recovered.kind for recovered in summary.recovered] == [OutcomeKind.APPLIED]
    assert summary.complete
    assert world.writes() == 1
