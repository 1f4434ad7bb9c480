"""One tenant of the plan document → its row of the table and its collapsed section, in Markdown."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.domain.documents import ChangeDocument, DifferenceDocument, Kind, TenantDocument
from reconciler.render.fitting import Cut, Part
from reconciler.render.markdown_text import code, fence, tagged
from reconciler.render.phrases import (
    Category,
    attribute_line,
    category_of,
    category_text,
    created_attributes,
    drift_words,
    impact_line,
    room_line,
    source_of,
)
from reconciler.render.phrases import value_words as value

COLUMNS: tuple[Category, ...] = ("create", "update", "in-sync", "drifted", "blocked")
TABLE_HEAD = (
    "| tenant | add | change | in sync | drifted | blocked | risk |\n"
    "| :-- | --: | --: | --: | --: | --: | :-- |\n"
)
GRAVE: tuple[Kind, ...] = ("exposing", "narrowing")
_NOT_IN_SYNC: tuple[Category, ...] = ("create", "update", "drifted", "blocked")
_SIGNS: dict[Category, str] = {
    "create": "+", "update": "!", "in-sync": "=", "excluded": "=", "drifted": "!", "blocked": "!",
}  # fmt: skip
_DETAILS: dict[Category, Cut] = {"create": Cut.CREATES, "update": Cut.UPDATES}  # else Cut.DRIFT


def counts_of(tenant: TenantDocument) -> Counter[Category]:
    """How many changes of each kind."""
    return Counter(category_of(change) for change in tenant["changes"])


def row(tenant: TenantDocument) -> Part:
    """Its row; one that is in sync goes first when there is too much."""
    counts = counts_of(tenant)
    name = code(tenant["name"])
    if tenant["error"] is not None:
        return _leaving(f"| {name} | | | | | | not readable |\n", Cut.GRAVE_ROWS)
    text = table_row(name, counts, _risk(tenant))
    if _grave(tenant):
        return _leaving(text, Cut.GRAVE_ROWS)
    return _leaving(text, Cut.IN_SYNC if _quiet(counts) else Cut.ROWS)


def table_row(name: str, counts: Counter[Category], risk: str) -> str:
    """A line of the table; a name has to be safe."""
    numbers = " | ".join(str(counts[column] or "") for column in COLUMNS)
    return f"| {name} | {numbers} | {risk} |\n"


def section(tenant: TenantDocument) -> Part:
    """Its section, which a cut makes shorter or takes away as a whole."""
    lines = tuple(_lines(tenant))
    concerned = {line.cut for line in lines}
    last = Cut.GRAVE_SECTIONS if _grave(tenant) else Cut.SECTIONS
    # Texts, for the documents of a large fleet do not fit into memory together.
    left = {cut: _section(tenant, lines, cut) for cut in Cut if cut in concerned}
    return Part(_section(tenant, lines, None), (left | {last: ""}).get)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a diff, and the cut that takes it away; None where it stays with the section."""

    text: str
    cut: Cut | None = None


def _leaving(text: str, at: Cut) -> Part:
    def shorter(cut: Cut) -> str | None:
        return "" if cut is at else None

    return Part(text, shorter)


def _quiet(counts: Counter[Category]) -> bool:
    return not any(counts[category] for category in _NOT_IN_SYNC)


def _grave(tenant: TenantDocument) -> bool:
    """Whether it stays as long as it can: something is blocked or risky, or it was not readable."""
    blocked = any(change["action"] == "blocked" for change in tenant["changes"])
    return tenant["error"] is not None or blocked or bool(_risk(tenant))


def _risk(tenant: TenantDocument) -> str:
    """The kinds of its changes; what is only additive risks nothing."""
    found = {kind for change in tenant["changes"] for kind in change["kinds"]}
    return ", ".join(kind for kind in GRAVE if kind in found)


def _section(tenant: TenantDocument, lines: tuple[_Line, ...], cut: Cut | None) -> str:
    left = [line.text for line in lines if line.cut is None or cut is None or line.cut > cut]
    if not left and lines:
        return ""
    shortened = "" if len(left) == len(lines) else ", shortened"
    facts = ", ".join(
        fact
        for fact in (code(tenant["dialect"]), code(tenant["base_url"]), room_line(tenant))
        if fact
    )
    diff = f"\n{fence(left)}\n" if left else ""
    return (
        f"<details>\n<summary>{tagged(tenant['name'])}: {_counted(tenant)}{shortened}</summary>\n\n"
        f"{facts}\n{diff}\n</details>\n\n"
    )


def _counted(tenant: TenantDocument) -> str:
    if tenant["error"] is not None:
        return "not readable"
    counts = counts_of(tenant)
    parts = [f"{counts[category]} {text}" for category, text in _COUNTED if counts[category]]
    parts += [f"{len(tenant['unmanaged'])} unmanaged"] if tenant["unmanaged"] else []
    return ", ".join(parts) or "nothing is wanted"


_COUNTED: tuple[tuple[Category, str], ...] = (
    ("create", "to add"), ("update", "to change"), ("drifted", "drifted"),
    ("blocked", "blocked"), ("in-sync", "in sync"), ("excluded", "excluded"),
)  # fmt: skip


def _lines(tenant: TenantDocument) -> Iterator[_Line]:
    if tenant["error"] is not None:
        yield _Line(f"! not readable: {tenant['error']}")
    for warning in tenant["warnings"]:
        yield _Line(f"# warning: {warning}")
    told = drift_words(tenant)
    for change in tenant["changes"]:
        yield from _change(change, told.get(change["schema_id"]))
    for urn in tenant["unmanaged"]:
        since = f" ({told[urn]})" if urn in told else ""
        yield _Line(f"# unmanaged, left alone: {urn}{since}", Cut.DRIFT)


def _change(change: ChangeDocument, drift: str | None) -> Iterator[_Line]:
    kind = category_of(change)
    quiet = Cut.IN_SYNC if kind in ("in-sync", "excluded") else None
    head = f"{_SIGNS[kind]} {category_text(change)}: {change['schema_id']}  [{source_of(change)}]"
    yield _Line(head, quiet)
    if drift is not None:
        yield _Line(f"#     {drift}")
    details = _DETAILS.get(kind, Cut.DRIFT)
    for attribute in created_attributes(change):
        yield _Line(f"+     {attribute_line(attribute)}", details)
    for difference in change["differences"]:
        yield from (_Line(text, details) for text in _difference(difference))
    yield from (_Line(f"#     {impact_line(impact)}", details) for impact in change["impacts"])
    if change["recipe"] is not None:
        yield _Line(f"#     {change['recipe']}")


def _difference(difference: DifferenceDocument) -> Iterator[str]:
    path, live, desired = difference["path"], difference["live"], difference["desired"]
    if live is not None:
        yield f"-     {path}: {'live' if desired is not None else 'only live:'} {value(live)}"
    if desired is not None:
        yield f"+     {path}: {'desired' if live is not None else 'only desired:'} {value(desired)}"
