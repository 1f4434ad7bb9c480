"""The plan document → text for a terminal: symbols `+ ~ = ! x`, each with its meaning in words."""

from collections.abc import Iterator

from reconciler.domain.documents import (
    ApprovalDocument,
    ChangeDocument,
    DifferenceDocument,
    PlanFacts,
    PlanHead,
    TenantDocument,
    TenantsFromDocument,
)
from reconciler.render.paint import Paint
from reconciler.render.phrases import (
    NO_OWNER,
    Category,
    approved_manifests,
    attribute_line,
    category_of,
    category_text,
    created_attributes,
    drift_words,
    folder_lines,
    impact_line,
    partial_line,
    room_line,
    source_of,
    summary_lines,
    value_words,
)
from reconciler.render.plain_text import counted, visible

_SYMBOLS: dict[Category, tuple[str, str]] = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "in-sync": ("=", "dim"),
    "excluded": ("=", "dim"),
    "drifted": ("!", "yellow"),
    "blocked": ("x", "red"),
}


def plan_text(document: PlanFacts, *, paint: Paint) -> Iterator[str]:
    """The whole plan in pieces, ending in the summary and the digest."""
    yield head_text(document, paint=paint)
    yield from (tenant_text(tenant, paint=paint) for tenant in document["tenants"])
    yield foot_text(document, paint=paint)


def head_text(document: PlanHead, *, paint: Paint) -> str:
    """What is known before any tenant is read: the selection, and whose manifests count."""
    selection = document["selection"]
    lines: list[str] = []
    if any(selection.values()):
        lines += [partial_line(selection), ""]
    if document["tenants_from"] is not None:
        lines += [*(paint("yellow", line) for line in _source(document["tenants_from"])), ""]
    return "".join(f"{line}\n" for line in lines)


def tenant_text(tenant: TenantDocument, *, paint: Paint) -> str:
    """The plan of one tenant, and an empty line."""
    return "".join(f"{line}\n" for line in (*_tenant(tenant, paint), ""))


def foot_text(document: PlanFacts, *, paint: Paint) -> str:
    """What can be said when all tenants are planned."""
    lines: list[str] = []
    if document["approvals"]:
        lines += [*(_approval(approval) for approval in document["approvals"]), ""]
    lines += summary_lines(document)
    lines += [paint("red", f"Limit: {visible(line)}") for line in document["exceeded_limits"]]
    lines.append(f"Digest: {document['digest']}")
    return "".join(f"{line}\n" for line in lines)


def _approval(approval: ApprovalDocument) -> str:
    owners = ", ".join(map(visible, approval["owners"])) or NO_OWNER
    about = (f"{visible(n)} ({counted(k, 'tenant')})" for n, k in approved_manifests(approval))
    return f"Must approve what is {approval['kind']}: {owners}: {', '.join(about)}"


def _source(source: TenantsFromDocument) -> Iterator[str]:
    at = f"{visible(source['ref'])} (commit {visible(source['commit'])})"
    yield f"Tenants are those of {at}, not of the folder."
    for text, names in folder_lines(source):
        yield f"  {text}: {', '.join(map(visible, names))}"


def _tenant(tenant: TenantDocument, paint: Paint) -> Iterator[str]:
    where = f"{visible(tenant['dialect'])}, {visible(tenant['base_url'])}"
    yield paint("bold", f"Tenant {visible(tenant['name'])}") + f"  ({where}){_room(tenant)}"
    for warning in tenant["warnings"]:
        yield paint("yellow", f"  warning: {visible(warning)}")
    if tenant["error"] is not None:
        yield paint("red", f"  x not readable: {visible(tenant['error'])}")
        return
    told = drift_words(tenant)
    for change in tenant["changes"]:
        yield from _change(change, told.get(change["schema_id"]), paint)
    if tenant["unmanaged"]:
        names = (
            visible(urn) + (f" ({told[urn]})" if urn in told else "") for urn in tenant["unmanaged"]
        )
        yield f"  unmanaged, left alone: {', '.join(names)}"


def _room(tenant: TenantDocument) -> str:
    room = room_line(tenant)
    return f"  {room}" if room else ""


def _change(change: ChangeDocument, drift: str | None, paint: Paint) -> Iterator[str]:
    symbol, colour = _SYMBOLS[category_of(change)]
    head = f"  {symbol} {category_text(change)}: {visible(change['schema_id'])}"
    yield paint(colour, head) + f"  [{source_of(change)}]"
    if drift is not None:
        yield f"      {drift}"
    yield from (f"      + {attribute_line(a)}" for a in created_attributes(change))
    yield from (f"      {_difference(d)}" for d in change["differences"])
    yield from (f"      {impact_line(impact)}" for impact in change["impacts"])
    if change["recipe"]:
        yield f"      {visible(change['recipe'])}"


def _difference(difference: DifferenceDocument) -> str:
    path = visible(difference["path"])
    if difference["live"] is None:
        return f"+ {path}: only desired: {value_words(difference['desired'])}"
    if difference["desired"] is None:
        return f"- {path}: only live: {value_words(difference['live'])}"
    live, desired = value_words(difference["live"]), value_words(difference["desired"])
    return f"~ {path}: live {live}, desired {desired}"
