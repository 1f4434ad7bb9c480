"""The plan document → Markdown for a pull request: what needs a look first, within a limit."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from reconciler.domain.documents import ApprovalDocument, PlanFacts, Tenants
from reconciler.domain.sections import Rank, Section, sections
from reconciler.render.fitting import Cut, Fitted, Part, fit
from reconciler.render.markdown_text import WORDS, code, size
from reconciler.render.origin import Origin
from reconciler.render.phrases import (
    NO_OWNER,
    Category,
    approved_manifests,
    folder_lines,
    partial_line,
    summary_lines,
)
from reconciler.render.plain_text import counted
from reconciler.render.plan_highlights import highlights
from reconciler.render.plan_markdown_row import TABLE_HEAD, Row, row, table_row
from reconciler.render.plan_markdown_section import section_lines, section_part

LIMIT = 60_000  # bytes; GitHub refuses comments of more than 65,536 characters
_RESERVE = 2_000  # bytes for the note about the cuts
_OPEN = 60  # lines of sections that need no click
_FEW_ROWS = 20
_OWNERS = 20
_MANIFESTS = 50
_WAVES, _FEW_NAMES = 6, 3
_GRAVE = "something blocked, risky or not readable"
_CUTS = {
    Cut.IN_SYNC: "what is in sync",
    Cut.CREATES: "the details of creates",
    Cut.UPDATES: "the differences of updates",
    Cut.DRIFT: "the differences of what drifted or is blocked, and what is unmanaged",
    Cut.SECTIONS: "sections of tenants",
    Cut.ROWS: "rows of the table",
    Cut.GRAVE_SECTIONS: f"sections of tenants with {_GRAVE}",
    Cut.GRAVE_ROWS: f"rows of tenants with {_GRAVE}",
    Cut.APPROVALS: "whose approval is needed for what",
    Cut.HIGHLIGHTS: "what needs a look",
}


def plan_markdown(document: PlanFacts, *, limit: int = LIMIT, origin: Origin | None = None) -> str:
    """The plan in at most `limit` UTF-8 bytes (6,000 is the least that can be kept).

    Totals, digest and what needs a look are never left out; where even that is too much, it is
    counted, and as much of it as fits is named (docs/decisions.md, "Markdown that does
    not fit is counted").
    """
    tenants, approvals = document["tenants"], document["approvals"]
    seen, found = highlights(document), sections(tenants)
    owners = tuple(_approval(approval) for approval in approvals)
    rows = _rows(tenants, found)
    head = _head(document, origin)
    explained = f"{seen.legend}.\n\n" if seen.legend else ""
    room = limit - size(head) - size(explained) - size(TABLE_HEAD) - _RESERVE
    bodies = _sections(tenants, found, origin, room)
    parts = (*seen.parts, *owners, *(row.part for row in rows), *bodies)
    fitted = fit(parts, room)
    texts = iter(fitted.texts)
    shown_highlights, shown_owners, shown_rows = (
        [next(texts) for _ in some] for some in (seen.parts, owners, rows)
    )
    groups = Counter(approval["kind"] for approval in approvals)
    kinds = ", ".join(f"{number} for {kind}" for kind, number in groups.items())
    text = "".join(
        (
            head,
            _shortened(fitted),
            *_list(f"**Needs a look:** {seen.numbers}.", shown_highlights),
            *_list(f"**Must approve** ({kinds}):", shown_owners),
            explained,
            *texts,
            *_table(rows, shown_rows),
        )
    )
    return f"{text.rstrip()}\n"


def _sections(
    tenants: Tenants, found: Iterable[Section], origin: Origin | None, room: int
) -> Iterator[Part]:
    """The sections; the first lines of what is not in sync can be read without a click."""
    first, tenant, open_lines = -1, None, _OPEN
    for section in found:
        if section.first != first or tenant is None:  # it may have to be read from a file
            first, tenant = section.first, tenants[section.first]
        lines = section_lines(section, tenant, origin)
        made = section_part(section, lines, room=room, open_lines=open_lines)
        open_lines -= made.lines if made.opened else 0
        yield made.part


def _rows(tenants: Tenants, found: Iterable[Section]) -> list[Row]:
    """The rows of the table, in the order of the gravest that is about a tenant."""
    ranks: dict[str, Rank] = {}
    for section in found:  # the gravest first
        for name in section.tenants:
            ranks.setdefault(name, section.rank)
    rows = [(ranks[tenant["name"]], row(tenant)) for tenant in tenants]
    return [made for _, made in sorted(rows, key=lambda each: each[0])]


def _head(document: PlanFacts, origin: Origin | None) -> str:
    first, own = summary_lines(document)
    text = f"## {first}\n\n{own}\n\n{_made(document, origin)}\n\n{_waves(document)}"
    selection, source = document["selection"], document["tenants_from"]
    if any(selection.values()) or "due" in selection:
        text += f"{code(partial_line(selection), WORDS)}\n\n"
    if source is not None:
        at = f"{code(source['ref'])} (commit {code(source['commit'])})"
        text += f"Tenants are those of {at}, not of the folder.\n\n"
        lines = [f"- {line}: {code(', '.join(n), WORDS)}\n" for line, n in folder_lines(source)]
        text += "".join(lines) + ("\n" if lines else "")
    return text


def _waves(document: PlanFacts) -> str:
    """The waves in one paragraph, those of few tenants with their names."""
    if "waves" not in document:
        return ""
    waves = document["waves"]["waves"]
    shown = [
        f"{wave['number']}: {', '.join(map(code, names))}"
        if len(names := wave["tenants"]) <= _FEW_NAMES
        else f"{wave['number']}: {len(names)} tenants"
        for wave in waves[:_WAVES]
    ]
    more = f"; and {len(waves) - _WAVES} more" if len(waves) > _WAVES else ""
    title = "**In waves**, each applied and verified before the next begins:"
    return f"{title} {'; '.join(shown)}{more}.\n\n"


def _made(document: PlanFacts, origin: Origin | None) -> str:
    """Of which commit the plan is, when and where it was made, and its digest."""
    git, facts = document["git"], []
    if origin is not None:
        facts.append(f"planned at {code(origin.at)}")
        facts += [f"by [this run]({origin.run})"] if origin.run is not None else []
    if git["commit"] is not None:
        edited = " with edits since" if git["dirty"] else ""
        facts.append(f"of commit {code(git['commit'])}{edited}")
    made = f", {' '.join(facts)}" if facts else ""
    return f"Digest: {code(document['digest'])}{made}"


def _shortened(fitted: Fitted) -> str:
    """The note about what is left out; empty where all is there."""
    cuts = [f"{text} ({number})" for cut, text in _CUTS.items() if (number := fitted.cuts[cut])]
    if not cuts:
        return ""
    return (
        "**This is shortened** to stay within what GitHub takes; left out, in so many "
        f"places: {', '.join(cuts)}. It cannot be approved from this text: the saved plan has all "
        "of it, `reconciler show FILE` prints that.\n\n"
    )


def _approval(approval: ApprovalDocument) -> Part:
    """The owners, and the manifests of theirs; a cut leaves the owners and a number."""
    owners = ", ".join(code(owner) for owner in approval["owners"][:_OWNERS]) or NO_OWNER
    more = len(approval["owners"]) - _OWNERS
    owners += f" and {more} more" if more > 0 else ""
    named = approved_manifests(approval)
    about = ", ".join(f"{code(name)} ({counted(n, 'tenant')})" for name, n in named[:_MANIFESTS])
    about += f" and {len(named) - _MANIFESTS} more" if len(named) > _MANIFESTS else ""
    line = f"- {approval['kind']}: {owners}"
    short = f"{line}: {counted(len(approval['changes']), 'change')}\n"
    return Part(f"{line}: {about}\n", {Cut.APPROVALS: short, Cut.HIGHLIGHTS: ""}.get)


def _list(title: str, shown: list[str]) -> Iterable[str]:
    """The title stays where all of its lines were cut; nothing where there never was a line."""
    return (f"{title}\n\n", *shown, "\n") if shown else ()


def _table(rows: Sequence[Row], shown: list[str]) -> Iterable[str]:
    """The rows that were not cut, and one for those that were."""
    if not rows:
        return ()
    hidden, rest = 0, Counter[Category]()
    for each, text in zip(rows, shown, strict=True):
        if not text:
            hidden += 1
            rest += each.counts
    more = (table_row(f"{hidden} more", rest, "", ""),) if hidden else ()
    opened = " open" if len(rows) <= _FEW_ROWS else ""
    summary = f"<summary>{counted(len(rows), 'tenant')}</summary>"
    return (f"<details{opened}>\n{summary}\n\n", TABLE_HEAD, *shown, *more, "\n</details>\n")
