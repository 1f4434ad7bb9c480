"""jsonschema's errors → faults in plain words.

Schemas come only from the package and refer only to themselves: the registry is empty, so that
nothing is ever fetched. `errorMessage` beside a keyword (editors know it too) replaces the words.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry

from reconciler.adapters.packaged import schema_with
from reconciler.domain.jsontext import Json
from reconciler.domain.messages import listed, nearest, quoted
from reconciler.domain.problem import Pointer
from reconciler.domain.rules import Fault
from reconciler.domain.scim import fold


def check(
    instance: Json, schema: str, *, most: int = 10_000, dialects: tuple[str, ...] = ()
) -> tuple[Fault, ...]:
    """Check as the package does, whatever else may have looked before."""
    seen: set[Pointer] = set()
    faults: list[Fault] = []
    for error in validator(schema, dialects).iter_errors(instance):
        pointer = tuple(error.absolute_path)
        if error.validator in ("additionalProperties", "required"):
            faults += islice(_keys(error, pointer), most)
        elif pointer not in seen:  # what follows from the first fault of a value is noise
            seen.add(pointer)
            faults.append(Fault(pointer, f"{named(pointer)}: {_message(error)}"))
        if len(faults) >= most:
            break
    return tuple(dict.fromkeys(faults))


def named(pointer: Pointer) -> str:
    """`spec.schema.attributes[2].name`; the whole is `the document`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{_plain(step)}" for step in pointer)
    return "".join(steps).removeprefix(".") or "the document"


def _plain(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_$-]{1,64}", key) else quoted(key)


@cache
def validator(name: str, dialects: tuple[str, ...] = ()) -> Draft202012Validator:
    """The validator of `schemas/NAME.json`."""
    schema = json.dumps(schema_with(name, dialects))
    strict = json.loads(schema, object_hook=with_strict_end)
    return Draft202012Validator(strict, registry=Registry())


def with_strict_end(members: dict[str, Json]) -> dict[str, Json]:
    """As ECMA-262 has it: `$` ends the text. Python's `$` also stands before a last line end."""
    pattern = members.get("pattern")
    if isinstance(pattern, str) and pattern.endswith("$"):
        return {**members, "pattern": pattern[:-1] + r"\Z"}
    return members


def _keys(error: ValidationError, pointer: Pointer) -> Iterator[Fault]:
    schema: Any = error.schema
    instance: Any = error.instance
    if "errorMessage" in schema:  # the key may be a secret that somebody put in the wrong place
        yield Fault(pointer, f"{named(pointer)}: {schema['errorMessage']}")
    elif error.validator == "required":
        required: Any = error.validator_value
        missing = (key for key in required if key not in instance)
        yield from (Fault(pointer, f"{named(pointer)} lacks {key}", at_key=True) for key in missing)
    else:
        known = schema["properties"]
        shown = [word for word in known if not _is_reserved(known[word])]
        extra = (key for key in instance if key not in known)
        yield from (Fault((*pointer, key), _unknown(key, shown), at_key=True) for key in extra)


def _is_reserved(schema: Json) -> bool:
    return isinstance(schema, Mapping) and (
        "doNotSuggest" in schema or str(schema.get("$ref")).endswith("/Reserved")
    )


def _unknown(key: str, shown: Iterable[str]) -> str:
    meant = nearest(key, shown)
    advice = f"did you mean {meant}?" if meant else f"what can stand here is {listed(shown)}"
    return f"unknown key {quoted(key)}; {advice}"


def _message(error: ValidationError) -> str:
    schema: Any = error.schema
    wanted: Any = error.validator_value
    match error.validator:
        case _ if isinstance(schema, Mapping) and "errorMessage" in schema:
            return str(schema["errorMessage"])
        case "type":
            return _type_message(error.instance, [wanted] if isinstance(wanted, str) else wanted)
        case "enum":
            return _enum_message(error.instance, [word for word in wanted if word is not None])
        case "const":
            return _enum_message(error.instance, [wanted])
        case keyword:
            return _BOUNDS.get(str(keyword), f"does not fit ({keyword})").format(wanted)


def _type_message(instance: Json, wanted: Collection[str]) -> str:
    # null is said by leaving a key out, so nobody is told to write it.
    types = listed(_TYPES[kind] for kind in wanted if kind != "null")
    is_scalar = isinstance(instance, bool | int | float)
    cure = "; quote it" if is_scalar and "string" in wanted else ""
    what = "null" if instance is None else _KINDS[type(instance)]
    what = "a fraction" if "integer" in wanted and isinstance(instance, float) else what
    return f"must be {types}, not {what}{cure}"


def _enum_message(instance: Json, values: Iterable[Json]) -> str:
    allowed = tuple(map(str, values))
    if not isinstance(instance, str):
        return f"must be {listed(allowed)}"
    if meant := next((word for word in allowed if fold(word) == fold(instance)), None):
        return f"{quoted(instance)} is spelt {meant}"
    if meant := nearest(instance, allowed):
        return f"{quoted(instance)} is not known here; did you mean {meant}?"
    return f"{quoted(instance)} is not known here; use {listed(allowed)}"


_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}
_BOUNDS = {
    "minimum": "must be {} or more",
    "maximum": "must be {} or less",
    "minLength": "must not be empty",
    "minItems": "must not be empty",
    "minProperties": "must not be empty",
    "maxItems": "takes at most {}",
    "maxLength": "takes at most {} characters",
    "uniqueItems": "must not say the same twice",
}
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
