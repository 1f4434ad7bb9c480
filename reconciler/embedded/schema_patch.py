"""PATCH of a schema, as services take it that update so: attributes are added and replaced."""

import re

from reconciler.domain.dialect import PatchPath
from reconciler.domain.jsontext import Json
from reconciler.domain.scim import fold
from reconciler.embedded.wire import Refused

_ONE = re.compile(r'attributes\[\s*name\s+eq\s+"(?P<name>[^"\\]+)"\s*\]', re.IGNORECASE)
_TEXTS = ("name", "description")


def operations_of(body: Json) -> list[Json]:
    """The operations of a PATCH; Refused where it has none."""
    operations = body.get("Operations") if isinstance(body, dict) else None
    if not isinstance(operations, list) or not operations:
        raise Refused(400, "Operations: an array is needed", scim_type="invalidSyntax")
    return operations


def patched(document: dict[str, Json], operations: list[Json], form: PatchPath) -> dict[str, Json]:
    """The schema after the operations of a PATCH; Refused where one is of another kind.

    By RFC 7644 `attributes` are all of them, and a filter selects one; a service of the form
    attrPath finds each by its name instead, and changes nothing but attributes.
    """
    for operation in operations:
        document = _after(document, operation if isinstance(operation, dict) else {}, form)
    return document


def _after(
    document: dict[str, Json], operation: dict[str, Json], form: PatchPath
) -> dict[str, Json]:
    op, path, value = (operation.get(name) for name in ("op", "path", "value"))
    if op not in ("add", "replace"):
        raise Refused(400, "op: only add and replace are taken", scim_type="invalidSyntax")
    by_name = form is PatchPath.ATTRIBUTE
    there: dict[str, Json] = {fold(each["name"]): each for each in document["attributes"]}
    match path:
        case str() if fold(path) in _TEXTS and isinstance(value, str) and not by_name:
            return {**document, fold(path): value}
        case str() if fold(path) == "attributes" and isinstance(value, list):
            given = [(_name(each), each) for each in value]
            if not by_name:
                kept = document["attributes"] if op == "add" else []
                return {**document, "attributes": [*kept, *value]}
            if op == "replace" and any(name not in there for name, _ in given):
                raise _no_target()
            there |= dict(given)
        case str() if (one := _ONE.fullmatch(path)) is not None and not by_name:
            if fold(one["name"]) not in there:
                raise _no_target()
            if _name(value) != fold(one["name"]):
                raise Refused(400, "a name cannot be changed", scim_type="mutability")
            there[_name(value)] = value
        case _:
            raise Refused(400, "path: nothing can be changed there", scim_type="invalidPath")
    return {**document, "attributes": [*there.values()]}


def _no_target() -> Refused:
    return Refused(400, "no attribute has this name", scim_type="noTarget")


def _name(attribute: Json) -> str:
    name = attribute.get("name") if isinstance(attribute, dict) else None
    if not isinstance(name, str):
        raise Refused(400, "value: an attribute needs a name", scim_type="invalidValue")
    return fold(name)
