"""TenantGate → text, the JSON document of the contract, and the same as a dated file for HR."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from reconciler import __version__
from reconciler.domain.documents import GateAttribute, GateDocument, LifecycleDocument
from reconciler.domain.gate import AttributeGate, TenantGate
from reconciler.domain.lifecycle import Lifecycle
from reconciler.domain.records import rfc3339
from reconciler.render.paint import Paint
from reconciler.render.plain_text import counted, visible

LIFE = timedelta(hours=26)  # of a file: a day, and the time that a daily run may be late


def gate_document(gate: TenantGate) -> GateDocument:
    """The gate as `reconciler schema gate` describes it."""
    return {
        "format_version": "1.0",
        "tool_version": __version__,
        "tenant": gate.tenant,
        "ready": gate.ready,
        "reasons": list(gate.reasons),
        "attributes": [_attribute(each) for each in gate.attributes],
    }


def dated_document(gate: TenantGate, *, at: datetime, plan_digest: str) -> GateDocument:
    """The gate as a file for HR, which is worth nothing once it has expired."""
    return {
        **gate_document(gate),
        "issued_at": rfc3339(at),
        "expires_at": rfc3339(at + LIFE),
        "plan_digest": plan_digest,
    }


def gate_text(gate: TenantGate, *, paint: Paint) -> str:
    """A line for each attribute, with what is against it, and the answer."""
    return "".join(f"{line}\n" for line in _lines(gate, paint))


def _lines(gate: TenantGate, paint: Paint) -> Iterator[str]:
    for schema_id in dict.fromkeys(each.schema_id for each in gate.attributes):
        yield paint("bold", visible(schema_id))
        for each in gate.attributes:
            if each.schema_id == schema_id:
                yield from _attribute_lines(each, paint)
    yield from (f"  {visible(reason)}" for reason in gate.reasons)
    if gate.ready:
        yield paint("green", f"{visible(gate.tenant)}: ready: HR may send this")
        return
    waiting = sum(1 for each in gate.attributes if not each.ready)
    which = f": {counted(waiting, 'attribute')} of {len(gate.attributes)}" if waiting else ""
    yield paint("red", f"{visible(gate.tenant)}: not yet{which}")


def _attribute_lines(gate: AttributeGate, paint: Paint) -> Iterator[str]:
    answer = paint("green", "ready  ") if gate.ready else paint("red", "not yet")
    stage = gate.lifecycle.stage.value if gate.lifecycle else "-"
    since = f"  since {gate.since}" if gate.since else ""
    yield f"  {answer}  {stage:<10}  {visible(gate.attribute)}{since}"
    yield from (f"           {visible(reason)}" for reason in gate.reasons)


def _attribute(gate: AttributeGate) -> GateAttribute:
    return {
        "schema_id": gate.schema_id,
        "attribute": gate.attribute,
        "ready": gate.ready,
        "lifecycle": _lifecycle(gate.lifecycle) if gate.lifecycle else None,
        "verified": gate.verified,
        "bound": "unknown" if gate.bound is None else gate.bound,
        "searchable": gate.searchable.to_json(),
        "persisted": gate.persisted.value,
        "since": gate.since,
        "reasons": list(gate.reasons),
    }


def _lifecycle(course: Lifecycle) -> LifecycleDocument:
    return {
        "stage": course.stage.value,
        "deployed": course.deployed,
        "available": course.available,
        "deprecated": course.deprecated,
        "retired": course.retired,
    }
