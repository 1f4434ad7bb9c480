"""The courses of a tenant's schemas: deployments, searches and canaries that the trail has."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler.adapters.database.connections import Question
from reconciler.adapters.database.looking import look
from reconciler.domain.canary import CanaryResult
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.domain.lifecycle import CanaryEnd, Course, Deployment, FleetCourses, Search
from reconciler.domain.scim import MalformedSchema, Schema, fold
from reconciler.domain.searching import Searchable, names_in
from reconciler.errors import StateError

if TYPE_CHECKING:
    from reconciler.adapters.database.connections import Connection, Row

_COLUMNS = {
    "after_digest": "tenant, schema_id, seq, timestamp, after_digest",
    "searchable": "tenant, schema_id, seq, timestamp, searchable, detail, searched",
    "canary": "tenant, schema_id, seq, timestamp, canary",
}
_VERIFIED, _SEARCHED, _TRIED = (
    f"SELECT {columns} FROM audit WHERE {{}}{member} IS NOT NULL ORDER BY tenant, seq"
    for member, columns in _COLUMNS.items()
)
_WRITTEN = (
    "SELECT schema_id, settled_by, desired FROM intents WHERE tenant = ? AND state = 'settled'"
)
_WRITTEN_ONCE = f"{_WRITTEN} AND schema_id = ? AND settled_by = ?"


def courses_at(url: str, tenant: str, desired: Iterable[Schema]) -> dict[str, Course]:
    """By folded id of the schema, from the store that a URL names; empty where there is none.

    `desired` are the schemas of today. A role that may only SELECT is enough. Raises UsageError for
    the URL, StateError for what is there.
    """
    return look(url, lambda connection: _read(connection, tenant, desired)) or {}


def of_tenant(tenant: str) -> tuple[Question, ...]:
    """The questions for the courses of a tenant's schemas."""
    records = (each.format("tenant = ? AND ") for each in (_VERIFIED, _SEARCHED, _TRIED))
    return tuple(Question(each, (tenant,)) for each in (*records, _WRITTEN))


def _read(connection: "Connection", tenant: str, desired: Iterable[Schema]) -> dict[str, Course]:
    names = connection.names()
    if not {"audit", "intents"} <= names:
        return {}
    verified, searched, tried, written = (each.statement for each in of_tenant(tenant))
    if "audit_searched" not in names:  # before version 8 there were no columns for them
        answers = (connection.rows(each, tenant) for each in (verified, written))
        return courses_in([next(answers), (), (), next(answers)], desired)
    if ("8",) in connection.rows("SELECT value FROM meta WHERE name = 'format_version'"):
        searched = searched.replace(", searched FROM", ", NULL FROM")
    asked = (verified, searched, tried, written)
    return courses_in([connection.rows(each, tenant) for each in asked], desired)


def courses_in(answers: "Sequence[Sequence[Row]]", desired: Iterable[Schema]) -> dict[str, Course]:
    """The courses in the answers to `of_tenant`, by folded id."""
    verified, searched, tried, written = answers
    schemas = {schema.fingerprint(): schema for schema in desired}
    documents = {seq: document for _, seq, document in written}
    for _, _, seq, _, digest in verified:
        if digest not in schemas and seq in documents:
            schema = _schema(documents[seq])
            if schema is not None:
                schemas[digest] = schema
    found = _courses(verified, searched, tried, schemas)
    return {key: course for (_, key), course in found.items()}


# All records of a fleet, the largest questions of all: what reads the trail whole asks them.
OF_FLEET = tuple(Question(each.format("")) for each in (_VERIFIED, _SEARCHED, _TRIED))


def writes_of(verified: "Sequence[Row]", desired: Iterable[Schema]) -> tuple[Question, ...]:
    """The questions for what was written, once for each digest that no desired schema has."""
    known = {schema.fingerprint() for schema in desired}
    last = {
        digest: (tenant, schema_id, seq)
        for tenant, schema_id, seq, _, digest in verified
        if digest not in known
    }
    return tuple(Question(_WRITTEN_ONCE, about) for about in last.values())


def fleet_courses(
    answers: "Sequence[Sequence[Row]]",
    written: "Sequence[Sequence[Row]]",
    desired: Iterable[Schema],
) -> FleetCourses:
    """The courses in the answers to OF_FLEET and `writes_of`."""
    verified, searched, tried = answers
    schemas = {schema.fingerprint(): schema for schema in desired}
    digests = {seq: digest for _, _, seq, _, digest in verified}
    for _, seq, document in (row for rows in written for row in rows):
        schema = _schema(document)
        if schema is not None:
            schemas[digests[seq]] = schema
    courses = _courses(verified, searched, tried, schemas)
    return FleetCourses(courses=courses, schemas=schemas)


def _courses(
    verified: "Sequence[Row]",
    searched: "Sequence[Row]",
    tried: "Sequence[Row]",
    schemas: Mapping[str, Schema],
) -> dict[tuple[str, str], Course]:
    """The courses by tenant and folded id; `schemas` are by fingerprint."""
    names = {digest: frozenset(map(fold, names_in(schema))) for digest, schema in schemas.items()}
    steps: defaultdict[tuple[str, str], dict[int, Deployment | Search | CanaryEnd]]
    steps = defaultdict(dict)
    for tenant, schema_id, seq, at, digest in verified:
        found = Deployment(at=at, attributes=names.get(digest))
        steps[tenant or "", fold(schema_id or "")][seq] = found
    for tenant, schema_id, seq, at, *finding in searched:
        steps[tenant or "", fold(schema_id or "")][seq] = _search(seq, at, *finding)
    for tenant, schema_id, seq, at, results in tried:
        steps[tenant or "", fold(schema_id or "")][seq] = _end(seq, at, results)
    return {key: tuple(found[seq] for seq in sorted(found)) for key, found in steps.items()}


def _search(seq: int, at: str, searchable: str, detail: str | None, names: str | None) -> Search:
    try:
        found = {fold(name): _FINDINGS[each] for name, each in _members(names or "{}").items()}
        return Search(
            at=at, searchable=Searchable(searchable), detail=detail or "", found=found or None
        )
    except (ValueError, KeyError, TypeError) as error:  # no JSON, or no such finding
        raise _damaged(seq, "is searchable in a way that none is") from error


_FINDINGS: Mapping[Json, Searchable] = {each.to_json(): each for each in Searchable}


def _end(seq: int, at: str, results: str) -> CanaryEnd:
    try:
        found = {name: CanaryResult(str(each)) for name, each in _members(results).items()}
        return CanaryEnd(at=at, results=found)
    except ValueError as error:  # no JSON, or no such result
        raise _damaged(seq, "has a canary that ended in a way that none does") from error


def _members(text: str) -> Mapping[str, Json]:
    """The members of an object; none where it is another JSON value. Raises ValueError."""
    found = parse(text.encode())
    return found if isinstance(found, Mapping) else {}


def _damaged(seq: int, what: str) -> StateError:
    return StateError(f"the store is damaged: record {seq} {what}; restore the store from a backup")


def _schema(text: str) -> Schema | None:
    """The schema of an intent; None where it is damaged, which `audit verify` says."""
    try:
        return Schema.from_json(parse(text.encode()))
    except (NotJson, MalformedSchema):
        return None
