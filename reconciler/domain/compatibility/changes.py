"""Two versions of the manifests → Problems: which manifest is which, and where a finding stands."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.domain.dialect import Dialect
from reconciler.domain.diff import Alteration, alterations
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manifests, SchemaExtension
from reconciler.domain.problem import Place, Problem, Severity
from reconciler.domain.rules import SCHEMA_PATH, Locate
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

    `dialects` are those of the tenants that are to get it, `alterations` all that is another.
    """

    before: SchemaExtension
    after: SchemaExtension | None
    dialects: tuple[Dialect, ...] = ()
    alterations: tuple[Alteration, ...] = field(init=False)

    def __post_init__(self) -> None:
        """What is another in the schema, found once; nothing where there is none to compare."""
        found = alterations(self.before.schema, self.after.schema) if self.after else ()
        object.__setattr__(self, "alterations", found)


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
    written = _written(revision.after) if revision.after else {}
    for rule in rules:
        for hit in rule.check(revision):
            yield Problem(
                _place(revision, written, hit, locate),
                rule.severity,
                rule.id,
                hit.message,
                hit.recipe,
                tuple(rule.consumers),
            )


def revisions(before: Iterable[SchemaExtension], after: Manifests) -> Iterator[Revision]:
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
                yield Revision(before=old, after=new, dialects=_dialects(new, after))
        waiting = still
    yield from (Revision(before=old, after=None) for old in waiting)


def _name_and_urn(extension: SchemaExtension) -> tuple[str, str]:
    return extension.name, extension.schema.key


def _urn(extension: SchemaExtension) -> str:
    return extension.schema.key


def _name(extension: SchemaExtension) -> str:
    return extension.name


def _dialects(extension: SchemaExtension, manifests: Manifests) -> tuple[Dialect, ...]:
    found = {t.dialect for t in manifests.tenants if extension.selector.selects(t)}
    return tuple(sorted(found, key=lambda dialect: (dialect.name, dialect.target_system)))


Names = tuple[str, ...]


def _place(revision: Revision, written: Mapping[Names, Path], hit: Hit, locate: Locate) -> Place:
    """Where the hit stands; what is not written any more, at the list that would hold it."""
    if revision.after is None:
        return Place(revision.before.place.path)
    names = tuple(map(fold, hit.path))
    depth = next(depth for depth in range(len(names), -1, -1) if names[:depth] in written)
    path, gone = written[names[:depth]], depth < len(names)
    if gone:
        path = (*path, _member(depth))
    if hit.member is not None:
        path = (*path, hit.member)
    return locate(revision.after.place, path, at_key=gone or not hit.path)


def _written(extension: SchemaExtension) -> Mapping[Names, Path]:
    """The way to each attribute as it is written, by the folded names that lead to it."""
    ways: dict[Names, Path] = {}
    waiting: list[tuple[Names, Path, Json]] = [((), SCHEMA_PATH, extension.schema.document)]
    while waiting:
        names, path, value = waiting.pop()
        ways[names] = path
        member = _member(len(names))
        for index, attribute in enumerate(value.get(member) or ()):
            below = (*names, fold(attribute["name"]))
            waiting.append((below, (*path, member, index), attribute))
    return ways


def _member(depth: int) -> str:
    return "subAttributes" if depth else "attributes"
