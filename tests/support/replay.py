"""Runs one seed again: `python -m tests.support.replay tests.test_simulation:schedule 7`."""

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
    def reported(seed: int, /, *arguments: P.args, **named: P.kwargs) -> T:
        with _Telling(command(run, seed)):
            return run(seed, *arguments, **named)

    return reported


class _Telling:
    """Adds the line to whatever ends the block."""

    def __init__(self, line: str) -> None:
        self._line = line

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        if error is not None:
            error.add_note(f"again: {self._line}")


def command(run: Callable[Concatenate[int, P], T], seed: int) -> str:
    return f".venv/bin/python -m tests.support.replay {run.__module__}:{run.__name__} {seed}"


def main(what: str, seed: str) -> None:
    """Run it, and let it fail as it does."""
    module, _, name = what.partition(":")
    getattr(importlib.import_module(module), name)(int(seed))


if __name__ == "__main__":
    main(*sys.argv[1:])
