"""Runs one seed again: `python -m tests.replay tests.test_simulation:schedule 7`."""

import importlib
import sys
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


Seeded = Callable[Concatenate[int, P], T]


def repeatable(run: Seeded[P, T]) -> Seeded[P, T]:
    """A function of a seed that, when it fails, says by which line of a shell to run it again."""

    @wraps(run)
    def told(seed: int, /, *arguments: P.args, **named: P.kwargs) -> T:
        try:
            return run(seed, *arguments, **named)
        except BaseException as error:
            error.add_note(f"again: {command(run, seed)}")
            raise

    return told


def command(run: Callable[Concatenate[int, P], T], seed: int) -> str:
    return f".venv/bin/python -m tests.replay {run.__module__}:{run.__name__} {seed}"


def main(what: str, seed: str) -> None:
    """Run it, and let it fail as it does."""
    module, _, name = what.partition(":")
    getattr(importlib.import_module(module), name)(int(seed))


if __name__ == "__main__":
    main(*sys.argv[1:])
