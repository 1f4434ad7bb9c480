"""`validate`: check the manifests, offline, and what they break of those of a git ref."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from reconciler import __version__
from reconciler.adapters.git import Git, path_in_repository
from reconciler.adapters.manifests import Loaded, manifests_of
from reconciler.cli.commands.validate import FailOn, Options, ValidateFormat
from reconciler.cli.exits import Exit
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifest_loading import limits_of, load_desired, manifests_at
from reconciler.cli.output import Output, output_of
from reconciler.domain.documents import ValidateData
from reconciler.domain.problem import Problem, Severity
from reconciler.domain.rules.comparing import compare
from reconciler.render.plain_text import counted, visible
from reconciler.render.problems_github import problems_github
from reconciler.render.problems_json import problem_counts, problem_diagnostic
from reconciler.render.problems_sarif import problems_sarif
from reconciler.render.problems_text import problems_text


def validate(invocation: Invocation, options: Options) -> int:
    """Print every problem; 1 for errors, 6 where breaking changes or --fail-on refuse."""
    console = invocation.console
    with output_of(invocation, wanted=options.format is ValidateFormat.JSON) as output:
        loaded = load_desired(invocation, options.reading)
        breaking = _breaking(invocation, options, loaded)
        problems = tuple(sorted((*loaded.problems, *breaking)))
        _show(invocation, options.format, problems, loaded, output)
    if loaded.manifests is None:
        console.conclude(
            f"{counted(_count(loaded.problems, Severity.ERROR), 'error')} in the manifests"
        )
        return Exit.ERROR
    tenants, extensions = loaded.manifests.tenants, loaded.manifests.extensions
    console.say(
        f"{counted(len(tenants), 'tenant')} and {counted(len(extensions), 'extension')} "
        f"in {counted(loaded.files, 'file')}: valid"
    )
    if options.allow_breaking:
        breaking = ()
    if number := _count(breaking, Severity.ERROR):
        message = f"{counted(number, 'breaking change')}; give --allow-breaking where it is meant"
        console.conclude(message)
        return Exit.REFUSED
    match options.fail_on:
        case FailOn.ERROR:
            return Exit.WELL
        case FailOn.WARNING:
            warnings = _count((*loaded.problems, *breaking), Severity.WARNING)
            return Exit.REFUSED if warnings else Exit.WELL
        case _:
            assert_never(options.fail_on)


def _breaking(invocation: Invocation, options: Options, loaded: Loaded) -> tuple[Problem, ...]:
    """The problems of --against: what the manifests break of those of that ref."""
    ref, folder = options.against, invocation.common.desired_state
    if ref is None:
        return ()
    git, limits = Git.of(invocation.settings.environ), limits_of(options.reading)
    files, rows = manifests_at(git, folder, ref, limits)
    before, unread = manifests_of(files, limits.file_bytes, rows)
    for path in unread:
        message = f"{path} of {ref} is no manifest of today's format, and is not compared"
        invocation.console.complain(visible(message))
    if not files:
        message = f"{ref} has no manifests in {folder}: nothing was compared"
        invocation.console.complain(visible(message))
    if loaded.manifests is None:
        return ()  # half a folder would seem to have lost what is in the other half
    return compare(before, loaded.manifests, locate=loaded.locate)


def _data(loaded: Loaded, problems: Iterable[Problem]) -> ValidateData:
    manifests = loaded.manifests
    return {
        "files": loaded.files,
        "tenants": 0 if manifests is None else len(manifests.tenants),
        "extensions": 0 if manifests is None else len(manifests.extensions),
        "problems": problem_counts(problems),
    }


def _show(
    invocation: Invocation,
    wanted: ValidateFormat,
    problems: tuple[Problem, ...],
    loaded: Loaded,
    output: Output,
) -> None:
    console, folder = invocation.console, invocation.common.desired_state
    match wanted:
        case ValidateFormat.JSON:
            output.show(_data(loaded, problems))
            output.diagnostics.extend(map(problem_diagnostic, problems))
        case ValidateFormat.SARIF:
            rooted = _from_the_root(folder, problems)
            console.data(problems_sarif(rooted, version=__version__))
        case ValidateFormat.GITHUB:
            console.commands(problems_github(_from_the_root(folder, problems)))
        case ValidateFormat.TEXT:
            lines = loaded.sources.lines_of(problems)
            text = problems_text(problems, lines, paint=console.paint, width=console.width)
            console.text(text)
        case _:
            assert_never(wanted)


def _from_the_root(folder: Path, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems with paths as from the root of the repository, where GitHub looks for them."""
    above = path_in_repository(folder)
    if above is None:
        return tuple(problems)
    rooted = []
    for problem in problems:
        # Normalised, for dialects lie beside the folder.
        path = os.path.normpath(above / os.path.relpath(problem.place.path, folder))
        rooted.append(replace(problem, place=replace(problem.place, path=Path(path).as_posix())))
    return tuple(rooted)


def _count(problems: Iterable[Problem], severity: Severity) -> int:
    return sum(1 for problem in problems if problem.severity is severity)
