"""/Schemas of the built-in tenant: paged, by id, created and replaced, defaults spelled out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import filterfalse

from reconciler.domain.dialect import Dialect, EtagMode, Meaning, Paging, UpdateStrategy
from reconciler.domain.fixed import as_kept
from reconciler.domain.jsontext import Json
from reconciler.domain.records import rfc3339
from reconciler.domain.rules import LIMIT_RULES, Demand
from reconciler.domain.scim import (
    ATTRIBUTE_MEMBERS,
    SCHEMA_MEMBERS,
    SCHEMA_URN,
    Attribute,
    AttributeType,
    Schema,
    fold,
)
from reconciler.embedded.characteristics import as_stored, stamped
from reconciler.embedded.faults import FaultBox, Faults
from reconciler.embedded.schema_listing import listing
from reconciler.embedded.schema_patch import operations_of, patched
from reconciler.embedded.schema_rules import accept
from reconciler.embedded.store import EmbeddedStore, StoredSchema
from reconciler.embedded.wire import (
    Refused,
    Reply,
    Request,
    check_media_type,
    not_allowed,
    read_json,
    scim,
)

EXTENSION_LIMIT = 10
PLAIN = Dialect(
    name="built-in",
    target_system="the built-in tenant",
    creates=True,
    updates=UpdateStrategy.PUT,
    types=frozenset(AttributeType),
    extensions=EXTENSION_LIMIT,
)


class SchemasEndpoint:
    """Answers for /Schemas and /Schemas/{urn}.

    `core` are the RFC's own schemas; `check_buildable` raises ValueError for a schema that users
    could not carry. What is taken and how it is refused is as the `dialect` says. A schema is
    served with every characteristic, as strict clients need it, or `raw`: as it was posted.
    """

    def __init__(
        self,
        store: EmbeddedStore,
        faults: FaultBox,
        *,
        core: tuple[dict[str, Json], ...],
        check_buildable: Callable[[Schema], None],
        clock: Callable[[], datetime],
        dialect: Dialect = PLAIN,
        raw: bool = False,
    ) -> None:
        self._store = store
        self._dialect = dialect
        self._faults = faults
        form: Callable[[dict[str, Json]], dict[str, Json]] = dict if raw else _spelled_out
        self._core = {fold(document["id"]): form(document) for document in core}
        self._form = form if raw else lambda document: as_kept(form(document), dialect)
        self._check_buildable = check_buildable
        self._clock = clock

    def answer(self, request: Request, base_url: str, schema_id: str | None) -> Reply:
        """Answer for the collection (None) or for one schema, whose id is compared without case."""
        creates = self._dialect.creates and not self._faults.current.no_create
        updates = self._dialect.updates
        match request.method, schema_id:
            case "GET", None:
                return self._list(request, base_url)
            case "POST", None if creates:
                return self._create(request, base_url)
            case _, None:
                raise self._unsupported(request, ["GET", *["POST"] * creates])
            case "GET", str():
                return self._read(fold(schema_id), base_url)
            case (("PUT" | "PATCH"), str()) if request.method.lower() == updates:
                return self._update(request, fold(schema_id), base_url)
            case _:
                changes = [] if updates is UpdateStrategy.NONE else [updates.upper()]
                raise self._unsupported(request, ["GET", *changes])

    def drift(self, request: Request, base_url: str, schema_id: str) -> Reply:
        """Change or delete a schema behind the back of all, whatever the dialect allows."""
        key = fold(schema_id)
        if request.method == "DELETE":
            self._store.delete_schema(key)
            return Reply(status=204)
        if request.method != "PUT":
            raise not_allowed(request, "PUT", "DELETE")
        document = _without_meta(read_json(request.body))
        schema = accept(document)
        if schema.key != key or key in self._core:
            raise Refused(400, "the id is not that of the address, or one of RFC 7643")
        self._buildable(schema)
        with self._store.transaction():
            new = self._next(self._stored(key), key, document)
            self._store.save_schema(new)
        return self._reply(200, new, base_url)

    def _next(
        self, stored: StoredSchema | None, key: str, document: dict[str, Json]
    ) -> StoredSchema:
        """The document as the first version of its schema, or as the one after what is stored."""
        now = rfc3339(self._clock())
        if stored is None:
            return StoredSchema(key=key, document=document, created=now, modified=now, version=1)
        return replace(stored, document=document, modified=now, version=stored.version + 1)

    def _list(self, request: Request, base_url: str) -> Reply:
        if "filter" in request.query:  # RFC 7644 section 4
            raise Refused(403, "schemas cannot be filtered")
        core = [_published_core(document, base_url) for document in self._core.values()]
        shown = filter(None, map(self._faults.lag.listed, self._store.schemas()))
        custom = [self._published(stored, base_url) for stored in shown]
        dialect = self._dialect
        if self._faults.current.ignore_paging:
            dialect = replace(dialect, paging=Paging.NONE)
        return scim(200, listing(core, custom, request.query, dialect))

    def _read(self, key: str, base_url: str) -> Reply:
        if key in self._core:
            return scim(200, _published_core(self._core[key], base_url))
        if (stored := self._faults.lag.read(key, self._stored(key))) is None:
            raise _unknown()
        return self._reply(200, stored, base_url)

    def _create(self, request: Request, base_url: str) -> Reply:
        document = self._body(request)
        schema = accept(document)
        self._takes(schema)
        with self._store.transaction():
            new = self._next(None, schema.key, document)
            existing = {stored.key for stored in self._store.schemas()}
            if schema.key in existing or schema.key in self._core:
                there = f"schema {schema.id} exists already"
                raise self._refused(Meaning.EXISTS, Refused(409, there, scim_type="uniqueness"))
            most, counted = (
                self._dialect.extensions,
                [*filterfalse(self._dialect.protects, existing)],
            )
            if most is not None and len(counted) >= most:
                full = f"the maximum count of {most} schema extensions is reached"
                raise self._refused(Meaning.LIMIT_REACHED, Refused(400, full))
            if self._faults.current.ignore_posts:  # answered as if it were stored
                return self._reply(201, new, base_url)
            new = _mutilated(new, self._faults.current)
            self._store.save_schema(new)
        self._lag_behind(schema.key, None)
        return self._reply(201, new, base_url)

    def _update(self, request: Request, key: str, base_url: str) -> Reply:
        if key in self._core:
            raise Refused(400, "the schemas of RFC 7643 are read-only", scim_type="mutability")
        document = self._body(request)
        if request.method == "PATCH":
            operations = operations_of(document)
        else:
            accept(document)
        with self._store.transaction():  # or two clients that saw one version would both replace it
            if (stored := self._stored(key)) is None:
                raise _unknown()
            if self._dialect.etag is not EtagMode.NONE:
                _check_precondition(request, stored)
            live = _spelled_out(stored.document)
            if request.method == "PATCH":
                document = patched(live, operations, self._dialect.patch_path)
            schema = accept(document)
            if schema.key != key:
                raise Refused(400, "the id is not that of the address", scim_type="mutability")
            self._takes(schema)
            if self._dialect.immutable or self._dialect.ignored:
                document = as_stored(live, _spelled_out(document), self._dialect)
            new = _mutilated(self._next(stored, key, document), self._faults.current)
            self._store.save_schema(new)
        self._lag_behind(key, stored)
        return self._reply(200, new, base_url)

    def _body(self, request: Request) -> Json:
        """The document of a POST, PUT or PATCH, in the media type that the service takes."""
        check_media_type(request.headers.get("content-type"), self._dialect.content_type)
        return _without_meta(read_json(request.body))

    def _lag_behind(self, key: str, before: StoredSchema | None) -> None:
        # Of the reads that the dialect has us make, the last one shows the write.
        lagging = self._faults.current.lag_reads or max(0, self._dialect.lag_reads - 1)
        self._faults.lag.begin(key, before, lagging)

    def _stored(self, key: str) -> StoredSchema | None:
        return next((stored for stored in self._store.schemas() if stored.key == key), None)

    def _unsupported(self, request: Request, allowed: list[str]) -> Refused:
        return self._refused(Meaning.UNSUPPORTED, not_allowed(request, *allowed))

    def _refused(self, means: Meaning, refused: Refused) -> Refused:
        """The refusal in the form that the dialect knows for what it means."""
        shape = next((each for each in self._dialect.errors if each.means is means), None)
        code = refused.scim_type or ""
        if shape is None or self._dialect.meaning(refused.status, code, refused.detail) is means:
            return refused
        detail = f"{refused.detail}; {shape.detail}" if shape.detail else refused.detail
        return Refused(shape.status, detail, scim_type=shape.code or refused.scim_type)

    def _takes(self, schema: Schema) -> None:
        """Refuse what is beyond the limits of the dialect, and what no user could carry."""
        if self._dialect.protects(schema.id) and schema.key not in self._core:
            raise Refused(403, f"{schema.id}: URNs that begin so belong to this service")
        demand = Demand(schema=schema, dialect=self._dialect, service="this service")
        for _, fault in LIMIT_RULES.faults(demand):
            raise Refused(400, fault.message, scim_type="invalidValue")
        self._buildable(schema)

    def _buildable(self, schema: Schema) -> None:
        try:
            self._check_buildable(schema)
        except ValueError as error:
            raise Refused(400, f"{schema.id}: {error}", scim_type="invalidValue") from error

    def _reply(self, status: int, stored: StoredSchema, base_url: str) -> Reply:
        document = self._published(stored, base_url)
        meta = document["meta"]
        headers = {"Location": meta["location"]}
        if self._dialect.etag is EtagMode.HEADER:
            headers["ETag"] = meta["version"]
        return scim(status, document, headers)

    def _published(self, stored: StoredSchema, base_url: str) -> dict[str, Json]:
        meta = {
            **_meta(stored.document, base_url),
            "created": stored.created,
            "lastModified": stored.modified,
        }
        if self._dialect.etag is not EtagMode.NONE:
            meta["version"] = f'W/"{stored.version}"'
        document = stamped(self._form(stored.document), self._dialect)
        return {**_with_schemas(document), "meta": meta}


def _check_precondition(request: Request, stored: StoredSchema) -> None:
    """RFC 7644 section 3.14: weak comparison, as SCIM's tags are weak."""
    wanted = [
        tag.strip().removeprefix("W/") for tag in request.headers.get("if-match", "").split(",")
    ]
    if wanted not in ([""], ["*"]) and f'"{stored.version}"' not in wanted:
        raise Refused(412, "the schema has been changed since it was read")


