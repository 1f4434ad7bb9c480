"""docs/performance.md: the last table, and the machine it was measured on."""

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.measuring import Figure
from tests.bench.table import table_text

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def write_page(measured: Mapping[str, Figure]) -> None:
    """Put the table, the machine, the date and the commit between the marks of the page."""
    text = PAGE.read_text()
    part = f"{BEGIN}\n{machine()}\n\n{table_text(measured)}\n{END}"
    PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: part, text, flags=re.S))


def machine() -> str:
    """One line: when, which commit, and on what; no name of a host."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} at commit {commit}: {os.cpu_count()} cores, "
        f"{memory:.0f} GiB of memory, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}."
    )
