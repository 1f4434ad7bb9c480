"""The courses of a tenant's schemas: deployments, searches and canaries that the trail has."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from reconciler.adapters.database import kept_names
from reconciler.adapters.database.connections import Question
from reconciler.adapters.database.looking import look
from reconciler.adapters.database.tables import AS_DESIRED
from reconciler.domain.canary import CanaryResult
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.domain.lifecycle import CanaryEnd, Course, Deployment, FleetCourses, Search
from reconciler.domain.manifest import Tenant
from reconciler.domain.scim import MalformedSchema, Schema, fold
from reconciler.domain.searching import Searchable, names_in
from reconciler.domain.tenant_names import tenant_names
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
_FIRST_IN_SYNC = (
    "SELECT tenant, schema_id, seq, timestamp, coalesce(after_digest, before_digest) FROM audit "
    f"WHERE {AS_DESIRED} AND tenant = ? AND schema_id = ? "
    "AND coalesce(after_digest, before_digest) = ? ORDER BY seq LIMIT 1"
)
_WRITTEN_ONCE = f"{_WRITTEN} AND schema_id = ? AND settled_by = ?"


def courses_at(
    url: str, tenant: str, desired: Iterable[Schema], tenants: Iterable[Tenant] = ()
) -> dict[str, Course]:
    """By folded id of the schema, from the store that a URL names; empty where there is none.

    `desired` are the schemas of today, `tenants` all that there are, by which former names are
    known. A role that may only SELECT is enough. Raises UsageError for the URL, StateError for what
    is there.
    """
    known = tuple(desired)

    def read(connection: "Connection") -> dict[str, Course]:
        names = connection.names()
        if not {"audit", "intents"} <= names:
            return {}
        recorded = connection.rows(kept_names.RENAMINGS.statement)
        called = tenant_names(tenants, kept_names.renamings_of(recorded)).of(tenant)
        answers = [_answers(connection, names, of_tenant(name, known)) for name in called]
        return courses_of([*chain.from_iterable(answers)], known, len(called))

    return look(url, read) or {}


def of_tenant(tenant: str, desired: Iterable[Schema]) -> tuple[Question, ...]:
    """The questions for the courses of a tenant; `desired` are its schemas of today."""
    records = (each.format("tenant = ? AND ") for each in (_VERIFIED, _SEARCHED, _TRIED))
    found = (Question(each, (tenant,)) for each in (*records, _WRITTEN))
    return (*found, *(_first_in_sync(tenant, schema) for schema in desired))


def _first_in_sync(tenant: str, schema: Schema) -> Question:
    """The question for the first record that has a schema as it is desired today."""
    return Question(_FIRST_IN_SYNC, (tenant, schema.id, schema.fingerprint()))


def _answers(
    connection: "Connection", names: frozenset[str], questions: Sequence[Question]
) -> "list[list[Row]]":
    """The answers to `of_tenant`, of a store of an older format too."""
    if "audit_searched" not in names:  # before version 8 there were no columns for them
        verified, _, _, *others = questions
        answers = [connection.rows(each.statement, *each.values) for each in (verified, *others)]
        return [answers[0], [], [], *answers[1:]]
    if ("8",) in connection.rows("SELECT value FROM meta WHERE name = 'format_version'"):
        older = questions[1].statement.replace(", searched FROM", ", NULL FROM")
        questions = (questions[0], questions[1]._replace(statement=older), *questions[2:])
    return [connection.rows(each.statement, *each.values) for each in questions]


def courses_of(
    answers: "Sequence[Sequence[Row]]", desired: Sequence[Schema], names: int
) -> dict[str, Course]:
    """The courses in the answers to `of_tenant` for each of so many names of one tenant."""
    each = len(answers) // names
    joined = [[*chain.from_iterable(answers[number::each])] for number in range(each)]
    return courses_in(joined, desired)


def courses_in(answers: "Sequence[Sequence[Row]]", desired: Iterable[Schema]) -> dict[str, Course]:
    """The courses in the answers to `of_tenant`, by folded id."""
    verified, searched, tried, written, *in_sync = answers
    schemas = {schema.fingerprint(): schema for schema in desired}
    documents = {seq: document for _, seq, document in written}
    for _, _, seq, _, digest in verified:
        if digest not in schemas and seq in documents:
            schema = _schema(documents[seq])
            if schema is not None:
                schemas[digest] = schema
    seen: Iterable[Row] = chain(verified, *in_sync)
    seen, searched, tried = (_of_nobody(rows) for rows in (seen, searched, tried))
    found = _courses(seen, searched, tried, schemas)
    return {key: course for (_, key), course in found.items()}


def _of_nobody(rows: "Iterable[Row]") -> "list[Row]":
    """The rows without their tenant, which may have had several names."""
    return [("", *others) for _, *others in rows]


def of_fleet(desired: Iterable[tuple[str, Schema]]) -> tuple[Question, ...]:
    """The questions for the courses of all tenants; `desired` are today's schemas by tenant.

    They read all that was ever written or searched for, as who reads the trail whole may.
    """
    found = (Question(each.format("")) for each in (_VERIFIED, _SEARCHED, _TRIED))
    return (*found, *(_first_in_sync(tenant, schema) for tenant, schema in desired))


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
    """The courses in the answers to `of_fleet` and `writes_of`."""
    verified, searched, tried, *in_sync = answers
    schemas = {schema.fingerprint(): schema for schema in desired}
    digests = {seq: digest for _, _, seq, _, digest in verified}
    for _, seq, document in (row for rows in written for row in rows):
        schema = _schema(document)
        if schema is not None:
            schemas[digests[seq]] = schema
    seen = (row for rows in (verified, *in_sync) for row in rows)
    courses = _courses(seen, searched, tried, schemas)
    return FleetCourses(courses=courses, schemas=schemas)


def _courses(
    seen: "Iterable[Row]",
    searched: "Iterable[Row]",
    tried: "Iterable[Row]",
    schemas: Mapping[str, Schema],
) -> dict[tuple[str, str], Course]:
    """The courses by tenant and folded id; `schemas` are by fingerprint."""
    names = {digest: frozenset(map(fold, names_in(schema))) for digest, schema in schemas.items()}
    steps: defaultdict[tuple[str, str], dict[int, Deployment | Search | CanaryEnd]]
    steps = defaultdict(dict)
    for tenant, schema_id, seq, at, digest in seen:
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
