"""The made parts of docs/services: what each dialect's file says, on its page and in the list.

`python -m tests.support.services_pages` (`make docs`) writes them anew.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from reconciler.adapters.dialects import load_dialects
from reconciler.domain.dialect import Dialect, Transport, UpdateStrategy
from reconciler.domain.scim import AttributeType
from tests.support.program import ROOT

FOLDER = ROOT / "docs/services"
INDEX = FOLDER / "README.md"
_MARK = "<!-- made from reconciler/dialects by `make docs` -->\n\n"
_TABLE = re.compile(rf"(?<={re.escape(_MARK)}).*?(?=\n\n|\Z)", re.S)
_CHANGES = {
    UpdateStrategy.NONE: "no",
    UpdateStrategy.PUT: "by PUT of the whole schema",
    UpdateStrategy.PATCH: "by PATCH of single attributes",
}


def pages() -> dict[Path, str]:
    """Each page with its made part in it."""
    dialects = load_dialects()
    made = {FOLDER / f"{name}.md": "\n".join(_facts(each)) for name, each in dialects.items()}
    made[INDEX] = "\n".join(_list(dialects.values()))
    return {path: _with(table, path.read_text()) for path, table in made.items()}


def _with(table: str, page: str) -> str:
    return _TABLE.sub(lambda _: table, page)


def _list(dialects: Iterable[Dialect]) -> Iterator[str]:
    yield "| service | page, and name of the dialect | new schemas | changes |"
    yield "| --- | --- | --- | --- |"
    for each in dialects:
        able = f"{_yes(each.creates)} | {_changes(each)}"
        yield f"| {each.target_system} | [{each.name}]({each.name}.md) | {able} |"


def _facts(dialect: Dialect) -> Iterator[str]:
    yield "| what | here |"
    yield "| --- | --- |"
    yield f"| a new schema | {_yes(dialect.creates)} |"
    yield f"| a change of one | {_changes(dialect)} |"
    missing = sorted(set(AttributeType) - dialect.types)
    types = f"all but {', '.join(missing)}" if missing else "all"
    yield f"| types | {types if len(missing) < 5 else ', '.join(sorted(dialect.types))} |"
    for what, number in (
        ("custom schemas of a tenant", dialect.extensions),
        ("attributes of a schema", dialect.attributes),
        ("sub-attributes of an attribute", dialect.sub_attributes),
        ("requests a minute", dialect.requests_per_minute),
    ):
        if number is not None:
            yield f"| {what} | at most {number} |"
    if dialect.names is not None:
        own = f"; not {', '.join(dialect.names.own)}" if dialect.names.own else ""
        yield f"| names of attributes | {dialect.names.text}{own} |"
    if dialect.urn_endings is not None:
        yield f"| the end of a URN | {dialect.urn_endings.text} |"
    for what, value in dialect.fixed:
        text = str(value).lower() if isinstance(value, bool) else value
        shown = ", ".join(text) if isinstance(text, tuple) else text
        yield f"| `{what}` | `{shown}` for every attribute |"
    for what, words in dialect.accepts:
        yield f"| `{what}` | {' or '.join(f'`{word}`' for word in words)} |"
    for what, members in (
        ("vendor members that each attribute needs", dialect.members),
        ("set by the service alone", dialect.server_members),
        ("never changes once it is live", dialect.immutable),
        ("a change is taken and dropped", dialect.ignored),
    ):
        if members:
            yield f"| {what} | {', '.join(f'`{member}`' for member in members)} |"
    if dialect.permission_hint:
        yield f"| rights | {dialect.permission_hint} |"


def _changes(dialect: Dialect) -> str:
    if dialect.transport is not Transport.SCIM:
        return "attribute by attribute, by an API of its own"
    return _CHANGES[dialect.updates]


def _yes(able: bool) -> str:
    return "yes" if able else "no"


def main() -> None:
    """Write them."""
    for path, text in pages().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
