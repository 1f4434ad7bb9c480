"""TenantGate → text, the JSON document of the contract, and the same as a dated file for HR."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from reconciler import __version__
from reconciler.domain.documents import GateAttribute, GateDocument, LifecycleDocument
from reconciler.domain.gate import AttributeGate, TenantGate
from reconciler.domain.lifecycle import Lifecycle
from reconciler.domain.records import rfc3339
from reconciler.domain.scim import fold
from reconciler.render.extension_names import ExtensionNames
from reconciler.render.layout import Cell, Column, table
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


def gate_text(
    gate: TenantGate, names: Mapping[str, str], *, paint: Paint, width: int | None = None
) -> Iterator[str]:
    """A row for each attribute, with what is against it, and the answer.

    `names` are those of the manifests, by folded URN.
    """
    shown = ExtensionNames()
    rows = (_row(each, names, shown) for each in gate.attributes)
    yield from table(_HEAD, rows, width=width, paint=paint)
    yield shown.foot(paint)
    yield "\n" if gate.attributes else ""
    yield from (f"{visible(reason)}\n" for reason in gate.reasons)
    if gate.ready:
        yield f"{paint('green', f'{visible(gate.tenant)}: ready: HR may send this')}\n"
        return
    waiting = sum(1 for each in gate.attributes if not each.ready)
    which = f": {counted(waiting, 'attribute')} of {len(gate.attributes)}" if waiting else ""
    yield f"{paint('red', f'{visible(gate.tenant)}: not yet{which}')}\n"


_HEAD = (
    Column("EXTENSION", keeps=24),
    Column("ATTRIBUTE", keeps=24),
    Column("ANSWER"),
    Column("STAGE", spare=True),
    Column("SINCE", spare=True, whole=True),
    Column("REASONS", folds=True, keeps=30),
)


def _row(gate: AttributeGate, names: Mapping[str, str], shown: ExtensionNames) -> tuple[Cell, ...]:
    return (
        shown.cell(names.get(fold(gate.schema_id)), gate.schema_id),
        visible(gate.attribute),
        ("green", "ready") if gate.ready else ("red", "not yet"),
        gate.lifecycle.stage.value if gate.lifecycle else "-",
        gate.since or "-",
        "; ".join(map(visible, gate.reasons)),
    )


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
