"""One section of a plan → Markdown: a diff for what is written, words for what is left alone."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, assert_never

from reconciler.domain.documents import ChangeDocument, DriftDocument, Kind, TenantDocument
from reconciler.domain.sections import Differing, Rank, Section
from reconciler.render.fitting import Cut, Part, TooLong
from reconciler.render.markdown_text import WORDS, code, fence, size, tagged
from reconciler.render.origin import Origin
from reconciler.render.phrases import (
    SYMBOLS,
    Category,
    category_of,
    category_text,
    dated_drifts,
    drift_text,
    impact_line,
    is_written,
    measure_lines,
    scope_text,
    source_of,
    still_held_lines,
    withheld_lines,
)
from reconciler.render.plain_text import counted
from reconciler.render.plan_details import Detail, created_lines, details, sided_lines

GRAVE: tuple[Kind, ...] = ("exposing", "narrowing")
_NAMED = 10  # tenants in the head of a section
_NAMED_INSIDE = 100
_COUNTED: tuple[tuple[Category, str], ...] = (
    ("create", "to add"), ("update", "to change"), ("drifted", "drifted"),
    ("blocked", "blocked"), ("in-sync", "in sync"), ("excluded", "excluded"),
)  # fmt: skip
_OF_LINES = (Cut.IN_SYNC, Cut.CREATES, Cut.UPDATES, Cut.DRIFT)
_DETAILS: dict[Category, Cut] = {"create": Cut.CREATES, "update": Cut.UPDATES}  # else Cut.DRIFT

Block = Literal["paragraph", "item", "row", "diff", "code"]


@dataclass(frozen=True, slots=True)
class SectionLine:
    """A line of a section, the cut that takes it away, if any, and the block that it is in.

    The first line of a change has its `category`.
    """

    text: str
    cut: Cut | None = None
    block: Block = "item"
    category: Category | None = None


def section_lines(
    section: Section, tenant: TenantDocument, origin: Origin | None = None
) -> Iterator[SectionLine]:
    """All that a section says below its head; `tenant` is the first of it."""
    if len(section.tenants) > _NAMED:
        yield SectionLine(names_text(section.tenants, _NAMED_INSIDE), None, "paragraph")
    if section.error is not None:
        yield SectionLine(f"not readable: {code(section.error, WORDS)}")
    if section.frozen is not None:
        yield SectionLine(f"{code(section.frozen, WORDS)}: before that, apply leaves it as it is")
    for warning in section.warnings:
        yield SectionLine(f"warning: {code(warning, WORDS)}")
    drifts = dated_drifts(tenant)
    for place, change in enumerate(tenant["changes"]):
        if (differing := section.changes.get(place)) is not None:
            drift = drifts.get(change["schema_id"])
            yield from _change_lines(change, drift, differing, origin)
    for urn, since in section.unmanaged.items():
        dated = f" ({code(drift_text(drifts[urn], since))})" if since is not None else ""
        yield SectionLine(f"unmanaged, left alone: {code(urn)}{dated}", Cut.DRIFT, "row")


@dataclass(frozen=True, slots=True)
class SectionPart:
    """A section, which a cut makes shorter or takes away as a whole, and its number of lines."""

    part: Part
    lines: int
    opened: bool


def section_part(
    section: Section, lines: Iterable[SectionLine], *, room: int, open_lines: int
) -> SectionPart:
    """The section, open where it has at most so many lines; no text beyond `room` bytes is kept."""
    # Gone through once: the changes of a large tenant come from a file each time.
    texts = {cut: _Text(cut, room) for cut in (None, *_OF_LINES)}
    numbers, concerned, number = Counter[Category](), set[Cut | None](), 0
    for line in lines:
        number += 1
        concerned.add(line.cut)
        numbers.update(() if line.category is None else (line.category,))
        for each in texts.values():
            each.add(line)
    opened = section.rank is not Rank.UNCHANGED and number <= open_lines
    shown = {cut: text.section(section, numbers, opened=opened) for cut, text in texts.items()}
    grave = section.rank in (Rank.UNREADABLE, Rank.RISKY, Rank.BLOCKED)
    last = Cut.GRAVE_SECTIONS if grave else Cut.SECTIONS
    shorter = {cut: shown[cut] for cut in _OF_LINES if cut in concerned}
    return SectionPart(Part(shown[None], (shorter | {last: ""}).get), number, opened)


class _Text:
    """The text of a section after a cut, line by line; all of it where that is None."""

    def __init__(self, cut: Cut | None, room: int) -> None:
        self._cut = cut
        self._room = room
        self._lines: list[SectionLine] = []
        self._size = 0
        self._shortened = False

    def add(self, line: SectionLine) -> None:
        """Take in a line, unless the cut takes it away."""
        if line.cut is not None and self._cut is not None and line.cut <= self._cut:
            self._shortened = True
            return
        self._size += size(line.text) + 1
        if self._size > self._room:
            self._lines.clear()
        else:
            self._lines.append(line)

    def section(
        self, section: Section, numbers: Counter[Category], *, opened: bool
    ) -> str | TooLong:
        """The section, when all lines are in; empty where the cut has taken all of them away."""
        if self._shortened and not self._size:
            return ""
        counts = ["not readable"] if section.error is not None else []
        counts += ["frozen"] if section.frozen is not None else []
        counts += [f"{numbers[kind]} {text}" for kind, text in _COUNTED if numbers[kind]]
        counts += [f"{len(section.unmanaged)} unmanaged"] if section.unmanaged else []
        counts += [counted(len(section.warnings), "warning")] if section.warnings else []
        summary = ", ".join(counts) or "no desired extensions"
        shortened = ", shortened" if self._shortened else ""
        names = section.tenants
        same = f"Same in {counted(len(names), 'tenant')}: " if len(names) > 1 else ""
        blocks = (_block_text(*each) for each in groupby(self._lines, lambda line: line.block))
        text = (
            f"<details{' open' if opened else ''}>\n<summary>{same}"
            f"{names_text(names, _NAMED, tagged)}: {summary}{shortened}</summary>\n\n"
            f"{''.join(blocks)}</details>\n\n"
        )
        return text if self._size <= self._room else TooLong(size(text) + self._size)


def names_text(names: Sequence[str], most: int, text: Callable[[str], str] = code) -> str:
    """So many of the names, and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(map(text, names[:most]))}{more}"


