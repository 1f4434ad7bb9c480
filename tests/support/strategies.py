"""Hypothesis strategies: schemas as JSON documents, the same in disguise, and changed in one place.

A document made here is well-formed (RFC 7643 section 7) and spells its members as the RFC does.
The words and defaults of the RFC are written out once more, so that the tests that use them do
not believe the code that they test.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

# On a busy machine time says nothing about an example; a failure prints how to repeat it.
settings.register_profile("reconciler", deadline=None, print_blob=True, max_examples=40)
settings.load_profile("reconciler")

Document = dict[str, Any]

TYPES = (
    "string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex",
)  # fmt: skip
MUTABILITIES = ("readWrite", "readOnly", "immutable", "writeOnly")
RETURNED = ("default", "always", "never", "request")
UNIQUENESS = ("none", "server", "global")
KEYWORDS: dict[str, tuple[str, ...]] = {
    "type": TYPES,
    "mutability": MUTABILITIES,
    "returned": RETURNED,
    "uniqueness": UNIQUENESS,
}
FLAGS = ("multiValued", "required", "caseExact")
MEANT_FOR: dict[str, tuple[str, ...]] = {  # sections 2.3.1 to 2.3.8 and 7; else it says nothing
    "caseExact": ("string",),
    "uniqueness": ("string", "decimal", "integer", "reference"),
    "referenceTypes": ("reference",),
}
WORD_LISTS = ("canonicalValues", "referenceTypes")
DEFAULTS: Document = {
    "type": "string",
    "multiValued": False,
    "required": False,
    "caseExact": False,
    "mutability": "readWrite",
    "returned": "default",
    "uniqueness": "none",
}
ATTRIBUTE_WORDS = (*DEFAULTS, "name", "description", "subAttributes", *WORD_LISTS)
SCHEMA_WORDS = ("id", "name", "description", "attributes", "schemas", "meta")

texts = st.text(max_size=12)
words = texts.filter(bool)
labels = st.text(st.characters(exclude_categories=("C", "Z")), max_size=12)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,7}", fullmatch=True)
vendor_members = st.dictionaries(
    st.sampled_from(["idcsDisplayName", "x-size", "minLength", "__hidden", "pattern.re"]),
    st.one_of(
        st.booleans(),
        st.integers(-5, 5),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
        st.lists(st.integers(), min_size=1, max_size=3),
        st.dictionaries(texts, st.none() | st.integers(), max_size=2),
    ),
    max_size=2,
)


def lower(text: str) -> str:
    """ASCII letters in lower case, by their table and nothing else."""
    return text.translate({upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)})


def _distinct(attributes: list[Document]) -> list[Document]:
    return list({lower(attribute["name"]): attribute for attribute in attributes}.values())


@st.composite
def attribute_documents(draw: st.DrawFn, *, nested: bool = True, vendor: bool = False) -> Document:
    """One attribute definition; each characteristic but the name may be left out."""
    parts = st.lists(words, max_size=3, unique=True)
    document: Document = {
        "name": draw(names),
        **draw(
            st.fixed_dictionaries(
                {},
                optional={
                    **{word: st.sampled_from(values) for word, values in KEYWORDS.items()},
                    **dict.fromkeys(FLAGS, st.booleans()),
                    **dict.fromkeys(WORD_LISTS, parts),
                    "description": labels,
                },
            )
        ),
    }
    if nested and draw(st.booleans()):
        subs = st.lists(attribute_documents(nested=False, vendor=vendor), max_size=3)
        document |= {"type": "complex", "subAttributes": _distinct(draw(subs))}
    kind = document.get("type", DEFAULTS["type"])
    document = {m: v for m, v in document.items() if kind in MEANT_FOR.get(m, TYPES)}
    return document | (draw(vendor_members) if vendor else {})


@st.composite
def schema_documents(draw: st.DrawFn, *, vendor: bool = False, most: int = 4) -> Document:
    """A Schema resource of an extension; attribute names are unique, whatever their case."""
    attributes = draw(st.lists(attribute_documents(vendor=vendor), max_size=most))
    return {
        "id": "urn:example:" + draw(names),
        **draw(st.fixed_dictionaries({}, optional={"name": labels, "description": labels})),
        "attributes": _distinct(attributes),
        **(draw(vendor_members) if vendor else {}),
    }


def json_values(*, surrogates: bool = True) -> st.SearchStrategy[Any]:
    """Whatever `json.loads` can give, NaN, infinities and lone surrogates among it."""
    characters = st.characters(exclude_categories=()) if surrogates else st.characters()
    anything = st.text(characters, max_size=6)
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | anything
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3),
        max_leaves=6,
    )


def odd_documents() -> st.SearchStrategy[Any]:
    """Objects with the members of a schema or an attribute, holding whatever."""
    spelt = [*ATTRIBUTE_WORDS, *SCHEMA_WORDS, "Type", "NAME", "Attributes", "multivalued"]

    def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.dictionaries(
            st.sampled_from(spelt), st.lists(inner, max_size=2) | inner | json_values(), max_size=5
        ).map(lambda members: {"id": "urn:x", "name": "x"} | members)

    return st.recursive(objects(json_values()), objects, max_leaves=4)


def disguise(document: Document, *, foreign: bool = False) -> st.SearchStrategy[Document]:
    """Documents that say the same as this one, in other words.

    `foreign` adds vendor members, which count only where a manifest sets them.
    """
    return st.randoms(use_true_random=True).map(
        lambda random: _Wardrobe(random, foreign=foreign).schema(document)
    )


@dataclass(frozen=True)
class _Wardrobe:
    """Dresses documents; what it picks comes from one seeded Random."""

    random: Random
    foreign: bool

    def schema(self, document: Document) -> Document:
        members = deepcopy(document)
        members["id"] = self._recased(members["id"])
        if isinstance(members.get("name"), str):
            members["name"] = self._recased(self._spaced(members["name"]))
        self._space_description(members)
        if members.get("attributes"):
            members["attributes"] = self._attributes(members["attributes"])
        if self._maybe():
            members["meta"] = {"resourceType": "Schema", "version": 'W/"7"', "location": "x"}
        if self._maybe():
            members["schemas"] = ["urn:ietf:params:scim:schemas:core:2.0:Schema"]
        return self._members(members, SCHEMA_WORDS, nothing=("name", "description"))

    def _attributes(self, attributes: list[Document]) -> list[Document]:
        return self._shuffled([self._attribute(attribute) for attribute in attributes])

    def _attribute(self, document: Document) -> Document:
        members = self._defaults(document)
        members["name"] = self._recased(members["name"])
        self._space_description(members)
        kind = document.get("type") or DEFAULTS["type"]
        for member, value in (("caseExact", True), ("uniqueness", "global")):
            if kind not in MEANT_FOR[member] and self._maybe():
                members[member] = value
        for keyword in KEYWORDS:
            if members.get(keyword):
                members[keyword] = self._respelt(members[keyword])
        for flag in FLAGS:
            if isinstance(members.get(flag), bool) and self._maybe():
                members[flag] = self._recased(str(members[flag]))
        for parts in WORD_LISTS:
            if members.get(parts):
                blank = [""] if self._maybe() else []
                members[parts] = self._shuffled([*members[parts], *blank])
        if members.get("subAttributes"):
            members["subAttributes"] = self._attributes(members["subAttributes"])
        nothing = (*DEFAULTS, *WORD_LISTS, "description", "subAttributes")
        return self._members(members, ATTRIBUTE_WORDS, nothing=nothing)

    def _defaults(self, document: Document) -> Document:
        """Left out or filled in."""
        bare = {m: v for m, v in document.items() if m not in DEFAULTS or DEFAULTS[m] != v}
        filled = {m: v for m, v in DEFAULTS.items() if m not in bare and self._maybe()}
        return bare | filled

    def _members(
        self, document: Document, known: tuple[str, ...], *, nothing: tuple[str, ...]
    ) -> Document:
        """Absent, null, [] and "" swapped, then names in another case and keys in another order."""
        nothings: tuple[Any, ...] = (None, [], "")
        stated = {m: v for m, v in document.items() if m not in nothing or v not in nothings}
        unsaid: Document = {
            m: self.random.choice(nothings) for m in nothing if m not in stated and self._maybe()
        }
        vendor = {f"vendorX{self.random.randrange(9)}": 1} if self.foreign else {}
        items = [
            (self._recased(m) if m in known else m, v)
            for m, v in (stated | unsaid | vendor).items()
        ]
        return dict(self._shuffled(items))

    def _space_description(self, members: Document) -> None:
        if isinstance(members.get("description"), str):
            members["description"] = self._spaced(members["description"])

    def _spaced(self, text: str) -> str:
        """With what services take from the ends of a text."""
        before, after = self.random.choices(["", " ", "\n", "\r\n", "\t \u00a0"], k=2)
        return before + text + after

    def _respelt(self, keyword: str) -> str:
        """READ_WRITE, ReadWrite, readwrite … for readWrite."""
        snake = "".join(f"_{c}" if c.isupper() else c for c in keyword)
        return self._recased(self.random.choice([keyword, snake, keyword]))

    def _recased(self, text: str) -> str:
        ascii_only = (c.swapcase() if c.isascii() and self._maybe() else c for c in text)
        return "".join(ascii_only)

    def _shuffled(self, items: list[Any]) -> list[Any]:
        return self.random.sample(items, len(items))

    def _maybe(self) -> bool:
        return self.random.random() < 0.5


@dataclass(frozen=True)
class Edit:
    """One meaningful change: at `path` stood `before` (None: nothing) and now stands `after`."""

    path: str
    before: Any
    after: Any
    document: Document


@st.composite
def edits(draw: st.DrawFn, document: Document) -> Edit:
    """This document with one thing changed that a user or a person would notice."""
    changed = deepcopy(document)
    edit = draw(st.sampled_from(_possible(changed)))
    path, before, after = draw(edit)
    return Edit(path, before, after, changed)


_Edits = list[st.SearchStrategy[tuple[str, Any, Any]]]


def _possible(schema: Document) -> _Edits:
    possible: _Edits = [_edit_text(schema, "", member) for member in ("name", "description")]
    for attribute in schema["attributes"]:
        path = f"attributes.{attribute['name']}"
        possible += _attribute_edits(attribute, path)
        for sub in attribute.get("subAttributes") or []:
            possible += _attribute_edits(sub, f"{path}.subAttributes.{sub['name']}")
    return possible


def _attribute_edits(attribute: Document, path: str) -> _Edits:
    kind = attribute.get("type", DEFAULTS["type"])
    fixed = {member for member, kinds in MEANT_FOR.items() if kind not in kinds}
    if any(attribute.get(m) not in (None, [], DEFAULTS.get(m)) for m in MEANT_FOR):
        fixed.add("type")  # with another type, that would say nothing
    return [
        _edit_text(attribute, f"{path}.", "description"),
        *(
            _edit_word(attribute, path, m, values)
            for m, values in KEYWORDS.items()
            if m not in fixed
        ),
        *(_edit_word(attribute, path, m, (False, True)) for m in FLAGS if m not in fixed),
        *(_edit_list(attribute, path, m) for m in WORD_LISTS if m not in fixed),
    ]


def _edit_text(
    holder: Document, prefix: str, member: str
) -> st.SearchStrategy[tuple[str, Any, Any]]:
    before = holder.get(member) or None
    others = st.none() | labels if member == "description" else labels
    new = others.filter(lambda text: lower(text or "\0") != lower(before or "\0"))
    if before is None:
        new = labels.filter(bool)
    return new.map(_setter(holder, prefix + member, member, before))


def _edit_word(
    holder: Document, path: str, member: str, values: tuple[Any, ...]
) -> st.SearchStrategy[tuple[str, Any, Any]]:
    before = holder.get(member, DEFAULTS[member])
    others = [value for value in values if value != before]
    return st.sampled_from(others).map(_setter(holder, f"{path}.{member}", member, before))


def _edit_list(holder: Document, path: str, member: str) -> st.SearchStrategy[tuple[str, Any, Any]]:
    before = sorted(holder.get(member) or [])
    new = st.lists(words, max_size=3, unique=True).map(sorted).filter(lambda ws: ws != before)
    return new.map(_setter(holder, f"{path}.{member}", member, before))


def _setter(
    holder: Document, path: str, member: str, before: Any
) -> Callable[[Any], tuple[str, Any, Any]]:
    def put(value: Any) -> tuple[str, Any, Any]:
        holder[member] = value
        was, now = (None if each in ([], "") else each for each in (before, value))
        return path, was, now

    return put
