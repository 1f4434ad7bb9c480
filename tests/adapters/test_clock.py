"""SystemClock and the stop signal: a wait that wakes, and a second signal that does not wait."""

import math
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from reconciler.adapters.clock import GRACE, LAST, StopSignal, SystemClock
from reconciler.errors import Interrupted, StateError
from reconciler.ports import Clock

PROGRAM = """
import sys, time
from reconciler.adapters.clock import StopSignal, SystemClock, install
from reconciler.errors import Interrupted
stop = StopSignal()
install(stop)
if "hang" in sys.argv:  # in C, where no handler of Python's runs
    import sqlite3
    ours, theirs = (sqlite3.connect(sys.argv[-1], timeout=30) for _ in "ab")
    ours.execute("BEGIN EXCLUSIVE")
    print("ready", flush=True)
    theirs.execute("BEGIN EXCLUSIVE")
print("ready", flush=True)
try:
    SystemClock(stop).sleep(30)
except Interrupted as error:
    print(error, flush=True)
if "stay" in sys.argv:
    time.sleep(30)
"""


def running(*arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_the_wall_clock_is_aware_utc_and_the_monotonic_one_goes_on() -> None:
    clock: Clock = SystemClock(StopSignal())

    before = clock.monotonic()
    clock.sleep(0.01)

    assert clock.now().tzinfo is UTC
    assert abs(clock.now().timestamp() - time.time()) < timedelta(seconds=5).total_seconds()
    assert clock.monotonic() - before >= 0.01


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.001])
def test_a_short_or_negative_sleep_ends_at_once(seconds: float) -> None:
    begun = time.monotonic()

    SystemClock(StopSignal()).sleep(seconds)

    assert time.monotonic() - begun < 1


def test_a_signal_wakes_every_sleeping_thread() -> None:
    stop, woken = StopSignal(), []

    def sleeper() -> None:
        try:
            SystemClock(stop).sleep(1e12)
        except Interrupted as error:
            woken.append(error.signal)

    threads = [threading.Thread(target=sleeper) for _ in range(5)]
    for thread in threads:
        thread.start()
    stop.ask(signal.SIGTERM)
    for thread in threads:
        thread.join(5)

    assert woken == [signal.SIGTERM] * 5


def test_after_a_stop_signal_no_sleep_and_no_check_passes() -> None:
    stop = StopSignal()
    clock = SystemClock(stop)
    clock.check()

    stop.ask(signal.SIGINT)
    stop.ask(signal.SIGTERM)

    for call in (clock.check, lambda: clock.sleep(0), lambda: clock.sleep(60)):
        with pytest.raises(Interrupted) as caught:
            call()
        assert caught.value.signal == signal.SIGINT


def test_a_store_that_fails_wakes_every_sleeping_thread_with_its_first_failure() -> None:
    stop, woken = StopSignal(), []

    def sleeper() -> None:
        try:
            SystemClock(stop).sleep(1e12)
        except StateError as error:
            woken.append(str(error))

    threads = [threading.Thread(target=sleeper) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert not stop.store_failed
    stop.fail(StateError("the disk is full"))
    stop.fail(StateError("the disk gives an error"))
    for thread in threads:
        thread.join(5)

    assert stop.store_failed
    assert woken == ["the disk is full"] * 5
    assert math.isinf(stop.remaining())  # what is under way may end


@pytest.mark.parametrize("signal_first", [True, False])
def test_a_failure_of_the_store_says_more_than_a_signal_whichever_came_first(
    *, signal_first: bool
) -> None:
    stop = StopSignal()
    ends = [lambda: stop.ask(signal.SIGINT), lambda: stop.fail(StateError("the disk is full"))]

    for end in ends if signal_first else reversed(ends):
        end()

    with pytest.raises(StateError, match="the disk is full"):
        SystemClock(stop).check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_interrupts_the_sleep_of_a_real_process(number: signal.Signals) -> None:
    with running() as process:
        os.kill(process.pid, number)
        out, _ = process.communicate(timeout=10)

    assert out == f"interrupted by signal {int(number)}\n"
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_process_at_once(number: signal.Signals) -> None:
    with running("stay") as process:
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "interrupted by signal 15\n"
        os.kill(process.pid, number)
        process.communicate(timeout=10)

    assert process.returncode == 128 + number


def test_a_stop_signal_gives_requests_the_grace_period() -> None:
    stop = StopSignal()
    before = stop.remaining()

    stop.ask(signal.SIGTERM)

    assert math.isinf(before)
    assert 0 < stop.remaining() <= GRACE < LAST < 5


@pytest.mark.process
def test_a_hanging_process_ends_after_a_signal(tmp_path: Path) -> None:
    with running("hang", str(tmp_path / "busy.db")) as process:
        time.sleep(0.3)
        begun = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=20)

    assert process.returncode == 128 + signal.SIGTERM
    assert LAST - 0.1 <= time.monotonic() - begun < 8
