"""The program in a process that counts what it does.

`python -m tests.support.fleet.counting WHAT FILE …` runs it.

WHAT is `calls` (of functions, in all threads), `statements` (that SQLite carries out) or `memory`
(the peak, in KiB); the count goes to FILE as JSON. Counts do not depend on how busy a machine is.
"""

import json
import re
import sqlite3
import sys
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import FrameType

from reconciler.cli.entry import main


def counting_calls() -> Callable[[], object]:
    """Count from now on; gives what reads the count."""
    numbers = count()

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event in ("call", "c_call"):
            next(numbers)

    threading.setprofile(profile)
    sys.setprofile(profile)

    def read() -> object:
        sys.setprofile(None)
        return next(numbers)

    return read


def counting_statements() -> Callable[[], object]:
    """Keep each statement from now on, of every connection."""
    statements: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "sqlite3.connect/handle":
            [connection] = arguments
            assert isinstance(connection, sqlite3.Connection)
            sys.setprofile(watcher(connection))  # it is not yet ready to be traced

    def watcher(connection: sqlite3.Connection) -> Callable[[FrameType, str, object], None]:
        def ready(frame: FrameType, event: str, argument: object) -> None:
            if event == "c_return":
                sys.setprofile(None)
                connection.set_trace_callback(statements.append)

        return ready

    sys.addaudithook(hook)
    return lambda: statements


def peak() -> int:
    """What this program has taken at most; getrusage would count whoever started it."""
    [found] = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
    return int(found)


BEGIN: dict[str, Callable[[], Callable[[], object]]] = {
    "calls": counting_calls,
    "statements": counting_statements,
    "memory": lambda: peak,
}

if __name__ == "__main__":
    _, what, file, *arguments = sys.argv
    sys.argv[1:] = arguments
    read = BEGIN[what]()
    code = main()
    Path(file).write_text(json.dumps(read()))
    sys.exit(code)
