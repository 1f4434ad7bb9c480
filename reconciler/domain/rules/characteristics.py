"""Rules about characteristics that do not go with a type, or with each other, in RFC 7643."""

from collections.abc import Iterator

from reconciler.domain.messages import quoted
from reconciler.domain.problem import Severity
from reconciler.domain.rules.rule import About, Fault, RuleSet
from reconciler.domain.rules.sites import RESERVED_NAMESPACES, AttributeSite
from reconciler.domain.scim import fold

CHARACTERISTIC_RULES: RuleSet[AttributeSite] = RuleSet(About.ATTRIBUTE)

_PARTS = {"primary": "boolean", "$ref": "reference"}


@CHARACTERISTIC_RULES.rule(
    "SCIM-A11",
    Severity.ERROR,
    "complex values have neither case nor uniqueness; RFC 7643 section 2.3.8",
)
def complex_is_not_compared(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.type == "complex":
        yield from _no_case(attribute)
        yield from _not_unique(attribute)


@CHARACTERISTIC_RULES.rule(
    "SCIM-A12",
    Severity.WARNING,
    "booleans, times and numbers have no case; RFC 7643 sections 2.3.2 to 2.3.5",
)
def plain_values_have_no_case(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.type in ("boolean", "datetime", "integer", "decimal"):
        yield from _no_case(attribute)


@CHARACTERISTIC_RULES.rule(
    "SCIM-A12",
    Severity.WARNING,
    "booleans and times are not unique; RFC 7643 sections 2.3.2, 2.3.5",
)
def plain_values_are_not_unique(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.type in ("boolean", "datetime"):
        yield from _not_unique(attribute)


@CHARACTERISTIC_RULES.rule(
    "SCIM-A13", Severity.WARNING, "binary is not unique; RFC 7643 section 2.3.6"
)
def binary_is_not_unique(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.type == "binary":
        yield from _not_unique(attribute)


@CHARACTERISTIC_RULES.rule(
    "SCIM-A13", Severity.WARNING, "binary is case exact; RFC 7643 section 2.3.6"
)
def binary_is_case_exact(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.type == "binary" and attribute.members.get("caseExact") is False:
        yield _fault(attribute, "caseExact", "the case of base64 matters; write caseExact: true")


@CHARACTERISTIC_RULES.rule(
    "SCIM-A14", Severity.INFO, "a reference is case exact; RFC 7643 section 2.3.7"
)
def reference_is_case_exact(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.type == "reference" and attribute.members.get("caseExact") is False:
        yield _fault(
            attribute, "caseExact", "a reference is case exact, though nearly nobody says so"
        )


def _no_case(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.is_set("caseExact"):
        kind = attribute.members["type"]
        yield _fault(
            attribute, "caseExact", f"{kind} has no case; leave caseExact out, or make it false"
        )


def _not_unique(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.word("uniqueness") in ("server", "global"):
        kind = attribute.members["type"]
        yield _fault(
            attribute, "uniqueness", f"{kind} is not unique; leave it out, or make it none"
        )


@CHARACTERISTIC_RULES.rule(
    "SCIM-A15", Severity.WARNING, "only references have referenceTypes; RFC 7643 section 7"
)
def only_references_refer(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.members.get("referenceTypes") and attribute.type != "reference":
        yield _fault(
            attribute, "referenceTypes", "only a reference has referenceTypes; leave them out"
        )


@CHARACTERISTIC_RULES.rule(
    "SCIM-A15", Severity.WARNING, "a reference says to what; RFC 7643 sections 2.3.7, 7"
)
def references_say_to_what(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.type == "reference" and not attribute.members.get("referenceTypes"):
        yield _fault(
            attribute, "type", "a reference, and referenceTypes does not say to what: a resource "
            "type, external or uri",
        )  # fmt: skip


@CHARACTERISTIC_RULES.rule(
    "SCIM-A15", Severity.WARNING, "external and uri are spelt so; RFC 7643 section 7"
)
def reference_types_are_spelt(attribute: AttributeSite) -> Iterator[Fault]:
    types = attribute.members.get("referenceTypes")
    for index, word in enumerate(types if isinstance(types, list) else ()):
        if isinstance(word, str) and word != fold(word) and fold(word) in ("external", "uri"):
            path = (*attribute.pointer, "referenceTypes", index)
            yield Fault(path, f"{attribute.label}: {quoted(word)} is spelt {fold(word)}")


@CHARACTERISTIC_RULES.rule(
    "SCIM-A17", Severity.WARNING, "writeOnly values are never returned; RFC 7643 section 7"
)
def write_only_is_never_returned(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.word("mutability") == "writeonly" and attribute.word("returned") != "never":
        yield _fault(attribute, "mutability", "writeOnly is not returned; write returned: never")


@CHARACTERISTIC_RULES.rule(
    "SCIM-A18", Severity.WARNING, "readOnly values can be read; follows from RFC 7643 section 7"
)
def read_only_is_returned(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.word("mutability") == "readonly" and attribute.word("returned") == "never":
        yield _fault(attribute, "returned", "readOnly and never returned: nobody can use it")


@CHARACTERISTIC_RULES.rule(
    "SCIM-A19",
    Severity.WARNING,
    "what a client must give it can write; follows from RFC 7643 section 7",
)
def read_only_is_not_required(attribute: AttributeSite) -> Iterator[Fault]:
    if attribute.word("mutability") == "readonly" and attribute.is_set("required"):
        yield _fault(attribute, "required", "readOnly and required: no client can give it")


@CHARACTERISTIC_RULES.rule(
    "SCIM-A20",
    Severity.WARNING,
    "primary and $ref of multi-valued attributes have their meaning; RFC 7643 section 2.4",
)
def parts_mean_what_they_mean(attribute: AttributeSite) -> Iterator[Fault]:
    parent = attribute.parent
    wanted = _PARTS.get(fold(str(attribute.members.get("name"))))
    if parent and parent.is_set("multiValued") and wanted and attribute.type != wanted:
        yield _fault(
            attribute, "type", f"in a multi-valued attribute its type is {wanted}", at_key=True
        )


@CHARACTERISTIC_RULES.rule(
    "SCIM-A21",
    Severity.INFO,
    "a required attribute bites only where the extension is used; RFC 7643 section 6",
)
def required_bites_late(attribute: AttributeSite) -> Iterator[Fault]:
    core = fold(attribute.schema_id).startswith(RESERVED_NAMESPACES)
    if attribute.parent is None and attribute.is_set("required") and not core:
        yield _fault(
            attribute,
            "required",
            "required counts only for resources that use the extension, and making an attribute "
            "required later breaks who writes without it",
        )


def _fault(attribute: AttributeSite, member: str, text: str, *, at_key: bool = False) -> Fault:
    return Fault((*attribute.pointer, member), f"{attribute.label}: {text}", at_key=at_key)
