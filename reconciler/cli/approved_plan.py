"""The approved plan, compared with the plan made now: a plan file is never trusted."""

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import merge
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Literal, assert_never, get_args

from reconciler.domain.diff import differences
from reconciler.domain.documents import (
    ChangeDocument,
    PlanDocument,
    PlanFacts,
    SchemaDocument,
    TenantDocument,
)
from reconciler.domain.jsontext import canonical, digest
from reconciler.domain.messages import suggestion
from reconciler.domain.outcome import Unapproved
from reconciler.domain.plan import Exceeded, Plan, Written, exceeded_limits
from reconciler.domain.scim import MalformedSchema, Schema, fold
from reconciler.domain.selection import Shard
from reconciler.errors import LimitExceeded, PlanStale, UsageError
from reconciler.render.json_text import json_text
from reconciler.render.paint import Paint
from reconciler.render.plan_document import checksum, differences_document
from reconciler.render.plan_text import change_lines, tenant_head_lines

TenantMember = Literal["name", "dialect", "base_url", "token_url"]
ChangeMember = Literal[
    "id", "action", "reason", "schema_id", "manifest", "resource_type", "manages",
    "live_fingerprint", "recipe",
]  # fmt: skip
_OF_TENANTS: tuple[TenantMember, ...] = get_args(TenantMember)
_OF_CHANGES: tuple[ChangeMember, ...] = get_args(ChangeMember)


@dataclass(frozen=True, slots=True)
class WholePlan:
    """The consent to all of a plan or nothing of it, by its digest."""

    digest: str


@dataclass(frozen=True, slots=True)
class TenantDigests:
    """The consent to the plans of these tenants, each by its digest."""

    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """The consent to a plan as a document, saved or seen, tenant by tenant.

    `shard` is the part of it that this run is to carry out; None for all.
    """

    document: PlanFacts
    shard: Shard | None = None

    def tenants(self) -> Iterator[TenantDocument]:
        """The tenants that are to be carried out."""
        shard = self.shard
        return (each for each in self.document["tenants"] if not shard or shard.takes(each["name"]))


