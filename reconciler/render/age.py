"""Ages for people: `3 h`, in the largest unit of which there are two or more."""

from datetime import datetime

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def age(at: str | None, now: datetime) -> str:
    """The age of a moment (RFC 3339); `never` where there is none. No clock runs backwards here."""
    if at is None:
        return "never"
    seconds = max(0, round((now - datetime.fromisoformat(at)).total_seconds()))
    for length, unit in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
