"""The courses of a tenant's schemas: deployments, searches and canaries that the trail has."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from reconciler.adapters.database.connections import Question
from reconciler.adapters.database.looking import look
from reconciler.domain.canary import CanaryResult
from reconciler.domain.jsontext import NotJson, parse
from reconciler.domain.lifecycle import CanaryEnd, Course, Deployment, Search
from reconciler.domain.scim import MalformedSchema, Schema, fold
from reconciler.domain.searching import Searchable, names_in
from reconciler.errors import StateError

if TYPE_CHECKING:
    from reconciler.adapters.database.connections import Connection, Row

_VERIFIED = """
SELECT seq, schema_id, timestamp, after_digest FROM audit
 WHERE tenant = ? AND after_digest IS NOT NULL ORDER BY seq
"""
_WRITTEN = "SELECT settled_by, desired FROM intents WHERE tenant = ? AND state = 'settled'"
_SEARCHED = """
SELECT seq, schema_id, timestamp, searchable FROM audit
 WHERE tenant = ? AND searchable IS NOT NULL ORDER BY seq
"""
_CANARIES = """
SELECT seq, schema_id, canary FROM audit
 WHERE tenant = ? AND canary IS NOT NULL ORDER BY seq
"""


def courses_at(url: str, tenant: str, desired: Iterable[Schema]) -> dict[str, Course]:
    """By folded id of the schema, from the store that a URL names; empty where there is none.

    `desired` are the schemas of today. A role that may only SELECT is enough. Raises UsageError for
    the URL, StateError for what is there.
    """
    return look(url, lambda connection: _read(connection, tenant, desired)) or {}


def of_tenant(tenant: str) -> tuple[Question, ...]:
    """The questions for the courses of a tenant's schemas."""
    return tuple(Question(each, (tenant,)) for each in (_VERIFIED, _WRITTEN, _SEARCHED, _CANARIES))


def _read(connection: "Connection", tenant: str, desired: Iterable[Schema]) -> dict[str, Course]:
    names = connection.names()
    if not {"audit", "intents"} <= names:
        return {}
    # Before version 8 there were no columns for them.
    searched = connection.rows(_SEARCHED, tenant) if "audit_searched" in names else ()
    tried = connection.rows(_CANARIES, tenant) if "audit_canary" in names else ()
    verified, written = connection.rows(_VERIFIED, tenant), connection.rows(_WRITTEN, tenant)
    return courses_in(verified, written, searched, tried, desired)


def courses_in(
    verified: "Sequence[Row]",
    written: "Sequence[Row]",
    searched: "Sequence[Row]",
    tried: "Sequence[Row]",
    desired: Iterable[Schema],
) -> dict[str, Course]:
    """The courses in the answers to `of_tenant`, by folded id."""
    documents: dict[int, str] = dict(written)
    names: dict[str, frozenset[str] | None] = {
        schema.fingerprint(): _names(schema) for schema in desired
    }
    steps: list[tuple[int, str, Deployment | Search | CanaryEnd]] = []
    for seq, schema_id, at, digest in verified:
        if names.get(digest) is None and seq in documents:
            names[digest] = _names_written(documents[seq])
        steps.append((seq, fold(schema_id or ""), Deployment(at=at, attributes=names.get(digest))))
    for seq, schema_id, at, finding in searched:
        if finding not in set(Searchable):
            raise StateError(
                f"the store is damaged: record {seq} is searchable in a way that none is; "
                "restore the store from a backup"
            )
        steps.append((seq, fold(schema_id or ""), Search(at=at, searchable=Searchable(finding))))
    for seq, schema_id, results in tried:
        steps.append((seq, fold(schema_id or ""), CanaryEnd(results=_results(seq, results))))
    found: defaultdict[str, list[Deployment | Search | CanaryEnd]] = defaultdict(list)
    for _, key, step in sorted(steps, key=itemgetter(0)):
        found[key].append(step)
    return {key: tuple(course) for key, course in found.items()}


def _results(seq: int, text: str) -> dict[str, CanaryResult]:
    try:
        found = parse(text.encode())
        members = found.items() if isinstance(found, Mapping) else ()
        return {name: CanaryResult(result) for name, result in members}
    except ValueError as error:  # no JSON, or no such result
        raise StateError(
            f"the store is damaged: record {seq} has a canary that ended in a way that none does; "
            "restore the store from a backup"
        ) from error


def _names_written(text: str) -> frozenset[str] | None:
    """The names in the schema of an intent; None where it is damaged, which `audit verify` says."""
    try:
        return _names(Schema.from_json(parse(text.encode())))
    except (NotJson, MalformedSchema):
        return None


def _names(schema: Schema) -> frozenset[str]:
    return frozenset(map(fold, names_in(schema)))
