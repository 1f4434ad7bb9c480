"""One tenant of the plan document → its row of the table and its collapsed section, in Markdown."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.domain.documents import (
    ChangeDocument,
    DriftDocument,
    Kind,
    RiskWord,
    TenantDocument,
)
from reconciler.render.fitting import Cut, Part, TooLong
from reconciler.render.markdown_text import WORDS, code, fence, plain, size, tagged
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
    still_held_line,
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
_OF_LINES = (Cut.IN_SYNC, Cut.CREATES, Cut.UPDATES, Cut.DRIFT)


@dataclass(frozen=True, slots=True)
class TenantParts:
    """The tenant's row and section, and the number of its changes in each category.

    The row of one that is in sync goes first when there is too much. A cut makes the section
    shorter or takes it away as a whole.
    """

    row: Part
    section: Part
    counts: Counter[Category]


def tenant_parts(tenant: TenantDocument, room: int) -> TenantParts:
    """The parts of a tenant; of a section no text of more than `room` bytes is kept."""
    # Gone through once: the changes of a large tenant come from a file each time.
    seen, sections = _Seen(), {cut: _Section(cut, room) for cut in (None, *_OF_LINES)}
    concerned: set[Cut | None] = set()
    for line in _lines(tenant, seen):
        concerned.add(line.cut)
        text = plain(line.text, None)
        for each in sections.values():
            each.add(text, line.cut)
    shorter = {cut: sections[cut].text(tenant, seen) for cut in _OF_LINES if cut in concerned}
    last = Cut.GRAVE_SECTIONS if _is_grave(tenant, seen) else Cut.SECTIONS
    section = Part(sections[None].text(tenant, seen), (shorter | {last: ""}).get)
    return TenantParts(_row(tenant, seen), section, seen.counts)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a tenant's changes have been so far."""

    counts: Counter[Category] = field(default_factory=Counter)
    kinds: set[Kind] = field(default_factory=set)
    risks: set[RiskWord] = field(default_factory=set)

    def note(self, change: ChangeDocument) -> None:
        self.counts[category_of(change)] += 1
        self.kinds.update(change["kinds"])
        self.risks.update(measure["risk"] for measure in change.get("impact", ()))

    @property
    def risk(self) -> str:
        """The kinds of the changes, and the worst class of users hurt, if any.

        What is only additive risks nothing.
        """
        worst = [f"users: {risk}" for risk in _WORST_FIRST if risk in self.risks][:1]
        return ", ".join([*(kind for kind in GRAVE if kind in self.kinds), *worst])


def _row(tenant: TenantDocument, seen: _Seen) -> Part:
    name = code(tenant["name"])
    if tenant["error"] is not None:
        return Part(f"| {name} | | | | | | not readable |\n", {Cut.GRAVE_ROWS: ""}.get)
    if _is_grave(tenant, seen):
        cut = Cut.GRAVE_ROWS
    else:
        in_sync = not any(seen.counts[category] for category in _NOT_IN_SYNC)
        cut = Cut.IN_SYNC if in_sync else Cut.ROWS
    return Part(table_row(name, seen.counts, seen.risk), {cut: ""}.get)


def table_row(name: str, counts: Counter[Category], risk: str) -> str:
    """A line of the table; the name has to be safe."""
    numbers = " | ".join(str(counts[column] or "") for column in COLUMNS)
    return f"| {name} | {numbers} | {risk} |\n"


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a diff, and the cut that takes it away; None where it stays with the section."""

    text: str
    cut: Cut | None = None


class _Section:
    """The section after a cut, line by line; all of it where that is None."""

    def __init__(self, cut: Cut | None, room: int) -> None:
        self._cut = cut
        self._room = room
        self._shown: list[str] = []
        self._size = 0
        self._left_out = False

    def add(self, text: str, cut: Cut | None) -> None:
        """Take in a line, unless the cut takes it away."""
        if cut is not None and self._cut is not None and cut <= self._cut:
            self._left_out = True
            return
        self._size += size(text) + 1
        if self._size > self._room:
            self._shown.clear()
        else:
            self._shown.append(text)

    def text(self, tenant: TenantDocument, seen: _Seen) -> str | TooLong:
        """The section, when all lines are in; empty where the cut has taken all of them away."""
        if self._left_out and not self._size:
            return ""
        if tenant["error"] is not None:
            counts = ["not readable"]
        else:
            numbers = seen.counts
            counts = [f"{numbers[kind]} {text}" for kind, text in _COUNTED if numbers[kind]]
            counts += [f"{len(tenant['unmanaged'])} unmanaged"] if tenant["unmanaged"] else []
        summary = ", ".join(counts) or "no desired extensions"
        shortened = ", shortened" if self._left_out else ""
        facts = [code(tenant["dialect"]), code(tenant["base_url"]), usage_line(tenant)]
        diff = f"\n{fence(self._shown)}\n" if self._size else ""
        text = (
            f"<details>\n<summary>{tagged(tenant['name'])}: {summary}{shortened}</summary>\n\n"
            f"{', '.join(fact for fact in facts if fact)}\n{diff}\n</details>\n\n"
        )
        return text if self._size <= self._room else TooLong(size(text) + self._size)


def _is_grave(tenant: TenantDocument, seen: _Seen) -> bool:
    """True where something is blocked or risky, or nothing could be read: that is cut last."""
    return tenant["error"] is not None or bool(seen.counts["blocked"] or seen.risk)


def _lines(tenant: TenantDocument, seen: _Seen) -> Iterator[_Line]:
    """The lines of the tenant's section; each change is noted as seen."""
    if tenant["error"] is not None:
        yield _Line(f"! not readable: {plain(tenant['error'], WORDS)}")
    for warning in tenant["warnings"]:
        yield _Line(f"# warning: {plain(warning, WORDS)}")
    drifts = dated_drifts(tenant)
    for change in tenant["changes"]:
        seen.note(change)
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
    held_cut = Cut.IN_SYNC if category == "in-sync" else cut
    for held in change.get("deprecated", ()):
        yield _Line(f"#     {plain(still_held_line(held), WORDS)}", held_cut)
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
