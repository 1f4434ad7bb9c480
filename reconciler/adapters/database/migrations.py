"""The way forward: how the tables of one version become those of the next."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.adapters.database import intents, outbox, trail
from reconciler.adapters.database.connections import Connection, Row, Step
from reconciler.adapters.database.tables import (
    CANARIES,
    COUNTINGS,
    FORMAT_VERSION,
    HOLDERS,
    INDEXES_OF_4,
    INDEXES_OF_5,
    INDEXES_OF_8,
    INDEXES_OF_10,
    READINGS,
    SAMPLES,
    SCHEMAS,
)
from reconciler.domain.jsontext import NotJson, parse
from reconciler.domain.outbox import Envelope, RowState
from reconciler.domain.records import Entry, Event, Status
from reconciler.errors import StateError

BY_MIGRATION = "brought-forward"  # the run id of the records that a migration appends


def _add_holders(connection: Connection) -> None:
    connection.define(HOLDERS)


def _add_where_and_what_was_live(connection: Connection) -> None:
    """Both stay empty in the intents that are there: nobody knows it of them any more."""
    for column in ("base_url", "live_before"):
        connection.define(f"ALTER TABLE intents ADD COLUMN {column} TEXT")


def _add_indexes_and_when_it_was_delivered(connection: Connection) -> None:
    """When nobody has noted, the moment of the release stands in: it is the earlier one."""
    connection.define("ALTER TABLE outbox ADD COLUMN delivered_at TEXT")
    connection.define(
        "UPDATE outbox SET delivered_at = (SELECT timestamp FROM audit WHERE seq = released_by) "
        "WHERE state = 'delivered'"
    )
    connection.define("DROP INDEX intents_of_tenant")
    for statement in INDEXES_OF_4:
        if not statement.startswith(_THERE):
            connection.define(statement)


_THERE = ("CREATE INDEX outbox_by_state", "CREATE INDEX outbox_sequence")


def _add_what_hr_has_heard_of(connection: Connection) -> None:
    """The record of a release has the digest; what was held waited for its outcome alone."""
    for column in ("schema_digest", "waits_for"):
        connection.define(f"ALTER TABLE outbox ADD COLUMN {column} TEXT")
    connection.define(
        "UPDATE outbox SET schema_digest = "
        "(SELECT after_digest FROM audit WHERE seq = released_by) WHERE event_id IS NOT NULL"
    )
    for statement in INDEXES_OF_5:
        connection.define(statement)


def _add_confirmations(connection: Connection) -> None:
    """In `live_before` the names of older intents stay as they are; newer ones say all."""
    for column in ("confirmed_at", "confirmed_until"):
        connection.define(f"ALTER TABLE intents ADD COLUMN {column} TEXT")


def _bind_rows_to_the_trail(step: Step) -> None:
    """A record for each row of the outbox and each open intent that the trail bears out.

    Others are left as they are: `audit verify` names them.
    """
    if step.rows("SELECT 1 FROM audit WHERE event = ? LIMIT 1", Event.HR_SYNC_QUEUED):
        raise StateError(
            "the store says that it is of an older format, and its trail holds what only this one "
            "has: somebody has changed it; restore it from a backup"
        )
    step.define("ALTER TABLE outbox ADD COLUMN ended_by INTEGER")
    step.define("ALTER TABLE outbox ADD COLUMN seal TEXT")
    last = step.rows(trail.HEAD.statement)
    for row in _in_pages(step, _OLD_ROWS):
        row_id, state, digest, *columns, when, event, status, tenant, schema_id, change = row
        because = Entry(
            event=Event.HR_SYNC_QUEUED,
            timestamp=when or "",
            tenant=tenant,
            schema_id=schema_id,
            change=change,
            run_id=BY_MIGRATION,
            actor="reconciler",
        )
        envelope = _borne_out(columns, digest, (tenant, schema_id), (event, status))
        if envelope is None:
            continue
        entry = replace(outbox.queued(envelope, digest, because), status=_OVER.get(state))
        record = trail.append(step, last, entry)
        last = trail.last(record)
        ended_by = record.seq if state in _OVER else None
        step.defer(_REBIND, record.seq, ended_by, row_id)
    for row_id, when, event, *begun in _in_pages(step, _OPEN_INTENTS):
        entry = Entry(
            event=Event(event),
            timestamp=when,
            tenant=begun[1],
            schema_id=begun[3],
            change=begun[2],
            run_id=BY_MIGRATION,
            actor="reconciler",
            detail=intents.content_digest(begun),
        )
        record = trail.append(step, last, entry)
        last = trail.last(record)
        step.defer("UPDATE intents SET created_by = ? WHERE id = ?", record.seq, row_id)


_OVER = {RowState.DELIVERED: Status.SYNCED, RowState.GIVEN_UP: Status.FAILED}
_OLD_ROWS = (
    "SELECT o.id, o.state, o.schema_digest, o.tenant, o.url, o.schema_id, o.event_id, o.sequence, "
    "o.body, a.timestamp, a.event, a.status, a.tenant, a.schema_id, a.change "
    "FROM outbox o LEFT JOIN audit a ON a.seq = o.released_by "
    "WHERE o.event_id IS NOT NULL AND o.id > ? ORDER BY o.id LIMIT 200"
)
_REBIND = "UPDATE outbox SET released_by = ?, ended_by = ? WHERE id = ?"
_OPEN_INTENTS = (
    f"SELECT i.id, a.timestamp, a.event, {', '.join('i.' + c for c in intents.BEGUN.split(', '))} "
    "FROM intents i JOIN audit a ON a.seq = i.created_by AND a.tenant = i.tenant "
    "AND a.schema_id = i.schema_id AND a.change = i.change "
    "WHERE i.state = 'open' AND i.id > ? AND a.event IN "
    "('SCHEMA_EXTENSION_CREATE_INTENDED', 'SCHEMA_EXTENSION_UPDATE_INTENDED') "
    "ORDER BY i.id LIMIT 200"
)


def _in_pages(step: Step, statement: str) -> Iterator[Row]:
    """All rows of a statement that wants the last id; a store may hold many."""
    last = 0
    while page := step.rows(statement, last):
        yield from page
        last = page[-1][0]


def _borne_out(
    columns: Sequence[Any], digest: str | None, about: Row, ended: Row
) -> Envelope | None:
    """The envelope of an old row, where its record says that this change was verified."""
    tenant, url, schema_id, event_id, sequence, body = columns
    verified = ended[0] in _VERIFIED and ended[1] in (Status.SUCCESS, Status.RECOVERED)
    if not (verified and about == (tenant, schema_id)):
        return None
    try:
        document = parse(body) if body else None
    except NotJson:
        return None
    of_body = {"tenant": tenant, "event_id": event_id, "sequence": sequence}
    of_body |= {"schema_digest": digest} if digest is not None else {}
    if document is not None and not (
        isinstance(document, dict) and of_body.items() <= document.items()
    ):
        return None
    return Envelope(
        tenant=tenant,
        url=url,
        schema_id=schema_id,
        event_id=event_id,
        sequence=sequence,
        body=bytes(body),
    )


_VERIFIED = (
    Event.SCHEMA_EXTENSION_CREATED,
    Event.SCHEMA_EXTENSION_UPDATED,
    Event.SCHEMA_EXTENSION_ADOPTED,
)


def _add_people(connection: Connection) -> None:
    """The new columns stay empty in the records that are there, whose hashes know none of them."""
    for column in ("searchable TEXT", "searchable_ms INTEGER", "canary TEXT"):
        connection.define(f"ALTER TABLE audit ADD COLUMN {column}")
    for statement in (SAMPLES, COUNTINGS, CANARIES, *INDEXES_OF_8):
        connection.define(statement)


def _add_what_was_found_of_each_attribute(connection: Connection) -> None:
    """Older records say of all that came with a change together whether it is searchable."""
    connection.define("ALTER TABLE audit ADD COLUMN searched TEXT")


def _add_names_schemas_and_readings(connection: Connection) -> None:
    """Of schemas that were verified before, the trail keeps the fingerprint alone."""
    for statement in (SCHEMAS, READINGS, *INDEXES_OF_10):
        connection.define(statement)


# By the version that a step starts from. A step may use tables.py only for tables that no later
# version changes; what changes later is written out.
STEPS: Mapping[int, Callable[[Step], None]] = {
    1: _add_holders,
    2: _add_where_and_what_was_live,
    3: _add_indexes_and_when_it_was_delivered,
    4: _add_what_hr_has_heard_of,
    5: _add_confirmations,
    6: _bind_rows_to_the_trail,
    7: _add_people,
    8: _add_what_was_found_of_each_attribute,
    9: _add_names_schemas_and_readings,
}


def is_older(version: str) -> bool:
    """True where the tables are of a version that can be brought forward."""
    return version in map(str, STEPS)


def migrate(step: Step, version: str) -> None:
    """Take every step from an older version to this one, in one transaction."""
    for number in range(int(version), FORMAT_VERSION):
        STEPS[number](step)
