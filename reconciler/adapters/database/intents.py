"""Writes that were begun: what recovery needs to know, kept until their outcome is known."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256

from reconciler.adapters.database.connections import Question, Row, Step, Value
from reconciler.domain.jsontext import NotJson, canonical, parse
from reconciler.domain.manifest import Manages
from reconciler.domain.records import AuditRecord, Confirmation, Intent, rfc3339
from reconciler.domain.scim import MalformedSchema, Schema
from reconciler.errors import StateError

BEGUN = (  # the columns that its record covers
    'run_id, tenant, change, schema_id, target_system, manages, desired, "before", '
    'live_before, base_url, "commit"'
)
_COLUMNS = f"{BEGUN}, confirmed_at, confirmed_until"
_BEGIN = (
    f"INSERT INTO intents (id, {_COLUMNS}, state, created_at, created_by) "
    f"VALUES ({'?, ' * 14}'open', ?, ?)"
)
_IS_OPEN = "SELECT 1 FROM intents WHERE id = ? AND state = 'open'"
_SETTLE = (
    "UPDATE intents SET state = 'settled', status = ?, settled_at = ?, settled_by = ? "
    "WHERE id = ? AND state = 'open'"
)
_CONFIRM = (
    "UPDATE intents SET confirmed_at = ?, confirmed_until = ? WHERE id = ? AND state = 'open'"
)
_OPEN = f"SELECT id, {_COLUMNS} FROM intents WHERE tenant = ? AND state = 'open' ORDER BY id"
_HELD_BY_OPEN = (
    "SELECT i.id, o.url FROM intents i JOIN outbox o ON o.intent_id = i.id "
    "WHERE i.tenant = ? AND i.state = 'open' AND o.state = 'held' ORDER BY o.id"
)
_WHOLE = f"SELECT id, {_COLUMNS} FROM intents WHERE id = ?"
# How many intents of each tenant have no outcome; a tenant without any is not named.
COUNT_OPEN = Question("SELECT tenant, count(*) FROM intents WHERE state = 'open' GROUP BY tenant")


def begin(step: Step, number: int, begun: Sequence[Value], record: AuditRecord) -> None:
    """Write an open intent down by its columns, under a number that is new."""
    confirmed = (None, None)  # nothing can be before it is sent
    step.defer(_BEGIN, number, *begun, *confirmed, record.entry.timestamp, record.seq)


def content_digest(begun: Sequence[Value]) -> str:
    """The digest of an intent by its columns: the detail of its record, which binds them."""
    return f"content sha256:{sha256(canonical(list(begun))).hexdigest()}"


def begun_of(intent: Intent) -> tuple[Value, ...]:
    """The columns of an intent that its record covers."""
    return (
        intent.run_id,
        intent.tenant,
        intent.change,
        intent.schema_id,
        intent.target_system,
        intent.manages.value,
        _written(intent.desired),
        intent.before,
        _written(intent.live_before) if intent.live_before else None,
        intent.base_url,
        intent.commit,
    )


def confirm(step: Step, intent_id: int, confirmation: Confirmation) -> None:
    """Write into an open intent that the service says it is done."""
    step.defer(_CONFIRM, rfc3339(confirmation.at), rfc3339(confirmation.until), intent_id)


def is_open(intent_id: int) -> Question:
    """The query about an intent that comes before it is settled."""
    return Question(_IS_OPEN, (intent_id,))


def settle(step: Step, intent_id: int, found: Sequence[Row], record: AuditRecord) -> None:
    """Close an open intent, which `is_open` has found in that step.

    Raises StateError where it has not: an outcome is recorded once.
    """
    if not found:
        raise StateError(
            f"intent {intent_id} has no outcome to wait for: it is unknown, or another run has "
            "settled it; see who else uses this store"
        )
    entry = record.entry
    step.defer(_SETTLE, entry.status, entry.timestamp, record.seq, intent_id)


def open_of(tenant: str) -> tuple[Question, Question]:
    """The questions for the intents of a tenant that have no outcome, and for their URLs."""
    return Question(_OPEN, (tenant,)), Question(_HELD_BY_OPEN, (tenant,))


def opened(rows: Sequence[Row], held: Sequence[Row]) -> tuple[tuple[int, Intent], ...]:
    """Ids and intents, oldest first, by the answers to `open_of`."""
    urls: dict[int, list[str]] = {}
    for intent_id, url in held:
        urls.setdefault(intent_id, []).append(url)
    return tuple((row[0], _intent(row, tuple(urls.get(row[0], ())))) for row in rows)


def numbered(numbers: Iterable[int]) -> list[Question]:
    """The questions for the intents of those ids."""
    return [Question(_WHOLE, (number,)) for number in numbers]


def of_answers(answers: Iterable[Sequence[Row]]) -> dict[int, Intent]:
    """The intents by their ids, from the answers to `numbered`; URLs of webhooks are not read."""
    return {row[0]: _intent(row, ()) for rows in answers for row in rows}


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
        confirmed_at,
        confirmed_until,
    ) = row
    before_it, names = _before(live_before, intent_id)
    return Intent(
        tenant=tenant,
        base_url=base_url,
        change=change,
        schema_id=schema_id,
        target_system=target_system,
        manages=Manages(manages),
        desired=_read(desired, intent_id),
        before=before,
        live_before=before_it,
        names_before=names,
        run_id=run_id,
        commit=commit,
        webhooks=webhooks,
        confirmation=_confirmation(confirmed_at, confirmed_until, intent_id),
    )


def _written(schema: Schema) -> str:
    """The document as it was written: key order, vendor members and spelling survive."""
    return json.dumps(schema.document or schema.to_json(), ensure_ascii=False, allow_nan=False)


def _read(text: str, intent_id: int) -> Schema:
    try:
        return Schema.from_json(parse(text.encode()))
    except (NotJson, MalformedSchema) as error:
        raise _damaged(f"the schema of intent {intent_id}", str(error)) from error


def _before(text: str | None, intent_id: int) -> tuple[Schema | None, tuple[str, ...]]:
    """The schema that was live before, or the names of its attributes: before version 6 a list."""
    if text is None:
        return None, ()
    what = f"the schema before intent {intent_id}"
    try:
        kept = parse(text.encode())
        if not isinstance(kept, list):
            return Schema.from_json(kept), ()
    except (NotJson, MalformedSchema) as error:
        raise _damaged(what, str(error)) from error
    if not all(isinstance(name, str) for name in kept):
        raise _damaged(what, "it is no list of names")
    return None, tuple(kept)


def _confirmation(at: str | None, until: str | None, intent_id: int) -> Confirmation | None:
    if at is None or until is None:
        return None
    try:
        return Confirmation(datetime.fromisoformat(at), datetime.fromisoformat(until))
    except ValueError as error:
        raise _damaged(f"the confirmation of intent {intent_id}", str(error)) from error


def _damaged(what: str, why: str) -> StateError:
    return StateError(
        f"the store is damaged: {what} cannot be read ({why}); restore the store from a backup"
    )
