"""Plan → the JSON plan document of the contract; every other rendering starts from it.

A plan and a saved plan then print alike by construction (docs/decisions.md, "A plan document is
rendered from its JSON").
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, assert_never, cast

from reconciler import __version__
from reconciler.domain.approvals import Needed, approvals_needed, approvers
from reconciler.domain.body import ordered_body
from reconciler.domain.diff import Difference
from reconciler.domain.drift import Drift, DriftKind
from reconciler.domain.jsontext import Json
from reconciler.domain.plan import (
    FORMAT_VERSION,
    Blocked,
    Change,
    Create,
    Plan,
    Skip,
    TenantPlan,
    Update,
    exceeded_limits,
    is_in_sync,
)
from reconciler.domain.problem import Place
from reconciler.domain.redaction import Redaction
from reconciler.render.json_text import indented, json_text

if TYPE_CHECKING:  # most plans change nothing and count nobody
    from reconciler.domain.documents import (
        Action,
        ChangeDocument,
        DifferenceDocument,
        DriftDocument,
        ImpactDocument,
        MeasureDocument,
        PlanDocument,
        PlanFacts,
        PlanHead,
        PlanWaves,
        Reason,
        SchemaDocument,
        SelectionDocument,
        SourceDocument,
        StillHeldDocument,
        TenantDocument,
        Tenants,
        WithheldDocument,
    )
    from reconciler.domain.impact import Impact
    from reconciler.domain.measures import Measured, StillHeld

_NO_TENANTS = '"tenants": []'  # in a string its quotation marks would be escaped
_NO_CHANGES = '"changes": []'


def plan_document(plan: Plan) -> PlanDocument:
    """The plan as `reconciler schema plan` describes it; same plan, same document."""
    tenants = [tenant_document(tenant) for tenant in plan.tenants]
    return sealed(plan_facts(plan, tenants, approvals_needed(plan)))


def plan_facts(plan: Plan, tenants: Tenants, approvals: Iterable[Needed]) -> PlanFacts:
    """All of a plan's document but its checksum, which only who saves it needs."""
    summary = plan.summary()
    drift = Counter(drift.kind for tenant in plan.tenants for drift in tenant.drift)
    waves: PlanWaves = {}
    if plan.wave_sizes or plan.waves():
        from reconciler.domain.waves import waves_document  # most plans have none

        waves = waves_document(plan.waves(), plan.wave_sizes)
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": __version__,
        "digest": plan.digest(),
        **plan_head(plan),
        "tenants": tenants,
        "approvals": [
            {
                "kind": needed.kind.value,
                "owners": list(needed.owners),
                "changes": list(needed.changes),
            }
            for needed in approvals
        ],
        "exceeded_limits": [str(exceeded) for exceeded in exceeded_limits(plan)],
        "summary": {
            "create": summary.create,
            "update": summary.update,
            "destroy": 0,
            "in_sync": summary.in_sync,
            "drifted": summary.drifted,
            "excluded": summary.excluded,
            "blocked": summary.blocked,
            "unmanaged": summary.unmanaged,
            "unreadable": summary.unreadable,
            "drift": {
                "changed": drift[DriftKind.CHANGED],
                "missing": drift[DriftKind.MISSING],
                "unmanaged": drift[DriftKind.UNMANAGED],
                "outdated": drift[DriftKind.OUTDATED],
            },
        },
        **waves,
    }


def plan_head(plan: Plan) -> PlanHead:
    """The part of a plan's document that is known before any tenant is read."""
    source, selected = plan.tenants_from, plan.selection
    selection: SelectionDocument = {
        "tenant": list(selected.tenants),
        "target": list(selected.targets),
        "exclude": list(selected.excludes),
    }
    if selected.shard is not None:
        selection["shard"] = str(selected.shard)
    if selected.due is not None:
        selection["due"] = sorted(selected.due)
    return {
        "git": {"commit": plan.git.commit, "dirty": plan.git.dirty},
        "tenants_from": None
        if source is None
        else {
            "ref": source.ref,
            "commit": source.commit,
            "changed": list(source.changed),
            "added": list(source.added),
            "removed": list(source.removed),
            "unread": list(source.unread),
        },
        "selection": selection,
    }