def approved_by(given: Iterable[str], tenants: Collection[str]) -> WholePlan | TenantDigests:
    """The consent that `--approve` gives, as DIGEST or TENANT=DIGEST; raises UsageError.

    `tenants` are those that the run selects.
    """
    found: dict[str | None, str] = {}
    for text in given:
        name, equals, approved = text.rpartition("=")
        tenant = name if equals else None
        if re.fullmatch("sha256:[0-9a-f]{64}", approved) is None:
            raise UsageError(
                f"--approve {text} is no digest: give sha256: and 64 hexadecimal digits, as "
                "`reconciler plan` prints them, or TENANT=DIGEST"
            )
        if tenant is not None and tenant not in tenants:
            hint = suggestion(tenant, tenants)
            raise UsageError(f"--approve {text} names no tenant of this run; {hint}")
        if found.setdefault(tenant, approved) != approved:
            whose = "the whole plan" if tenant is None else tenant
            raise UsageError(f"--approve gives two digests of {whose}; leave out the wrong one")
    digests = {tenant: approved for tenant, approved in found.items() if tenant is not None}
    whole = found.get(None)
    if whole is None:
        return TenantDigests(digests)
    if digests:
        raise UsageError(
            "--approve gives the digest of the whole plan and digests of tenants; leave one out"
        )
    return WholePlan(whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What was approved; None where any plan is.

    `forced` lifts the safety limits, and nothing else.
    """

    of: WholePlan | TenantDigests | ShownPlan | None
    forced: bool = False

    def check(self, plan: Plan, now: PlanFacts) -> tuple[Unapproved, ...]:
        """The tenants that may not be written; `now` is the document of the plan.

        Raise PlanStale where nothing of it is approved, LimitExceeded where the rest is too large.
        """
        unapproved = self._unapproved(plan, now)
        excluded = {each.tenant for each in unapproved}
        part = replace(plan, tenants=tuple(t for t in plan.tenants if t.name not in excluded))
        if (exceeded := exceeded_limits(part)) and not self.forced:
            raise refused_by(exceeded)
        return unapproved

    def _unapproved(self, plan: Plan, now: PlanFacts) -> tuple[Unapproved, ...]:
        unapproved: tuple[Unapproved, ...] = ()
        readable = {tenant.name for tenant in plan.tenants if tenant.error is None}
        match self.of:
            case None:
                pass
            case WholePlan(approved):
                if plan.digest() != approved:
                    raise PlanStale(_stale(plan, approved))
            case TenantDigests(digests):
                unapproved = tuple(_not_named(plan, digests))
                if unapproved and not (readable & digests.keys()) - {
                    each.tenant for each in unapproved
                }:
                    reasons = "\n".join(f"{each.tenant}: {each.reason}" for each in unapproved)
                    raise PlanStale(
                        "no tenant has the plan that was approved; nothing was written. "
                        f"Plan again and have that approved\n{reasons}"
                    )
            case ShownPlan(shown):
                unapproved = tuple(_not_as_shown(self.of, plan, now))
                if (place := next(_contradictions(shown), None)) is not None:
                    raise PlanStale(_contradicted(place))
                if unapproved and not readable - {each.tenant for each in unapproved}:
                    lines = [line for each in unapproved for line in each.difference]
                    text = "\n".join(("--- approved", "+++ now", *lines))
                    raise PlanStale(f"{_stale(plan, shown['digest'])}\n{text}")
            case _:
                assert_never(self.of)
        return unapproved


def refused_by(exceeded: Iterable[Exceeded]) -> LimitExceeded:
    """The error about the safety limits that a plan exceeds."""
    limits = "\n".join(str(limit) for limit in exceeded)
    return LimitExceeded(f"a safety limit refuses this plan; nothing was written\n{limits}")


def require_unedited(saved: PlanDocument) -> None:
    """Raise PlanStale where a saved plan is not as it was saved."""
    # Whoever edits it on purpose can make the checksum fit, and is found by `Approval.check`
    # (docs/decisions.md, "An edited plan file is found twice").
    if saved["checksum"] != checksum(saved):
        raise PlanStale(_was_edited("its checksum does not fit"))


def _was_edited(how: str) -> str:
    return (
        f"the saved plan was edited, {how}; nothing was written. "
        "A plan file says what was approved and cannot be changed: edit the manifests, plan again "
        "and have that approved"
    )


def _stale(plan: Plan, approved: str) -> str:
    return (
        f"the plan now has digest {plan.digest()}, and {approved} was approved; "
        "nothing was written. Plan again and have that approved"
    )


def _not_named(plan: Plan, digests: Mapping[str, str]) -> Iterator[Unapproved]:
    """The tenants whose plan is another one, and those with work that nobody approved."""
    for tenant in plan.tenants:
        approved = digests.get(tenant.name)
        if approved is None:
            if tenant.has_writes:
                yield Unapproved(tenant=tenant.name, reason="no --approve names it")
        elif tenant.digest() != approved:
            now = f"its plan now has digest {tenant.digest()}" if tenant.error is None else _UNREAD
            yield Unapproved(tenant=tenant.name, reason=f"{now}, and {approved} was approved")


def _not_as_shown(shown: ShownPlan, plan: Plan, now: PlanFacts) -> Iterator[Unapproved]:
    """The tenants whose plan is not that of an approved document, each with the difference.

    What was approved and is done already counts as approved. Raise PlanStale where the document
    shows something else than what its digests stand for.
    """
    planned = {tenant.name: tenant for tenant in plan.tenants}
    for name, old, new in _pairs(shown.tenants(), now["tenants"]):
        if old is not None and new is not None:
            same = old["digest"] == new["digest"]
            writes = {} if same else _writes(old)
            if same or (writes and planned[name].digest_before(writes) == old["digest"]):
                if (member := next(_edited(old, new, done=writes), None)) is not None:
                    raise PlanStale(_contradicted(f"tenants.{name}.{member}"))
                continue
        if new is None:
            reason = "the approved plan has it, and no manifest names it now"
        elif old is None:
            reason = "the approved plan does not have it"
        else:
            reason = f"{_OTHER if new['error'] is None else _UNREAD} (- approved, + now)"
        yield Unapproved(
            tenant=name, reason=reason, difference=tuple(_shortened(_difference(old, new)))
        )


def _writes(tenant: TenantDocument) -> dict[str, Written]:
    """The creates and updates of a tenant's plan, by their ids."""
    return {
        change["id"]: Written(change["action"], change["live_fingerprint"])
        for change in tenant["changes"]
        if change["action"] == "create" or change["action"] == "update"
    }


def _pairs(
    shown: Iterable[TenantDocument], now: Iterable[TenantDocument]
) -> Iterator[tuple[str, TenantDocument | None, TenantDocument | None]]:
    """The tenants of both sides by name; None where a side has none."""
    merged = merge(
        ((tenant["name"], 0, tenant) for tenant in shown),
        ((tenant["name"], 1, tenant) for tenant in now),
        key=itemgetter(0, 1),
    )
    for name, group in groupby(merged, key=itemgetter(0)):
        sides: list[TenantDocument | None] = [None, None]
        for _, side, tenant in group:
            sides[side] = tenant
        yield name, sides[0], sides[1]


def _contradicted(place: str) -> str:
    return _was_edited(f"it differs from what its digest stands for at {place}")


def _contradictions(shown: PlanFacts) -> Iterator[str]:
    """The members that contradict the tenants of the same document."""
    digests: list[str] = []
    counts = Counter[str]()
    for tenant in shown["tenants"]:
        digests.append(tenant["digest"])
        counts["unreadable"] += tenant["error"] is not None
        counts.update(
            str(change["reason"]) if change["action"] == "skip" else change["action"]
            for change in tenant["changes"]
        )
    if shown["digest"] != digest(sorted(digests)):
        yield "digest"
    # What nobody manages, and since when something has drifted, is no part of a digest.
    for name, number in sorted(shown["summary"].items()):
        if name not in ("unmanaged", "drift") and number != counts[name.replace("_", "-")]:
            yield f"summary.{name}"


def _edited(old: TenantDocument, new: TenantDocument, *, done: Collection[str]) -> Iterator[str]:
    """The members in which an approved tenant differs from the tenant with its digest.

    Of the changes in `done` only those count that are still to be made.
    """
    # Three things may differ: schemas that nobody manages, the lines of manifests, and the release.
    yield from (member for member in _OF_TENANTS if old[member] != new[member])
    if old.get("canary") != new.get("canary"):
        yield "canary"
    if (old["error"] is None) != (new["error"] is None):
        yield "error"
    if len(old["changes"]) != len(new["changes"]):
        yield "changes"
    for one, other in zip(old["changes"], new["changes"], strict=False):
        if one["id"] == other["id"] and one["id"] in done and other["reason"] == "in-sync":
            continue
        yield from (f"{other['id']}.{member}" for member in _edited_members(one, other))


def _edited_members(old: ChangeDocument, new: ChangeDocument) -> Iterator[str]:
    yield from (member for member in _OF_CHANGES if old[member] != new[member])
    before, after = _schema(old["before"]), _schema(old["after"])
    for member, schema, was, now in (
        ("before", before, old["before"], new["before"]),
        ("after", after, old["after"], new["after"]),
    ):
        # An earlier release has saved the schema of what is in sync, too.
        in_sync = new["reason"] == "in-sync"
        if in_sync and schema and schema.fingerprint() == new["live_fingerprint"]:
            continue
        is_sent = member == "after" and new["action"] in ("create", "update")
        if was is None or schema is None or now is None:
            same = was is now
        elif is_sent:
            same = canonical(was) == canonical(now)
        else:
            same = schema == _schema(now) and canonical(schema.whole()) == canonical(was)
        if not same:
            yield member
    # By what it shows itself, for a service may spell the same otherwise by now.
    found = differences(before, after) if before and after else ()
    if canonical(old["differences"]) != canonical(differences_document(found)):
        yield "differences"


def _schema(document: SchemaDocument | None) -> Schema | None:
    """The schema; None for an absent one, and for one that somebody has spoilt."""
    try:
        return None if document is None else Schema.from_json(document)
    except MalformedSchema:
        return None


def _difference(old: TenantDocument | None, new: TenantDocument | None) -> Iterator[str]:
    """The lines in which two plans of a tenant differ, as people read plans; else their JSON.

    The changes are looked at one at a time: those of a large tenant do not fit into memory.
    """
    paint = Paint()
    before, after = ([*tenant_head_lines(side, paint=paint)] if side else [] for side in (old, new))
    yield from _line_diff(before, after) or [f" {before[0]}"]
    found = False
    for one, other in _paired(old, new):
        lines = ([*change_lines(side, paint=paint)] if side else [] for side in (one, other))
        for line in _line_diff(*lines):
            found = True
            yield line
    if old is None or new is None or found or before[:1] != after[:1]:
        return
    if (old["error"] is None) == (new["error"] is None):
        pairs = chain([(old["token_url"], new["token_url"])], _paired(old, new))
        for sides in pairs:
            for line in _line_diff(*(json_text(side).splitlines() for side in sides)):
                found = True
                yield line
        if not found:
            yield f"  {_ELSEWHERE}"


def _paired(
    old: TenantDocument | None, new: TenantDocument | None
) -> Iterator[tuple[ChangeDocument | None, ChangeDocument | None]]:
    """The changes of both sides by id, with the places of the new one: those decide nothing."""

    def numbered(side: int, tenant: TenantDocument | None) -> Iterator[_Numbered]:
        for change in tenant["changes"] if tenant else ():
            yield (fold(change["schema_id"]), change["id"]), side, change

    merged = merge(numbered(0, old), numbered(1, new), key=itemgetter(0, 1))
    for _, group in groupby(merged, key=itemgetter(0)):
        sides: list[ChangeDocument | None] = [None, None]
        for _, side, change in group:
            sides[side] = change
        one, other = sides
        yield {**one, "source": other["source"]} if one and other else one, other


_Numbered = tuple[tuple[str, str], int, ChangeDocument]


def _shortened(lines: Iterator[str]) -> Iterator[str]:
    """As many lines as anybody reads, and the number of the others."""
    yield from islice(lines, _MOST_LINES)
    if more := sum(1 for _ in lines):
        yield f"  … and {more} more lines; `reconciler show` and `reconciler plan` show both plans"


_MOST_LINES = 2_000  # of one tenant


def _line_diff(old: list[str], new: list[str]) -> list[str]:
    """The lines that differ, below the line with which both begin; none where all are the same."""
    found = [
        line
        for line in list(difflib.unified_diff(old, new, lineterm="", n=0))[2:]
        if not line.startswith("@@")
    ]
    if found and old[:1] == new[:1]:
        return [f" {old[0]}", *found]
    return found


_OTHER = "its plan is not the one that was approved"
_UNREAD = "it could not be read"
_ELSEWHERE = (
    "what differs is how a tenant is reached: its credentials' names, its capabilities or who is "
    "notified"
)
