"""Occurrences: what happens in a run, as values, for whoever watches it as it goes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

TYPE_CHECKING = False
if TYPE_CHECKING:  # every command imports this module, and few plan
    from collections.abc import Iterator

    from reconciler.domain.outcome import Outcome
    from reconciler.domain.plan import Create, Update


class Phase(StrEnum):
    """A part of a run in which one tenant, or one file, after the other is worked on."""

    MANIFESTS = "manifests"
    PLAN = "plan"
    APPLY = "apply"
    ADOPTION = "adoption"
    DOCTOR = "doctor"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class PhaseBegun:
    """So many tenants, or files, are to be worked on."""

    phase: Phase
    total: int


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """No more of them is worked on."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class FileChecked:
    """One more of the files of the phase was read and checked."""


@dataclass(frozen=True, slots=True)
class TenantBegun:
    """A tenant is worked on from now on, in the thread that tells it."""

    phase: Phase
    tenant: str


@dataclass(frozen=True, slots=True)
class TenantEnded:
    """A tenant was worked on; `failure` is for a person, None where there is none."""

    phase: Phase
    tenant: str
    failure: str | None


@dataclass(frozen=True, slots=True)
class ChangeBegun:
    """The intent of a change is durable; its request is about to be sent."""

    change: Create | Update


@dataclass(frozen=True, slots=True)
class ChangeEnded:
    """The outcome of a change is durable."""

    outcome: Outcome


Occurrence = (
    PhaseBegun | PhaseEnded | FileChecked | TenantBegun | TenantEnded | ChangeBegun | ChangeEnded
)
Observe = Callable[[Occurrence], None]
"""Gets each occurrence, in the thread in which it happens; never raises."""


def unobserved(_: Occurrence) -> None:
    """Nobody watches."""


@contextmanager
def in_phase(observe: Observe, phase: Phase, total: int) -> Iterator[None]:
    """A phase, however it ends."""
    observe(PhaseBegun(phase, total))
    try:
        yield
    finally:
        observe(PhaseEnded(phase))


_tenant: ContextVar[str | None] = ContextVar("tenant", default=None)


def tenant_at_work() -> str | None:
    """The tenant that this thread works on; None while it works on none."""
    return _tenant.get()


@contextmanager
def about(tenant: str) -> Iterator[None]:
    """Work on a tenant: what happens meanwhile in this thread is about it."""
    before = _tenant.set(tenant)
    try:
        yield
    finally:
        _tenant.reset(before)


@dataclass(slots=True)
class TenantWork:
    """The work on one tenant in a phase; whoever does it notes why it failed."""

    failure: str | None = None


@contextmanager
def working_on(tenant: str, phase: Phase, observe: Observe) -> Iterator[TenantWork]:
    """Work on a tenant in a phase; work that raises has failed."""
    work = TenantWork()
    failure: str | None = "the run ended before it had"
    with about(tenant):
        observe(TenantBegun(phase, tenant))
        try:
            yield work
            failure = work.failure
        finally:
            observe(TenantEnded(phase, tenant, failure))
