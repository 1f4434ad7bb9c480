"""The approved plan, compared with the plan made now: a plan file is never trusted."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Literal

from reconciler.domain.diff import differences
from reconciler.domain.documents import (
    ChangeDocument,
    PlanDocument,
    PlanFacts,
    SchemaDocument,
    TenantDocument,
    Tenants,
)
from reconciler.domain.jsontext import canonical
from reconciler.domain.plan import Plan, exceeded_limits
from reconciler.domain.scim import MalformedSchema, Schema
from reconciler.errors import LimitExceeded, PlanStale
from reconciler.render.json_text import json_text
from reconciler.render.paint import Paint
from reconciler.render.plan_document import checksum, differences_document
from reconciler.render.plan_text import plan_text

_OF_TENANTS: tuple[Literal["name", "dialect", "base_url", "token_url"], ...] = (
    "name", "dialect", "base_url", "token_url",
)  # fmt: skip
_OF_CHANGES: tuple[
    Literal["id", "action", "reason", "schema_id", "manifest", "live_fingerprint", "recipe"], ...
] = ("id", "action", "reason", "schema_id", "manifest", "live_fingerprint", "recipe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The consent to a plan by its digest, perhaps from a saved plan; or to any plan (None).

    `forced` lifts the safety limits, and nothing else.
    """

    digest: str | None
    saved: PlanFacts | None = None
    forced: bool = False

    def check(self, plan: Plan, now: PlanFacts) -> None:
        """Raise PlanStale where the plan is another one, LimitExceeded where it is too large.

        `now` is the document of the plan.
        """
        if self.digest is not None and plan.digest() != self.digest:
            raise PlanStale(
                f"the plan now has digest {plan.digest()}, and {self.digest} was approved; "
                "nothing was written. Plan again and have that approved"
                + (f"\n{_changed(self.saved, now)}" if self.saved else "")
            )
        if self.saved is not None and (found := tuple(_edited(self.saved, now))):
            raise PlanStale(
                _was_edited(f"it differs from what its digest stands for at {found[0]}")
            )
        if (exceeded := exceeded_limits(plan)) and not self.forced:
            limits = "\n".join(str(limit) for limit in exceeded)
            raise LimitExceeded(f"a safety limit refuses this plan; nothing was written\n{limits}")


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


def _edited(saved: PlanFacts, now: PlanFacts) -> Iterator[str]:
    """The paths at which a saved plan differs from the plan with its digest."""
    # Three things may differ: schemas that nobody manages, the lines of manifests, and the release.
    for name, number in sorted(now["summary"].items()):
        if name not in ("unmanaged", "drift") and saved["summary"].get(name) != number:
            yield f"summary.{name}"
    if len(saved["tenants"]) != len(now["tenants"]):
        yield "tenants"
    for old, new in zip(saved["tenants"], now["tenants"], strict=False):
        at = f"tenants.{new['name']}"
        yield from (f"{at}.{member}" for member in _OF_TENANTS if old[member] != new[member])
        if (old["error"] is None) != (new["error"] is None):
            yield f"{at}.error"
        if len(old["changes"]) != len(new["changes"]):
            yield f"{at}.changes"
        for one, other in zip(old["changes"], new["changes"], strict=False):
            yield from (f"{at}.{other['id']}.{member}" for member in _edited_members(one, other))


def _edited_members(old: ChangeDocument, new: ChangeDocument) -> Iterator[str]:
    yield from (member for member in _OF_CHANGES if old[member] != new[member])
    before, after = _schema(old["before"]), _schema(old["after"])
    for member, schema, was, now in (
        ("before", before, old["before"], new["before"]),
        ("after", after, old["after"], new["after"]),
    ):
        # An earlier release has saved the schema of what is in sync, too.
        fingerprint = schema.fingerprint() if schema is not None else None
        if new["reason"] == "in-sync" and fingerprint == new["live_fingerprint"]:
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


def _changed(saved: PlanFacts, now: PlanFacts) -> str:
    """A diff of the tenants that differ, as people read plans; of their JSON where that is none."""
    pairs = list(_different(saved["tenants"], now["tenants"]))
    one: PlanFacts = {**saved, "tenants": [old for old, _ in pairs if old is not None]}
    other: PlanFacts = {**now, "tenants": [new for _, new in pairs if new is not None]}
    return (
        _diff(*("".join(plan_text(document, paint=Paint())) for document in (one, other)))
        or _diff(*(json_text(document["tenants"]) for document in (one, other)))
        or "what differs is how a tenant is reached: its credentials' names, or its capabilities"
    )


def _different(
    saved: Tenants, now: Tenants
) -> Iterator[tuple[TenantDocument | None, TenantDocument | None]]:
    """The tenants that are not the same on both sides, by name; None where a side has none."""
    merged = merge(
        ((tenant["name"], 0, _without_drift(tenant)) for tenant in saved),
        ((tenant["name"], 1, _without_drift(tenant)) for tenant in now),
        key=itemgetter(0, 1),
    )
    for _, group in groupby(merged, key=itemgetter(0)):
        sides: list[TenantDocument | None] = [None, None]
        for _, side, tenant in group:
            sides[side] = tenant
        if sides[0] != sides[1]:
            yield sides[0], sides[1]


def _without_drift(tenant: TenantDocument) -> TenantDocument:
    return {**tenant, "drift": []}  # since when something has drifted is known to plan alone


def _diff(old: str, new: str) -> str:
    # Without the lines of the digest, which always differ.
    before, after = (
        [line for line in text.splitlines() if not line.startswith("Digest: ")]
        for text in (old, new)
    )
    return "\n".join(difflib.unified_diff(before, after, "approved", "now", lineterm="", n=1))
