"""Phrases that every rendering of a plan shares; all foreign text in them is visible."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from reconciler.domain.messages import NAMED
from reconciler.domain.sections import Differing, Extremes, Of
from reconciler.render.plain_text import counted, visible

if TYPE_CHECKING:  # they say the shape of JSON
    from reconciler.domain.documents import (
        ApprovalDocument,
        ChangeDocument,
        ConsumerWord,
        DriftDocument,
        DriftWord,
        ImpactDocument,
        MeasureDocument,
        MeasureWord,
        PlanFacts,
        RiskWord,
        SelectionDocument,
        SourceDocument,
        StillHeldDocument,
        TenantDocument,
        TenantsFromDocument,
    )

TEST_USER = "what is new is tried on its test user"
NO_OWNER = "nobody, as no manifest names an owner (spec.owners)"
# A skip is three things to a reader, so plans are counted and coloured by these and not by action.
Category = Literal["create", "update", "in-sync", "excluded", "drifted", "blocked"]
SYMBOLS: dict[Category, str] = {
    "create": "+",
    "update": "~",
    "in-sync": "=",
    "excluded": "=",
    "drifted": "!",
    "blocked": "x",
}
CONSUMERS: dict[ConsumerWord, str] = {
    "READER": "who reads users",
    "WRITER": "connectors that fill them",
    "STORED": "values that are there",
    "SERVER": "the service itself",
}
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


def category_text(change: ChangeDocument, drift: DriftDocument | None = None) -> str:
    """The action for a person, and why where it is blocked; `drift` is that of the schema."""
    category = category_of(change)
    if category == "drifted" and drift is not None and drift["kind"] == "outdated":
        return "outdated, left as it is"
    reason = f" ({change['reason']})" if change["action"] == "blocked" else ""
    return _CATEGORIES[category] + reason


def is_written(change: ChangeDocument) -> bool:
    """Test whether anything is sent."""
    return change["action"] in ("create", "update")


def consumers_of(change: ChangeDocument) -> Iterator[ConsumerWord]:
    """The consumers that the lines of a change name."""
    withheld = change["withheld"]
    for impact in (*change["impacts"], *(withheld["impacts"] if withheld else ())):
        yield from impact["consumers"]


def legend(consumers: Collection[str]) -> str:
    """What the words for consumers stand for; empty where there is none."""
    named = (f"{word}: {text}" for word, text in CONSUMERS.items() if word in consumers)
    return "; ".join(named)


def scope_text(change: ChangeDocument) -> str:
    """What is approved with a write and not sent, as manifests have it; empty for the default."""
    given = (
        ("resourceType", change["resource_type"], "User"),
        ("manages", change["manages"], "schema"),
    )
    return ", ".join(
        f"{key}: {visible(value)}" for key, value, usual in given if value not in (None, usual)
    )


def source_of(change: ChangeDocument) -> str:
    """`path:line` of its manifest."""
    return place_text(change["source"])


def place_text(source: SourceDocument) -> str:
    """`path:line`."""
    return f"{visible(source['path'])}:{source['line']}"


def summary_lines(document: PlanFacts) -> list[str]:
    """Two lines: one that begins as Terraform's does, then the counts that Terraform lacks."""
    counts = document["summary"]
    first = (
        f"Plan: {counts['create']} to add, {counts['update']} to change, "
        f"{counts['destroy']} to destroy."
    )
    tenants, unreadable = len(document["tenants"]), counts["unreadable"]
    if not tenants:
        first = f"No tenant was planned. {first}"
    elif unreadable == tenants:
        first = f"No plan: {counted(tenants, 'tenant')} could not be read."
    elif unreadable:
        first += f" Not planned: {unreadable} of {tenants} tenants could not be read."
    elif not any(counts[k] for k in ("create", "update", "drifted", "blocked", "unreadable")):
        named = counts["in_sync"] or counts["excluded"]
        why = "Live schemas match" if named else "No extension is wanted by"
        first = f"No changes. {why} the manifests. {first}"
    outdated = f" ({counts['drift']['outdated']} outdated)" if counts["drift"]["outdated"] else ""
    own = [
        f"{counts['in_sync']} in sync",
        f"{counts['drifted']} drifted{outdated}",
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
    options += [f"--shard {selection['shard']}"] if "shard" in selection else []
    options += [f"--due ({counted(len(selection['due']), 'tenant')})"] if "due" in selection else []
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


def dated_drifts(tenant: TenantDocument) -> dict[str, DriftDocument]:
    """By its id, each schema that has drifted, as far as the audit trail knows since when."""
    return {drift["schema_id"]: drift for drift in tenant["drift"] if drift["since"] is not None}


def drift_text(drift: DriftDocument, since: Extremes[str] | None = None) -> str:
    """The sentence that the audit trail has for a drift; `since` is that of several tenants."""
    at = visible(drift["since"])
    if since is not None and since.least != since.greatest:
        at = range_text(since, visible)
    return _DRIFT[drift["kind"]].format(since=at)


def range_text(values: Extremes[Of], text: Callable[[Of], str]) -> str:
    """Both ends, each with a tenant that has it."""
    return (
        f"{text(values.least)} ({visible(values.least_in)}) "
        f"to {text(values.greatest)} ({visible(values.greatest_in)})"
    )


_DRIFT: dict[DriftWord, str] = {
    "changed": "changed out of band after {since}",
    "missing": "missing: it was there at {since}, and creating it brings no values back",
    "outdated": "only the manifest has changed: live is as it was at {since}",
    "unmanaged": "was managed at {since}",
}


def withheld_lines(change: ChangeDocument) -> Iterator[str]:
    """What becomes of a schema that has drifted, and what `onDrift: update` would do to whom."""
    withheld = change["withheld"]
    if withheld is None:
        return
    place, reason, recipe = withheld["on_drift"], withheld["reason"], withheld["recipe"]
    paths = [difference["path"] for difference in change["differences"]]
    yield withheld_text(
        place and place_text(place),
        default_of=source_of(change),
        blocked=(reason, recipe or "") if reason else None,
        paths=paths[:NAMED],
        more=len(paths[NAMED:]),
    )
    for approval in withheld["approvals"]:
        owners = ", ".join(map(visible, approval["owners"])) or NO_OWNER
        yield f"with update, must approve what is {approval['kind']}: {owners}"
    yield from (f"with update, {impact_line(impact)}" for impact in withheld["impacts"])


def withheld_text(
    on_drift: str | None,
    *,
    default_of: str,
    blocked: tuple[str, str] | None,
    paths: Sequence[str],
    more: int,
) -> str:
    """Why a schema that has drifted is left as it is, and what `onDrift: update` would bring.

    `on_drift` is where onDrift is written; where it is not, `default_of` is the manifest's place.
    `blocked` are reason and recipe; without them `paths` would be written, and `more` others.
    """
    where = on_drift or f"the default; {default_of} can set it below spec"
    if blocked is not None:
        reason, recipe = blocked
        would = f"blocked ({reason}), because {visible(recipe)}"
    else:
        others = f" and {more} more" if more else ""
        would = f"written: {', '.join(map(visible, paths))}{others}"
    return f"onDrift is skip ({where}); with update it would be {would}"


def impact_line(impact: ImpactDocument) -> str:
    """The consumers that are concerned, the message, and the rule."""
    return f"{', '.join(impact['consumers'])}: {visible(impact['message'])} ({impact['rule']})"


def measure_lines(
    change: ChangeDocument, differing: Differing | None = None
) -> Iterator[tuple[RiskWord, str]]:
    """A line for each number of users, and the class of it; `differing` is of several tenants."""
    measures = change.get("impact", ())
    users = (None,) * len(measures) if differing is None else differing.users
    for measure, among in zip(measures, users, strict=True):
        yield measure["risk"], measure_line(measure, among)


def still_held_lines(change: ChangeDocument, differing: Differing | None = None) -> Iterator[str]:
    """A line for each attribute that is deprecated; `differing` is of several tenants."""
    deprecated = change.get("deprecated", ())
    users = (None,) * len(deprecated) if differing is None else differing.holders
    for held, among in zip(deprecated, users, strict=True):
        yield still_held_line(held, among)


def measure_line(measure: MeasureDocument, users: Extremes[tuple[int, int]] | None = None) -> str:
    """How many users a change of an attribute hurts, and the class of that.

    `users` are those of several tenants.
    """
    of_what, whom = _MEASURES[measure["kind"]]
    if users is not None and users.least != users.greatest:
        counted_text = f"{_among_text(users)} {whom}"
    elif measure["users"] is None:
        counted_text = f"how many {whom} is not known"
    else:
        counted_text = f"{_of_text((measure['users'], measure['of']))} {whom}"
    return f"risk {measure['risk']}: {visible(measure['path'])} {of_what}: {counted_text}"


_MEASURES: dict[MeasureWord, tuple[str, str]] = {
    "required": ("becomes required", "have no value"),
    "uniqueness": ("becomes unique", "share a value with another"),
    "canonicalValues": ("takes fewer values", "hold another one"),
    "type": ("becomes another type", "hold a value that is none of it"),
    "pattern": ("gets another pattern", "hold a value that does not match"),
    "multiValued": ("becomes single", "hold more than one value"),
    "caseExact": ("is compared otherwise", "hold a value that differs from another by case only"),
    "removed": ("goes", "hold a value"),
    "retired": ("is retired", "hold a value"),
}


def _among_text(users: Extremes[tuple[int, int]]) -> str:
    return range_text(users, _of_text)


def _of_text(users: tuple[int, int | None]) -> str:
    number, total = users
    return f"{number:,} of {'an unknown number' if total is None else f'{total:,}'}"


def limit_lines(document: PlanFacts) -> list[str]:
    """The exceeded limits; one line for the tenants that exceed one alike."""
    alike: dict[str, list[str]] = {}
    for line in document["exceeded_limits"]:
        found = re.fullmatch(_OF_A_TENANT, line)
        name, text = found.groups() if found else ("", line)
        alike.setdefault(text, []).append(name)
    return [
        visible(text) if not names[0]
        else f"{'tenant' if len(names) == 1 else 'tenants'} {', '.join(names)}: {visible(text)}"
        for text, names in alike.items()
    ]  # fmt: skip


_OF_A_TENANT = r"(?s)tenant ([a-z0-9-]+): (.*)"


def still_held_line(held: StillHeldDocument, users: Extremes[tuple[int, int]] | None = None) -> str:
    """How many users hold what is deprecated, since when it is, and what to use.

    `users` are those of several tenants.
    """
    use = f", use {visible(held['use'])}" if held["use"] is not None else ""
    reason = f" ({visible(held['reason'])})" if held["reason"] is not None else ""
    if users is not None and users.least != users.greatest:
        number = f"{_among_text(users)} still hold a value"
    elif held["users"] is None:
        number = "how many still hold a value is not known"
    else:
        number = f"{_of_text((held['users'], held['of']))} still hold a value"
    since = f"deprecated since {visible(held['since'])}"
    return f"{since}: {visible(held['path'])}{use}{reason}: {number}"


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
