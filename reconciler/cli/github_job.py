"""The outputs of a job of GitHub Actions: a summary of the run for people, values for other steps.

They go to the files that GITHUB_STEP_SUMMARY and GITHUB_OUTPUT name; without them nothing happens.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from reconciler.adapters.clock import wall_time
from reconciler.cli.exits import Exit, exit_code, name_of
from reconciler.cli.invocation import Invocation
from reconciler.errors import ManifestsInvalid, ReconcilerError
from reconciler.render.plain_text import counted

if TYPE_CHECKING:  # most runs have nobody to write Markdown for
    from reconciler.render.origin import Origin

SUMMARY_LIMIT = 1_000_000
"""Bytes; a summary of more than 1 MiB is dropped by GitHub, all of it."""
_SUMMARY = "GITHUB_STEP_SUMMARY"
_LINES = 50  # of the problems of manifests


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class JobOutputs:
    """The outputs so far; `changes` counts those to make or made, None where none was planned."""

    code: int = Exit.ERROR
    changes: int | None = None
    digest: str | None = None
    summary: Callable[[], str] | None = None


@contextmanager
def job_outputs(invocation: Invocation) -> Iterator[JobOutputs]:
    """Write the outputs when the block ends or raises.

    Writing never raises: how the run itself ended says more, so a file that fails is a warning.
    """
    outputs = JobOutputs()
    try:
        yield outputs
    except ReconcilerError as error:
        outputs.code = exit_code(error)
        failure = failure_markdown(invocation.name, error)
        outputs.summary = outputs.summary or (lambda: failure)
        raise
    finally:
        add_summary(invocation, outputs.summary)
        values = {
            "changes": None if outputs.changes is None else str(outputs.changes),
            "digest": outputs.digest,
            "exit-meaning": name_of(outputs.code),
        }
        # No value can know the delimiter, so none can begin another output.
        delimiter = f"end_{os.urandom(16).hex()}"
        lines = (
            f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
            for name, value in values.items()
            if value is not None
        )
        _append(invocation, "GITHUB_OUTPUT", "".join(lines))


def origin_of(invocation: Invocation, commit: str | None) -> "Origin":
    """The origin of a plan that is made now, of that commit; outside of a job without links."""
    from reconciler.adapters.git import path_in_repository
    from reconciler.render.origin import Origin

    settings = invocation.settings
    page, folder = settings.repository_page(), path_in_repository(Path())
    files = None
    if page and commit and re.fullmatch("[0-9a-f]{40,64}", commit) and folder is not None:
        files = "/".join((page, "blob", commit, *map(quote, folder.parts)))
    at = f"{wall_time():%Y-%m-%d %H:%M} UTC"
    return Origin(at=at, run=settings.run_page(), files=files)


def add_summary(invocation: Invocation, markdown: Callable[[], str] | None) -> None:
    """Append to the summary of the step, made only where there is one; never raises."""
    if markdown is not None and invocation.settings.variable(_SUMMARY):
        _append(invocation, _SUMMARY, f"{markdown().strip()}\n\n")


def failure_markdown(name: str, error: ReconcilerError) -> str:
    """The summary of a run that ended before there was anything to show."""
    from reconciler.render.markdown_text import WORDS, code

    lines = str(error).splitlines()
    shown = [f"- {code(line, WORDS)}" for line in lines[:_LINES]]
    if more := len(lines) - len(shown):
        shown.append(f"- and {counted(more, 'line')} more, in the log")
    what = "problems in the manifests" if isinstance(error, ManifestsInvalid) else "it failed"
    return "\n".join([f"### {name}: {what}", "", *shown])


def _append(invocation: Invocation, variable: str, text: str) -> None:
    name = invocation.settings.variable(variable)
    if name is None:
        return
    try:
        with Path(name).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        invocation.console.complain(
            f"warning: the file of {variable} cannot be written: {error.strerror}"
        )
