"""The phrases that every rendering of a plan shares; all foreign text in them is visible."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from reconciler.domain.documents import (
    ApprovalDocument,
    AttributeDocument,
    ChangeDocument,
    ImpactDocument,
    PlanFacts,
    SelectionDocument,
    TenantDocument,
    TenantsFromDocument,
)
from reconciler.render.plain_text import visible

SHOWN = 80  # characters of a value in a difference; the JSON plan has all of it
Category = Literal["create", "update", "in-sync", "excluded", "drifted", "blocked"]
_CATEGORIES: dict[Category, str] = {
    "create": "create",
    "update": "update in place",
    "in-sync": "in sync",
    "excluded": "excluded",
    "drifted": "drifted, left as it is",
    "blocked": "blocked",
}


def category_of(change: ChangeDocument) -> Category:
    """The action of a change; of a skip its reason."""
    if change["action"] != "skip":
        return change["action"]
    reason = change["reason"]
    assert reason in ("in-sync", "excluded", "drifted")  # plan.json lets a skip have no other
    return reason


def category_text(change: ChangeDocument) -> str:
    """The action for a person, and why where it is blocked."""
    reason = f" ({change['reason']})" if change["action"] == "blocked" else ""
    return _CATEGORIES[category_of(change)] + reason


def created_attributes(change: ChangeDocument) -> list[AttributeDocument]:
    """The attributes that a create brings; none for any other change."""
    if change["action"] != "create" or change["after"] is None:
        return []
    return change["after"]["attributes"]


def source_of(change: ChangeDocument) -> str:
    """`path:line` of its manifest."""
    return f"{visible(change['source']['path'])}:{change['source']['line']}"


def summary_lines(document: PlanFacts) -> list[str]:
    """Two lines: Terraform's, then our own counts."""
    counts = document["summary"]
    first = (
        f"Plan: {counts['create']} to add, {counts['update']} to change, "
        f"{counts['destroy']} to destroy."
    )
    if not document["tenants"]:
        first = f"No tenant was planned. {first}"
    elif not any(counts[k] for k in ("create", "update", "drifted", "blocked", "unreadable")):
        first = f"No changes. Live schemas match the manifests. {first}"
    own = [f"{counts[key]} {words}" for key, words in _OWN_COUNTS if counts[key] or key in _ALWAYS]
    return [first, ", ".join(own) + "."]


_Own = Literal["in_sync", "drifted", "blocked", "unmanaged", "excluded", "unreadable"]
_OWN_COUNTS: tuple[tuple[_Own, str], ...] = (
    ("in_sync", "in sync"),
    ("drifted", "drifted"),
    ("blocked", "blocked"),
    ("unmanaged", "unmanaged"),
    ("excluded", "excluded"),
    ("unreadable", "not readable"),
)
_ALWAYS = ("in_sync", "drifted", "blocked", "unmanaged")


def partial_line(selection: SelectionDocument) -> str:
    """The options that narrowed the plan."""
    given = (
        ("tenant", selection["tenant"]),
        ("target", selection["target"]),
        ("exclude", selection["exclude"]),
    )
    options = [f"--{name} {visible(glob)}" for name, globs in given for glob in globs]
    return f"This plan is partial: {' '.join(options)}"


def folder_lines(source: TenantsFromDocument) -> Iterator[tuple[str, list[str]]]:
    """Where the folder says otherwise than the ref that was planned, and the names it is about."""
    lines = (
        ("changed in the folder, which is not used", source["changed"]),
        ("only in the folder, not contacted", source["added"]),
        ("removed in the folder, planned all the same", source["removed"]),
        ("no manifests of today's format, tenants in them are not planned", source["unread"]),
    )
    return ((text, names) for text, names in lines if names)


def drift_words(tenant: TenantDocument) -> dict[str, str]:
    """What the trail adds to each schema that has drifted, by its id; nothing without a date."""
    return {
        drift["schema_id"]: DRIFT[drift["kind"]].format(since=visible(drift["since"]))
        for drift in tenant["drift"]
        if drift["since"] is not None
    }


DRIFT = {
    "changed": "changed out of band after {since}",
    "missing": "missing: it was there at {since}, and creating it brings no values back",
    "outdated": "live is as it was at {since}, the manifest has changed",
    "unmanaged": "was managed at {since}",
}


def impact_line(impact: ImpactDocument) -> str:
    """Whom it concerns, by which rule, and what it is."""
    return f"{', '.join(impact['consumers'])}: {visible(impact['message'])} ({impact['rule']})"


def approved_manifests(approval: ApprovalDocument) -> list[tuple[str, int]]:
    """The manifests that an approval is about, each with the number of its tenants."""
    return sorted(Counter(id_.partition("/")[2] for id_ in approval["changes"]).items())


NO_OWNER = "nobody, as no manifest names an owner (spec.owners)"


def room_line(tenant: TenantDocument) -> str:
    """How many extensions are in use; empty where the tenant was not readable."""
    if tenant["extensions_live"] is None:
        return ""
    limit = tenant["extensions_limit"]
    among = "any number of" if limit is None else limit
    return f"{tenant['extensions_live']} of {among} extensions in use"


def attribute_line(attribute: AttributeDocument) -> str:
    """An attribute that is to be created."""
    subs = attribute.get("subAttributes", [])
    inner = f" {{{', '.join(visible(sub['name']) for sub in subs)}}}" if subs else ""
    return f"{visible(attribute['name'])}: {', '.join(_characteristics(attribute))}{inner}"


def _characteristics(attribute: AttributeDocument) -> Iterable[str]:
    """The type, and of the rest what is not the default of RFC 7643 section 2.2."""
    yield visible(attribute["type"])
    for flag in ("multiValued", "required", "caseExact"):
        if attribute[flag]:
            yield flag
    if attribute["mutability"] != "readWrite":
        yield visible(attribute["mutability"])
    if attribute["returned"] != "default":
        yield f"returned {visible(attribute['returned'])}"
    if attribute["uniqueness"] != "none":
        yield f"unique on the {visible(attribute['uniqueness'])} level"


def value_words(value: object) -> str:
    """One side of a difference."""
    if isinstance(value, dict):
        named = {k: v for k, v in value.items() if k != "name"}
        return visible(named.get("type", "")) or "a whole"
    text = visible(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
