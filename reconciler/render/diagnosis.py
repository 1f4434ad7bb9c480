"""Diagnosis → text, JSON, and the block of capabilities that a manifest may keep."""

import json
from collections.abc import Iterable

from reconciler.domain.health import Diagnosis, Grade
from reconciler.domain.jsontext import Json
from reconciler.render.paint import Paint, visible

_COLOURS = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.PROBLEM: "red"}


def diagnosis_text(diagnosis: Diagnosis, *, paint: Paint) -> str:
    """One line for each finding: how it weighs, what was looked at, what was found."""
    name = paint("bold", f"Tenant {visible(diagnosis.tenant)}")
    lines = [f"{name}  ({visible(diagnosis.dialect)}, {visible(diagnosis.base_url)})"]
    for finding in diagnosis.findings:
        grade = f"{finding.grade:<8}"
        shown = paint(_COLOURS[finding.grade], grade) if finding.grade in _COLOURS else grade
        lines.append(f"  {shown} {finding.check:<12} {visible(finding.words)}")
    return "\n".join(lines) + "\n"


def diagnosis_document(diagnoses: Iterable[Diagnosis]) -> Json:
    """The same as JSON."""
    return {
        "format_version": "1.0",
        "tenants": [
            {
                "name": diagnosis.tenant,
                "dialect": diagnosis.dialect,
                "base_url": diagnosis.base_url,
                "well": diagnosis.well,
                "findings": [
                    {"check": each.check, "grade": str(each.grade), "words": each.words}
                    for each in diagnosis.findings
                ],
                "capabilities": dict(diagnosis.learnt),
            }
            for diagnosis in diagnoses
        ],
    }


def capability_block(diagnosis: Diagnosis) -> str:
    """YAML for `spec` of the tenant's manifest; each value is a word, a boolean or some words."""
    entries = (f"  {entry}: {json.dumps(value)}\n" for entry, value in diagnosis.learnt.items())
    return (
        f"# What doctor learnt of tenant {diagnosis.tenant}: for spec of its manifest.\n"
        f"capabilities:\n{''.join(entries)}"
    )
