"""Canaries that are under way: whose values may be on a test user, and nothing of the values."""

from collections.abc import Iterable, Sequence

from reconciler.adapters.database.connections import Question, Row, Step

UNDER_WAY = Question(
    "SELECT tenant, schema_id, attribute FROM canaries ORDER BY tenant, schema_id, attribute"
)
_BEGIN = "INSERT INTO canaries (tenant, schema_id, attribute, started_at) VALUES (?, ?, ?, ?)"
_END = "DELETE FROM canaries WHERE tenant = ? AND schema_id = ? AND attribute = ?"


def begin(step: Step, tenant: str, schema_id: str, names: Iterable[str], at: str) -> None:
    """Keep attributes as under way, in the place of what is there of them."""
    for name in names:
        step.defer(_END, tenant, schema_id, name)
        step.defer(_BEGIN, tenant, schema_id, name, at)


def end(step: Step, tenant: str, schema_id: str, names: Iterable[str]) -> None:
    """Forget attributes that were under way."""
    for name in names:
        step.defer(_END, tenant, schema_id, name)


def under_way(rows: Sequence[Row]) -> dict[str, dict[str, list[str]]]:
    """The answer to UNDER_WAY: attributes by tenant and schema."""
    found: dict[str, dict[str, list[str]]] = {}
    for tenant, schema_id, name in rows:
        found.setdefault(tenant, {}).setdefault(schema_id, []).append(name)
    return found
