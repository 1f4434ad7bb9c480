"""The manifests of today beside those of another time: what the rules find, at which place."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.domain.dialect import Dialect
from reconciler.domain.manifest import Manifests, SchemaExtension
from reconciler.domain.problem import Place, Pointer, Problem
from reconciler.domain.rules.changes import CHANGE_RULES
from reconciler.domain.rules.manifests import ManifestSet, named
from reconciler.domain.rules.pairing import courses
from reconciler.domain.rules.revision import ChangeRule, Hit, Revision
from reconciler.domain.rules.rule import SCHEMA_POINTER, Locate
from reconciler.domain.rules.sites import attribute_sites
from reconciler.domain.scim import fold

Names = tuple[str, ...]


def compare(before: Manifests, after: Manifests, *, locate: Locate) -> tuple[Problem, ...]:
    """Find what the manifests of today break of those of another time, sorted by place.

    `locate` finds places in the manifests of today. A problem names its tenants where they are not
    all that its manifest is for.
    """
    then, now = ManifestSet(before), ManifestSet(after)
    was = {extension.place: extension for extension in then.extensions}
    paired = courses(then, now)
    problems: list[Problem] = []
    for new, tenants in now.targets:
        dialects = sorted({t.dialect for t in tenants}, key=lambda d: (d.name, d.target_system))
        written = _written(new)
        # Several manifests may have become one: what is found of each is one problem.
        found: dict[Problem, set[str]] = defaultdict(set)
        for old, names in paired.became[new.place].items():
            one, other = (_meant(each, dialects) for each in (was[old], new))
            revision = Revision(before=one, after=other, dialects=tuple(dialects))
            for rule, hit in CHANGE_RULES.hits(revision):
                found[_problem(rule, hit, _place(new.place, written, hit, locate))] |= names
        everybody = {tenant.name for tenant in tenants}
        problems += (p if names == everybody else _on(names, p) for p, names in found.items())
    for (old, holder), names in paired.ended.items():
        for rule, hit in CHANGE_RULES.hits(Revision(before=was[old], after=None)):
            if holder is None:
                # A line of a file at another time would point at something else today.
                problems.append(_problem(rule, hit, Place(old.path)))
            else:
                place = locate(holder, ("spec", "tenants"), at_key=True)
                problems.append(_on(names, _problem(rule, hit, place)))
    return tuple(sorted(problems))


def _meant(extension: SchemaExtension, dialects: Sequence[Dialect]) -> SchemaExtension:
    """The extension as all of its services take it; as it is written where they do not agree."""
    alike = {(dialect.fixed, dialect.accepts) for dialect in dialects}
    return extension.meant_on(dialects[0]) if len(alike) == 1 else extension


def _on(tenants: Iterable[str], problem: Problem) -> Problem:
    return replace(problem, message=f"on {named(tenants)}: {problem.message}")


def _problem(rule: ChangeRule, hit: Hit, place: Place) -> Problem:
    consumers = tuple(rule.consumers)
    return Problem(place, rule.severity, rule.id, hit.message, hit.recipe, consumers)


def _place(document: Place, written: Mapping[Names, Pointer], hit: Hit, locate: Locate) -> Place:
    """The place of a hit; of what is not written any more, that of the list that would hold it."""
    names = tuple(map(fold, hit.path))
    depth = next(depth for depth in range(len(names), -1, -1) if names[:depth] in written)
    pointer, gone = written[names[:depth]], depth < len(names)
    if gone:
        pointer = (*pointer, _list_below(depth))
    if hit.member is not None:
        pointer = (*pointer, hit.member)
    return locate(document, pointer, at_key=gone or not hit.path)


def _written(extension: SchemaExtension) -> Mapping[Names, Pointer]:
    """The pointer to each attribute as it is written, by the folded names that lead to it."""
    sites = attribute_sites(extension.schema.document)
    return {(): SCHEMA_POINTER, **{site.key: site.pointer for site in sites}}


def _list_below(depth: int) -> str:
    return "subAttributes" if depth else "attributes"
