"""Adoption → the JSON document, text for a terminal, and CSV; figures alone, and no value."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime

from reconciler.domain.adoption import (
    AdoptionFigure,
    AdoptionVerdict,
    Count,
    CountMethod,
    Direction,
    ResourceAdoption,
    direction,
)
from reconciler.domain.documents import (
    AdoptionAttribute,
    AdoptionDocument,
    AdoptionTenant,
    TrendDocument,
)
from reconciler.render.paint import Paint
from reconciler.render.plain_text import counted, visible

_COLOURS = {
    AdoptionVerdict.FILLED: "green",
    AdoptionVerdict.NEVER_FILLED: "yellow",
    AdoptionVerdict.UNDECLARED: "yellow",
    AdoptionVerdict.ORPHANED: "yellow",
}
_ARROWS = {Direction.UP: "+", Direction.DOWN: "-", Direction.STEADY: "="}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet begins a formula


def adoption_document(tenants: Iterable[ResourceAdoption]) -> AdoptionDocument:
    """The figures as `reconciler schema adoption` describes them."""
    return {"format_version": "1.0", "tenants": [_tenant(each) for each in tenants]}


def _tenant(found: ResourceAdoption) -> AdoptionTenant:
    return {
        "name": found.tenant,
        "resource_type": found.resource_type,
        "total": found.total,
        "attributes": [_attribute(each) for each in found.attributes],
        "error": found.error,
    }


def _attribute(found: AdoptionFigure) -> AdoptionAttribute:
    count = found.count
    return {
        "schema_id": found.schema_id,
        "attribute": found.name,
        "holders": None if count is None else count.holders,
        "of": None if count is None else count.total,
        "share": _share(count),
        "method": None if count is None else count.method.value,
        "since": found.since,
        "first_value": found.first_value,
        "trend": _trend(found),
        "verdict": None if found.verdict is None else found.verdict.value,
        "measured_at": found.measured_at,
        "unknown": found.unknown,
    }


def _share(count: Count | None) -> float | None:
    if count is None or not count.total:
        return None
    return round(count.holders / count.total, 4)


def _trend(found: AdoptionFigure) -> TrendDocument | None:
    if found.before is None or found.count is None:
        return None
    before = found.before
    way = direction(before.count, found.count)
    if way is None:
        return None
    samples = CountMethod.SAMPLE in (before.count.method, found.count.method)
    return {
        "direction": way.value,
        "holders": None if samples else found.count.holders - before.count.holders,
        "since": before.measured_at,
    }


def adoption_text(found: ResourceAdoption, *, now: datetime, paint: Paint) -> str:
    """One resource type: a line for each attribute with its figures, verdict and age."""
    name = paint("bold", f"Tenant {visible(found.tenant)}")
    if found.error is not None:
        kind = "" if found.resource_type is None else f"  {visible(found.resource_type)}"
        return f"{name}{kind}\n  {paint('red', 'error')}: {visible(found.error)}\n"
    if found.resource_type is None:
        return f"{name}  nothing is deployed that anybody could hold\n"
    total = "an unknown number" if found.total is None else f"{found.total:,}"
    lines = [f"{name}  {visible(found.resource_type)}: {total} in all"]
    schema_id = None
    width = max((len(each.name) for each in found.attributes), default=0)
    for each in found.attributes:
        if each.schema_id != schema_id:
            schema_id = each.schema_id
            lines.append(f"  {visible(schema_id)}")
        lines.append(f"    {_line(each, width=width, now=now, paint=paint)}".rstrip())
    reasons = dict.fromkeys(each.unknown for each in found.attributes if each.unknown)
    lines += [f"  unknown: {visible(reason)}" for reason in reasons]
    return "\n".join(lines) + "\n"


def _line(found: AdoptionFigure, *, width: int, now: datetime, paint: Paint) -> str:
    name = f"{visible(found.name):<{width}}"
    if found.count is None:
        return f"{name}  unknown"
    share = _share(found.count)
    figures = f"{found.count.holders:>9,} of {found.count.total:,}"
    percent = f"{'':7}" if share is None else f"{share:7.1%}"
    verdict = "" if found.verdict is None else found.verdict.value
    shown = f"{verdict:<12}"
    if found.verdict in _COLOURS:
        shown = paint(_COLOURS[found.verdict], shown)
    return "  ".join([f"{name}  {figures}", percent, shown, *_more(found, now)])


def _more(found: AdoptionFigure, now: datetime) -> Iterator[str]:
    if found.count is None or found.measured_at is None:
        return
    notes = [f"by {found.count.method.value}, {_ago(found.measured_at, now)}"]
    if (trend := _trend(found)) is not None:
        way = _ARROWS[Direction(trend["direction"])]
        by = trend["holders"]
        change = way if by is None or not by else f"{by:+,}"
        notes.append(f"{change} since {trend['since'][:10]}")
    if found.since is not None:
        notes.append(f"deployed {found.since[:10]}")
    if found.first_value is not None:
        notes.append(f"first value {found.first_value[:10]}")
    yield "; ".join(notes)


def _ago(moment: str, now: datetime) -> str:
    """The age of a figure."""
    seconds = max(0, int((now - datetime.fromisoformat(moment)).total_seconds()))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return f"{counted(seconds // length, unit)} ago"
    return "now"


def adoption_csv(document: AdoptionDocument) -> str:
    """A row for each attribute, and one for each tenant that could not be counted."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_HEADINGS)
    for tenant in document["tenants"]:
        about = (tenant["name"], tenant["resource_type"], tenant["total"])
        if tenant["error"] is not None:
            rows.writerow(_cells(*about, *[None] * 13, tenant["error"]))
        for each in tenant["attributes"]:
            trend = each["trend"]
            change = (None,) * 3 if trend is None else tuple(trend.values())
            figures = (
                each["schema_id"], each["attribute"], each["holders"], each["of"], each["share"],
                each["method"], each["since"], each["first_value"], *change, each["verdict"],
                each["measured_at"], each["unknown"],
            )  # fmt: skip
            rows.writerow(_cells(*about, *figures))
    return text.getvalue()


_HEADINGS = (
    "tenant", "resource_type", "total", "schema_id", "attribute", "holders", "of", "share",
    "method", "since", "first_value", "trend", "trend_holders", "trend_since", "verdict",
    "measured_at", "unknown",
)  # fmt: skip


def _cells(*values: object) -> list[str]:
    return [_cell(value) for value in values]


def _cell(value: object) -> str:
    """A cell as it is seen, and no formula: names come from a service."""
    match value:
        case None:
            return ""
        case bool() | int() | float():
            return str(value)
        case str():
            shown = visible(value)
            return f"'{shown}" if shown.startswith(_FORMULA) else shown
        case _:
            return visible(value)
