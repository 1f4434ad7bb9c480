"""Who holds an attribute at all: `pr` alone, answered by documents instead of models."""

from dataclasses import dataclass
from typing import Any

from scim2_models import Extension, ScimFilter
from scim2_models.path import Present

from reconciler.domain.jsontext import Json
from reconciler.domain.scim import fold

_DERIVED = ("groups", "meta")  # no document has all of them


@dataclass(frozen=True, slots=True)
class HeldAttribute:
    """An attribute by the folded names that lead to it through a document."""

    steps: tuple[str, ...]

    def is_in(self, document: Json) -> bool:
        """Test whether a document holds a value there that is not empty."""
        found = document
        for step in self.steps:
            found = _member(found, step)
        return _is_value(found)


def held_attribute(wanted: ScimFilter[Any] | None) -> HeldAttribute | None:
    """The attribute that a filter of nothing but `pr` asks for; None for another filter."""
    if wanted is None or not isinstance(wanted.ast, Present):
        return None
    path = wanted.ast.attr_path
    binding = wanted.resolve(path)
    if binding is None or fold(path.attr) in _DERIVED:
        return None
    extension = [str(binding.model.__schema__)] if issubclass(binding.model, Extension) else []
    within = [path.sub_attr] if path.sub_attr else []
    return HeldAttribute(tuple(map(fold, [*extension, path.attr, *within])))


def _member(value: Json, step: str) -> Json:
    """The member of an object, or those of many objects."""
    if isinstance(value, list):
        return [_member(each, step) for each in value]
    if not isinstance(value, dict):
        return None
    return next((member for name, member in value.items() if fold(name) == step), None)


def _is_value(value: Json) -> bool:
    """Test for what is neither null nor empty, at any depth; false and 0 are values."""
    match value:
        case None | "":
            return False
        case dict():
            return any(map(_is_value, value.values()))
        case list():
            return any(map(_is_value, value))
        case _:
            return True
