"""Secrets told to a job's runner before they are first used, so that its log never shows them.

To tell one is to print it: only where a runner reads it, and takes the line away.
"""

import json
import os
import stat
from collections.abc import Callable, Iterator
from threading import Lock
from urllib.parse import quote_plus

from reconciler.adapters.settings import Settings
from reconciler.cli.console import show_command
from reconciler.domain.secret import Secret
from reconciler.render.problems_github import data

_SHORTEST = 4  # characters; to black out less would spoil the log and tell how long it is


class Masks:
    """Each secret once, with the forms in which it travels; `tell` takes a line, None is silent."""

    def __init__(self, tell: Callable[[str], None] | None) -> None:
        self._tell = tell
        self._told: set[str] = set()
        self._lock = Lock()

    @classmethod
    def of_process(cls, settings: Settings) -> "Masks":
        """Silent unless this is a job of GitHub Actions whose runner reads standard error."""
        return cls(show_command if settings.in_github_job and _a_runner_reads() else None)

    def __call__(self, secret: Secret) -> None:
        """Have it masked; whoever calls does so before the secret is used."""
        if self._tell is None:
            return
        with self._lock:
            for form in _forms(secret.reveal()):
                if form not in self._told:
                    self._told.add(form)
                    self._tell(f"::add-mask::{data(form)}\n")


def _forms(value: str) -> Iterator[str]:
    """As it is, line by line; as in JSON and in a form; without the name of its kind."""
    parts = [value.removeprefix("whsec_"), *value.splitlines()]
    for part in map(str.strip, parts):
        for form in (part, json.dumps(part)[1:-1], quote_plus(part)):
            if len(form) >= _SHORTEST and "\n" not in form:
                yield form


def _a_runner_reads() -> bool:
    """Whether standard error is a pipe of its own, as runners make one.

    A file or a terminal is none; and where both streams are one pipe, somebody wrote `2>&1` and
    may keep what comes: `2>&1 | tee build.log`.
    """
    try:
        out, err = os.fstat(1), os.fstat(2)
    except OSError:
        return False  # closed
    return stat.S_ISFIFO(err.st_mode) and (out.st_dev, out.st_ino) != (err.st_dev, err.st_ino)
