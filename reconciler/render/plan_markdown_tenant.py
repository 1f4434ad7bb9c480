"""One tenant of the plan document → its row of the table and its collapsed section, in Markdown."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.domain.documents import (
    ChangeDocument,
    DriftDocument,
    Kind,
    RiskWord,
    TenantDocument,
)
from reconciler.render.fitting import Cut, Part
from reconciler.render.markdown_text import WORDS, code, fence, plain, tagged
from reconciler.render.phrases import (
    Category,
    category_of,
    category_text,
    dated_drifts,
    drift_text,
    impact_line,
    measure_line,
    scope_text,
    source_of,
    usage_line,
    withheld_lines,
)
from reconciler.render.plan_details import Detail, created_lines, details

COLUMNS: tuple[Category, ...] = ("create", "update", "in-sync", "drifted", "blocked")
TABLE_HEAD = (
    "| tenant | add | change | in sync | drifted | blocked | risk |\n"
    "| :-- | --: | --: | --: | --: | --: | :-- |\n"
)
GRAVE: tuple[Kind, ...] = ("exposing", "narrowing")
_WORST_FIRST: tuple[RiskWord, ...] = ("many", "unknown", "some")
_NOT_IN_SYNC: tuple[Category, ...] = ("create", "update", "drifted", "blocked")
_COUNTED: tuple[tuple[Category, str], ...] = (
    ("create", "to add"), ("update", "to change"), ("drifted", "drifted"),
    ("blocked", "blocked"), ("in-sync", "in sync"), ("excluded", "excluded"),
)  # fmt: skip
# GitHub colours the lines of a diff by their first sign, and it knows none for an update.
_SIGNS: dict[Category, str] = {
    "create": "+", "update": "!", "in-sync": "=", "excluded": "=", "drifted": "!", "blocked": "!",
}  # fmt: skip
_DETAILS: dict[Category, Cut] = {"create": Cut.CREATES, "update": Cut.UPDATES}  # else Cut.DRIFT


def counts_of(tenant: TenantDocument) -> Counter[Category]:
    """The number of changes in each category."""
    return Counter(category_of(change) for change in tenant["changes"])


def row(tenant: TenantDocument) -> Part:
    """The tenant's row; one that is in sync goes first when there is too much."""
    counts, name = counts_of(tenant), code(tenant["name"])
    if tenant["error"] is not None:
        return Part(f"| {name} | | | | | | not readable |\n", {Cut.GRAVE_ROWS: ""}.get)
    if _is_grave(tenant):
        cut = Cut.GRAVE_ROWS
    else:
        in_sync = not any(counts[category] for category in _NOT_IN_SYNC)
        cut = Cut.IN_SYNC if in_sync else Cut.ROWS
    return Part(table_row(name, counts, _risk(tenant)), {cut: ""}.get)


def table_row(name: str, counts: Counter[Category], risk: str) -> str:
    """A line of the table; the name has to be safe."""
    numbers = " | ".join(str(counts[column] or "") for column in COLUMNS)
    return f"| {name} | {numbers} | {risk} |\n"


