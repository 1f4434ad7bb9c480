"""The plan document → text for a terminal: symbols `+ ~ = ! x`, each with its meaning in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.domain.sections import Differing, Section, sections
from reconciler.render.paint import Paint
from reconciler.render.phrases import (
    NO_OWNER,
    SYMBOLS,
    TEST_USER,
    Category,
    approved_manifests,
    category_of,
    category_text,
    consumers_of,
    dated_drifts,
    drift_text,
    folder_lines,
    impact_line,
    is_written,
    legend,
    limit_lines,
    measure_lines,
    partial_line,
    scope_text,
    source_of,
    still_held_lines,
    summary_lines,
    usage_line,
    withheld_lines,
)
from reconciler.render.plain_text import counted, visible
from reconciler.render.plan_details import created_lines, details, sided_lines

if TYPE_CHECKING:  # they say the shape of JSON
    from reconciler.domain.documents import (
        ChangeDocument,
        ConsumerWord,
        DriftDocument,
        PlanFacts,
        PlanHead,
        RiskWord,
        SeverityWord,
        TenantDocument,
        Tenants,
    )

_COLOURS: dict[Category, str] = {
    "create": "green",
    "update": "yellow",
    "in-sync": "dim",
    "excluded": "dim",
    "drifted": "yellow",
    "blocked": "red",
}
_SIGNS = {"+": "green", "~": "yellow", "-": "red"}
_RISKS: dict[RiskWord, str] = {
    "none": "dim",
    "some": "yellow",
    "many": "red",
    "unknown": "yellow",
}
_SEVERITIES: dict[SeverityWord, str] = {"error": "red", "warning": "yellow", "info": "dim"}


def plan_text(document: PlanFacts, *, paint: Paint) -> Iterator[str]:
    """The whole plan in pieces, ending in the summary and the digest."""
    yield head_text(document, paint=paint)
    yield from tenants_text(document["tenants"], paint=paint)
    yield foot_text(document, paint=paint)


def head_text(document: PlanHead, *, paint: Paint) -> str:
    """The lines that need no tenant: the selection, and the ref whose Tenant manifests count."""
    selection, source = document["selection"], document["tenants_from"]
    lines: list[str] = []
    if any(selection.values()) or "due" in selection:
        lines += [partial_line(selection), ""]
    if source is not None:
        at = f"{visible(source['ref'])} (commit {visible(source['commit'])})"
        lines.append(paint("yellow", f"Tenants are those of {at}, not of the folder."))
        for text, names in folder_lines(source):
            lines.append(paint("yellow", f"  {text}: {', '.join(map(visible, names))}"))
        lines.append("")
    return "".join(f"{line}\n" for line in lines)


def tenants_text(tenants: Tenants, *, paint: Paint) -> Iterator[str]:
    """The plans of all tenants in pieces; what several have in common stands once."""
    found = sections(tenants)
    shared = any(len(section.tenants) > 1 for section in found)
    first, tenant = -1, None
    consumers: set[ConsumerWord] = set()
    for section in found:
        if section.first != first or tenant is None:  # it may have to be read from a file
            first, tenant = section.first, tenants[section.first]
            for change in tenant["changes"]:
                consumers.update(consumers_of(change))
        if shared:
            yield f"{paint('bold', _names_text(section.tenants))}\n"
        else:
            yield f"{_title_line(tenant, paint)}\n"
        for lines in _pieces(section, tenant, paint):
            yield "".join(f"{line}\n" for line in lines)
        yield "\n" if shared or section.error is not None else f"  digest: {tenant['digest']}\n\n"
    if shared:
        yield f"{paint('bold', 'Tenants')}\n"
        yield from (f"  {_facts_line(each)}\n" for each in tenants)
        yield "\n"
    if consumers:
        yield f"{legend(consumers)}.\n\n"


def foot_text(document: PlanFacts, *, paint: Paint) -> str:
    """The lines that need all tenants: approvals, the summary, exceeded limits, the digest."""
    lines: list[str] = []
    for approval in document["approvals"]:
        owners = ", ".join(map(visible, approval["owners"])) or NO_OWNER
        about = ", ".join(
            f"{visible(manifest)} ({counted(number, 'tenant')})"
            for manifest, number in approved_manifests(approval)
        )
        title = paint("yellow", f"Must approve what is {approval['kind']}:")
        lines.append(f"{title} {owners}: {about}")
    if "waves" in document:
        lines.append("In waves, each applied and verified before the next begins:")
        for wave in document["waves"]["waves"]:
            names = ", ".join(map(visible, wave["tenants"]))
            lines.append(f"  {wave['number']}: {counted(len(wave['tenants']), 'tenant')}: {names}")
    lines += [""] if lines else []
    lines += summary_lines(document)
    lines += [paint("red", f"Limit: {line}") for line in limit_lines(document)]
    lines.append(f"Digest: {document['digest']}")
    return "".join(f"{line}\n" for line in lines)


def _names_text(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"Tenant {visible(names[0])}"
    return f"Same in {counted(len(names), 'tenant')}: {', '.join(map(visible, names))}"


def _facts_line(tenant: TenantDocument) -> str:
    facts = [visible(tenant["name"]), _service_text(tenant), usage_line(tenant)]
    facts += [tenant["digest"]] if tenant["error"] is None else []
    return "  ".join(fact for fact in facts if fact)


def _pieces(section: Section, tenant: TenantDocument, paint: Paint) -> Iterator[Iterable[str]]:
    """The lines of each piece of a section; `tenant` is the first of it."""
    if section.frozen is not None:
        yield [
            paint("yellow", f"  {visible(section.frozen)}: before that, apply leaves it as it is")
        ]
    yield from ([_warning_line(warning, paint)] for warning in section.warnings)
    if section.error is not None:
        yield [_error_line(section.error, paint)]
    drifts = dated_drifts(tenant)
    for place, change in enumerate(tenant["changes"]):
        if (differing := section.changes.get(place)) is not None:
            yield change_lines(change, drifts.get(change["schema_id"]), differing, paint=paint)
    if section.unmanaged:
        names = (
            visible(urn) + (f" ({drift_text(drifts[urn], since)})" if since is not None else "")
            for urn, since in section.unmanaged.items()
        )
        yield [f"  unmanaged, left alone: {', '.join(names)}"]


def tenant_head_lines(tenant: TenantDocument, *, paint: Paint) -> Iterator[str]:
    """The lines about a tenant as a whole, which stand above its changes."""
    yield _title_line(tenant, paint)
    yield from (_warning_line(warning, paint) for warning in tenant["warnings"])
    if tenant["error"] is not None:
        yield _error_line(tenant["error"], paint)


def _title_line(tenant: TenantDocument, paint: Paint) -> str:
    usage = usage_line(tenant)
    title = paint("bold", f"Tenant {visible(tenant['name'])}")
    return f"{title}  ({_service_text(tenant)})" + (f"  {usage}" if usage else "")


def _service_text(tenant: TenantDocument) -> str:
    where = f"{visible(tenant['dialect'])}, {visible(tenant['base_url'])}"
    return f"{where}, {TEST_USER}" if tenant.get("canary") else where


def _warning_line(warning: str, paint: Paint) -> str:
    return paint("yellow", f"  warning: {visible(warning)}")


def _error_line(error: str, paint: Paint) -> str:
    return paint("red", f"  not readable: {visible(error)}")


def change_lines(
    change: ChangeDocument,
    drift: DriftDocument | None = None,
    differing: Differing | None = None,
    *,
    paint: Paint,
) -> Iterator[str]:
    """The lines about one change; `drift` is what the audit trail has to say of it.

    `differing` is what of it differs between several tenants.
    """
    category = category_of(change)
    head = f"{SYMBOLS[category]} {category_text(change, drift)}: {visible(change['manifest'])}"
    about = f"{visible(change['schema_id'])}  [{source_of(change)}]"
    yield f"  {paint(_COLOURS[category], head)}  {about}"
    if drift is not None:
        since = None if differing is None else differing.since
        yield f"      {drift_text(drift, since)}"
    if scope := scope_text(change):
        yield f"      {scope}"
    written = is_written(change)
    lines = [f"+ {line}" for line in created_lines(change)]
    lines += [line for each in details(change) for line in sided_lines(each, written=written)]
    for line in lines:
        colour = _SIGNS.get(line[0]) if written else None
        yield f"      {paint(colour, line) if colour else line}"
    for impact in change["impacts"]:
        yield f"      {paint(_SEVERITIES[impact['severity']], impact_line(impact))}"
    yield from (f"      {line}" for line in withheld_lines(change))
    for risk, line in measure_lines(change, differing):
        yield f"      {paint(_RISKS[risk], line)}"
    yield from (f"      {line}" for line in still_held_lines(change, differing))
    if change["recipe"]:
        yield f"      {visible(change['recipe'])}"
