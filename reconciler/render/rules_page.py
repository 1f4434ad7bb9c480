"""The rules → docs/rules.md, so that the page says what the code does."""

from collections.abc import Iterable

from reconciler.domain.compatibility import CHANGE_RULES
from reconciler.domain.rules import CATALOGUE, LEFT_OPEN, Entry

_HEAD = """\
# Rules

This page is made from the code by `make docs`. Each problem is shown as
`file:line:column: severity[rule]: message`. Errors end `reconciler validate` with 1; warnings count
where `--fail-on warning` is given, and end it with 6; what only informs never counts.

A rule can be silenced on one line, for a reason, by a note on the line above:

```yaml
# reconciler: ignore SCIM-A12 -- the service compares these by case, whatever the RFC says
- {name: costCenterId, type: integer, caseExact: true}
```

Several rules are named with commas, and several notes may stand together. A note without a reason,
or about a rule that cannot be silenced (firm), is an error; one that silences nothing is a warning.
JSON has no comments, and so no notes.
"""

_CHANGES = """\
## Changes

`reconciler validate --against REF` compares with the manifests of a git ref. An error here is a
breaking change: it ends with 6 unless `--allow-breaking` is given. The consumers say whom it hurts:
READER (who reads users), WRITER (connectors that fill them), STORED (values that are there),
SERVER (the service itself). No user is looked at, so what only values could decide is told as if
there were some. An attribute that is really gone is remembered by a tombstone,
`spec.retired: [{name: grade, type: string, since: "2026-11"}]`: its name may not come back with
another type.

| rule | severity | consumers | what is asked |
| --- | --- | --- | --- |
"""


def rules_page() -> str:
    """The whole page, in Markdown."""
    scim = [entry for entry in CATALOGUE if entry.id.startswith("SCIM-")]
    ours = [entry for entry in CATALOGUE if not entry.id.startswith("SCIM-")]
    changes = "".join(
        f"| {rule.id} | {rule.severity} | {', '.join(rule.consumers)} | {rule.reason} |\n"
        for rule in CHANGE_RULES
    )
    left_open = "".join(f"- {rule}: {reason}\n" for rule, reason in LEFT_OPEN)
    return (
        f"{_HEAD}\n## What RFC 7643 asks\n\n{_table(scim)}\n"
        f"Nothing is ever said about what the RFC leaves open:\n\n{left_open}\n"
        f"## What the manifests and the services ask\n\n{_table(ours)}\n{_CHANGES}{changes}"
    )


def _table(entries: Iterable[Entry]) -> str:
    rows = dict.fromkeys(  # one rule may look at schemas and at attributes
        f"| {e.id} | {e.severity}{', firm' if e.firm else ''} | {e.reason} |\n"
        for e in sorted(entries, key=lambda e: e.id)
    )
    return f"| rule | severity | what is asked |\n| --- | --- | --- |\n{''.join(rows)}"
