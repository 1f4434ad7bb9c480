"""What the store has of a fleet: the last outcome of each extension, webhooks, and latencies."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.adapters.database import intents, outbox
from reconciler.adapters.database.connections import Question, Row
from reconciler.adapters.database.last_seen import latest, sightings_in
from reconciler.adapters.database.tables import AS_DESIRED, NOT_AS_DESIRED
from reconciler.domain.adoption import DatedSample
from reconciler.domain.fleet_status import LastOutcome, TimedRecord, Trail
from reconciler.domain.records import Event, Status
from reconciler.domain.scim import fold
from reconciler.domain.tenant_names import TenantNames

_AS_DESIRED = latest(
    AS_DESIRED, "tenant, schema_id, timestamp, coalesce(after_digest, before_digest), audit.seq"
)
_OTHERS = latest(
    NOT_AS_DESIRED, "tenant, schema_id, timestamp, before_digest, audit.seq, event, status, detail"
)
_GIVEN_UP = "SELECT tenant, count(*) FROM outbox WHERE state = 'given-up' GROUP BY tenant"
_SUCCESS = (
    "SELECT timestamp FROM audit WHERE event = 'RUN_COMPLETED' AND status = 'SUCCESS' "
    "ORDER BY seq DESC LIMIT 1"
)
_TIMED = (
    "SELECT event, status, timestamp, latency_ms FROM audit WHERE event = ? "
    "AND latency_ms IS NOT NULL ORDER BY seq DESC LIMIT ?"
)
_TIMED_EVENTS = (
    Event.HR_SYNC_COMPLETED,
    Event.SCHEMA_EXTENSION_CREATED,
    Event.SCHEMA_EXTENSION_UPDATED,
)

QUESTIONS = (
    Question(_AS_DESIRED),
    Question(_OTHERS),
    outbox.WAITING,
    outbox.POSTPONED,
    Question(_GIVEN_UP),
    intents.COUNT_OPEN,
    Question(_SUCCESS),
)


def trail_of(answers: Sequence[Sequence[Row]], names: TenantNames) -> Trail:
    """The answers to QUESTIONS as one value, by the tenants' names of today."""
    seen, others, waiting, held, given_up, open_writes, success = answers
    seen, others = names.rows_today(seen), names.rows_today(others)
    newest = {(tenant, fold(urn)): seq for tenant, urn, _, _, seq in seen}
    return Trail(
        as_desired=sightings_in(row[:4] for row in seen),
        outcomes=tuple(
            LastOutcome(
                tenant=tenant,
                schema_id=urn,
                at=at,
                live=live,
                event=Event(event),
                status=Status(status) if status else None,
                detail=detail or "",
            )
            for tenant, urn, at, live, seq, event, status, detail in others
            if seq > newest.get((tenant, fold(urn)), 0)
        ),
        waiting=tuple(
            replace(row, tenant=names.current(row.tenant)) for row in map(outbox.row_of, waiting)
        ),
        held=tuple(map(outbox.held_row_of, names.rows_today(held))),
        given_up=_sums(names.rows_today(given_up)),
        open_writes=_sums(names.rows_today(open_writes)),
        last_success=success[0][0] if success else None,
    )


def _sums(numbers: Iterable[Row]) -> dict[str, int]:
    """The sum of each tenant's numbers."""
    found: Counter[str] = Counter()
    for tenant, number in numbers:
        found[tenant] += number
    return dict(found)


_SAMPLES = (
    "SELECT tenant, schema_id, attribute, substr(measured_at, 1, 10), holders, total "
    "FROM samples WHERE id > (SELECT coalesce(max(id), 0) - 200000 FROM samples) ORDER BY id"
)
SAMPLES = Question(_SAMPLES)


def timed(most: int) -> list[Question]:
    """The questions for the newest attempts that took time, so many of each kind."""
    return [Question(_TIMED, (str(event), most)) for event in _TIMED_EVENTS]


def samples_of(rows: Sequence[Row]) -> tuple[DatedSample, ...]:
    """The samples that SAMPLES gives, in the order of time."""
    return tuple(map(DatedSample._make, rows))


def timed_of(answers: Sequence[Sequence[Row]]) -> tuple[TimedRecord, ...]:
    """The answers to `timed`, the newest of each kind first."""
    return tuple(
        TimedRecord(
            event=Event(event), status=Status(status) if status else None, at=at, latency_ms=latency
        )
        for rows in answers
        for event, status, at, latency in rows
    )
