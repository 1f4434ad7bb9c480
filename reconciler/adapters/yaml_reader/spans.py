"""Spans: where in a text each value of a document begins and ends, for edits that keep the rest."""

from dataclasses import dataclass

import yaml

from reconciler.domain.problem import Pointer
from reconciler.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A value in a text, from `start` to before `end`, in characters; `column` counts from 0.

    `keys` are the spans of a mapping's keys by their text, `inside` those of its values or, by
    number, of the items of a list. What is in block style ends with its last value.
    """

    start: int
    end: int
    column: int
    flow: bool
    keys: "dict[str | int, Span]"
    inside: "dict[str | int, Span]"

    def at(self, path: Pointer) -> "Span":
        """The span of a value below this one; raises KeyError where there is none."""
        span = self
        for step in path:
            span = span.inside[step]
        return span


def spans_of(text: str) -> tuple[Span, ...]:
    """The spans of each document of a text that the reader takes; raises UsageError for another."""
    try:
        return tuple(_span(node) for node in yaml.compose_all(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError("the text is not written in a way that can be edited here") from error


def _span(node: yaml.Node) -> Span:
    keys: dict[str | int, Span] = {}
    inside: dict[str | int, Span] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            keys[key.value], inside[key.value] = _span(key), _span(value)
    elif isinstance(node, yaml.SequenceNode):
        inside = {number: _span(item) for number, item in enumerate(node.value)}
    is_block = isinstance(node, yaml.CollectionNode) and bool(inside) and not node.flow_style
    last = next(reversed(inside.values())).end if is_block else node.end_mark.index
    return Span(
        start=node.start_mark.index,
        end=last,
        column=node.start_mark.column,
        flow=not is_block,
        keys=keys,
        inside=inside,
    )
