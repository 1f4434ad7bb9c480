"""TenantFindings → text, JSON, and the block of capabilities that a manifest may keep."""

import json
from collections.abc import Iterable

from reconciler.domain.doctor import Grade, TenantFindings
from reconciler.domain.documents import DoctorData
from reconciler.render.layout import Column, table
from reconciler.render.paint import Paint
from reconciler.render.plain_text import visible

_COLOURS = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.PROBLEM: "red"}


_HEAD = (Column("GRADE"), Column("CHECK"), Column("FOUND", folds=True, keeps=30))


def doctor_text(found: TenantFindings, *, paint: Paint, width: int | None = None) -> str:
    """A row for each finding: how it weighs, what was looked at, what was found."""
    name = paint("bold", f"Tenant {visible(found.tenant)}")
    rows = (
        ((_COLOURS.get(each.grade, ""), each.grade.value), each.check, visible(each.message))
        for each in found.findings
    )
    lines = table(_HEAD, rows, width=width, paint=paint)
    return f"{name}  ({visible(found.dialect)}, {visible(found.base_url)})\n{''.join(lines)}"


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
