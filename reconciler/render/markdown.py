"""The plan document → Markdown for a pull request: what needs a look first, within a limit."""

from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.domain.documents import (
    ApprovalDocument,
    GitDocument,
    PlanFacts,
    Tenants,
    TenantsFromDocument,
)
from reconciler.render.fitting import Cut, Fitted, Part, fit
from reconciler.render.markdown_looks import looked, looks
from reconciler.render.markdown_tenant import (
    COLUMNS,
    TABLE_HEAD,
    counts_of,
    row,
    section,
    table_row,
)
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

LIMIT = 60_000  # bytes; GitHub refuses comments of more than 65,536 characters
_RESERVE = 2_000  # bytes for what tells of the cuts


def plan_markdown(document: PlanFacts, *, limit: int = LIMIT) -> str:
    """The plan in at most `limit` UTF-8 bytes (6,000 is the least that can be kept).

    Totals, digest and what needs a look are never left out; where even that is too much, it is
    counted, and as much of it as fits is named.
    """
    tenants = document["tenants"]
    seen = looks(document)
    approvals = tuple(_approval(approval) for approval in document["approvals"])
    rows = tuple(row(tenant) for tenant in tenants)
    parts = (*seen, *approvals, *rows, *(section(tenant) for tenant in tenants))
    head, foot = _head(document), _foot(document)
    frame = size(head) + size(foot) + size(TABLE_HEAD)
    fitted = fit(parts, limit - frame - _RESERVE)
    texts = iter(fitted.texts)
    shown = [[next(texts) for _ in some] for some in (seen, approvals, rows)]
    return "".join(
        (
            head,
            _told(fitted),
            *looked(document, shown[0]),
            *_approved(document, shown[1]),
            *_table(tenants, shown[2]),
            *texts,
            foot,
        )
    )


def _head(document: PlanFacts) -> str:
    first, own = summary_lines(document)
    partial = ""
    if any(document["selection"].values()):
        partial = f"{code(partial_line(document['selection']), WORDS)}\n\n"
    source = "".join(_source(document["tenants_from"]))
    return f"## {first}\n\n{own} {_digest(document)}\n\n{partial}{source}"


def _source(source: TenantsFromDocument | None) -> Iterator[str]:
    """Whose Tenant manifests were planned, and what of the folder was not."""
    if source is None:
        return
    at = f"{code(source['ref'])} (commit {code(source['commit'])})"
    yield f"Tenants are those of {at}, not of the folder.\n\n"
    lines = [f"- {text}: {code(', '.join(names), WORDS)}\n" for text, names in folder_lines(source)]
    yield from (*lines, *("\n" for _ in lines[:1]))


def _foot(document: PlanFacts) -> str:
    first, own = summary_lines(document)
    return f"{first} {own} {_digest(document)}\n"


def _digest(document: PlanFacts) -> str:
    return f"Digest: {code(document['digest'])}{_commit(document['git'])}"


def _commit(git: GitDocument) -> str:
    if git["commit"] is None:
        return ""
    return f" of commit {code(git['commit'])}" + (" with edits since" if git["dirty"] else "")


def _told(fitted: Fitted) -> str:
    """That and what is left out; nothing where all is there."""
    left = [f"{words} ({number})" for cut, words in _CUTS.items() if (number := fitted.cuts[cut])]
    if not left:
        return ""
    return (
        "**This is shortened** to stay within what GitHub takes; left out, in so many "
        f"places: {', '.join(left)}. The saved plan has all of it: {_SHOW}.\n\n"
    )


_SHOW = "`reconciler show FILE`"
_GRAVE = "something blocked, risky or not readable"
_CUTS = {
    Cut.IN_SYNC: "what is in sync",
    Cut.CREATES: "the attributes of creates",
    Cut.UPDATES: "the differences of updates",
    Cut.DRIFT: "the differences of what drifted or is blocked, and what is unmanaged",
    Cut.SECTIONS: "sections of tenants",
    Cut.ROWS: "rows of the table",
    Cut.GRAVE_SECTIONS: f"sections of tenants with {_GRAVE}",
    Cut.GRAVE_ROWS: f"rows of tenants with {_GRAVE}",
    Cut.APPROVALS: "whose approval is needed for what",
    Cut.LOOK: "what needs a look",
}


def _approval(approval: ApprovalDocument) -> Part:
    """Who, and for what; a cut leaves the owners and a number."""
    owners = ", ".join(code(owner) for owner in approval["owners"][:_OWNERS]) or NO_OWNER
    more = len(approval["owners"]) - _OWNERS
    owners += f" and {more} more" if more > 0 else ""
    named = approved_manifests(approval)
    about = ", ".join(f"{code(name)} ({counted(n, 'tenant')})" for name, n in named[:_MANIFESTS])
    about += f" and {len(named) - _MANIFESTS} more" if len(named) > _MANIFESTS else ""
    line = f"- {approval['kind']}: {owners}"
    short = f"{line}: {counted(len(approval['changes']), 'change')}\n"
    left = {Cut.APPROVALS: short, Cut.LOOK: ""}
    return Part(f"{line}: {about}\n", left.get)


_OWNERS = 20
_MANIFESTS = 50


def _approved(document: PlanFacts, shown: list[str]) -> Iterable[str]:
    if not shown:
        return ()
    kinds = Counter(approval["kind"] for approval in document["approvals"])
    groups = ", ".join(f"{number} for {kind}" for kind, number in kinds.items())
    return (f"**Must approve** ({groups}):\n\n", *shown, "\n")


def _table(tenants: Tenants, shown: list[str]) -> Iterable[str]:
    """All rows that are left, and one for those that are not."""
    if not tenants:
        return ()
    hidden, rest = 0, Counter[Category]()
    for tenant, text in zip(tenants, shown, strict=True):
        if not text:
            hidden += 1
            rest += Counter({kind: n for kind, n in counts_of(tenant).items() if kind in COLUMNS})
    more = (table_row(f"{hidden} more", rest, ""),) if hidden else ()
    return (TABLE_HEAD, *shown, *more, "\n")
