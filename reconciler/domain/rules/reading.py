"""The rules of reading: what files and texts have to keep before there is a manifest.

They have no functions. Whoever reads finds them broken, and says so by `RULE.problem(…)`.
"""

from reconciler.domain.problem import Severity
from reconciler.domain.rules.rule import About, Rule


def _of_reading(id_: str, severity: Severity, reason: str) -> Rule:
    # Behind a fault of reading may hide what a note is about, so no note can silence one.
    return Rule(id_, severity, reason, About.READING, firm=True)


FILE = _of_reading(
    "REC-FILE", Severity.ERROR, "regular files of the folder are read, none too large"
)
EMPTY = _of_reading("REC-EMPTY", Severity.ERROR, "there are manifests")
TEXT = _of_reading("REC-TEXT", Severity.ERROR, "text is what every reader takes for the same data")
SHAPE = _of_reading(
    "REC-SHAPE", Severity.ERROR, "keys and values are those of `reconciler schema manifest`"
)
INVISIBLE = Rule(
    "REC-INVISIBLE",
    Severity.ERROR,
    "text has no character that nobody sees, not by an escape either",
    About.READING,
)
NOTE = _of_reading(
    "REC-IGNORE", Severity.ERROR, "a rule is silenced for a reason, if it can be at all"
)
ROWS = _of_reading(
    "REC-ROWS",
    Severity.ERROR,
    "each row of a TenantSet fills in its template, and becomes a Tenant",
)
IDLE_COLUMN = _of_reading("REC-ROWS", Severity.WARNING, "each column stands in the template")
IDLE_NOTE = _of_reading("REC-IGNORE", Severity.WARNING, "a note silences something")

READING_RULES = (FILE, EMPTY, TEXT, INVISIBLE, SHAPE, ROWS, IDLE_COLUMN, NOTE, IDLE_NOTE)
