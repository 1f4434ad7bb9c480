"""Stores as earlier releases have made them: today's, without what came later."""

from pathlib import Path
from typing import Any

from reconciler.adapters.database.trail import COLUMNS
from reconciler.domain.records import GENESIS, OPTIONAL_MEMBERS, chain_hash
from tests.support.store_world import Place, shell

NEW_SINCE = {  # by version: how what it brought is taken away again
    2: ("DROP TABLE holders",),
    3: (
        "ALTER TABLE intents DROP COLUMN base_url",
        "ALTER TABLE intents DROP COLUMN live_before",
    ),
    4: (
        "DROP INDEX audit_as_desired",
        "DROP INDEX audit_verified",
        "DROP INDEX intents_open",
        "DROP INDEX intents_of_schema",
        "DROP INDEX outbox_ready",
        "DROP INDEX outbox_event",
        "DROP INDEX outbox_delivered",
        "ALTER TABLE outbox DROP COLUMN delivered_at",
        "CREATE INDEX intents_of_tenant ON intents (tenant, state)",
    ),
    5: (
        "DROP INDEX intents_creating",
        "DROP INDEX outbox_of_schema",
        "DROP INDEX outbox_waiting",
        "ALTER TABLE outbox DROP COLUMN schema_digest",
        "ALTER TABLE outbox DROP COLUMN waits_for",
    ),
    6: (
        "ALTER TABLE intents DROP COLUMN confirmed_at",
        "ALTER TABLE intents DROP COLUMN confirmed_until",
    ),
    7: (
        "ALTER TABLE outbox DROP COLUMN ended_by",
        "ALTER TABLE outbox DROP COLUMN seal",
    ),
    8: (
        "DROP TABLE samples",
        "DROP INDEX audit_not_as_desired",
        "DROP INDEX audit_timed",
        "DROP INDEX audit_run_completed",
        "DROP TABLE countings",
        "DROP TABLE canaries",
        "DROP INDEX audit_canary",
        "DROP INDEX audit_searched",
        "ALTER TABLE audit DROP COLUMN searchable",
        "ALTER TABLE audit DROP COLUMN searchable_ms",
        "ALTER TABLE audit DROP COLUMN canary",
    ),
    9: ("ALTER TABLE audit DROP COLUMN searched",),
    10: ("DROP INDEX audit_names", "DROP TABLE schemas", "DROP TABLE readings"),
}


def as_version(version: int, place: Place) -> None:
    """The store as an older release has made it: today's, without what came later."""
    undone = [step for since, steps in NEW_SINCE.items() if since > version for step in steps]
    with shell(place) as connection:
        if version < 7:
            with_the_trail_of_version_6(connection, mark="?" if isinstance(place, Path) else "%s")
        for step in (*undone, f"UPDATE meta SET value = '{version}'"):
            connection.execute(step)


def with_the_trail_of_version_6(connection: Any, mark: str) -> None:
    """No record of what was queued or searched for, rows pointing to their change; chained anew."""
    if mark != "?":
        connection.execute("SET session_replication_role = replica")  # no foreign keys
    found = connection.execute(f"SELECT {NAMES} FROM audit ORDER BY seq").fetchall()
    places: dict[int, int] = {}
    kept: list[tuple[Any, ...]] = []
    head = GENESIS
    for record in (dict(zip(OF_6, row, strict=True)) for row in found):
        old = record.pop("seq")
        if record["event"] not in ("HR_SYNC_QUEUED", "SCHEMA_EXTENSION_SEARCHED"):
            detail = None if record["event"].endswith("_INTENDED") else record["detail"]
            new = {"seq": len(kept) + 1, **record, "detail": detail, "prev_hash": head}
            del new["hash"]
            head = chain_hash(new)
            kept.append((*new.values(), head))
        places[old] = len(kept)
    connection.execute("DELETE FROM audit")
    marks = ", ".join([mark] * len(OF_6))
    for values in kept:
        connection.execute(f"INSERT INTO audit ({NAMES}) VALUES ({marks})", values)
    for old, new_place in places.items():
        for table, column in POINTERS:
            edit = f"UPDATE {table} SET {column} = {mark} WHERE {column} = {mark}"
            connection.execute(edit, (-new_place, old))
    for table, column in POINTERS:
        connection.execute(f"UPDATE {table} SET {column} = -{column} WHERE {column} < 0")


OF_6 = tuple(name for name in COLUMNS if name not in OPTIONAL_MEMBERS)
NAMES = ", ".join(f'"{name}"' for name in OF_6)
POINTERS = (("intents", "created_by"), ("intents", "settled_by"), ("outbox", "released_by"))