def _without_meta(document: Json) -> Json:
    """The document without `meta`, which a client cannot set (RFC 7643 section 3.1)."""
    if not isinstance(document, dict):
        return document
    return {member: value for member, value in document.items() if fold(member) != "meta"}


def _mutilated(stored: StoredSchema, faults: Faults) -> StoredSchema:
    """The schema as a service stores it that leaves out an attribute without a word."""
    if faults.drop_attribute is None:
        return stored
    unwanted = fold(faults.drop_attribute)
    member = _spelling(stored.document, "attributes")
    kept = [a for a in stored.document[member] if Attribute.from_json(a).key != unwanted]
    return replace(stored, document={**stored.document, member: kept})


def _published_core(document: dict[str, Json], base_url: str) -> dict[str, Json]:
    return {**_with_schemas(document), "meta": _meta(document, base_url)}


def _spelled_out(document: dict[str, Json]) -> dict[str, Json]:
    """The schema with every characteristic, in the order of what was posted."""
    members = _by_name(document)
    kept = {"schemas": members["schemas"]} if "schemas" in members else {}
    attributes = [_attribute_spelled_out(each) for each in members.get("attributes", [])]
    return {**kept, **Schema.from_json(document).whole(), "attributes": attributes}


def _attribute_spelled_out(document: dict[str, Json]) -> dict[str, Json]:
    whole, members = Attribute.from_json(document).whole(), _by_name(document)
    in_order = ("canonicalValues", "referenceTypes")
    whole |= {member: members[fold(member)] for member in in_order if member in whole}
    if "subAttributes" in whole:
        whole["subAttributes"] = [_attribute_spelled_out(s) for s in members["subattributes"]]
    return whole


def _by_name(document: dict[str, Json]) -> dict[str, Json]:
    """The members of a document by folded name; of two spellings the one that Schema reads."""
    known = SCHEMA_MEMBERS | ATTRIBUTE_MEMBERS
    names = sorted(document, key=lambda name: (name not in known, name), reverse=True)
    return {fold(name): document[name] for name in names if document[name] not in (None, [])}


def _with_schemas(document: dict[str, Json]) -> dict[str, Json]:
    return document if "schemas" in document else {"schemas": [SCHEMA_URN], **document}


def _meta(document: dict[str, Json], base_url: str) -> dict[str, Json]:
    identifier = document[_spelling(document, "id")]
    return {"resourceType": "Schema", "location": f"{base_url}/Schemas/{identifier}"}


def _spelling(document: dict[str, Json], member: str) -> str:
    """A member of the document, by its name there: names have no case (RFC 7643 section 2.1)."""
    return next(name for name in document if fold(name) == member)


def _unknown() -> Refused:
    return Refused(404, "no schema has this id")
