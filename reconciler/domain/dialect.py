"""Dialect: what one kind of service can do with schemas, as data."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self

from reconciler.domain.jsontext import Json, digest
from reconciler.domain.memo import Memo
from reconciler.domain.scim import Schema, fold

_RFC_PREFIXES = (
    "urn:ietf:params:scim:schemas:core:",
    "urn:ietf:params:scim:api:",
    "urn:ietf:params:scim:schemas:extension:enterprise:",
)
LONGEST_NAME = 256  # no service takes a longer one, and a pattern that counts has an end
READ_ONLY = "read-only"  # the dialect of services to which nothing is ever written


class Transport(StrEnum):
    """The API that holds the definitions of attributes: /Schemas, RFC 7644 section 4, or another.

    That is the user profile of a realm; it is shown as the one schema of a projection.
    """

    SCIM = "scim"
    KEYCLOAK = "keycloak"


class UpdateStrategy(StrEnum):
    """The request that changes a live schema."""

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
    """The spelling of a URN in a path: its colons as they are, or as %3A."""

    RAW = "raw"
    PERCENT = "percent"


class ListShape(StrEnum):
    """The form in which a service lists schemas; every form is read, `doctor` reports another one.

    It decides one thing: an object with nothing in it is a listing only where this is MAP.
    """

    LIST = "list"  # a ListResponse, RFC 7644 section 3.4.2
    ARRAY = "array"
    MAP = "map"  # by URN
    SINGLE = "single"  # the one schema itself


class Paging(StrEnum):
    """The way to request the pages of a listing."""

    NONE = "none"
    INDEX = "index"  # startIndex and count, RFC 7644 section 3.4.2.4
    CURSOR = "cursor"  # RFC 9865


class TrailingSlash(StrEnum):
    """The addresses that end with a slash, as frameworks of the web want them."""

    NONE = "none"
    LISTS = "lists"  # all but those of a single schema
    ALL = "all"


class BindingList(StrEnum):
    """The use of /ResourceTypes for telling which extensions users can hold values of."""

    LISTED = "listed"  # it names what is bound, as RFC 7643 section 6 has it
    UNLISTED = "unlisted"  # it is static, and says nothing about extensions of ours


class EtagMode(StrEnum):
    """The source of the entity tag for If-Match."""

    HEADER = "header"  # or meta.version where there is no header
    VERSION = "meta.version"
    NONE = "none"


class Meaning(StrEnum):
    """The meaning of a refusal of a write beyond its status."""

    EXISTS = "exists"  # somebody has that id, or the version is another by now
    LIMIT_REACHED = "limit-reached"  # the tenant holds as many extensions as it may
    UNSUPPORTED = "unsupported"  # the service has no such write at all


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorShape:
    """The form of one such refusal: a status, and where given a code and a part of its text.

    `code` is the `scimType` (RFC 7644 section 3.12) or the vendor's own; `detail` is a part of
    the sentence for a person. Case counts in neither.
    """

    means: Meaning
    status: int
    code: str | None = None
    detail: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """Read an item of `errors`."""
        means, status = Meaning(data["means"]), int(data["status"])
        return cls(means=means, status=status, code=data.get("code"), detail=data.get("detail"))

    def to_json(self) -> dict[str, Json]:
        """Write what `from_json` reads."""
        data: dict[str, Json] = {"means": str(self.means), "status": self.status}
        return data | {m: v for m, v in (("code", self.code), ("detail", self.detail)) if v}

    def fits(self, status: int, code: str, detail: str) -> bool:
        """Test whether an answer with that status, code and sentence is such a refusal."""
        return (
            status == self.status
            and (self.code is None or fold(self.code) == fold(code))
            and (self.detail is None or fold(self.detail) in fold(detail))
        )


class NameCharacters(StrEnum):
    """A named set of the characters that a service takes in a name."""

    LETTERS = "letters"
    DIGITS = "letters-digits"
    UNDERSCORE = "letters-digits-underscore"
    HYPHEN = "letters-digits-underscore-hyphen"
    RFC7643 = "rfc7643"  # nameChar of RFC 7643 section 2.1


# The inside of a class of a regular expression, and the set as a message names it
_CHARACTERS = {
    NameCharacters.LETTERS: ("A-Za-z", "letters"),
    NameCharacters.DIGITS: ("A-Za-z0-9", "letters and digits"),
    NameCharacters.UNDERSCORE: ("A-Za-z0-9_", "letters, digits and _"),
    NameCharacters.HYPHEN: ("A-Za-z0-9_-", "letters, digits, _ and -"),
    NameCharacters.RFC7643: ("A-Za-z0-9$_-", "letters, digits, $, - and _"),
}


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a service takes: a pattern for the whole of one, and the same as a text.

    Those of `own` are the service's own, in whatever case, which a rule of its own asks for.
    """

    pattern: str
    text: str
    own: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """Read a pattern with its text, or a length with a named set of characters.

        Both become a pattern, so that one digest stands for one rule, however it is written.
        """
        own = tuple(data.get("except", ()))
        if "pattern" in data:
            return cls(data["pattern"], data["words"], own)
        least, most = int(data.get("minLength", 1)), data.get("maxLength")
        inside, characters = _CHARACTERS[NameCharacters(data["characters"])]
        # By RFC 7643 section 2.1 a name begins with a letter, whatever may follow
        pattern = f"[A-Za-z][{inside}]{{{least - 1},{'' if most is None else int(most) - 1}}}"
        match least, most:
            case 1, None:
                count = ""
            case _, None:
                count = f"at least {least} "
            case _ if least == most:
                count = f"{least} "
            case _:
                count = f"{least} to {int(most)} "
        return cls(pattern, f"{count}{characters}, the first a letter", own)

    def to_json(self) -> dict[str, Json]:
        """Spell it out as a pattern."""
        named: dict[str, Json] = {"pattern": self.pattern, "words": self.text}
        return named | ({"except": list(self.own)} if self.own else {})

    def takes(self, name: str) -> bool:
        """Test whether the service takes the name, where it is not one of its own."""
        return len(name) <= LONGEST_NAME and re.fullmatch(self.pattern, name) is not None


