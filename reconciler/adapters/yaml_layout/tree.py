"""The tree of a document as ruamel reads it, and as it is to write it."""

import io
import json
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.emitter import RoundTripEmitter
from ruamel.yaml.error import YAMLError
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.scalarstring import (
    DoubleQuotedScalarString,
    FoldedScalarString,
    LiteralScalarString,
    SingleQuotedScalarString,
)

from reconciler.adapters.yaml_reader.remarks import Remarks
from reconciler.adapters.yaml_writer import scalar_text
from reconciler.domain.jsontext import Json
from reconciler.domain.problem import Pointer

STAND_IN = "text"
_FIRST_KEYS: dict[Pointer, tuple[str, ...]] = {
    (): ("apiVersion", "kind", "metadata", "spec"),
    ("metadata",): ("name", "labels"),
}
_ENDLESS = 1 << 30  # columns: a line ends where its author ended it


class TreesDiffer(Exception):
    """The reader and ruamel take a text for different values."""


def trees_of(bare: str) -> list[object]:
    """The trees of a text without remarks; raises TreesDiffer where ruamel does not take it."""
    try:
        return [tree for tree in _yaml().load_all(bare) if not _is_nothing(tree)]
    except YAMLError as error:
        raise TreesDiffer from error


def dumped(tree: object, value: Json, remarks: Remarks) -> str:
    """The text of a tree that has this value, laid out, without its remarks.

    Each of the `texts` of the remarks is but STAND_IN, and written anew there where it was JSON on
    several lines; raises TreesDiffer.
    """
    stream = io.StringIO()
    try:
        _yaml().dump(_Rebuilding(remarks).node(tree, value, (), _Style()), stream)
    except YAMLError as error:
        raise TreesDiffer from error
    return stream.getvalue().removesuffix("...\n")


class _AllText(VersionedResolver):
    """A resolver to which each plain scalar is text, so that it is written as it was."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        return super().resolve(kind, value, implicit if value is None else (False, True))


class _Emitter(RoundTripEmitter):
    """An emitter that moves a list to the right below a key alone: `- - item` has one blank."""

    def expect_block_sequence_item(self, first: bool = False) -> None:
        around = self.indents.values[:-1]
        offset = 2 if around and not around[-1][1] else 0
        self.sequence_dash_offset, self.best_sequence_indent = offset, offset + 2
        super().expect_block_sequence_item(first)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.Resolver, yaml.Emitter = _AllText, _Emitter
    yaml.preserve_quotes = True
    yaml.width = _ENDLESS
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    return yaml


def _is_nothing(tree: object) -> bool:
    return tree is None or (type(tree) is str and not tree)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    """The place of a node: on one line with others, or below what was on several lines."""

    is_flow: bool = False
    is_opened: bool = False


@dataclass(frozen=True, slots=True)
class _Rebuilding:
    """The way to a tree with nothing on several lines in braces, and with known keys first."""

    remarks: Remarks

    def node(self, tree: object, value: Json, path: Pointer, style: _Style) -> object:
        match tree, value:
            case CommentedMap(), dict() if len(tree) == len(value):
                return self._mapping(tree, value, path, self._inside(tree, path, style))
            case CommentedSeq(), list() if len(tree) == len(value):
                inside = self._inside(tree, path, style)
                sequence = CommentedSeq(
                    self.node(item, item_value, (*path, number), inside)
                    for number, (item, item_value) in enumerate(zip(tree, value, strict=True))
                )
                _set_style(sequence, inside)
                return sequence
            case str(), _ if not isinstance(value, dict | list):
                may_be_empty = not style.is_flow and bool(path) and isinstance(path[-1], str)
                written = _scalar(tree, value, style, may_be_empty=may_be_empty)
                if path not in self.remarks.texts:
                    return written
                if style.is_opened:
                    self.remarks.texts[path] = [scalar_text(value, flow=style.is_flow)]
                return STAND_IN
            case _:
                raise TreesDiffer

    def _mapping(
        self, tree: CommentedMap, value: dict[str, Json], path: Pointer, inside: _Style
    ) -> CommentedMap:
        written = dict(zip(value, tree.items(), strict=True))
        first = (key for key in _FIRST_KEYS.get(path, ()) if key in written)
        mapping = CommentedMap()
        for key in dict.fromkeys((*first, *written)):
            key_tree, member = written[key]
            name = _scalar(key_tree, key, inside, may_be_empty=False)
            mapping[name] = self.node(member, value[key], (*path, key), inside)
        _set_style(mapping, inside)
        return mapping

    def _inside(self, tree: CommentedMap | CommentedSeq, path: Pointer, style: _Style) -> _Style:
        is_opened = path in self.remarks.opened
        return _Style(
            is_flow=tree.fa.flow_style() is True and not is_opened,
            is_opened=is_opened or style.is_opened,
        )


def _set_style(collection: CommentedMap | CommentedSeq, inside: _Style) -> None:
    if inside.is_flow or not collection:
        collection.fa.set_flow_style()
    else:
        collection.fa.set_block_style()


def _scalar(tree: str, value: Json, style: _Style, *, may_be_empty: bool) -> str:
    """A scalar as it was written, or as the writer has it where it was JSON on several lines."""
    if isinstance(tree, DoubleQuotedScalarString | SingleQuotedScalarString):
        text = scalar_text(value, flow=style.is_flow)
        is_plain = style.is_opened and not text.startswith('"')
        return text if is_plain else type(tree)(value)
    if isinstance(tree, LiteralScalarString | FoldedScalarString):
        block: Any = type(tree)(tree)  # without the blank lines behind it
        if isinstance(tree, FoldedScalarString):
            block.fold_pos = getattr(tree, "fold_pos", [])
        written: str = block
        return written
    if isinstance(value, str):
        return DoubleQuotedScalarString(value) if "\n" in tree else str(tree)
    is_missing = not tree and not may_be_empty
    return json.dumps(value) if is_missing or style.is_opened else str(tree)
