"""Patterns that a vendor has values match, as far as they mean the same in every language."""

import re

LONGEST_TEXT = 256  # characters; what is longer than that is not held against a pattern
_ESCAPED = r"\\[dwsDWS.$+*?(){}\[\]|/^-]"
_ATOM = rf"(\[\^?(-?([^\[\]\\&|~^-]|{_ESCAPED}))+-?\]|{_ESCAPED}|[^\\\[\](){{}}|^$*+?])"
_COUNTED = rf"{_ATOM}(\{{[0-9]{{1,3}}\}})?"
_OPEN = rf"{_ATOM}([?*+]|\{{[0-9]{{1,3}},[0-9]{{0,3}}\}})"
# Two open counts at most, and no group: so the time is bounded, whoever has written it.
_SURE = re.compile(rf"\^?({_COUNTED})*({_OPEN}({_COUNTED})*){{0,2}}\$?")


def compiled(pattern: str) -> re.Pattern[str] | None:
    """A pattern for the whole of a value; None for one with groups, alternatives or much choice.

    What is taken is a row of characters and classes, each with a count, of which two may be open.
    """
    if len(pattern) > LONGEST_TEXT or _SURE.fullmatch(pattern) is None:
        return None
    try:
        return re.compile(pattern, re.ASCII)
    except re.error:
        return None
