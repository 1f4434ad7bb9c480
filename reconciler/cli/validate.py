"""`validate`: check the manifests, offline, and what they break of those of a git ref."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from reconciler import __version__
from reconciler.adapters.git import files_at, path_in_repository
from reconciler.adapters.manifest_files import ManifestFile, is_manifest
from reconciler.adapters.manifests import Loaded, extensions_of
from reconciler.cli.commands.validate import FailOn, Options, ValidateFormat
from reconciler.cli.exits import Exit
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifests import limits_of, load_desired
from reconciler.domain.manifest import Manifests
from reconciler.domain.problem import Place, Problem, Severity
from reconciler.domain.rules import compare
from reconciler.render.plain_text import counted, visible
from reconciler.render.problems_github import problems_github
from reconciler.render.problems_json import problems_json
from reconciler.render.problems_sarif import problems_sarif
from reconciler.render.problems_text import problems_text


def validate(invocation: Invocation, options: Options) -> int:
    """Print every problem; 1 for errors, 6 where only what was asked to count objects."""
    loaded = load_desired(invocation, options.reading)
    breaking = _breaking(invocation, options, loaded)
    problems = tuple(sorted((*loaded.problems, *breaking)))
    _print(invocation, options.format, problems, loaded)
    if loaded.manifests is None:
        errors = _count(loaded.problems, Severity.ERROR)
        invocation.console.complain(f"{counted(errors, 'error')} in the manifests")
        return Exit.ERROR
    _say_valid(invocation, loaded.manifests, loaded.files)
    return _verdict(invocation, options, loaded.problems, breaking)


def _breaking(invocation: Invocation, options: Options, loaded: Loaded) -> tuple[Problem, ...]:
    """What the manifests break of those of --against; nothing where there is no such option."""
    ref, folder = options.against, invocation.common.desired_state
    if ref is None:
        return ()
    most = limits_of(options.reading).file_bytes
    files = files_at(folder, ref, wanted=is_manifest, most=most)
    before, unread = extensions_of((ManifestFile(path, data) for path, data in files), most)
    for path in unread:
        told = f"{path} of {ref} is no manifest of today's format, and is not compared"
        invocation.console.complain(visible(told))
    if not files:
        told = f"{ref} has no manifests in {folder}: nothing was compared"
        invocation.console.complain(visible(told))
    if loaded.manifests is None:
        return ()
    return compare(before, loaded.manifests, locate=loaded.locate)


def _print(
    invocation: Invocation, wanted: ValidateFormat, problems: tuple[Problem, ...], loaded: Loaded
) -> None:
    console, folder = invocation.console, invocation.common.desired_state
    match wanted:
        case ValidateFormat.JSON:
            console.data(problems_json(problems, version=__version__))
        case ValidateFormat.SARIF:
            rooted = _from_the_root(folder, problems)
            console.data(problems_sarif(rooted, version=__version__))
        case ValidateFormat.GITHUB:
            console.commands(problems_github(_from_the_root(folder, problems)))
        case ValidateFormat.TEXT:
            lines = loaded.sources.lines_of(problems)
            console.data(problems_text(problems, lines, paint=console.paint))
        case _:
            assert_never(wanted)


def _from_the_root(folder: Path, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """With paths as from the root of the repository, which is where GitHub looks for them."""
    above = path_in_repository(folder)
    if above is None:
        return tuple(problems)
    return tuple(replace(p, place=_under(above, p.place, folder)) for p in problems)


def _under(above: Path, place: Place, folder: Path) -> Place:
    path = os.path.normpath(above / os.path.relpath(place.path, folder))  # dialects lie beside it
    return replace(place, path=Path(path).as_posix())


def _say_valid(invocation: Invocation, manifests: Manifests, files: int) -> None:
    invocation.console.say(
        f"{counted(len(manifests.tenants), 'tenant')} and "
        f"{counted(len(manifests.extensions), 'extension')} "
        f"in {counted(files, 'file')}: valid"
    )


def _verdict(
    invocation: Invocation,
    options: Options,
    problems: Iterable[Problem],
    breaking: Iterable[Problem],
) -> int:
    allowed = options.allow_breaking
    if not allowed and (number := _count(breaking, Severity.ERROR)):
        told = f"{counted(number, 'breaking change')}; give --allow-breaking where it is meant"
        invocation.console.complain(told)
        return Exit.REFUSED
    counting = [*problems, *(() if allowed else breaking)]
    match options.fail_on:
        case FailOn.ERROR:
            return Exit.WELL
        case FailOn.WARNING:
            return Exit.REFUSED if _count(counting, Severity.WARNING) else Exit.WELL
        case _:
            assert_never(options.fail_on)


def _count(problems: Iterable[Problem], severity: Severity) -> int:
    return sum(1 for problem in problems if problem.severity is severity)
