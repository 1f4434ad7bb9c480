"""The options of every command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.cli.options import (
    Kind,
    Need,
    Option,
    choice,
    count,
    flag,
    number,
    optional_path,
    optional_text,
    path,
    to_path,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_STATE = "sqlite:///.reconciler/state.db"


class LogFormat(StrEnum):
    """The forms of a log line."""

    TEXT = "text"
    JSON = "json"


class ColorWhen(StrEnum):
    """The times at which the settings file wants colours; `auto`: on a terminal."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


COLOR = Option(help="when to colour", kind=Kind.CHOICE, choices=ColorWhen, key="color")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CommonOptions:
    """The options of every command; not shown, for the URL of a proxy may hold a password."""

    chdir: str | None = optional_text(
        "run as if started in this folder: relative paths begin there", metavar="DIR", short="-C"
    )
    desired_state: Path = path(
        "folder of manifests", metavar="DIR", default="desired-state", need=Need.MANIFESTS
    )
    dialects: Path | None = optional_path(
        "folder of your own dialects, *.json", metavar="DIR", need=Need.DIALECTS
    )
    state: str | None = optional_text(
        "database URL of audit trail, journal and outbox",
        metavar="URL",
        shown=DEFAULT_STATE,
        need=Need.STORE,
    )
    state_deadline: int = number(
        "how long that database has for each answer",
        metavar="SECONDS",
        default=30,
        need=Need.STORE,
        key="deadlines.state",
    )
    secrets_dir: Path | None = optional_path(
        "folder for secrets given as {file: NAME}", metavar="DIR", need=Need.SECRETS
    )
    proxy: str | None = optional_text(
        "HTTP proxy; those of the environment are ignored", metavar="URL", need=Need.NETWORK
    )
    ca_bundle: Path | None = optional_path(
        "certificates to trust instead of certifi's", metavar="FILE", need=Need.NETWORK
    )
    log_format: LogFormat = choice(
        "how standard error looks; json logs as -v does", default=LogFormat.TEXT, key="formats.log"
    )
    verbose: int = count("log phases, requests and waits; -vv headers too", short="-v")
    quiet: bool = flag("say only errors and data; no progress", short="-q")
    no_color: bool = flag("no colours; also NO_COLOR, FORCE_COLOR", key=COLOR.key)

    @property
    def folder(self) -> Path:
        """The folder in which relative paths begin."""
        return to_path("" if self.chdir is None else self.chdir)

    @property
    def state_url(self) -> str:
        """The URL of the state store, given or not; what is relative in it begins in the folder."""
        from reconciler.adapters.database.address import begun_in

        return begun_in(self.folder, DEFAULT_STATE if self.state is None else self.state)