Fixed = tuple[tuple[str, Json], ...]
"""Characteristics with one value each, sorted by name; a list is a tuple."""
Accepted = tuple[tuple[str, tuple[str, ...]], ...]
"""Characteristics with the words that each may be, sorted by name."""


def _fixed(data: Mapping[str, Json]) -> Fixed:
    values = ((member, tuple(v) if isinstance(v, list) else v) for member, v in data.items())
    return tuple(sorted(values))


def _accepted(data: Mapping[str, Json]) -> Accepted:
    return tuple(sorted((member, tuple(words)) for member, words in data.items()))


def _spelled(pairs: Fixed | Accepted) -> Json:
    """Write what `_fixed` and `_accepted` read."""
    return {member: list(v) if isinstance(v, tuple) else v for member, v in pairs}


def _unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class _Entry:
    """The name of a field in JSON, and its value read from there and written to there."""

    name: str
    read: Callable[[Json], object] = _unchanged
    write: Callable[[Any], Json] = _unchanged


def _entry(
    name: str,
    read: Callable[[Json], object] = _unchanged,
    write: Callable[[Any], Json] = _unchanged,
) -> dict[str, _Entry]:
    """The metadata of a field of Dialect."""
    return {"entry": _Entry(name, read, write)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The abilities of a service, one field for each entry of a dialect's file.

    The meaning of an entry stands in `schemas/dialect.json`, from which docs/dialects.md is made
    and what `spec.capabilities` of a Tenant may hold. None: no limit is known.
    """

    name: str = field(metadata=_entry("name"))
    target_system: str = field(metadata=_entry("targetSystem"))
    creates: bool = field(metadata=_entry("creates"))
    updates: UpdateStrategy = field(metadata=_entry("updates", UpdateStrategy, str))
    types: frozenset[str] = field(
        metadata=_entry("types", frozenset, lambda types: sorted(map(str, types)))
    )
    transport: Transport = field(
        default=Transport.SCIM, metadata=_entry("transport", Transport, str)
    )
    patch_path: PatchPath = field(
        default=PatchPath.VALUE, metadata=_entry("patchPath", PatchPath, str)
    )
    extensions: int | None = field(default=None, metadata=_entry("extensions", int))
    attributes: int | None = field(default=None, metadata=_entry("attributes", int))
    sub_attributes: int | None = field(default=None, metadata=_entry("subAttributes", int))
    base_urls: Names | None = field(
        default=None, metadata=_entry("baseUrlEnding", Names.from_json, Names.to_json)
    )
    names: Names | None = field(
        default=None,
        metadata=_entry("attributeNames", Names.from_json, Names.to_json),
    )
    urn_endings: Names | None = field(
        default=None, metadata=_entry("urnEndings", Names.from_json, Names.to_json)
    )
    name_ends_urn: bool = field(default=False, metadata=_entry("nameEndsUrn"))
    members: tuple[str, ...] = field(default=(), metadata=_entry("attributeMembers", tuple, list))
    server_members: tuple[str, ...] = field(
        default=(), metadata=_entry("serverMembers", tuple, list)
    )
    immutable: tuple[str, ...] = field(default=(), metadata=_entry("immutable", tuple, list))
    ignored: tuple[str, ...] = field(default=(), metadata=_entry("ignored", tuple, list))
    fixed: Fixed = field(default=(), metadata=_entry("fixed", _fixed, _spelled))
    accepts: Accepted = field(default=(), metadata=_entry("accepts", _accepted, _spelled))
    protected_prefixes: tuple[str, ...] = field(
        default=(), metadata=_entry("protectedPrefixes", tuple, list)
    )
    id_encoding: IdEncoding = field(
        default=IdEncoding.RAW, metadata=_entry("idEncoding", IdEncoding, str)
    )
    content_type: str = field(default="application/scim+json", metadata=_entry("contentType"))
    list_shape: ListShape = field(
        default=ListShape.LIST, metadata=_entry("listShape", ListShape, str)
    )
    paging: Paging = field(default=Paging.INDEX, metadata=_entry("paging", Paging, str))
    page_size: int = field(default=100, metadata=_entry("pageSize", int))
    trailing_slash: TrailingSlash = field(
        default=TrailingSlash.NONE, metadata=_entry("trailingSlash", TrailingSlash, str)
    )
    etag: EtagMode = field(default=EtagMode.HEADER, metadata=_entry("etag", EtagMode, str))
    errors: tuple[ErrorShape, ...] = field(
        default=(),
        metadata=_entry(
            "errors",
            lambda items: tuple(map(ErrorShape.from_json, items)),
            lambda shapes: [shape.to_json() for shape in shapes],
        ),
    )
    bindings: BindingList = field(
        default=BindingList.LISTED, metadata=_entry("bindings", BindingList, str)
    )
    requests_per_minute: int | None = field(default=None, metadata=_entry("requestsPerMinute", int))
    throttled_wait: int | None = field(default=None, metadata=_entry("throttledWait", int))
    lag_reads: int = field(default=1, metadata=_entry("lagReads", int))
    permission_hint: str = field(default="", metadata=_entry("permissionHint"))
    _digest: Memo[str] = field(init=False, compare=False, repr=False, default_factory=Memo)
    _hash: int = field(init=False, compare=False, repr=False)

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """Read the data of a dialect, which has passed `schemas/dialect.json`."""
        return cls(**_values(data))

    @classmethod
    def of_name(cls, name: str) -> Self:
        """The dialect of which nothing but the name is known, so that it can do nothing."""
        nothing = UpdateStrategy.NONE
        return cls(name=name, target_system=name, creates=False, updates=nothing, types=frozenset())

    def to_json(self) -> dict[str, Json]:
        """Spell every entry out, but for limits that are not known."""
        return {
            entry.name: entry.write(value)
            for entry, value, _ in self._entries()
            if value is not None
        }

    def overridden(self, capabilities: Mapping[str, Json]) -> "Dialect":
        """The same service, with single entries of its data as `spec.capabilities` gives them."""
        return replace(self, **_values(capabilities)) if capabilities else self

    def __post_init__(self) -> None:
        # Made once, for a fleet needs it at every step; of all fields, for thousands of tenants
        # may each give other capabilities to a dialect of one name.
        values = tuple(getattr(self, each.name) for each in _FIELDS)
        object.__setattr__(self, "_hash", hash(values))

    def __hash__(self) -> int:
        return self._hash

    def digest(self) -> str:
        """`sha256:…` over all that a plan may rest on, so not over hints for a person.

        Nor over defaults, so that what a later version learns about others changes nothing here
        (docs/decisions.md, "The digest covers the effective dialect, and not its defaults").
        """
        # Made when it is first needed: `validate` needs none, and a fleet has one a tenant
        return self._digest.get(
            lambda: digest(
                {
                    entry.name: entry.write(value)
                    for entry, value, default in self._entries()
                    if entry.name != "permissionHint" and value != default
                }
            )
        )

    def _entries(self) -> Iterator[tuple[_Entry, Any, object]]:
        """Each entry with the value here and the default, which is MISSING where it has none."""
        return (
            (each.metadata["entry"], getattr(self, each.name), each.default) for each in _FIELDS
        )

    def meaning(self, status: int, code: str, detail: str) -> Meaning | None:
        """The meaning of a refusal by the service's own data; None where that has none."""
        return next((e.means for e in self.errors if e.fits(status, code, detail)), None)

    def settable(self, desired: Schema) -> Schema:
        """The schema without the members that the service sets on its own.

        Where it is shown as a projection, its name is for people alone.
        """
        named = self.transport is Transport.SCIM
        if named and not self.server_members:
            return desired
        members = {fold(member) for member in self.server_members}
        document = _without(desired.document, members)
        if not named:
            document = {m: value for m, value in document.items() if fold(m) != "name"}
        return desired if document == desired.document else Schema.from_json(document)

    def protects(self, schema_id: str) -> bool:
        """Test whether the id belongs to the vendor or to the RFCs, so that we never write it."""
        return fold(schema_id).startswith(_folded((*_RFC_PREFIXES, *self.protected_prefixes)))


_FIELDS = tuple(each for each in fields(Dialect) if each.init)


def _values(data: Mapping[str, Json]) -> dict[str, Any]:
    """The fields of a Dialect that the data gives; null says that no limit is known."""
    entries = ((each.name, each.metadata["entry"]) for each in _FIELDS)
    return {
        attribute: None if data[entry.name] is None else entry.read(data[entry.name])
        for attribute, entry in entries
        if entry.name in data
    }


def contradictions(data: Mapping[str, Json]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Find what a JSON Schema cannot find in a dialect or in capabilities: paths and messages.

    The data has passed its JSON Schema.
    """
    for key in ("baseUrlEnding", "attributeNames", "urnEndings"):
        match data.get(key):
            case {"pattern": pattern}:
                try:
                    re.compile(pattern)
                except re.error as error:
                    yield (key, "pattern"), f"the pattern is not sound: {error}"
            case {"minLength": least, "maxLength": most} if least > most:
                yield (key, "maxLength"), f"maxLength must be {least} or more, which is minLength"
            case _:
                pass
    for member in data.get("fixed", {}).keys() & data.get("accepts", {}).keys():
        yield ("accepts", member), f"{member} has one value, by fixed; leave it out of one of them"


@lru_cache(64)
def _folded(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(fold, prefixes))


def _without(document: Mapping[str, Json], members: Collection[str]) -> dict[str, Json]:
    """The schema or attribute without those members, and its attributes without them too."""
    return {
        member: [_without(item, members) for item in value]
        if fold(member) in ("attributes", "subattributes") and isinstance(value, list)
        else value
        for member, value in document.items()
        if fold(member) not in members
    }
