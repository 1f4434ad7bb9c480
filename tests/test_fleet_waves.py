"""Waves in an apply: each is applied and verified before the next begins."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock

import pytest

from reconciler.cli.reporting import run_code
from reconciler.domain.freeze import FrozenPeriod
from reconciler.domain.jsontext import Json
from reconciler.domain.outcome import OutcomeKind, RunSummary
from reconciler.domain.records import Event
from reconciler.domain.waves import wave_sizes
from reconciler.errors import Interrupted, TenantUnavailable
from reconciler.occurrences import Occurrence, WaveBegun
from reconciler.ports import WriteResult
from reconciler.render.paint import Paint
from reconciler.render.report_document import Ended, report_document
from reconciler.render.summary_text import summary_text
from tests.support.fakes import REFUSED, START, FakeClock, FakeTenant, document, extension, nothing
from tests.support.runs import RUN
from tests.support.world import World

FAILS = (REFUSED, nothing)
ENDED = Ended(started_at="", ended_at="", code=0, meaning="", error=None, head=None)


@dataclass
class Order:
    """The tenants whose schemas are written, in the order in which that begins and ends."""

    lines: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def add(self, line: str) -> None:
        with self.lock:
            self.lines.append(line)


@dataclass
class WatchedTenant(FakeTenant):
    """A tenant that tells when it is written to, and when it is read again."""

    name: str = ""
    order: Order = field(default_factory=Order)

    def _write(self, method: str, body: Mapping[str, Json]) -> WriteResult:
        self.order.add(f"write {self.name}")
        written = super()._write(method, body)
        self.order.add(f"wrote {self.name}")
        return written


@dataclass
class StoppingTenant(FakeTenant):
    """A tenant during whose write a signal comes."""

    clock: FakeClock = field(default_factory=FakeClock)

    def _write(self, method: str, body: Mapping[str, Json]) -> WriteResult:
        self.clock.stopped = True
        return super()._write(method, body)


def world(number: int = 6, *, waves: str | None = "1,50%,100%", **more: FakeTenant) -> World:
    live: dict[str, FakeTenant] = {f"t{n}": FakeTenant() for n in range(number)} | more
    return World(live=live, wave_sizes=wave_sizes(waves) if waves else (), parallelism=4)


def kinds(summary: RunSummary) -> str:
    """The outcome of each tenant by its first letters, in the order of names."""
    letters = {OutcomeKind.APPLIED: "a", OutcomeKind.NOT_ATTEMPTED: "-"}
    return "".join(letters.get(outcome.kind, "x") for outcome in summary.outcomes)


def failing(of: World, *names: str) -> World:
    for name in names:
        of.live[name].script = deque([FAILS])
    return of


def test_all_waves_are_applied_where_nothing_fails():
    summary = world().apply()

    assert kinds(summary) == "aaaaaa"
    assert summary.complete
    assert run_code(summary) == 0


@pytest.mark.parametrize("parallelism", [1, 8])
def test_a_wave_begins_when_all_of_the_one_before_it_is_written(parallelism: int):
    order = Order()
    live: dict[str, FakeTenant] = {
        f"t{n}": WatchedTenant(name=f"t{n}", order=order) for n in range(9)
    }
    run = World(live=live, wave_sizes=wave_sizes("1,4,100%"), parallelism=parallelism)

    run.apply()

    begins = [line for line in order.lines if line.startswith("write")]
    assert set(order.lines[:2]) == {"write t0", "wrote t0"}
    assert {line[-2:] for line in order.lines[2:8]} == {"t1", "t2", "t3"}
    assert len(begins) == 9
    if parallelism == 1:
        assert begins == [f"write t{n}" for n in range(9)]


def test_each_wave_is_told_as_it_begins_and_none_that_does_not():
    seen: list[Occurrence] = []
    fleet = failing(world(), "t1").fleet()

    replace(fleet, context=replace(fleet.context, observe=seen.append)).apply(lambda _: None)

    assert [each for each in seen if isinstance(each, WaveBegun)] == [
        WaveBegun(1, 1),
        WaveBegun(2, 2),
    ]


def test_a_failure_keeps_the_next_wave_from_beginning():
    run = failing(world(), "t1")

    summary = run.apply()

    assert kinds(summary) == "axa---"
    assert run_code(summary) == 3
    assert summary.outcomes[3].detail == (
        "wave 3 did not begin: t1 was not applied in full before it; mend that first, or let more "
        "tenants fail with --stop-after"
    )
    assert not any(run.live[name].writes() for name in ("t3", "t4", "t5"))
    completed = run.journal.entries[-1]
    assert (completed.event, completed.detail) == (
        Event.RUN_COMPLETED,
        "2 applied, 1 not-applied, 3 not-attempted, waves that did not begin: 3",
    )


def test_a_failure_in_the_first_wave_leaves_all_others_as_they_are():
    summary = failing(world(), "t0").apply()

    assert kinds(summary) == "x-----"
    assert summary.not_begun == (2, 3)


@pytest.mark.parametrize(("stop_after", "expected"), [(1, "x-----"), (2, "xxa---"), (3, "xxaaaa")])
def test_stop_after_lets_fewer_failures_pass_of_all_waves_together(stop_after: int, expected: str):
    run = failing(world(), "t0", "t1")
    run.stop_after = stop_after

    assert kinds(run.apply()) == expected


def test_failures_are_counted_by_tenant():
    run = failing(world(), "t0")
    run.stop_after = 2
    run.extensions = (*run.extensions, extension(document("urn:example:other"), name="other"))

    summary = run.apply()

    assert [o.kind for o in summary.outcomes].count(OutcomeKind.APPLIED) == 10


def test_waves_of_manifests_count_without_an_option():
    run = failing(world(waves=None), "t4")
    run.waves = {"t4": 1, "t2": 2}

    summary = run.apply()

    assert [wave.tenants for wave in summary.plan.waves()] == [
        ("t4",),
        ("t2",),
        ("t0", "t1", "t3", "t5"),
    ]
    assert kinds(summary) == "----x-"


def test_what_is_in_sync_is_in_no_wave_and_looked_at_all_the_same():
    run = failing(world(t6=FakeTenant.holding(document())), "t0")

    summary = run.apply()

    assert [len(wave.tenants) for wave in summary.plan.waves()] == [1, 2, 3]
    assert Event.SCHEMA_EXTENSION_SKIPPED in [e.event for e in run.journal.entries]


def test_a_tenant_of_a_wave_that_cannot_be_read_has_failed_in_it():
    run = world(waves=None, t6=FakeTenant(unreadable=TenantUnavailable("503")))
    run.waves = {"t6": 1}

    assert kinds(run.apply()) == "------"


def test_a_tenant_that_is_locked_or_frozen_has_failed_in_its_wave():
    run = world()
    run.freezes = {"t0": (FrozenPeriod(START, START.replace(year=2027)),)}

    summary = run.apply()

    assert kinds(summary) == "------"
    assert "t0 is frozen until" in summary.outcomes[0].detail
    assert "t0 was not applied in full" in summary.outcomes[1].detail


def test_a_run_that_ended_in_a_wave_is_finished_by_the_next_with_what_is_left():
    run = failing(world(), "t2")

    first, second = run.apply(), run.apply()

    assert (kinds(first), kinds(second)) == ("aax---", "aaaa")
    assert [len(wave.tenants) for wave in second.plan.waves()] == [1, 1, 2]
    assert run.live["t0"].writes() == 1


def test_a_signal_in_a_wave_lets_no_other_begin():
    clock = FakeClock()
    run = world(t0=StoppingTenant(clock=clock))
    run.clock = clock

    with pytest.raises(Interrupted):
        run.apply()
    written = run.writes()
    clock.stopped = False

    assert written == 1
    assert run.apply().complete
    assert run.writes() == 6


def test_records_and_report_say_the_wave():
    run = world()

    summary = run.apply()

    ended = {
        e.tenant: e.detail for e in run.journal.entries if e.event is Event.SCHEMA_EXTENSION_CREATED
    }
    assert ended["t0"] == "applied; in wave 1"
    assert ended["t5"] == "applied; in wave 3"
    report = report_document(RUN, ENDED, summary)
    assert [tenant["wave"] for tenant in report["tenants"]] == [1, 2, 2, 3, 3, 3]
    assert "wave" not in summary_text(summary, paint=Paint())


def test_a_run_without_waves_says_nothing_of_them():
    run = world(waves=None)

    summary = run.apply()

    assert not [e for e in run.journal.entries if "wave" in (e.detail or "")]
    assert "wave" not in report_document(RUN, ENDED, summary)["tenants"][0]
