"""What the trail has of each schema of a tenant: its last write of ours, and its last event."""

from collections.abc import Sequence
from dataclasses import replace

from reconciler.adapters.database.connections import Question, Row
from reconciler.adapters.database.outbox import waiting_of
from reconciler.domain.hearing import History
from reconciler.domain.outbox import RowState
from reconciler.domain.records import Status
from reconciler.domain.scim import fold

# From the last schema to the first, each time straight to its last intent.
_WRITES = """
WITH RECURSIVE latest (id) AS (
  SELECT (SELECT id FROM intents WHERE tenant = ? ORDER BY schema_id DESC, id DESC LIMIT 1)
  UNION ALL
  SELECT (SELECT i.id FROM intents i WHERE i.tenant = p.tenant AND i.schema_id < p.schema_id
           ORDER BY i.schema_id DESC, i.id DESC LIMIT 1)
    FROM latest JOIN intents p ON p.id = latest.id
)
SELECT i.schema_id, i.id, i.state, i.status, c.created_by, c.status
  FROM latest JOIN intents i ON i.id = latest.id LEFT JOIN intents c ON c.id = (
       SELECT n.id FROM intents n
        WHERE n.tenant = i.tenant AND n.schema_id = i.schema_id AND n."before" = 'absent'
        ORDER BY n.id DESC LIMIT 1)
 ORDER BY i.id
"""
_EVENTS = """
WITH RECURSIVE latest (id) AS (
  SELECT (SELECT id FROM outbox WHERE tenant = ? AND event_id IS NOT NULL
           ORDER BY schema_id DESC, sequence DESC LIMIT 1)
  UNION ALL
  SELECT (SELECT o.id FROM outbox o
           WHERE o.tenant = p.tenant AND o.schema_id < p.schema_id AND o.event_id IS NOT NULL
           ORDER BY o.schema_id DESC, o.sequence DESC LIMIT 1)
    FROM latest JOIN outbox p ON p.id = latest.id
)
SELECT e.schema_id, e.sequence, o.released_by, o.schema_digest, o.url, o.state
  FROM latest JOIN outbox e ON e.id = latest.id JOIN outbox o ON o.event_id = e.event_id
 ORDER BY e.sequence
"""


def of_tenant(tenant: str) -> tuple[Question, Question, Question]:
    """The questions for the histories of a tenant's schemas."""
    return Question(_WRITES, (tenant,)), Question(_EVENTS, (tenant,)), waiting_of(tenant)


def histories(
    writes: Sequence[Row], events: Sequence[Row], waiting: Sequence[Row]
) -> dict[str, History]:
    """By folded id, from the answers to `of_tenant`.

    What is compared in a database is not folded as we fold: of one schema in two spellings the
    later rows count.
    """
    found: dict[str, History] = {}
    for schema_id, number, state, status, created, creation in writes:
        key = fold(schema_id)
        before = found.get(key, History())
        failed = status == Status.FAILED
        found[key] = replace(before, intent=number, is_open=state == "open", failed=failed)
        if (created or 0) > before.created:
            failed = creation == Status.FAILED
            found[key] = replace(found[key], created=created, create_failed=failed)
    last: dict[str, int] = {}
    for schema_id, sequence, released_by, digest, url, state in events:
        key = fold(schema_id)
        before = found.get(key, History())
        sent = before.sent if last.get(key) == sequence else ()
        last[key] = sequence
        found[key] = replace(
            before,
            announced=max(before.announced, released_by) if sent else released_by,
            digest=digest,
            sent=(*sent, (url, RowState(state))),
        )
    for _, schema_id, url, waits_for in waiting:
        before = found.get(fold(schema_id), History())
        found[fold(schema_id)] = replace(before, waits=(*before.waits, (url, waits_for)))
    return found
