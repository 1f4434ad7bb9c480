"""Schema and Attribute: the definitions of RFC 7643 section 7, with its defaults filled in.

Desired and live schemas are built by the same constructor, so that `==` means «the same»: names,
ids and keywords folded in case, defaults explicit, order gone, `meta` and `schemas` left out, and
so is what says nothing. The document as it was written stays beside it, for the request body and
for the audit.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, lru_cache

from reconciler.domain.foreign import Foreign, Sentence
from reconciler.domain.jsontext import Json, NotJson, canonical, check, digest, texts_in
from reconciler.domain.memo import Memo

SCHEMA_URN = "urn:ietf:params:scim:schemas:core:2.0:Schema"
ABSENT = "absent"  # stands where a fingerprint would, for a schema that is not there


class AttributeType(StrEnum):
    """RFC 7643 section 2.3, table 1."""

    STRING = "string"
    BOOLEAN = "boolean"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE_TIME = "dateTime"
    BINARY = "binary"
    REFERENCE = "reference"
    COMPLEX = "complex"


class Mutability(StrEnum):
    """RFC 7643 section 7."""

    READ_WRITE = "readWrite"
    READ_ONLY = "readOnly"
    IMMUTABLE = "immutable"
    WRITE_ONLY = "writeOnly"


class Returned(StrEnum):
    """RFC 7643 section 7."""

    DEFAULT = "default"
    ALWAYS = "always"
    NEVER = "never"
    REQUEST = "request"


class Uniqueness(StrEnum):
    """RFC 7643 section 7."""

    NONE = "none"
    SERVER = "server"
    GLOBAL = "global"


ATTRIBUTE_MEMBERS = frozenset((
    "name", "type", "subAttributes", "multiValued", "description", "required", "canonicalValues",
    "caseExact", "mutability", "returned", "uniqueness", "referenceTypes",
))  # fmt: skip
DEFAULTS: Mapping[str, Json] = {  # of an attribute that does not say them, section 2.2
    "type": "string",
    "multiValued": False,
    "required": False,
    "caseExact": False,
    "mutability": "readWrite",
    "returned": "default",
    "uniqueness": "none",
}
# Of the types of section 2.3; a type that we do not know may have any.
_WITHOUT_CASE = frozenset(AttributeType) - {AttributeType.STRING}
_WITHOUT_UNIQUENESS = frozenset((
    AttributeType.BOOLEAN, AttributeType.DATE_TIME, AttributeType.BINARY, AttributeType.COMPLEX,
))  # fmt: skip
_WITHOUT_TARGETS = frozenset(AttributeType) - {AttributeType.REFERENCE}
_TARGETS = frozenset(("external", "uri"))  # section 7; all others are names of resource types
SCHEMA_MEMBERS = frozenset(("id", "name", "description", "attributes", "schemas", "meta"))


class MalformedSchema(ValueError):
    """A document that cannot be read as a Schema resource; the message says which part."""

    def __init__(self, *parts: str) -> None:
        super().__init__("".join(parts))
        self.parts: Sentence = parts


def fold(text: str) -> str:
    """Take the case from ASCII letters, as SCIM compares names, ids and keywords."""
    if text.isascii():
        return text.lower()
    # str.lower() would also turn a Kelvin sign into a k, and two names into one.
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


# What the trim of any language takes: Java's each control, JavaScript's the byte order mark.
_BLANKS = (
    "".join(map(chr, range(0x21)))
    + "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    + "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_LONGEST = 32  # what is longer is no keyword of the RFC, with underscores or without


def bare(keyword: str) -> str:
    """A keyword as it is compared: some services write READ_WRITE for readWrite."""
    # Whatever a service sends comes here, and a cache of long texts would only cost memory.
    return _bare(keyword) if len(keyword) <= _LONGEST else keyword


@lru_cache(1024)
def _bare(keyword: str) -> str:
    return fold(keyword).replace("_", "")


def known_word(text: str, keywords: type[StrEnum]) -> str | None:
    """The word of the RFC that a text stands for, in whatever case and with underscores or not."""
    known = _spellings(keywords)
    return known.get(text) or known.get(bare(text))


def is_keyword(member: str, value: Json) -> bool:
    """Test for a word of the RFC as the value of a characteristic that takes such words."""
    known = _KEYWORDS.get(member)
    return known is not None and isinstance(value, str) and known_word(value, known) is not None


_KEYWORDS: Mapping[str, type[StrEnum]] = {
    "type": AttributeType,
    "mutability": Mutability,
    "returned": Returned,
    "uniqueness": Uniqueness,
}


@cache
def _spellings(keywords: type[StrEnum]) -> Mapping[str, str]:
    """Each word by itself, which is how it is nearly always written, and as it is compared."""
    return {spelling: word for word in keywords for spelling in (word, bare(word))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute definition, RFC 7643 section 7, with the defaults of section 2.2.

    A keyword that is no word of the RFC is kept as it came: it equals nothing we know. A
    characteristic that has no meaning for the type is the default, whatever was written.
    `vendor` pairs each further member, name as written, with its canonical JSON text.
    """

    name: str = field(compare=False)
    key: str = field(init=False)
    type: str = AttributeType.STRING
    multi_valued: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: str = Mutability.READ_WRITE
    returned: str = Returned.DEFAULT
    uniqueness: str = Uniqueness.NONE
    description: str | None = None
    canonical_values: tuple[str, ...] = ()
    reference_types: tuple[str, ...] = ()
    sub_attributes: tuple[Attribute, ...] = ()
    vendor: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", fold(self.name))
        if self.case_exact and self.type in _WITHOUT_CASE:
            object.__setattr__(self, "case_exact", False)
        if self.uniqueness != Uniqueness.NONE and self.type in _WITHOUT_UNIQUENESS:
            object.__setattr__(self, "uniqueness", Uniqueness.NONE)
        if self.reference_types and self.type in _WITHOUT_TARGETS:
            object.__setattr__(self, "reference_types", ())

    @classmethod
    def from_json(cls, document: Json) -> Attribute:
        """Read one attribute as tolerantly as live services make necessary.

        Raises MalformedSchema where it is no object, has no name or holds what is no JSON.
        """
        _check(document)
        return _attribute(document)

    def characteristics(self) -> dict[str, Json]:
        """Name and characteristics, defaults too, in RFC 7643 spelling and order."""
        document: dict[str, Json] = {
            "name": self.name,
            "type": str(self.type),
            "multiValued": self.multi_valued,
        }
        if self.description is not None:
            document["description"] = self.description
        document["required"] = self.required
        if self.canonical_values:
            document["canonicalValues"] = list(self.canonical_values)
        document |= {
            "caseExact": self.case_exact,
            "mutability": str(self.mutability),
            "returned": str(self.returned),
            "uniqueness": str(self.uniqueness),
        }
        if self.reference_types:
            document["referenceTypes"] = list(self.reference_types)
        return document

    def to_json(self) -> dict[str, Json]:
        """The characteristics with the sub-attributes; without vendor members."""
        parts = [attribute.to_json() for attribute in self.sub_attributes]
        return {**self.characteristics(), **({"subAttributes": parts} if parts else {})}

    def whole(self) -> dict[str, Json]:
        """All that the attribute says, vendor members too, at any depth."""
        parts = [attribute.whole() for attribute in self.sub_attributes]
        members = {**self.characteristics(), **vendor_values(self.vendor)}
        return {**members, **({"subAttributes": parts} if parts else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A Schema resource, RFC 7643 section 7; `document` is what was written or served.

    `created` and `created_in_order` are the body that creates it, which `body` works out.
    """

    id: str = field(compare=False)
    key: str = field(init=False)
    name: str | None = field(default=None, compare=False)
    name_key: str | None = field(init=False)
    description: str | None = None
    attributes: tuple[Attribute, ...] = ()
    vendor: tuple[tuple[str, str], ...] = ()
    document: Mapping[str, Json] = field(compare=False, repr=False, default_factory=dict)
    created: Memo[dict[str, Json]] = field(
        init=False, compare=False, repr=False, default_factory=Memo
    )
    created_in_order: Memo[dict[str, Json]] = field(
        init=False, compare=False, repr=False, default_factory=Memo
    )
    _fingerprint: Memo[str] = field(init=False, compare=False, repr=False, default_factory=Memo)
    _says_more: Memo[bool] = field(init=False, compare=False, repr=False, default_factory=Memo)
    _as_text: Memo[str] = field(init=False, compare=False, repr=False, default_factory=Memo)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", fold(self.id))
        object.__setattr__(self, "name_key", None if self.name is None else fold(self.name))

    @classmethod
    def from_json(cls, document: Json) -> Schema:
        """Read a Schema resource as tolerantly as an attribute.

        Raises MalformedSchema where it is no object, has no id or holds what is no JSON.
        """
        _check(document)
        identifier = id_of(document)
        members = _folded(document, "a schema", SCHEMA_MEMBERS)
        return cls(
            id=identifier,
            name=_label(members.get("name")),
            description=_label(members.get("description")),
            attributes=_attributes(members.get("attributes"), identifier),
            vendor=_vendor(document, SCHEMA_MEMBERS),
            document=document,
        )

    def to_json(self) -> dict[str, Json]:
        """The document with every characteristic; no `meta`, `schemas` or vendor members."""
        return {
            **self._named(),
            "attributes": [attribute.to_json() for attribute in self.attributes],
        }

    def whole(self) -> dict[str, Json]:
        """All that the schema says, vendor members too, at any depth; no `meta` or `schemas`."""
        return {
            **self._named(),
            **vendor_values(self.vendor),
            "attributes": [attribute.whole() for attribute in self.attributes],
        }

    def text(self) -> str:
        """All that the schema says beyond the words of RFC 7643, as one text to look for a word."""
        return self._as_text.get(lambda: "\0".join(_texts_of(self)))

    def _named(self) -> dict[str, Json]:
        named = {"id": self.id, "name": self.name, "description": self.description}
        return {member: text for member, text in named.items() if text is not None}

    def fingerprint(self) -> str:
        """`sha256:…` over what `==` compares: two schemas are equal when their fingerprints are."""
        # A fleet wants that of one desired schema as often as it has tenants.
        return self._fingerprint.get(lambda: digest(self._comparable()))

    def _comparable(self) -> dict[str, Json]:
        return {
            "id": self.key,
            "name": self.name_key,
            "description": self.description,
            "attributes": [_comparable(attribute) for attribute in self.attributes],
            "vendor": [list(member) for member in self.vendor],
        }

    def served_as(self, document: Mapping[str, Json]) -> Schema:
        """The same schema as another tenant serves it: only `meta` may differ in its document."""
        served = replace(self, document=document)
        # Neither depends on the document, so that a fleet works them out once for all.
        object.__setattr__(served, "_fingerprint", self._fingerprint)
        object.__setattr__(served, "_says_more", self._says_more)
        object.__setattr__(served, "_as_text", self._as_text)
        return served

    def beside(self, other: Schema) -> Schema:
        """The same schema to be held beside another: what both have is in memory once.

        Without its document, which is as large again.
        """
        theirs = {attribute.key: attribute for attribute in other.attributes}
        return replace(
            self,
            document={},
            attributes=tuple(
                found
                if (found := theirs.get(each.key)) and found == each and _is_spelled(found, each)
                else each
                for each in self.attributes
            ),
        )

    @property
    def has_vendor_members(self) -> bool:
        """True where the schema or any of its attributes says more than RFC 7643 knows."""
        return self._says_more.get(
            lambda: bool(self.vendor) or any(map(_has_vendor_members, self.attributes))
        )

    def attribute(self, name: str) -> Attribute | None:
        """The attribute of that name, in whatever case."""
        return _named(self.attributes, name)

    def at(self, path: str) -> Attribute | None:
        """The attribute, or `attribute.part`, of that name, in whatever case."""
        found, *rest = path.split(".")
        attribute = self.attribute(found)
        for name in rest:
            attribute = _named(attribute.sub_attributes, name) if attribute else None
        return attribute


def vendor_values(members: Iterable[tuple[str, str]]) -> dict[str, Json]:
    """Vendor members by name, with their values."""
    return {member: json.loads(text) for member, text in members}


def id_of(document: Json) -> str:
    """The id of a Schema resource, as it is written; raises MalformedSchema where it has none."""
    identifier = _folded(document, "a schema", SCHEMA_MEMBERS).get("id")
    if not isinstance(identifier, str) or not identifier:
        raise MalformedSchema("a schema without an id")
    return identifier


def attributes_in(document: Json) -> int:
    """The number of attributes that a document lists, sub-attributes too, whatever else it says."""
    number, waiting = 0, [document]
    while waiting:
        holder = waiting.pop()
        for member, value in holder.items() if isinstance(holder, Mapping) else ():
            if isinstance(value, list) and fold(member) in ("attributes", "subattributes"):
                number += len(value)
                waiting += value
    return number


def _texts_of(part: Schema | Attribute) -> Iterator[str]:
    """The texts of a schema or attribute that are no words of RFC 7643."""
    if isinstance(part, Schema):
        yield part.id
        below = part.attributes
    else:
        members = part.characteristics()
        yield from (members[each] for each in _KEYWORDS if not is_keyword(each, members[each]))
        yield from (*part.canonical_values, *part.reference_types)
        below = part.sub_attributes
    yield from (part.name or "", part.description or "")
    yield from texts_in(vendor_values(part.vendor))
    for each in below:
        yield from _texts_of(each)


def _is_spelled(one: Attribute, other: Attribute) -> bool:
    """Test whether two equal attributes have the same names, in whatever order their parts."""
    parts = zip(one.sub_attributes, other.sub_attributes, strict=True)
    return one.name == other.name and all(_is_spelled(*pair) for pair in parts)


def _has_vendor_members(attribute: Attribute) -> bool:
    return bool(attribute.vendor) or any(map(_has_vendor_members, attribute.sub_attributes))


def _named(attributes: tuple[Attribute, ...], name: str) -> Attribute | None:
    """The attribute of that name."""
    key = fold(name)
    # They stand in comparing order, and may be thousands.
    index = bisect_left(attributes, key, key=lambda attribute: attribute.key)
    found = attributes[index : index + 1]
    return found[0] if found and found[0].key == key else None


def in_order(attributes: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """The attributes as they are compared: by name, and two of one name by their members."""
    ordered = tuple(sorted(attributes, key=lambda a: a.key))
    # Hardly any list has a name twice, and a canonical text for each attribute is dear.
    if len({attribute.key for attribute in ordered}) == len(ordered):
        return ordered
    return tuple(sorted(ordered, key=lambda a: (a.key, canonical(_comparable(a)), a.name)))


def _check(document: Json) -> None:
    try:
        check(document)
    except NotJson as error:
        raise MalformedSchema(str(error)) from error


def _attribute(document: Json, at: str = "") -> Attribute:
    """One attribute; `at` is the dotted way to it, for messages."""
    members = _folded(document, "an attribute", ATTRIBUTE_MEMBERS)
    name = members.get("name")
    if not isinstance(name, str) or not name:
        raise MalformedSchema("an attribute without a name")
    return Attribute(
        name=name,
        type=_keyword(members.get("type"), AttributeType, AttributeType.STRING),
        multi_valued=_boolean(members, "multiValued", at + name),
        required=_boolean(members, "required", at + name),
        case_exact=_boolean(members, "caseExact", at + name),
        mutability=_keyword(members.get("mutability"), Mutability, Mutability.READ_WRITE),
        returned=_keyword(members.get("returned"), Returned, Returned.DEFAULT),
        uniqueness=_keyword(members.get("uniqueness"), Uniqueness, Uniqueness.NONE),
        description=_label(members.get("description")),
        canonical_values=_texts(members.get("canonicalvalues")),
        reference_types=_targets(_texts(members.get("referencetypes"))),
        sub_attributes=_attributes(members.get("subattributes"), name, f"{at}{name}."),
        vendor=_vendor(document, ATTRIBUTE_MEMBERS),
    )


def _comparable(attribute: Attribute) -> dict[str, Json]:
    form = attribute.to_json()
    form["name"] = attribute.key
    form["subAttributes"] = [_comparable(sub) for sub in attribute.sub_attributes]
    form["vendor"] = [list(member) for member in attribute.vendor]
    return form


def _attributes(value: Json, owner: str, at: str = "") -> tuple[Attribute, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise MalformedSchema("the attributes of ", Foreign(owner), " are no list")
    return in_order(_attribute(item, at) for item in value)


def _folded(document: Json, what: str, known: Set[str]) -> dict[str, Json]:
    """The members by folded name, without those that say nothing.

    Of two names that differ only by case the RFC's spelling counts, else the first by code point:
    the order of keys means nothing.
    """
    if not isinstance(document, Mapping):
        raise MalformedSchema(f"{what} that is no object")
    members: dict[str, Json] = {}
    as_defined = document.keys() <= known
    for name in document if as_defined else sorted(document, key=lambda m: (m not in known, m)):
        if not says_nothing(document[name]):
            members.setdefault(fold(name), document[name])
    return members


def _keyword(value: Json, keywords: type[StrEnum], default: StrEnum) -> str:
    if value is None:
        return default
    if not isinstance(value, str):
        return canonical(value).decode()
    return known_word(value, keywords) or value


def _boolean(members: Mapping[str, Json], member: str, attribute: str) -> bool:
    """A characteristic that is a boolean, or its default, false (RFC 7643 section 2.2)."""
    value = members.get(fold(member))
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str) and (word := fold(value)) in ("true", "false"):  # seen in the field
        return word == "true"
    # To take it for false would call a schema equal that may be required, or many-valued.
    neither = f".{member} is neither true nor false"
    raise MalformedSchema("a schema whose ", Foreign(attribute), neither)


def says_nothing(value: Json) -> bool:
    """True for null, [] (RFC 7643 section 2.5) and "", which services store for what is absent."""
    return value is None or value in ([], "")


def trimmed(text: str) -> str | None:
    """A name or description as it is compared and sent; None where there is nothing in it.

    Services take blanks and line ends from its ends.
    """
    return text.strip(_BLANKS) or None


def _label(value: Json) -> str | None:
    text = _text(value)
    return text if text is None else trimmed(text)


def _text(value: Json) -> str | None:
    return value if value is None or isinstance(value, str) else canonical(value).decode()


def _texts(value: Json) -> tuple[str, ...]:
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]  # some services unpack a list of one
    return tuple(sorted({text for item in items if (text := _text(item))}))


def _targets(types: tuple[str, ...]) -> tuple[str, ...]:
    """Reference types, of which the words of the RFC are keywords."""
    if not any(fold(word) in _TARGETS for word in types):
        return types
    return tuple(sorted({fold(word) if fold(word) in _TARGETS else word for word in types}))


def _vendor(document: Mapping[str, Json], defined: Set[str]) -> tuple[tuple[str, str], ...]:
    if document.keys() <= defined:
        return ()
    known = {fold(member) for member in defined}
    return tuple(
        sorted(
            (member, canonical(value).decode())
            for member, value in document.items()
            if fold(member) not in known and not says_nothing(value)
        )
    )
