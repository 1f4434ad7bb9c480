"""What the store holds beside its trail, held against the trail: rows, intents, foreign objects."""

from collections.abc import Iterator, Mapping, Sequence, Set

from reconciler.adapters.database import kept_names
from reconciler.adapters.database.connections import Connections, Question, Row, Value
from reconciler.adapters.database.intents import BEGUN, content_digest
from reconciler.adapters.database.migrations import BY_MIGRATION
from reconciler.adapters.database.schemas import schemas_in
from reconciler.domain.jsontext import NotJson
from reconciler.domain.manifest import Manages
from reconciler.domain.outbox import GIVEN_UP, Envelope, RowState
from reconciler.domain.records import Event, Status
from reconciler.domain.tenant_names import Renaming

_PAGE = 100  # rows in memory at once, each with its body


def misfits(database: Connections) -> Iterator[str]:
    """Each thing in the store that its trail does not bear out, as a line for a person.

    A few rows at a time are in memory, each page of one consistent view.
    """
    with database.reading() as connection:
        foreign = connection.foreign()
    for each in foreign:
        yield f"{each} is not of this program, and may change or hide what it records"
    [[(last,)]] = database.ask(_LAST)  # what is delivered while this reads is no contradiction
    waiting: dict[str, int] = {}  # the number of each row that is ready, by what records call it
    for row in _pages(database, _ROWS, "o.id"):
        yield from _misfits_of_row(row)
        number, state, _, _, url, _, event_id, *_ = row
        if state == RowState.READY and isinstance(event_id, str) and isinstance(url, str):
            waiting[f"{event_id} to {url}"] = number
    if waiting:
        yield from _ended(database, waiting, last)
    [recorded] = database.ask(kept_names.RENAMINGS)
    renamed = frozenset(kept_names.renamings_of(recorded))
    for row in _pages(database, _INTENTS, "i.id"):
        yield from _misfits_of_intent(row, renamed)
    for row in _pages(database, _SCHEMAS, _SCHEMA_KEY):
        yield from _misfits_of_schema(row)
    for question, message in _MISSING:
        [found] = database.ask(question)
        for (seq,) in found:
            yield f"record {seq} of the trail says that {message}, and the store has none"


def _ended(database: Connections, waiting: Mapping[str, int], last: int) -> Iterator[str]:
    """Each row that waits to be sent although the trail says how it ended, up to a record."""
    for seq, detail in _pages(database, _ENDS, "a.seq"):
        name = str(detail).partition(": ")[0]
        if name in waiting and seq <= last:
            row = f"row {waiting[name]} of the outbox ({name})"
            yield f"{row} is ready, and record {seq} of the trail says how it ended"


def _pages(database: Connections, statement: str, number: str) -> Iterator[Row]:
    """All rows of a statement by their numbers; an edited store may have the lowest there is."""
    after: tuple[Value, ...] = ()
    while True:
        beyond = f"AND {number} > ?" if after else ""
        page = f"{statement} {beyond} ORDER BY {number} LIMIT {_PAGE}"
        [rows] = database.ask(Question(page, after))
        yield from rows
        if len(rows) < _PAGE:
            return
        after = (rows[-1][0],)


_ROWS = """
SELECT o.id, o.state, o.schema_digest, o.tenant, o.url, o.schema_id, o.event_id, o.sequence,
  o.body, o.released_by, o.ended_by, q.event, q.tenant, q.schema_id, q.detail,
  e.event, e.status, e.detail
FROM outbox o LEFT JOIN audit q ON q.seq = o.released_by LEFT JOIN audit e ON e.seq = o.ended_by
WHERE o.event_id IS NOT NULL"""


def _misfits_of_row(row: Row) -> Iterator[str]:
    number, state, digest, tenant, url, schema_id, event_id, sequence, body, *records = row
    released_by, ended_by, *records = records
    if tuple(map(type, (tenant, url, schema_id, event_id, body))) != (str, str, str, str, bytes):
        yield f"row {number} of the outbox holds what no event has"
        return
    name = f"row {number} of the outbox ({event_id} to {url})"
    envelope = Envelope(
        tenant=tenant,
        url=url,
        schema_id=schema_id,
        event_id=event_id,
        sequence=sequence,
        body=body,
    )
    wanted = envelope.detail(digest)
    event, *about, detail = records[:4]
    found = str(detail)
    if not body and state == RowState.DELIVERED:  # pruned
        wanted, found = (text.rpartition("sha256:")[0] for text in (wanted, found))
    if (event, *about, found) != (Event.HR_SYNC_QUEUED, tenant, schema_id, wanted):
        yield f"{name} is not what record {released_by} of the trail says was queued"
    if not _is_over(state, ended_by, f"{event_id} to {url}: ", records[4:]):
        yield f"{name} is {state}, and record {ended_by} of the trail does not say so"