def _block_text(block: Block, lines: Iterable[SectionLine]) -> str:
    texts = [line.text for line in lines]
    match block:
        case "paragraph":
            return "".join(f"{text}\n\n" for text in texts)
        case "item" | "row":
            sign = "-" if block == "item" else "*"  # another sign begins another list
            return "".join(f"{sign} {text}\n" for text in texts) + "\n"
        case "diff" | "code":
            return f"{fence(texts, diff=block == 'diff')}\n\n"
        case _:
            assert_never(block)


def _change_lines(
    change: ChangeDocument,
    drift: DriftDocument | None,
    differing: Differing,
    origin: Origin | None,
) -> Iterator[SectionLine]:
    category = category_of(change)
    in_sync = category in ("in-sync", "excluded")
    place = code(source_of(change))
    if origin is not None and (url := origin.link(change["source"])) is not None:
        place = f"[{place}]({url})"
    yield SectionLine(
        f"{code(SYMBOLS[category])} **{category_text(change, drift)}**: "
        f"{code(change['manifest'])}, {code(change['schema_id'])}, {place}",
        Cut.IN_SYNC if in_sync else None,
        "row" if in_sync else "paragraph",
        category,
    )
    cut = _DETAILS.get(category, Cut.DRIFT)
    if drift is not None:
        yield SectionLine(code(drift_text(drift, differing.since), WORDS))
    if scope := scope_text(change):
        yield SectionLine(code(scope, WORDS), cut)
    yield from (SectionLine(code(impact_line(each), WORDS), cut) for each in change["impacts"])
    yield from (SectionLine(code(line, WORDS)) for line in withheld_lines(change))
    yield from (SectionLine(code(line, WORDS)) for _, line in measure_lines(change, differing))
    held_cut = Cut.IN_SYNC if in_sync else cut
    yield from (
        SectionLine(code(line, WORDS), held_cut) for line in still_held_lines(change, differing)
    )
    if change["recipe"] is not None:
        yield SectionLine(code(change["recipe"], WORDS))
    # GitHub paints a diff red and green: that is for what is written.
    for line in created_lines(change):
        yield SectionLine(f"+ {line}", cut, "diff")
    for detail in details(change):
        if is_written(change):
            yield from (SectionLine(line, cut, "diff") for line in _signed_lines(detail))
        else:
            yield from (
                SectionLine(line, cut, "code") for line in sided_lines(detail, written=False)
            )


def _signed_lines(detail: Detail) -> Iterator[str]:
    only = "" if detail.live and detail.desired else "only "
    colon = ":" if only else ""
    for sign, side, lines, note in (
        ("-", "live", detail.live, ""),
        ("+", "desired", detail.desired, detail.note),
    ):
        for first in lines[:1]:
            yield f"{sign} {detail.path}: {only}{side}{colon} {first}{note}"
        yield from (f"{sign} {line}" for line in lines[1:])
