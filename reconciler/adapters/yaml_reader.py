"""Text to JSON values and where each stands; it alone knows PyYAML and what YAML we refuse.

One pass over the parser's events, never recursive, builds the value and the positions together.
Manifests are data: no anchors, aliases, merge keys or tags; scalars are what JSON makes of them,
and what YAML readers read differently is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import yaml

from reconciler.domain.jsontext import MAX_DEPTH, Json, NotJson, parse
from reconciler.domain.manifest import Place, Problem, Severity
from reconciler.domain.words import quoted

MAX_BYTES = 256 * 1024
MAX_NODES = 50_000
MAX_FAULTS = 100

Path = tuple[str | int, ...]


class Mark(NamedTuple):
    """A position in a text; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document: its value, and where each path's value and key stand in the file."""

    value: Json
    path: str
    values: Mapping[Path, Mark]
    keys: Mapping[Path, Mark]

    def place(self, path: Path = (), *, at_key: bool = False) -> Place:
        """Where the path stands; where it is not written, what would hold it."""
        while path and path not in self.values:
            path, at_key = path[:-1], True
        mark = self.keys.get(path) if at_key else None
        return Place(self.path, *(mark or self.values.get(path, Mark(1, 1))))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file holds: its documents, and everything that is wrong with its text.

    `notes` are the comments that speak to this program, `# reconciler: …`, by their line.
    """

    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]
    notes: Mapping[int, str] = field(default_factory=dict)


def read(
    data: bytes, path: str, *, most: int = MAX_BYTES, c_parser: bool = yaml.__with_libyaml__
) -> Reading:
    """Read a manifest file: JSON where the path ends in `.json`, else YAML. Never raises.

    A file of more than `most` bytes is refused; how many values it may hold goes with that.
    After a fault of syntax or size the rest of the file is not read; other faults are collected.
    A value that was refused stands in its document as the text that was written.
    """
    if len(data) > most:
        words = f"larger than {most // 1024} KiB; split the file, or raise --max-file-kib"
        return _unreadable(path, Mark(1, 1), words)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _unreadable(path, Mark(line, 1), "not UTF-8; save the file as UTF-8")
    text = text.removeprefix("\ufeff")  # a byte order mark that an editor left
    builder = _Builder(max(MAX_NODES, MAX_NODES * most // MAX_BYTES))
    if path.endswith(".json"):
        return _read_json(text, path, builder, c_parser)
    return _read_yaml(text, path, builder, c_parser)


def _read_json(text: str, path: str, positions: "_Builder", c_parser: bool) -> Reading:
    try:
        value = parse(text.encode())
    except NotJson as error:
        found = re.search(r" at line (\d+) column (\d+)$", str(error))
        mark = Mark(int(found[1]), int(found[2])) if found else Mark(1, 1)
        return _unreadable(path, mark, str(error).removesuffix(found[0] if found else ""))
    # JSON is nearly YAML: the same events give the positions, and where they cannot (a pair of
    # surrogate escapes, say) everything is reported at the first line.
    _build(positions, text, c_parser)
    values, keys = ({}, {}) if positions.broken else (positions.values, positions.keys)
    document = Document(value=value, path=path, values=values, keys=keys)
    strange = [at for at, string in _strings(value) if _STRANGE.search(string)]
    problems = [_problem(document.place(at), _STRANGE_WORDS) for at in strange]
    return Reading((document,), tuple(problems))


def _strings(value: Json, at: Path = ()) -> list[tuple[Path, str]]:
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


def _read_yaml(text: str, path: str, builder: "_Builder", c_parser: bool) -> Reading:
    if strange := _STRANGE.search(text):
        return _unreadable(path, _mark_of(text, strange.start()), _STRANGE_WORDS)
    _build(builder, text, c_parser)
    return Reading(
        tuple(
            Document(value=value, path=path, values=values, keys=keys)
            for value, values, keys in builder.documents
        ),
        tuple(_problem(Place(path, *mark), words) for mark, words in builder.faults),
        {
            number: found[1]
            for number, line in enumerate(text.split("\n"), start=1)
            if number not in builder.text_lines and (found := _NOTE.match(line))
        },
    )


def _mark_of(text: str, offset: int) -> Mark:
    return Mark(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


def _unreadable(path: str, mark: Mark, words: str) -> Reading:
    return Reading((), (_problem(Place(path, *mark), words),))


def _problem(place: Place, words: str) -> Problem:
    return Problem(place, Severity.ERROR, RULE, words)


def _build(builder: "_Builder", text: str, c_parser: bool) -> None:
    loader = yaml.CBaseLoader if c_parser else yaml.BaseLoader
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except _Stop:
        builder.broken = True
    except yaml.MarkedYAMLError as error:
        builder.give_up(error.problem_mark, error.problem or "not YAML")
    except (yaml.YAMLError, ValueError, OverflowError):
        # the pure Python parser turns escapes and directives into numbers without a guard
        builder.give_up(None, "not YAML: an escape or a character that does not exist")


class _Stop(Exception):
    """The fault just noted makes reading on pointless."""


@dataclass(slots=True)
class _Frame:
    """A collection that is being filled; `key` is the key that waits for its value."""

    container: dict[str, Json] | list[Json]
    path: Path
    key: str | None = None
    first: dict[str, Mark] = field(default_factory=dict)


class _Builder:
    """Turns events into documents, and notes what is refused as it goes."""

    def __init__(self, most_nodes: int) -> None:
        self.documents: list[tuple[Json, dict[Path, Mark], dict[Path, Mark]]] = []
        self.faults: list[tuple[Mark, str]] = []
        self.values: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}
        self.broken = False
        self.text_lines: set[int] = set()  # the lines on which a text goes on
        self._frames: list[_Frame] = []
        self._nodes = 0
        self._most_nodes = most_nodes

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self.values, self.keys = {}, {}
            case yaml.AliasEvent():
                self._refuse(event, "an alias; manifests are plain data: write the value out")
                self._put(None, event)
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case _:
                pass

    def give_up(self, mark: yaml.error.Mark | None, words: str) -> None:
        at = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
        self.faults.append((at, words))
        self.broken = True

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        self._check_node(event)
        if self._awaits_key():
            self._stop(event, "a key that is no text; keys are plain strings")
        path = self._child_path()
        self.values[path] = _start(event)
        container: dict[str, Json] | list[Json] = (
            {} if isinstance(event, yaml.MappingStartEvent) else []
        )
        self._frames.append(_Frame(container, path))
        if len(self._frames) > MAX_DEPTH:
            self._stop(event, f"nested deeper than {MAX_DEPTH} levels")

    def _close(self) -> None:
        self._attach(self._frames.pop().container)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._check_node(event)
        self._note_lines(event)
        if _STRANGE.search(event.value):
            self._refuse(event, _STRANGE_WORDS)
        if self._awaits_key():
            self._take_key(event)
        elif event.style:  # quoted, or a block
            self._put(event.value, event)
        else:
            self._plain(event)

    def _note_lines(self, event: yaml.ScalarEvent) -> None:
        first, last = event.start_mark, event.end_mark
        if first and last and last.line > first.line:
            end = last.line + (1 if last.column else 0)
            self.text_lines.update(range(first.line + 2, end + 1))

    def _plain(self, event: yaml.ScalarEvent) -> None:
        if words := why_ambiguous(event.value):
            self._refuse(event, words)
            self._put(event.value, event)
        elif self._frames or event.value:  # an empty document between two --- is none
            self._put(plain_value(event.value), event)

    def _take_key(self, event: yaml.ScalarEvent) -> None:
        frame, key = self._frames[-1], event.value
        if not event.style:
            self._check_plain_key(event)
        if key in frame.first:
            self._refuse(
                event, f"duplicate key {quoted(key)}; the first is on line {frame.first[key].line}"
            )
        frame.key = key
        self.keys[*frame.path, key] = frame.first.setdefault(key, _start(event))

    def _check_plain_key(self, event: yaml.ScalarEvent) -> None:
        if event.value == "<<":
            self._refuse(event, "a merge key; manifests are plain data: write the members out")
        elif words := why_ambiguous(event.value):
            self._refuse(event, words)
        elif not isinstance(plain_value(event.value), str):
            self._refuse(event, "a key that is no text; keys are plain strings: quote it")

    def _put(self, value: Json, event: yaml.NodeEvent) -> None:
        if self._awaits_key():  # only an alias comes this way
            self._stop(event, "a key that is no text; keys are plain strings")
        self.values[self._child_path()] = _start(event)
        self._attach(value)

    def _attach(self, value: Json) -> None:
        if not self._frames:
            self.documents.append((value, self.values, self.keys))
            return
        frame = self._frames[-1]
        if isinstance(frame.container, list):
            frame.container.append(value)
        elif frame.key is not None:
            frame.container[frame.key] = value
            frame.key = None

    def _awaits_key(self) -> bool:
        frame = self._frames[-1] if self._frames else None
        return frame is not None and isinstance(frame.container, dict) and frame.key is None

    def _child_path(self) -> Path:
        if not self._frames:
            return ()
        frame = self._frames[-1]
        step = len(frame.container) if isinstance(frame.container, list) else frame.key
        return (*frame.path, step) if step is not None else frame.path

    def _check_node(
        self, event: yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent
    ) -> None:
        self._nodes += 1
        if self._nodes > self._most_nodes:
            self._stop(event, f"more than {self._most_nodes} values; split the file")
        if event.anchor is not None:
            self._refuse(event, "an anchor; manifests are plain data: write the value out")
        if event.tag is not None:
            self._refuse(event, "a tag; manifests are plain data: leave it out")

    def _refuse(self, event: yaml.Event, words: str) -> None:
        if len(self.faults) == MAX_FAULTS:
            self.faults.append((_start(event), "too many faults; the rest of the file is not read"))
            raise _Stop
        self.faults.append((_start(event), words))

    def _stop(self, event: yaml.Event, words: str) -> None:
        self._refuse(event, words)
        raise _Stop


def _start(event: yaml.Event) -> Mark:
    mark = event.start_mark
    return Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)


def plain_value(text: str) -> Json:
    """What an unambiguous plain scalar means: null, a boolean, a number as in JSON, or text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FRACTION.fullmatch(text) else text


