"""Log lines for operators, on standard error: text or one JSON object a line."""

import logging
from datetime import UTC, datetime
from typing import assert_never

from reconciler.cli.common_options import LogFormat
from reconciler.cli.console import show
from reconciler.render.json_text import json_line
from reconciler.render.plain_text import visible

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_NOWHERE = logging.NullHandler()


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {visible(record.getMessage())}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        members = {
            "timestamp": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json_line(members)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            show(f"{self.format(record)}\n")
        except OSError:
            return  # nobody reads it any more; the run goes on


def set_up_logs(log_format: LogFormat, verbosity: int) -> None:
    """Set up our own loggers only: what libraries log may hold bodies and headers."""
    logging.getLogger().addHandler(_NOWHERE)  # else Python prints a warning that nobody handles
    handler = _Handler()
    match log_format:
        case LogFormat.TEXT:
            handler.setFormatter(_Text())
        case LogFormat.JSON:
            handler.setFormatter(_Json())
        case _:
            assert_never(log_format)
    ours = logging.getLogger("reconciler")
    ours.handlers[:] = [handler]
    ours.propagate = False
    ours.setLevel(_LEVELS[min(verbosity, len(_LEVELS) - 1)])
