"""Documents that are surely valid, found out without jsonschema.

Few are decided here; for many jsonschema-rs is imported, where the extra `fast` has brought it,
which takes as long as to decide the first hundred. What neither accepts jsonschema looks at again,
and has the last word.
"""

from functools import cache
from itertools import count
from typing import TYPE_CHECKING, NoReturn

from reconciler.adapters.jsonschemas.deciding import Unknown, decider
from reconciler.adapters.packaged import schema_with
from reconciler.domain.jsontext import Json

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

_FEW = 100
_asked = count()


def is_surely_valid(instance: Json, schema: str, dialects: tuple[str, ...] = ()) -> bool:
    """True only where `schemas/SCHEMA.json` is known to accept the JSON value."""
    # docs/decisions.md, "A few valid documents are accepted without a library".
    if next(_asked) >= _FEW and (fast := validator(schema, dialects)) is not None:
        return fast.is_valid(instance)
    decides = decider(schema, dialects)
    try:
        # A no is none: jsonschema has the last word, and words it.
        return decides is not None and decides(instance)
    except Unknown:
        return False


@cache
def validator(name: str, dialects: tuple[str, ...] = ()) -> "Draft202012Validator | None":
    """The validator of `schemas/NAME.json`; None where jsonschema-rs is not installed."""
    try:
        from jsonschema_rs import Draft202012Validator
    except ImportError:
        return None
    return Draft202012Validator(schema_with(name, dialects), retriever=_refuse)


def _refuse(uri: str) -> NoReturn:
    """Our schemas refer to themselves only; nothing is fetched."""
    raise LookupError(uri)
