"""The table: figures beside what they must be and should be, as Markdown."""

from collections.abc import Mapping

from tests.bench.measuring import Figure
from tests.bench.rows import ROWS, Row, Unit

HEAD = ("what", "ours", "floor or peer", "ratio", "must", "goal", "held")
NOTHING = "–"


def value(row: Row, found: Figure) -> float:
    """What is compared with the bounds of the row."""
    if row.unit is Unit.MEMORY:
        return found.ours
    return 1 / found.ratio if row.faster else found.ratio


def holds(row: Row, found: Figure) -> bool:
    """Whether a row keeps what it must."""
    return row.held(value(row, found), row.must)


def cells(row: Row, found: Figure | None) -> tuple[str, ...]:
    """A line of the table."""
    return (
        f"{row.what}, {row.unit}",
        _amount(row, found.ours if found else None),
        f"{row.beside}: {_amount(row, found.beside if found else None)}",
        _ratio(row, found),
        _bound(row, row.must),
        _bound(row, row.goal),
        _verdict(row, found),
    )


def table_text(measured: Mapping[str, Figure]) -> str:
    """As Markdown, in columns: all rows, measured or not, in order."""
    lines = [HEAD, *(cells(row, measured.get(row.key)) for row in ROWS)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    shown = [" | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in (shown[0], rule, *shown[1:]))


def _amount(row: Row, value: float | None) -> str:
    if value is None:
        return NOTHING
    if row.unit is Unit.MEMORY:
        return f"{value:.0f} MiB"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def _ratio(row: Row, found: Figure | None) -> str:
    if found is None:
        return NOTHING
    return f"{1 / found.ratio:.1f} × faster" if row.faster else f"{found.ratio:.2f}"


def _bound(row: Row, bound: float) -> str:
    if row.faster:
        return f"≥ {bound:g} ×"
    return f"≤ {bound:g} MiB" if row.unit is Unit.MEMORY else f"≤ {bound:g}"


def _verdict(row: Row, found: Figure | None) -> str:
    if found is None:
        return "not measured"
    if row.held(value(row, found), row.goal):
        return "goal"
    return "yes" if holds(row, found) else "NO"
