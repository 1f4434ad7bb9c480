"""Remarks: the comments and blank lines of a text, each with the value that it is about."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

import yaml

from reconciler.adapters.yaml_reader.documents import RawMark
from reconciler.adapters.yaml_reader.escapes import SurrogateEscapes
from reconciler.domain.problem import Pointer

BLANK = ""
_BLOCK_HEAD = re.compile(r"[|>](?P<marks>[-+0-9]*)[ \t]*(?P<comment>#.*)?")
_ENDS_BLANK = re.compile(r"\n[ \t]*\n\Z")
_ENDS_WHITE = re.compile(r"[ \t]\n*\Z")
_ENDS_ESCAPED = re.compile(r"\\[ \t]+$", re.MULTILINE)


@dataclass(slots=True, kw_only=True)
class Remarks:
    """The remarks on one document, as lines without indentation; `BLANK` is a blank line.

    The header stands before everything; others above an entry, beside it at the end of its line,
    or below the last entry of a collection. `opened` are the collections in braces or brackets that
    go over several lines, `texts` the lines of each text in double quotes, or that does.
    """

    is_explicit: bool = False
    header: list[str] = field(default_factory=list)
    above: defaultdict[Pointer, list[str]] = field(default_factory=lambda: defaultdict(list))
    beside: dict[Pointer, str] = field(default_factory=dict)
    below: defaultdict[Pointer, list[str]] = field(default_factory=lambda: defaultdict(list))
    opened: set[Pointer] = field(default_factory=set)
    texts: dict[Pointer, list[str]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class RemarkedText:
    """A text taken apart: remarks by document, those before all of them, and the bare rest."""

    preamble: list[str] = field(default_factory=list)
    documents: list[Remarks] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    bare: str = ""
    has_directive: bool = False


def remarks_of(text: str) -> RemarkedText:
    """Take a text apart that the reader takes, and whose lines end in a line feed alone."""
    collector = _Collector(text if text.endswith("\n") else f"{text}\n")
    collector.collect()
    return collector.found


@dataclass(slots=True, kw_only=True)
class _Frame:
    """A collection that is being read; `step` is the key or number of its newest entry."""

    path: Pointer
    line: int
    column: int
    is_flow: bool
    is_mapping: bool
    awaits_key: bool
    step: str | int = -1

    @property
    def entry(self) -> Pointer:
        return (*self.path, self.step)


class _Collector:
    """A walk from event to event of the parser, and through the gaps between them."""

    def __init__(self, text: str) -> None:
        self.found = RemarkedText()
        self._text = text
        self._escapes = SurrogateEscapes(text)
        self._bare: list[str] = []
        self._draft = Remarks()
        self._is_begun = False  # the document has an entry
        self._stack: list[_Frame] = []
        self._closed: list[_Frame] = []  # those in block style since the last gap
        self._pending: list[str] = []  # what is above the next entry
        self._blank = False
        self._end = 0  # of the last event
        self._at_line_start = True
        # The entry that a comment on the same line is about, and whether it goes on below.
        self._beside: Pointer | None = None
        self._is_open = False

    def collect(self) -> None:
        parser = (yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader)(
            self._escapes.text
        )
        for event in iter(parser.get_event, None):
            self._take(event)
        self.found.bare = "".join(self._bare)

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            if event.explicit:
                self._pass(event)
                self._end_document()
            self.found.has_directive |= bool(event.version or event.tags)
            self._draft, self._is_begun = Remarks(is_explicit=bool(event.explicit)), False
        elif isinstance(event, yaml.DocumentEndEvent):
            if event.explicit:
                self._pass(event)
        elif isinstance(event, yaml.StreamEndEvent):
            self._pass(event)
            self._end_document()

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        frame = self._stack[-1] if self._stack else None
        if frame is None and not event.style and not event.value:
            return  # an empty document
        self._pass(event)
        start, end = _begin(event).index, _end(event).index
        if frame is not None and frame.awaits_key:
            value = event.value
            frame.step = self._escapes.restored(value, start, end) or value
            frame.awaits_key = False
            self._begin_entry(frame.entry)
            self._beside, self._is_open = frame.entry, False
            return
        path = self._begin_node(is_block=False)
        self._beside, self._is_open = path, False
        written = self._text[start:end]
        if head := _BLOCK_HEAD.match(written) if event.style in ("|", ">") else None:
            self._bare[-1] = self._bare[-1][: head.end("marks")] + self._bare[-1][head.end() :]
            if head["comment"]:
                self.found.comments.append(head["comment"].rstrip())
                self._put_beside(path, head["comment"].rstrip())
            ends_blank = _ENDS_BLANK.search(written) and not _ENDS_WHITE.search(event.value)
            self._blank = bool(ends_blank) and "+" not in head["marks"]
            self._at_line_start = written.endswith("\n")
        elif (event.style == '"' or "\n" in written) and not _ENDS_ESCAPED.search(written):
            self._draft.texts[path] = [line.strip() for line in written.split("\n")]
        self._end_node()

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        self._pass(event)
        is_flow, is_mapping = bool(event.flow_style), isinstance(event, yaml.MappingStartEvent)
        path = self._begin_node(is_block=not is_flow)
        mark = _begin(event)
        self._stack.append(
            _Frame(
                path=path,
                line=mark.line,
                column=mark.column,
                is_flow=is_flow,
                is_mapping=is_mapping,
                awaits_key=is_mapping,
            )
        )
        self._beside, self._is_open = path if is_flow else None, True

    def _close(self, event: yaml.CollectionEndEvent) -> None:
        frame = self._stack[-1]
        if frame.is_flow:
            self._pass(event)
            is_opened = _end(event).line > frame.line and frame.step != -1
            if is_opened:
                self._draft.opened.add(frame.path)
            where = self._draft.below if is_opened else self._draft.above
            where[frame.path] += self._taken_pending()
            self._beside, self._is_open = frame.path, is_opened
        else:
            self._closed.append(frame)
        self._stack.pop()
        self._end_node()

    def _begin_node(self, *, is_block: bool) -> Pointer:
        """The place of a value that begins; what waits is above its entry, or inside of it."""
        if not self._stack:
            if not is_block:
                self._begin_entry(())
            return ()
        frame = self._stack[-1]
        if not frame.is_mapping:
            frame.step = int(frame.step) + 1
            self._begin_entry(frame.entry)
        elif not is_block:
            self._draft.above[frame.entry] += self._taken_pending()
        return frame.entry

    def _begin_entry(self, path: Pointer) -> None:
        is_first = not self._is_begun
        if is_first:
            self.found.documents.append(self._draft)
            self._is_begun = True
        above = self._draft.header if is_first else self._draft.above[path]
        has_blank = self._blank
        above += self._taken_pending()
        if has_blank:
            above.append(BLANK)

    def _end_node(self) -> None:
        if self._stack:
            self._stack[-1].awaits_key = self._stack[-1].is_mapping

    def _end_document(self) -> None:
        """Let what stands between documents be below the last one, or before all of them."""
        documents = self.found.documents
        above = documents[-1].below[()] if documents else self.found.preamble
        above += self._taken_pending()

    def _taken_pending(self) -> list[str]:
        taken, self._pending, self._blank = self._pending, [], False
        return taken

    def _pass(self, event: yaml.Event) -> None:
        """Take what stands before the event apart, line by line; the first goes on a line."""
        start, end, offset = _begin(event).index, _end(event).index, self._end
        lines = self._text[offset:start].split("\n")
        for number, line in enumerate(lines):
            is_last = number == len(lines) - 1
            goes_on = number == 0 and not self._at_line_start
            code, hash_mark, comment = line.partition("#")
            if goes_on or is_last or code.strip():
                spaced = code.replace("\t", " ")
                self._bare.append(spaced if is_last else f"{spaced.rstrip()}\n")
            elif not hash_mark:
                self._blank = True
            if code.strip() and not goes_on:  # a hyphen: what is closed ended above it
                self._closed.clear()
            if hash_mark and goes_on and self._beside is not None:
                self._comment_beside(self._beside, f"#{comment.rstrip()}")
            elif hash_mark:
                is_alone = not (goes_on or code.strip())
                self._comment(f"#{comment.rstrip()}", len(code) if is_alone else None)
        self._bare.append(self._escapes.text[start:end])
        self._end, self._at_line_start = end, False
        self._beside = None
        self._closed.clear()

    def _comment_beside(self, path: Pointer, comment: str) -> None:
        """Take a comment behind an entry; an opened item has no line where it could stand."""
        if not self._is_open or (path and isinstance(path[-1], str)):
            self.found.comments.append(comment)
            self._put_beside(path, comment)
        elif path:
            self.found.comments.append(comment)
            self._draft.above[path].append(comment)
        else:
            self._comment(comment, None)

    def _put_beside(self, path: Pointer, comment: str) -> None:
        """Let it stand there; what stood there is above."""
        if path in self._draft.beside:
            self._draft.above[path].append(self._draft.beside[path])
        self._draft.beside[path] = comment

    def _comment(self, comment: str, column: int | None) -> None:
        """A comment on a line of its own: about the next entry, or below what its column is in."""
        self.found.comments.append(comment)
        about = self._pending
        if column is not None and not (self._stack and self._stack[-1].is_flow):
            least = self._stack[-1].column if self._stack else -1
            for frame in reversed(self._closed):
                if least < frame.column <= column:
                    least, about = frame.column, self._draft.below[frame.path]
        if self._blank:
            about.append(BLANK)
        self._blank = False
        about.append(comment)


def _begin(event: yaml.Event) -> RawMark:
    assert event.start_mark is not None
    return event.start_mark


def _end(event: yaml.Event) -> RawMark:
    assert event.end_mark is not None
    return event.end_mark
