"""One file's bytes → its documents, JSON or YAML, and everything that is wrong with its text."""

import re
from collections.abc import Mapping, Set
from itertools import islice

import yaml

from reconciler.adapters.yaml_reader.building import MAX_FAULTS, STRANGE, Builder, Stop, strangeness
from reconciler.adapters.yaml_reader.documents import Document, Mark, Reading
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.domain.problem import Place, Pointer, Problem
from reconciler.domain.rules.reading import INVISIBLE, TEXT

MAX_BYTES = 256 * 1024
MAX_NODES = 50_000

_NO_BREAK = re.compile("^[ -]*\u00a0|:\u00a0", re.MULTILINE)  # as web pages have it
_TEXTS = {  # of what either parser says of a block whose lines stand at different columns
    "did not find expected key": "this line is indented otherwise than those beside it",
    "did not find expected '-' indicator": "this line is indented otherwise than those beside it",
}
_CURES = (  # by a part of what either parser says
    ("mapping values are not allowed", "check the indentation, or quote a text with a colon in it"),
    ("cannot start any token", "quote a text that begins with it"),
    ("expected ',' or '}'", "what is JSON can also stand in a file that ends in .json"),
)
_ALIKE = (  # faults that JSON tells without their place, and how YAML begins to tell them
    ("key ", "duplicate key"),
    ("nested ", "nested "),
    ("a number with", "a number with"),
    ("a lone surrogate", "half of a pair"),
)
# The parser would end a line there, and what shows or silences a line would not.
_STRAY = re.compile("\r(?!\n)")
_STRAY_TEXT = "a carriage return that ends no line; save the file with usual line ends"
_NOTE = re.compile(r" *# *reconciler:(.*)")


