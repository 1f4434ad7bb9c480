"""A warm interpreter that forks: a fresh process for each run, without the half second of a start.

Run as a program it obeys orders, one JSON object a line, and answers each with an exit code.
"""

import ctypes
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from reconciler.cli.main import main as program
from tests.program import ROOT, Done

_PR_SET_PTRACER = 0x59616D61
_ANYBODY = ctypes.c_ulong(-1)


@dataclass(frozen=True)
class Order:
    """Commands for one process, where each has to end with 0 for the next to begin."""

    commands: tuple[tuple[str, ...], ...]
    folder: str
    environ: dict[str, str]
    strace: tuple[str, ...] = ()  # traces it from its first command on


@dataclass(frozen=True)
class Warm:
    """The warm interpreter, as those who give orders see it."""

    process: "subprocess.Popen[str]"

    def run(self, order: Order) -> Done:
        """The code, negative for a signal, and all that was said."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(order)) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        out, err = (Path(order.folder, name).read_text() for name in ("out", "err"))
        return Done(code, out, err)


@contextmanager
def warm_interpreter() -> Iterator[Warm]:
    """One for many runs, ended with the block."""
    command = [sys.executable, "-m", "tests.chaos.warm"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield Warm(process)
        finally:
            process.kill()


def _serve() -> None:
    for command in ("apply", "audit", "plan", "webhooks"):
        importlib.import_module(f"reconciler.cli.{command}")
    for line in sys.stdin:
        order = Order(**json.loads(line))
        gone, held = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(gone)
            sys.exit(_obey(order, held))
        os.close(held)
        while os.read(gone, 1):
            pass  # until the child and its tracer have both ended
        os.close(gone)
        status = os.waitpid(child, 0)[1]
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _obey(order: Order, held: int) -> int:
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environ)
    for number, name in enumerate((os.devnull, "out", "err")):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags, 0o600), number)
    if order.strace:
        _attach(order.strace, held)
    for command in order.commands:
        if code := program(command):
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
    _serve()
