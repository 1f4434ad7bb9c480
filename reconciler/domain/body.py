"""The document that a write sends: all characteristics spelled out, what others added kept."""

import json
from collections.abc import Mapping, Set
from typing import assert_never

from reconciler.domain.dialect import PatchPath
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manages
from reconciler.domain.scim import (
    DEFAULTS,
    SCHEMA_URN,
    Attribute,
    Schema,
    fold,
    says_nothing,
    trimmed,
)

_ORDER = (  # of RFC 7643 section 7; "" stands for the members of vendors
    "schemas", "id", "name", "type", "multiValued", "description", "required", "canonicalValues",
    "caseExact", "mutability", "returned", "uniqueness", "referenceTypes", "",
    "subAttributes", "attributes",
)  # fmt: skip
_RANKS = {member: rank for rank, member in enumerate(_ORDER)}
PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def create_body(desired: Schema) -> dict[str, Json]:
    """The body of a POST: the manifest's schema as written, with every default made explicit.

    Some services ask for each of them. Without what says nothing, and without `meta`: that is the
    server's (RFC 7643 section 3.1), and a pasted one another tenant's. Nobody may change it: a
    fleet shares one, unless it is large.
    """
    if not _is_small(desired):
        return _create_body(desired)
    return desired.created.get(lambda: _create_body(desired))


def ordered_body(desired: Schema) -> dict[str, Json]:
    """The body of a POST, in one order."""
    if not _is_small(desired):
        return in_one_order(_create_body(desired))
    return desired.created_in_order.get(lambda: in_one_order(create_body(desired)))


def in_one_order(body: Mapping[str, Json]) -> dict[str, Json]:
    """A body with members, attributes and values sorted: what it asks for, and as it is spelled.

    In which order they are written says nothing (docs/reference/plan.md).
    """
    ordered: dict[str, Json] = {}
    for member in sorted(body, key=_rank):
        match member, body[member]:
            case "attributes" | "subAttributes", list(below):
                attributes = map(in_one_order, below)
                ordered[member] = sorted(attributes, key=lambda each: fold(each["name"]))
            case "canonicalValues" | "referenceTypes", list(values):
                ordered[member] = sorted(values, key=_text)
            case _:
                ordered[member] = _with_names_sorted(body[member])
    return ordered


def update_body(live: Schema, desired: Schema, manages: Manages) -> dict[str, Json]:
    """The body of a PUT: the live document with our change in it, without `meta`.

    Built for what `compatibility` lets through: descriptions, new attributes, what loosens.
    """
    body = _without_meta(live.document)
    wanted = create_body(desired)
    ours = manages is Manages.SCHEMA or desired.description is not None
    if ours and desired.description != live.description:  # blanks at its ends are no difference
        _put(body, "description", desired.description)
    _put(body, "attributes", _merged(_get(body, "attributes"), wanted["attributes"]))
    return body


def patch_body(live: Schema, desired: Schema, path: PatchPath) -> dict[str, Json]:
    """The body of a PATCH: each attribute that is new or not as desired, RFC 7644 section 3.5.2.

    A service replaces the whole of an attribute, so the live one is sent with our change in it. No
    operation removes (docs/decisions.md, "PATCH adds and replaces, and never removes").
    """
    there = _get(live.document, "attributes") or []
    merged = _merged(there, create_body(desired)["attributes"])
    changed = [now for was, now in zip(there, merged, strict=False) if now != was]
    new = merged[len(there) :]
    match path:
        case PatchPath.VALUE:
            described = desired.description not in (None, live.description)
            operations = [
                *([_operation("replace", "description", desired.description)] if described else []),
                *(_operation("replace", _value_path(one), one) for one in changed),
                *([_operation("add", "attributes", new)] if new else []),
            ]
        case PatchPath.ATTRIBUTE:
            # Without the description: Oracle keeps its own, so such an update is blocked before.
            operations = [
                *(_operation("replace", "attributes", [one]) for one in changed),
                *(_operation("add", "attributes", [one]) for one in new),
            ]
        case _:
            assert_never(path)
    return {"schemas": [PATCH_URN], "Operations": operations}


