"""Print a script by which a shell completes commands, options and their values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.cli.exits import Exit
from reconciler.cli.options import choice_argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


class Shell(StrEnum):
    """The shells that there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `completion`."""

    shell: Shell = choice_argument("which", of=Shell)


def run(invocation: Invocation, options: Options) -> int:
    """Print the script; where it goes stands in its first lines."""
    from reconciler.cli.completion import script_for

    invocation.console.data(script_for(options.shell))
    return Exit.WELL
