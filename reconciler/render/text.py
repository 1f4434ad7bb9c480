"""The plan document → text for a terminal: symbols `+ ~ = ! x`, each with its meaning in words."""

import json
from collections.abc import Iterable, Iterator

from reconciler.domain.jsontext import Json
from reconciler.render.paint import Paint, visible

_SYMBOLS = {
    "create": ("+", "green", "create"),
    "update": ("~", "yellow", "update in place"),
    "in-sync": ("=", "dim", "in sync"),
    "excluded": ("=", "dim", "excluded"),
    "drifted": ("!", "yellow", "drifted, left as it is"),
    "blocked": ("x", "red", "blocked"),
}
_SHOWN = 80  # characters of a value in a difference; the JSON plan has all of it


def plan_text(document: Json, *, paint: Paint) -> str:
    """The whole plan, ending in the summary and the digest."""
    selection = document["selection"]
    lines: list[str] = []
    if any(selection.values()):
        lines += [_partial(selection), ""]
    for tenant in document["tenants"]:
        lines += [*_tenant(tenant, paint), ""]
    lines += summary_lines(document)
    lines += [paint("red", f"Limit: {visible(line)}") for line in document["exceeded_limits"]]
    lines.append(f"Digest: {document['digest']}")
    return "\n".join(lines) + "\n"


def summary_lines(document: Json) -> list[str]:
    """Two lines: Terraform's, then our own counts."""
    counts = document["summary"]
    first = (
        f"Plan: {counts['create']} to add, {counts['update']} to change, "
        f"{counts['destroy']} to destroy."
    )
    if not any(counts[k] for k in ("create", "update", "drifted", "blocked", "unreadable")):
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


def _partial(selection: Json) -> str:
    options = [f"--{name} {visible(glob)}" for name, globs in selection.items() for glob in globs]
    return f"This plan is partial: {' '.join(options)}"


def _tenant(tenant: Json, paint: Paint) -> Iterator[str]:
    where = f"{visible(tenant['dialect'])}, {visible(tenant['base_url'])}"
    yield paint("bold", f"Tenant {visible(tenant['name'])}") + f"  ({where}){_room(tenant)}"
    for warning in tenant["warnings"]:
        yield paint("yellow", f"  warning: {visible(warning)}")
    if tenant["error"] is not None:
        yield paint("red", f"  x not readable: {visible(tenant['error'])}")
        return
    for change in tenant["changes"]:
        yield from _change(change, paint)
    if tenant["unmanaged"]:
        names = ", ".join(visible(urn) for urn in tenant["unmanaged"])
        yield f"  unmanaged, left alone: {names}"


def _room(tenant: Json) -> str:
    if tenant["extensions_live"] is None:
        return ""
    limit = tenant["extensions_limit"]
    return f"  {tenant['extensions_live']} of {'any number of' if limit is None else limit}" + (
        " extensions in use"
    )


def _change(change: Json, paint: Paint) -> Iterator[str]:
    kind = change["reason"] if change["action"] == "skip" else change["action"]
    symbol, colour, words = _SYMBOLS[kind]
    reason = f" ({change['reason']})" if change["action"] == "blocked" else ""
    source = f"{visible(change['source']['path'])}:{change['source']['line']}"
    head = f"  {symbol} {words}{reason}: {visible(change['schema_id'])}"
    yield paint(colour, head) + f"  [{source}]"
    if change["action"] == "create":
        yield from (f"      + {_attribute(a)}" for a in change["after"]["attributes"])
    yield from (f"      {_difference(d)}" for d in change["differences"])
    if change["recipe"]:
        yield f"      {visible(change['recipe'])}"


def _attribute(attribute: Json) -> str:
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


def _difference(difference: Json) -> str:
    path = visible(difference["path"])
    if difference["live"] is None:
        return f"+ {path}: only desired: {_value(difference['desired'])}"
    if difference["desired"] is None:
        return f"- {path}: only live: {_value(difference['live'])}"
    return f"~ {path}: live {_value(difference['live'])}, desired {_value(difference['desired'])}"


def _value(value: Json) -> str:
    if isinstance(value, dict):
        named = {k: v for k, v in value.items() if k != "name"}
        return visible(named.get("type", "")) or "a whole"
    text = visible(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
