"""One call of the program, as every command gets it."""

from dataclasses import dataclass

from reconciler.adapters.settings import Settings
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.console import Console
from reconciler.occurrences import Observe, unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The name of the command, the options of every command, and the ways to the outside.

    `observe` gets what happens as the command runs.
    """

    name: str
    common: CommonOptions
    settings: Settings
    console: Console
    observe: Observe = unobserved