def section(tenant: TenantDocument) -> Part:
    """The tenant's section, which a cut makes shorter or takes away as a whole."""
    lines = tuple(_lines(tenant))
    concerned = {line.cut for line in lines}
    last = Cut.GRAVE_SECTIONS if _is_grave(tenant) else Cut.SECTIONS
    # Texts, for the documents of a large fleet do not fit into memory together.
    shorter = {cut: _section_text(tenant, lines, cut) for cut in Cut if cut in concerned}
    return Part(_section_text(tenant, lines, None), (shorter | {last: ""}).get)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a diff, and the cut that takes it away; None where it stays with the section."""

    text: str
    cut: Cut | None = None


def _is_grave(tenant: TenantDocument) -> bool:
    """True where something is blocked or risky, or nothing could be read: that is cut last."""
    blocked = any(change["action"] == "blocked" for change in tenant["changes"])
    return tenant["error"] is not None or blocked or bool(_risk(tenant))


def _risk(tenant: TenantDocument) -> str:
    """The kinds of the tenant's changes, and the worst class of users hurt, if any.

    What is only additive risks nothing.
    """
    changes = tenant["changes"]
    found = {kind for change in changes for kind in change["kinds"]}
    risks = {measure["risk"] for change in changes for measure in change.get("impact", ())}
    worst = [f"users: {risk}" for risk in _WORST_FIRST if risk in risks][:1]
    return ", ".join([*(kind for kind in GRAVE if kind in found), *worst])


def _section_text(tenant: TenantDocument, lines: tuple[_Line, ...], cut: Cut | None) -> str:
    """The section after a cut; all of it where that is None."""
    shown = [line.text for line in lines if line.cut is None or cut is None or line.cut > cut]
    if lines and not shown:
        return ""
    if tenant["error"] is not None:
        counts = ["not readable"]
    else:
        numbers = counts_of(tenant)
        counts = [f"{numbers[category]} {text}" for category, text in _COUNTED if numbers[category]]
        counts += [f"{len(tenant['unmanaged'])} unmanaged"] if tenant["unmanaged"] else []
    summary = ", ".join(counts) or "no desired extensions"
    shortened = "" if len(shown) == len(lines) else ", shortened"
    facts = [code(tenant["dialect"]), code(tenant["base_url"]), usage_line(tenant)]
    diff = f"\n{fence(shown)}\n" if shown else ""
    return (
        f"<details>\n<summary>{tagged(tenant['name'])}: {summary}{shortened}</summary>\n\n"
        f"{', '.join(fact for fact in facts if fact)}\n{diff}\n</details>\n\n"
    )


def _lines(tenant: TenantDocument) -> Iterator[_Line]:
    if tenant["error"] is not None:
        yield _Line(f"! not readable: {plain(tenant['error'], WORDS)}")
    for warning in tenant["warnings"]:
        yield _Line(f"# warning: {plain(warning, WORDS)}")
    drifts = dated_drifts(tenant)
    for change in tenant["changes"]:
        yield from _change_lines(change, drifts.get(change["schema_id"]))
    for urn in tenant["unmanaged"]:
        since = f" ({drift_text(drifts[urn])})" if urn in drifts else ""
        yield _Line(f"# unmanaged, left alone: {plain(urn, WORDS)}{since}", Cut.DRIFT)


def _change_lines(change: ChangeDocument, drift: DriftDocument | None) -> Iterator[_Line]:
    category = category_of(change)
    sign = _SIGNS[category]
    head = f"{sign} {category_text(change, drift)}: {change['schema_id']}  [{source_of(change)}]"
    yield _Line(head, Cut.IN_SYNC if category in ("in-sync", "excluded") else None)
    if drift is not None:
        yield _Line(f"#     {drift_text(drift)}")
    cut = _DETAILS.get(category, Cut.DRIFT)
    if scope := scope_text(change):
        yield _Line(f"#     {plain(scope, WORDS)}", cut)
    for line in created_lines(change):
        yield _Line(f"+     {line}", cut)
    for detail in details(change):
        yield from (_Line(line, cut) for line in _detail_lines(detail))
    for impact in change["impacts"]:
        yield _Line(f"#     {plain(impact_line(impact), WORDS)}", cut)
    for line in withheld_lines(change):
        yield _Line(f"#     {plain(line, WORDS)}")
    for measure in change.get("impact", ()):
        yield _Line(f"#     {plain(measure_line(measure), WORDS)}")
    if change["recipe"] is not None:
        yield _Line(f"#     {plain(change['recipe'], WORDS)}")


def _detail_lines(detail: Detail) -> Iterator[str]:
    only = "" if detail.live and detail.desired else "only "
    colon = ":" if only else ""
    for sign, side, lines, note in (
        ("-", "live", detail.live, ""),
        ("+", "desired", detail.desired, detail.note),
    ):
        for first in lines[:1]:
            yield f"{sign}     {detail.path}: {only}{side}{colon} {first}{note}"
        yield from (f"{sign}     {line}" for line in lines[1:])