def read(
    data: bytes, path: str, *, most: int = MAX_BYTES, c_parser: bool = yaml.__with_libyaml__
) -> Reading:
    """Read a manifest file: JSON where the path ends in `.json`, else YAML. Never raises.

    A file of more than `most` bytes is refused; how many values it may hold goes with that.
    After a fault of syntax or size the rest of the file is not read; other faults are collected.
    A value that was refused stands in its document as the text that was written.
    """
    text = text_of(data, path, most=most)
    if isinstance(text, Problem):
        return Reading((), (text,))
    builder = Builder(text, max(MAX_NODES, MAX_NODES * most // MAX_BYTES))
    if path.endswith(".json"):
        return _read_json(text, path, builder, c_parser)
    return _read_yaml(text, path, builder, c_parser)


def text_of(data: bytes, path: str, *, most: int) -> str | Problem:
    """The text of a file without a byte order mark that an editor left, or why it is not read."""
    if len(data) > most:
        message = f"larger than {most // 1024} KiB; split the file, or raise --max-file-kib"
        return _unreadable(path, Mark(1, 1), message)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _unreadable(path, Mark(line, 1), "not UTF-8; save the file as UTF-8")
    text = text.removeprefix("\ufeff")
    if stray := _STRAY.search(text):
        return _unreadable(path, _mark_of(text, stray.start()), _STRAY_TEXT)
    if strange := STRANGE.search(text):
        return _unreadable(path, _mark_of(text, strange.start()), strangeness(strange))
    return text


def _read_json(text: str, path: str, positions: Builder, c_parser: bool) -> Reading:
    # JSON is nearly YAML: the same events give the positions.
    _build(positions, text, c_parser)
    try:
        value = parse(text.encode())
    except NotJson as error:
        return Reading((), (_unreadable(path, *_not_json(str(error), positions)),))
    whole = positions.documents and not positions.broken
    document = Document(value=value, path=path, spots=positions.documents[0][1] if whole else 0)
    problems = (
        INVISIBLE.problem(document.place(at), strangeness(found))
        for at, string in _strings(value)
        if (found := STRANGE.search(string))
    )
    return Reading((document,), tuple(islice(problems, MAX_FAULTS)))


def _not_json(message: str, positions: Builder) -> tuple[Mark, str]:
    """The mark at which JSON ends to be JSON, and the message without the place."""
    if found := re.search(r" at line (\d+) column (\d+)$", message):
        text = message.removesuffix(found[0]).removesuffix(" at")  # which one message has twice
        return Mark(int(found[1]), int(found[2])), text
    like = next((same for kind, same in _ALIKE if message.startswith(kind)), None)
    marks = (mark for mark, fault in positions.faults if like and fault.startswith(like))
    return next(marks, Mark(1, 1)), message


def _strings(value: Json, at: Pointer = ()) -> list[tuple[Pointer, str]]:
    match value:
        case str():
            return [(at, value)]
        case dict():
            keys = [((*at, key), key) for key in value]
            return keys + [s for key, item in value.items() for s in _strings(item, (*at, key))]
        case list():
            return [s for index, item in enumerate(value) for s in _strings(item, (*at, index))]
        case _:
            return []


def _read_yaml(text: str, path: str, builder: Builder, c_parser: bool) -> Reading:
    _build(builder, text, c_parser)
    return Reading(
        tuple(Document(value=value, path=path, spots=spots) for value, spots in builder.documents),
        tuple(
            rule.problem(Place(path, *_within(text, mark)), message)
            for rule, faults in ((TEXT, builder.faults), (INVISIBLE, builder.invisible))
            for mark, message in faults
        ),
        # Few files have notes, and to look for one on each line takes as long as to parse it.
        _notes(text, builder.text_lines) if "reconciler:" in text else {},
    )


def _notes(text: str, inside_texts: Set[int]) -> Mapping[int, str]:
    return {
        number: found[1]
        for number, line in enumerate(text.split("\n"), start=1)
        if number not in inside_texts and (found := _NOTE.match(line))
    }


def _mark_of(text: str, offset: int) -> Mark:
    return Mark(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


def _within(text: str, mark: Mark) -> Mark:
    """The mark, or the end of a text that ends too soon: the parser tells that a line later."""
    last = text.count("\n") + 1
    return mark if mark.line <= last else Mark(last, len(text) - text.rfind("\n"))


def _unreadable(path: str, mark: Mark, message: str) -> Problem:
    return TEXT.problem(Place(path, *mark), message)


def _build(builder: Builder, text: str, c_parser: bool) -> None:
    try:
        # Both parsers give the same events; libyaml is the faster one, and not everywhere.
        escaped = builder.escapes.text
        parser = yaml.CBaseLoader(escaped) if c_parser else yaml.BaseLoader(escaped)
        for event in iter(parser.get_event, None):
            builder.take(event)
    except Stop:
        builder.broken = True
    except yaml.MarkedYAMLError as error:
        builder.give_up(error.problem_mark, f"{_syntax(error)}{_cure(error, text)}")
    except (yaml.YAMLError, ValueError, OverflowError):
        # the pure Python parser turns escapes and directives into numbers without a guard
        builder.give_up(None, "not YAML: an escape or a character that does not exist")


def _syntax(error: yaml.MarkedYAMLError) -> str:
    """The parser's message, and where what it was reading begins: there the mistake often is."""
    problem, begun = error.problem or "not YAML", error.context_mark
    message = _TEXTS.get(problem, problem)
    if problem.startswith("expected <block end>, but found"):
        message = _TEXTS["did not find expected key"]
    if begun is None or error.problem_mark is None or begun.line == error.problem_mark.line:
        return message
    return f"{message}, {error.context} that begins on line {begun.line + 1}"


def _cure(error: yaml.MarkedYAMLError, text: str) -> str:
    if found := _NO_BREAK.search(text):
        line = _mark_of(text, found.end()).line
        return f"; line {line} has a no-break space, which looks like a space and is none"
    problem, mark = error.problem or "", error.problem_mark
    if mark is not None:
        at_fault = (text.split("\n")[mark.line :] or [""])[0]
        if "\t" in at_fault[mark.column : mark.column + 1]:
            return "; write spaces for the tab"
    begun = error.context_mark
    if begun is not None and "expected ':'" in problem:
        first = text.split("\n")[begun.line].lstrip()
        if first.startswith(("{", "[")):
            return (
                f"; indent what begins on line {begun.line + 1} by more than its key, or put what "
                "is JSON into a file that ends in .json"
            )
    return next((f"; {cure}" for part, cure in _CURES if part in problem), "")
