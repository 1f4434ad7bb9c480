"""Runs that wait, recover only, are held back or cut short: what is done, and what is told."""

import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest

from reconciler.cli.exits import Exit, exit_code
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import OnDrift
from reconciler.domain.outbox import DeliveryResult, RowToSend
from reconciler.domain.outcome import LeftOpen, Outcome, OutcomeKind
from reconciler.domain.plan import Create, Plan, Subject
from reconciler.domain.records import Event
from reconciler.domain.scim import ABSENT
from reconciler.domain.selection import Selection, Shard
from reconciler.domain.tenant_names import UnclaimedName
from reconciler.errors import (
    Interrupted,
    LimitExceeded,
    PlanStale,
    ReconcilerError,
    StateError,
    TenantUnavailable,
)
from reconciler.writing import Write
from tests.support.fakes import (
    CREATED,
    DIALECT,
    LOST,
    THROTTLED,
    URN,
    FakeClock,
    FakeLocks,
    FakeTenant,
    MemoryJournal,
    Receiver,
    answered,
    document,
    extension,
    nothing,
)
from tests.support.fakes import tenant as acme
from tests.support.runs import context_of
from tests.support.world import World

T = TypeVar("T")


def approve(plan: Plan) -> None:
    """Whatever it is."""


# --- one write -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    """A Retry that waits as long as it is asked to."""

    clock: FakeClock
    deadline: float = 120.0

    def __call__(
        self, attempt: Callable[[], T], again: Callable[[T], float | None], within: float = math.inf
    ) -> T:
        while (wait := again(result := attempt())) is not None:
            self.clock.sleep(wait)
        return result


def interrupted(tenant: FakeTenant, clock: FakeClock) -> Outcome:
    """A create during which a signal comes."""
    write = Write(
        context=context_of(MemoryJournal(), clock=clock),
        tenant=replace(acme(), dialect=replace(DIALECT, lag_reads=0)),
        writer=tenant,
        retry=Waiting(clock),
        change=Create(Subject(tenant="acme", extension=extension(), live_fingerprint=ABSENT)),
        live=None,
        intent=1,
    )
    return write.carry_out().outcome


def test_a_signal_before_the_write_leaves_it_unsent_and_that_is_known():
    tenant = FakeTenant()

    written = interrupted(tenant, FakeClock(stopped=True))

    assert written.kind is OutcomeKind.NOT_APPLIED
    assert written.detail == "the run was asked to stop before it was sent"
    assert tenant.log == []


@pytest.mark.parametrize("answer", [THROTTLED, LOST], ids=["refused", "lost"])
def test_a_signal_during_the_wait_after_a_write_that_is_proved_undone_says_so(answer):
    tenant = FakeTenant(script=deque([(answer, nothing)]))

    written = interrupted(tenant, FakeClock(stop_after=1))

    assert written.kind is OutcomeKind.NOT_APPLIED
    assert written.detail == answer.message
    assert tenant.writes() == 1


# --- locks -----------------------------------------------------------------------------------


def test_locks_are_taken_in_one_order_and_the_patience_is_shared():
    world = World(live={"west": FakeTenant(), "east": FakeTenant(), "mid": FakeTenant()})

    class SlowLocks(FakeLocks):
        @contextmanager
        def hold(self, tenant: str, *, patience: float = 0.0) -> Iterator[None]:
            with super().hold(tenant, patience=patience):
                world.clock.sleep(min(patience, 40.0))
                yield

    world.locks = SlowLocks()

    world.fleet(lock_timeout=60.0).apply(approve)

    assert world.locks.requests == [("east", 60.0), ("mid", 20.0), ("west", 0.0)]


def test_without_a_lock_timeout_nobody_waits():
    world = World()

    world.apply()

    assert {patience for _, patience in world.locks.requests} == {0.0}


def test_webhooks_of_a_tenant_that_another_run_holds_are_delivered():
    down = answered(503)
    world = World(live={"east": FakeTenant()}, receiver=Receiver(answers=deque([down])))
    world.apply()
    world.locks = FakeLocks(taken=frozenset({"east"}))
    world.clock.seconds += 3600

    summary = world.apply()

    assert list(summary.locked) == ["east"]
    assert [attempt.delivered for attempt in summary.deliveries.attempts] == [True]
    assert summary.deliveries.waiting == ()


def test_webhooks_of_tenants_that_are_not_selected_wait():
    down = answered(503)
    world = World(receiver=Receiver(answers=deque([down, down])))
    world.apply()
    world.live.pop("east")
    world.clock.seconds += 3600

    summary = world.apply()

    assert [attempt.row.tenant for attempt in summary.deliveries.attempts] == ["west"]
    assert [waiting.tenant for waiting in summary.deliveries.waiting or ()] == ["east"]


