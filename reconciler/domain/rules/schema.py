"""What RFC 7643 asks of one schema, as written and whatever its shape.

So these rules speak even where other faults keep the schema from being read.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set

from reconciler.domain.jsontext import Json
from reconciler.domain.problem import Problem, Severity
from reconciler.domain.rules.attribute import ATTRIBUTE_RULES
from reconciler.domain.rules.characteristics import CHARACTERISTIC_RULES
from reconciler.domain.rules.rule import (
    SCHEMA_PATH,
    Fault,
    Locate,
    Rule,
    near_misses,
    other_cases,
    report,
)
from reconciler.domain.rules.sites import (
    RESERVED_NAMESPACES,
    RFC_NAMESPACE,
    USER,
    AttributeSite,
    SchemaSite,
    attribute_sites,
)
from reconciler.domain.scim import SCHEMA_MEMBERS, SCHEMA_URN, fold
from reconciler.domain.words import quoted


def check_schema(schema: Json, locate: Locate, *, resource_type: str = USER) -> tuple[Problem, ...]:
    """What is wrong with `spec.schema` of one manifest that extends that resource type."""
    if not isinstance(schema, dict):
        return ()
    sites = attribute_sites(schema)
    found = report(SCHEMA_RULES, SchemaSite(SCHEMA_PATH, schema, sites, resource_type), locate)
    for site in sites:
        found += report(_OF_ATTRIBUTES, site, locate)
    return tuple(sorted(found))


def _id_is_a_uri(schema: SchemaSite) -> Iterator[Fault]:
    urn = schema.members.get("id")
    if isinstance(urn, str) and not _URN.fullmatch(urn) and not _URI.fullmatch(urn):
        yield Fault(
            (*schema.path, "id"),
            f"{quoted(urn)} is no URN; write urn:NAMESPACE:…, ASCII letters, digits and -._: only",
        )


def _id_is_a_urn(schema: SchemaSite) -> Iterator[Fault]:
    urn = schema.members.get("id")
    if isinstance(urn, str) and _URI.fullmatch(urn) and not _URN.fullmatch(urn):
        yield Fault((*schema.path, "id"), f"{quoted(urn)} is a URI and no URN; write urn:…")


def _namespace_is_free(schema: SchemaSite) -> Iterator[Fault]:
    if schema.is_core:
        yield Fault(
            (*schema.path, "id"),
            "the namespaces urn:ietf:params:scim:schemas:core: and urn:ietf:params:scim:api: belong"
            " to the RFCs; an extension has a URN of its own",
        )


def _namespace_is_registered(schema: SchemaSite) -> Iterator[Fault]:
    urn = fold(str(schema.members.get("id")))
    if urn.startswith(RFC_NAMESPACE) and not urn.startswith((*RESERVED_NAMESPACES, _SCHEMAS)):
        yield Fault(
            (*schema.path, "id"),
            "IANA registers what begins with urn:ietf:params:scim:; take a namespace of your own",
        )


def _extension_is_registered(schema: SchemaSite) -> Iterator[Fault]:
    urn = fold(str(schema.members.get("id")))
    if urn.startswith(_SCHEMAS) and not urn.startswith(_REGISTERED):
        yield Fault(
            (*schema.path, "id"),
            "this URN is not registered with IANA, though many services name their schemas so; "
            "keep it where yours does",
        )


def _schema_is_named(schema: SchemaSite) -> Iterator[Fault]:
    if not schema.members.get("name"):
        yield Fault(schema.path, "the schema has no name; some services refuse that", at_key=True)


def _attributes_are_listed(schema: SchemaSite) -> Iterator[Fault]:
    if schema.members.get("attributes") in (None, []):
        yield Fault(
            (*schema.path, "attributes"), "the schema lists no attributes: it holds nothing",
            at_key=True,
        )  # fmt: skip


def _schemas_says_schema(schema: SchemaSite) -> Iterator[Fault]:
    said = schema.members.get("schemas", [SCHEMA_URN])
    urns = [fold(urn) for urn in said if isinstance(urn, str)] if isinstance(said, list) else []
    if fold(SCHEMA_URN) not in urns:
        yield Fault(
            (*schema.path, "schemas"),
            f"schemas of a Schema resource holds {SCHEMA_URN}; leave it out, it is added",
            at_key=True,
        )


def _names_are_unique(schema: SchemaSite) -> Iterator[Fault]:
    for level in _levels(schema.attributes):
        seen: set[str] = set()
        for site in level:
            name = site.members.get("name")
            if not isinstance(name, str):
                continue
            if fold(name) in seen:
                yield Fault((*site.path, "name"), f"a second {site.label}; names ignore case")
            seen.add(fold(name))


def _levels(sites: Iterable[AttributeSite]) -> Iterable[list[AttributeSite]]:
    levels = defaultdict(list)
    for site in sites:
        levels[site.path[:-1]].append(site)
    return levels.values()


def _common_attributes_are_left_alone(schema: SchemaSite) -> Iterator[Fault]:
    for site in () if schema.is_core else _of_top_level(schema, _COMMON):
        yield Fault(
            (*site.path, "name"),
            f"{site.label}: id, externalId, meta and schemas are in every resource already; "
            "choose another name",
        )


def _core_attributes_are_left_alone(schema: SchemaSite) -> Iterator[Fault]:
    if schema.resource_type == USER and not schema.is_core:
        for site in _of_top_level(schema, _CORE_USER):
            yield Fault(
                (*site.path, "name"),
                f"{site.label}: every User has one by the core schema; fill that one, or choose "
                "another name",
            )


def _of_top_level(schema: SchemaSite, folded: Set[str]) -> Iterator[AttributeSite]:
    for site in schema.attributes:
        name = site.members.get("name")
        if site.parent is None and isinstance(name, str) and fold(name) in folded:
            yield site


def _schema_members_are_meant(schema: SchemaSite) -> Iterator[Fault]:
    return near_misses(schema.path, schema.members, SCHEMA_MEMBERS)


def _schema_members_have_their_case(schema: SchemaSite) -> Iterator[Fault]:
    return other_cases(schema.path, schema.members, SCHEMA_MEMBERS)


# RFC 2141, which RFC 7643 section 10.2.1 cites: / ? # are kept out, they would end a URL's path.
_NSS = r"([A-Za-z0-9()+,.:=@;$_!*'-]|%[0-9A-Fa-f]{2})+"
_URN = re.compile(rf"[Uu][Rr][Nn]:[A-Za-z0-9][A-Za-z0-9-]{{0,31}}:{_NSS}")
_URI = re.compile(rf"(?![Uu][Rr][Nn]:)[A-Za-z][A-Za-z0-9+.-]*:{_NSS}")
_SCHEMAS = f"{RFC_NAMESPACE}schemas:"
_REGISTERED = (*RESERVED_NAMESPACES, f"{_SCHEMAS}extension:enterprise:2.0:")
_COMMON = frozenset(map(fold, ("id", "externalId", "meta", "schemas")))
_CORE_USER = frozenset(map(fold, (  # RFC 7643 section 8.7.1
    "userName", "name", "displayName", "nickName", "profileUrl", "title", "userType",
    "preferredLanguage", "locale", "timezone", "active", "password", "emails", "phoneNumbers",
    "ims", "photos", "addresses", "groups", "entitlements", "roles", "x509Certificates",
)))  # fmt: skip
_OF_ATTRIBUTES = (*ATTRIBUTE_RULES, *CHARACTERISTIC_RULES)

SCHEMA_RULES: tuple[Rule[SchemaSite], ...] = (
    Rule(
        "SCIM-S01",
        Severity.ERROR,
        "a schema's id is a URI that fits into a URL's path; RFC 7643 section 7",
        _id_is_a_uri,
        firm=True,
    ),
    Rule(
        "SCIM-S01",
        Severity.WARNING,
        "a schema's id is a URN; RFC 7643 sections 7, 10.2.1",
        _id_is_a_urn,
    ),
    Rule(
        "SCIM-S02",
        Severity.ERROR,
        "core and api URNs are the RFCs'; RFC 7643 section 10.2.1",
        _namespace_is_free,
    ),
    Rule(
        "SCIM-S02",
        Severity.WARNING,
        "urn:ietf:params:scim is a registry of IANA; RFC 7643 section 10.3.1",
        _namespace_is_registered,
    ),
    Rule(
        "SCIM-S02",
        Severity.INFO,
        "schemas below urn:ietf:params:scim are registered too; RFC 7643 section 10.3.1",
        _extension_is_registered,
    ),
    Rule(
        "SCIM-S04",
        Severity.WARNING,
        "a schema has a name; RFC 7643 section 8.7.2 (section 7 leaves it open)",
        _schema_is_named,
    ),
    Rule(
        "SCIM-S05",
        Severity.WARNING,
        "a schema lists its attributes; RFC 7643 section 8.7.2",
        _attributes_are_listed,
    ),
    Rule(
        "SCIM-S06",
        Severity.WARNING,
        "schemas of a Schema is the Schema URN; RFC 7643 sections 3, 7",
        _schemas_says_schema,
    ),
    Rule(
        "SCIM-S07",
        Severity.ERROR,
        "attribute names are unique and ignore case; RFC 7643 section 2.1",
        _names_are_unique,
    ),
    Rule(
        "SCIM-S08",
        Severity.ERROR,
        "an extension does not redefine common attributes; RFC 7643 sections 3.1, 3.3",
        _common_attributes_are_left_alone,
    ),
    Rule(
        "SCIM-S08",
        Severity.WARNING,
        "attributes of the core User are not redefined; RFC 7643 section 3.3",
        _core_attributes_are_left_alone,
    ),
    Rule(
        "REC-MEMBER",
        Severity.ERROR,
        "a member two edits from a word of RFC 7643 is taken for a slip",
        _schema_members_are_meant,
    ),
    Rule(
        "REC-CASE",
        Severity.ERROR,
        "members are spelt as in RFC 7643 section 7, case too",
        _schema_members_have_their_case,
        firm=True,
    ),
)
