"""Dialect: what one kind of service can do with schemas, as data."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Self

from reconciler.domain.jsontext import Json, digest
from reconciler.domain.scim import Schema, fold

_RFC_PREFIXES = (
    "urn:ietf:params:scim:schemas:core:",
    "urn:ietf:params:scim:api:",
    "urn:ietf:params:scim:schemas:extension:enterprise:",
)


READ_ONLY = "read-only"  # the dialect of services to which nothing is ever written


class UpdateStrategy(StrEnum):
    """How a live schema is changed."""

    NONE = "none"
    PUT = "put"  # the whole document, RFC 7644 section 3.5.1
    PATCH = "patch"  # one operation for each attribute, RFC 7644 section 3.5.2


class PatchPath(StrEnum):
    """The path at which a PATCH replaces one attribute, in the words of RFC 7644, figure 7.

    On a service that follows the RFC, `replace` at `attrPath` puts the one in the place of all.
    """

    VALUE = "valuePath"  # attributes[name eq "x"]: the values that a filter selects
    ATTRIBUTE = "attrPath"  # attributes: the service itself finds each by its name, as Oracle does


class IdEncoding(StrEnum):
    """How a URN stands in a path: its colons as they are, or as %3A."""

    RAW = "raw"
    PERCENT = "percent"


class ListShape(StrEnum):
    """How a service lists schemas; all shapes are read, `doctor` says where it is another one.

    What it decides is whether an object with nothing in it is a listing: only where MAP is said.
    """

    LIST = "list"  # a ListResponse, RFC 7644 section 3.4.2
    ARRAY = "array"
    MAP = "map"  # by URN
    SINGLE = "single"  # the one schema itself


class Paging(StrEnum):
    """How the pages of a listing are asked for."""

    NONE = "none"
    INDEX = "index"  # startIndex and count, RFC 7644 section 3.4.2.4
    CURSOR = "cursor"  # RFC 9865


class EtagMode(StrEnum):
    """Where the entity tag for If-Match comes from."""

    HEADER = "header"  # or meta.version where there is no header
    VERSION = "meta.version"
    NONE = "none"


class Meaning(StrEnum):
    """What a refusal of a write says beyond its status."""

    EXISTS = "exists"  # somebody has that id, or the version is another by now
    LIMIT_REACHED = "limit-reached"  # the tenant holds as many extensions as it may
    UNSUPPORTED = "unsupported"  # the service has no such write at all


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorShape:
    """How a service words one such refusal: a status, and where given a code and a part of it.

    `code` is the `scimType` (RFC 7644 section 3.12) or the vendor's own; `detail` is a part of
    the sentence for a person. Case counts in neither.
    """

    means: Meaning
    status: int
    code: str | None = None
    detail: str | None = None

    def fits(self, status: int, code: str, detail: str) -> bool:
        """Whether an answer with that status, code and sentence is such a refusal."""
        return (
            status == self.status
            and (self.code is None or fold(self.code) == fold(code))
            and (self.detail is None or fold(self.detail) in fold(detail))
        )


@dataclass(frozen=True, slots=True)
class Names:
    """What a service takes for an attribute's name: a pattern for all of it, and in words."""

    pattern: str
    words: str

    def takes(self, name: str) -> bool:
        """Whether the service takes it."""
        return re.fullmatch(self.pattern, name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a service can do; one data file each in `reconciler/dialects/`.

    `extensions` is the most custom schemas a tenant may hold (None: no limit known), `attributes`
    the most attributes in one, `sub_attributes` the most parts of one attribute. `names` says how
    an attribute may be called; `name_ends_urn` that a schema's name is the last part of its URN;
    `members` are vendor members that each attribute needs, `server_members` such that the service
    sets on its own, so that a manifest's word for them counts for nothing.
    `immutable` are characteristics that a live attribute keeps for ever, `ignored` those whose
    change the service accepts and drops; RFC 7643 spelling, or a vendor member.
    `protected_prefixes` are URNs that belong to the vendor.
    `requests_per_minute` is what we keep to without being told (None: no limit known),
    `throttled_wait` the seconds to wait after a 429 that does not say how long (None: no more than
    after any failure).
    `errors` are refusals of a write that mean more than their status; what RFC 7644 section 3.12
    says of a status needs none.
    `lag_reads` is how often an absent answer is asked again before it is believed after a write.
    `permission_hint` says which scopes or roles a 403 asks for, and where an administrator looks.
    """

    name: str
    target_system: str
    creates: bool
    updates: UpdateStrategy
    types: frozenset[str]
    patch_path: PatchPath = PatchPath.VALUE
    extensions: int | None = None
    attributes: int | None = None
    sub_attributes: int | None = None
    names: Names | None = None
    name_ends_urn: bool = False
    members: tuple[str, ...] = ()
    server_members: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    protected_prefixes: tuple[str, ...] = ()
    id_encoding: IdEncoding = IdEncoding.RAW
    content_type: str = "application/scim+json"
    list_shape: ListShape = ListShape.LIST
    paging: Paging = Paging.INDEX
    page_size: int = 100
    etag: EtagMode = EtagMode.HEADER
    errors: tuple[ErrorShape, ...] = ()
    requests_per_minute: int | None = None
    throttled_wait: int | None = None
    lag_reads: int = 1
    permission_hint: str = ""
    _digest: str | None = field(init=False, compare=False, repr=False, default=None)

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """Read the data of a dialect, which has passed `schemas/dialect.json`."""
        return cls(
            name=data["name"],
            target_system=data["targetSystem"],
            creates=data["creates"],
            updates=UpdateStrategy(data["updates"]),
            types=frozenset(data["types"]),
            patch_path=PatchPath(data.get("patchPath", PatchPath.VALUE)),
            extensions=data.get("extensions"),
            attributes=data.get("attributes"),
            sub_attributes=data.get("subAttributes"),
            names=Names(**data["attributeNames"]) if "attributeNames" in data else None,
            name_ends_urn=data.get("nameEndsUrn", False),
            members=tuple(data.get("attributeMembers", ())),
            server_members=tuple(data.get("serverMembers", ())),
            immutable=tuple(data.get("immutable", ())),
            ignored=tuple(data.get("ignored", ())),
            protected_prefixes=tuple(data.get("protectedPrefixes", ())),
            id_encoding=IdEncoding(data.get("idEncoding", IdEncoding.RAW)),
            content_type=data.get("contentType", "application/scim+json"),
            list_shape=ListShape(data.get("listShape", ListShape.LIST)),
            paging=Paging(data.get("paging", Paging.INDEX)),
            page_size=data.get("pageSize", 100),
            etag=EtagMode(data.get("etag", EtagMode.HEADER)),
            errors=tuple(_error_shape(each) for each in data.get("errors", ())),
            requests_per_minute=data.get("requestsPerMinute"),
            throttled_wait=data.get("throttledWait"),
            lag_reads=data.get("lagReads", 1),
            permission_hint=data.get("permissionHint", ""),
        )

    def to_json(self) -> dict[str, Json]:
        """What `from_json` reads, every entry spelt out but limits that are not known."""
        names = self.names and {"pattern": self.names.pattern, "words": self.names.words}
        data: dict[str, Json] = {
            "name": self.name,
            "targetSystem": self.target_system,
            "creates": self.creates,
            "updates": str(self.updates),
            "types": sorted(map(str, self.types)),
            "patchPath": str(self.patch_path),
            "extensions": self.extensions,
            "attributes": self.attributes,
            "subAttributes": self.sub_attributes,
            "attributeNames": names,
            "nameEndsUrn": self.name_ends_urn,
            "attributeMembers": list(self.members),
            "serverMembers": list(self.server_members),
            "immutable": list(self.immutable),
            "ignored": list(self.ignored),
            "protectedPrefixes": list(self.protected_prefixes),
            "idEncoding": str(self.id_encoding),
            "contentType": self.content_type,
            "listShape": str(self.list_shape),
            "paging": str(self.paging),
            "pageSize": self.page_size,
            "etag": str(self.etag),
            "errors": [_error_data(each) for each in self.errors],
            "requestsPerMinute": self.requests_per_minute,
            "throttledWait": self.throttled_wait,
            "lagReads": self.lag_reads,
            "permissionHint": self.permission_hint,
        }
        return {entry: value for entry, value in data.items() if value is not None}

    def overridden(self, capabilities: Mapping[str, Json]) -> "Dialect":
        """The same service where single entries of its data are known to be otherwise."""
        return Dialect.from_json({**self.to_json(), **capabilities}) if capabilities else self

    def __hash__(self) -> int:
        """By name: a fleet asks for it at every step, and few dialects have one name."""
        return hash(self.name)

    def digest(self) -> str:
        """`sha256:…` over all that a plan may rest on: not over words for a person.

        Nor over defaults, so that what a later version learns about others changes nothing here.
        """
        if self._digest is None:
            object.__setattr__(self, "_digest", self._capable())
        assert self._digest is not None
        return self._digest

    def _capable(self) -> str:
        required = ("name", "targetSystem", "creates", "updates", "types")
        said = self.to_json()
        plain = Dialect.from_json({entry: said[entry] for entry in required}).to_json()
        return digest(
            {
                entry: value
                for entry, value in said.items()
                if entry != "permissionHint" and (entry in required or plain.get(entry) != value)
            }
        )

    def meaning(self, status: int, code: str, detail: str) -> Meaning | None:
        """What the service's own data says of a refusal; None where it says nothing of it."""
        return next((e.means for e in self.errors if e.fits(status, code, detail)), None)

    def asked_for(self, desired: Schema) -> Schema:
        """What a manifest can ask of this service: without what the service sets on its own."""
        if not self.server_members:
            return desired
        members = {fold(member) for member in self.server_members}
        document = _without(desired.document, members)
        return desired if document == desired.document else Schema.from_json(document)

    def protects(self, schema_id: str) -> bool:
        """Whether the id belongs to the vendor or to the RFCs, so that we never write it."""
        return fold(schema_id).startswith(_folded((*_RFC_PREFIXES, *self.protected_prefixes)))


@lru_cache(64)
def _folded(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(fold, prefixes))


def _error_shape(data: Mapping[str, Json]) -> ErrorShape:
    return ErrorShape(
        means=Meaning(data["means"]),
        status=data["status"],
        code=data.get("code"),
        detail=data.get("detail"),
    )


def _error_data(shape: ErrorShape) -> dict[str, Json]:
    data: dict[str, Json] = {"means": str(shape.means), "status": shape.status}
    return data | {m: v for m, v in (("code", shape.code), ("detail", shape.detail)) if v}


def _without(document: Mapping[str, Json], members: Collection[str]) -> dict[str, Json]:
    """A schema or attribute without those members, its attributes without them too."""
    return {
        member: [_without(item, members) for item in value]
        if fold(member) in ("attributes", "subattributes") and isinstance(value, list)
        else value
        for member, value in document.items()
        if fold(member) not in members
    }
