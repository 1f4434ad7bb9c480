"""The envelope of `--format json`, in pieces: what it holds may be long, or end with an error."""

from collections.abc import Iterable, Iterator, Mapping

from reconciler.domain.documents import DiagnosticDocument, SeverityWord
from reconciler.errors import ReconcilerError
from reconciler.render.json_text import indented


def opening(command: str) -> str:
    """The envelope up to its data."""
    return f'{{\n  "format_version": "1.0",\n  "command": {indented(command)},\n  "data": '


def data_json(data: Mapping[str, object]) -> Iterator[str]:
    """The data; a member that is an iterator is a list, of which one item at a time is made."""
    separator = "{"
    try:
        for name, value in data.items():
            yield f"{separator}\n    {indented(name)}: "
            separator = ","
            if isinstance(value, Iterator):
                yield from _list(value)
            else:
                yield _moved(value, 4)
    except ReconcilerError:  # the diagnostics follow, and say so
        yield "\n  }"
        raise
    yield "\n  }"


def closing(diagnostics: Iterable[DiagnosticDocument]) -> str:
    """The diagnostics, and the end of the envelope."""
    return f',\n  "diagnostics": {_moved(list(diagnostics), 2)}\n}}\n'


def diagnostic(severity: SeverityWord, message: str) -> DiagnosticDocument:
    """A warning or an error that is about no place in a file."""
    return {
        "severity": severity,
        "message": message,
        "rule": None,
        "path": None,
        "line": None,
        "column": None,
        "recipe": None,
        "consumers": [],
    }


def _list(items: Iterator[object]) -> Iterator[str]:
    separator = "["
    try:
        for item in items:
            yield f"{separator}\n      {_moved(item, 6)}"
            separator = ","
    except ReconcilerError:
        yield _end(separator)
        raise
    yield _end(separator)


def _end(separator: str) -> str:
    return "[]" if separator == "[" else "\n    ]"


def _moved(value: object, columns: int) -> str:
    return indented(value).replace("\n", "\n" + " " * columns)
