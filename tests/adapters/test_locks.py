"""One writer per tenant: a lock names its holder and dies with it."""

import fcntl
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from reconciler.adapters.locks import FileLocks, held_in
from reconciler.errors import Interrupted, StateError, TenantLocked
from reconciler.ports import Clock, HeldLock, Locks
from tests.support.lock_world import NOW, StoppedClock

NOW_TEXT = "2026-01-02T03:04:05.000Z"
HOOK = "https://hr.example.com/scim/sync"
RANGES = "RECONCILER_TEST_RANGES"  # which of both ways to lock; children inherit it


@pytest.fixture(autouse=True, params=["yes", "no"], ids=["ranges", "files"])
def ranges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is for Linux, which has locks of ranges, and for macOS, which has none."""
    monkeypatch.setenv(RANGES, request.param)


def locks(folder: Path, holder: str = "ci", clock: Clock | None = None) -> Locks:
    ranged = os.environ[RANGES] == "yes"
    return FileLocks(folder, holder=holder, clock=clock or StoppedClock(), ranges=ranged)


HOLDER = """
import sys
from pathlib import Path
from tests.adapters.test_locks import locks

with locks(Path(sys.argv[1]), "night-job").hold("acme"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held_elsewhere(folder: Path) -> Iterator["Popen[str]"]:
    """Another process that holds the lock of acme until it gets a line, or dies."""
    with Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=PIPE,
        stdout=PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.communicate("\n")


def test_a_lock_is_free_again_when_the_block_is_left(tmp_path: Path) -> None:
    for _ in range(3):
        with locks(tmp_path).hold("acme"):
            pass

    assert (tmp_path / "acme.lock").read_text().isspace()


def test_a_lock_is_free_again_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locks(tmp_path).hold("acme"):
        raise ZeroDivisionError

    with locks(tmp_path).hold("acme"):
        assert "ci" in (tmp_path / "acme.lock").read_text()


def test_a_tenant_has_one_writer_in_a_process_too(tmp_path: Path) -> None:
    same = locks(tmp_path)

    with same.hold("acme"):
        with pytest.raises(TenantLocked, match="tenant acme is locked by ci"), same.hold("acme"):
            raise AssertionError("two writers")

        with pytest.raises(TenantLocked), same.hold("acme"):  # the refusal took nothing away
            raise AssertionError("two writers")


def test_tenants_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with locks(tmp_path).hold("acme"), locks(tmp_path).hold("beta"):
        assert {each.name for each in tmp_path.glob("*.lock")} == {"acme.lock", "beta.lock"}


def test_a_tenant_and_the_queue_of_its_webhooks_are_locked_apart(tmp_path: Path) -> None:
    ours, theirs = locks(tmp_path), locks(tmp_path, "them")

    with ours.hold("acme"), theirs.hold_queue("acme", HOOK):
        with pytest.raises(TenantLocked, match=f"acme to {HOOK} is locked by them"):
            ours.hold_queue("acme", HOOK).__enter__()
        with ours.hold_queue("beta", HOOK), ours.hold_queue("acme", f"{HOOK}/other"):
            pass

    with ours.hold_queue("acme", HOOK):
        pass


def open_files() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 — no order is needed


def test_the_locks_of_a_large_fleet_take_few_open_files(tmp_path: Path) -> None:
    """As few for 1,000 tenants as for 500."""
    ours = FileLocks(tmp_path, holder="ci", clock=StoppedClock(), ranges=True)
    before = open_files()

    for fleet in (500, 1000):
        with ExitStack() as held:
            for number in range(fleet):
                held.enter_context(ours.hold(f"tenant-{number}"))
            assert open_files() <= before + 32
        assert open_files() == before


def test_each_of_many_locks_keeps_others_out_until_it_is_given_back(tmp_path: Path) -> None:
    names = [f"tenant-{number}" for number in range(200)]
    ours, theirs = locks(tmp_path), locks(tmp_path, "them")
    held = {name: ours.hold(name) for name in names}
    for each in held.values():
        each.__enter__()

    for name in names[::2]:
        held[name].__exit__(None, None, None)

    for name in names[::2]:
        with theirs.hold(name):
            pass
    for name in names[1::2]:
        with pytest.raises(TenantLocked, match="locked by ci"):
            theirs.hold(name).__enter__()
        held[name].__exit__(None, None, None)


def test_a_run_of_an_earlier_release_keeps_its_lock(tmp_path: Path) -> None:
    """It locks the whole file of a tenant, and knows nothing of ranges."""
    lock = tmp_path / "acme.lock"
    lock.write_text("run 7 of an earlier release\n")
    with lock.open("r+") as earlier:
        fcntl.flock(earlier, fcntl.LOCK_EX)
        for _ in range(2):
            with pytest.raises(TenantLocked, match="locked by run 7 of an earlier release:"):
                locks(tmp_path).hold("acme").__enter__()

    with locks(tmp_path).hold("acme"):
        pass


def test_lock_files_can_be_opened_by_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    with locks(folder).hold("acme"), locks(folder).hold_queue("acme", HOOK):
        found = {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert found == {0o600}


def test_threads_that_lock_at_once_hold_it_one_at_a_time(tmp_path: Path) -> None:
    start, done = threading.Barrier(8), threading.Barrier(8)
    ends: list[str] = []

    def run() -> None:
        start.wait()
        try:
            with locks(tmp_path).hold("acme"):
                ends.append("held")
                done.wait()
        except TenantLocked:
            ends.append("locked")
            done.wait()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(ends) == ["held"] + ["locked"] * 7


def test_the_message_of_a_locked_tenant_names_holder_host_and_time(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process, pytest.raises(TenantLocked) as refusal:
        locks(tmp_path).hold("acme").__enter__()

    assert re.fullmatch(
        rf"tenant acme is locked by night-job \(process {process.pid} on \S+\) "
        r"since 2026-01-02T03:04:05\.000Z: wait for that run to end, or stop it; .*",
        str(refusal.value),
    )


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process:
        before = (tmp_path / "acme.lock").stat().st_ino

        process.send_signal(signal.SIGKILL)
        process.wait()

        assert "night-job" in (tmp_path / "acme.lock").read_text()  # it could not tidy up
        with locks(tmp_path, "day-job").hold("acme"):
            text = (tmp_path / "acme.lock").read_text()
            assert text.startswith("day-job")
            assert "night-job" not in text
        assert (tmp_path / "acme.lock").stat().st_ino == before  # never removed: see locks.py


def test_a_child_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    with locks(tmp_path).hold("acme"):
        child = Popen([sys.executable, "-c", "input()"], stdin=PIPE, close_fds=False)

    with child:
        with locks(tmp_path).hold("acme"):
            assert child.poll() is None
        child.communicate(b"\n")


def test_a_child_between_its_fork_and_its_exec_does_not_keep_the_lock(tmp_path: Path) -> None:
    ends, reported = os.pipe()
    with locks(tmp_path).hold("acme"):
        child = os.fork()
        if child == 0:
            os.close(reported)
            os.read(ends, 1)
            os._exit(0)

    with locks(tmp_path).hold("acme"):
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
    os.close(reported)
    os.close(ends)
    assert os.waitpid(child, 0)[1] == 0


def test_the_folder_of_locks_is_made(tmp_path: Path) -> None:
    with locks(tmp_path / "a" / "locks").hold("acme"):
        assert (tmp_path / "a" / "locks" / "acme.lock").is_file()


def test_a_file_where_the_folder_should_be_is_reported(tmp_path: Path) -> None:
    (tmp_path / "locks").touch()

    with (
        pytest.raises(StateError, match=r"cannot lock .*acme\.lock: .*--state"),
        locks(tmp_path / "locks").hold("acme"),
    ):
        raise AssertionError("held")


def test_a_folder_where_the_file_should_be_is_reported(tmp_path: Path) -> None:
    (tmp_path / "acme.lock").mkdir()

    with pytest.raises(StateError, match="Is a directory"), locks(tmp_path).hold("acme"):
        raise AssertionError("held")


def test_a_lock_file_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "acme.lock").symlink_to(victim)

    with pytest.raises(StateError, match="cannot lock"), locks(tmp_path).hold("acme"):
        raise AssertionError("held")

    assert victim.read_text() == "precious"


def test_a_full_disk_is_reported_and_the_lock_is_free_again(tmp_path: Path) -> None:
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from reconciler.errors import StateError\n"
        "from tests.adapters.test_locks import locks\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    locks(Path(sys.argv[1])).hold('acme').__enter__()\n"
        "except StateError as error:\n"
        "    print(error)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )

    assert "cannot lock" in ended.stdout
    assert "File too large" in ended.stdout


@pytest.mark.parametrize("note", [b"", b"\x00\x1b[2J\n", b"\xff\xfe", b"x" * 10_000])
def test_a_lock_note_with_control_characters_is_escaped(tmp_path: Path, note: bytes) -> None:
    with locks(tmp_path).hold("acme"):
        (tmp_path / "acme.lock").write_bytes(note)

        with pytest.raises(TenantLocked) as refusal:
            locks(tmp_path).hold("acme").__enter__()

    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 500


def test_a_holder_whose_name_is_no_text_can_still_lock(tmp_path: Path) -> None:
    with locks(tmp_path, "na\udcffme").hold("acme"):
        assert (tmp_path / "acme.lock").read_text().startswith("na?me")


@dataclass
class PassingClock:
    """Time passes when somebody sleeps; after so many sleeps something happens."""

    after: int
    happens: Callable[[], None]
    seconds: float = 0.0
    sleeps: int = 0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.sleeps += 1
        if self.sleeps == self.after:
            self.happens()

    def check(self) -> None:
        return


def patient(folder: Path, clock: PassingClock) -> Locks:
    return locks(folder, "patient", clock)


def test_a_lock_that_comes_free_in_time_is_taken(tmp_path: Path) -> None:
    first = ExitStack()
    first.enter_context(locks(tmp_path).hold("acme"))
    clock = PassingClock(after=30, happens=first.close)

    with patient(tmp_path, clock).hold("acme", patience=60):
        with pytest.raises(TenantLocked, match="locked by patient"), locks(tmp_path).hold("acme"):
            pass

    assert clock.sleeps == 30


def test_a_lock_that_stays_taken_is_given_up_after_the_patience_and_no_later(
    tmp_path: Path,
) -> None:
    clock = PassingClock(after=-1, happens=lambda: None)

    with locks(tmp_path).hold("acme"), pytest.raises(TenantLocked) as caught:
        patient(tmp_path, clock).hold("acme", patience=7.25).__enter__()

    assert clock.seconds == pytest.approx(7.25)
    assert "is locked by ci (process" in str(caught.value)
    assert "still after 7 seconds" in str(caught.value)


def test_a_signal_ends_the_wait_for_a_lock(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise Interrupted(signal.SIGTERM)

    clock = PassingClock(after=2, happens=interrupt)

    with locks(tmp_path).hold("acme"), pytest.raises(Interrupted):
        patient(tmp_path, clock).hold("acme", patience=60).__enter__()

    assert clock.sleeps == 2


# Who holds what


def held(folder: Path) -> list[HeldLock]:
    return held_in(folder, ranges=os.environ[RANGES] == "yes")


def test_what_is_held_is_listed_with_its_holder_and_nothing_else(tmp_path: Path) -> None:
    assert held(tmp_path / "none") == []
    with held_elsewhere(tmp_path), locks(tmp_path, "ci").hold_queue("zeta", HOOK):
        first, second = held(tmp_path)

        assert (first.tenant, first.is_queue, first.since) == ("acme", False, NOW_TEXT)
        assert first.holder.startswith("night-job (process ")
        assert (second.tenant, second.is_queue) == ("zeta", True)
        assert second.holder.startswith("ci (process ")
    assert held(tmp_path) == []


def test_to_look_at_locks_refuses_nobody_one(tmp_path: Path) -> None:
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            held(tmp_path)

    with locks(tmp_path).hold("other"):
        looking = threading.Thread(target=look)
        looking.start()
        for _ in range(200):
            with locks(tmp_path).hold("acme"):
                pass
        ended.set()
        looking.join()


def test_a_killed_holder_is_listed_no_more_where_the_kernel_can_tell(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process:
        process.kill()
        process.wait()

        assert len(held(tmp_path)) == (0 if os.environ[RANGES] == "yes" else 1)


def test_locks_can_be_looked_at_where_nothing_can_be_written(tmp_path: Path) -> None:
    with locks(tmp_path).hold("acme"):
        tmp_path.chmod(0o500)
        try:
            assert [each.tenant for each in held(tmp_path)] == ["acme"]
        finally:
            tmp_path.chmod(0o700)
