"""The manifests of today beside those of another time: which is which, and what the rules find."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from reconciler.domain.dialect import Dialect
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manifests, SchemaExtension
from reconciler.domain.problem import Place, Pointer, Problem
from reconciler.domain.rules.changes import CHANGE_RULES
from reconciler.domain.rules.revision import Hit, Revision
from reconciler.domain.rules.rule import SCHEMA_POINTER, Locate
from reconciler.domain.scim import fold

Names = tuple[str, ...]


def compare(
    before: Iterable[SchemaExtension], after: Manifests, *, locate: Locate
) -> tuple[Problem, ...]:
    """Find what the manifests of today break of those of another time, sorted by place.

    `locate` finds places in the manifests of today.
    """
    return tuple(
        sorted(
            problem
            for revision in _revisions(before, after)
            for problem in _problems(revision, locate)
        )
    )


def _revisions(before: Iterable[SchemaExtension], after: Manifests) -> Iterator[Revision]:
    """Each extension of before with what became of it.

    First by name and URN together, then by URN (the manifest was renamed), then by name (the URN
    was changed).
    """
    same_in: tuple[Callable[[SchemaExtension], tuple[str, ...]], ...] = (
        lambda extension: (extension.name, extension.schema.key),
        lambda extension: (extension.schema.key,),
        lambda extension: (extension.name,),
    )
    unpaired = list(after.extensions)
    waiting = list(before)
    for same in same_in:
        still = []
        for old in waiting:
            new = next((extension for extension in unpaired if same(extension) == same(old)), None)
            if new is None:
                still.append(old)
            else:
                unpaired.remove(new)
                yield Revision(before=old, after=new, dialects=_dialects(new, after))
        waiting = still
    yield from (Revision(before=old, after=None) for old in waiting)


def _dialects(extension: SchemaExtension, manifests: Manifests) -> tuple[Dialect, ...]:
    found = {t.dialect for t in manifests.tenants if extension.selector.selects(t)}
    return tuple(sorted(found, key=lambda dialect: (dialect.name, dialect.target_system)))


def _problems(revision: Revision, locate: Locate) -> Iterator[Problem]:
    """The hits in one revision, each at its place in the manifest of today."""
    written = _written(revision.after) if revision.after else {}
    for rule, hit in CHANGE_RULES.hits(revision):
        yield Problem(
            _place(revision, written, hit, locate),
            rule.severity,
            rule.id,
            hit.message,
            hit.recipe,
            tuple(rule.consumers),
        )


def _place(revision: Revision, written: Mapping[Names, Pointer], hit: Hit, locate: Locate) -> Place:
    """The place of a hit; of what is not written any more, that of the list that would hold it."""
    if revision.after is None:
        # A line of a file at another time would point at something else today.
        return Place(revision.before.place.path)
    names = tuple(map(fold, hit.path))
    depth = next(depth for depth in range(len(names), -1, -1) if names[:depth] in written)
    pointer, gone = written[names[:depth]], depth < len(names)
    if gone:
        pointer = (*pointer, _list_below(depth))
    if hit.member is not None:
        pointer = (*pointer, hit.member)
    return locate(revision.after.place, pointer, at_key=gone or not hit.path)


def _written(extension: SchemaExtension) -> Mapping[Names, Pointer]:
    """The pointer to each attribute as it is written, by the folded names that lead to it."""
    pointers: dict[Names, Pointer] = {}
    waiting: list[tuple[Names, Pointer, Json]] = [((), SCHEMA_POINTER, extension.schema.document)]
    while waiting:
        names, pointer, value = waiting.pop()
        pointers[names] = pointer
        member = _list_below(len(names))
        for index, attribute in enumerate(value.get(member) or ()):
            below = (*names, fold(attribute["name"]))
            waiting.append((below, (*pointer, member, index), attribute))
    return pointers


def _list_below(depth: int) -> str:
    return "subAttributes" if depth else "attributes"
