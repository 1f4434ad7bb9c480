"""The documents that the built-in tenant takes as a Schema: RFC 7643 section 7, in any spelling."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.domain.jsontext import Json
from reconciler.domain.scim import (
    Attribute,
    AttributeType,
    MalformedSchema,
    Mutability,
    Returned,
    Schema,
    Uniqueness,
)
from reconciler.embedded.wire import Refused

_URN = re.compile(
    r"urn:[a-z0-9][a-z0-9-]{0,30}[a-z0-9](:[a-z0-9][a-z0-9._-]*)+", re.IGNORECASE
)  # RFC 8141 without what would need an escape in a path or in a filter
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")  # RFC 7643 section 2.1, ATTRNAME
_SUB_NAME = re.compile(r"\$ref|[A-Za-z][A-Za-z0-9_-]*")
_COMMON = {"id", "meta", "schemas"}  # RFC 7643 section 3.1: they belong to every resource
_KEYWORDS = (
    ("type", AttributeType),
    ("mutability", Mutability),
    ("returned", Returned),
    ("uniqueness", Uniqueness),
)


def accept(document: Json) -> Schema:
    """The schema that a document describes; Refused with 400 where it describes none."""
    try:
        schema = Schema.from_json(document)
    except MalformedSchema as error:
        raise Refused(400, f"not a Schema resource: {error}", scim_type="invalidSyntax") from error
    if problem := next(_problems(schema), None):
        raise Refused(400, f"{schema.id}: {problem}", scim_type="invalidValue")
    return schema


def _problems(schema: Schema) -> Iterator[str]:
    if not _URN.fullmatch(schema.id):
        yield "the id is no URN"
    if not schema.name:
        yield "name is required"
    if not schema.attributes:
        yield "attributes is required"
    yield from _twice(schema.attributes)
    for attribute in schema.attributes:
        yield from _attribute_problems(attribute)


def _attribute_problems(attribute: Attribute) -> Iterator[str]:
    if attribute.key in _COMMON:
        yield f"attribute {attribute.name!r} has the name of a common attribute"
    if not _NAME.fullmatch(attribute.name):
        yield f"{attribute.name!r} is no attribute name"
    yield from _keyword_problems(attribute)
    if attribute.type != AttributeType.COMPLEX and attribute.sub_attributes:
        yield f"attribute {attribute.name} has subAttributes and is not complex"
    if attribute.type == AttributeType.COMPLEX and not attribute.sub_attributes:
        yield f"attribute {attribute.name} is complex and has no subAttributes"
    yield from _twice(attribute.sub_attributes)
    for sub in attribute.sub_attributes:
        if not _SUB_NAME.fullmatch(sub.name):
            yield f"{attribute.name}.{sub.name!r} is no attribute name"
        if sub.type == AttributeType.COMPLEX or sub.sub_attributes:  # RFC 7643 section 2.3.8
            yield f"{attribute.name}.{sub.name} is complex inside a complex attribute"
        yield from _keyword_problems(sub)


def _keyword_problems(attribute: Attribute) -> Iterator[str]:
    for member, known in _KEYWORDS:
        value = getattr(attribute, member)
        if value not in set(known):
            yield f"attribute {attribute.name} has the unknown {member} {value!r}"


def _twice(attributes: Iterable[Attribute]) -> Iterator[str]:
    for key, count in Counter(attribute.key for attribute in attributes).items():
        if count > 1:
            yield f"attribute {key} is there twice"
