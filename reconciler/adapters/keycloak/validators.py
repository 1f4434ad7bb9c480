"""Validators of Keycloak ↔ type and canonical values; what those do not say is the rest."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.domain.jsontext import Json
from reconciler.domain.scim import AttributeType

# xsd:dateTime, as RFC 7643 section 2.3.5 has it; the validator iso-date refuses a time of day.
DATE_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"
_BOOLEANS = ("true", "false")
_OF_TYPE: Mapping[AttributeType, Mapping[str, Mapping[str, Json]]] = {
    AttributeType.STRING: {},
    AttributeType.INTEGER: {"integer": {}},
    AttributeType.DECIMAL: {"double": {}},
    AttributeType.DATE_TIME: {"pattern": {"pattern": DATE_TIME}},
    AttributeType.REFERENCE: {"uri": {}},
    AttributeType.BOOLEAN: {"options": {"options": list(_BOOLEANS)}},
}
TYPES = frozenset(_OF_TYPE)  # all that an attribute can be there
_BY_ITSELF = {  # the validators that make an attribute one of a type, however they are configured
    "integer": AttributeType.INTEGER,
    "double": AttributeType.DECIMAL,
    "iso-date": AttributeType.DATE_TIME,
    "uri": AttributeType.REFERENCE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """The values that validators let through: a type, those allowed, and what else is asked."""

    type: AttributeType
    values: tuple[str, ...] = ()
    rest: Mapping[str, Json]

    @classmethod
    def of(cls, validations: Mapping[str, Json]) -> "Validated":
        """Take apart what stands in `validations` of an attribute."""
        kind = _type(validations)
        values = _options(validations) if kind is AttributeType.STRING else ()
        implied = _implied(kind, values, validations)
        rest: dict[str, Json] = {}
        for name, settings in validations.items():
            said = implied.get(name)
            if said is None:
                rest[name] = settings
            elif more := {m: v for m, v in (settings or {}).items() if m not in said}:
                rest[name] = more
        return cls(type=kind, values=values, rest=rest)

    def validations(self) -> dict[str, Json]:
        """Write what `of` takes apart."""
        implied = _implied(self.type, self.values, self.rest)
        return {
            name: {**implied.get(name, {}), **(self.rest.get(name) or {})}
            for name in (*implied, *(each for each in self.rest if each not in implied))
        }


def _type(validations: Mapping[str, Json]) -> AttributeType:
    for name, kind in _BY_ITSELF.items():
        if name in validations:
            return kind
    if (validations.get("pattern") or {}).get("pattern") == DATE_TIME:
        return AttributeType.DATE_TIME
    if sorted(_options(validations)) == sorted(_BOOLEANS):
        return AttributeType.BOOLEAN
    return AttributeType.STRING


def _options(validations: Mapping[str, Json]) -> tuple[str, ...]:
    """The allowed values; nothing where one of them is none that SCIM can say."""
    options = (validations.get("options") or {}).get("options")
    if isinstance(options, list) and all(isinstance(each, str) and each for each in options):
        return tuple(options)
    return ()


def _implied(
    kind: AttributeType, values: tuple[str, ...], validations: Mapping[str, Json]
) -> Mapping[str, Mapping[str, Json]]:
    """The validators that follow from type and values, beside those others."""
    if kind is AttributeType.DATE_TIME and "iso-date" in validations:
        return {}
    if values:
        return {**_OF_TYPE[kind], "options": {"options": list(values)}}
    return _OF_TYPE[kind]
