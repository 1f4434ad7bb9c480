"""`make bench`: prints the table of docs/performance.md anew; 1 where a row misses its must.

Contenders take turns, and each cost is the median of the rounds.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from fnmatch import fnmatch
from pathlib import Path

from tests.bench.contests import CONTESTS, LARGE, NotHeld
from tests.bench.measuring import Figure, tell
from tests.bench.page import write_page
from tests.bench.rows import ROWS
from tests.bench.table import holds, table_text
from tests.bench.worlds import World
from tests.support.fleet.service import running

VERY_LARGE = ("memory-10000", "shards")


def main(arguments: Iterable[str]) -> int:
    options = parser().parse_args([*arguments])
    wanted = [name for name in CONTESTS if _wanted(name, options)]
    measured: dict[str, Figure] = {}
    with ExitStack() as stack:
        service = stack.enter_context(running())
        for name in wanted:
            tell(f"{name} …")
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            try:
                contest = CONTESTS[name](World(folder, service, stack))
            except NotHeld as error:
                tell(f"  not measured: {error}")
                continue
            measured |= contest.held(1 if options.quick else options.rounds)
    tell("")
    tell(table_text(measured))
    if options.write:
        write_page(measured)
    missed = [row for row in ROWS if row.key in measured and not holds(row, measured[row.key])]
    for row in missed:
        tell(f"MISSED: {row.what}, beside {row.beside}")
    return 1 if missed else 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="make bench", description=__doc__)
    made.add_argument("--rounds", type=int, default=5, help="how often contenders take turns")
    made.add_argument("--quick", action="store_true", help="one round, and no large fleets")
    made.add_argument("--only", action="append", help="contests to hold, as a glob; repeatable")
    made.add_argument("--ten-thousand", action="store_true", help="a plan of 10,000 as well")
    made.add_argument("--write", action="store_true", help="write docs/performance.md anew")
    return made


def _wanted(name: str, options: argparse.Namespace) -> bool:
    if options.only:
        return any(fnmatch(name, glob) for glob in options.only)
    if options.quick and name in LARGE:
        return False
    return name not in VERY_LARGE or options.ten_thousand


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
