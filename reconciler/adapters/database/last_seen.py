"""When the trail last has each schema as desired: read, and nothing of the store is touched."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reconciler.adapters.database.looking import look
from reconciler.adapters.database.tables import AS_DESIRED
from reconciler.domain.drift import Sighting, Sightings
from reconciler.domain.scim import fold
from reconciler.domain.tenant_names import KeptNames

if TYPE_CHECKING:  # where there is no store, nothing that opens one is imported
    from reconciler.adapters.database.connections import Connection, Row


def seen_and_kept(url: str) -> tuple[Sightings, KeptNames, str | None]:
    """The sightings by tenant and folded id, and what is kept under which name, of a URL's store.

    The last is where it was moved to, if it was. Nothing where there is none; of an older format
    the sightings alone. A role that may only SELECT is enough. Raises UsageError for the URL,
    StateError for what is there.
    """
    return look(url, _read) or ({}, KeptNames(), None)


def latest(condition: str, columns: str) -> str:
    """A statement for the last record of each schema of each tenant for which a condition holds.

    From the last schema of the last tenant to the first, each time straight to its last record, by
    an index with that condition. Each step is two questions: one that compares pairs would go
    through all records of a tenant.
    """
    following = f"SELECT a.seq FROM audit a WHERE {condition} AND a.schema_id > ''"
    return f"""
WITH RECURSIVE latest (seq) AS (
  SELECT ({following} AND a.tenant > ''
           ORDER BY a.tenant DESC, a.schema_id DESC, a.seq DESC LIMIT 1)
  UNION ALL
  SELECT coalesce(
         ({following} AND a.tenant = p.tenant AND a.schema_id < p.schema_id
           ORDER BY a.schema_id DESC, a.seq DESC LIMIT 1),
         ({following} AND a.tenant < p.tenant
           ORDER BY a.tenant DESC, a.schema_id DESC, a.seq DESC LIMIT 1))
    FROM latest JOIN audit p ON p.seq = latest.seq
)
SELECT {columns} FROM latest JOIN audit ON audit.seq = latest.seq ORDER BY audit.seq
"""


LATEST = latest(AS_DESIRED, "tenant, schema_id, timestamp, coalesce(after_digest, before_digest)")
# A store before format 4 has no index for that.
_OF_ALL = f"""
SELECT tenant, schema_id, timestamp, coalesce(after_digest, before_digest) FROM audit
 WHERE seq IN (SELECT max(seq) FROM audit WHERE {AS_DESIRED} GROUP BY tenant, schema_id)
 ORDER BY seq
"""


def _read(connection: "Connection") -> tuple[Sightings, KeptNames, str | None]:
    names = connection.names()
    if "audit" not in names:
        return {}, KeptNames(), None
    seen = connection.rows(LATEST if "audit_as_desired" in names else _OF_ALL)
    if "audit_names" not in names:  # of an older format: an apply brings it forward
        return sightings_in(seen), KeptNames(), None
    from reconciler.adapters.database import kept_names
    from reconciler.adapters.database.trail import MOVED_TO, moved_to

    moved, *answers = (
        connection.rows(each.statement, *each.values) for each in (MOVED_TO, *kept_names.QUESTIONS)
    )
    return sightings_in(seen), kept_names.kept_names_of(answers), moved_to(moved)


def sightings_in(found: "Iterable[Row]") -> Sightings:
    """The sightings in the rows that LATEST gives, by tenant and folded id."""
    return {
        (tenant, fold(schema_id)): Sighting(at=at, fingerprint=seen)
        for tenant, schema_id, at, seen in found
        if tenant and schema_id and seen
    }
