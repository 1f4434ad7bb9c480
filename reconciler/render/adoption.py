"""Adoption → the JSON document, text for a terminal, and CSV; figures alone, and no value."""

import csv
import io
from collections.abc import Iterable, Mapping
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
from reconciler.domain.scim import fold
from reconciler.render.extension_names import ExtensionNames
from reconciler.render.layout import Cell, Column, table
from reconciler.render.paint import Paint
from reconciler.render.plain_text import counted, visible

_COLOURS = {
    AdoptionVerdict.FILLED: "green",
    AdoptionVerdict.NEVER_FILLED: "yellow",
    AdoptionVerdict.UNDECLARED: "yellow",
    AdoptionVerdict.ORPHANED: "yellow",
}
_TRENDS = {Direction.UP: "up", Direction.DOWN: "down", Direction.STEADY: "steady"}
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


def adoption_text(
    found: ResourceAdoption,
    names: Mapping[str, str],
    *,
    now: datetime,
    paint: Paint,
    width: int | None = None,
) -> str:
    """One resource type: a row for each attribute with its figures, verdict and age.

    `names` are those of the manifests, by folded URN.
    """
    name = paint("bold", f"Tenant {visible(found.tenant)}")
    if found.error is not None:
        kind = "" if found.resource_type is None else f"  {visible(found.resource_type)}"
        return f"{name}{kind}\n  {paint('red', 'error')}: {visible(found.error)}\n"
    if found.resource_type is None:
        return f"{name}  nothing is deployed that anybody could hold\n"
    total = "an unknown number" if found.total is None else f"{found.total:,}"
    shown = ExtensionNames()
    rows = (_row(each, names, shown, now) for each in found.attributes)
    lines = table(_HEAD, rows, width=width, paint=paint)
    text = f"{name}  {visible(found.resource_type)}: {total} in all\n{''.join(lines)}"
    reasons = dict.fromkeys(each.unknown for each in found.attributes if each.unknown)
    unknown = (f"  unknown: {visible(reason)}\n" for reason in reasons)
    return f"{text}{''.join(unknown)}{shown.foot(paint)}"


_HEAD = (
    Column("EXTENSION", keeps=24),
    Column("ATTRIBUTE", keeps=24),
    Column("HOLDERS", right=True),
    Column("OF", right=True),
    Column("SHARE", right=True),
    Column("VERDICT"),
    Column("TREND", spare=True, keeps=24),
    Column("COUNTED", spare=True, keeps=24),
    Column("DEPLOYED", spare=True),
    Column("FIRST VALUE", spare=True),
)


def _row(
    found: AdoptionFigure, names: Mapping[str, str], shown: ExtensionNames, now: datetime
) -> tuple[Cell, ...]:
    about = (shown.cell(names.get(fold(found.schema_id)), found.schema_id), visible(found.name))
    dates = [at[:10] if at is not None else "-" for at in (found.since, found.first_value)]
    if found.count is None:
        return (*about, "-", "-", "-", "unknown", "-", "-", *dates)
    share = _share(found.count)
    verdict = "-" if found.verdict is None else found.verdict.value
    counted_at = "" if found.measured_at is None else f", {_ago(found.measured_at, now)}"
    return (
        *about,
        f"{found.count.holders:,}",
        f"{found.count.total:,}",
        "-" if share is None else f"{share:.1%}",
        (_COLOURS.get(found.verdict, "") if found.verdict else "", verdict),
        _trend_text(found),
        f"by {found.count.method.value}{counted_at}",
        *dates,
    )


def _trend_text(found: AdoptionFigure) -> str:
    trend = _trend(found)
    if trend is None:
        return "-"
    by = trend["holders"]
    change = f"{by:+,}" if by else _TRENDS[Direction(trend["direction"])]
    return f"{change} since {trend['since'][:10]}"


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