@pytest.mark.parametrize("refusal", [PlanStale("stale"), LimitExceeded("too many")])
def test_a_refused_run_delivers_pending_webhooks(refusal: ReconcilerError):
    down = answered(503)
    world = World(live={"east": FakeTenant()}, receiver=Receiver(answers=deque([down])))
    world.apply()
    world.clock.seconds += 3600

    def refuse(plan: Plan) -> None:
        raise refusal

    fleet = world.fleet()
    with pytest.raises(type(refusal)):
        fleet.apply(refuse)

    summary = fleet.summary_so_far()
    assert summary.deliveries.delivered == 1
    assert summary.deliveries.failed == 0
    assert summary.deliveries.waiting == ()
    assert summary.refused


# --- recovery --------------------------------------------------------------------------------


def left_open(world: World) -> None:
    """An earlier run has written to east, and does not know what came of it."""
    world.live["east"].script = deque([(CREATED, nothing)])
    world.apply()
    assert len(world.journal.open_intents("east")) == 1


def test_recovery_alone_settles_and_delivers_and_neither_plans_nor_writes():
    world = World()
    left_open(world)
    world.live["east"].put(document())
    writes, reported = world.writes(), len(world.receiver.got)
    for one in world.live.values():
        one.log.clear()

    summary = world.fleet().recover()

    assert [(r.tenant, r.kind) for r in summary.recovered] == [("east", OutcomeKind.APPLIED)]
    assert not summary.planned
    assert summary.complete
    assert (writes, reported) == (2, 1)
    assert len(world.receiver.got) == 2
    assert world.live["west"].log == []
    assert world.live["east"].log == [f"GET {URN}", "GET /ResourceTypes"]
    assert world.journal.entries[-1].detail == "1 recovered as applied"


def test_a_write_done_between_recovery_and_plan_is_announced_by_the_same_run():
    world = World()
    left_open(world)
    world.live["east"].put(document())
    world.live["east"].hidden_reads = 1 + DIALECT.lag_reads  # the list shows it
    reported = len(world.receiver.got)

    summary = world.apply()

    kinds = [recovered.kind for recovered in summary.recovered]
    assert kinds == [OutcomeKind.NOT_APPLIED, OutcomeKind.ADOPTED]
    assert summary.outcomes == ()
    assert summary.complete
    assert len(world.receiver.got) == reported + 1


def test_recovery_leaves_a_locked_tenant_to_its_holder():
    world = World()
    left_open(world)
    world.locks = FakeLocks(taken=frozenset({"east", "west"}))

    summary = world.fleet().recover()

    assert list(summary.locked) == ["east", "west"]
    assert summary.recovered == ()
    assert len(world.journal.open_intents("east")) == 1


def test_open_intents_of_unselected_tenants_are_reported():
    world = World(selection=Selection(tenants=("west",)))
    left_open(World(live=world.live, journal=world.journal))

    summary = world.fleet().recover()

    assert summary.recovered == ()
    assert summary.left_open == (LeftOpen("east", 1),)
    assert summary.complete  # it did all that it was asked


def test_what_another_shard_may_be_at_is_left_to_it():
    world = World(selection=Selection(shard=Shard(2, 2)))  # east and west are in the first
    left_open(World(live=world.live, journal=world.journal))

    summary = world.fleet().recover()

    assert summary.left_open == ()


def test_open_intents_of_a_tenant_without_manifest_are_reported():
    world = World()
    left_open(world)
    del world.live["east"]

    summary = world.apply()

    assert summary.left_open == ()
    assert summary.unclaimed == (UnclaimedName(name="east", open_writes=1),)
    assert len(world.journal.open_intents("east")) == 1


def test_a_recovery_without_its_secret_is_reported():
    world = World()
    left_open(world)
    world.misconfigured = frozenset({"east"})

    summary = world.fleet().recover()

    [recovered] = summary.recovered
    assert recovered.kind is OutcomeKind.UNKNOWN
    assert "ACME_SECRET is not set" in recovered.detail
    assert summary.partial


def moved(world: World) -> None:
    """The manifest of east names another place from now on, with nothing in it."""
    world.base_urls["east"] = "https://new.example.com/scim/v2"
    world.live["east"] = FakeTenant()


def test_a_tenant_that_moved_is_settled_without_a_look_at_it_even_for_want_of_a_secret():
    world = World()
    left_open(world)
    moved(world)
    world.misconfigured = frozenset({"east"})

    summary = world.fleet().recover()

    [recovered] = summary.recovered
    assert recovered.kind is OutcomeKind.CONFLICT
    assert "the tenant is at https://new.example.com/scim/v2 now" in recovered.detail
    assert world.live["east"].log == []
    assert world.journal.open_intents("east") == ()
    assert summary.partial


def test_a_tenant_that_moved_is_planned_freely_by_the_run_after_that():
    world = World()
    left_open(world)
    moved(world)

    first = world.apply()
    before = world.live["east"].writes()
    second = world.apply()

    assert [r.kind for r in first.recovered] == [OutcomeKind.CONFLICT]
    assert before == 0
    assert second.recovered == ()
    assert [(o.change.subject.tenant, o.kind) for o in second.outcomes] == [
        ("east", OutcomeKind.APPLIED)
    ]
    assert second.complete


