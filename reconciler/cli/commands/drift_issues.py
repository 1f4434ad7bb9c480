"""One issue on GitHub for each tenant with drift: opened, updated and closed."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.options import optional_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `drift-issues`."""

    plan: Path | None = optional_path("what plan --out saved", metavar="FILE")


def run(invocation: Invocation, options: Options) -> int:
    """Open, update and close our issues; say how the fleet is, also when all is well."""
    from reconciler.cli.drift_issues import follow_drift

    return follow_drift(invocation, options)
