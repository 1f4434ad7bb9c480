"""Log lines for operators, on standard error: text or one JSON object a line."""

import logging
from datetime import UTC, datetime
from typing import assert_never

from reconciler.cli.common_options import CommonOptions, LogFormat
from reconciler.cli.console import Console
from reconciler.occurrences import tenant_at_work
from reconciler.render.json_text import json_line
from reconciler.render.plain_text import visible

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_NOWHERE = logging.NullHandler()


class _Text(logging.Formatter):
    """A warning as a person reads it; with `run_id`, lines that a run is found by."""

    def __init__(self, run_id: str | None) -> None:
        super().__init__()
        self._run_id = run_id

    def format(self, record: logging.LogRecord) -> str:
        message, level = visible(record.getMessage()), record.levelname.lower()
        if self._run_id is None:
            return f"{level}: {message}"
        tenant = _members(record).get("tenant", tenant_at_work())
        about = f" tenant={visible(tenant)}" if tenant else ""
        return f"{_timestamp(record)} {level} run={self._run_id}{about}: {message}"


class _Json(logging.Formatter):
    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run_id = run_id

    def format(self, record: logging.LogRecord) -> str:
        members = {
            "timestamp": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "run_id": self._run_id,
            "tenant": tenant_at_work(),
            "message": record.getMessage(),
            **_members(record),
        }
        return json_line({name: value for name, value in members.items() if value is not None})


def _timestamp(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return at.replace("+00:00", "Z")


def _members(record: logging.LogRecord) -> dict[str, object]:
    members: dict[str, object] = getattr(record, "members", {})
    return members


class _Handler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.line(self.format(record))


def is_logged(common: CommonOptions) -> bool:
    """Test whether what happens in a run is logged, line by line."""
    return bool(common.verbose) or (common.log_format is LogFormat.JSON and not common.quiet)


def set_up_logs(common: CommonOptions, console: Console, run_id: str) -> None:
    """Set up our own loggers only: what libraries log may hold bodies and headers.

    Where lines are JSON, what the console says for people is a line of the log too.
    """
    logging.getLogger().addHandler(_NOWHERE)  # else Python prints a warning that nobody handles
    handler, verbosity = _Handler(console), max(common.verbose, int(is_logged(common)))
    match common.log_format:
        case LogFormat.TEXT:
            handler.setFormatter(_Text(run_id if common.verbose else None))
        case LogFormat.JSON:
            handler.setFormatter(_Json(run_id))
            console.way.instead = _log_message
        case _:
            assert_never(common.log_format)
    ours = logging.getLogger("reconciler")
    ours.handlers[:] = [handler]
    ours.propagate = False
    ours.setLevel(_LEVELS[min(verbosity, len(_LEVELS) - 1)])


_SEVERITIES = {"error": logging.ERROR, "warning": logging.WARNING}


def _log_message(text: str) -> None:
    """Log what is for people, whatever the level is: who asked for quiet has had it."""
    word, found, rest = text.partition(": ")
    level = _SEVERITIES.get(word)
    message = rest if found and level is not None else text
    log = logging.getLogger(__name__)
    log.handle(log.makeRecord(log.name, level or logging.INFO, "", 0, message, (), None))
