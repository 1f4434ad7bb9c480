"""The log of a run: a line for each thing that happens in it, for `-v` and `--log-format json`."""

import logging
from collections.abc import Mapping

from reconciler.facts import telling
from reconciler.occurrences import Occurrence, RequestEnded

_log = logging.getLogger(__name__)


def log_occurrence(occurrence: Occurrence) -> None:
    """Log it, with the headers of a request where everything is logged."""
    found = telling(occurrence)
    if found is None:
        return
    members: dict[str, object] = {"event": found.event}
    members |= {str(name): value for name, value in found.facts.items()}
    message = found.message
    if isinstance(occurrence, RequestEnded) and _log.isEnabledFor(logging.DEBUG):
        members["request_headers"] = dict(occurrence.headers)
        members["response_headers"] = dict(occurrence.answered)
        message += f"; sent {_text(occurrence.headers)}; came {_text(occurrence.answered)}"
    _log.info("%s", message, extra={"members": members})


def _text(headers: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in headers.items()) or "no headers"
