"""The condition of a store beside its chain: numbers, places of events, what waits."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from reconciler.adapters.database import intents
from reconciler.adapters.database.connections import Connections, Question, Row
from reconciler.adapters.database.kept_names import RENAMINGS, renamings_of
from reconciler.adapters.database.moving import MOVED
from reconciler.adapters.database.tables import FORMAT_VERSION
from reconciler.adapters.database.trail import MOVED_TO, moved_to
from reconciler.domain.tenant_names import Renaming, latest_name
from reconciler.ports import StoreCondition

_WEBHOOKS = Question("SELECT state, count(*) FROM outbox GROUP BY state ORDER BY state")
# One event has a row for each URL. Rows are never deleted, so the places of a tenant are whole.
_PLACES = Question(
    "SELECT tenant, min(sequence), max(sequence), count(DISTINCT sequence), "
    "count(DISTINCT event_id) FROM outbox WHERE sequence IS NOT NULL GROUP BY tenant"
)


def condition_of(database: Connections) -> StoreCondition:
    """The condition of a store that has the tables of today."""
    counting = (Question(f"SELECT count(*) FROM {table}") for table in MOVED)
    questions = (MOVED_TO, intents.COUNT_OPEN, _WEBHOOKS, _PLACES, RENAMINGS, *counting)
    moved, begun, webhooks, places, renamed, *counts = database.ask(*questions)
    with database.reading() as connection:
        unset = connection.unnumbered()
    return StoreCondition(
        place=database.place,
        format_version=FORMAT_VERSION,
        rows={table: number for table, [(number,)] in zip(MOVED, counts, strict=True)},
        open_intents=dict(begun),
        webhooks=dict(webhooks),
        faults=(*unset, *_gaps(places, renamings_of(renamed))),
        moved_to=moved_to(moved),
    )


def _gaps(places: Iterable[Row], renamings: Iterable[Renaming]) -> Iterator[str]:
    """A tenant that was renamed has its places under all of its names, some perhaps twice."""
    later = dict(renamings)
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for name, *numbers in places:
        found[latest_name(name, later)].append(tuple(numbers))
    for tenant, numbers in sorted(found.items()):
        firsts, lasts, sequences, events = zip(*numbers, strict=True)
        number = sum(sequences)
        is_whole = max(lasts) == number or (len(numbers) > 1 and max(lasts) < number)
        if min(firsts) != 1 or not is_whole or events != sequences:
            yield (
                f"the events of tenant {tenant} have the places {min(firsts)} to {max(lasts)}, and "
                f"there are {number} places of {sum(events)} events: they are to be from 1 "
                "without gaps"
            )
