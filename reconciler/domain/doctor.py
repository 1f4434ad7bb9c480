"""Findings of `doctor` about a tenant, and what of them a manifest may keep."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.domain.jsontext import Json


class Grade(StrEnum):
    """How a finding weighs; only a problem keeps the program from its work."""

    OK = "ok"
    NOTE = "note"  # worth knowing, and provided for
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `words` say what was found and what it means."""

    check: str
    grade: Grade
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFindings:
    """All findings about one tenant, in the order in which they were made.

    `learnt` are entries of a dialect's data as this service really is, a block for
    `spec.capabilities`.
    """

    tenant: str
    dialect: str
    base_url: str
    findings: tuple[Finding, ...]
    learnt: Mapping[str, Json] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        """Whether nothing keeps the program from its work here."""
        return not any(finding.grade is Grade.PROBLEM for finding in self.findings)
