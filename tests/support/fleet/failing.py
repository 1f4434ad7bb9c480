"""The program in a process that notes, in their order, its requests and its store's failure.

`python -m tests.support.fleet.failing FILE ARGUMENT …` runs it; FILE gets the list as JSON. A
request is noted in the moment in which it leaves, a failure when a write of the store has failed.
"""

import json
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType

from reconciler.adapters.clock import StopSignal
from reconciler.cli.entry import main

REQUEST = "request"
FAILURE = "failure"


def noting() -> list[str]:
    """Note from now on, in all threads.

    Threads take turns only where one waits: between asking whether a request may leave and its
    leaving no other thread runs, so that the order of the notes is that of the deeds.
    """
    failing: CodeType = StopSignal.fail.__code__
    notes: list[str] = []

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code is failing:
            notes.append(FAILURE)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "http.client.send":
            _, data = arguments
            if isinstance(data, bytes) and b" HTTP/1.1\r\n" in data:
                notes.append(REQUEST)

    sys.setswitchinterval(100)
    sys.addaudithook(hook)
    threading.setprofile(profile)
    sys.setprofile(profile)
    return notes


if __name__ == "__main__":
    _, file, *arguments = sys.argv
    sys.argv[1:] = arguments
    notes = noting()
    code = main()
    Path(file).write_text(json.dumps(notes))
    sys.exit(code)
