"""What a command prints with `--format json` where it has no document of its own."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from reconciler.cli.console import Console
from reconciler.cli.invocation import Invocation
from reconciler.domain.documents import DiagnosticDocument
from reconciler.errors import ManifestsInvalid, ReconcilerError
from reconciler.render.output_json import closing, data_json, diagnostic, opening


class Output:
    """The envelope of one command; `wanted` is whether it is printed at all.

    Its diagnostics are the warnings and errors that the console was given, and those added here.
    """

    __slots__ = ("_console", "_shown", "diagnostics", "wanted")

    def __init__(self, console: Console, *, wanted: bool) -> None:
        self.wanted = wanted
        self.diagnostics: list[DiagnosticDocument] = []
        self._console = console
        self._shown = False

    def show(self, data: Mapping[str, object]) -> None:
        """Print the data, once; a member that is an iterator is printed item by item."""
        self._shown = True
        for piece in data_json(data):
            self._console.data(piece)

    def end(self, diagnostics: Iterable[DiagnosticDocument]) -> None:
        """Print the rest; null where there was no data."""
        if not self._shown:
            self._console.data("null")
        self._console.data(closing(diagnostics))


@contextmanager
def output_of(invocation: Invocation, *, wanted: bool) -> Iterator[Output]:
    """Print the envelope of the command where it is wanted, also when the block raises."""
    output = Output(invocation.console, wanted=wanted)
    if not wanted:
        yield output
        return
    invocation.console.data(opening(invocation.name))
    errors = []
    try:
        yield output
    except ReconcilerError as error:
        lines = error.lines if isinstance(error, ManifestsInvalid) else (str(error),)
        errors = [diagnostic("error", line) for line in lines]
        raise
    finally:
        heard = [diagnostic(severity, message) for severity, message in invocation.console.heard]
        output.end([*output.diagnostics, *heard, *errors])
