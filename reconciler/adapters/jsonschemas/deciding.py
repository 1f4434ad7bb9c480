"""Our own schemas as functions that say yes or no: a subset of JSON Schema 2020-12, compiled once.

Only to accept: what one of them refuses jsonschema looks at again, and words. Neither jsonschema
nor jsonschema-rs has to be imported for a folder in which nothing is wrong.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache

from reconciler.adapters.packaged import schema_with
from reconciler.domain.jsontext import Json

Check = Callable[[Json], bool]


@cache
def decider(name: str, dialects: tuple[str, ...] = ()) -> Check | None:
    """The test whether `schemas/NAME.json` accepts a value; None where it is beyond this one."""
    try:
        return compiled(schema_with(name, dialects))
    except Unknown:
        return None


def compiled(schema: Json) -> Check:
    """The same of any schema; raises Unknown where it says what this does not know."""
    return _Compiler(schema).check(schema)


class Unknown(Exception):
    """A keyword, or the value of one, that is not known here."""


class _Compiler:
    """Functions from one schema; what it refers to is compiled where a value is held to it."""

    def __init__(self, root: Json) -> None:
        self._root = root
        self._named: dict[str, Check] = {}

    def check(self, schema: Json) -> Check:
        """A function that says whether a value fits. Raises Unknown."""
        if isinstance(schema, bool):
            return lambda _: schema
        if unknown := schema.keys() - _KNOWN - _SAYS_NOTHING:
            raise Unknown(", ".join(sorted(unknown)))
        checks = [
            *([self._reference(schema["$ref"])] if "$ref" in schema else []),
            *(make(schema[word]) for word, make in _SIMPLE.items() if word in schema),
            *([self._members(schema)] if schema.keys() & _OF_MEMBERS else []),
            *([self._items(schema["items"])] if "items" in schema else []),
            *(self.check(each) for each in schema.get("allOf", ())),
            *([self._any(schema["anyOf"])] if "anyOf" in schema else []),
            *([self._denied(schema["not"])] if "not" in schema else []),
            *([self._conditional(schema)] if "if" in schema else []),
        ]
        return checks[0] if len(checks) == 1 else lambda value: all(c(value) for c in checks)

    def _reference(self, reference: str) -> Check:
        def refer(value: Json) -> bool:
            if reference not in self._named:
                self._named[reference] = self.check(referred)
            return self._named[reference](value)

        referred = self._found(reference)
        return refer

    def _found(self, reference: str) -> Json:
        if reference == "#":
            return self._root
        top, *steps = reference.split("/")
        schema = self._root
        for step in steps:
            if top != "#" or step not in schema:
                raise Unknown(reference)
            schema = schema[step]
        return schema

    def _members(self, schema: Mapping[str, Json]) -> Check:
        known = {name: self.check(each) for name, each in schema.get("properties", {}).items()}
        others = self.check(schema.get("additionalProperties", True))
        named = self.check(schema.get("propertyNames", True))
        required = frozenset(schema.get("required", ()))

        def check(value: Json) -> bool:
            if not isinstance(value, dict):
                return True
            return required <= value.keys() and all(
                named(name) and known.get(name, others)(member) for name, member in value.items()
            )

        return check

    def _items(self, schema: Json) -> Check:
        item = self.check(schema)
        return lambda value: not isinstance(value, list) or all(map(item, value))

    def _any(self, schemas: list[Json]) -> Check:
        checks = [self.check(each) for each in schemas]
        return lambda value: any(check(value) for check in checks)

    def _denied(self, schema: Json) -> Check:
        denied = self.check(schema)
        return lambda value: not denied(value)

    def _conditional(self, schema: Mapping[str, Json]) -> Check:
        condition = self.check(schema["if"])
        then, otherwise = self.check(schema.get("then", True)), self.check(schema.get("else", True))
        return lambda value: (then if condition(value) else otherwise)(value)


def _type(types: str | list[str]) -> Check:
    named = [types] if isinstance(types, str) else types
    if unknown := set(named) - _TYPES.keys():
        raise Unknown(", ".join(sorted(unknown)))
    kinds = [_TYPES[each] for each in named]
    return kinds[0] if len(kinds) == 1 else lambda value: any(kind(value) for kind in kinds)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Check] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    # JSON Schema counts 1.0 as an integer, too
    "integer": lambda v: _is_number(v) and (isinstance(v, int) or v.is_integer()),
}


def _enum(values: list[Json]) -> Check:
    if any(isinstance(each, list | dict) for each in values):
        raise Unknown("enum of lists or objects")
    numbers = frozenset(filter(_is_number, values))  # in Python 1 is equal to True too
    others = frozenset(each for each in values if not _is_number(each))

    def check(value: Json) -> bool:
        if isinstance(value, list | dict):
            return False
        return value in (numbers if _is_number(value) else others)

    return check


def _pattern(pattern: str) -> Check:
    # As ECMA-262 has it: `$` ends the text. Python's `$` also stands before a last line end.
    search = re.compile(re.sub(r"\$\Z", r"\\Z", pattern)).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _unique(wanted: bool) -> Check:
    def check(value: Json) -> bool:
        if not wanted or not isinstance(value, list):
            return True
        if not all(isinstance(each, str) for each in value):
            raise Unknown("uniqueItems of what is no text")
        return len(set(value)) == len(value)

    return check


def _sized(
    kind: type[str] | type[list[Json]] | type[dict[str, Json]], fits: Callable[[int, int], bool]
) -> Callable[[int], Check]:
    return lambda bound: lambda value: not isinstance(value, kind) or fits(len(value), bound)


def _bounded(fits: Callable[[float, float], bool]) -> Callable[[float], Check]:
    return lambda bound: lambda value: not _is_number(value) or fits(value, bound)


_SIMPLE: dict[str, Callable[..., Check]] = {
    "type": _type,
    "enum": _enum,
    "const": lambda value: _enum([value]),
    "pattern": _pattern,
    "uniqueItems": _unique,
    "minLength": _sized(str, int.__ge__),
    "maxLength": _sized(str, int.__le__),
    "minItems": _sized(list, int.__ge__),
    "maxItems": _sized(list, int.__le__),
    "minProperties": _sized(dict, int.__ge__),
    "maxProperties": _sized(dict, int.__le__),
    "minimum": _bounded(lambda value, bound: value >= bound),
    "maximum": _bounded(lambda value, bound: value <= bound),
}
_OF_MEMBERS = {"properties", "propertyNames", "additionalProperties", "required"}
_KNOWN = {*_SIMPLE, *_OF_MEMBERS, "$ref", "items", "allOf", "anyOf", "not", "if", "then", "else"}
_SAYS_NOTHING = {
    "$schema", "$id", "$defs", "$comment", "title", "description", "default", "examples", "format",
    "errorMessage", "doNotSuggest",
}  # fmt: skip
