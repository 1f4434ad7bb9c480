"""The options of every command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.cli.options import (
    choice,
    count,
    flag,
    number,
    optional_path,
    optional_text,
    path,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_STATE = "sqlite:///.reconciler/state.db"


class LogFormat(StrEnum):
    """The forms of a log line."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CommonOptions:
    """The options of every command; not shown, for the URL of a proxy may hold a password."""

    desired_state: Path = path("folder of manifests", metavar="DIR", default="desired-state")
    dialects: Path | None = optional_path("folder of your own dialects, *.json", metavar="DIR")
    state: str | None = optional_text(
        "database URL of audit trail, journal and outbox", metavar="URL", shown=DEFAULT_STATE
    )
    state_deadline: int = number(
        "how long that database has for each answer", metavar="SECONDS", default=30
    )
    secrets_dir: Path | None = optional_path(
        "folder for secrets given as {file: NAME}", metavar="DIR"
    )
    proxy: str | None = optional_text(
        "HTTP proxy; those of the environment are ignored", metavar="URL"
    )
    ca_bundle: Path | None = optional_path(
        "certificates to trust instead of certifi's", metavar="FILE"
    )
    log_format: LogFormat = choice("how log lines look on standard error", default=LogFormat.TEXT)
    verbose: int = count("log more; -vv everything", short="-v")
    quiet: bool = flag("say only errors and data", short="-q")
    no_color: bool = flag("no colours; also NO_COLOR, FORCE_COLOR")

    @property
    def state_url(self) -> str:
        """The URL of the state store, given or not."""
        return DEFAULT_STATE if self.state is None else self.state
