"""Live schemas as they are held: what is small is taken apart once, what is much is packed."""

import json
import marshal
import sys
from collections.abc import Iterator, Mapping

from reconciler.domain.jsontext import Json, packed, unpacked
from reconciler.domain.scim import MalformedSchema, Schema, attributes_in

Held = Mapping[str, Json] | bytes
"""A document of a live schema, or the same packed."""
PLAIN = 2 * 1024 * 1024  # bytes of a tenant that are held as they are; what is more is packed


class Schemas(Mapping[str, Schema]):
    """Live schemas by folded id, each of which has been taken apart once without a fault.

    Those of a tenant may be a hundred times as large in memory as they are worth: beyond the first
    few of them each is packed, and is taken apart whenever it is looked up.
    """

    def __init__(self) -> None:
        self._held: dict[str, Schema | bytes] = {}
        self._size = 0

    def __getitem__(self, key: str) -> Schema:
        held = self._held[key]
        return Schema.from_json(unpacked(held)) if isinstance(held, bytes) else held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def add(self, schema: Schema) -> None:
        """Take in a schema that was read by id."""
        self._size += len(json.dumps(schema.document))
        self._held[schema.key] = schema if self._size <= PLAIN else packed(schema.document)

    def add_held(self, key: str, held: Held, most: int) -> None:
        """Take in a document of a list; raises MalformedSchema as `schema_of` does."""
        if isinstance(held, bytes):
            _taken_apart(unpacked(held), most)
            self._held[key] = held
        else:
            self._held[key] = schema_of(held, most)

    def fill(self, others: "Schemas") -> None:
        """Take in those of the others that are not here."""
        self._held = others._held | self._held


def document_in(held: Held) -> Mapping[str, Json]:
    """The document that is held."""
    document: Mapping[str, Json] = unpacked(held) if isinstance(held, bytes) else held
    return document


def schema_of(document: Mapping[str, Json], most: int = sys.maxsize) -> Schema:
    """A live schema; one that equals another tenant's is not taken apart again.

    Raises MalformedSchema, also where it has more than `most` attributes.
    """
    # A document of a page that was read before is the same object; to hold on to it keeps its id.
    known, schema = _recent.get(id(document), (None, None))
    if known is document and schema is not None:
        return schema
    content = {member: value for member, value in document.items() if member != "meta"}
    # By a spelling, for to Python 1 and true are equal; of those in C this one is the quickest.
    spelling = marshal.dumps(content, _WITHOUT_REFERENCES)
    alike = _alike.get(spelling)
    schema = _taken_apart(document, most) if alike is None else alike.served_as(document)
    if len(spelling) <= _LONGEST:
        _remember(document, spelling, schema)
    return schema


_WITHOUT_REFERENCES = 2  # the last version of marshal that spells equal values alike
_MOST = 128
_LONGEST = 32 * 1024  # bytes
_IN_ALL = 1024 * 1024  # bytes of spellings, each ten times as large in memory when taken apart
_recent: dict[int, tuple[Mapping[str, Json], Schema]] = {}
_alike: dict[bytes, Schema] = {}


def _remember(document: Mapping[str, Json], spelling: bytes, schema: Schema) -> None:
    """Remember a schema; a memory that is full is begun anew."""
    if sum(map(len, list(_alike))) + len(spelling) > _IN_ALL:
        _alike.clear()
        _recent.clear()
    for memory in (_recent, _alike):
        if len(memory) >= _MOST:
            memory.clear()
    _alike.setdefault(spelling, schema)
    _recent[id(document)] = document, schema


def _taken_apart(document: Mapping[str, Json], most: int) -> Schema:
    if attributes_in(document) > most:
        raise MalformedSchema(
            f"a schema with more than {most} attributes; allow more with --max-attributes"
        )
    return Schema.from_json(document)
