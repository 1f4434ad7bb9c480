"""The plan document → Markdown for a pull request: what needs a look first, within a limit."""

from collections import Counter
from collections.abc import Iterable

from reconciler.domain.documents import ApprovalDocument, PlanFacts
from reconciler.render.fitting import Cut, Fitted, Part, fit
from reconciler.render.markdown_text import WORDS, code, size
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
from reconciler.render.plan_markdown_tenant import (
    TABLE_HEAD,
    table_row,
    tenant_parts,
)

LIMIT = 60_000  # bytes; GitHub refuses comments of more than 65,536 characters
_RESERVE = 2_000  # bytes for the note about the cuts
_OWNERS = 20
_MANIFESTS = 50
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


def plan_markdown(document: PlanFacts, *, limit: int = LIMIT) -> str:
    """The plan in at most `limit` UTF-8 bytes (6,000 is the least that can be kept).

    Totals, digest and what needs a look are never left out; where even that is too much, it is
    counted, and as much of it as fits is named (docs/decisions.md, "Markdown that does
    not fit is counted").
    """
    tenants, approvals = document["tenants"], document["approvals"]
    seen = highlights(document)
    owners = tuple(_approval(approval) for approval in approvals)
    first, own = summary_lines(document)
    head, foot = _head(document, first, own), f"{first} {own} {_digest(document)}\n"
    frame = size(head) + size(foot) + size(TABLE_HEAD)
    room = limit - frame - _RESERVE
    each = tuple(tenant_parts(tenant, room) for tenant in tenants)
    parts = (*seen.parts, *owners, *(of.row for of in each), *(of.section for of in each))
    fitted = fit(parts, room)
    texts = iter(fitted.texts)
    shown_highlights, shown_owners, shown_rows = (
        [next(texts) for _ in some] for some in (seen.parts, owners, each)
    )
    groups = Counter(approval["kind"] for approval in approvals)
    kinds = ", ".join(f"{number} for {kind}" for kind, number in groups.items())
    return "".join(
        (
            head,
            _shortened(fitted),
            *_list(f"**Needs a look:** {seen.numbers}.", shown_highlights),
            *_list(f"**Must approve** ({kinds}):", shown_owners),
            *_table([of.counts for of in each], shown_rows),
            *texts,
            foot,
        )
    )


def _head(document: PlanFacts, first: str, own: str) -> str:
    text = f"## {first}\n\n{own} {_digest(document)}\n\n"
    selection, source = document["selection"], document["tenants_from"]
    if any(selection.values()):
        text += f"{code(partial_line(selection), WORDS)}\n\n"
    if source is not None:
        at = f"{code(source['ref'])} (commit {code(source['commit'])})"
        text += f"Tenants are those of {at}, not of the folder.\n\n"
        lines = [f"- {line}: {code(', '.join(n), WORDS)}\n" for line, n in folder_lines(source)]
        text += "".join(lines) + ("\n" if lines else "")
    return text


def _digest(document: PlanFacts) -> str:
    git = document["git"]
    commit = "" if git["commit"] is None else f" of commit {code(git['commit'])}"
    edited = " with edits since" if commit and git["dirty"] else ""
    return f"Digest: {code(document['digest'])}{commit}{edited}"


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


def _table(counts: list[Counter[Category]], shown: list[str]) -> Iterable[str]:
    """The rows that were not cut, and one for those that were."""
    if not counts:
        return ()
    hidden, rest = 0, Counter[Category]()
    for numbers, text in zip(counts, shown, strict=True):
        if not text:
            hidden += 1
            rest.update(numbers)
    more = (table_row(f"{hidden} more", rest, ""),) if hidden else ()
    return (TABLE_HEAD, *shown, *more, "\n")
