"""Schemas and places for the tests of rules."""

from pathlib import PurePosixPath
from typing import Any

from reconciler.domain.problem import Place

Document = dict[str, Any]


def locate(document: Place | None, pointer: tuple[str | int, ...], *, at_key: bool) -> Place:
    """A place whose path is the path in the document, so that tests can read it."""
    steps = PurePosixPath(document.path if document else "", *map(str, pointer))
    return Place(str(steps), document.line if document else 1, 2 if at_key else 1)


def schema(*attributes: Document, **members: Any) -> Document:
    named = {"id": "urn:example:hr", "name": "hr", "attributes": list(attributes), **members}
    return named if named["attributes"] else named | {"attributes": [{"name": "a"}]}
