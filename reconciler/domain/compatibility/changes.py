"""Two versions of the manifests → Problems: which manifest is which, and where a finding stands."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.domain.compatibility.alterations import Alteration, alterations
from reconciler.domain.dialect import Dialect
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manifests, Place, Problem, SchemaExtension, Severity
from reconciler.domain.rules import Locate
from reconciler.domain.scim import fold

Path = tuple[str | int, ...]


class Consumer(StrEnum):
    """Whom a change can break."""

    READER = "READER"  # applications that read values
    WRITER = "WRITER"  # connectors, HR above all, that write them
    STORED = "STORED"  # values that users hold already
    SERVER = "SERVER"  # the service itself, which cannot do it


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One extension before and after; `after` is None where no manifest is for it any more.

    `dialects` are those of the tenants that are to get it.
    """

    before: SchemaExtension
    after: SchemaExtension | None
    dialects: tuple[Dialect, ...] = ()

    @property
    def alterations(self) -> tuple[Alteration, ...]:
        """What is another in the schema; nothing where there is none to compare."""
        return alterations(self.before.schema, self.after.schema) if self.after else ()


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule found: at which attribute and member, in which words, and what to do instead."""

    path: tuple[str, ...]
    message: str
    recipe: str
    member: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """A rule about a change as reports name it, and whom it hurts."""

    id: str
    severity: Severity
    consumers: tuple[Consumer, ...]
    reason: str
    check: Callable[[Revision], Iterable[Hit]]


def findings(
    rules: Iterable[ChangeRule],
    revision: Revision,
    locate: Locate,
) -> Iterator[Problem]:
    """What the rules find in one revision, at its place in the manifest of today."""
    for rule in rules:
        for hit in rule.check(revision):
            yield Problem(
                _place(revision, hit, locate),
                rule.severity,
                rule.id,
                hit.message,
                hit.recipe,
                tuple(rule.consumers),
            )


def revisions(
    before: Iterable[SchemaExtension], after: Manifests, dialects: Mapping[str, Dialect]
) -> Iterator[Revision]:
    """Each extension of before with what became of it.

    First by name and URN together, then by URN (the manifest was renamed), then by name (the URN
    was changed).
    """
    left = list(after.extensions)
    waiting = list(before)
    for same in (_name_and_urn, _urn, _name):
        still = []
        for old in waiting:
            new = next((extension for extension in left if same(extension) == same(old)), None)
            if new is None:
                still.append(old)
            else:
                left.remove(new)
                yield Revision(before=old, after=new, dialects=_dialects(new, after, dialects))
        waiting = still
    yield from (Revision(before=old, after=None) for old in waiting)


def _name_and_urn(extension: SchemaExtension) -> tuple[str, str]:
    return extension.name, extension.schema.key


def _urn(extension: SchemaExtension) -> str:
    return extension.schema.key


def _name(extension: SchemaExtension) -> str:
    return extension.name


def _dialects(
    extension: SchemaExtension, manifests: Manifests, dialects: Mapping[str, Dialect]
) -> tuple[Dialect, ...]:
    spoken = {
        tenant.spoken(dialects)
        for tenant in manifests.tenants
        if extension.selector.selects(tenant)
    }
    return tuple(sorted(spoken, key=lambda dialect: (dialect.name, dialect.target_system)))


def _place(revision: Revision, hit: Hit, locate: Locate) -> Place:
    if revision.after is None:
        return Place(revision.before.place.path)
    path: Path = ("spec", "schema")
    value: Json = revision.after.schema.document
    for name in hit.path:
        step, value = _step(value, name, "subAttributes" if len(path) > 2 else "attributes")
        path = (*path, *step)
    if hit.member is not None:
        path = (*path, hit.member)
    return locate(revision.after.place, path, at_key=value is None or not hit.path)


def _step(value: Json, name: str, member: str) -> tuple[Path, Json]:
    """The way to the attribute of that name; to the list itself where it is not there."""
    listed = value.get(member) if isinstance(value, Mapping) else None
    for index, attribute in enumerate(listed if isinstance(listed, list) else ()):
        if fold(attribute["name"]) == fold(name):
            return (member, index), attribute
    return (member,), None
