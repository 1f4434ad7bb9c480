"""Plan → the JSON plan document of the contract; every other rendering starts from it.

That a plan and a saved plan print alike is then true by construction.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import assert_never, cast

from reconciler import __version__
from reconciler.domain.approvals import Needed, approvals_needed
from reconciler.domain.diff import Difference
from reconciler.domain.documents import (
    Action,
    ChangeDocument,
    DifferenceDocument,
    DriftCounts,
    ImpactDocument,
    Kind,
    PlanDocument,
    PlanFacts,
    PlanHead,
    Reason,
    SchemaDocument,
    TenantDocument,
    Tenants,
    TenantsFromDocument,
)
from reconciler.domain.drift import DriftKind
from reconciler.domain.manifest import TenantsFrom
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
from reconciler.domain.scim import Schema


def plan_document(plan: Plan) -> PlanDocument:
    """The plan as `reconciler schema plan` describes it; same plan, same document."""
    tenants = [tenant_document(tenant) for tenant in plan.tenants]
    return sealed(plan_facts(plan, tenants, approvals_needed(plan)))


def plan_facts(plan: Plan, tenants: Tenants, approvals: Iterable[Needed]) -> PlanFacts:
    """All of a plan's document but its checksum, which only who saves it needs."""
    summary = plan.summary()
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
            "drift": _drift_counts(plan),
        },
    }


def plan_head(plan: Plan) -> PlanHead:
    """The part of a plan's document that is known before any tenant is read."""
    return {
        "git": {"commit": plan.git.commit, "dirty": plan.git.dirty},
        "tenants_from": _tenants_from(plan.tenants_from),
        "selection": {
            "tenant": list(plan.selection.tenants),
            "target": list(plan.selection.targets),
            "exclude": list(plan.selection.excludes),
        },
    }


def sealed(document: PlanFacts) -> PlanDocument:
    """A plan document with its checksum."""
    return {**document, "checksum": checksum(document)}


def checksum(document: PlanFacts) -> str:
    """Over all the other members of a plan document: it tells a file that was edited.

    Tenants are taken one at a time; the bytes are those of the whole document as one text.
    """
    others = {key: value for key, value in document.items() if key != "checksum"}
    whole = json.dumps({**others, "tenants": []}, sort_keys=True)
    before, _, after = whole.partition(_NO_TENANTS)
    found = hashlib.sha256(before.encode())
    found.update(b'"tenants": [')
    for number, tenant in enumerate(document["tenants"]):
        found.update(b", " if number else b"")
        found.update(json.dumps(tenant, sort_keys=True).encode())
    found.update(f"]{after}".encode())
    return f"sha256:{found.hexdigest()}"


_NO_TENANTS = '"tenants": []'  # in a string its quotation marks would be escaped


def json_text(document: object) -> str:
    """A document as it is saved and printed: indented, UTF-8, one newline at the end."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def json_list(documents: Iterable[object]) -> Iterator[str]:
    """The text that `json_text` has for a list of documents, in pieces: one for each."""
    number = 0
    for number, document in enumerate(documents, start=1):
        text = json.dumps(document, indent=2, ensure_ascii=False).replace("\n", "\n  ")
        yield f"{',' if number > 1 else '['}\n  {text}"
    yield "\n]\n" if number else "[]\n"


def plan_json(document: PlanFacts) -> Iterator[str]:
    """The same text for a plan document, in pieces: one for each tenant."""
    whole = json_text({**document, "tenants": []})
    before, _, after = whole.partition(f"\n  {_NO_TENANTS}")
    yield f'{before}\n  "tenants": ['
    number = 0
    for number, tenant in enumerate(document["tenants"], start=1):
        text = json.dumps(tenant, indent=2, ensure_ascii=False).replace("\n", "\n    ")
        yield f"{',' if number > 1 else ''}\n    {text}"
    end = "\n  ]" if number else "]"
    yield end + after


def _drift_counts(plan: Plan) -> DriftCounts:
    kinds = Counter(drift.kind for tenant in plan.tenants for drift in tenant.drift)
    return {
        "changed": kinds[DriftKind.CHANGED],
        "missing": kinds[DriftKind.MISSING],
        "unmanaged": kinds[DriftKind.UNMANAGED],
        "outdated": kinds[DriftKind.OUTDATED],
    }


def _tenants_from(source: TenantsFrom | None) -> TenantsFromDocument | None:
    if source is None:
        return None
    return {
        "ref": source.ref,
        "commit": source.commit,
        "changed": list(source.changed),
        "added": list(source.added),
        "removed": list(source.removed),
        "unread": list(source.unread),
    }


def tenant_document(tenant: TenantPlan) -> TenantDocument:
    """The plan of one tenant."""
    return {
        "name": tenant.name,
        "dialect": tenant.dialect,
        "base_url": tenant.base_url,
        "token_url": tenant.auth.token_url,
        "extensions_live": tenant.extensions_live,
        "extensions_limit": tenant.extensions_limit,
        "error": tenant.error,
        "warnings": list(tenant.warnings),
        "unmanaged": list(tenant.unmanaged),
        "drift": [
            {"kind": drift.kind.value, "schema_id": drift.schema_id, "since": drift.since}
            for drift in tenant.drift
        ],
        "changes": [_change(change) for change in tenant.changes],
    }


def action_of(change: Change) -> Action:
    """The word for what is done."""
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
    """Why a skip does nothing or a change is blocked; None for what is written."""
    match change:
        case Skip():
            return change.reason.value
        case Blocked():
            return change.reason.value
        case Create() | Update():
            return None
        case _:
            assert_never(change)


def _change(change: Change) -> ChangeDocument:
    subject = change.subject
    place = subject.extension.place
    kinds, impacts = _assessment(change)
    return {
        "id": subject.id,
        "action": action_of(change),
        "reason": reason_of(change),
        "schema_id": subject.schema_id,
        "manifest": subject.extension.name,
        "source": {"path": place.path, "line": place.line},
        "before": _schema(subject.live) if subject.live else None,
        "after": None if is_in_sync(change) else _schema(subject.desired),
        "differences": differences_document(subject.differences()),
        "live_fingerprint": subject.live_fingerprint,
        "recipe": change.recipe if isinstance(change, Blocked) else None,
        "kinds": kinds,
        "impacts": impacts,
    }


def _schema(schema: Schema) -> SchemaDocument:
    # Its members are those of RFC 7643, of which plan.json asks for some.
    return cast(SchemaDocument, schema.to_json())


def _assessment(change: Change) -> tuple[list[Kind], list[ImpactDocument]]:
    """The kinds and the impacts of a change; of a skip none, for nothing is done."""
    if isinstance(change, Skip):
        return [], []
    assessed = change.subject.assessment()
    return [kind.value for kind in assessed.kinds], [
        {
            "rule": impact.rule,
            "severity": impact.severity.value,
            "consumers": [consumer.value for consumer in impact.consumers],
            "message": impact.message,
        }
        for impact in assessed.impacts
    ]


def differences_document(differences: Iterable[Difference]) -> list[DifferenceDocument]:
    """Path, live and desired value of each."""
    return [{"path": d.path, "live": d.live, "desired": d.desired} for d in differences]
