"""TenantFindings → text, JSON, and the block of capabilities that a manifest may keep."""

import json
from collections.abc import Iterable

from reconciler.domain.doctor import Grade, TenantFindings
from reconciler.domain.documents import DoctorData
from reconciler.render.paint import Paint
from reconciler.render.plain_text import visible

_COLOURS = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.PROBLEM: "red"}


def doctor_text(found: TenantFindings, *, paint: Paint) -> str:
    """One line for each finding: how it weighs, what was looked at, what was found."""
    name = paint("bold", f"Tenant {visible(found.tenant)}")
    lines = [f"{name}  ({visible(found.dialect)}, {visible(found.base_url)})"]
    for finding in found.findings:
        grade = f"{finding.grade:<8}"
        shown = paint(_COLOURS[finding.grade], grade) if finding.grade in _COLOURS else grade
        lines.append(f"  {shown} {finding.check:<12} {visible(finding.message)}")
    return "\n".join(lines) + "\n"


def doctor_data(tenants: Iterable[TenantFindings]) -> DoctorData:
    """The findings as `reconciler schema output` describes them."""
    return {
        "tenants": [
            {
                "name": found.tenant,
                "dialect": found.dialect,
                "base_url": found.base_url,
                "well": found.well,
                "findings": [
                    {"check": each.check, "grade": each.grade.value, "words": each.message}
                    for each in found.findings
                ],
                "capabilities": dict(found.learnt),
            }
            for found in tenants
        ],
    }


def capability_block(found: TenantFindings) -> str:
    """YAML for `spec` of the tenant's manifest; each value is a string, a boolean or a list."""
    entries = (f"  {entry}: {json.dumps(value)}\n" for entry, value in found.learnt.items())
    return (
        f"# What doctor learnt of tenant {found.tenant}: for spec of its manifest.\n"
        f"capabilities:\n{''.join(entries)}"
    )
