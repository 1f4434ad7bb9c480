"""The plan document → Markdown for a pull request: what needs a look first, within a limit."""

from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.domain.jsontext import Json
from reconciler.render.fitting import Cut, Fitted, Part, fit
from reconciler.render.markdown_tenant import (
    COLUMNS,
    TABLE_HEAD,
    counts_of,
    row,
    section,
    table_row,
)
from reconciler.render.markdown_text import WORDS, code, size
from reconciler.render.paint import counted
from reconciler.render.phrases import FOLDER_SAYS, in_words, partial_line, summary_lines

LIMIT = 60_000  # bytes; GitHub refuses comments of more than 65,536 characters
_RESERVE = 2_000  # bytes for what tells of the cuts


def plan_markdown(document: Json, *, limit: int = LIMIT) -> str:
    """The plan in at most `limit` UTF-8 bytes (6,000 is the least that can be kept).

    Totals, digest and what needs a look are never left out; where even that is too much, it is
    counted, and as much of it as fits is named.
    """
    tenants = document["tenants"]
    looks = tuple(_looks(document))
    rows = tuple(row(tenant) for tenant in tenants)
    parts = (*looks, *rows, *(section(tenant) for tenant in tenants))
    head, foot = _head(document), _foot(document)
    frame = size(head) + size(foot) + size(TABLE_HEAD)
    fitted = fit(parts, limit - frame - _RESERVE)
    texts = iter(fitted.texts)
    shown = [next(texts) for _ in looks], [next(texts) for _ in rows]
    return "".join(
        (
            head,
            _told(fitted),
            *_looked(document, shown[0]),
            *_table(tenants, shown[1]),
            *texts,
            foot,
        )
    )


def _head(document: Json) -> str:
    first, own = summary_lines(document)
    partial = ""
    if any(document["selection"].values()):
        partial = f"{code(partial_line(document['selection']), WORDS)}\n\n"
    source = "".join(_source(document["tenants_from"]))
    return f"## {first}\n\n{own} {_digest(document)}\n\n{partial}{source}"


def _source(source: Json) -> Iterator[str]:
    """Whose Tenant manifests were planned, and what of the folder was not."""
    if source is None:
        return
    at = f"{code(source['ref'])} (commit {code(source['commit'])})"
    yield f"Tenants are those of {at}, not of the folder.\n\n"
    told = ((words, ", ".join(source[member])) for member, words in FOLDER_SAYS.items())
    lines = [f"- {words}: {code(names, WORDS)}\n" for words, names in told if names]
    yield from (*lines, *("\n" for _ in lines[:1]))


def _foot(document: Json) -> str:
    first, own = summary_lines(document)
    return f"{first} {own} {_digest(document)}\n"


def _digest(document: Json) -> str:
    return f"Digest: {code(document['digest'])}{_commit(document['git'])}"


def _commit(git: Json) -> str:
    if git["commit"] is None:
        return ""
    return f" of commit {code(git['commit'])}" + (" with edits since" if git["dirty"] else "")


def _told(fitted: Fitted) -> str:
    """That and what is left out; nothing where all is there."""
    left = [f"{words} ({number})" for cut, words in _CUTS.items() if (number := fitted.cuts[cut])]
    if not left:
        return ""
    return (
        "**This is shortened** to stay within what a comment may hold; left out, in so many "
        f"places: {', '.join(left)}. The saved plan has all of it: {_SHOW}.\n\n"
    )


_SHOW = "`reconciler show FILE`"
_CUTS = {
    Cut.IN_SYNC: "what is in sync",
    Cut.CREATES: "the attributes of creates",
    Cut.UPDATES: "the differences of updates",
    Cut.DRIFT: "the differences of what drifted or is blocked, and what is unmanaged",
    Cut.SECTIONS: "sections of tenants",
    Cut.ROWS: "rows of the table",
    Cut.APPROVALS: "whose approval is needed for what",
    Cut.LOOK: "what needs a look",
}


def _looks(document: Json) -> Iterator[Part]:
    """What nobody should miss, a line each, the gravest first."""
    for limit in document["exceeded_limits"]:
        yield _look(f"- limit: {code(limit, WORDS)}\n")
    for tenant in document["tenants"]:
        if tenant["error"] is not None:
            yield _look(f"- not readable: {code(tenant['name'])}: {code(tenant['error'], WORDS)}\n")
    for tenant in document["tenants"]:
        for change in tenant["changes"]:
            if change["action"] == "blocked":
                yield _look(f"- {in_words(change)}: {_named(tenant, change)}\n")
    for tenant in document["tenants"]:
        for drift in tenant["drift"]:
            if _out_of_band(drift):
                urn, since = code(drift["schema_id"]), code(drift["since"])
                words = _OUT_OF_BAND[drift["kind"]]
                yield _look(f"- {words} {since}: {urn} on {code(tenant['name'])}\n")


def _out_of_band(drift: Json) -> bool:
    """Whether somebody else has done it; the trail says so, or it is only supposed."""
    return drift["since"] is not None and drift["kind"] in _OUT_OF_BAND


_OUT_OF_BAND = {"missing": "missing, it was there at", "changed": "changed out of band after"}


def _named(tenant: Json, change: Json) -> str:
    recipe = f": {code(change['recipe'], WORDS)}" if change["recipe"] is not None else ""
    return f"{code(change['schema_id'])} on {code(tenant['name'])}{recipe}"


def _look(line: str) -> Part:
    def shorter(cut: Cut) -> str | None:
        return "" if cut is Cut.LOOK else None

    return Part(line, shorter)


def _looked(document: Json, shown: list[str]) -> Iterable[str]:
    if not shown:
        return ()
    return (f"**Needs a look:** {', '.join(_counted(document))}.\n\n", *shown, "\n")


def _counted(document: Json) -> Iterator[str]:
    """What needs a look, in numbers, which are there however little fits."""
    if limits := len(document["exceeded_limits"]):
        yield f"{counted(limits, 'limit')} exceeded"
    if unreadable := document["summary"]["unreadable"]:
        yield f"{counted(unreadable, 'tenant')} not readable"
    reasons = Counter(
        change["reason"]
        for tenant in document["tenants"]
        for change in tenant["changes"]
        if change["action"] == "blocked"
    )
    if reasons:
        why = ", ".join(f"{number} {reason}" for reason, number in sorted(reasons.items()))
        yield f"{reasons.total()} blocked ({why})"
    drifts = [drift for tenant in document["tenants"] for drift in tenant["drift"]]
    kinds = Counter(drift["kind"] for drift in drifts if _out_of_band(drift))
    yield from (f"{kinds[kind]} {words}" for kind, words in _DONE_ELSEWHERE if kinds[kind])


_DONE_ELSEWHERE = (("missing", "missing"), ("changed", "changed out of band"))


def _table(tenants: Json, shown: list[str]) -> Iterable[str]:
    """All rows that are left, and one for those that are not."""
    if not tenants:
        return ()
    hidden = [tenant for tenant, text in zip(tenants, shown, strict=True) if not text]
    rest = Counter[str]()
    for tenant in hidden:
        rest += Counter({kind: n for kind, n in counts_of(tenant).items() if kind in COLUMNS})
    more = (table_row(f"{len(hidden)} more", rest, ""),) if hidden else ()
    return (TABLE_HEAD, *shown, *more, "\n")
