"""The shapes in which services list schemas, and when a listing has come to its end."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.adapters.gateway.holding import PLAIN, Held, Schemas, document_in, schema_of
from reconciler.domain.dialect import ListShape
from reconciler.domain.foreign import Foreign, Sentence
from reconciler.domain.jsontext import Json, NotJson, Repeating, check, packed, parse_in_parts
from reconciler.domain.scim import MalformedSchema, fold, id_of, says_nothing


class NotScim(ValueError):
    """A JSON value in which no schemas can be found; the message says what it is."""

    def __init__(self, *parts: str) -> None:
        super().__init__("".join(parts))
        self.parts: Sentence = parts


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Page:
    """The content of one answer: documents as served, and `totalResults` where it is a number.

    `cursor` requests the page after it, RFC 9865 section 2; None on the last one. `size` is that of
    the answer, in bytes. `suspect` where a document may hold what `jsontext.check` refuses.
    """

    documents: tuple[Json, ...]
    total: int | None = None
    cursor: str | None = None
    shape: ListShape = ListShape.LIST
    size: int = 0
    suspect: bool = False


def page(body: Json, expected: ListShape = ListShape.LIST) -> Page:
    """A ListResponse, a bare array, a map by URN or a single schema. Raises NotScim.

    RFC 7644 section 3.4.2 knows only the first; services answer with all of them. Each is known by
    its members but an object without any: that is a listing only of a service of which a map is
    `expected`.
    """
    if isinstance(body, list):
        return Page(tuple(body), shape=ListShape.ARRAY)
    if body == {} and expected is ListShape.MAP:
        return Page((), shape=ListShape.MAP)
    if not isinstance(body, dict) or not body:
        raise NotScim("JSON that is no list of schemas")
    members = {fold(member): value for member, value in body.items()}
    if "resources" in members or "totalresults" in members:
        total, cursor = members.get("totalresults"), members.get("nextcursor")
        return Page(
            _resources(members.get("resources")),
            _count(total),
            cursor if isinstance(cursor, str) and cursor else None,
        )
    if "id" in members:
        return Page((body,), shape=ListShape.SINGLE)
    if all(member.startswith("urn:") for member in members):
        return Page(_by_key(body), shape=ListShape.MAP)
    names = [part for name in list(body)[:_NAMED] for part in (", '", Foreign(name), "'")]
    rest = ", …" if len(body) > _NAMED else ""
    raise NotScim("a JSON object with the members '", *names[1:], rest)


_NAMED = 3  # members of an object that a message names


@dataclass(slots=True, eq=False, repr=False)
class Listing:
    """The pages of one walk, put together: documents by folded id, each once.

    Only those that are wanted are taken apart (docs/decisions.md, "Schemas that no manifest names
    are only counted"). Pages overlap, repeat, miscount `totalResults` and ignore `startIndex` and
    `count`; after a walk that ends too early each wanted schema is read by id.

    `wanted` are the ids of those whose documents are kept, folded and as the manifests write them
    (None: all are kept), `most` is how many attributes each may have. `ids` names all that is
    listed, also what cannot be read. `contradictory` are those of the wanted that are listed twice
    and not the same. `broken_off` is True where a fault of the service ended the walk, `followed`
    where more was requested beyond the list's end.
    """

    wanted: Mapping[str, str] | None = None
    most: int = sys.maxsize
    documents: dict[str, Held] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    contradictory: set[str] = field(default_factory=set)
    warnings: list[Sentence] = field(default_factory=list)
    arrived: int = 0
    size: int = 0
    broken_off: bool = False
    followed: bool = False
    _unreadable: int = 0
    _totals: set[int] = field(default_factory=set)
    _cursors: set[str] = field(default_factory=set)

    def add(self, page: Page, *, count: int) -> bool:
        """Take a page in, and return True where it was the last. `count` is that of its request."""
        before = len(self.ids)
        self.size += page.size
        for document in page.documents:
            self._take(document, suspect=page.suspect)
        self.arrived += len(page.documents)
        if page.total is not None:
            self._totals.add(page.total)
        if page.cursor is not None:
            return self._goes_round(page.cursor, news=len(self.ids) > before)
        if self._cursors:  # and this page has none, so it was the last
            return True
        if len(self.ids) == before:
            return True
        # A full page whose totalResults is its own length may be counted by the page alone.
        full = len(page.documents) >= count and page.total == len(page.documents)
        return page.total == self._distinct and not full

    @property
    def promises_more(self) -> bool:
        """True where the service has named more than it has listed so far."""
        return max(self._totals, default=0) > self._distinct

    @property
    def whole(self) -> bool:
        """True where the list was read to its end, so that what it lacks is not there."""
        return not self.promises_more and not self.broken_off

    def finish(self) -> None:
        """End the walk, and say so if the service named more or fewer than it listed."""
        wrong = sorted(self._totals - {self._distinct})
        if not wrong:
            return
        warning = f"the list says totalResults {wrong[-1]} and holds {self._distinct}"
        if wrong[-1] > self._distinct:
            warning += "; schemas that it does not show may count towards the limit"
        self.warnings.append((warning,))

    def _goes_round(self, cursor: str, *, news: bool) -> bool:
        """Note a cursor; True where it leads back to a page that was seen, or on without end."""
        seen = cursor in self._cursors
        self._cursors.add(cursor)
        if seen or not news:
            self.warnings.append(
                ("the list goes on to a page without anything new; the walk ends there",)
            )
        return seen or not news

    @property
    def _distinct(self) -> int:
        return len(self.ids) + self._unreadable

    def schemas(self, wanted: Iterable[str] | None) -> Schemas:
        """Those of the wanted ids that are listed and readable; None: of all."""
        found = Schemas()
        for key in self.documents if wanted is None else map(fold, wanted):
            held = self.documents.get(key)
            if held is None or key in self.contradictory:
                continue
            try:
                found.add_held(key, held, self.most)
            except MalformedSchema as error:
                self._leave_out(self._name(self.ids[key]), ": ", *error.parts)
        return found

    def _take(self, found: Json, *, suspect: bool) -> None:
        urn = _id(found)
        try:
            document = document_of(found, suspect=suspect)
            urn = id_of(document)
        except MalformedSchema as error:
            self._leave_out(*((self._name(urn), ": ") if urn else ()), *error.parts)
            if urn is None:
                self._unreadable += 1
            else:
                self.ids.setdefault(fold(urn), urn)
            return
        key = fold(urn)
        self.ids.setdefault(key, urn)
        if self.wanted is not None and key not in self.wanted:
            return
        known = self.documents.get(key)
        if known is None:
            self.documents[key] = document if self.size <= PLAIN else packed(document)
        elif known is not document and not _say_the_same(document_in(known), document):
            twice = " twice, and not the same"
            self.warnings.append(("the list holds ", self._name(urn), twice))
            self.contradictory.add(key)

    def _leave_out(self, *what: str) -> None:
        self.warnings.append(("the list holds ", *what, "; it is left out"))

    def _name(self, urn: str) -> str:
        """An id for a message: as the manifests write it, where they name it."""
        return (self.wanted or {}).get(fold(urn)) or Foreign(urn)


def document_of(document: Json, *, suspect: bool) -> Mapping[str, Json]:
    """One document of a page, which is JSON that every reader understands alike.

    Raises MalformedSchema where it is not, or is no object.
    """
    if suspect:
        try:
            check(document)
        except NotJson as error:
            raise MalformedSchema(f"a schema with {error}") from error
    if not isinstance(document, Mapping):
        raise MalformedSchema("a schema that is no object")
    return document


def read_page(body: bytes, expected: ListShape = ListShape.LIST) -> Page:
    """The page that a body holds, whose documents nobody may change; raises NotJson or NotScim.

    Fleets are alike: a body that another tenant sent a moment ago is not read again.
    """
    if len(body) > _LONGEST:
        return fresh_page(body, expected)
    known = _recent.get((body, expected))
    if known is not None:
        return known
    read = fresh_page(body, expected)
    if sum(len(each) for each, _ in list(_recent)) + len(body) > _IN_ALL:
        _recent.clear()
    _recent[body, expected] = read
    return read


_LONGEST = 256 * 1024  # bytes; of larger pages nothing is kept
_IN_ALL = 512 * 1024  # bytes of pages that are kept, each ten times as large in memory
_recent: dict[tuple[bytes, ListShape], Page] = {}


def fresh_page(body: bytes, expected: ListShape = ListShape.LIST) -> Page:
    """As read_page, of a body that nobody else may be given, and of which nothing is kept."""
    value, suspect = parse_in_parts(body)
    if isinstance(value, Repeating):
        check(value)
    return replace(page(value, expected), size=len(body), suspect=suspect)


def _id(document: Json) -> str | None:
    """The id of a document of which no more is known, if it is one that can be shown."""
    try:
        urn = id_of(document)
        check(urn)
    except (MalformedSchema, NotJson):
        return None
    return urn


def _say_the_same(one: Json, other: Json) -> bool:
    if json.dumps(one) == json.dumps(other):  # two that are malformed alike, too
        return True
    try:
        return schema_of(one) == schema_of(other)
    except MalformedSchema:
        return False


def _count(value: Json) -> int | None:
    """A number of things, which some services write as text or with a point; None for all else."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < _LONGEST_COUNT:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None  # True is no number


_LONGEST_COUNT = 20


def _resources(value: Json) -> tuple[Json, ...]:
    """The documents of a ListResponse, whose array some services write as an object, or unpack."""
    if says_nothing(value):  # RFC 7644 section 3.4.2: left out when totalResults is 0
        return ()
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, dict):
        raise NotScim("a ListResponse whose Resources are no list")
    return (value,) if any(fold(member) == "id" for member in value) else _by_key(value)


def _by_key(documents: Mapping[str, Json]) -> tuple[Json, ...]:
    """The values; a schema may leave out the id that is its key."""
    return tuple(
        type(value)({"id": key, **value})
        if isinstance(value, dict) and fold(key).startswith("urn:")
        else value
        for key, value in documents.items()
    )
