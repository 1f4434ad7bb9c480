"""A signal at any instant: the process ends soon, begins nothing new, and the next run goes on."""

import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.support.arena import (
    Arena,
    Seen,
    arena_in,
    ended,
    not_begun,
    outcomes,
    records,
    seeded,
    urns,
)
from tests.support.program import ROOT, Folder

APPLY = ("apply", "--auto-approve")
SOON = 5.0  # seconds
BY_SIGNAL = {
    signal.SIGINT: (130, -signal.SIGINT),  # the latter before a command has begun
    signal.SIGTERM: (143, -signal.SIGTERM),
}
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])


@pytest.fixture(scope="module", autouse=True)
def sigint_is_heard() -> Iterator[None]:
    """A shell's background job ignores SIGINT and its children inherit that: `make check &` too."""
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, inherited)


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with arena_in(tmp_path_factory.mktemp("arena") / "base") as made:
        yield made


def interrupt_somewhere(arena: Arena, chance: random.Random, number: signal.Signals) -> None:
    """One run, one signal, and everything that has to be true afterwards."""
    folder = arena.fresh()
    arena.front.delay = chance.choice([0.0, 0.01, 0.03])
    process = folder.start(*APPLY)
    time.sleep(chance.uniform(0.1, 2.5) if chance.random() < 0.8 else chance.uniform(0, 0.6))
    arena.front.delay = 0.5  # long enough for the process to learn of the signal on a busy machine
    sent = time.monotonic()
    process.send_signal(number)

    stopped = ended(process, sent)

    assert stopped.code in (0, *BY_SIGNAL[number]) or not_begun(stopped.err), stopped
    assert stopped.seconds <= SOON
    # What was about to leave when the signal was sent may arrive after it: one write, or events,
    # which are sent side by side.
    late = [seen.path.split("?")[0] for seen in arena.front.writes_after(sent)]
    assert len(late) <= 1 or {*late} == {"/hr/scim/sync"}, late
    assert len(late) <= len(urns())
    story = records(folder)
    if stopped.code in (130, 143) and story:
        assert "interrupted by signal" in stopped.err
    _goes_on(arena, folder)


def _goes_on(arena: Arena, folder: Folder) -> None:
    arena.front.calm()
    arena.front.delay = 0.0
    resumed = folder.run(*APPLY)
    assert resumed.code == 0, resumed.everything
    assert arena.live() == urns()
    ids = arena.inbox()
    assert sorted(ids) == urns()
    assert all(len(events) == 1 for events in ids.values()), ids
    good = [urn for urn, status in outcomes(folder) if status in ("SUCCESS", "RECOVERED")]
    assert sorted(good) == urns()


@BOTH
def test_a_signal_at_a_random_instant_ends_the_run_and_the_next_one_finishes_it(
    arena: Arena, number: signal.Signals
):
    chance = seeded()
    for _ in range(6):
        interrupt_somewhere(arena, chance, number)


def test_ctrl_c_while_the_program_starts_shows_no_traceback_of_ours(folder: Folder):
    for milliseconds in range(0, 100, 5):
        process = folder.start("plan")
        time.sleep(milliseconds / 1000)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)

        stopped = ended(process, sent)

        assert stopped.code in BY_SIGNAL[signal.SIGINT] or not_begun(stopped.err), stopped


@pytest.mark.parametrize(
    ("frame", "begun"),
    [("<frozen site>", False), ("reconciler/__main__.py", False), ("reconciler/cli/main.py", True)],
)
def test_ctrl_c_before_our_first_line_is_pythons_own(frame: str, begun: bool):
    file = ROOT / frame if frame.startswith("reconciler") else frame

    assert not_begun(f'  File "{file}", line 3, in x\nKeyboardInterrupt\n') is not begun
    assert not not_begun(f'  File "{file}", line 3, in x\nValueError\n')


@pytest.mark.chaos
@pytest.mark.timeout(3600)
@BOTH
def test_a_hundred_signals_at_random_instants(arena: Arena, number: signal.Signals):
    chance = seeded()
    for _ in range(100):
        interrupt_somewhere(arena, chance, number)


def stalled_at(method: str, end: str):
    return lambda seen: seen.method == method and seen.path.split("?")[0].endswith(end)


@pytest.mark.parametrize(
    ("number", "method", "end"),
    [
        (signal.SIGINT, "POST", "/oauth/token"),
        (signal.SIGTERM, "GET", "/Schemas"),
        (signal.SIGINT, "POST", "/Schemas"),
        (signal.SIGTERM, "POST", "/hr/scim/sync"),
    ],
)
def test_a_signal_cuts_off_a_server_that_is_silent(
    arena: Arena, number: signal.Signals, method: str, end: str
):
    folder = arena.fresh(1)
    arena.front.stalls = stalled_at(method, end)
    process = folder.start(*APPLY, "--report", "report.json")
    assert arena.front.arrived.wait(20)
    sent = time.monotonic()
    process.send_signal(number)

    stopped = ended(process, sent)

    assert stopped.code == 128 + number
    assert stopped.seconds <= SOON
    assert arena.front.writes_after(sent) == []
    last = records(folder)[-1]
    assert (last["event"], last["status"]) == ("RUN_COMPLETED", "FAILED")
    assert last["detail"] == f"interrupted by signal {int(number)}"
    report = json.loads((folder.path / "report.json").read_text())
    assert (report["exit"]["code"], report["finished"]) == (stopped.code, False)
    assert report["audit_head"]["hash"] == last["hash"]
    arena.front.calm()
    assert folder.run(*APPLY).code == 0
    assert list(arena.inbox()) == urns(1)


