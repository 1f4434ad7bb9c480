"""The script of a shell, made by shtab from the parser of arguments; it alone knows shtab."""

import argparse

import shtab

from reconciler.cli.commands.completion import Shell
from reconciler.cli.parsing import whole_parser

_BY_METAVAR = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}


def script_for(shell: Shell) -> str:
    """A script that needs nothing of this program when it completes."""
    parser = whole_parser()
    _complete_paths(parser)
    return shtab.complete(parser, shell=shell)


def _complete_paths(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                _complete_paths(each)
        elif found := _BY_METAVAR.get(str(action.metavar)):
            vars(action)["complete"] = found  # where shtab looks for it
