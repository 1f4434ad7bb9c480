"""What a change of a schema does to those who read, write, store and serve its values."""

from collections.abc import Iterable

from reconciler.domain.compatibility.changes import ChangeRule, Consumer, findings, revisions
from reconciler.domain.compatibility.obstacles import changed_characteristics, obstacles
from reconciler.domain.compatibility.table import CHANGE_RULES
from reconciler.domain.manifest import Manifests, SchemaExtension
from reconciler.domain.problem import Problem
from reconciler.domain.rules import Locate


def compare(
    before: Iterable[SchemaExtension],
    after: Manifests,
    *,
    locate: Locate,
) -> tuple[Problem, ...]:
    """What the manifests of today break of those of another time, sorted by place.

    `locate` finds places in the manifests of today.
    """
    return tuple(
        sorted(
            problem
            for revision in revisions(before, after)
            for problem in findings(CHANGE_RULES, revision, locate)
        )
    )


__all__ = [
    "CHANGE_RULES",
    "ChangeRule",
    "Consumer",
    "changed_characteristics",
    "compare",
    "obstacles",
]
