"""What nobody should miss in a plan: a line each, and the same in numbers."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reconciler.domain.documents import (
    ChangeDocument,
    DriftDocument,
    DriftWord,
    Kind,
    PlanFacts,
    TenantDocument,
)
from reconciler.render.fitting import Cut, Part
from reconciler.render.markdown_tenant import GRAVE
from reconciler.render.markdown_text import WORDS, code
from reconciler.render.phrases import category_text, impact_line
from reconciler.render.plain_text import counted


def looks(document: PlanFacts) -> tuple[Part, ...]:
    """The gravest first; what is said alike of several tenants is said once."""
    told = (
        *_exceeded(document),
        *_unreadable(document),
        *_risky(document),
        *_blocked(document),
        *_elsewhere(document),
    )
    tenants: dict[tuple[str, str], list[str]] = {}
    for look in told:
        tenants.setdefault((look.before, look.after), []).extend(look.tenant)
    return tuple(
        Part(f"- {before}{_named(names)}{after}\n", {Cut.LOOK: ""}.get)
        for (before, after), names in tenants.items()
    )


def looked(document: PlanFacts, shown: list[str]) -> Iterable[str]:
    """The lines that are shown below their numbers, which stay however little fits."""
    if not shown:
        return ()
    return (f"**Needs a look:** {', '.join(_numbers(document))}.\n\n", *shown, "\n")


@dataclass(frozen=True, slots=True)
class _Look:
    """What is said before and after the tenant, if it is about one."""

    before: str
    tenant: tuple[str, ...]
    after: str = ""


def _exceeded(document: PlanFacts) -> Iterator[_Look]:
    for limit in document["exceeded_limits"]:
        yield _Look(f"limit: {code(limit, WORDS)}", ())


def _unreadable(document: PlanFacts) -> Iterator[_Look]:
    for tenant in document["tenants"]:
        if tenant["error"] is not None:
            yield _Look("not readable: ", (tenant["name"],), f": {code(tenant['error'], WORDS)}")


def _risky(document: PlanFacts) -> Iterator[_Look]:
    for tenant, change in _changes(document):
        if kinds := _grave(change):
            told = code("; ".join(impact_line(impact) for impact in change["impacts"]), WORDS)
            yield _on(tenant, f"{', '.join(kinds)}: {code(change['schema_id'])}", f": {told}")


def _blocked(document: PlanFacts) -> Iterator[_Look]:
    for tenant, change in _changes(document):
        if change["action"] == "blocked":
            recipe = f": {code(change['recipe'], WORDS)}" if change["recipe"] is not None else ""
            yield _on(tenant, f"{category_text(change)}: {code(change['schema_id'])}", recipe)


def _elsewhere(document: PlanFacts) -> Iterator[_Look]:
    for tenant, drift in _out_of_band(document):
        words = f"{_OUT_OF_BAND[drift['kind']]} {code(drift['since'])}"
        yield _on(tenant, f"{words}: {code(drift['schema_id'])}", "")


def _on(tenant: TenantDocument, before: str, after: str) -> _Look:
    return _Look(f"{before} on ", (tenant["name"],), after)


def _named(tenants: list[str]) -> str:
    more = f" and {len(tenants) - _TENANTS} more" if len(tenants) > _TENANTS else ""
    return ", ".join(map(code, tenants[:_TENANTS])) + more


_TENANTS = 10


def _changes(document: PlanFacts) -> Iterator[tuple[TenantDocument, ChangeDocument]]:
    return ((tenant, change) for tenant in document["tenants"] for change in tenant["changes"])


def _grave(change: ChangeDocument) -> list[Kind]:
    """The kinds of what would be written and is more than additive."""
    if change["action"] == "blocked":
        return []
    return [kind for kind in GRAVE if kind in change["kinds"]]


def _out_of_band(document: PlanFacts) -> Iterator[tuple[TenantDocument, DriftDocument]]:
    """What the trail says that somebody else has done."""
    for tenant in document["tenants"]:
        for drift in tenant["drift"]:
            if drift["since"] is not None and drift["kind"] in _OUT_OF_BAND:
                yield tenant, drift


_OUT_OF_BAND: dict[DriftWord, str] = {
    "missing": "missing, it was there at",
    "changed": "changed out of band after",
}


def _numbers(document: PlanFacts) -> Iterator[str]:
    if limits := len(document["exceeded_limits"]):
        yield f"{counted(limits, 'limit')} exceeded"
    if unreadable := document["summary"]["unreadable"]:
        yield f"{counted(unreadable, 'tenant')} not readable"
    grave = Counter(kind for _, change in _changes(document) for kind in _grave(change))
    yield from (f"{grave[kind]} {kind}" for kind in GRAVE if grave[kind])
    reasons = Counter(c["reason"] for _, c in _changes(document) if c["action"] == "blocked")
    if reasons:
        why = ", ".join(f"{number} {reason}" for reason, number in sorted(reasons.items()))
        yield f"{reasons.total()} blocked ({why})"
    kinds = Counter(drift["kind"] for _, drift in _out_of_band(document))
    yield from (f"{kinds[kind]} {words}" for kind, words in _DONE_ELSEWHERE if kinds[kind])


_DONE_ELSEWHERE: tuple[tuple[DriftWord, str], ...] = (
    ("missing", "missing"),
    ("changed", "changed out of band"),
)
