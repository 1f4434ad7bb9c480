"""Pairs of schemas: a live one, and what became of it after a few changes."""

from copy import deepcopy

from hypothesis import assume
from hypothesis import strategies as st

from tests.support.strategies import (
    MUTABILITIES,
    UNIQUENESS,
    Document,
    attribute_documents,
    edits,
    labels,
    lower,
    schema_documents,
)

KINDS = ("edit", "describe", "loosen", "loosen", "add", "add", "remove", "add sub")

MOSTLY_SAFE = ("loosen", "add", "add", "add sub")


@st.composite
def pairs(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS) -> tuple[Document, Document]:
    """A live document and what became of it after one to three changes of these kinds.

    A change of nothing is none: such a pair says nothing, and is not counted.
    """
    live = draw(schema_documents(most=3))
    desired = deepcopy(live)
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(kinds))
        attributes = desired["attributes"]
        chosen = draw(st.sampled_from(attributes)) if attributes else None
        match kind:
            case "edit":
                desired = draw(edits(desired)).document
            case "describe":
                (chosen or desired)["description"] = draw(st.none() | labels)
            case "loosen" if chosen:
                _loosen(draw, chosen)
            case "add":
                _add(attributes, draw(attribute_documents()))
            case "remove" if chosen:
                attributes.remove(chosen)
            case "add sub" if chosen and chosen.get("subAttributes"):
                _add(chosen["subAttributes"], draw(attribute_documents(nested=False)))
    assume(live != desired)
    return live, desired


def _loosen(draw: st.DrawFn, attribute: Document) -> None:
    """Turn one of the characteristics that can be loosened, in either direction."""
    member = draw(st.sampled_from(["required", "uniqueness", "mutability", "canonicalValues"]))
    values = attribute.get("canonicalValues") or []
    attribute[member] = {
        "required": not attribute.get("required", False),
        "uniqueness": draw(st.sampled_from(UNIQUENESS)),
        "mutability": draw(st.sampled_from(MUTABILITIES)),
        "canonicalValues": draw(st.sampled_from([[*values, "grown"], values[:-1], [*values]])),
    }[member]


def _add(attributes: list[Document], new: Document) -> None:
    if lower(new["name"]) not in {lower(a["name"]) for a in attributes}:
        attributes.append(new)
