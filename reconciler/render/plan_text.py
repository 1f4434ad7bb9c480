"""The plan document → text for a terminal: symbols `+ ~ = ! x`, each with its meaning in words."""

from collections.abc import Iterator

from reconciler.domain.documents import (
    ChangeDocument,
    DriftDocument,
    PlanFacts,
    PlanHead,
    RiskWord,
    TenantDocument,
)
from reconciler.render.paint import Paint
from reconciler.render.phrases import (
    NO_OWNER,
    Category,
    approved_manifests,
    category_of,
    category_text,
    dated_drifts,
    drift_text,
    folder_lines,
    impact_line,
    measure_line,
    partial_line,
    scope_text,
    source_of,
    summary_lines,
    usage_line,
    withheld_lines,
)
from reconciler.render.plain_text import counted, visible
from reconciler.render.plan_details import Detail, created_lines, details

_WIDTH = 80  # columns; both sides of a longer difference stand below each other
_SYMBOLS: dict[Category, tuple[str, str]] = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "in-sync": ("=", "dim"),
    "excluded": ("=", "dim"),
    "drifted": ("!", "yellow"),
    "blocked": ("x", "red"),
}


_RISKS: dict[RiskWord, str] = {
    "none": "dim",
    "some": "yellow",
    "many": "red",
    "unknown": "yellow",
}


def plan_text(document: PlanFacts, *, paint: Paint) -> Iterator[str]:
    """The whole plan in pieces, ending in the summary and the digest."""
    yield head_text(document, paint=paint)
    yield from (tenant_text(tenant, paint=paint) for tenant in document["tenants"])
    yield foot_text(document, paint=paint)


def head_text(document: PlanHead, *, paint: Paint) -> str:
    """The lines that need no tenant: the selection, and the ref whose Tenant manifests count."""
    selection, source = document["selection"], document["tenants_from"]
    lines: list[str] = []
    if any(selection.values()):
        lines += [partial_line(selection), ""]
    if source is not None:
        at = f"{visible(source['ref'])} (commit {visible(source['commit'])})"
        lines.append(paint("yellow", f"Tenants are those of {at}, not of the folder."))
        for text, names in folder_lines(source):
            lines.append(paint("yellow", f"  {text}: {', '.join(map(visible, names))}"))
        lines.append("")
    return "".join(f"{line}\n" for line in lines)


def tenant_text(tenant: TenantDocument, *, paint: Paint) -> str:
    """The plan of one tenant, and an empty line."""
    return "".join(f"{line}\n" for line in (*_tenant_lines(tenant, paint), ""))


def foot_text(document: PlanFacts, *, paint: Paint) -> str:
    """The lines that need all tenants: approvals, the summary, exceeded limits, the digest."""
    lines: list[str] = []
    for approval in document["approvals"]:
        owners = ", ".join(map(visible, approval["owners"])) or NO_OWNER
        about = ", ".join(
            f"{visible(manifest)} ({counted(number, 'tenant')})"
            for manifest, number in approved_manifests(approval)
        )
        lines.append(f"Must approve what is {approval['kind']}: {owners}: {about}")
    lines += [""] if lines else []
    lines += summary_lines(document)
    lines += [paint("red", f"Limit: {visible(line)}") for line in document["exceeded_limits"]]
    lines.append(f"Digest: {document['digest']}")
    return "".join(f"{line}\n" for line in lines)


def _tenant_lines(tenant: TenantDocument, paint: Paint) -> Iterator[str]:
    yield from tenant_head_lines(tenant, paint=paint)
    if tenant["error"] is not None:
        return
    drifts = dated_drifts(tenant)
    for change in tenant["changes"]:
        yield from change_lines(change, drifts.get(change["schema_id"]), paint=paint)
    if tenant["unmanaged"]:
        names = (
            visible(urn) + (f" ({drift_text(drifts[urn])})" if urn in drifts else "")
            for urn in tenant["unmanaged"]
        )
        yield f"  unmanaged, left alone: {', '.join(names)}"
    yield f"  digest: {tenant['digest']}"


def tenant_head_lines(tenant: TenantDocument, *, paint: Paint) -> Iterator[str]:
    """The lines about a tenant as a whole, which stand above its changes."""
    usage = usage_line(tenant)
    where = f"{visible(tenant['dialect'])}, {visible(tenant['base_url'])}"
    title = paint("bold", f"Tenant {visible(tenant['name'])}")
    yield f"{title}  ({where})" + (f"  {usage}" if usage else "")
    for warning in tenant["warnings"]:
        yield paint("yellow", f"  warning: {visible(warning)}")
    if tenant["error"] is not None:
        yield paint("red", f"  x not readable: {visible(tenant['error'])}")


def change_lines(
    change: ChangeDocument, drift: DriftDocument | None, *, paint: Paint
) -> Iterator[str]:
    """The lines about one change; `drift` is what the audit trail has to say of it."""
    symbol, colour = _SYMBOLS[category_of(change)]
    head = f"  {symbol} {category_text(change, drift)}: {visible(change['schema_id'])}"
    yield paint(colour, head) + f"  [{source_of(change)}]"
    if drift is not None:
        yield f"      {drift_text(drift)}"
    if scope := scope_text(change):
        yield f"      {scope}"
    for line in created_lines(change):
        yield f"      + {line}"
    for detail in details(change):
        yield from _detail_lines(detail)
    for impact in change["impacts"]:
        yield f"      {impact_line(impact)}"
    yield from (f"      {line}" for line in withheld_lines(change))
    for measure in change.get("impact", ()):
        yield paint(_RISKS[measure["risk"]], f"      {measure_line(measure)}")
    if change["recipe"]:
        yield f"      {visible(change['recipe'])}"


def _detail_lines(detail: Detail) -> Iterator[str]:
    path, live, desired = detail.path, detail.live, detail.desired
    if live and desired:
        line = f"      ~ {path}: live {live[0]}, desired {desired[0]}{detail.note}"
        if len(line) <= _WIDTH:
            yield line
        else:
            yield f"      ~ {path}:{detail.note}"
            yield f"          live    {live[0]}"
            yield f"          desired {desired[0]}"
        return
    sign, side = ("-", "live") if live else ("+", "desired")
    first, *others = live or desired
    yield f"      {sign} {path}: only {side}: {first}"
    yield from (f"      {sign} {line}" for line in others)
