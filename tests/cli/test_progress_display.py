"""Progress of real runs against slow tenants, and of a display whose clock is ours."""

import re
import threading
import time
from collections.abc import Iterator
from itertools import count

from reconciler.cli.progress_display import ProgressDisplay
from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Create, Subject
from reconciler.occurrences import (
    ChangeBegun,
    ChangeEnded,
    Phase,
    RetryBegun,
    WaveBegun,
    in_phase,
    working_on,
)
from tests.support.fakes import extension
from tests.support.fleet.manifests import ENVIRON
from tests.support.fleet.places import APPLY, Place, fleet, place, service
from tests.support.program import Folder

__all__ = ["place", "service"]


def lines_of(err: str, phase: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith(f"{phase}: ")]


def folder_of(place: Place, tenants: int, *, missing: int = 0) -> Folder:
    return Folder(place.folder_of(fleet(place.service, tenants, missing=missing)), ENVIRON)


def test_each_of_a_few_tenants_has_a_line_on_standard_error_as_it_ends(place: Place):
    done = folder_of(place, 3).run("plan")

    lines = [re.sub(r"\d+\.\d s", "N s", line) for line in lines_of(done.err, "plan")]
    assert {line.split()[1] for line in lines} == {"acme-00000", "acme-00001", "acme-00002"}
    assert [line[-8:] for line in lines] == ["(1 of 3)", "(2 of 3)", "(3 of 3)"]
    assert lines_of(done.out, "plan") == []


def test_each_change_of_an_apply_has_a_line_as_it_ends(place: Place):
    done = folder_of(place, 2, missing=1).run(*APPLY)

    assert done.code == 0, done.everything
    made = re.findall(r"^(\S+): created in \d+\.\d s$", done.err, re.M)
    assert sorted(made) == ["acme-00000/department-2", "acme-00001/department-2"]
    assert len(lines_of(done.err, "apply")) == 2


def test_a_tenant_that_cannot_be_read_is_counted_as_failed(place: Place):
    folder = folder_of(place, 2)
    folder.edit("desired-state/tenants/acme-00001.yaml", "/token", "/nothing")

    done = folder.run("plan", "--parallelism", "1")

    first, second = lines_of(done.err, "plan")
    assert first.endswith("(1 of 2)")
    assert re.fullmatch(
        r"plan: acme-00001 could not be read, \d+\.\d s \(2 of 2, 1 failed\)", second
    )


def test_doctor_and_adoption_show_each_tenant(place: Place):
    folder = folder_of(place, 2)

    assert len(lines_of(folder.run("doctor", "acme-*").err, "doctor")) == 2
    assert len(lines_of(folder.run("adoption").err, "adoption")) == 2


def test_nothing_of_it_is_shown_with_q(place: Place):
    folder = folder_of(place, 2)

    assert folder.run("plan", "-q").err == ""


def test_many_quick_tenants_have_no_lines(place: Place):
    assert lines_of(folder_of(place, 51).run("plan").err, "plan") == []


# A display whose clock goes five seconds further each time that it is looked at


def hurried(seen: list[str]) -> ProgressDisplay:
    times: Iterator[float] = (5.0 * number for number in count())
    return ProgressDisplay(seen.append, monotonic=times.__next__, look=0.001)


def await_lines(seen: list[str], number: int) -> None:
    ends = time.monotonic() + 20
    while len(seen) < number and time.monotonic() < ends:
        threading.Event().wait(0.005)
    assert len(seen) >= number


def test_while_nothing_ends_there_is_a_line_every_ten_seconds():
    seen: list[str] = []
    display = hurried(seen)

    with in_phase(display, Phase.PLAN, 3), working_on("east", Phase.PLAN, display):
        await_lines(seen, 2)

    assert re.fullmatch(r"plan: 0 of 3 tenants, \d+ s; slowest: east, \d+ s", seen[0])
    after = [int(re.findall(r"(\d+) s;", line)[0]) for line in seen[:2]]
    assert after[1] - after[0] >= 10


def test_a_change_that_takes_long_is_named_while_it_does():
    seen: list[str] = []
    display = hurried(seen)
    change = Create(Subject(tenant="east", extension=extension()))

    with in_phase(display, Phase.APPLY, 1), working_on("east", Phase.APPLY, display):
        display(ChangeBegun(change))
        await_lines(seen, 2)
        display(ChangeEnded(Outcome(change=change, kind=OutcomeKind.APPLIED)))

    shown = "\n".join(seen)
    assert re.search(rf"^{change.subject.id}: Still creating… \d+ s$", shown, re.M)
    assert re.search(rf"^{change.subject.id}: created in \d+\.0 s$", shown, re.M)


def test_each_wave_has_a_line_however_many_tenants_there_are():
    seen: list[str] = []
    display = ProgressDisplay(seen.append)

    with in_phase(display, Phase.APPLY, 1000):
        display(WaveBegun(1, 1))
        display(WaveBegun(2, 999))

    assert seen == ["apply: wave 1 begins, 1 tenant", "apply: wave 2 begins, 999 tenants"]


def test_what_a_service_asks_to_wait_is_said_with_its_tenant_and_short_waits_are_not():
    seen: list[str] = []
    display = ProgressDisplay(seen.append)
    reason = "it answered 429, and asks to wait 30 s"

    with in_phase(display, Phase.PLAN, 1), working_on("east", Phase.PLAN, display):
        display(RetryBegun(2, 0.3, "it answered 503"))
        display(RetryBegun(3, 30.0, reason, 30.0))
    display(RetryBegun(2, 5.0, "it answered 403, and asks to wait 5 s", 5.0, "GitHub"))

    assert [line for line in seen if "trying again" in line] == [
        f"east: {reason}; trying again in 30 s",
        "GitHub: it answered 403, and asks to wait 5 s; trying again in 5 s",
    ]


def test_after_a_phase_nothing_more_is_shown():
    seen: list[str] = []
    display = hurried(seen)
    with in_phase(display, Phase.PLAN, 1):
        await_lines(seen, 1)
    shown = len(seen)

    threading.Event().wait(0.1)

    assert len(seen) == shown
