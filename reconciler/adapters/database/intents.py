"""Writes that were begun: what recovery needs to know, kept until their outcome is known."""

import json
from collections.abc import Mapping

from reconciler.adapters.database.connections import Connection, Row
from reconciler.adapters.database.outbox import held_urls
from reconciler.domain.jsontext import NotJson, parse
from reconciler.domain.manifest import Manages
from reconciler.domain.records import AuditRecord, Intent, Status
from reconciler.domain.scim import MalformedSchema, Schema, fold
from reconciler.errors import StateError

_BEGUN = (
    'run_id, tenant, change, schema_id, target_system, manages, desired, "before", '
    'live_before, base_url, "commit"'
)
_BEGIN = (
    f"INSERT INTO intents ({_BEGUN}, state, created_at, created_by) "
    f"VALUES ({'?, ' * 11}'open', ?, ?) RETURNING id"
)
_SETTLE = (
    "UPDATE intents SET state = 'settled', status = ?, settled_at = ?, settled_by = ? "
    "WHERE id = ? AND state = 'open'"
)
_OPEN = f"SELECT id, {_BEGUN} FROM intents WHERE tenant = ? AND state = 'open' ORDER BY id"
# From the last schema to the first, each time straight to its last intent.
_BRIEF = """
WITH RECURSIVE latest (id) AS (
  SELECT (SELECT id FROM intents WHERE tenant = ? ORDER BY schema_id DESC, id DESC LIMIT 1)
  UNION ALL
  SELECT (SELECT i.id FROM intents i WHERE i.tenant = p.tenant AND i.schema_id < p.schema_id
           ORDER BY i.schema_id DESC, i.id DESC LIMIT 1)
    FROM latest JOIN intents p ON p.id = latest.id
)
SELECT i.id, i.schema_id, i.status FROM latest JOIN intents i ON i.id = latest.id ORDER BY i.id
"""
_WHOLE = f"SELECT settled_by, id, {_BEGUN} FROM intents WHERE id = ?"
_VERIFIED = (
    "SELECT schema_id FROM audit WHERE seq > ? AND tenant = ? AND after_digest IS NOT NULL "
    "ORDER BY seq"
)
_COUNT = "SELECT tenant, count(*) FROM intents WHERE state = 'open' GROUP BY tenant"


def begin(connection: Connection, intent: Intent, record: AuditRecord) -> int:
    """Write an open intent down; its id."""
    [(number,)] = connection.rows(
        _BEGIN,
        intent.run_id,
        intent.tenant,
        intent.change,
        intent.schema_id,
        intent.target_system,
        intent.manages,
        _written(intent.desired),
        intent.before,
        _listed(intent.live_before),
        intent.base_url,
        intent.commit,
        record.entry.timestamp,
        record.seq,
    )
    return int(number)


def settle(connection: Connection, intent_id: int, record: AuditRecord) -> None:
    """Close an open intent; raises StateError where there is none: an outcome is told once."""
    entry = record.entry
    if connection.run(_SETTLE, entry.status, entry.timestamp, record.seq, intent_id) != 1:
        raise StateError(
            f"intent {intent_id} has no outcome to wait for: it is unknown, or another run has "
            "settled it; see who else uses this store"
        )


def read_open(connection: Connection, tenant: str) -> tuple[tuple[int, Intent], ...]:
    """Ids and intents of a tenant that have no outcome, oldest first."""
    rows = connection.rows(_OPEN, tenant)
    return tuple((row[0], _intent(row, held_urls(connection, row[0]))) for row in rows)


def read_undone(
    connection: Connection, tenant: str, wanted: Mapping[str, Schema]
) -> tuple[Intent, ...]:
    """The last intents of schemas, by folded id, that wanted just that and proved nothing.

    What is compared in a database is not folded as we fold, so it is compared here.
    """
    last = {fold(schema): (n, status) for n, schema, status in connection.rows(_BRIEF, tenant)}
    failed = [last[key][0] for key in wanted if key in last and last[key][1] == Status.FAILED]
    undone = []
    for number in sorted(failed):
        [(settled_by, *row)] = connection.rows(_WHOLE, number)
        intent = _intent(tuple(row), ())
        proved = intent.desired != wanted[fold(intent.schema_id)]
        if not (proved or _verified_since(connection, settled_by, intent)):
            undone.append(intent)
    return tuple(undone)


def _verified_since(connection: Connection, seq: int, intent: Intent) -> bool:
    found = connection.rows(_VERIFIED, seq, intent.tenant)
    return any(fold(schema_id) == fold(intent.schema_id) for (schema_id,) in found)


def count_open(connection: Connection) -> dict[str, int]:
    """How many intents of each tenant have no outcome; a tenant without any is not named."""
    return dict(connection.rows(_COUNT))


def _intent(row: Row, webhooks: tuple[str, ...]) -> Intent:
    (
        intent_id,
        run_id,
        tenant,
        change,
        schema_id,
        target_system,
        manages,
        desired,
        before,
        live_before,
        base_url,
        commit,
    ) = row
    return Intent(
        tenant=tenant,
        base_url=base_url,
        change=change,
        schema_id=schema_id,
        target_system=target_system,
        manages=Manages(manages),
        desired=_read(desired, intent_id),
        before=before,
        live_before=_names(live_before, intent_id),
        run_id=run_id,
        commit=commit,
        webhooks=webhooks,
    )


def _written(desired: Schema) -> str:
    """The document as a person wrote it: key order, vendor members and spelling survive."""
    return json.dumps(desired.document or desired.to_json(), ensure_ascii=False, allow_nan=False)


def _read(text: str, intent_id: int) -> Schema:
    try:
        return Schema.from_json(parse(text.encode()))
    except (NotJson, MalformedSchema) as error:
        raise _damaged(f"the schema of intent {intent_id}", str(error)) from error


def _listed(names: tuple[str, ...]) -> str | None:
    """A list in JSON, for a service may use any sign in a name."""
    return json.dumps(names, ensure_ascii=False) if names else None


def _names(text: str | None, intent_id: int) -> tuple[str, ...]:
    what = f"the attributes before intent {intent_id}"
    try:
        names = parse(text.encode()) if text is not None else []
    except NotJson as error:
        raise _damaged(what, str(error)) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _damaged(what, "it is no list of names")
    return tuple(names)


def _damaged(what: str, why: str) -> StateError:
    return StateError(
        f"the store is damaged: {what} cannot be read ({why}); restore the store from a backup"
    )
