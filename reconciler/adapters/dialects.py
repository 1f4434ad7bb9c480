"""The dialects that come with the program: one data file each, read as it is, checked by a test."""

import json
from importlib.resources import files
from typing import Any

from reconciler.domain.dialect import Dialect, IdEncoding, Names, UpdateStrategy


def load_dialects() -> dict[str, Dialect]:
    """Every packaged dialect by its name, sorted."""
    folder = files("reconciler").joinpath("dialects")
    texts = (f.read_text(encoding="utf-8") for f in folder.iterdir() if f.name.endswith(".json"))
    dialects = (_dialect(json.loads(text)) for text in texts)
    return {dialect.name: dialect for dialect in sorted(dialects, key=lambda d: d.name)}


def _dialect(data: dict[str, Any]) -> Dialect:
    return Dialect(
        name=data["name"],
        target_system=data["targetSystem"],
        creates=data["creates"],
        updates=UpdateStrategy(data["updates"]),
        types=frozenset(data["types"]),
        extensions=data.get("extensions"),
        attributes=data.get("attributes"),
        sub_attributes=data.get("subAttributes"),
        names=Names(**data["attributeNames"]) if "attributeNames" in data else None,
        name_ends_urn=data.get("nameEndsUrn", False),
        members=tuple(data.get("attributeMembers", ())),
        protected_prefixes=tuple(data.get("protectedPrefixes", ())),
        id_encoding=IdEncoding(data.get("idEncoding", IdEncoding.RAW)),
        content_type=data.get("contentType", "application/scim+json"),
        page_size=data.get("pageSize", 100),
        lag_reads=data.get("lagReads", 1),
        permission_hint=data.get("permissionHint", ""),
    )
