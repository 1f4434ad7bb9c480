"""`fmt`: manifests in the canonical layout, each file on its own."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from reconciler.adapters.manifest_files import (
    SUFFIXES,
    is_folder,
    read_file,
    read_files,
    shown,
)
from reconciler.adapters.manifests.quoting import lines_hidden
from reconciler.adapters.yaml_layout import Layout, layout_of
from reconciler.adapters.yaml_reader import read
from reconciler.cli.commands.fmt import Options
from reconciler.cli.exits import Exit
from reconciler.cli.files import write_file
from reconciler.cli.invocation import Invocation
from reconciler.cli.output import output_of
from reconciler.cli.shared_options import TextOrJson
from reconciler.domain.documents import ReformattedDocument
from reconciler.domain.problem import Place, Problem
from reconciler.domain.rules.reading import FILE
from reconciler.errors import UsageError
from reconciler.render.difference_text import difference_text
from reconciler.render.paint import Paint
from reconciler.render.plain_text import counted, visible
from reconciler.render.problems_json import problem_diagnostic

_LEFT_ALONE = (".json",)
_STANDARD_INPUT = "-"


def fmt(invocation: Invocation, options: Options) -> int:
    """Lay the files out; 1 where one stays as it is for a problem, 2 where --check finds one."""
    if _STANDARD_INPUT in options.path:
        return _fmt_standard_input(invocation, options)
    console = invocation.console
    problems: list[Problem] = []
    with output_of(invocation, wanted=options.format is TextOrJson.JSON) as output:
        paint = Paint() if output.wanted else console.paint
        changed = _changed(invocation, options, paint, problems)
        if output.wanted:
            listed = list(changed)
            output.show({"written": not options.check, "changed": listed})
            output.diagnostics.extend(map(problem_diagnostic, problems))
        else:
            listed = []
            for each in changed:
                listed.append(each)
                console.data(f"{visible(each['path'])}\n{each['diff'] or ''}")
    if not output.wanted:
        for problem in problems:
            console.complain(visible(problem))
    if problems:
        console.conclude(
            f"{counted(len(problems), 'problem')}; the files that have them stay as they are"
        )
        return Exit.ERROR
    if options.check and listed:
        console.conclude(f"{counted(len(listed), 'file')} would change: run `reconciler fmt`")
        return Exit.NOT_CANONICAL
    return Exit.WELL


def _fmt_standard_input(invocation: Invocation, options: Options) -> int:
    """Write the text laid out, or with --diff what changes in it, and with --check neither."""
    if len(options.path) > 1 or options.format is TextOrJson.JSON:
        raise UsageError("- is standard input, and stands alone: give no other path or format")
    console, path = invocation.console, Path("<stdin>")
    data = sys.stdin.buffer.read(_most(options) + 1)
    layout = layout_of(data, str(path), most=_most(options))
    for problem in layout.problems:
        console.complain(visible(problem))
    if layout.problems:
        return Exit.ERROR
    if options.diff:
        console.data(_difference(path, layout, console.paint))
    elif not options.check:
        console.data(layout.after)
    if options.check and layout.before != layout.after:
        console.conclude(f"{path} would change")
        return Exit.NOT_CANONICAL
    return Exit.WELL


def _changed(
    invocation: Invocation, options: Options, paint: Paint, problems: list[Problem]
) -> Iterator[ReformattedDocument]:
    """Each file whose layout is another one, once it is written; adds to the problems."""
    for path, data in _files(invocation, options, problems):
        layout = layout_of(data, shown(path), most=_most(options))
        problems += layout.problems
        if layout.before == layout.after:
            continue
        if not options.check:
            try:
                write_file(path, layout.after)
            except UsageError as error:
                problems.append(FILE.problem(Place(shown(path)), str(error)))
                continue
        difference = _difference(path, layout, paint) if options.diff else None
        yield {"path": shown(path), "diff": difference}


def _most(options: Options) -> int:
    return options.reading.max_file_kib * 1024


def _files(
    invocation: Invocation, options: Options, problems: list[Problem]
) -> Iterator[tuple[Path, bytes]]:
    """Each YAML file that is named, or is a manifest below a folder that is; each once."""
    folder, reading = invocation.common.desired_state, options.reading
    seen: set[str] = set()
    named = [invocation.common.folder / name for name in options.path]
    for path in named or [folder]:
        if is_folder(path):
            found, faults = read_files(
                path,
                most=_most(options) + 1,
                total=reading.max_total_mib * 1024 * 1024,
                count=reading.max_documents,
            )
            problems += faults
            files = [(Path(file.path), file.data) for file in found]
        else:
            data = _named(path, folder, _most(options) + 1)
            if isinstance(data, str):
                problems.append(FILE.problem(Place(shown(path)), data))
                continue
            files = [(path, data)]
        for file, data in files:
            real = os.path.realpath(file)
            if real not in seen and file.suffix not in _LEFT_ALONE:
                seen.add(real)
                yield file, data


def _named(path: Path, folder: Path, most: int) -> bytes | str:
    """The bytes of a file that is named, or why it is not read; a link stays inside its folder."""
    if not os.path.lexists(path):
        return "no such file or folder"
    if not path.name.endswith(SUFFIXES):
        return "no YAML by its name, which has to end in .yaml or .yml"
    above = os.path.realpath(folder)
    is_below = Path(os.path.normpath(path.absolute())).is_relative_to(above)
    return read_file(path, above if is_below else os.path.realpath(path.parent), most)


def _difference(path: Path, layout: Layout, paint: Paint) -> str:
    hidden = frozenset[str]().union(
        *(
            lines_hidden(read(text.encode(), "", most=len(text.encode())).documents, text)
            for text in (layout.before, layout.after)
        )
    )
    return difference_text(path, layout.before, layout.after, paint=paint, hidden=hidden)