def _is_over(state: str, ended_by: int | None, about: str, record: Sequence[str | None]) -> bool:
    """Test whether the record of an end says what the state of the row says."""
    event, status, detail = record
    match state:
        case RowState.READY:
            return ended_by is None
        case RowState.DELIVERED:
            ended = status == Status.SYNCED
        case RowState.GIVEN_UP:
            given_up = event == Event.HR_SYNC_QUEUED or GIVEN_UP in str(detail)
            ended = status == Status.FAILED and given_up
        case _:
            ended = False
    known = event in (Event.HR_SYNC_COMPLETED, Event.HR_SYNC_QUEUED, Event.HR_SYNC_DROPPED)
    return known and ended and str(detail).startswith(about)


_LAST = Question("SELECT coalesce(max(seq), 0) FROM audit")
_ENDS = f"""
SELECT a.seq, a.detail FROM audit a
WHERE a.event IN ('{Event.HR_SYNC_COMPLETED}', '{Event.HR_SYNC_DROPPED}')
AND (a.status = '{Status.SYNCED}' OR a.detail LIKE '%{GIVEN_UP}%')"""

_INTENDED = (Event.SCHEMA_EXTENSION_CREATE_INTENDED, Event.SCHEMA_EXTENSION_UPDATE_INTENDED)
_ENDED = (
    Event.SCHEMA_EXTENSION_CREATED,
    Event.SCHEMA_EXTENSION_UPDATED,
    Event.SCHEMA_EXTENSION_ADOPTED,
    Event.SCHEMA_EXTENSION_BLOCKED,
)
_COLUMNS = BEGUN.split(", ")
_INTENTS = f"""
SELECT i.id, i.state, i.status, i.created_by, i.settled_by, c.event, c.tenant, c.schema_id,
  c.change, c.run_id, c.detail, s.event, s.status, s.tenant, s.schema_id, s.change,
  {", ".join(f"i.{column}" for column in _COLUMNS)}
FROM intents i LEFT JOIN audit c ON c.seq = i.created_by LEFT JOIN audit s ON s.seq = i.settled_by
WHERE 1 = 1"""


def _misfits_of_intent(row: Row, renamed: Set[Renaming]) -> Iterator[str]:
    number, state, status, created_by, settled_by, *records = row
    begun = records[11:]
    run_id, tenant, change, schema_id = begun[:4]
    event, *about, by, detail = records[:6]
    try:
        content = content_digest(begun)
    except NotJson:  # SQLite keeps any kind of value in any column
        content = ""
    bound = detail == content or (detail is None and state == "settled")  # or of an older format
    known = event in _INTENDED and about == [tenant, schema_id, change]
    if not (bound and known and by in (run_id, BY_MIGRATION)):
        yield f"intent {number} is not what record {created_by} of the trail says was intended"
    event, how, of_tenant, *about = records[6:11]
    ours = of_tenant == tenant or _was_renamed(tenant, of_tenant, renamed)
    ended = event in _ENDED and ours and [how, *about] == [status, schema_id, change]
    if state == "settled" and not ended:
        yield f"intent {number} is settled, and record {settled_by} of the trail does not say so"


def _was_renamed(tenant: str, later: str, renamed: Set[Renaming]) -> bool:
    """Test whether the trail leads from a name to a later one."""
    names, found = [tenant], {tenant}
    for name in names:
        after = {new for old, new in renamed if old == name} - found
        found |= after
        names += after
    return later in found


_SCHEMA_KEY = "s.digest || s.manages || s.resource_type"
_SCHEMAS = f"SELECT {_SCHEMA_KEY}, s.digest, s.document FROM schemas s WHERE 1 = 1"


def _misfits_of_schema(row: Row) -> Iterator[str]:
    _, digest, document = row
    if not schemas_in([[(document, Manages.SCHEMA, None)]], digest):
        yield f"the schema that is kept as {digest} is another one"


def _quoted(events: Sequence[str]) -> str:
    return ", ".join(f"'{event}'" for event in events)


_MISSING = (
    (
        Question(
            "SELECT a.seq FROM audit a LEFT JOIN outbox o ON o.released_by = a.seq "
            f"WHERE a.event = '{Event.HR_SYNC_QUEUED}' AND o.event_id IS NULL "
            "ORDER BY a.seq LIMIT 10"
        ),
        "a webhook was queued",
    ),
    (
        Question(
            "SELECT a.seq FROM audit a LEFT JOIN intents i ON i.created_by = a.seq "
            f"WHERE a.event IN ({_quoted(_INTENDED)}) AND a.detail IS NOT NULL AND i.id IS NULL "
            "ORDER BY a.seq LIMIT 10"
        ),
        "a change was intended",
    ),
    (
        Question(
            "SELECT a.seq FROM audit a LEFT JOIN intents i ON i.settled_by = a.seq "
            f"WHERE a.event IN ({_quoted(_ENDED[:2])}) "
            f"AND a.status IN ('{Status.SUCCESS}', '{Status.RECOVERED}') AND i.id IS NULL "
            "ORDER BY a.seq LIMIT 10"
        ),
        "an intent was settled",
    ),
)
