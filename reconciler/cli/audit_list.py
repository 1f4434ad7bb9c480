"""`audit list`: the newest records of the trail that are asked for."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from reconciler.adapters.clock import wall_time
from reconciler.cli.commands.audit_list import Options
from reconciler.cli.exits import Exit
from reconciler.cli.invocation import Invocation
from reconciler.cli.output import output_of
from reconciler.cli.shared_options import TextOrJson
from reconciler.cli.state_store import state_if_any
from reconciler.domain.documents import AuditDocument
from reconciler.domain.messages import suggestion
from reconciler.domain.record_filter import RecordFilter
from reconciler.domain.records import Event, Status, rfc3339
from reconciler.domain.tenant_names import former_names
from reconciler.errors import UsageError
from reconciler.render.extension_names import ExtensionNames
from reconciler.render.layout import Cell, Column
from reconciler.render.plain_text import visible

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_COMMIT = 12  # characters of a commit that are shown

AWord = TypeVar("AWord", bound=StrEnum)


def audit_list(invocation: Invocation, options: Options) -> int:
    """Print them, the oldest first; none before the first apply."""
    with (
        output_of(invocation, wanted=options.format is TextOrJson.JSON) as output,
        state_if_any(invocation) as store,
    ):
        wanted = _filter(options)
        if store is None:
            records = []
        else:
            if wanted.tenants:
                former = former_names(wanted.tenants, store.renamings())
                wanted = replace(wanted, tenants=(*wanted.tenants, *former))
            records = store.last_records(options.last, wanted)
        if output.wanted:
            output.show({"records": iter(records)})
            return Exit.WELL
        names = ExtensionNames()
        rows = (_row(record, names) for record in records)
        if not invocation.console.table(_HEAD, rows):
            nothing = "nothing was recorded yet" if store is None else "no record fits"
            invocation.console.say(nothing)
        invocation.console.text(names.foot(invocation.console.paint))
    return Exit.WELL


_HEAD = (
    Column("SEQ"),
    Column("TIME", whole=True),
    Column("EVENT"),
    Column("STATUS"),
    Column("TENANT", keeps=24),
    Column("EXTENSION", keeps=24),
    Column("BY", spare=True),
    Column("COMMIT", spare=True),
    Column("DETAIL", folds=True, keeps=30),
)
_COLOURS = {"SUCCESS": "green", "SYNCED": "green", "FAILED": "red", "UNKNOWN": "red",
            "RECOVERED": "yellow"}  # fmt: skip


def _row(record: AuditDocument, names: ExtensionNames) -> tuple[Cell, ...]:
    status = record["status"] or "-"
    return (
        str(record["seq"]),
        visible(record["timestamp"]),
        visible(record["event"]),
        (_COLOURS.get(status, ""), visible(status)),
        visible(record["tenant"] or "-"),
        names.cell_of_change(record["change"], record["schema_id"]),
        visible(record["actor"]),
        visible(str(record["commit"] or "-")[:_COMMIT]),
        visible(record["detail"] or ""),
    )


def _filter(options: Options) -> RecordFilter:
    commit = options.commit or ""
    if not re.fullmatch("[0-9A-Fa-f]*", commit):
        raise UsageError(
            f"--commit: {visible(commit)!r} is no hash of a commit; write how it begins, as "
            "`git rev-parse` prints it"
        )
    now = wall_time()
    return RecordFilter(
        tenants=options.tenant,
        schemas=options.schema,
        actors=options.actor,
        events=_members("--event", options.event, Event),
        statuses=_members("--status", options.status, Status),
        since=None if options.since is None else moment_of("--since", options.since, now),
        until=None if options.until is None else moment_of("--until", options.until, now),
        commit=commit.lower(),
        run=options.run or "",
    )


def _members(option: str, texts: Iterable[str], kind: type[AWord]) -> tuple[AWord, ...]:
    """The members of those names, without regard to case; raises UsageError."""
    known = {member.value: member for member in kind}
    for text in texts:
        if text.upper() not in known:
            hint = suggestion(text.upper(), known)
            raise UsageError(f"{option}: there is no {text!r} in the trail; {hint}")
    return tuple(known[text.upper()] for text in texts)


def moment_of(option: str, text: str, now: datetime) -> str:
    """A time, the first moment of a day, or an age, as records have it; raises UsageError."""
    try:
        if age := re.fullmatch("([0-9]{1,6})([mhd])", text):
            return rfc3339(now - timedelta(**{_UNITS[age[2]]: int(age[1])}))
        if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            day = date.fromisoformat(text)
            return rfc3339(datetime(day.year, day.month, day.day, tzinfo=UTC))
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return rfc3339(at)
    except (ValueError, OverflowError):
        pass
    raise UsageError(
        f"{option}: {text!r} is no time; write it with its zone as 2026-11-30T10:00:00Z, a day in "
        "UTC as 2026-11-30, or how long ago as 90m, 24h or 7d"
    )
