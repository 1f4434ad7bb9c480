"""The parser's events → documents, never recursive; it knows what of YAML is refused."""

import re
from dataclasses import dataclass

import yaml

from reconciler.adapters.yaml_reader.documents import Mark, RawMark, Spot, Spots, counted
from reconciler.adapters.yaml_reader.scalars import meaning
from reconciler.domain.jsontext import MAX_DEPTH, Json
from reconciler.domain.words import quoted

MAX_FAULTS = 100


class Stop(Exception):
    """The fault just noted makes reading on pointless."""


@dataclass(slots=True)
class _Frame:
    """A collection that is being filled; `key` is the key that waits for its value."""

    container: dict[str, Json] | list[Json]
    spot: Spot
    key: str | None = None

    @property
    def awaits_key(self) -> bool:
        return self.key is None and isinstance(self.container, dict)

    def put(self, value: Json, spot: Spots) -> None:
        if isinstance(self.container, list):
            self.spot.inside[len(self.container)] = spot
            self.container.append(value)
        elif self.key is not None:
            self.spot.inside[self.key] = spot
            self.container[self.key] = value
            self.key = None


class Builder:
    """Turns events into documents, and notes what is refused as it goes."""

    def __init__(self, most_nodes: int) -> None:
        self.documents: list[tuple[Json, Spots]] = []
        self.faults: list[tuple[Mark, str]] = []
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

    def give_up(self, mark: RawMark | None, words: str) -> None:
        self.faults.append((counted(mark), words))
        self.broken = True

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        self._check_node(event)
        if self._frames and self._frames[-1].awaits_key:
            self._stop(event, "a key that is no text; keys are plain strings")
        container: dict[str, Json] | list[Json] = (
            {} if isinstance(event, yaml.MappingStartEvent) else []
        )
        self._frames.append(_Frame(container, Spot(event.start_mark)))
        if len(self._frames) > MAX_DEPTH:
            self._stop(event, f"nested deeper than {MAX_DEPTH} levels")

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._refuse(event, "an alias; manifests are plain data: write the value out")
        if self._frames and self._frames[-1].awaits_key:
            self._stop(event, "a key that is no text; keys are plain strings")
        self._put(None, event.start_mark)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._check_node(event)
        if event.style == '"' and STRANGE.search(event.value):  # by an escape
            self._refuse(event, STRANGE_WORDS)
        if event.style:
            self._note_lines(event)
        if self._frames and self._frames[-1].awaits_key:
            self._take_key(event, self._frames[-1])
        elif event.style:  # quoted, or a block
            self._put(event.value, event.start_mark)
        else:
            self._plain(event)

    def _note_lines(self, event: yaml.ScalarEvent) -> None:
        first, last = event.start_mark, event.end_mark
        if first and last and last.line > first.line:
            end = last.line + (1 if last.column else 0)
            self.text_lines.update(range(first.line + 2, end + 1))

    def _plain(self, event: yaml.ScalarEvent) -> None:
        value, words = meaning(event.value)
        if words:
            self._refuse(event, words)
        if self._frames or event.value:  # an empty document between two --- is none
            self._put(value, event.start_mark)

    def _take_key(self, event: yaml.ScalarEvent, frame: _Frame) -> None:
        key = event.value
        if not event.style:
            self._check_plain_key(event)
        if key in frame.spot.keys:
            line = counted(frame.spot.keys[key]).line
            self._refuse(event, f"duplicate key {quoted(key)}; the first is on line {line}")
        else:
            frame.spot.keys[key] = event.start_mark
        frame.key = key

    def _check_plain_key(self, event: yaml.ScalarEvent) -> None:
        value, words = meaning(event.value)
        if event.value == "<<":
            self._refuse(event, "a merge key; manifests are plain data: write the members out")
        elif words:
            self._refuse(event, words)
        elif not isinstance(value, str):
            self._refuse(event, "a key that is no text; keys are plain strings: quote it")

    def _put(self, value: Json, spot: Spots) -> None:
        if self._frames:
            self._frames[-1].put(value, spot)
        else:
            self.documents.append((value, spot))

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
        at = counted(event.start_mark)
        if len(self.faults) == MAX_FAULTS:
            self.faults.append((at, "too many faults; the rest of the file is not read"))
            raise Stop
        self.faults.append((at, words))

    def _stop(self, event: yaml.Event, words: str) -> None:
        self._refuse(event, words)
        raise Stop


# Controls but tab and line ends, line separators, marks that turn the order of reading, byte order
# marks, language tags, surrogates and what is no character: none can be seen, some deceive.
STRANGE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff\U000e0000-\U000e007f]"
)
STRANGE_WORDS = "a control, direction or other invisible character; remove it"
