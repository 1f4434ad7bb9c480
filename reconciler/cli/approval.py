"""What was approved, and whether the plan made now is that: a plan file is never trusted."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import itemgetter

from reconciler.domain.diff import differences
from reconciler.domain.jsontext import Json
from reconciler.domain.plan import Plan, SkipReason, exceeded_limits
from reconciler.domain.scim import MalformedSchema, Schema
from reconciler.errors import LimitExceeded, PlanStale
from reconciler.render.document import checksum, differences_document, json_text
from reconciler.render.paint import Paint
from reconciler.render.text import plan_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What was approved: a digest, perhaps from a saved plan; or everything (None).

    `forced` lifts the safety limits, and nothing else.
    """

    digest: str | None
    saved: Json = None
    forced: bool = False

    def check(self, plan: Plan, now: Json) -> None:
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
            told = "\n".join(str(limit) for limit in exceeded)
            raise LimitExceeded(f"a safety limit refuses this plan; nothing was written\n{told}")


def require_unedited(saved: Json) -> None:
    """Raise PlanStale where a saved plan is not as it was saved.

    Who edits it on purpose can make the checksum fit, and is found by `Approval.check`.
    """
    if saved["checksum"] != checksum(saved):
        raise PlanStale(_was_edited("its checksum does not fit"))


def _was_edited(how: str) -> str:
    return (
        f"the saved plan was edited, {how}; nothing was written. "
        "A plan file says what was approved and cannot be changed: edit the manifests, plan again "
        "and have that approved"
    )


def _edited(saved: Json, now: Json) -> Iterator[str]:
    """Where a saved plan says something else than the plan with its digest, as paths.

    What nobody manages, where a manifest stands, and which release has planned may differ.
    """
    counted = now["summary"].keys() - {"unmanaged", "drift"}
    counts = {key: saved["summary"][key] for key in sorted(counted)}
    yield from (f"summary.{key}" for key, n in counts.items() if n != now["summary"][key])
    if len(saved["tenants"]) != len(now["tenants"]):
        yield "tenants"
    for old, new in zip(saved["tenants"], now["tenants"], strict=False):
        at = f"tenants.{new['name']}"
        members = ("name", "dialect", "base_url", "token_url")
        yield from (f"{at}.{member}" for member in members if old[member] != new[member])
        if (old["error"] is None) != (new["error"] is None):
            yield f"{at}.error"
        if len(old["changes"]) != len(new["changes"]):
            yield f"{at}.changes"
        for one, other in zip(old["changes"], new["changes"], strict=False):
            yield from (f"{at}.{other['id']}.{member}" for member in _edited_members(one, other))


def _edited_members(old: Json, new: Json) -> Iterator[str]:
    members = ("id", "action", "reason", "schema_id", "manifest", "live_fingerprint", "recipe")
    yield from (member for member in members if old[member] != new[member])
    before, after = _schema(old["before"]), _schema(old["after"])
    for member, schema in (("before", before), ("after", after)):
        absent = old[member] is None
        if _is_in_sync_in_full(schema, new):
            continue
        if absent != (new[member] is None) or schema != _schema(new[member]):
            yield member
    # By what it shows itself, for a service may spell the same otherwise by now; but members that
    # are the vendor's are in no body.
    found = differences(before, after) if before and after else ()
    if old["differences"] not in (new["differences"], differences_document(found)):
        yield "differences"


def _is_in_sync_in_full(schema: Schema | None, new: Json) -> bool:
    """Whether it is what is in sync, whose bodies an earlier release has saved too."""
    if schema is None or new["reason"] != SkipReason.IN_SYNC:
        return False
    return bool(schema.fingerprint() == new["live_fingerprint"])


def _schema(document: Json) -> Schema | None:
    """None for what is no schema: an absent one, or one that somebody has spoilt."""
    try:
        return None if document is None else Schema.from_json(document)
    except MalformedSchema:
        return None


def _changed(saved: Json, now: Json) -> str:
    """A diff as people read plans, of the tenants that differ; of the JSON where those read alike.

    Since when something has drifted is left out: apply does not ask for it.
    """
    pairs = list(_different(saved["tenants"], now["tenants"]))
    one, other = (
        {**document, "tenants": [pair[side] for pair in pairs if pair[side] is not None]}
        for side, document in enumerate((saved, now))
    )
    return (
        _diff(*("".join(plan_text(document, paint=Paint())) for document in (one, other)))
        or _diff(*(json_text(document["tenants"]) for document in (one, other)))
        or "what differs is how a tenant is reached: its credentials' names, or its capabilities"
    )


def _different(saved: Iterable[Json], now: Iterable[Json]) -> Iterator[tuple[Json, Json]]:
    """The tenants that are not the same on both sides, by name; None where a side has none."""
    merged = merge(
        ((tenant["name"], 0, _without_drift(tenant)) for tenant in saved),
        ((tenant["name"], 1, _without_drift(tenant)) for tenant in now),
        key=itemgetter(0, 1),
    )
    for _, group in groupby(merged, key=itemgetter(0)):
        sides: list[Json] = [None, None]
        for _, side, tenant in group:
            sides[side] = tenant
        if sides[0] != sides[1]:
            yield sides[0], sides[1]


def _without_drift(tenant: Json) -> Json:
    return {**tenant, "drift": []}


def _diff(old: str, new: str) -> str:
    """Without the lines that say the digest, which always differ."""
    before, after = (
        [line for line in text.splitlines() if not line.startswith("Digest: ")]
        for text in (old, new)
    )
    return "\n".join(difflib.unified_diff(before, after, "approved", "now", lineterm="", n=1))
