"""The table of names in docs/watching.md: those of log lines, and those of attributes in traces.

`python -m tests.support.facts_page` (`make docs`) writes it.
"""

import re

from reconciler.facts import Fact
from tests.support.program import ROOT

PAGE = ROOT / "docs/watching.md"
_TABLE = re.compile(r"(?<=<!-- facts -->\n).*?(?=<!-- end -->)", re.S)


def table() -> str:
    rows = [f"| `{fact}` | `{fact.attribute}` | {fact.meaning} |" for fact in Fact]
    return "\n".join(
        ("| in a log line | in a trace | what it is |", "| --- | --- | --- |", *rows, "")
    )


def with_table(text: str) -> str:
    return _TABLE.sub(lambda _: table(), text)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
