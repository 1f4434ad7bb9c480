"""The schemas of a fleet: three of the RFC and as many extensions as wanted, 30 attributes each."""

from functools import cache

from reconciler.domain.scim import Attribute

ATTRIBUTES = 30
TYPES = ("string", "boolean", "integer", "dateTime", "decimal")
CORE = (
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:Group",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
)
_PREFIX = "urn:ietf:params:scim:schemas:extension:fleet:2.0:User:Department"


def extension_id(index: int) -> str:
    return f"{_PREFIX}{index}"


@cache
def extension(index: int) -> dict[str, object]:
    """What department `index` keeps of its people, all characteristics spelt out."""
    return {
        "id": extension_id(index),
        "name": f"Department{index}",
        "description": f"What department {index} keeps of its people",
        "attributes": [attribute(each) for each in range(ATTRIBUTES)],
    }


@cache
def core() -> list[dict[str, object]]:
    return [{**extension(0), "id": urn, "name": urn.rpartition(":")[2]} for urn in CORE]


def attribute(index: int) -> object:
    members = {"name": f"attribute{index}", "type": TYPES[index % len(TYPES)]}
    described = {**members, "description": f"What number {index} is for"}
    return Attribute.from_json(described).to_json()
