"""Every rule about manifests by its id: what reports, notes and the docs page name."""

from dataclasses import dataclass

from reconciler.domain.problem import Severity
from reconciler.domain.rules.attribute import ATTRIBUTE_RULES
from reconciler.domain.rules.characteristics import CHARACTERISTIC_RULES
from reconciler.domain.rules.fleet import FLEET_RULES
from reconciler.domain.rules.schema import SCHEMA_RULES


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule in words; `firm` says that no note silences it."""

    id: str
    severity: Severity
    reason: str
    firm: bool = False


# What reading asks for, before there is a schema to ask anything of.
_READING = tuple(
    Entry(rule, severity, reason, firm=True)
    for rule, severity, reason in (
        ("REC-FILE", Severity.ERROR, "regular files of the folder are read, none too large"),
        ("REC-EMPTY", Severity.ERROR, "there are manifests"),
        ("REC-TEXT", Severity.ERROR, "text is what every reader takes for the same data"),
        ("REC-SHAPE", Severity.ERROR, "keys and values are those of `reconciler schema manifest`"),
        ("REC-IGNORE", Severity.ERROR, "a rule is silenced for a reason, if it can be at all"),
        ("REC-IGNORE", Severity.WARNING, "a note silences something"),
    )
)

CATALOGUE: tuple[Entry, ...] = (
    *(Entry(r.id, r.severity, r.reason, r.firm) for r in SCHEMA_RULES),
    *(Entry(r.id, r.severity, r.reason, r.firm) for r in ATTRIBUTE_RULES),
    *(Entry(r.id, r.severity, r.reason, r.firm) for r in CHARACTERISTIC_RULES),
    *(Entry(r.id, r.severity, r.reason, r.firm) for r in FLEET_RULES),
    *_READING,
)

# What the RFC leaves open, so that nothing is ever said about it.
LEFT_OPEN: tuple[tuple[str, str], ...] = (
    ("SCIM-A03", "a characteristic that is left out has its default, so that it never differs from "
     "one that is written out; RFC 7643 section 2.2"),
    ("SCIM-A10", "simple attributes and sub-attributes may be multi-valued; RFC 7643 sections 1.2, "
     "2.4"),
    ("SCIM-A16", "canonicalValues are suggestions, and their order says nothing; RFC 7643 sections "
     "2.3.1, 7"),
)  # fmt: skip
