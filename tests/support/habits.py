"""Habits: in which lasting ways a simulated service differs from the RFCs, as switches."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from random import Random

from reconciler.domain.dialect import ListShape, Paging, PatchPath
from reconciler.domain.jsontext import Json


class Keywords(StrEnum):
    """How a service spells `readWrite` and its like."""

    CAMEL = auto()
    LOWER = auto()
    PASCAL = auto()
    SNAKE = auto()  # READ_WRITE


class Pages(StrEnum):
    """What becomes of a request for a page."""

    INDEX = auto()
    IGNORED = auto()
    SHORT = auto()  # never more than two at a time, whatever is asked
    CURSOR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """The defaults are those of a service that keeps to the RFCs.

    `taken` is the status for a schema that is there, `creates` that of a create (another than 201
    refuses it), `most` how many schemas there may be. `adds` are members that the service sets on
    every attribute. `patches` is how a PATCH is taken, if at all. `ignores` are characteristics
    of a live attribute that a PUT leaves as they were. `tags` gives ETags that a proxy has marked
    with `-gzip`, and holds If-Match against those without the mark. `silent` throttles without
    Retry-After.
    """

    shape: ListShape = ListShape.LIST
    keywords: Keywords = Keywords.CAMEL
    pages: Pages = Pages.INDEX
    taken: int = 409
    creates: int = 201
    most: int = 1000
    updates: bool = True
    patches: PatchPath | None = None
    adds: Mapping[str, Json] = field(default_factory=dict)
    ignores: tuple[str, ...] = ()
    tags: bool = False
    silent: bool = False

    @property
    def changeable(self) -> bool:
        """Whether a change of what is live can come to be."""
        return bool(self.updates or self.patches) and not self.ignores

    @property
    def names(self) -> frozenset[str]:
        """What is otherwise than by the RFCs, in words to count by."""
        found = {f"shape {self.shape}", f"keywords {self.keywords}", f"pages {self.pages}"}
        found |= {f"taken {self.taken}"}
        switches = {
            "no updates": not (self.updates or self.patches),
            "patches by filter": self.patches is PatchPath.VALUE,
            "patches by name": self.patches is PatchPath.ATTRIBUTE,
            "ignores": bool(self.ignores),
            "tags marked -gzip": self.tags,
            "no retry-after": self.silent,
        }
        return frozenset(found | {name for name, on in switches.items() if on})

    def paging_of(self, random: Random) -> Paging:
        """How a dialect may ask such a service for pages."""
        if self.pages is Pages.CURSOR:
            return random.choice((Paging.CURSOR, Paging.INDEX))
        return Paging.NONE if self.pages is Pages.IGNORED else Paging.INDEX


def habits(random: Random) -> Habits:
    """Habits as a seed has them; each alone and in any company."""
    verb = random.choices(("PUT", "PATCH", None), (5, 4, 1))[0]
    return Habits(
        shape=random.choice((*[ListShape.LIST] * 3, ListShape.ARRAY, ListShape.MAP)),
        keywords=random.choice(tuple(Keywords)),
        pages=random.choice(tuple(Pages)),
        taken=random.choice((409, 400)),
        updates=verb == "PUT",
        patches=random.choice(tuple(PatchPath)) if verb == "PATCH" else None,
        ignores=("required",) if random.random() < 0.1 else (),
        tags=random.random() < 0.5,
        silent=random.random() < 0.3,
    )


NAMES = frozenset(
    {
        *(f"shape {shape}" for shape in (ListShape.LIST, ListShape.ARRAY, ListShape.MAP)),
        *(f"keywords {each}" for each in Keywords),
        *(f"pages {each}" for each in Pages),
        "taken 409",
        "taken 400",
        "no updates",
        "patches by filter",
        "patches by name",
        "ignores",
        "tags marked -gzip",
        "no retry-after",
    }
)


def spelt(document: Mapping[str, Json], keywords: Keywords) -> dict[str, Json]:
    """A schema as such a service shows it."""
    if "attributes" not in document:  # as some services show a schema that has none
        return dict(document)
    return {**document, "attributes": [_attribute(a, keywords) for a in document["attributes"]]}


def _attribute(attribute: Mapping[str, Json], keywords: Keywords) -> dict[str, Json]:
    texts = ("type", "mutability", "returned", "uniqueness")
    return {m: _word(v, keywords) if m in texts else v for m, v in attribute.items()}


def _word(word: str, keywords: Keywords) -> str:
    parts = re.findall(r"[A-Z]?[a-z]+", word) if not word.isupper() else word.split("_")
    match keywords:
        case Keywords.CAMEL:
            return word
        case Keywords.LOWER:
            return "".join(parts).lower()
        case Keywords.PASCAL:
            return "".join(part.capitalize() for part in parts)
        case Keywords.SNAKE:
            return "_".join(parts).upper()


def shaped(page: dict[str, Json], shape: ListShape) -> Json:
    """A ListResponse as such a service shows it."""
    match shape:
        case ListShape.ARRAY:
            return page["Resources"]
        case ListShape.MAP:
            return {document["id"]: document for document in page["Resources"]}
        case _:
            return page
