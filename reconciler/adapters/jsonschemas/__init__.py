"""The faults of a document by one of our JSON Schemas; home of jsonschema and jsonschema-rs.

jsonschema is the authority, and is loaded only where there may be something to say.
"""

import importlib

from reconciler.adapters.jsonschemas.acceptance import is_surely_valid
from reconciler.domain.jsontext import Json
from reconciler.domain.rules import Fault

__all__ = ["check"]


def check(
    instance: Json, schema: str, *, most: int = 10_000, dialects: tuple[str, ...] = ()
) -> tuple[Fault, ...]:
    """Find all in which the instance departs from `schemas/SCHEMA.json`, one fault per value.

    The instance is JSON as `json.loads` gives it. Keys are not values: each unknown or missing key
    is a fault of its own. After about `most` faults nothing more is looked for. `dialects` are the
    names that a dialect may have; none: any name.
    """
    if is_surely_valid(instance, schema, dialects):
        return ()
    wording = importlib.import_module("reconciler.adapters.jsonschemas.wording")
    faults: tuple[Fault, ...] = wording.check(instance, schema, most=most, dialects=dialects)
    return faults