def test_a_write_that_was_cut_is_unknown_until_the_next_run_has_looked(arena: Arena):
    folder = arena.fresh(2)
    arena.front.stalls = stalled_at("POST", "/Schemas")
    process = folder.start(*APPLY)
    assert arena.front.arrived.wait(20)
    sent = time.monotonic()
    process.terminate()

    stopped = ended(process, sent)
    arena.front.calm()
    recovered = folder.run("apply", "--recover-only")
    again = folder.run("apply", "--recover-only")

    assert "unknown" in stopped.out
    assert "Apply was cut short." in stopped.out
    assert outcomes(folder)[0] == (urns(2)[0], "UNKNOWN")
    assert recovered.code == 0, recovered.everything
    assert "recovered as not-applied" in recovered.out
    assert "Recovery complete! Extensions: 1 not-applied." in recovered.out
    assert "Recovery complete! Extensions: nothing was left open." in again.out
    assert arena.live() == []


def throttled(seconds: int):
    def answer(seen: Seen):
        return (429, {"Retry-After": str(seconds)}) if seen.writes else None

    return answer


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_a_signal_ends_a_retry_after_wait_at_once(arena: Arena, number: signal.Signals):
    folder = arena.fresh()
    arena.front.instead = throttled(200)
    process = folder.start(*APPLY, "--retry-deadline", "280")
    assert arena.front.arrived.wait(20)
    time.sleep(0.2)
    sent = time.monotonic()
    process.send_signal(number)

    stopped = ended(process, sent)

    assert stopped.code == 128 + number
    assert stopped.seconds <= SOON
    assert len([seen for seen in arena.front.seen if seen.writes]) == 1
    assert "1 not-applied" in stopped.out  # 429 says that nothing was done
    _goes_on(arena, folder)


def test_a_retry_after_of_an_hour_is_not_waited_for(arena: Arena):
    folder = arena.fresh(1)
    arena.front.instead = throttled(3600)

    done = folder.run(*APPLY)

    assert done.code == 3
    assert "429" in done.out


def test_a_second_signal_ends_the_process_at_once(arena: Arena):
    folder = arena.fresh(1)
    arena.front.stalls = stalled_at("POST", "/Schemas")
    process = folder.start(*APPLY)
    assert arena.front.arrived.wait(20)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    second = time.monotonic()
    process.send_signal(signal.SIGTERM)

    stopped = ended(process, second)

    assert stopped.code == 143
    assert stopped.seconds < 2
    arena.front.calm()
    assert folder.run(*APPLY).code == 0
    assert list(arena.inbox()) == urns(1)


@pytest.mark.parametrize("number", [signal.SIGTERM])
def test_a_shell_that_execs_passes_the_signal_on(arena: Arena, number: signal.Signals):
    folder = arena.fresh(1)
    arena.front.stalls = stalled_at("POST", "/Schemas")
    command = f"cd {folder.path} && exec {sys.executable} -m reconciler {' '.join(APPLY)}"
    environ = {**folder.environment()}
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        ["bash", "-c", command], env=environ, stdout=pipe, stderr=pipe, text=True
    )
    assert arena.front.arrived.wait(20)
    sent = time.monotonic()
    process.send_signal(number)

    stopped = ended(process, sent)

    assert stopped.code == 128 + number
    assert stopped.seconds <= SOON
    assert arena.front.writes_after(sent) == []


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_plan_ends_at_a_signal_and_leaves_nothing_behind(arena: Arena, number: signal.Signals):
    folder = arena.fresh(1)
    arena.front.stalls = stalled_at("GET", "/Schemas")
    process = folder.start("plan", "--out", "plan.json")
    assert arena.front.arrived.wait(20)
    sent = time.monotonic()
    process.send_signal(number)

    stopped = ended(process, sent)

    assert stopped.code == 128 + number
    assert stopped.seconds <= SOON
    assert [path.name for path in folder.path.iterdir()] == ["desired-state"]


@pytest.mark.parametrize("number", [signal.SIGTERM])
def test_webhooks_deliver_ends_at_a_signal_and_the_cut_delivery_is_due_at_once(
    arena: Arena, number: signal.Signals
):
    folder = arena.fresh(2)
    arena.tenant.set_faults(hr_down=True)
    assert folder.run(*APPLY).code == 0
    arena.tenant.set_faults()
    arena.front.stalls = stalled_at("POST", "/hr/scim/sync")
    process = folder.start("webhooks", "deliver", "--now")
    assert arena.front.arrived.wait(20)
    sent = time.monotonic()
    process.send_signal(number)

    stopped = ended(process, sent)
    arena.front.calm()
    delivered = folder.run("webhooks", "deliver")

    assert stopped.code == 128 + number
    assert stopped.seconds <= SOON
    assert delivered.code == 0, delivered.everything
    assert urns(1)[0] in arena.inbox()


@BOTH
def test_dev_tenant_ends_at_a_signal_though_a_client_stays_connected(
    tmp_path, number: signal.Signals
):
    folder = Folder(tmp_path)
    process = folder.start("dev-tenant", "--port", "0")
    assert process.stdout is not None
    line = next(line for line in process.stdout if "baseUrl" in line)
    port = int(line.rsplit(":", 1)[1].split("/")[0])
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(b"POST /scim/v2/Schemas HTTP/1.1\r\nContent-Length: 10\r\n\r\n")
        time.sleep(0.2)
        sent = time.monotonic()
        process.send_signal(number)
        stopped = ended(process, sent)

    assert stopped.seconds <= SOON
    assert stopped.code == 0