@pytest.mark.parametrize("kind", [OutcomeKind.CONFLICT, OutcomeKind.UNKNOWN])
def test_after_a_conflict_in_recovery_nothing_is_written_to_the_tenant(kind: OutcomeKind):
    world = World(extensions=(extension(on_drift=OnDrift.UPDATE),))
    left_open(world)
    if kind is OutcomeKind.CONFLICT:
        world.live["east"].put(document(description="theirs"))  # which apply would change
    else:
        world.live["east"].fail_reads = deque([TenantUnavailable("GET → 503")])
    before = world.live["east"].writes()

    summary = world.apply()

    held_back = [o for o in summary.outcomes if o.kind is OutcomeKind.NOT_ATTEMPTED]
    assert world.live["east"].writes() == before
    assert held_back
    assert all(f"an earlier run left east/acme {kind}" in outcome.detail for outcome in held_back)
    assert [r.kind for r in summary.recovered] == [kind]
    assert summary.partial


def test_a_crash_during_recovery_is_settled_by_the_run_after_it():
    world = World()
    left_open(world)
    world.live["east"].put(document())
    world.journal.full_after = len(world.journal.entries) + 1

    with pytest.raises(StateError):
        world.fleet().recover()
    world.journal.full_after = None
    summary = world.fleet().recover()

    assert [r.kind for r in summary.recovered] == [OutcomeKind.APPLIED]
    assert len({message.row.event_id for message in world.receiver.got}) == 2


# --- runs that are cut short -----------------------------------------------------------------


def test_a_signal_between_two_changes_reports_what_was_done():
    wanted = tuple(extension(document(f"urn:acme:{n}"), name=n) for n in "abc")
    world = World(live={"east": FakeTenant()}, extensions=wanted)

    def stop(body: dict[str, Json]) -> dict[str, Json]:
        world.clock.stopped = True
        return body

    world.live["east"].script = deque([(CREATED, stop)])
    fleet = world.fleet()

    with pytest.raises(Interrupted):
        fleet.apply(approve)

    summary = fleet.summary_so_far()
    kinds = [outcome.kind for outcome in summary.outcomes]
    assert kinds == [OutcomeKind.APPLIED, OutcomeKind.NOT_ATTEMPTED, OutcomeKind.NOT_ATTEMPTED]
    assert not summary.complete
    assert summary.touched
    assert summary.deliveries.waiting is not None
    assert [waiting.schema_id for waiting in summary.deliveries.waiting] == ["urn:acme:a"]
    last = world.journal.entries[-1]
    assert (last.event, last.detail) == (Event.RUN_COMPLETED, "interrupted by signal 15")
    assert last.plan_digest == summary.plan.digest()


@pytest.mark.parametrize("parallelism", [1, 2])
def test_a_run_that_is_stopped_and_cannot_record_it_ends_with_the_failure_of_the_store(
    parallelism: int,
):
    """In the west another thread is only interrupted."""
    world = World(parallelism=parallelism)

    def stop_and_fill(body: dict[str, Json]) -> None:
        world.clock.stopped = True
        world.journal.full_after = len(world.journal.entries)

    world.live["east"].script = deque([(LOST, stop_and_fill)])
    fleet = world.fleet()

    with pytest.raises(StateError) as caught:
        fleet.apply(approve)

    assert exit_code(caught.value) == Exit.ERROR
    assert "east" in [o.change.subject.tenant for o in fleet.summary_so_far().outcomes]
    assert world.journal.open_intents("east")  # the next run looks first


def test_a_signal_before_the_plan_has_an_empty_summary():
    world = World(clock=FakeClock(stopped=True))
    fleet = world.fleet()

    with pytest.raises(Interrupted):
        fleet.apply(approve)

    summary = fleet.summary_so_far()
    assert not summary.touched
    assert {outcome.kind for outcome in summary.outcomes} <= {OutcomeKind.NOT_ATTEMPTED}


def test_a_write_whose_outcome_cannot_be_recorded_is_reported_as_unknown():
    world = World(live={"east": FakeTenant()}, journal=MemoryJournal(full_after=2))
    fleet = world.fleet()

    with pytest.raises(StateError):
        fleet.apply(approve)

    [outcome] = fleet.summary_so_far().outcomes
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert "the next run settles it" in outcome.detail
    assert world.live["east"].writes() == 1


def test_a_delivery_that_a_signal_cut_off_ends_the_run_as_interrupted():
    cut = answered(None, "no whole answer")
    world = World(live={"east": FakeTenant()})

    class Cutting(Receiver):
        def send(self, message: RowToSend) -> DeliveryResult:
            world.clock.stopped = True
            return replace(cut, row=message.row)

    world.receiver = Cutting()
    fleet = world.fleet()

    with pytest.raises(Interrupted):
        fleet.apply(approve)

    deliveries = fleet.summary_so_far().deliveries
    assert (deliveries.failed, deliveries.pending) == (1, 1)
