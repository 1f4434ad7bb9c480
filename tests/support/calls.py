"""How often our functions are called: what a cost can be held to, where seconds would flake."""

import sys
from collections import Counter
from collections.abc import Callable
from types import CodeType, FrameType


def counted_calls(work: Callable[[], object]) -> Counter[str]:
    """Calls of functions of `reconciler` while `work` runs in this thread, by qualified name."""
    calls: Counter[CodeType] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            calls[frame.f_code] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    found: Counter[str] = Counter()
    for code, number in calls.items():
        if "/reconciler/" in code.co_filename and "/tests/" not in code.co_filename:
            found[code.co_qualname] += number
    return found
