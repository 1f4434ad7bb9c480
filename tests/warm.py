"""A warm interpreter that forks: a fresh process for each run, without the second of a start.

Run as a program it obeys orders, one JSON object a line, and answers each with an exit code.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.cli.commands import COMMANDS
from reconciler.cli.main import main as program

_PR_SET_PTRACER = 0x59616D61
_ANYBODY = ctypes.c_ulong(-1)
# An interpreter heeds these as it starts, which one that is forked has behind it.
_AT_START = ("PYTHON", "LANG", "LC_", "LD_", "TZ")


@dataclass(frozen=True)
class Done:
    """How a process ended; `everything` is what a log would have caught."""

    code: int
    out: str
    err: str

    @property
    def everything(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Order:
    """Commands for one process, where each has to end with 0 for the next to begin."""

    commands: tuple[tuple[str, ...], ...]
    folder: str
    environ: dict[str, str]
    strace: tuple[str, ...] = ()  # traces it from its first command on

    def __post_init__(self) -> None:
        late = [name for name in self.environ if name.startswith(_AT_START)]
        assert not late, f"{late} would not be heeded"


class Warm:
    """The warm interpreter, as those who give orders see it: one at a time."""

    def __init__(self) -> None:
        self._streams = TemporaryDirectory()
        self._turn = threading.Lock()
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-P", __file__, self._streams.name]
        environ = {"PATH": os.defpath}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=environ, stdin=pipe, stdout=pipe, text=True, start_new_session=True
        )

    def run(self, order: Order) -> Done:
        """The code, negative for a signal, and all that was said."""
        assert not self._turn.locked(), "it forks one at a time"
        with self._turn, ExitStack() as undo:
            undo.callback(self._restart)
            code = self._ask(order)
            undo.pop_all()
            out, err = (Path(self._streams.name, name).read_text() for name in ("out", "err"))
            return Done(code, out, err)

    def _ask(self, order: Order) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def _restart(self) -> None:
        """After a timeout, say: the next order must not get the answer to this one."""
        self._kill()
        self._process = self._started()

    def _kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def end(self) -> None:
        """End it, with whatever it has forked."""
        self._kill()
        self._streams.cleanup()


@cache
def warm_interpreter() -> Warm:
    """That of this process, which ends with it."""
    made = Warm()
    atexit.register(made.end)
    return made


def _serve(streams: Path) -> None:
    importlib.import_module("reconciler.__main__")
    for command in COMMANDS:
        importlib.import_module(f"reconciler.cli.{command.module}")
    gc.freeze()  # else each fork collects all of this again as it ends, which takes longer than it
    for order in map(_read, sys.stdin):
        gone, held = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(gone)
            sys.exit(_obey(order, streams, held))
        os.close(held)
        while os.read(gone, 1):
            pass  # until the child and its tracer have both ended
        os.close(gone)
        status = os.waitpid(child, 0)[1]
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _read(line: str) -> Order:
    return Order(**json.loads(line))


def _obey(order: Order, streams: Path, held: int) -> int:
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environ)
    for number, path in enumerate((Path(os.devnull), streams / "out", streams / "err")):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(path, flags, 0o600), number)
    if order.strace:
        _attach(order.strace, held)
    for command in order.commands:
        if code := program(command):
            if len(order.commands) > 1:
                sys.stderr.write(f"{' '.join(command)} ended with {code}\n")
            return code
    return 0


def _attach(strace: tuple[str, ...], held: int) -> None:
    """Have this process traced, and go on when it is; the tracer ends after it."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)
    command = [*strace, "-p", str(os.getpid())]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, pass_fds=(held,))
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    assert b" attached" in said, said


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
