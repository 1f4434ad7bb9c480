"""The program, run with a note of each call of a function of ours.

`python -m tests.support.trace OUT ARGUMENT…` writes the names to OUT, one a line, in the order of
the calls: `domain.diff.managed_view`. Threads are followed too.
"""

import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

PACKAGE = Path(__file__).parents[2] / "reconciler"


def main(out: str, *arguments: str) -> None:
    """Run the program to its end; its exit code is not passed on."""
    names: list[str] = []
    modules: dict[str, str | None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        file = frame.f_code.co_filename
        if file not in modules:
            modules[file] = module_of(file)
        if (module := modules[file]) is not None:
            names.append(f"{module}.{frame.f_code.co_qualname}")

    from reconciler.__main__ import main as program

    sys.argv = ["reconciler", *arguments]
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        program()
    except SystemExit:
        pass
    finally:
        sys.setprofile(None)
        Path(out).write_text("\n".join(names))


def module_of(file: str) -> str | None:
    """The name below `reconciler` of the module that a file is; None for the files of others."""
    path = Path(file)
    if not path.is_relative_to(PACKAGE):
        return None
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


if __name__ == "__main__":
    main(*sys.argv[1:])
