"""The phrases that every rendering of a plan shares; all foreign text in them is visible."""

import json
from collections import Counter
from collections.abc import Iterable

from reconciler.domain.jsontext import Json
from reconciler.render.plain_text import visible

SHOWN = 80  # characters of a value in a difference; the JSON plan has all of it
KINDS = {
    "create": "create",
    "update": "update in place",
    "in-sync": "in sync",
    "excluded": "excluded",
    "drifted": "drifted, left as it is",
    "blocked": "blocked",
}


def kind_of(change: Json) -> str:
    """A key of KINDS."""
    return str(change["reason"] if change["action"] == "skip" else change["action"])


def in_words(change: Json) -> str:
    """What is done, and why where it is blocked."""
    reason = f" ({change['reason']})" if change["action"] == "blocked" else ""
    return KINDS[kind_of(change)] + reason


def source_of(change: Json) -> str:
    """`path:line` of its manifest."""
    return f"{visible(change['source']['path'])}:{change['source']['line']}"


def summary_lines(document: Json) -> list[str]:
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


_OWN_COUNTS = (
    ("in_sync", "in sync"),
    ("drifted", "drifted"),
    ("blocked", "blocked"),
    ("unmanaged", "unmanaged"),
    ("excluded", "excluded"),
    ("unreadable", "not readable"),
)
_ALWAYS = ("in_sync", "drifted", "blocked", "unmanaged")


def partial_line(selection: Json) -> str:
    """Which options narrowed the plan."""
    options = [f"--{name} {visible(glob)}" for name, globs in selection.items() for glob in globs]
    return f"This plan is partial: {' '.join(options)}"


FOLDER_SAYS = {
    "changed": "changed in the folder, which is not used",
    "added": "only in the folder, not contacted",
    "removed": "removed in the folder, planned all the same",
    "unread": "no manifests of today's format, tenants in them are not planned",
}


def drift_words(tenant: Json) -> dict[str, str]:
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


def impact_line(impact: Json) -> str:
    """Whom it concerns, by which rule, and what it is."""
    return f"{', '.join(impact['consumers'])}: {visible(impact['message'])} ({impact['rule']})"


def approved_manifests(approval: Json) -> list[tuple[str, int]]:
    """The manifests that an approval is about, each with the number of its tenants."""
    return sorted(Counter(id_.partition("/")[2] for id_ in approval["changes"]).items())


NO_OWNER = "nobody, as no manifest names an owner (spec.owners)"


def room_line(tenant: Json) -> str:
    """How many extensions are in use; empty where the tenant was not readable."""
    if tenant["extensions_live"] is None:
        return ""
    limit = tenant["extensions_limit"]
    among = "any number of" if limit is None else limit
    return f"{tenant['extensions_live']} of {among} extensions in use"


def attribute_line(attribute: Json) -> str:
    """An attribute that is to be created."""
    subs = attribute.get("subAttributes", [])
    inner = f" {{{', '.join(visible(sub['name']) for sub in subs)}}}" if subs else ""
    return f"{visible(attribute['name'])}: {', '.join(_characteristics(attribute))}{inner}"


def _characteristics(attribute: Json) -> Iterable[str]:
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


def value_words(value: Json) -> str:
    """One side of a difference."""
    if isinstance(value, dict):
        named = {k: v for k, v in value.items() if k != "name"}
        return visible(named.get("type", "")) or "a whole"
    text = visible(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
