"""What a command costs as a whole process, and medians of contenders that take turns."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path
from statistics import median

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


Costs = Mapping[str, Cost]


@dataclass(frozen=True)
class Figure:
    """What a row shows: a value of ours, and that of the floor or peer, which it is divided by."""

    ours: float
    beside: float

    @property
    def ratio(self) -> float:
        return self.ours / self.beside


@dataclass(frozen=True)
class Contest:
    """Commands that take turns, and the figures of rows, by key, that their costs make."""

    commands: Mapping[str, Command]
    figures: Callable[[Costs], Mapping[str, Figure]]
    rounds: int | None = None  # where the usual number would be too few, or too many

    def held(self, usual: int) -> Mapping[str, Figure]:
        """The figures, from the medians of so many rounds; `usual` 1 is a quick look."""
        number = usual if self.rounds is None or usual == 1 else self.rounds
        costs: dict[str, list[Cost]] = {name: [] for name in self.commands}
        for each in range(1, number + 1):
            for name, command in self.commands.items():
                cost = command.cost()
                costs[name].append(cost)
                tell(
                    f"  {each}/{number}  {name:44} {cost.cpu:8.2f} s CPU {cost.wall:8.2f} s "
                    f"{cost.memory:6.0f} MiB"
                )
        return self.figures({name: _median(found) for name, found in costs.items()})


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(median(each) for each in zip(*map(astuple, costs), strict=True)))


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
