"""One call of the program, as every command gets it."""

from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.settings import Settings
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.console import Console
from reconciler.occurrences import Observe


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Invocation:
    """The name of the command, the options of every command, and the ways to the outside.

    `observe` gets what happens to tenants as the command runs; `observe_traffic` gets requests and
    what belongs to them, and is None where nobody wants to know.
    """

    name: str
    run_id: str
    common: CommonOptions
    settings: Settings
    console: Console
    observe: Observe
    observe_traffic: Observe | None

    def command(self, name: str, file: Path) -> str:
        """A command line for the same folder; `file` is one of this run's options or arguments."""
        import shlex  # most runs offer no command

        folder = self.common.folder
        inside = file.relative_to(folder) if file.is_relative_to(folder) else file
        place = () if self.common.chdir is None else ("-C", str(folder))
        return shlex.join(("reconciler", *place, name, str(inside)))
