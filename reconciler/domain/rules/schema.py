"""Rules about one schema, as it is written and whatever its shape, from RFC 7643.

So they speak even where other faults keep the schema from being read.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set

from reconciler.domain.messages import quoted
from reconciler.domain.problem import Severity
from reconciler.domain.rules.members import near_misses, other_cases
from reconciler.domain.rules.rule import About, Fault, RuleSet
from reconciler.domain.rules.sites import (
    RESERVED_NAMESPACES,
    RFC_NAMESPACE,
    USER,
    AttributeSite,
    SchemaSite,
)
from reconciler.domain.scim import SCHEMA_MEMBERS, SCHEMA_URN, fold

SCHEMA_RULES: RuleSet[SchemaSite] = RuleSet(About.SCHEMA)

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


@SCHEMA_RULES.rule(
    "SCIM-S01",
    Severity.ERROR,
    "a schema's id is a URI that fits into a URL's path; RFC 7643 section 7",
    firm=True,
)
def id_is_a_uri(schema: SchemaSite) -> Iterator[Fault]:
    urn = schema.members.get("id")
    if isinstance(urn, str) and not _URN.fullmatch(urn) and not _URI.fullmatch(urn):
        yield Fault(
            (*schema.pointer, "id"),
            f"{quoted(urn)} is no URN; write urn:NAMESPACE:…, ASCII letters, digits and -._: only",
        )


@SCHEMA_RULES.rule(
    "SCIM-S01", Severity.WARNING, "a schema's id is a URN; RFC 7643 sections 7, 10.2.1"
)
def id_is_a_urn(schema: SchemaSite) -> Iterator[Fault]:
    urn = schema.members.get("id")
    if isinstance(urn, str) and _URI.fullmatch(urn) and not _URN.fullmatch(urn):
        yield Fault((*schema.pointer, "id"), f"{quoted(urn)} is a URI and no URN; write urn:…")


@SCHEMA_RULES.rule(
    "SCIM-S02", Severity.ERROR, "core and api URNs are the RFCs'; RFC 7643 section 10.2.1"
)
def namespace_is_free(schema: SchemaSite) -> Iterator[Fault]:
    if schema.is_core:
        yield Fault(
            (*schema.pointer, "id"),
            "the namespaces urn:ietf:params:scim:schemas:core: and urn:ietf:params:scim:api: belong"
            " to the RFCs; an extension has a URN of its own",
        )


@SCHEMA_RULES.rule(
    "SCIM-S02",
    Severity.WARNING,
    "urn:ietf:params:scim is a registry of IANA; RFC 7643 section 10.3.1",
)
def namespace_is_registered(schema: SchemaSite) -> Iterator[Fault]:
    urn = fold(str(schema.members.get("id")))
    if urn.startswith(RFC_NAMESPACE) and not urn.startswith((*RESERVED_NAMESPACES, _SCHEMAS)):
        yield Fault(
            (*schema.pointer, "id"),
            "IANA registers what begins with urn:ietf:params:scim:; take a namespace of your own",
        )


# Nearly every vendor's extension has such a name, so a warning would stand under every manifest:
# docs/decisions.md, "A name that every vendor uses is an info".
@SCHEMA_RULES.rule(
    "SCIM-S02",
    Severity.INFO,
    "schemas below urn:ietf:params:scim are registered too; RFC 7643 section 10.3.1",
)
def extension_is_registered(schema: SchemaSite) -> Iterator[Fault]:
    urn = fold(str(schema.members.get("id")))
    if urn.startswith(_SCHEMAS) and not urn.startswith(_REGISTERED):
        yield Fault(
            (*schema.pointer, "id"),
            "this URN is not registered with IANA, though many services name their schemas so; "
            "keep it where yours does",
        )


@SCHEMA_RULES.rule(
    "SCIM-S04",
    Severity.WARNING,
    "a schema has a name; RFC 7643 section 8.7.2 (section 7 leaves it open)",
)
def schema_is_named(schema: SchemaSite) -> Iterator[Fault]:
    if not schema.members.get("name"):
        yield Fault(
            schema.pointer, "the schema has no name; some services refuse that", at_key=True
        )


@SCHEMA_RULES.rule(
    "SCIM-S05", Severity.WARNING, "a schema lists its attributes; RFC 7643 section 8.7.2"
)
def attributes_are_listed(schema: SchemaSite) -> Iterator[Fault]:
    if schema.members.get("attributes") in (None, []):
        yield Fault(
            (*schema.pointer, "attributes"), "the schema lists no attributes: it holds nothing",
            at_key=True,
        )  # fmt: skip


@SCHEMA_RULES.rule(
    "SCIM-S06",
    Severity.ERROR,
    "schemas of a Schema is the Schema URN and nothing else; RFC 7643 sections 3, 7",
)
def schemas_says_schema(schema: SchemaSite) -> Iterator[Fault]:
    given = schema.members.get("schemas") or []
    urns = given if isinstance(given, list) else [given]
    if any(not isinstance(urn, str) or fold(urn) != fold(SCHEMA_URN) for urn in urns):
        yield Fault(
            (*schema.pointer, "schemas"),
            f"schemas of a Schema resource is {SCHEMA_URN} alone; leave it out, it is added",
            at_key=True,
        )


@SCHEMA_RULES.rule(
    "SCIM-S07", Severity.ERROR, "attribute names are unique and ignore case; RFC 7643 section 2.1"
)
def names_are_unique(schema: SchemaSite) -> Iterator[Fault]:
    for level in _levels(schema.attributes):
        seen: set[str] = set()
        for site in level:
            name = site.members.get("name")
            if not isinstance(name, str):
                continue
            if fold(name) in seen:
                yield Fault((*site.pointer, "name"), f"a second {site.label}; names ignore case")
            seen.add(fold(name))


def _levels(sites: Iterable[AttributeSite]) -> Iterable[list[AttributeSite]]:
    levels = defaultdict(list)
    for site in sites:
        levels[site.pointer[:-1]].append(site)
    return levels.values()


@SCHEMA_RULES.rule(
    "SCIM-S08",
    Severity.ERROR,
    "an extension does not redefine common attributes; RFC 7643 sections 3.1, 3.3",
)
def common_attributes_are_left_alone(schema: SchemaSite) -> Iterator[Fault]:
    for site in () if schema.is_core else _of_top_level(schema, _COMMON):
        yield Fault(
            (*site.pointer, "name"),
            f"{site.label}: id, externalId, meta and schemas are in every resource already; "
            "choose another name",
        )


@SCHEMA_RULES.rule(
    "SCIM-S08",
    Severity.WARNING,
    "attributes of the core User are not redefined; RFC 7643 section 3.3",
)
def core_attributes_are_left_alone(schema: SchemaSite) -> Iterator[Fault]:
    if schema.resource_type == USER and not schema.is_core:
        for site in _of_top_level(schema, _CORE_USER):
            yield Fault(
                (*site.pointer, "name"),
                f"{site.label}: every User has one by the core schema; fill that one, or choose "
                "another name",
            )


def _of_top_level(schema: SchemaSite, folded: Set[str]) -> Iterator[AttributeSite]:
    for site in schema.attributes:
        name = site.members.get("name")
        if site.parent is None and isinstance(name, str) and fold(name) in folded:
            yield site


@SCHEMA_RULES.rule(
    "REC-MEMBER", Severity.ERROR, "a member two edits from a word of RFC 7643 is taken for a slip"
)
def schema_members_are_meant(schema: SchemaSite) -> Iterator[Fault]:
    return near_misses(schema.pointer, schema.members, SCHEMA_MEMBERS)


@SCHEMA_RULES.rule(
    "REC-CASE", Severity.ERROR, "members are spelt as in RFC 7643 section 7, case too", firm=True
)
def schema_members_have_their_case(schema: SchemaSite) -> Iterator[Fault]:
    return other_cases(schema.pointer, schema.members, SCHEMA_MEMBERS)
