"""Writes that were begun: what recovery needs to know, kept until their outcome is known."""

import json
from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Connection, Row, func, insert, select, update

from reconciler.adapters.database.outbox import held_urls
from reconciler.adapters.database.tables import audit, intents
from reconciler.domain.jsontext import NotJson, parse
from reconciler.domain.manifest import Manages
from reconciler.domain.records import AuditRecord, Intent, Status
from reconciler.domain.scim import MalformedSchema, Schema, fold
from reconciler.errors import StateError


class IntentState(StrEnum):
    """Whether the outcome of a write is known."""

    OPEN = "open"
    SETTLED = "settled"


def begin(connection: Connection, intent: Intent, record: AuditRecord) -> int:
    """Write an open intent down; its id."""
    row = {
        "run_id": intent.run_id,
        "tenant": intent.tenant,
        "change": intent.change,
        "schema_id": intent.schema_id,
        "target_system": intent.target_system,
        "manages": intent.manages,
        "desired": _written(intent.desired),
        "before": intent.before,
        "live_before": _listed(intent.live_before),
        "base_url": intent.base_url,
        "commit": intent.commit,
        "state": IntentState.OPEN,
        "created_at": record.entry.timestamp,
        "created_by": record.seq,
    }
    statement = insert(intents).values(row).returning(intents.c.id)
    return int(connection.execute(statement).scalar_one())


def settle(connection: Connection, intent_id: int, record: AuditRecord) -> None:
    """Close an open intent; raises StateError where there is none: an outcome is told once."""
    values = {
        "state": IntentState.SETTLED,
        "status": record.entry.status,
        "settled_at": record.entry.timestamp,
        "settled_by": record.seq,
    }
    still_open = (intents.c.id == intent_id, intents.c.state == IntentState.OPEN)
    if connection.execute(update(intents).where(*still_open).values(values)).rowcount != 1:
        raise StateError(
            f"intent {intent_id} has no outcome to wait for: it is unknown, or another run has "
            "settled it; see who else uses this store"
        )


def read_open(connection: Connection, tenant: str) -> tuple[tuple[int, Intent], ...]:
    """Ids and intents of a tenant that have no outcome, oldest first."""
    mine = (intents.c.tenant == tenant, intents.c.state == IntentState.OPEN)
    rows = connection.execute(select(intents).where(*mine).order_by(intents.c.id)).all()
    return tuple((row.id, _intent(row, held_urls(connection, row.id))) for row in rows)


def read_undone(
    connection: Connection, tenant: str, wanted: Mapping[str, Schema]
) -> tuple[Intent, ...]:
    """The last intents of schemas, by folded id, that wanted just that and proved nothing.

    What is compared in a database is not folded as we fold, so it is compared here.
    """
    brief = select(intents.c.id, intents.c.schema_id, intents.c.status)
    rows = connection.execute(brief.where(intents.c.tenant == tenant).order_by(intents.c.id))
    last = {fold(row.schema_id): row for row in rows.all()}
    failed = [last[key].id for key in wanted if key in last and last[key].status == Status.FAILED]
    whole = select(intents).where(intents.c.id.in_(failed)).order_by(intents.c.id)
    return tuple(
        intent
        for row in connection.execute(whole).all()
        if (intent := _intent(row, ())).desired == wanted[fold(intent.schema_id)]
        and not _verified_since(connection, row.settled_by, intent)
    )


def _verified_since(connection: Connection, seq: int, intent: Intent) -> bool:
    verified = select(audit.c.schema_id).where(
        audit.c.seq > seq, audit.c.tenant == intent.tenant, audit.c.after_digest.is_not(None)
    )
    ids = connection.execute(verified.order_by(audit.c.seq)).scalars()
    return any(fold(found) == fold(intent.schema_id) for found in ids)


def count_open(connection: Connection) -> dict[str, int]:
    """How many intents of each tenant have no outcome; a tenant without any is not named."""
    query = select(intents.c.tenant, func.count().label("writes")).group_by(intents.c.tenant)
    rows = connection.execute(query.where(intents.c.state == IntentState.OPEN))
    return {row.tenant: row.writes for row in rows.all()}


def _intent(row: Row[*tuple[object, ...]], webhooks: tuple[str, ...]) -> Intent:
    return Intent(
        tenant=row.tenant,
        base_url=row.base_url,
        change=row.change,
        schema_id=row.schema_id,
        target_system=row.target_system,
        manages=Manages(row.manages),
        desired=_read(row.desired, row.id),
        before=row.before,
        live_before=_names(row.live_before, row.id),
        run_id=row.run_id,
        commit=row.commit,
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
