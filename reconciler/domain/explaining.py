"""The keys of a manifest, as its JSON Schema describes them: for `explain` and for the docs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.domain.jsontext import canonical
from reconciler.domain.scim import fold

_DEEPEST = 5  # an attribute of an attribute is as deep; below it all is said again
KINDS = ("Tenant", "TenantSet", "SchemaExtension")
Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a manifest of a kind; `path` are the names that lead to it.

    `type` is in words, as `list of string`; `choices` are the values that it may have; `default`
    is JSON text, None where there is none. `only_for` are the values of `type` beside it without
    which it may not stand there; none: it always may.
    """

    kind: str
    path: tuple[str, ...]
    description: str
    type: str
    choices: tuple[str, ...]
    default: str | None
    required: bool
    only_for: tuple[str, ...]
    inside: Sequence[Node] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ManifestKeys:
    """The keys of all kinds, by the JSON Schema of manifests, but those that nobody may give."""

    schema: Node

    def at(self, kind: str, path: Sequence[str]) -> Key | None:
        """The key at a path; None where there is none."""
        found, members = None, self.of(kind)
        for name in path:
            found = next((each for each in members if each.path[-1] == name), None)
            members = () if found is None else self.below(found)
        return found

    def inside(self, kind: str, path: Sequence[str]) -> tuple[Key, ...] | None:
        """The keys below a path, those at the top below none; None where there is no such key."""
        if not path:
            return self.of(kind)
        found = self.at(kind, path)
        return None if found is None else self.below(found)

    def ending(self, kind: str, path: Sequence[str]) -> Iterator[Key]:
        """The keys whose paths end so, without regard to case; the parts of parts are left out."""
        wanted, waiting = list(map(fold, path)), list(self.of(kind))
        for key in waiting:
            if list(map(fold, key.path))[-len(wanted) :] == wanted:
                yield key
            if len(key.path) < _DEEPEST:
                waiting += self.below(key)

    def of(self, kind: str) -> tuple[Key, ...]:
        """The keys at the top of a manifest of that kind."""
        return tuple(self._keys(kind, (), [self.schema]))

    def below(self, key: Key) -> tuple[Key, ...]:
        """The keys inside of one, or inside of each item of its list."""
        return tuple(self._keys(key.kind, key.path, key.inside))

    def _keys(self, kind: str, path: tuple[str, ...], nodes: Sequence[Node]) -> Iterator[Key]:
        found: dict[str, list[Node]] = {}
        only_for: dict[str, dict[str | None, None]] = {}
        required = set()
        for part, about in self._parts(nodes, kind):
            for name, node in part.get("properties", {}).items():
                if not any(each.get("not") == {} for each, _ in self._parts([node], kind)):
                    found.setdefault(name, []).append(node)
                    only_for.setdefault(name, {})[about] = None
            if about is None:
                required.update(part.get("required", ()))
        for name, members in found.items():
            abouts = only_for[name]
            yield self._key(
                kind,
                (*path, name),
                members,
                required=name in required,
                only_for=() if None in abouts else tuple(filter(None, abouts)),
            )

    def _key(
        self,
        kind: str,
        path: tuple[str, ...],
        nodes: Sequence[Node],
        *,
        required: bool,
        only_for: tuple[str, ...],
    ) -> Key:
        parts = [part for part, _ in self._parts(nodes, kind)]
        items = [part["items"] for part in parts if "items" in part]
        values = [part for part, _ in self._parts(items, kind)] if items else parts
        own, of_items = _types(parts), _types(values)
        types = [own] if own else []
        if items:
            types.append(f"list of {of_items or 'values'}")
        defaults = [canonical(part["default"]).decode() for part in parts if "default" in part]
        return Key(
            kind=kind,
            path=path,
            description=next((p["description"] for p in parts if "description" in p), ""),
            type=" or ".join(types) or "any value",
            choices=tuple(dict.fromkeys(each for part in values for each in _choices(part))),
            default=next(iter(defaults), None),
            required=required,
            only_for=only_for,
            inside=items or nodes,
        )

    def _parts(self, nodes: Sequence[Node], kind: str) -> Iterator[tuple[Node, str | None]]:
        """All that says something of a value, and the value of `type` for which it does."""
        for node in nodes:
            yield node, None
            if "$ref" in node:
                yield from self._parts([self.schema["$defs"][node["$ref"][8:]]], kind)
            cases = [node[name] for name in ("then", "else") if name in node]
            # What one of two forms requires, the other one may not even have.
            yield from self._parts([{**case, "required": []} for case in cases], kind)
            yield from self._parts(node.get("anyOf", ()), kind)
            for case in node.get("allOf", ()):
                about = case.get("if", {}).get("properties", {})
                if about.get("kind", {}).get("const", kind) == kind:
                    for part, deeper in self._parts([case.get("then", case)], kind):
                        yield part, deeper or about.get("type", {}).get("const")


def _types(parts: Sequence[Node]) -> str:
    found: dict[str, None] = {}
    for part in parts:
        stated = part.get("type", ())
        found.update(dict.fromkeys([stated] if isinstance(stated, str) else stated))
        if "enum" in part or "const" in part:
            found["string"] = None
    return " or ".join(each for each in found if each not in ("null", "array"))


def _choices(part: Node) -> tuple[str, ...]:
    values = part.get("enum", [part["const"]] if "const" in part else [])
    return tuple(str(value) for value in values if value is not None)
