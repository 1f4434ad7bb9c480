"""`validate`: check the manifests, offline, and what they break of those of a git ref."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from reconciler import __version__
from reconciler.adapters.git import files_at, path_in_repository
from reconciler.adapters.manifest_files import ManifestFile, is_manifest
from reconciler.adapters.manifests import Loaded, extensions_of
from reconciler.cli.exits import Exit
from reconciler.cli.main import Invocation
from reconciler.cli.manifests import folder_of, limits_of, load_desired
from reconciler.domain.compatibility import compare
from reconciler.domain.manifest import Manifests
from reconciler.domain.problem import Place, Problem, Severity
from reconciler.render.plain_text import counted, visible
from reconciler.render.problems_github import problems_github
from reconciler.render.problems_json import problems_json
from reconciler.render.problems_sarif import problems_sarif
from reconciler.render.problems_text import problems_text


def run(invocation: Invocation) -> int:
    """Print every problem; 1 for errors, 6 where only what was asked to count objects."""
    loaded = load_desired(invocation)
    breaking = _breaking(invocation, loaded)
    problems = tuple(sorted((*loaded.problems, *breaking)))
    _print(invocation, problems, loaded)
    if loaded.manifests is None:
        errors = _count(loaded.problems, Severity.ERROR)
        invocation.console.complain(f"{counted(errors, 'error')} in the manifests")
        return Exit.ERROR
    _say_valid(invocation, loaded.manifests, loaded.files)
    return _verdict(invocation, loaded.problems, breaking)


def _breaking(invocation: Invocation, loaded: Loaded) -> tuple[Problem, ...]:
    """What the manifests break of those of --against; nothing where there is no such option."""
    ref = invocation.arguments.text("against")
    if ref is None:
        return ()
    most = limits_of(invocation).file_bytes
    files = files_at(folder_of(invocation), ref, wanted=is_manifest, most=most)
    before, unread = extensions_of((ManifestFile(path, data) for path, data in files), most)
    for path in unread:
        told = f"{path} of {ref} is no manifest of today's format, and is not compared"
        invocation.console.complain(visible(told))
    if not files:
        told = f"{ref} has no manifests in {folder_of(invocation)}: nothing was compared"
        invocation.console.complain(visible(told))
    if loaded.manifests is None:
        return ()
    return compare(before, loaded.manifests, locate=loaded.locate)


def _print(invocation: Invocation, problems: tuple[Problem, ...], loaded: Loaded) -> None:
    console = invocation.console
    match invocation.arguments.text("format"):
        case "json":
            console.data(problems_json(problems, version=__version__))
        case "sarif":
            rooted = _from_the_root(folder_of(invocation), problems)
            console.data(problems_sarif(rooted, version=__version__))
        case "github":
            console.commands(problems_github(_from_the_root(folder_of(invocation), problems)))
        case _:
            lines = loaded.sources.lines_of(problems)
            console.data(problems_text(problems, lines, paint=console.paint))


def _from_the_root(folder: Path, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """With paths as from the root of the repository, which is where GitHub looks for them."""
    above = path_in_repository(folder)
    if above is None:
        return tuple(problems)
    return tuple(replace(p, place=_under(above, p.place, folder)) for p in problems)


def _under(above: Path, place: Place, folder: Path) -> Place:
    return replace(place, path=(above / os.path.relpath(place.path, folder)).as_posix())


def _say_valid(invocation: Invocation, manifests: Manifests, files: int) -> None:
    invocation.console.say(
        f"{counted(len(manifests.tenants), 'tenant')} and "
        f"{counted(len(manifests.extensions), 'extension')} "
        f"in {counted(files, 'file')}: valid"
    )


def _verdict(
    invocation: Invocation, problems: Iterable[Problem], breaking: Iterable[Problem]
) -> int:
    allowed = invocation.arguments.flag("allow_breaking")
    strict = invocation.arguments.text("fail_on") == "warning"
    if not allowed and (number := _count(breaking, Severity.ERROR)):
        told = f"{counted(number, 'breaking change')}; give --allow-breaking where it is meant"
        invocation.console.complain(told)
        return Exit.REFUSED
    counting = [*problems, *(() if allowed else breaking)]
    return Exit.REFUSED if strict and _count(counting, Severity.WARNING) else Exit.WELL


def _count(problems: Iterable[Problem], severity: Severity) -> int:
    return sum(1 for problem in problems if problem.severity is severity)
