"""The rules → docs/rules.md, so that the page says what the code does."""

from reconciler.domain.rules import About
from reconciler.domain.rules.catalogue import CATALOGUE, LEFT_OPEN
from reconciler.domain.rules.changes import CHANGE_RULES
from reconciler.domain.rules.characteristics import plain_values_have_no_case
from reconciler.domain.rules.limits import characteristics_can_be_said

_OPENING = """\
# Rules

This page is made from the code by `make docs`. Each problem is shown as
`file:line:column: severity[rule]: message`. Errors end `reconciler validate` with 1; warnings count
where `--fail-on warning` is given, and end it with 6; what only informs never counts.

A rule can be silenced on one line, for a reason, by a note on the line above:

```yaml
# reconciler: ignore RULE -- the service compares these by case, whatever the RFC says
- {name: costCenterId, type: integer, caseExact: true}
```

Several rules are named with commas, and several notes may stand together. A note without a reason,
or about a rule that cannot be silenced (firm), is an error; one that silences nothing is a warning.
JSON has no comments, and so no notes.
"""

_CHANGES = """\
`reconciler validate --against REF` compares with the manifests of a git ref: what each tenant had,
URN by URN, with what it has now, in whichever file or manifest that stands. A tenant that is there
no longer is left out. An error here is a
breaking change: it ends with 6 unless `--allow-breaking` is given. The consumers say whom it hurts:
READER (who reads users), WRITER (connectors that fill them), STORED (values that are there),
SERVER (the service itself). No user is looked at, so what only values could decide is told as if
there were some. An attribute that is really gone is remembered by a tombstone,
`spec.retired: [{name: grade, type: string, since: "2026-11"}]`: its name may not come back with
another type.
"""

_SERVICES = """\
`reconciler plan` asks these too: what exceeds a limit is blocked. A capability of the tenant
(`spec.capabilities`) or a note lifts a limit for both. A note for RULE lifts nothing: the
service's own value, of several the first, counts then in place of that of the manifest, so that one
manifest fits several services.
"""


def rules_page() -> str:
    """The whole page, in Markdown."""
    services = _SERVICES.replace("RULE", characteristics_can_be_said.id)
    left_open = "".join(f"- {rule}: {reason}\n" for rule, reason in LEFT_OPEN)
    return "\n".join(
        (
            _OPENING.replace("RULE", plain_values_have_no_case.id, 1),
            f"## A schema\n\n{_table(About.SCHEMA)}",
            f"## An attribute\n\n{_table(About.ATTRIBUTE)}",
            f"Nothing is ever said about what the RFC leaves open:\n\n{left_open}",
            f"## The limits of services\n\n{services}\n{_table(About.SERVICE)}",
            f"## All manifests together\n\n{_table(About.MANIFESTS)}",
            f"## Reading\n\n{_table(About.READING)}",
            f"## Changes\n\n{_CHANGES}\n{_changes()}",
        )
    )


def _table(about: About) -> str:
    rules = sorted((rule for rule in CATALOGUE if rule.about is about), key=lambda rule: rule.id)
    return "| rule | severity | what is asked |\n| --- | --- | --- |\n" + "".join(
        f"| {rule.id} | {rule.severity}{', firm' if rule.firm else ''} | {rule.reason} |\n"
        for rule in rules
    )


def _changes() -> str:
    return "| rule | severity | consumers | what is asked |\n| --- | --- | --- | --- |\n" + "".join(
        f"| {rule.id} | {rule.severity} | {', '.join(rule.consumers)} | {rule.reason} |\n"
        for rule in CHANGE_RULES
    )
