"""The catalogue of rules: what RFC 7643, the services and the manifests among themselves ask for.

A rule is one function with its id, weight and reason at it; everything else is made from that. To
add a rule:

1. Write the function in the module of its subject (`attribute`, `characteristics`, `schema`,
   `limits`, `manifests`, `changes`, `changed_members`), below `@….rule("ID", Severity.…, "why")`.
2. Add `tests/examples/invalid/NAME.yaml`, which opens with `# line:column: severity[ID]: message`.
3. Add `tests/examples/valid/NAME.yaml`, which opens with `# ID: why this one keeps the rule`.
4. Run `make docs`, which writes docs/rules.md anew.
"""

from reconciler.domain.rules.checking import check_manifests, check_schema
from reconciler.domain.rules.limits import LIMIT_RULES, Demand
from reconciler.domain.rules.projections import strays
from reconciler.domain.rules.rule import About, Fault, Locate, Rule

__all__ = [
    "LIMIT_RULES",
    "About",
    "Demand",
    "Fault",
    "Locate",
    "Rule",
    "check_manifests",
    "check_schema",
    "strays",
]
