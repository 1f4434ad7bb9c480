"""A warm interpreter that forks: a fresh process for each run, without the second of a start.

Run as a program it obeys orders, each a JSON object with the two pipes to write to, and answers
each with an exit code.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache

from reconciler import cli
from reconciler.cli.entry import main as program

_PR_SET_PTRACER = 0x59616D61
_ANYBODY = ctypes.c_ulong(-1)
_LONGEST = 2**20  # bytes of an order
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
        self._turn = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                env={"PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # what is forked takes it for what it was at the start
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def run(self, order: Order) -> Done:
        """The code, negative for a signal, and all that was said."""
        assert not self._turn.locked(), "it forks one at a time"
        with self._turn, ExitStack() as undo:
            undo.callback(self._restart)
            out, err = self._said(order)
            code = int(self._orders.recv(_LONGEST))
            undo.pop_all()
            return Done(code, out.decode(), err.decode())

    def _said(self, order: Order) -> tuple[bytes, bytes]:
        """Standard output and error, each of which is a pipe, as it is to a runner of jobs."""
        out, err = os.pipe(), os.pipe()
        ends = [out[1], err[1]]
        socket.send_fds(self._orders, [json.dumps(asdict(order)).encode()], ends)
        for end in ends:
            os.close(end)
        return _read(out[0], err[0])

    def _restart(self) -> None:
        """After a timeout, say: the next order must not get the answer to this one."""
        self.end()
        self._start()

    def end(self) -> None:
        """End it, with whatever it has forked."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self._orders.close()


@cache
def warm_interpreter() -> Warm:
    """That of this process, which ends with it."""
    made = Warm()
    atexit.register(made.end)
    return made


def _read(out: int, err: int) -> tuple[bytes, bytes]:
    """All that comes out of two pipes, whichever is written to first."""
    stated = {out: b"", err: b""}
    with selectors.DefaultSelector() as open_pipes:
        for pipe in stated:
            open_pipes.register(pipe, selectors.EVENT_READ)
        while open_pipes.get_map():
            for ready, _ in open_pipes.select():
                if chunk := os.read(ready.fd, 65536):
                    stated[ready.fd] += chunk
                else:
                    open_pipes.unregister(ready.fd)
                    os.close(ready.fd)
    return stated[out], stated[err]


def _serve(orders: socket.socket) -> None:
    for module in pkgutil.walk_packages(cli.__path__, f"{cli.__name__}."):
        importlib.import_module(module.name)
    gc.freeze()  # else each fork collects all of this again as it ends, which takes longer than it
    while True:
        text, ends, *_ = socket.recv_fds(orders, _LONGEST, 2)
        if not text:  # whoever gave them has ended
            return
        gone, held = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(gone)
            sys.exit(_obey(Order(**json.loads(text)), ends, held))
        for end in (*ends, held):
            os.close(end)
        while os.read(gone, 1):
            pass  # until the child and its tracer have both ended
        os.close(gone)
        status = os.waitpid(child, 0)[1]
        orders.send(str(os.waitstatus_to_exitcode(status)).encode())


def _obey(order: Order, ends: list[int], held: int) -> int:
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environ)
    for number, stream in enumerate((os.open(os.devnull, os.O_RDONLY), *ends)):
        os.dup2(stream, number)
        os.close(stream)
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
    stated = tracer.stderr.readline()
    assert b" attached" in stated, stated


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