def why_ambiguous(text: str) -> str | None:
    """Why YAML 1.1, YAML 1.2 and JSON differ over a plain scalar, and the cure; None if they agree.

    Only a word of YAML's own is repeated in the message: the scalar may be a secret.
    """
    if text in _WORDS:
        return None
    if _YAML_WORD.fullmatch(text):
        return f"{text} is a word to some YAML readers and a boolean or null to others; quote it"
    if _NUMBER_LIKE.fullmatch(text):
        return _why_no_number(text)
    what = next((words for pattern, words in _TRAPS if pattern.fullmatch(text)), None)
    return what and f"{what} to some YAML readers and text to others; quote it"


def _why_no_number(text: str) -> str | None:
    if len(text) > MAX_DIGITS:
        return "a number with too many digits; quote it"
    whole = _INTEGER.fullmatch(text) and text != "-0"
    if whole or (_FRACTION.fullmatch(text) and repr(float(text)) == text):
        return None
    return "a number that readers do not keep as it is written; quote it, or write it as JSON would"


RULE = "REC-TEXT"
_NOTE = re.compile(r" *# *reconciler:(.*)")
MAX_DIGITS = 4000  # int() refuses more than 4300
_WORDS: dict[str, Json] = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FRACTION = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_YAML_WORD = re.compile("y|n|yes|no|on|off|true|false|null", re.IGNORECASE | re.ASCII)
_NUMBER_LIKE = re.compile(r"[-+]?(\.[0-9]|[0-9])[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?")
_TRAPS = (
    (re.compile(r"[-+]?0[xob][0-9a-fA-F_]+", re.IGNORECASE | re.ASCII), "a number"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a time or a number in base 60"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"), "a date"),
    (re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE | re.ASCII), "a number that JSON lacks"),
    (re.compile(r"=|<<"), "an instruction"),
)
# Controls but tab and line ends, line separators, marks that turn the order of reading, byte order
# marks, language tags, surrogates and what is no character: none can be seen, some deceive.
_STRANGE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff\U000e0000-\U000e007f]"
)
_STRANGE_WORDS = "a control, direction or other invisible character; remove it"
