"""How far a phase of a run has come, for a person: tenants, the rate, the slowest, each change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from reconciler.occurrences import Phase
from reconciler.render.plain_text import counted, visible

if TYPE_CHECKING:  # where manifests are checked, nobody plans
    from collections.abc import Iterator

    from reconciler.domain.outcome import Outcome
    from reconciler.domain.plan import Create, Update
    from reconciler.occurrences import RetryBegun, TenantEnded

EVERY = 10.0  # seconds between two lines about one change that takes long


@dataclass(slots=True, eq=False, repr=False)
class Tally:
    """The tenants and changes of a phase: how many are done, and since when others are under way.

    All times are those of one clock that never jumps.
    """

    phase: Phase
    total: int
    begun_at: float
    done: int = 0
    failed: int = 0
    tenants: dict[str, float] = field(default_factory=dict)
    changes: dict[str, ChangeUnderWay] = field(default_factory=dict)

    def end(self, ended: TenantEnded, now: float) -> str | None:
        """Note the end of the work on a tenant: `plan: acme-prod done in 0.4 s (3 of 9)`.

        None of a phase that hardly ever has anything to do, or whose answer is a line itself.
        """
        seconds = now - self.tenants.pop(ended.tenant)
        self.done += 1
        self.failed += ended.failure is not None
        if (failed_as := _FAILED.get(self.phase)) is None:
            return None
        end = "done in" if ended.failure is None else failed_as
        failed = f", {self.failed} failed" if self.failed else ""
        place = f"({self.done} of {self.total}{failed})"
        return f"{self.phase}: {visible(ended.tenant)} {end} {seconds:.1f} s {place}"

    def line(self, now: float) -> str:
        """`plan: 12 of 40 tenants, 1 failed, 3.1/s, 31 s; slowest: acme-prod, 12 s`."""
        elapsed = now - self.begun_at
        unit = _UNITS.get(self.phase, "tenant")
        parts = [f"{self.done} of {counted(self.total, unit)}"]
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.done / elapsed:.1f}/s"] if self.done and elapsed > 0 else []
        line = f"{self.phase}: {', '.join(parts)}, {elapsed:.0f} s"
        if self.tenants:
            slowest, since = min(self.tenants.items(), key=lambda each: each[1])
            line += f"; slowest: {visible(slowest)}, {now - since:.0f} s"
        return line

    def end_change(self, outcome: Outcome, now: float) -> str:
        """Note the end of a change: `acme-prod/hr-extension: created in 1.2 s`."""
        under_way = self.changes.pop(outcome.change.subject.id, None)
        took = "" if under_way is None else f" in {now - under_way.begun_at:.1f} s"
        return f"{visible(outcome.change.subject.id)}: {_end(outcome)}{took}"

    def still(self, now: float) -> Iterator[str]:
        """A line for each change that takes long, every ten seconds: `…: Still creating… 10 s`."""
        for name, each in self.changes.items():
            if now - each.begun_at >= EVERY * (each.lines + 1):
                each.lines += 1
                seconds = now - each.begun_at
                yield f"{visible(name)}: Still {_verb(each.change)}ing… {seconds:.0f} s"


@dataclass(slots=True, eq=False, repr=False)
class ChangeUnderWay:
    """A change whose intent is durable, and how many lines there were about it since."""

    change: Create | Update
    begun_at: float
    lines: int = 0


def wait_line(begun: RetryBegun, tenant: str | None) -> str:
    """`acme-prod: it answered 429, and asks to wait 30 s; trying again in 30 s`."""
    subject = begun.service or tenant
    about = "" if subject is None else f"{visible(subject)}: "
    return f"{about}{visible(begun.reason)}; trying again in {begun.seconds:.0f} s"


_UNITS = {Phase.MANIFESTS: "file", Phase.DELIVER: "webhook"}
_FAILED = {
    Phase.PLAN: "could not be read,",
    Phase.APPLY: "was not applied in full,",
    Phase.ADOPTION: "could not be counted,",
    Phase.DOCTOR: "cannot be worked with,",
    Phase.IMPORT: "could not be read,",
}


def _end(outcome: Outcome) -> str:
    from reconciler.domain.outcome import OutcomeKind

    match outcome.kind:
        case OutcomeKind.APPLIED:
            return f"{_verb(outcome.change)}ed"
        case OutcomeKind.ADOPTED:
            return "there already"
        case (
            OutcomeKind.NOT_APPLIED
            | OutcomeKind.CONFLICT
            | OutcomeKind.IGNORED_BY_SERVER
            | OutcomeKind.UNKNOWN
            | OutcomeKind.NOT_ATTEMPTED
        ):
            return outcome.kind
        case _:
            assert_never(outcome.kind)


def _verb(change: Create | Update) -> str:
    from reconciler.domain.plan import Create

    return "creat" if isinstance(change, Create) else "updat"
