"""The condition of a store beside its chain: numbers, places of events, what waits."""

from collections.abc import Iterator

from reconciler.adapters.database import intents
from reconciler.adapters.database.connections import Connections, Question
from reconciler.adapters.database.moving import MOVED
from reconciler.adapters.database.tables import FORMAT_VERSION
from reconciler.adapters.database.trail import MOVED_TO, moved_to
from reconciler.ports import StoreCondition

_WEBHOOKS = Question("SELECT state, count(*) FROM outbox GROUP BY state ORDER BY state")
# One event has a row for each URL. Rows are never deleted, so the places of a tenant are whole.
_PLACES = Question(
    "SELECT tenant, min(sequence), max(sequence), count(DISTINCT sequence), "
    "count(DISTINCT event_id) FROM outbox WHERE sequence IS NOT NULL GROUP BY tenant "
    "HAVING min(sequence) <> 1 OR max(sequence) <> count(DISTINCT sequence) "
    "OR count(DISTINCT event_id) <> count(DISTINCT sequence) ORDER BY tenant"
)


def condition_of(database: Connections) -> StoreCondition:
    """The condition of a store that has the tables of today."""
    counting = (Question(f"SELECT count(*) FROM {table}") for table in MOVED)
    questions = (MOVED_TO, intents.COUNT_OPEN, _WEBHOOKS, _PLACES, *counting)
    moved, begun, webhooks, places, *counts = database.ask(*questions)
    with database.reading() as connection:
        unset = connection.unnumbered()
    return StoreCondition(
        place=database.place,
        format_version=FORMAT_VERSION,
        rows={table: number for table, [(number,)] in zip(MOVED, counts, strict=True)},
        open_intents=dict(begun),
        webhooks=dict(webhooks),
        faults=(*unset, *_gaps(places)),
        moved_to=moved_to(moved),
    )


def _gaps(places: list[tuple[str, int, int, int, int]]) -> Iterator[str]:
    for tenant, first, last, sequences, events in places:
        yield (
            f"the events of tenant {tenant} have the places {first} to {last}, and there are "
            f"{sequences} places of {events} events: they are to be from 1 without gaps"
        )
