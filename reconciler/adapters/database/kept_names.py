"""The names of tenants under which the store keeps anything, and what is open under each."""

from collections.abc import Sequence

from reconciler.adapters.database import intents
from reconciler.adapters.database.connections import Question, Row
from reconciler.adapters.database.tables import AS_DESIRED, NOT_AS_DESIRED, OF_NAMES
from reconciler.domain.records import Event
from reconciler.domain.tenant_names import KeptNames, Renaming

# With the last verification of each, by an index of its own.
_RECORDED = f"""
SELECT r.event, r.tenant, r.detail, r.seq, (SELECT max(v.seq) FROM audit v
        WHERE v.tenant = r.tenant AND v.after_digest IS NOT NULL)
  FROM audit r WHERE {OF_NAMES} ORDER BY r.seq
"""


def _each(name: str, table: str, condition: str) -> str:
    """A table of each tenant once, straight from one to the next by an index."""
    following = f"SELECT t.tenant FROM {table} t WHERE {condition} AND t.tenant > "
    return (
        f"{name} (tenant) AS (SELECT ({following} '' ORDER BY t.tenant LIMIT 1) UNION ALL "
        f"SELECT ({following} {name}.tenant ORDER BY t.tenant LIMIT 1) "
        f"FROM {name} WHERE {name}.tenant IS NOT NULL)"
    )


_SOURCES = {
    "each_one_verified": ("audit", AS_DESIRED),
    "each_one_refused": ("audit", NOT_AS_DESIRED),
    "each_one_intended": ("intents", "1 = 1"),
    "each_one_counted": ("samples", "1 = 1"),
}
_NAMES = (
    "WITH RECURSIVE "
    + ", ".join(_each(name, table, condition) for name, (table, condition) in _SOURCES.items())
    + " UNION ".join(f" SELECT tenant FROM {name} WHERE tenant IS NOT NULL" for name in _SOURCES)
)
_READY = "SELECT tenant, count(*) FROM outbox WHERE state = 'ready' GROUP BY tenant"
_HELD = "SELECT tenant, count(*) FROM outbox WHERE waits_for IS NOT NULL GROUP BY tenant"
_IS_KEPT = f"""
SELECT 1 WHERE EXISTS (SELECT 1 FROM audit WHERE {AS_DESIRED} AND tenant = ?)
  OR EXISTS (SELECT 1 FROM audit WHERE {NOT_AS_DESIRED} AND tenant = ?)
  OR EXISTS (SELECT 1 FROM intents WHERE tenant = ?)
  OR EXISTS (SELECT 1 FROM samples WHERE tenant = ?)
"""
RENAMINGS = Question(_RECORDED)
QUESTIONS = (
    RENAMINGS,
    Question(_NAMES),
    intents.COUNT_OPEN,
    Question(_READY),
    Question(_HELD),
)


def renamings_of(recorded: Sequence[Row]) -> tuple[Renaming, ...]:
    """The renamings in the answer to RENAMINGS, in their order."""
    found = (
        Renaming.recorded(tenant, detail)
        for event, tenant, detail, *_ in recorded
        if event == Event.TENANT_RENAMED
    )
    return tuple(each for each in found if each is not None)


def kept_names_of(answers: Sequence[Sequence[Row]]) -> KeptNames:
    """The answers to QUESTIONS as one value."""
    recorded, names, open_writes, ready, held = answers
    dropped = {
        tenant
        for event, tenant, _, seq, verified in recorded
        if event == Event.TENANT_DROPPED and (verified or 0) < seq
    }
    return KeptNames(
        names=frozenset(tenant for (tenant,) in names if tenant not in dropped),
        renamings=renamings_of(recorded),
        open_writes=dict(open_writes),
        pending=dict(ready),
        held=dict(held),
    )


def is_kept(name: str) -> Question:
    """The question whether anything is kept under a name."""
    return Question(_IS_KEPT, (name,) * 4)
