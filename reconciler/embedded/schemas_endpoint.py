"""/Schemas of the built-in tenant: paged, by id, created and replaced, defaults spelled out."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from reconciler.domain.jsontext import Json
from reconciler.domain.records import rfc3339
from reconciler.domain.scim import (
    ATTRIBUTE_MEMBERS,
    SCHEMA_MEMBERS,
    SCHEMA_URN,
    Attribute,
    Schema,
    fold,
)
from reconciler.embedded.faults import FaultBox, Faults
from reconciler.embedded.schema_rules import accept
from reconciler.embedded.store import EmbeddedStore, StoredSchema
from reconciler.embedded.wire import Refused, Reply, Request, not_allowed, read_json, scim

EXTENSION_LIMIT = 10
_LIST_URN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


class SchemasEndpoint:
    """Answers for /Schemas and /Schemas/{urn}.

    `core` are the RFC's own schemas; `check_buildable` raises ValueError for a schema that users
    could not carry. A schema is served with every characteristic, as strict clients need it, or
    `raw`: as it was posted.
    """

    def __init__(
        self,
        store: EmbeddedStore,
        faults: FaultBox,
        *,
        core: tuple[dict[str, Json], ...],
        check_buildable: Callable[[Schema], None],
        clock: Callable[[], datetime],
        raw: bool = False,
    ) -> None:
        self._store = store
        self._faults = faults
        self._form: Callable[[dict[str, Json]], dict[str, Json]] = dict if raw else _spelled_out
        self._core = {fold(document["id"]): self._form(document) for document in core}
        self._check_buildable = check_buildable
        self._clock = clock

    def answer(self, request: Request, base_url: str, schema_id: str | None) -> Reply:
        """Answer for the collection (None) or for one schema, whose id is compared without case."""
        creates = not self._faults.current.no_create
        match request.method, schema_id:
            case "GET", None:
                return self._list(request, base_url)
            case "POST", None if creates:
                return self._create(request, base_url)
            case _, None:
                raise not_allowed(request, "GET", *["POST"] * creates)
            case "GET", str():
                return self._read(fold(schema_id), base_url)
            case "PUT", str():
                return self._replace(request, fold(schema_id), base_url)
            case _:
                raise not_allowed(request, "GET", "PUT")

    def _list(self, request: Request, base_url: str) -> Reply:
        if "filter" in request.query:  # RFC 7644 section 4
            raise Refused(403, "schemas cannot be filtered")
        everything = [_published_core(document, base_url) for document in self._core.values()]
        shown = (each for each in self._store.schemas() if not self._faults.is_hidden(each.key))
        everything += [self._published(stored, base_url) for stored in shown]
        paging = {} if self._faults.current.ignore_paging else request.query
        start = max(1, _whole_number(paging, "startIndex", 1))
        count = max(0, _whole_number(paging, "count", len(everything)))
        page = everything[start - 1 : start - 1 + count]
        return scim(
            200,
            {
                "schemas": [_LIST_URN],
                "totalResults": len(everything),
                "itemsPerPage": len(page),
                "startIndex": start,
                "Resources": page,
            },
        )

    def _read(self, key: str, base_url: str) -> Reply:
        if key in self._core:
            return scim(200, _published_core(self._core[key], base_url))
        stored = self._stored(key)
        if stored is None or self._faults.take_hidden(key):
            raise _unknown()
        return self._reply(200, stored, base_url)

    def _create(self, request: Request, base_url: str) -> Reply:
        document = _without_meta(read_json(request.body))
        schema = accept(document)
        self._buildable(schema)
        now = rfc3339(self._clock())
        new = StoredSchema(key=schema.key, document=document, created=now, modified=now, version=1)
        with self._store.transaction():
            existing = {stored.key for stored in self._store.schemas()}
            if schema.key in existing or schema.key in self._core:
                raise Refused(409, f"schema {schema.id} exists already", scim_type="uniqueness")
            if len(existing) >= EXTENSION_LIMIT:
                raise Refused(
                    400, f"the maximum count of {EXTENSION_LIMIT} schema extensions is reached"
                )
            if self._faults.current.ignore_posts:  # answered as if it were stored
                return self._reply(201, new, base_url)
            new = _mutilated(new, self._faults.current)
            self._store.save_schema(new)
        self._faults.hide(schema.key)
        return self._reply(201, new, base_url)

    def _replace(self, request: Request, key: str, base_url: str) -> Reply:
        if key in self._core:
            raise Refused(400, "the schemas of RFC 7643 are read-only", scim_type="mutability")
        document = _without_meta(read_json(request.body))
        with self._store.transaction():  # or two clients that saw one version would both replace it
            if (stored := self._stored(key)) is None:
                raise _unknown()
            _check_precondition(request, stored)
            schema = accept(document)
            if schema.key != key:
                raise Refused(400, "the id is not that of the address", scim_type="mutability")
            self._buildable(schema)
            new = replace(
                stored,
                document=document,
                modified=rfc3339(self._clock()),
                version=stored.version + 1,
            )
            new = _mutilated(new, self._faults.current)
            self._store.save_schema(new)
        return self._reply(200, new, base_url)

    def _stored(self, key: str) -> StoredSchema | None:
        return next((stored for stored in self._store.schemas() if stored.key == key), None)

    def _buildable(self, schema: Schema) -> None:
        try:
            self._check_buildable(schema)
        except ValueError as error:
            raise Refused(400, f"{schema.id}: {error}", scim_type="invalidValue") from error

    def _reply(self, status: int, stored: StoredSchema, base_url: str) -> Reply:
        document = self._published(stored, base_url)
        meta = document["meta"]
        return scim(status, document, {"Location": meta["location"], "ETag": meta["version"]})

    def _published(self, stored: StoredSchema, base_url: str) -> dict[str, Json]:
        return {
            **_with_schemas(self._form(stored.document)),
            "meta": {
                **_meta(stored.document, base_url),
                "created": stored.created,
                "lastModified": stored.modified,
                "version": f'W/"{stored.version}"',
            },
        }


def _whole_number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError as error:
        raise Refused(400, f"{name} is no whole number", scim_type="invalidValue") from error


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
    said = _by_name(document)
    kept = {"schemas": said["schemas"]} if "schemas" in said else {}
    attributes = [_attribute_spelled_out(each) for each in said.get("attributes", [])]
    return {**kept, **Schema.from_json(document).whole(), "attributes": attributes}


def _attribute_spelled_out(document: dict[str, Json]) -> dict[str, Json]:
    whole, said = Attribute.from_json(document).whole(), _by_name(document)
    in_order = ("canonicalValues", "referenceTypes")
    whole |= {member: said[fold(member)] for member in in_order if member in whole}
    if "subAttributes" in whole:
        whole["subAttributes"] = [_attribute_spelled_out(s) for s in said["subattributes"]]
    return whole


def _by_name(document: dict[str, Json]) -> dict[str, Json]:
    """What a document says, by folded name; of two spellings the one that Schema reads."""
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
