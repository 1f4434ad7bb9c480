"""The parser's events → documents, never recursive; it knows what of YAML is refused."""

import re
from dataclasses import dataclass
from sys import intern

import yaml

from reconciler.adapters.yaml_reader.documents import Mark, RawMark, Spot, Spots, at, counted
from reconciler.adapters.yaml_reader.escapes import SurrogateEscapes
from reconciler.adapters.yaml_reader.scalars import meaning, meaning_in_json
from reconciler.domain.jsontext import MAX_DEPTH, Json
from reconciler.domain.messages import quoted

MAX_FAULTS = 100
_SHORT = 24  # characters; a keyword is said again in each attribute, so one of them is kept
_MERGE = "a merge key; manifests are plain data: write the members out"
# Controls but tab and line ends, line separators, marks that turn the order of reading, byte order
# marks, language tags, surrogates and what is no character: none can be seen, some deceive.
STRANGE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff\U000e0000-\U000e007f]"
)
# As yamllint has it: a comment begins with a blank, and what does not may be meant as text.
_CUT = re.compile(r"[ \t]*#[^\s#]")
_HASH = re.compile(r"#[^\s#]")
_CUT_TEXT = "the value ends before #; quote it, or write a blank behind the # of a comment"
_NO_VALUE = "a key without a value; quote a text that has a comma, or write null behind a colon"
_HALF = "half of a pair of surrogates, which is no character; write the character itself"
_NO_TEXT = "a key that is no text; keys are plain strings"
_ALIAS = (
    "an alias; manifests are plain data: write the value out, or quote a text that begins with *"
)


def strangeness(found: re.Match[str]) -> str:
    """The message about a character of STRANGE."""
    return f"U+{ord(found[0]):04X}, a control, direction or other invisible character; remove it"


class Stop(Exception):
    """The fault just noted makes reading on pointless."""


@dataclass(slots=True, eq=False, repr=False)
class _Frame:
    """A collection that is being filled; `key` is the key that waits for its value."""

    container: dict[str, Json] | list[Json]
    spot: Spot
    awaits_key: bool
    key: str = ""
    is_flow: bool = False
    is_json: bool = False  # in braces, below a key in double quotes

    def put(self, value: Json, spot: Spots) -> None:
        if isinstance(self.container, list):
            self.spot.inside[len(self.container)] = spot
            self.container.append(value)
        else:
            self.spot.inside[self.key] = spot
            self.container[self.key] = value
            self.awaits_key = True


