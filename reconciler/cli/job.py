"""What a job of GitHub Actions is told of a run: a summary for people, outputs for other steps.

Told by the files that GITHUB_STEP_SUMMARY and GITHUB_OUTPUT name; where they are not set, nothing.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.cli.exits import Exit, exit_code, word
from reconciler.cli.invocation import Invocation
from reconciler.errors import ManifestsInvalid, ReconcilerError
from reconciler.render.plain_text import counted

SUMMARY_LIMIT = 1_000_000
"""Bytes; a summary of more than 1 MiB is dropped by GitHub, all of it."""
_SUMMARY = "GITHUB_STEP_SUMMARY"
_LINES = 50  # of the problems of manifests


@dataclass(slots=True, kw_only=True)
class Told:
    """What is known so far; `changes` are those to make or made, None where nothing was planned."""

    code: int = Exit.ERROR
    changes: int | None = None
    digest: str | None = None
    summary: Callable[[], str] | None = None


@contextmanager
def telling_job(invocation: Invocation) -> Iterator[Told]:
    """Tell the job when the block ends or raises."""
    told = Told()
    try:
        yield told
    except ReconcilerError as error:
        told.code = exit_code(error)
        failure = failure_markdown(invocation.name, error)
        told.summary = told.summary or (lambda: failure)
        raise
    finally:
        _tell(invocation, told)


def add_summary(invocation: Invocation, markdown: Callable[[], str] | None) -> None:
    """Append to the summary of the step, made only where there is one; never raises."""
    if markdown is not None and invocation.settings.variable(_SUMMARY):
        _append(invocation, _SUMMARY, f"{markdown().strip()}\n\n")


def _tell(invocation: Invocation, told: Told) -> None:
    """Never raises: how the run itself ended says more, so a file that fails is a warning."""
    add_summary(invocation, told.summary)
    outputs = {
        "changes": None if told.changes is None else str(told.changes),
        "digest": told.digest,
        "exit-meaning": word(told.code),
    }
    _append(invocation, "GITHUB_OUTPUT", _written(outputs))


def failure_markdown(name: str, error: ReconcilerError) -> str:
    """A run that ended before there was anything to show."""
    from reconciler.render.markdown_text import WORDS, code

    lines = str(error).splitlines()
    shown = [f"- {code(line, WORDS)}" for line in lines[:_LINES]]
    if left := len(lines) - len(shown):
        shown.append(f"- and {counted(left, 'line')} more, in the log")
    what = "problems in the manifests" if isinstance(error, ManifestsInvalid) else "it failed"
    return "\n".join([f"### {name}: {what}", "", *shown])


def _written(outputs: Mapping[str, str | None]) -> str:
    """With a delimiter that no value can know, so that none can begin another output."""
    delimiter = f"end_{os.urandom(16).hex()}"
    return "".join(
        f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
        for name, value in outputs.items()
        if value is not None
    )


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
