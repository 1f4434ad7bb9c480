"""Phrases that every rendering of a plan shares; all foreign text in them is visible."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from reconciler.domain.documents import (
    ApprovalDocument,
    AttributeDocument,
    ChangeDocument,
    DriftWord,
    ImpactDocument,
    PlanFacts,
    SelectionDocument,
    TenantDocument,
    TenantsFromDocument,
)
from reconciler.render.plain_text import counted, visible

SHOWN = 80  # characters of a value in a difference; the JSON plan has all of it
NO_OWNER = "nobody, as no manifest names an owner (spec.owners)"
# A skip is three things to a reader, so plans are counted and coloured by these and not by action.
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
    """Two lines: one that begins as Terraform's does, then the counts that Terraform lacks."""
    counts = document["summary"]
    first = (
        f"Plan: {counts['create']} to add, {counts['update']} to change, "
        f"{counts['destroy']} to destroy."
    )
    if not document["tenants"]:
        first = f"No tenant was planned. {first}"
    elif not any(counts[k] for k in ("create", "update", "drifted", "blocked", "unreadable")):
        first = f"No changes. Live schemas match the manifests. {first}"
    own = [
        f"{counts['in_sync']} in sync",
        f"{counts['drifted']} drifted",
        f"{counts['blocked']} blocked",
        f"{counts['unmanaged']} unmanaged",
    ]
    own += [f"{counts['excluded']} excluded"] if counts["excluded"] else []
    own += [f"{counts['unreadable']} not readable"] if counts["unreadable"] else []
    return [first, ", ".join(own) + "."]


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
    """The ways in which the folder differs from the ref that was planned, each with its names."""
    lines = (
        ("changed in the folder, which is not used", source["changed"]),
        ("only in the folder, not contacted", source["added"]),
        ("removed in the folder, planned all the same", source["removed"]),
        ("no manifests of today's format, tenants in them are not planned", source["unread"]),
    )
    return ((text, names) for text, names in lines if names)


def drift_texts(tenant: TenantDocument) -> dict[str, str]:
    """By the id of each schema that has drifted, the sentence that the audit trail has for it."""
    return {
        drift["schema_id"]: _DRIFT[drift["kind"]].format(since=visible(drift["since"]))
        for drift in tenant["drift"]
        if drift["since"] is not None
    }


_DRIFT: dict[DriftWord, str] = {
    "changed": "changed out of band after {since}",
    "missing": "missing: it was there at {since}, and creating it brings no values back",
    "outdated": "live is as it was at {since}, the manifest has changed",
    "unmanaged": "was managed at {since}",
}


def impact_line(impact: ImpactDocument) -> str:
    """The consumers that are concerned, the message, and the rule."""
    return f"{', '.join(impact['consumers'])}: {visible(impact['message'])} ({impact['rule']})"


def approved_manifests(approval: ApprovalDocument) -> list[tuple[str, int]]:
    """The manifests that an approval is about, each with the number of its tenants."""
    return sorted(Counter(id_.partition("/")[2] for id_ in approval["changes"]).items())


def usage_line(tenant: TenantDocument) -> str:
    """The number of extensions in use, and the limit; empty where the tenant was not readable."""
    used, limit = tenant["extensions_live"], tenant["extensions_limit"]
    if used is None:
        return ""
    if limit is None:
        return f"{counted(used, 'extension')} in use, no limit known"
    return f"{used} of {limit} extensions in use"


def attribute_line(attribute: AttributeDocument) -> str:
    """An attribute that is to be created, with its sub-attributes by name."""
    shown = [visible(attribute["type"])]
    # Of the rest only what is not the default of RFC 7643 section 2.2.
    shown += [flag for flag in ("multiValued", "required", "caseExact") if attribute[flag]]
    if attribute["mutability"] != "readWrite":
        shown.append(visible(attribute["mutability"]))
    if attribute["returned"] != "default":
        shown.append(f"returned {visible(attribute['returned'])}")
    if attribute["uniqueness"] != "none":
        shown.append(f"unique on the {visible(attribute['uniqueness'])} level")
    subs = attribute.get("subAttributes", [])
    inner = f" {{{', '.join(visible(sub['name']) for sub in subs)}}}" if subs else ""
    return f"{visible(attribute['name'])}: {', '.join(shown)}{inner}"


def value_text(value: object) -> str:
    """One side of a difference; of an attribute that one side lacks, the type."""
    if isinstance(value, dict):
        return visible(value.get("type", "")) or "an object"
    text = visible(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
