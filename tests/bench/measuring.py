"""What a command costs as a whole process, and medians of contenders that take turns."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# A process counts the memory of whoever starts it as its own peak, so somebody small starts it.
_LAUNCHER = """
import json, os, sys, time
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
begun = time.monotonic()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(child, 0)
wall = time.monotonic() - begun
code = os.waitstatus_to_exitcode(status)
json.dump([code, usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss], sys.stdout)
"""
_LONGEST = 1800  # seconds


@dataclass(frozen=True)
class Cost:
    """Seconds of processor time (user and system), of the clock, and the peak of memory in MiB."""

    cpu: float
    wall: float
    memory: float


@dataclass(frozen=True)
class Command:
    """A process to be measured; `before` makes the world as it has to be, and is not measured."""

    words: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None

    def run(self) -> None:
        """Run it, and do not measure it."""
        self.cost()

    def cost(self) -> Cost:
        """Run it to its end, which has to be a good one."""
        self.before()
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *self.words],
            cwd=self.folder,
            env={**_kept(), **self.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST,
        )
        code, cpu, wall, peak = json.loads(done.stdout or "[1, 0, 0, 0]")
        if code != 0:
            raise SystemExit(
                f"{' '.join(self.words)[:200]} ended with {code}: {done.stderr[-2000:]}"
            )
        return Cost(cpu, wall, peak / (1024 if sys.platform != "darwin" else 1024**2))


def _kept() -> dict[str, str]:
    """An environment of our own: no option of the program, no proxy and no colour from outside."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


Round = Mapping[str, Cost]


@dataclass(frozen=True)
class Figure:
    """One value of a row in one round; `beside` is what it is divided by, None for nothing."""

    ours: float
    beside: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.beside is None else self.ours / self.beside


@dataclass(frozen=True)
class Contest:
    """Commands that take turns, and the figures of rows, by key, that a round of them makes."""

    commands: Mapping[str, Command]
    figures: Callable[[Round], Mapping[str, Figure]]
    rounds: int | None = None  # where the usual number would be too few, or too many

    def rounds_of(self, usual: int) -> Iterator[Mapping[str, Figure]]:
        """The figures of each round; `usual` 1 is a quick look."""
        number = usual if self.rounds is None or usual == 1 else self.rounds
        for each in range(1, number + 1):
            costs = {}
            for name, command in self.commands.items():
                costs[name] = cost = command.cost()
                tell(
                    f"  {each}/{number}  {name:44} {cost.cpu:8.2f} s CPU {cost.wall:8.2f} s "
                    f"{cost.memory:6.0f} MiB"
                )
            yield self.figures(costs)


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
