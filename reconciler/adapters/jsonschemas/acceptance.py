"""jsonschema-rs says quickly which documents are valid.

It comes with the extra `fast`. Where it is missing nothing is known to be valid; where it finds a
fault, jsonschema looks again and has the last word.
"""

import json
from functools import cache
from typing import NoReturn

from reconciler.adapters.packaged import schema_text
from reconciler.domain.jsontext import Json

try:
    from jsonschema_rs import Draft202012Validator
except ImportError:
    INSTALLED = False
else:
    INSTALLED = True


def is_surely_valid(instance: Json, schema: str) -> bool:
    """True only where `schemas/SCHEMA.json` is known to accept the JSON value."""
    return INSTALLED and validator(schema).is_valid(instance)


@cache
def validator(name: str) -> "Draft202012Validator":
    """That of `schemas/NAME.json`; there is none where jsonschema-rs is not installed."""
    return Draft202012Validator(json.loads(schema_text(name)), retriever=_refuse)


def _refuse(uri: str) -> NoReturn:
    """Our schemas refer to themselves only; nothing is fetched."""
    raise LookupError(uri)
