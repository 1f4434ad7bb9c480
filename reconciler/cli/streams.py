"""The three standard streams, mended where whoever started us left one closed or narrow."""

import codecs
import io
import os
import sys

_ESCAPES = "reconciler.escapes"


def mend_streams() -> None:
    """Have all three streams, and none that fails at a letter that its encoding lacks."""
    # A number that is free goes to the next file that is opened, such as the store, and whatever
    # is then written as standard output or error would be written into it. What stands in for
    # standard output cannot be written: data that nobody gets is an error.
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8")
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")
    codecs.register_error(_ESCAPES, _escaped)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_ESCAPES)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """The letters that an encoding lacks, as JSON escapes them: a JSON document stays the same."""
    import json

    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
