"""The departures of a document from the JSON Schema of manifests."""

from collections.abc import Iterator, Mapping

from reconciler.adapters.jsonschemas import check
from reconciler.adapters.yaml_reader import Document
from reconciler.domain.dialect import contradictions
from reconciler.domain.jsontext import Json
from reconciler.domain.problem import Problem
from reconciler.domain.rules import Fault
from reconciler.domain.rules.reading import SHAPE

MAX_PROBLEMS = 500  # of one file


def shape_faults(value: Json, dialects: tuple[str, ...]) -> list[Fault]:
    """The departures of a document; `dialects` are the names that a dialect may have."""
    faults = list(check(value, "manifest", most=MAX_PROBLEMS + 1, dialects=dialects))
    match value:
        case {"kind": "Tenant", "spec": dict(spec)} if not faults:
            return list(_tenant_faults(spec))
        case _:
            return faults


def _tenant_faults(spec: Mapping[str, Json]) -> Iterator[Fault]:
    """The faults of a Tenant that no JSON Schema can say."""
    if "capabilities" in spec:
        for pointer, message in contradictions(spec["capabilities"]):
            yield Fault(("spec", "capabilities", *pointer), message)
    if "freeze" in spec:
        from reconciler.adapters.manifests.freezes import freeze_faults  # few have one

        yield from freeze_faults(spec["freeze"])


def shape_problems(document: Document, dialects: tuple[str, ...]) -> list[Problem]:
    """The same, each at its place."""
    return [
        SHAPE.problem(document.place(fault.pointer, at_key=fault.at_key), fault.message)
        for fault in shape_faults(document.value, dialects)
    ]