class Builder:
    """Turns the events of a text into documents, and notes what is refused as it goes."""

    def __init__(self, text: str, most_nodes: int) -> None:
        self.escapes = SurrogateEscapes(text)
        self._replaced = self.escapes.replaced
        self._cut_lines = (
            {number for number, line in enumerate(text.split("\n")) if _HASH.search(line)}
            if _HASH.search(text)
            else ()
        )
        self.documents: list[tuple[Json, Spots]] = []
        self.faults: list[tuple[Mark, str]] = []
        self.invisible: list[tuple[Mark, str]] = []  # characters that an escape stands for
        self.broken = False
        self.text_lines: set[int] = set()  # the lines on which a text goes on
        self._frames: list[_Frame] = []
        self._nodes = 0
        self._most_nodes = most_nodes

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            frame = self._frames.pop()
            self._put(frame.container, frame.spot)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)

    def give_up(self, mark: RawMark | None, message: str) -> None:
        self.faults.append((counted(at(mark)), message))
        self.broken = True

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        self._nodes += 1
        self._check_node(event)
        if self._frames and self._frames[-1].awaits_key:
            self._stop(event, _NO_TEXT)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        container: dict[str, Json] | list[Json] = {} if is_mapping else []
        frame = _Frame(container, Spot(at(event.start_mark)), awaits_key=is_mapping)
        if event.flow_style:
            frame.is_flow = True
            frame.is_json = bool(self._frames) and self._frames[-1].is_json
        self._frames.append(frame)
        if len(self._frames) > MAX_DEPTH:
            self._stop(event, f"nested deeper than {MAX_DEPTH} levels")

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._refuse(event, _ALIAS)
        if self._frames and self._frames[-1].awaits_key:
            self._stop(event, _NO_TEXT)
        self._put(None, at(event.start_mark))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._nodes += 1
        if event.anchor is not None or event.tag is not None or self._nodes > self._most_nodes:
            self._check_node(event)
        frame = self._frames[-1] if self._frames else None
        is_key = frame is not None and frame.awaits_key
        value: Json = self._restored(event) if self._replaced else event.value
        if event.style:  # quoted, or a block
            self._check_quoted(event)
        elif self._cut_lines and self._is_cut(event):
            self._refuse(event, _CUT_TEXT)
        else:
            in_json = frame is not None and frame.is_json
            value, refusal = meaning_in_json(value) if in_json else meaning(value)
            if refusal:
                self._refuse(event, _MERGE if is_key and event.value == "<<" else refusal)
        # A fleet says the same few hundred words in every manifest.
        if isinstance(value, str) and len(value) < _SHORT:
            value = intern(value)
        if frame is None:
            if event.style or event.value:  # an empty document between two --- is none
                self.documents.append((value, at(event.start_mark)))
        elif is_key:
            self._take_key(event, value, frame)
        else:
            if frame.is_flow and not event.value and not event.style:
                self._check_colon(event, frame)
            frame.put(value, at(event.start_mark))

    def _restored(self, event: yaml.ScalarEvent) -> str:
        start, end = event.start_mark, event.end_mark
        if start is None or end is None:
            return event.value
        text = self.escapes.restored(event.value, start.index, end.index)
        if text is None:
            self._refuse(event, _HALF)
        return event.value if text is None else text

    def _is_cut(self, event: yaml.ScalarEvent) -> bool:
        """Test whether something that is no clear comment stands right behind a plain scalar."""
        end = event.end_mark
        if end is None or end.line not in self._cut_lines:
            return False
        return _CUT.match(self.escapes.text, end.index) is not None

    def _check_colon(self, event: yaml.ScalarEvent, frame: _Frame) -> None:
        """Refuse a key in braces behind which nothing stands: it may be the rest of a text."""
        text, mark = self.escapes.text, event.start_mark
        if mark is None or mark.index >= len(text) or isinstance(frame.container, list):
            return
        end = mark.index
        while text[end - 1].isspace():
            end -= 1
        if text[end - 1] != ":":
            self._note(counted(frame.spot.keys[frame.key]), _NO_VALUE)

    def _check_quoted(self, event: yaml.ScalarEvent) -> None:
        escaped = STRANGE.search(event.value) if event.style == '"' else None
        if escaped and len(self.invisible) < MAX_FAULTS:
            self.invisible.append((counted(at(event.start_mark)), strangeness(escaped)))
        # What looks like an ignore note inside of a text is none.
        first, last = event.start_mark, event.end_mark
        if first and last and last.line > first.line:
            end = last.line + (1 if last.column else 0)
            self.text_lines.update(range(first.line + 2, end + 1))

    def _take_key(self, event: yaml.ScalarEvent, key: Json, frame: _Frame) -> None:
        if not isinstance(key, str):
            self._refuse(event, f"{_NO_TEXT}: quote it")
            key = event.value
        if key in frame.spot.keys:
            # Readers of JSON keep the last one, others the first: nobody can tell which is meant.
            line = counted(frame.spot.keys[key]).line
            self._refuse(event, f"duplicate key {quoted(key)}; the first is on line {line}")
        else:
            frame.spot.keys[key] = at(event.start_mark)
        frame.key, frame.awaits_key = intern(key), False
        if frame.is_flow:
            frame.is_json = event.style == '"'

    def _put(self, value: Json, spot: Spots) -> None:
        if self._frames:
            self._frames[-1].put(value, spot)
        else:
            self.documents.append((value, spot))

    def _check_node(
        self, event: yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent
    ) -> None:
        if self._nodes > self._most_nodes:
            self._stop(event, f"more than {self._most_nodes} values; split the file")
        if event.anchor is not None:
            self._refuse(event, "an anchor; manifests are plain data: write the value out")
        if event.tag is not None:
            self._refuse(event, "a tag; manifests are plain data: leave it out")

    def _refuse(self, event: yaml.Event, message: str) -> None:
        self._note(counted(at(event.start_mark)), message)

    def _note(self, where: Mark, message: str) -> None:
        if len(self.faults) == MAX_FAULTS:
            self.faults.append((where, "too many faults; the rest of the file is not read"))
            raise Stop
        self.faults.append((where, message))

    def _stop(self, event: yaml.Event, message: str) -> None:
        self._refuse(event, message)
        raise Stop
