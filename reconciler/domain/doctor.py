"""Findings of `doctor` about a tenant, and what of them a manifest may keep."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.domain.jsontext import Json


class Grade(StrEnum):
    """The weight of a finding; only a problem keeps the program from its work."""

    OK = "ok"
    NOTE = "note"  # worth knowing, and provided for
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `message` is what was found and what it means.

    `learnt` are the entries of a dialect's data that it shows, as this service really is.
    """

    check: str
    grade: Grade
    message: str
    learnt: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFindings:
    """All findings about one tenant, in the order in which they were made."""

    tenant: str
    dialect: str
    base_url: str
    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        """True where nothing keeps the program from its work here."""
        return not any(finding.grade is Grade.PROBLEM for finding in self.findings)

    @property
    def learnt(self) -> dict[str, Json]:
        """All that was learnt, the last word of each entry: a block for `spec.capabilities`."""
        return {
            entry: value for finding in self.findings for entry, value in finding.learnt.items()
        }