def sealed(document: PlanFacts) -> PlanDocument:
    """Add the checksum to a plan document."""
    return {**document, "checksum": checksum(document)}


def checksum(document: PlanFacts) -> str:
    """The SHA-256 over all other members of a plan document, by which an edited file is found.

    The bytes are those of the whole document as one text.
    """
    # Changes are hashed one at a time: those of a large tenant, or fleet, do not fit into memory.
    others = {key: value for key, value in document.items() if key != "checksum"}
    whole = json.dumps({**others, "tenants": []}, sort_keys=True)
    before, _, after = whole.partition(_NO_TENANTS)
    found = hashlib.sha256(before.encode())
    found.update(b'"tenants": [')
    for number, tenant in enumerate(document["tenants"]):
        found.update(b", " if number else b"")
        head = json.dumps({**tenant, "changes": []}, sort_keys=True)
        above, _, below = head.partition(_NO_CHANGES)
        found.update(f'{above}"changes": ['.encode())
        for place, change in enumerate(tenant["changes"]):
            found.update(b", " if place else b"")
            found.update(json.dumps(change, sort_keys=True).encode())
        found.update(f"]{below}".encode())
    found.update(f"]{after}".encode())
    return f"sha256:{found.hexdigest()}"


def plan_json(document: PlanFacts) -> Iterator[str]:
    """The text of a plan document as `json_text` gives it, in pieces: one for each change."""
    whole = json_text({**document, "tenants": []})
    before, _, after = whole.partition(f"\n  {_NO_TENANTS}")
    yield f'{before}\n  "tenants": ['
    number = 0
    for number, tenant in enumerate(document["tenants"], start=1):
        head = _indented({**tenant, "changes": []}, 4)
        above, _, below = head.partition(_NO_CHANGES)
        yield f'{"," if number > 1 else ""}\n    {above}"changes": ['
        place = 0
        for place, change in enumerate(tenant["changes"], start=1):
            yield f"{',' if place > 1 else ''}\n        {_indented(change, 8)}"
        yield ("\n      ]" if place else "]") + below
    yield ("\n  ]" if number else "]") + after


def _indented(document: object, columns: int) -> str:
    # A text in JSON holds no line end: each that is here begins a line of ours.
    return indented(document).replace("\n", "\n" + " " * columns)


def tenant_document(tenant: TenantPlan) -> TenantDocument:
    """The plan of one tenant."""
    return {**tenant_head(tenant), "changes": [change_of(tenant, each) for each in tenant.changes]}


def tenant_head(tenant: TenantPlan) -> TenantDocument:
    """The plan of one tenant without its changes, of which each may be large."""
    head: TenantDocument = {
        "name": tenant.name,
        "digest": tenant.digest(),
        "dialect": tenant.tenant.dialect.name,
        "base_url": tenant.tenant.base_url,
        "token_url": tenant.tenant.auth.token_url,
        "extensions_live": tenant.extensions_live,
        "extensions_limit": tenant.extensions_limit,
        "error": tenant.error,
        "warnings": list(tenant.warnings),
        "unmanaged": list(tenant.redaction.texts(tenant.unmanaged)),
        "drift": [_drift_shown(drift, tenant.redaction) for drift in tenant.drift],
        "changes": [],
    }
    if tenant.tenant.canary is not None:
        head["canary"] = True
    if tenant.tenant.wave is not None:
        head["wave"] = tenant.tenant.wave
    if tenant.frozen is not None:
        head["frozen_until"] = tenant.frozen.opens
    return head


def _drift_shown(drift: Drift, redaction: Redaction) -> DriftDocument:
    """The drift of one schema, without credentials where it is the tenant that names it."""
    document = drift_document(drift)
    if drift.kind is DriftKind.UNMANAGED:
        document["schema_id"] = redaction.text(drift.schema_id)
    return document


def change_of(tenant: TenantPlan, change: Change) -> ChangeDocument:
    """One change of a tenant's plan.

    With those whom it hurts, and who holds what is deprecated, where they were counted.
    """
    document = change_document(change)
    if tenant.impact is not None:
        measured = tenant.impact.get(change.subject.id, ())
        document["impact"] = [measure_document(each) for each in measured]
        held = tenant.deprecated.get(change.subject.id, ())
        document["deprecated"] = [_still_held_document(each) for each in held]
    return document


