"""Edits of a YAML or JSON text that leave everything else as it is written, comments too."""

import json
from dataclasses import dataclass

from reconciler.adapters.yaml_reader.spans import Span, spans_of
from reconciler.adapters.yaml_writer import flow_text, yaml_text
from reconciler.domain.jsontext import Json
from reconciler.domain.problem import Pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedText:
    """A text that holds a document, the one of that number, and each edit of it as a new value.

    What is added looks like what stands beside it: in lines of its own, on one line, or as JSON.
    """

    text: str
    number: int

    def inserted(self, path: Pointer, value: Json) -> "EditedText":
        """The text with a value behind the item of a list that the path names."""
        *above, index = path
        return self._behind(self._span(tuple(above)), index, value)

    def appended(self, path: Pointer, value: Json) -> "EditedText":
        """The text with a value at the end of the list at the path, or with a list that holds it.

        What holds that list has a member already.
        """
        *above, name = path
        holder = self._span(tuple(above))
        if name in holder.inside and holder.inside[name].inside:
            there = holder.inside[name]
            return self._behind(there, len(there.inside) - 1, value)
        if name in holder.inside:  # an empty list
            there = holder.inside[name]
            return self._with(there.start, there.end, self._inline([value]))
        last = next(reversed(holder.inside.values()))
        if holder.flow:
            member = f"{self._inline(name)}: {self._inline([value])}"
            return self._with(last.end, last.end, f", {member}")
        column = next(iter(holder.keys.values())).column
        items = "".join(f"  {line}\n" for line in _item(value).splitlines())
        return self._with_lines(last.end, f"{flow_text(name)}:\n{items}", column)

    def removed(self, path: Pointer) -> "EditedText":
        """The text without an item of a list, or without the list where it is the only one.

        Comments right above it, no further to the left, go with it.
        """
        *above, index = path
        holder = self._span(tuple(above))
        if len(holder.inside) == 1:
            return self.removed(tuple(above))
        steps = list(holder.inside)
        place = steps.index(index)
        begins = (holder.keys or holder.inside)[index].start
        if holder.flow:
            if place:
                return self._with(holder.inside[steps[place - 1]].end, holder.inside[index].end, "")
            return self._with(begins, (holder.keys or holder.inside)[steps[1]].start, "")
        start = self._line_start(begins)
        if not holder.keys:  # the hyphen may stand on a line above its value
            while not self.text[start:].startswith(f"{' ' * holder.column}-"):
                start = self._line_start(start - 1)
        while self._is_comment(start - 1, holder.column):
            start = self._line_start(start - 1)
        return self._with(start, self._line_end(holder.inside[index].end), "")

    def _span(self, path: Pointer) -> Span:
        return spans_of(self.text)[self.number].at(path)

    def _behind(self, holder: Span, index: str | int, value: Json) -> "EditedText":
        beside = holder.inside[index]
        if holder.flow:
            return self._with(beside.end, beside.end, f", {self._inline(value)}")
        lines = f"- {flow_text(value)}" if beside.flow else _item(value)
        return self._with_lines(beside.end, lines, holder.column)

    def _inline(self, value: Json) -> str:
        is_json = self.text.lstrip("\ufeff \t\r\n").startswith(("{", "["))
        return json.dumps(value, ensure_ascii=False) if is_json else flow_text(value)

    def _with_lines(self, end: int, lines: str, column: int) -> "EditedText":
        newline = "\r\n" if "\r\n" in self.text else "\n"
        at = self._line_end(end)
        text = "".join(f"{' ' * column}{line}{newline}" for line in lines.splitlines())
        return self._with(at, at, text if self.text[:at].endswith("\n") else f"{newline}{text}")

    def _line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def _is_comment(self, at: int, column: int) -> bool:
        """Test whether the line of that place is a comment that begins there or to the right."""
        line = self.text[self._line_start(at) : at] if at > 0 else ""
        return not line[:column].strip(" ") and line.lstrip(" ").startswith("#")

    def _line_end(self, end: int) -> int:
        """Behind the line on which a value ends; a text in lines ends at the next one's begin."""
        while self.text[end - 1].isspace():
            end -= 1
        found = self.text.find("\n", end)
        return len(self.text) if found < 0 else found + 1

    def _with(self, start: int, end: int, text: str) -> "EditedText":
        return EditedText(text=f"{self.text[:start]}{text}{self.text[end:]}", number=self.number)


def _item(value: Json) -> str:
    """An item of a list in block style."""
    return yaml_text([value]) if isinstance(value, dict) else f"- {flow_text(value)}"