def _is_small(desired: Schema) -> bool:
    return sum(1 + len(each.sub_attributes) for each in desired.attributes) <= _SMALL


_SMALL = 50  # attributes; the bodies of all that are larger may not fit into memory


def _rank(member: str) -> tuple[int, str]:
    return _RANKS.get(member, _RANKS[""]), member


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _with_names_sorted(value: Json) -> Json:
    match value:
        case dict():
            return {name: _with_names_sorted(value[name]) for name in sorted(value)}
        case list():
            return [_with_names_sorted(item) for item in value]
        case _:
            return value


def _create_body(desired: Schema) -> dict[str, Json]:
    written = _saying(_without_meta(desired.document), labels={"name", "description"})
    others = {member: value for member, value in written.items() if fold(member) != "schemas"}
    return {
        "schemas": [SCHEMA_URN],
        **others,
        "attributes": [_attribute(item) for item in written.get("attributes", [])],
    }


def _value_path(attribute: Mapping[str, Json]) -> str:
    """The path of the one attribute of that name, in the service's own case: it is `caseExact`.

    RFC 7643 section 8.7.2; a string in a filter is one of JSON (RFC 7644, figure 1).
    """
    # docs/decisions.md, "A PATCH addresses one attribute by a filter, and Oracle's form is data"
    return f"attributes[name eq {json.dumps(_get(attribute, 'name'), ensure_ascii=False)}]"


def _operation(verb: str, path: str, value: Json) -> dict[str, Json]:
    return {"op": verb, "path": path, "value": value}


def _attribute(written: Mapping[str, Json]) -> dict[str, Json]:
    members = _saying(written, labels={"description"})
    attribute = {"name": members.pop("name"), **DEFAULTS, **members}
    if subs := attribute.get("subAttributes"):
        attribute["subAttributes"] = [_attribute(sub) for sub in subs]
    return attribute


def _merged(live: Json, wanted: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """Live attributes in their order, with our change in them; then the new."""
    ours = {fold(attribute["name"]): attribute for attribute in wanted}
    merged = []
    for attribute in live or []:
        ourselves = ours.pop(fold(_get(attribute, "name")), None)
        merged.append(_with(attribute, ourselves) if ourselves else attribute)
    return [*merged, *ours.values()]


def _with(live: Mapping[str, Json], wanted: Mapping[str, Json]) -> dict[str, Json]:
    attribute = dict(live)
    was, wants = Attribute.from_json(live).to_json(), Attribute.from_json(wanted).to_json()
    # All that an update may change; the rest is live as the manifest wants it, or blocked.
    for member in ("description", "canonicalValues", "required", "uniqueness", "mutability"):
        if was.get(member) != wants.get(member):
            _put(attribute, member, _get(wanted, member))
    if subs := wanted.get("subAttributes"):
        _put(attribute, "subAttributes", _merged(_get(attribute, "subAttributes"), subs))
    return attribute


def _without_meta(document: Mapping[str, Json]) -> dict[str, Json]:
    return {member: value for member, value in document.items() if fold(member) != "meta"}


def _saying(document: Mapping[str, Json], *, labels: Set[str]) -> dict[str, Json]:
    """The members that say something; labels, which are text for people, as they are compared."""
    members = {
        member: trimmed(value) if isinstance(value, str) and fold(member) in labels else value
        for member, value in document.items()
    }
    return {member: value for member, value in members.items() if not says_nothing(value)}


def _get(document: Mapping[str, Json], member: str) -> Json:
    return next((v for m, v in document.items() if fold(m) == fold(member)), None)


def _put(document: dict[str, Json], member: str, value: Json) -> None:
    """Set a member under the spelling that the document already uses; None takes it out."""
    written = next((m for m in document if fold(m) == fold(member)), member)
    if value is None:
        document.pop(written, None)
    else:
        document[written] = value
