"""FleetReport → one self-contained HTML page: tables, inline SVG, no script, nothing fetched."""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from jinja2 import Environment, StrictUndefined

from reconciler.domain.adoption import AdoptionVerdict
from reconciler.domain.fleet_report import (
    AttributeAdoption,
    Day,
    ExtensionGate,
    FleetReport,
    Share,
    TenantAdoption,
)
from reconciler.domain.fleet_status import ExtensionState, ExtensionStatus, TenantStatus
from reconciler.domain.manifest import SchemaExtension
from reconciler.domain.metrics import quantiles
from reconciler.domain.records import rfc3339
from reconciler.domain.scim import fold
from reconciler.domain.searching import names_in
from reconciler.render.age import age
from reconciler.render.plain_text import counted, visible

_WIDTH, _HEIGHT = 100, 18  # of a sparkline
_BAR = 76  # the height of the tallest bar


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTemplate:
    """The packaged template, and the style sheet that goes into the page."""

    page: str
    style: str


def report_html(report: FleetReport, template: ReportTemplate) -> str:
    """The page; everything foreign in it is escaped, and no member of it can carry a script."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["visible"] = visible
    style = f"\n{template.style}"
    status = report.status
    extensions = _extensions(status.tenants)
    return environment.from_string(template.page).render(
        style=style,
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
        at=rfc3339(status.at),
        size=counted(len(status.tenants), "tenant"),
        max_age=round(report.max_age.total_seconds() / 3600),
        numbers={
            "in_sync": status.count(ExtensionState.IN_SYNC),
            "drifted_for_a_day": status.drifted_for_a_day,
            "blocked": status.count(ExtensionState.BLOCKED),
            "unread": len(status.unread(report.max_age)),
        },
        needs=status.needs(report.max_age),
        extensions=[extension.name for extension in extensions],
        matrix=[*_matrix(status.tenants, extensions, status.at)],
        sendable=[*_sendable(report, extensions)],
        adoption=[*_adoption(report, extensions)],
        deliveries=_deliveries(report),
        backlog=sum(tenant.pending for tenant in status.tenants),
        days=[*_days(report.days)],
        chain=report.chain,
    )


def _extensions(tenants: Iterable[TenantStatus]) -> list[SchemaExtension]:
    """Every extension once, by name."""
    known = {each.extension.name: each.extension for t in tenants for each in t.extensions}
    return [known[name] for name in sorted(known)]


def _matrix(
    tenants: Iterable[TenantStatus], extensions: Sequence[SchemaExtension], now: datetime
) -> Iterator[dict[str, object]]:
    for tenant in tenants:
        found = {each.extension.name: each for each in tenant.extensions}
        yield {
            "name": tenant.name,
            "age": age(tenant.last_read, now),
            "cells": [_cell(found.get(extension.name), now) for extension in extensions],
        }


def _cell(found: ExtensionStatus | None, now: datetime) -> dict[str, str]:
    if found is None:
        return {"text": "", "tone": ""}
    if found.looked_at is None:
        return {"text": "never read", "tone": ""}
    well = found.state is ExtensionState.IN_SYNC
    symbol = "=" if well else "x" if found.state is ExtensionState.BLOCKED else "!"
    text = f"{symbol} {found.state.value}, {age(found.looked_at, now)}"
    return {"text": text, "tone": "good" if well else "bad" if found.stays else ""}


def _sendable(
    report: FleetReport, extensions: Iterable[SchemaExtension]
) -> Iterator[dict[str, object]]:
    gates_of: dict[str, list[ExtensionGate]] = defaultdict(list)
    for each in report.gates:
        gates_of[each.extension.name].append(each)
    for extension in extensions:
        names, numbers = names_in(extension.schema), dict[str, int]()
        rows = [
            {
                "tenant": each.tenant,
                "age": _ages(each, report.status.at),
                "cells": _answers(each, names, numbers),
            }
            for each in gates_of[extension.name]
        ]
        yield {
            "name": extension.name,
            "urn": extension.schema.id,
            "attributes": names,
            "rows": rows,
            "reasons": [*numbers],
        }


def _ages(found: ExtensionGate, now: datetime) -> str:
    """The age of each of the facts that an answer rests on."""
    ages = [f"read {age(found.looked_at, now)}", f"searched {age(found.searched_at, now)}"]
    if found.tried_at is not None:
        ages.append(f"tried {age(found.tried_at, now)}")
    return ", ".join(ages)


def _answers(found: ExtensionGate, names: Iterable[str], numbers: dict[str, int]) -> list[str]:
    """The numbers of the reasons against each attribute, empty where it may be sent.

    A reason without a number so far gets the next one.
    """
    by_name = {fold(each.attribute): each.reasons for each in found.gates}
    return [
        ", ".join(str(numbers.setdefault(r, len(numbers) + 1)) for r in by_name.get(fold(name), ()))
        for name in names
    ]


def _adoption(
    report: FleetReport, extensions: Iterable[SchemaExtension]
) -> Iterator[dict[str, object]]:
    names = {each.schema.key: each.name for each in extensions}
    for schema_id, attributes in report.adoption.items():
        tenants = sorted({name for each in attributes for name in each.by_tenant})
        yield {
            "name": names.get(schema_id, schema_id),
            "attributes": [_attribute(each, report.status.at) for each in attributes],
            "rows": [_of_tenant(name, attributes, report.status.at) for name in tenants],
        }


def _attribute(found: AttributeAdoption, now: datetime) -> dict[str, object]:
    # What was counted longer ago than the samples of the trend is a trend of one.
    days = found.by_day or ((found.measured[1][:10], found.share),)
    first_date, first = days[0]
    ages = (age(at, now) for at in reversed(found.measured))
    return {
        "name": found.attribute,
        "holders": found.share.holders,
        "total": found.share.total,
        "share": _percent(found.share),
        "verdicts": ", ".join(f"{verdict} {n}" for verdict, n in found.verdicts.items()) or "-",
        "ages": " to ".join(dict.fromkeys(ages)),
        "first": _percent(first),
        "first_date": first_date,
        "last_date": days[-1][0],
        "points": _points([share.value for _, share in days]),
    }


def _points(shares: Sequence[float]) -> str:
    """The points of a sparkline; none where there is no more than one."""
    last = len(shares) - 1
    points = (
        f"{_WIDTH * number / last:.1f},{1 + _HEIGHT * (1 - share):.1f}"
        for number, share in enumerate(shares)
        if last
    )
    return " ".join(points)


def _of_tenant(
    name: str, attributes: Sequence[AttributeAdoption], now: datetime
) -> dict[str, object]:
    counted = (each.by_tenant.get(name) for each in attributes)
    return {"tenant": name, "cells": [_counted(each, now) for each in counted]}


def _counted(found: TenantAdoption | None, now: datetime) -> dict[str, str]:
    if found is None:
        return {"text": "-", "tone": ""}
    verdict = f", {found.verdict}" if found.verdict else ""
    return {
        "text": f"{_percent(found.share)}{verdict}, {age(found.measured_at, now)}",
        "tone": "bad" if found.verdict in _UNWANTED else "",
    }


_UNWANTED = (AdoptionVerdict.NEVER_FILLED, AdoptionVerdict.UNDECLARED, AdoptionVerdict.ORPHANED)


def _percent(share: Share) -> str:
    """Whole percents, and never 0 or 100 where that is not exactly so."""
    if 0 < share.holders < share.total:
        return f"{min(max(round(100 * share.value), 1), 99)} %"
    return f"{round(100 * share.value)} %"


def _deliveries(report: FleetReport) -> dict[str, object]:
    found = dict(quantiles(report.deliveries))
    shown = {share: f"{round(1000 * seconds)} ms" for share, seconds in found.items()}
    return {
        "count": len(report.deliveries),
        "p50": shown.get(0.5, "-"),
        "p95": shown.get(0.95, "-"),
    }


def _days(days: Sequence[Day]) -> Iterator[dict[str, object]]:
    most = max([1, *(max(day.changed, day.failed) for day in days)])
    for day in days:
        yield {
            "date": day.date,
            "changed": day.changed,
            "failed": day.failed,
            "delivered": day.delivered,
            "undelivered": day.undelivered,
            "any": day.changed or day.failed or day.delivered or day.undelivered,
            "height": round(_BAR * day.changed / most),
            "failed_height": round(_BAR * day.failed / most),
        }
