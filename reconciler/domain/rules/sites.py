"""SchemaSite and AttributeSite: one schema, one attribute, as written and where in the document."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.domain.jsontext import Json
from reconciler.domain.messages import quoted
from reconciler.domain.problem import Pointer
from reconciler.domain.rules.rule import SCHEMA_POINTER
from reconciler.domain.scim import AttributeType, bare, fold

USER = "User"
RFC_NAMESPACE = "urn:ietf:params:scim:"
RESERVED_NAMESPACES = (f"{RFC_NAMESPACE}schemas:core:", f"{RFC_NAMESPACE}api:")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SchemaSite:
    """`spec.schema` as it was written, its attributes, and the kind of resource it extends."""

    pointer: Pointer
    members: Mapping[str, Json]
    attributes: "tuple[AttributeSite, ...]" = ()
    resource_type: str = USER

    @property
    def is_core(self) -> bool:
        """True where the id says that it is one of the RFCs' own schemas and no extension."""
        urn = self.members.get("id")
        return isinstance(urn, str) and fold(urn).startswith(RESERVED_NAMESPACES)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AttributeSite:
    """One attribute as it was written; `parent` is the complex attribute that it is part of."""

    pointer: Pointer
    members: Mapping[str, Json]
    schema_id: str = ""
    parent: "AttributeSite | None" = None
    type: str = field(init=False)

    def __post_init__(self) -> None:
        """Its type, folded; a string where it says none (RFC 7643 section 2.2)."""
        object.__setattr__(self, "type", self.word("type") or AttributeType.STRING)

    @property
    def label(self) -> str:
        """The attribute for a message, by its name where it has one."""
        name = self.members.get("name")
        return f"attribute {quoted(name)}" if isinstance(name, str) else "an attribute"

    @property
    def names(self) -> tuple[str, ...]:
        """The names from the schema down to it."""
        above = self.parent.names if self.parent else ()
        return (*above, str(self.members.get("name")))

    @property
    def key(self) -> tuple[str, ...]:
        """The names as they are compared."""
        return tuple(map(fold, self.names))

    @property
    def is_complex(self) -> bool:
        """True where it says that it is complex, in whatever case."""
        return self.type == AttributeType.COMPLEX

    def word(self, member: str) -> str:
        """A keyword as it is compared: without case and underscores; empty where there is none."""
        value = self.members.get(member)
        return bare(value) if isinstance(value, str) else ""

    def is_set(self, member: str) -> bool:
        """Test whether a flag says true."""
        return self.members.get(member) is True


def attribute_sites(schema: Mapping[str, Json]) -> tuple[AttributeSite, ...]:
    """Every attribute and sub-attribute that is an object, in the order written."""
    urn = schema.get("id")
    whole = AttributeSite((), {}, urn if isinstance(urn, str) else "")
    return tuple(_sites(schema.get("attributes"), (*SCHEMA_POINTER, "attributes"), whole))


def _sites(value: Json, pointer: Pointer, above: AttributeSite) -> Iterator[AttributeSite]:
    parent = above if above.pointer else None
    for index, members in enumerate(value if isinstance(value, list) else ()):
        if isinstance(members, dict):
            site = AttributeSite((*pointer, index), members, above.schema_id, parent)
            yield site
            yield from _sites(members.get("subAttributes"), (*site.pointer, "subAttributes"), site)


def names_at(schema: Mapping[str, Json], pointer: Pointer) -> tuple[str, ...]:
    """A pointer with the folded name of each attribute in the place of its index."""
    value: Json = schema
    names = []
    for step in pointer[len(SCHEMA_POINTER) :]:
        value = value[step] if isinstance(step, int) or step in value else None
        names.append(str(step) if isinstance(step, str) else fold(str(value.get("name"))))
    return tuple(names)
