"""Secrets made known to a job's runner before they are first used: its log never shows them."""

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

_SHORTEST = 4  # characters; to black out less would spoil the log and show how long it is


class Masks:
    """The masks of all secrets, each form once; `print_line` is None where nothing is masked."""

    def __init__(self, print_line: Callable[[str], None] | None) -> None:
        self._print_line = print_line
        self._masked: set[str] = set()
        self._lock = Lock()  # tenants are read in parallel, and have secrets in common

    @classmethod
    def of_process(cls, settings: Settings) -> "Masks":
        """The masks of a job of GitHub Actions whose runner reads standard error; else none."""
        # To mask a secret is to print it: only where a runner reads the line and takes it away
        # (docs/decisions.md, "A secret is printed to be masked, and only to a runner").
        return cls(show_command if settings.in_github_job and _a_runner_reads() else None)

    def __call__(self, secret: Secret) -> None:
        """Have it masked; the caller does so before the secret is used."""
        if self._print_line is None:
            return
        with self._lock:
            for form in _forms(secret.reveal()):
                if form not in self._masked:
                    self._masked.add(form)
                    self._print_line(f"::add-mask::{data(form)}\n")


def _forms(value: str) -> Iterator[str]:
    """The forms in which a secret travels: line by line, as in JSON and as in a form."""
    # Without the prefix of a webhook's secret as well: what is signed with is the rest of it. A
    # runner masks by line, so a key in PEM is masked by each of its lines.
    parts = [value.removeprefix("whsec_"), *value.splitlines()]
    for part in map(str.strip, parts):
        for form in (part, json.dumps(part)[1:-1], quote_plus(part)):
            if len(form) >= _SHORTEST and "\n" not in form:
                yield form


def _a_runner_reads() -> bool:
    """Test whether standard error is a pipe of its own, as runners make one."""
    try:
        out, err = os.fstat(1), os.fstat(2)
    except OSError:
        return False  # closed
    # A file or a terminal is no pipe; and where both streams are one pipe, somebody wrote `2>&1`
    # and may keep what comes: `2>&1 | tee build.log`.
    return stat.S_ISFIFO(err.st_mode) and (out.st_dev, out.st_ino) != (err.st_dev, err.st_ino)
