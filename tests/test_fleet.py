"""Plan and apply over several tenants: lock, recover, plan, approve, write, deliver."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import pytest

from reconciler.cli.reporting import run_code
from reconciler.domain.manifest import GitState, Manifests, OnDrift, Tenant
from reconciler.domain.outbox import DeliveryResult, RowToSend
from reconciler.domain.outcome import OutcomeKind
from reconciler.domain.plan import Create, Plan, Skip, SkipReason, exceeded_limits
from reconciler.domain.records import Event, Status
from reconciler.domain.selection import Selection
from reconciler.errors import (
    Interrupted,
    LimitExceeded,
    PlanStale,
    StateError,
    TenantUnavailable,
    UsageError,
)
from reconciler.occurrences import (
    ChangeBegun,
    ChangeEnded,
    DeliveryEnded,
    LocksReleased,
    LockTaken,
    Occurrence,
    Phase,
    PhaseBegun,
    PhaseEnded,
    TenantBegun,
    TenantEnded,
    WaitBegun,
)
from reconciler.planning import Desired, plan_fleet, planner
from tests.support.calls import counted_calls
from tests.support.fakes import (
    CREATED,
    DIALECT,
    LOST,
    REFUSED,
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
    tenant,
)
from tests.support.runs import Gateways
from tests.support.world import World


def test_planning_sends_nothing_but_reads():
    world = World()

    plan = world.plan()

    assert [type(c) for t in plan.tenants for c in t.changes] == [Create, Create]
    assert world.writes() == 0
    requested = [line for one in world.live.values() for line in one.log]
    assert requested
    assert all(line.startswith("GET") for line in requested)


def test_a_tenant_that_cannot_be_read_fails_alone():
    world = World()
    world.live["east"].unreadable = TenantUnavailable("GET /Schemas → 503")

    plan = world.plan()

    assert [t.error for t in plan.tenants] == ["GET /Schemas → 503", None]
    assert plan.summary().unreadable == 1


def test_a_tenant_whose_secret_is_missing_fails_alone():
    world = World(misconfigured=frozenset({"west"}))

    summary = world.apply()

    assert [t.error for t in summary.plan.tenants] == [None, "variable ACME_SECRET is not set"]
    assert world.live["east"].writes() == 1


def test_a_tenant_glob_that_fits_nothing_is_an_error_that_names_the_tenants():
    world = World(selection=Selection(tenants=("nord",)))

    with pytest.raises(UsageError, match="nord fits no tenant; there are east, west"):
        world.plan()


@pytest.mark.parametrize(
    ("selection", "reported"),
    [
        (Selection(targets=("acmee",)), "--target acmee fits no extension of any tenant; did you"),
        (Selection(excludes=("west/*", "nord/*")), "--exclude nord/\\* fits no extension"),
        (Selection(tenants=("east",), excludes=("urn:other",)), "--exclude urn:other fits no"),
    ],
    ids=["a slip", "of a tenant that is not there", "by URN"],
)
def test_an_extension_glob_that_fits_nothing_is_an_error_before_anything_is_written(
    selection, reported
):
    world = World(selection=selection)

    with pytest.raises(UsageError, match=reported):
        world.apply()

    assert world.writes() == 0


def test_the_selection_narrows_tenants_and_extensions():
    world = World(
        selection=Selection(tenants=("e*",), excludes=("acme",)),
    )

    plan = world.plan()

    [only] = plan.tenants
    [change] = only.changes
    assert only.name == "east"
    assert isinstance(change, Skip)
    assert change.reason is SkipReason.EXCLUDED


def test_all_tenants_are_planned_before_one_is_written():
    world = World()
    seen: list[int] = []

    world.apply(lambda plan: seen.append(world.writes()))

    assert seen == [0]
    assert world.writes() == 2


def test_an_apply_writes_verifies_records_and_delivers():
    world = World()

    summary = world.apply()

    assert [o.kind for o in summary.outcomes] == [OutcomeKind.APPLIED] * 2
    assert summary.deliveries.delivered == 2
    assert not summary.partial
    events = world.journal.events()
    assert (events[0], events[-1]) == (Event.RUN_STARTED, Event.RUN_COMPLETED)
    assert world.journal.entries[-1].status is Status.SUCCESS
    assert world.journal.entries[-1].plan_digest == summary.plan.digest()


def test_applying_again_writes_nothing_and_announces_nothing():
    world = World()
    world.apply()

    summary = world.apply()

    assert summary.outcomes == ()
    assert world.writes() == 2
    assert len(world.receiver.got) == 2


@pytest.mark.parametrize(
    ("refusal", "reported"),
    [
        (PlanStale("old"), "refused: the plan is stale, or not the approved one"),
        (LimitExceeded("11"), "refused: a safety limit"),
        (UsageError("no"), "refused: an option, a variable or a file is wrong"),
    ],
)
def test_a_refused_plan_writes_nothing_and_is_recorded_with_its_reason(refusal, reported):
    world = World()

    def refuse(plan: Plan) -> None:
        raise refusal

    with pytest.raises(type(refusal)):
        world.apply(refuse)

    assert world.writes() == 0
    last = world.journal.entries[-1]
    assert (last.status, last.detail) == (Status.FAILED, reported)
    assert world.locks.held == []


def test_a_locked_tenant_is_not_attempted_and_the_others_go_on():
    world = World(locks=FakeLocks(taken=frozenset({"east"})))

    summary = world.apply()

    assert summary.locked == {"east": "tenant east is locked by run 7"}
    assert {o.change.subject.tenant: o.kind for o in summary.outcomes} == {
        "east": OutcomeKind.NOT_ATTEMPTED,
        "west": OutcomeKind.APPLIED,
    }
    assert world.live["east"].writes() == 0
    assert world.locks.held == []


def test_one_tenant_that_fails_does_not_stop_another():
    world = World()
    world.live["east"].script = deque([(REFUSED, nothing)])

    summary = world.apply()

    assert summary.partial
    assert summary.wrote
    assert world.journal.entries[-1].status is Status.FAILED


def test_the_next_run_settles_what_the_last_one_left_open():
    world = World()
    world.live["east"].script = deque([(CREATED, nothing)])
    world.apply()
    world.live["east"].put(document())

    summary = world.apply()

    [recovered] = summary.recovered
    assert recovered.kind is OutcomeKind.APPLIED
    assert summary.deliveries.delivered == 1
    assert world.journal.open_intents("east") == ()


def test_a_lost_answer_never_makes_a_second_schema():
    world = World()
    world.live["east"].script = deque([(LOST, nothing), (LOST, nothing)])

    summary = world.apply()
    again = world.apply()

    assert summary.partial
    assert not again.partial
    assert list(world.live["east"].schemas) == [URN.lower()]


def test_a_dead_receiver_neither_fails_nor_hides_the_change():
    refused = answered(None, "refused")
    world = World(receiver=Receiver(answers=deque([refused, refused])))

    summary = world.apply()

    assert not summary.partial
    assert summary.deliveries.pending == 2
    assert len(summary.deliveries.failures) == 2


@pytest.mark.parametrize(
    ("wrong", "in_sync", "code", "writes"),
    [
        ({"east", "west"}, set(), 1, 0),
        ({"east"}, set(), 3, 1),
        ({"east"}, {"west"}, 1, 0),
        ({"east"}, {"east"}, 0, 1),
    ],
)
def test_a_tenant_whose_changes_could_not_be_announced_is_not_written(
    wrong: set[str], in_sync: set[str], code: int, writes: int
):
    world = World()
    for name in in_sync:
        world.live[name].put(document())
    looked_at: list[str] = []

    def obstacle(tenant: Tenant) -> str | None:
        looked_at.append(tenant.name)
        return "variable HR is not set" if tenant.name in wrong else None

    summary = replace(world.fleet(), obstacle=obstacle).apply(lambda plan: None)

    assert run_code(summary) == code
    assert world.writes() == writes
    assert sorted(looked_at) == sorted({"east", "west"} - in_sync)
    details = {o.change.subject.tenant: o.detail for o in summary.outcomes if not o.kind.verified}
    assert details == dict.fromkeys(wrong - in_sync, "variable HR is not set")


@pytest.mark.parametrize("refused", [True, False])
def test_no_tenant_is_locked_while_its_webhooks_are_sent(refused: bool):
    """One that hangs would otherwise keep every other run from every tenant."""
    world = World(receiver=Receiver(answers=deque([answered(503)] * 2)))
    world.apply()
    world.clock.seconds += 3600

    class Watching(Receiver):
        def send(self, message: RowToSend) -> DeliveryResult:
            assert world.locks.held == []
            return super().send(message)

    def approve(plan: Plan) -> None:
        assert sorted(world.locks.held) == ["east", "west"]
        if refused:
            raise LimitExceeded("too many")

    world.receiver = Watching()
    with pytest.raises(LimitExceeded) if refused else nullcontext():
        world.apply(approve)

    assert len(world.receiver.got) == 2


def test_a_journal_that_cannot_be_written_stops_before_any_request():
    world = World(journal=MemoryJournal(full_after=0))

    with pytest.raises(StateError):
        world.apply()

    assert world.writes() == 0


def test_a_signal_ends_the_run_and_says_so_in_the_trail():
    world = World(clock=FakeClock(stopped=True))

    with pytest.raises(Interrupted):
        world.apply()

    assert world.writes() == 0
    assert world.journal.entries[-1].event is Event.RUN_COMPLETED
    assert world.locks.held == []


def test_more_updates_than_a_manifest_allows_are_reported():
    wanted = [
        extension(document(f"urn:acme:{n}", "grade", "level"), name=n, on_drift=OnDrift.UPDATE)
        for n in "abcd"
    ]
    held = [document(f"urn:acme:{n}", "grade") for n in "abcd"]
    world = World(live={"east": FakeTenant.holding(*held)}, extensions=tuple(wanted))

    [exceeded] = exceeded_limits(world.plan())

    assert (exceeded.number, exceeded.limit) == (4, 3)
    assert "spec.limits.maxUpdates" in str(exceeded)


def test_the_order_of_tenants_and_files_changes_nothing():
    one, two = World(), World(live={"west": FakeTenant(), "east": FakeTenant()})
    one.extensions = (extension(), extension(document("urn:acme:b"), name="b"))
    two.extensions = tuple(reversed(one.extensions))

    assert one.plan() == two.plan()
    assert one.plan().digest() == two.plan().digest()


@pytest.mark.parametrize("holding", [(document(),), ()], ids=["in sync", "with a create each"])
def test_an_apply_costs_each_tenant_the_same_however_many_there_are(holding):
    def calls_per_tenant(number: int) -> float:
        world = World(
            live={f"t{n:03}": FakeTenant.holding(*holding) for n in range(number)},
            parallelism=1,
        )
        calls = counted_calls(world.apply)
        assert calls["canonical"], "the digest of a plan is made of canonical JSON"
        return sum(calls.values()) / number

    assert calls_per_tenant(40) <= 1.15 * calls_per_tenant(20)


@dataclass
class FailingInTheEast(MemoryJournal):
    """A journal that cannot keep the outcomes of one tenant, and keeps all else."""

    clock: FakeClock = field(default_factory=FakeClock)

    def settle(self, intent_id, entry, event):
        if entry.tenant == "east":
            error = StateError("the store answers with an error")
            self.clock.fail(error)
            raise error
        super().settle(intent_id, entry, event)


@dataclass
class Silent(MemoryJournal):
    """A journal that fails at the first outcome, and is not asked again."""

    is_silent: bool = False

    def settle(self, intent_id, entry, event):
        self.is_silent = True
        raise StateError("nobody knows whether it was recorded")

    def record(self, entry):
        if self.is_silent:
            raise StateError("not asked again")
        super().record(entry)


@dataclass
class Waiting(FakeTenant):
    """A tenant that answers a read by id only when something has happened elsewhere."""

    happened: Callable[[], bool] = bool

    def read(self, schema_id):
        ends = time.monotonic() + 10
        while not self.happened():
            assert time.monotonic() < ends
            time.sleep(0.001)
        return super().read(schema_id)


def test_after_the_store_has_failed_for_a_tenant_no_other_one_is_written_to():
    clock = FakeClock()
    east, west = FakeTenant(), Waiting(happened=lambda: clock.failure is not None)
    journal = FailingInTheEast(clock=clock)

    with pytest.raises(StateError, match="the store answers with an error"):
        World(journal=journal, clock=clock, live={"east": east, "west": west}).apply()

    assert (east.writes(), west.writes()) == (1, 0)
    assert clock.failure is not None


def test_the_first_failure_of_the_store_is_reported():
    world = World(journal=Silent(), live={"east": FakeTenant()})

    with pytest.raises(StateError, match="nobody knows whether it was recorded"):
        world.apply()


def test_server_members_are_taken_out_of_a_manifest_once_for_all_tenants():
    ours = {**document(), "idcsDisplayName": "grade"}
    dialect = replace(DIALECT, server_members=("idcsDisplayName",))
    names = [f"t{number}" for number in range(5)]
    desired = Desired(
        manifests=Manifests(
            tenants=tuple(replace(tenant(name), dialect=dialect) for name in names),
            extensions=(extension(ours),),
        ),
        selection=Selection(),
        git=GitState(),
    )

    plan = plan_fleet(desired, planner(desired, lambda _: FakeTenant()), parallelism=1)

    wanted = {id(change.subject.desired) for t in plan.tenants for change in t.changes}
    assert len(wanted) == 1
    assert plan.tenants[0].changes[0].subject.desired.vendor == ()


def test_a_tenant_is_made_ready_for_writes_before_the_first_and_where_there_are_any():
    world = World()
    world.live["west"].put(document())
    fleet, seen = world.fleet(), []
    gateways = fleet.gateways
    assert isinstance(gateways, Gateways)

    def observe(occurrence: Occurrence) -> None:
        if isinstance(occurrence, ChangeBegun):
            seen.append(tuple(gateways.prepared))

    replace(fleet, context=replace(fleet.context, observe=observe)).apply(lambda _: None)

    assert seen == [("east",)]
    assert gateways.prepared == ["east"]


def test_who_watches_an_apply_sees_it_phase_by_phase():
    world, seen = World(parallelism=1), list[Occurrence]()
    world.live["west"].unreadable = TenantUnavailable("503")
    fleet = world.fleet()

    summary = replace(fleet, context=replace(fleet.context, observe=seen.append)).apply(
        lambda _: None
    )

    [outcome] = summary.outcomes
    assert [each for each in seen if not isinstance(each, DeliveryEnded | WaitBegun)] == [
        PhaseBegun(Phase.LOCK, 2),
        LockTaken("east"),
        LockTaken("west"),
        PhaseEnded(Phase.LOCK),
        PhaseBegun(Phase.RECOVER, 2),
        TenantBegun(Phase.RECOVER, "east"),
        TenantEnded(Phase.RECOVER, "east", None),
        TenantBegun(Phase.RECOVER, "west"),
        TenantEnded(Phase.RECOVER, "west", None),
        PhaseEnded(Phase.RECOVER),
        PhaseBegun(Phase.PLAN, 2),
        TenantBegun(Phase.PLAN, "east"),
        TenantEnded(Phase.PLAN, "east", None),
        TenantBegun(Phase.PLAN, "west"),
        TenantEnded(Phase.PLAN, "west", "503"),
        PhaseEnded(Phase.PLAN),
        PhaseBegun(Phase.APPLY, 1),
        TenantBegun(Phase.APPLY, "east"),
        ChangeBegun(outcome.change),
        ChangeEnded(outcome),
        TenantEnded(Phase.APPLY, "east", None),
        PhaseEnded(Phase.APPLY),
        LocksReleased(),
    ]
