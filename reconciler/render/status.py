"""FleetStatus → text for a terminal, and the document that `status --format json` prints."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain

from reconciler.domain.documents import StatusDocument, StatusFreeze
from reconciler.domain.fleet_status import ExtensionState, FleetStatus, TenantStatus
from reconciler.domain.records import rfc3339
from reconciler.domain.rules.manifests import named
from reconciler.render.age import age
from reconciler.render.layout import Cell, Column, table
from reconciler.render.paint import Paint
from reconciler.render.plain_text import counted, visible
from reconciler.render.unclaimed import history_line

_HEAD = (
    Column("TENANT", keeps=24),
    Column("LAST READ"),
    Column("IN SYNC"),
    Column("DRIFT SINCE"),
    Column("BLOCKED"),
    Column("FAILED"),
    Column("WEBHOOKS"),
)


def status_text(
    status: FleetStatus, needs: tuple[tuple[str, str], ...], paint: Paint, width: int | None = None
) -> str:
    """A row for each tenant, then what a person has to look at, then the sums."""
    rows = (_row(tenant, status.at) for tenant in status.tenants)
    below = (f"{line}\n" for line in _lines(status, needs, paint))
    return "".join(chain(table(_HEAD, rows, width=width, paint=paint), below))


def _lines(status: FleetStatus, needs: tuple[tuple[str, str], ...], paint: Paint) -> Iterator[str]:
    if needs:
        yield ""
        yield paint("red", "Needs a person:")
        yield from (f"  {visible(name)}: {visible(text)}" for name, text in needs)
    yield from _frozen(status)
    yield ""
    count = status.count
    waiting = count(ExtensionState.WAITING)
    more = f", {waiting} waiting" if waiting else ""
    drifted = count(ExtensionState.DRIFTED) + count(ExtensionState.OUTDATED)
    yield (
        f"{counted(len(status.tenants), 'tenant')}: {count(ExtensionState.IN_SYNC)} in sync, "
        f"{drifted} drifted, {count(ExtensionState.BLOCKED)} blocked, "
        f"{count(ExtensionState.FAILED)} failed, {count(ExtensionState.NEVER_READ)} never read"
        f"{more}."
    )
    if status.drifted_for_a_day:
        yield f"In sync a day ago or more, or never: {status.drifted_for_a_day} of the drifted."
    ago = " ago" if status.last_success else ""
    yield f"Last run that ended well: {age(status.last_success, status.at)}{ago}."
    if history := history_line(status.unclaimed):
        yield f"{history[:1].upper()}{visible(history[1:])}."


def _frozen(status: FleetStatus) -> Iterator[str]:
    """A line for each time at which freezes are over, with the tenants whose that is."""
    names = defaultdict(list)
    for tenant in status.tenants:
        if tenant.frozen is not None:
            names[str(tenant.frozen)].append(tenant.name)
    if names:
        yield ""
    for text, tenants in sorted(names.items()):
        yield f"{text[:1].upper()}{text[1:]}: {visible(named(tenants))}."


def _row(tenant: TenantStatus, now: datetime) -> tuple[Cell, ...]:
    return (
        visible(tenant.name),
        age(tenant.last_read, now),
        f"{tenant.count(ExtensionState.IN_SYNC)}/{len(tenant.extensions)}",
        ("yellow", _drift(tenant, now)),
        ("red", _number(tenant.count(ExtensionState.BLOCKED))),
        ("red", _number(tenant.count(ExtensionState.FAILED))),
        ("yellow", _number(tenant.pending)),
    )


def _opens(tenant: TenantStatus) -> StatusFreeze:
    return {} if tenant.frozen is None else {"frozen_until": tenant.frozen.opens}


def _drift(tenant: TenantStatus, now: datetime) -> str:
    """The number of extensions that drift, and for how long the first of them has been so."""
    drifting = (ExtensionState.DRIFTED, ExtensionState.OUTDATED)
    since = [each.since for each in tenant.extensions if each.state in drifting]
    if not since:
        return "-"
    known = [at for at in since if at is not None]
    first = age(min(known), now) if len(known) == len(since) else "ever"
    return f"{len(since)}, {first}"


def _number(number: int) -> str:
    return str(number) if number else "-"


def status_document(
    status: FleetStatus,
    needs: tuple[tuple[str, str], ...],
    max_age: timedelta,
    warnings: tuple[str, ...] = (),
) -> StatusDocument:
    """The document that `reconciler schema status` describes."""
    needs_of = defaultdict(list)
    for name, text in needs:
        needs_of[name].append(text)
    return {
        "format_version": "1.0",
        "generated_at": rfc3339(status.at),
        "last_success": status.last_success,
        "summary": {
            "tenants": len(status.tenants),
            "in_sync": status.count(ExtensionState.IN_SYNC),
            "outdated": status.count(ExtensionState.OUTDATED),
            "drifted": status.count(ExtensionState.DRIFTED),
            "blocked": status.count(ExtensionState.BLOCKED),
            "failed": status.count(ExtensionState.FAILED),
            "waiting": status.count(ExtensionState.WAITING),
            "never_read": status.count(ExtensionState.NEVER_READ),
            "drifted_for_a_day": status.drifted_for_a_day,
            "not_read": len(status.unread(max_age)),
            "webhooks_pending": sum(tenant.pending for tenant in status.tenants),
        },
        "warnings": list(warnings),
        "unclaimed": [
            {
                "name": each.name,
                "open_writes": each.open_writes,
                "webhooks": {"pending": each.pending, "held": each.held},
                "needs": needs_of[each.name],
            }
            for each in status.unclaimed
        ],
        "tenants": [
            {
                "name": tenant.name,
                "last_read": tenant.last_read,
                **_opens(tenant),
                "webhooks": {
                    "pending": tenant.pending,
                    "due_at": tenant.due_at,
                    "held": tenant.held,
                    "given_up": tenant.given_up,
                },
                "open_writes": tenant.open_writes,
                "extensions": [
                    {
                        "manifest": each.extension.name,
                        "schema_id": each.extension.schema.id,
                        "state": each.state.value,
                        "reason": each.reason or None,
                        "looked_at": each.looked_at,
                        "in_sync_at": each.since,
                    }
                    for each in tenant.extensions
                ],
                "needs": needs_of[tenant.name],
            }
            for tenant in status.tenants
        ],
    }