def drift_document(drift: Drift) -> DriftDocument:
    """The drift of one schema."""
    return {"kind": drift.kind.value, "schema_id": drift.schema_id, "since": drift.since}


def action_of(change: Change) -> Action:
    """The word of the contract for a kind of change."""
    match change:
        case Create():
            return "create"
        case Update():
            return "update"
        case Skip():
            return "skip"
        case Blocked():
            return "blocked"
        case _:
            assert_never(change)


def reason_of(change: Change) -> Reason | None:
    """The reason of a skip or of a blocked change; None for what is written."""
    match change:
        case Skip():
            return change.reason.value
        case Blocked():
            return change.reason.value
        case Create() | Update():
            return None
        case _:
            assert_never(change)


def change_document(change: Change) -> ChangeDocument:
    """One manifest on one tenant, and what is to be done about it."""
    subject = change.subject
    # Of a skip nothing is assessed, for nothing is done.
    assessed = None if isinstance(change, Skip) else subject.assessment()
    in_sync = is_in_sync(change)
    writes = isinstance(change, Create | Update)
    return {
        "id": subject.id,
        "action": action_of(change),
        "reason": reason_of(change),
        "schema_id": subject.schema_id,
        "manifest": subject.extension.name,
        "source": _source(subject.extension.place),
        "resource_type": subject.extension.resource_type if writes else None,
        "manages": subject.extension.manages.value if writes else None,
        "before": _schema(subject.shown.whole()) if subject.shown and not in_sync else None,
        "after": None if in_sync else _schema(_desired(change)),
        "differences": differences_document(subject.differences()),
        "live_fingerprint": subject.live_fingerprint,
        "recipe": change.recipe if isinstance(change, Blocked) else None,
        "kinds": [kind.value for kind in assessed.kinds] if assessed else [],
        "impacts": [impact_document(impact) for impact in assessed.impacts] if assessed else [],
        "withheld": _withheld(change) if isinstance(change, Skip) else None,
    }


def _withheld(skip: Skip) -> WithheldDocument | None:
    if skip.withheld is None:
        return None
    written = skip.subject.extension.on_drift_place
    reason, recipe = skip.withheld.blocked or (None, None)
    assessed = skip.subject.assessment()
    return {
        "on_drift": _source(written) if written else None,
        "action": "blocked" if reason else "update",
        "reason": reason.value if reason else None,
        "recipe": recipe,
        "kinds": [kind.value for kind in assessed.kinds],
        "impacts": [impact_document(impact) for impact in assessed.impacts],
        "approvals": [
            {"kind": kind.value, "owners": list(owners)} for kind, owners in approvers(skip.subject)
        ],
    }


def _source(place: Place) -> SourceDocument:
    return {"path": place.path, "line": place.line}


def _desired(change: Change) -> dict[str, Json]:
    """The desired schema; of what is written as it is sent, else with no regard to spelling."""
    desired = change.subject.desired
    match change:
        case Create() | Update():
            return ordered_body(desired)
        case Skip() | Blocked():
            return desired.whole()
        case _:
            assert_never(change)


def _schema(document: Json) -> SchemaDocument:
    # Its members are those of RFC 7643 and of vendors, of which plan.json asks for some.
    return cast("SchemaDocument", document)


def impact_document(impact: Impact) -> ImpactDocument:
    """A finding of a rule about changes."""
    return {
        "rule": impact.rule,
        "severity": impact.severity.value,
        "consumers": [consumer.value for consumer in impact.consumers],
        "message": impact.message,
    }


def measure_document(measured: Measured) -> MeasureDocument:
    """How many users a change hurts."""
    return {
        "path": measured.path,
        "kind": measured.kind.value,
        "users": measured.users,
        "of": measured.of,
        "risk": measured.risk.value,
    }


def _still_held_document(held: StillHeld) -> StillHeldDocument:
    return {
        "path": held.notice.name,
        "since": held.notice.since,
        "use": held.notice.use,
        "reason": held.notice.reason,
        "users": held.users,
        "of": held.of,
    }


def differences_document(differences: Iterable[Difference]) -> list[DifferenceDocument]:
    """The path, the live and the desired value of each difference."""
    return [{"path": d.path, "live": d.live, "desired": d.desired} for d in differences]
