"""Dialect: what one kind of service can do with schemas, as data."""

import re
from dataclasses import dataclass
from enum import StrEnum

from reconciler.domain.scim import fold

_RFC_PREFIXES = (
    "urn:ietf:params:scim:schemas:core:",
    "urn:ietf:params:scim:api:",
    "urn:ietf:params:scim:schemas:extension:enterprise:",
)


class UpdateStrategy(StrEnum):
    """How a live schema is changed."""

    NONE = "none"
    PUT = "put"


class IdEncoding(StrEnum):
    """How a URN stands in a path: its colons as they are, or as %3A."""

    RAW = "raw"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class Names:
    """What a service takes for an attribute's name: a pattern for all of it, and in words."""

    pattern: str
    words: str

    def takes(self, name: str) -> bool:
        """Whether the service takes it."""
        return re.fullmatch(self.pattern, name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a service can do; one data file each in `reconciler/dialects/`.

    `extensions` is the most custom schemas a tenant may hold (None: no limit known), `attributes`
    the most attributes in one, `sub_attributes` the most parts of one attribute. `names` says how
    an attribute may be called; `name_ends_urn` that a schema's name is the last part of its URN;
    `members` are vendor members that each attribute needs.
    `protected_prefixes` are URNs that belong to the vendor.
    `lag_reads` is how often an absent answer is asked again before it is believed after a write.
    `permission_hint` says which scopes or roles a 403 asks for, and where an administrator looks.
    """

    name: str
    target_system: str
    creates: bool
    updates: UpdateStrategy
    types: frozenset[str]
    extensions: int | None = None
    attributes: int | None = None
    sub_attributes: int | None = None
    names: Names | None = None
    name_ends_urn: bool = False
    members: tuple[str, ...] = ()
    protected_prefixes: tuple[str, ...] = ()
    id_encoding: IdEncoding = IdEncoding.RAW
    content_type: str = "application/scim+json"
    page_size: int = 100
    lag_reads: int = 1
    permission_hint: str = ""

    def protects(self, schema_id: str) -> bool:
        """Whether the id belongs to the vendor or to the RFCs, so that we never write it."""
        return fold(schema_id).startswith(
            tuple(fold(prefix) for prefix in (*_RFC_PREFIXES, *self.protected_prefixes))
        )
