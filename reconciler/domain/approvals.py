"""Who has to approve a plan: the owners that its manifests name, by kind of change."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.domain.manifest import ChangeKind
from reconciler.domain.plan import Plan, Skip, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """One kind of change, who owns it (nobody where no manifest says), and the changes' ids."""

    kind: ChangeKind
    owners: tuple[str, ...]
    changes: tuple[str, ...]


def approvals_needed(plan: Plan) -> tuple[Needed, ...]:
    """The gravest kind first. What is skipped asks for nothing, for nothing is done about it.

    What is blocked does: its recipe is for somebody's hand. A grave change without an owner is
    listed all the same.
    """
    groups: dict[tuple[ChangeKind, tuple[str, ...]], list[str]] = defaultdict(list)
    for subject in _asked(plan):
        for kind in subject.assessment().kinds:
            owners = subject.extension.owners.get(kind, ())
            if owners or kind is not ChangeKind.ADDITIVE:
                groups[kind, owners].append(subject.id)
    order = list(ChangeKind)
    return tuple(
        Needed(kind=kind, owners=owners, changes=tuple(groups[kind, owners]))
        for kind, owners in sorted(groups, key=lambda group: (order.index(group[0]), group[1]))
    )


def _asked(plan: Plan) -> Iterator[Subject]:
    for tenant in plan.tenants:
        yield from (c.subject for c in tenant.changes if not isinstance(c, Skip))
