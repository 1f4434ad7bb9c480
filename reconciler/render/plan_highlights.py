"""The highlights of a plan, which nobody should miss: a line each, and the same in numbers."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from reconciler.domain.documents import (
    ChangeDocument,
    ConsumerWord,
    DriftWord,
    PlanFacts,
    TenantDocument,
)
from reconciler.render.fitting import Cut, Part
from reconciler.render.markdown_text import WORDS, code
from reconciler.render.phrases import (
    category_text,
    consumers_of,
    dated_drifts,
    impact_line,
    legend,
    limit_lines,
    measure_line,
    withheld_lines,
)
from reconciler.render.plain_text import counted
from reconciler.render.plan_markdown_section import GRAVE, names_text

_TENANTS = 10  # that one line names
_PEOPLE: Mapping[str, str] = {
    "many": "hurts many users",
    "unknown": "hurts an unknown number of users",
}
# Drift of the other kinds is nobody else's doing.
_OUT_OF_BAND: dict[DriftWord, str] = {
    "missing": "missing, it was there at",
    "changed": "changed out of band after",
}


@dataclass(frozen=True, slots=True)
class Highlights:
    """The lines, the gravest first, their numbers, which stay however little fits, and a legend."""

    parts: tuple[Part, ...]
    numbers: str
    legend: str


def highlights(document: PlanFacts) -> Highlights:
    """Everything that needs a look; one line for several tenants where it reads alike."""
    lines: dict[tuple[_Rank, str, str], list[str]] = {}
    counts = Counter[tuple[_Rank, str]]()
    consumers: set[ConsumerWord] = set()
    for limit in limit_lines(document):
        lines[_Rank.LIMIT, f"limit: {code(limit, WORDS)}", ""] = []
    # Read once: the tenants of a large fleet come from a file each time.
    for tenant in document["tenants"]:
        for found in _highlights_of(tenant):
            lines.setdefault((found.rank, found.before, found.after), []).append(tenant["name"])
            counts.update((found.rank, word) for word in found.counted_as)
        for change in tenant["changes"]:
            consumers.update(consumers_of(change))
    parts = []
    for (_, before, after), names in sorted(lines.items(), key=lambda line: line[0][0]):
        text = f"- {before}{names_text(names, _TENANTS)}{after}\n"
        parts.append(Part(text, {Cut.HIGHLIGHTS: ""}.get))
    return Highlights(tuple(parts), ", ".join(_numbers(document, counts)), legend(consumers))


class _Rank(IntEnum):
    """The gravest first."""

    LIMIT = 1
    UNREADABLE = 2
    PEOPLE = 3
    RISKY = 4
    BLOCKED = 5
    OUT_OF_BAND = 6
    WITHHELD = 7


@dataclass(frozen=True, slots=True)
class _Highlight:
    """The text before and after the tenant's name, and the words under which it is counted."""

    rank: _Rank
    before: str
    after: str
    counted_as: tuple[str, ...] = ()


def _highlights_of(tenant: TenantDocument) -> Iterator[_Highlight]:
    if tenant["error"] is not None:
        yield _Highlight(_Rank.UNREADABLE, "not readable: ", f": {code(tenant['error'], WORDS)}")
    drifts = dated_drifts(tenant)
    for change in tenant["changes"]:
        name = code(change["manifest"])
        yield from _people(change)
        if change["action"] == "blocked":
            recipe = f": {code(change['recipe'], WORDS)}" if change["recipe"] is not None else ""
            reason = str(change["reason"])
            yield _Highlight(
                _Rank.BLOCKED, f"{category_text(change)}: {name} on ", recipe, (reason,)
            )
        elif kinds := tuple(kind for kind in GRAVE if kind in change["kinds"]):
            impacts = code("; ".join(impact_line(impact) for impact in change["impacts"]), WORDS)
            yield _Highlight(_Rank.RISKY, f"{', '.join(kinds)}: {name} on ", f": {impacts}", kinds)
        elif change["withheld"] is not None:
            drift = drifts.get(change["schema_id"])
            yield from _withheld(change, drift["kind"] if drift is not None else None)
    names = {change["schema_id"]: change["manifest"] for change in tenant["changes"]}
    for drift in tenant["drift"]:
        if drift["since"] is not None and drift["kind"] in _OUT_OF_BAND:
            text = f"{_OUT_OF_BAND[drift['kind']]} {code(drift['since'])}"
            before = f"{text}: {code(names.get(drift['schema_id'], drift['schema_id']))} on "
            yield _Highlight(_Rank.OUT_OF_BAND, before, "", (drift["kind"],))


def _people(change: ChangeDocument) -> Iterator[_Highlight]:
    """What hurts many users, and what may, for they could not be counted."""
    for risk, text in _PEOPLE.items():
        found = [each for each in change.get("impact", ()) if each["risk"] == risk]
        if found:
            lines = code("; ".join(map(measure_line, found)), WORDS)
            before = f"{text}: {code(change['manifest'])} on "
            yield _Highlight(_Rank.PEOPLE, before, f": {lines}", (risk,))


def _withheld(change: ChangeDocument, dated: DriftWord | None) -> Iterator[_Highlight]:
    """What nobody writes although the manifest may have changed; `dated` is its kind, if known."""
    if dated in _OUT_OF_BAND:
        return
    word, text = (
        ("outdated", "only the manifest has changed")
        if dated == "outdated"
        else ("drifted", "drifted, and no audit trail here says which side has changed")
    )
    decision, *effects = withheld_lines(change)
    more = f", {code('; '.join(effects), WORDS)}" if effects else ""
    before = f"{text}, left as it is: {code(change['manifest'])} on "
    yield _Highlight(_Rank.WITHHELD, before, f": {code(decision, WORDS)}{more}", (word,))


def _numbers(document: PlanFacts, counts: Counter[tuple[_Rank, str]]) -> Iterator[str]:
    if limits := len(document["exceeded_limits"]):
        yield f"{counted(limits, 'limit')} exceeded"
    if unreadable := document["summary"]["unreadable"]:
        yield f"{counted(unreadable, 'tenant')} not readable"
    yield from _numbered(counts, _Rank.PEOPLE, _PEOPLE)
    yield from _numbered(counts, _Rank.RISKY, {kind: kind for kind in GRAVE})
    blocked = {word: number for (rank, word), number in counts.items() if rank is _Rank.BLOCKED}
    if blocked:
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(blocked.items()))
        yield f"{sum(blocked.values())} blocked ({reasons})"
    out_of_band = {"missing": "missing", "changed": "changed out of band"}
    yield from _numbered(counts, _Rank.OUT_OF_BAND, out_of_band)
    yield from _numbered(counts, _Rank.WITHHELD, {"outdated": "outdated", "drifted": "drifted"})


def _numbered(
    counts: Counter[tuple[_Rank, str]], rank: _Rank, texts: Mapping[str, str]
) -> Iterator[str]:
    """How many there are of each word, where there are some, with its text."""
    return (f"{number} {text}" for word, text in texts.items() if (number := counts[rank, word]))
