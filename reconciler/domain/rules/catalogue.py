"""Every rule there is: what reports, notes and the docs page name."""

from reconciler.domain.problem import Problem
from reconciler.domain.rules.attribute import ATTRIBUTE_RULES
from reconciler.domain.rules.changes import CHANGE_RULES
from reconciler.domain.rules.characteristics import CHARACTERISTIC_RULES
from reconciler.domain.rules.limits import LIMIT_RULES
from reconciler.domain.rules.manifests import MANIFEST_RULES
from reconciler.domain.rules.projections import PROJECTION_RULES
from reconciler.domain.rules.reading import READING_RULES
from reconciler.domain.rules.rule import Rule
from reconciler.domain.rules.schema import SCHEMA_RULES

CATALOGUE: tuple[Rule, ...] = (
    *SCHEMA_RULES,
    *ATTRIBUTE_RULES,
    *CHARACTERISTIC_RULES,
    *MANIFEST_RULES,
    *PROJECTION_RULES,
    *LIMIT_RULES,
    *READING_RULES,
    *CHANGE_RULES,
)

# What the RFC leaves open, so that nothing is ever said about it.
LEFT_OPEN: tuple[tuple[str, str], ...] = (
    ("SCIM-A03", "a characteristic that is left out has its default, so that it never differs from "
     "one that is written out; RFC 7643 section 2.2"),
    ("SCIM-A10", "simple attributes and sub-attributes may be multi-valued; RFC 7643 sections 1.2, "
     "2.4"),
    ("SCIM-A16", "canonicalValues are suggestions, and their order says nothing; RFC 7643 sections "
     "2.3.1, 7"),
    ("SCIM-A23", "the values of a multi-valued attribute may be unique, each of them; RFC 7643 "
     "sections 2.4, 7"),
)  # fmt: skip

_BROKEN = {(rule.id, rule.severity): rule for rule in CATALOGUE}


def rule_of(problem: Problem) -> Rule:
    """The rule that a problem breaks; of several with one id, that of its weight."""
    return _BROKEN[problem.rule, problem.severity]
