"""Users whose service takes filters as a test says, and the means to ask it in fake time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from reconciler.domain.calibration import Presence
from reconciler.domain.searching import Belief
from reconciler.ports import ResourcePage
from reconciler.searchable import Searching
from tests.support.fakes import FakeClock

TAKEN, REFUSED, SILENT = Presence(count=0), Presence(refused=400), Presence()


@dataclass
class FakeUsers:
    """A ports.UserReader that knows each attribute from a time on, in seconds of the clock.

    What it does not know it refuses; `answers` stand in the place of that. `seconds` are what an
    answer takes.
    """

    clock: FakeClock
    known: dict[str, float] = field(default_factory=dict)
    answers: dict[str, Presence] = field(default_factory=dict)
    seconds: float = 0.0
    log: list[tuple[str, str | None, str]] = field(default_factory=list)
    renewals: list[float] = field(default_factory=list)
    lists_whole: bool = False

    def present(self, resource_type: str, schema_id: str | None, attribute: str) -> Presence:
        self.log.append((resource_type, schema_id, attribute))
        self.clock.seconds += self.seconds
        if attribute in self.answers:
            return self.answers[attribute]
        return TAKEN if self.known.get(attribute, float("inf")) <= self.clock.seconds else REFUSED

    def names(self) -> list[str]:
        """The attributes that were asked for, in order."""
        return [attribute for _, _, attribute in self.log]

    def renewed(self) -> Self:
        self.renewals.append(self.clock.seconds)
        return self

    def total(self, resource_type: str) -> int | None:
        return 0

    def own_schema(self, resource_type: str) -> str | None:
        return None

    def hidden(self, resource_type: str, schema_id: str, attribute: str) -> str | None:
        return None

    def pages(
        self, resource_type: str, attributes: Sequence[str], *, start: int = 1, holding: str = ""
    ) -> Iterator[ResourcePage]:
        return iter(())


def searching_of(
    users: FakeUsers,
    *,
    timeout: float = 30.0,
    belief: Belief | None = None,
) -> Searching:
    """The means to ask it."""
    return Searching(
        clock=users.clock,
        timeout=timeout,
        users=lambda: users,
        belief=lambda *_: belief or Belief(),
    )
