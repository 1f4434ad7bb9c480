"""The approvals that a plan needs: from the owners that its manifests name, by kind of change."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.domain.manifest import ChangeKind
from reconciler.domain.plan import Change, Create, Plan, Subject, Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """One kind of change, who owns it (nobody where no manifest says), and the changes' ids."""

    kind: ChangeKind
    owners: tuple[str, ...]
    changes: tuple[str, ...]


Approvers = tuple[ChangeKind, tuple[str, ...]]
"""A kind of change, and who owns it."""


def approvers(subject: Subject) -> Iterator[Approvers]:
    """Those who have to approve that it is written; its live schema has to be there."""
    for kind in subject.assessment().kinds:
        owners = subject.extension.owners.get(kind, ())
        # A grave change without an owner is listed all the same.
        if owners or kind is not ChangeKind.ADDITIVE:
            yield kind, owners


class Approvals:
    """The approvals needed, gathered tenant by tenant, in whatever order they are planned."""

    def __init__(self) -> None:
        self._groups: dict[Approvers, list[tuple[str, int, str]]] = defaultdict(list)

    def add(self, tenant: str, number: int, change: Change) -> None:
        """Take in what a change needs, the `number`-th of its tenant; what is live has to be there.

        docs/decisions.md, "Kinds of change, and who approves them".
        """
        if not isinstance(change, Create | Update):  # nothing is done
            return
        for approver in approvers(change.subject):
            self._groups[approver].append((tenant, number, change.subject.id))

    def needed(self) -> tuple[Needed, ...]:
        """List the gravest kind first, the changes of each in the order of the plan."""
        order = list(ChangeKind)
        return tuple(
            Needed(
                kind=kind,
                owners=owners,
                changes=tuple(change for *_, change in sorted(self._groups[kind, owners])),
            )
            for kind, owners in sorted(
                self._groups, key=lambda group: (order.index(group[0]), group[1])
            )
        )


def approvals_needed(plan: Plan) -> tuple[Needed, ...]:
    """The approvals that the changes of all tenants of a plan need."""
    approvals = Approvals()
    for tenant in plan.tenants:
        for number, change in enumerate(tenant.changes):
            approvals.add(tenant.name, number, change)
    return approvals.needed()
