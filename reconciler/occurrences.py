"""Occurrences: what happens in a run, as values, for whoever watches it as it goes.

Nearly all are NamedTuples: every command makes these classes as it starts, and a dataclass takes
five times as long to make.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # every command imports this module, and few plan
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import TypeVar

    from reconciler.domain.outbox import DeliveryResult
    from reconciler.domain.outcome import Outcome
    from reconciler.domain.plan import Create, Update

    T = TypeVar("T")


class Phase(StrEnum):
    """A part of a run in which one tenant, file or webhook after the other is worked on."""

    MANIFESTS = "manifests"
    LOCK = "lock"
    RECOVER = "recover"
    PLAN = "plan"
    APPLY = "apply"
    DELIVER = "deliver"
    ADOPTION = "adoption"
    DOCTOR = "doctor"
    IMPORT = "import"
    GATE = "gate"


class PhaseBegun(NamedTuple):
    """So many tenants, files or webhooks are to be worked on."""

    phase: Phase
    total: int


class PhaseEnded(NamedTuple):
    """No more of them is worked on."""

    phase: Phase


class FileChecked(NamedTuple):
    """One more of the files of the phase was read and checked."""


class TenantBegun(NamedTuple):
    """A tenant is worked on from now on, in the thread that tells it."""

    phase: Phase
    tenant: str


class TenantEnded(NamedTuple):
    """A tenant was worked on; `failure` is for a person, None where there is none."""

    phase: Phase
    tenant: str
    failure: str | None


class WaveBegun(NamedTuple):
    """The wave of that number is written from now on; `tenants` is how many it has."""

    number: int
    tenants: int


class ChangeBegun(NamedTuple):
    """The intent of a change is durable; its request is about to be sent."""

    change: Create | Update


class ChangeEnded(NamedTuple):
    """The outcome of a change is durable."""

    outcome: Outcome


class DeliveryEnded(NamedTuple):
    """A webhook was tried once."""

    result: DeliveryResult


class LockTaken(NamedTuple):
    """The lock of a tenant is ours."""

    tenant: str


class LockRefused(NamedTuple):
    """Somebody else has the lock of a tenant; `reason` names who."""

    tenant: str
    reason: str


class LocksReleased(NamedTuple):
    """No tenant is locked by this run any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEnded:
    """One request and its answer, or how it was lost; nothing here is a secret or of a user.

    `url` is as it may be shown. Of headers, names are given, and the values of those that are known
    to hold nothing else. `resent` is True where the first connection ended before a byte came.
    """

    method: str
    url: str
    seconds: float
    attempt: int
    status: int | None = None
    lost: str | None = None
    sent: int = 0  # bytes of the body
    received: int = 0
    resent: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    answered: Mapping[str, str] = field(default_factory=dict)


class RetryBegun(NamedTuple):
    """A request is to be repeated, after so many seconds; `attempt` is the number of the next.

    `requested` is how many of them the answer asks for; `service` is who does, None for a tenant.
    """

    attempt: int
    seconds: float
    reason: str
    requested: float = 0.0
    service: str | None = None


class WaitBegun(NamedTuple):
    """The run waits so many seconds before it goes on."""

    seconds: float
    reason: str


class TokenReceived(NamedTuple):
    """A token came of an endpoint; `life` is how many seconds it is valid, where that is stated."""

    endpoint: str
    life: float | None


Occurrence = (
    PhaseBegun | PhaseEnded | FileChecked | TenantBegun | TenantEnded | ChangeBegun | ChangeEnded
    | WaveBegun | DeliveryEnded | LockTaken | LockRefused | LocksReleased
    | RequestEnded | RetryBegun | WaitBegun | TokenReceived
)  # fmt: skip
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


_attempt: ContextVar[int] = ContextVar("attempt", default=1)


def attempt_under_way() -> int:
    """How often this thread has begun to do what it does now, this time included."""
    return _attempt.get()


def attempting(number: int) -> AbstractContextManager[None]:
    """Do something for the first time, or the second, and so on."""
    return _while(_attempt, number)


def about(tenant: str) -> AbstractContextManager[None]:
    """Work on a tenant: what happens meanwhile in this thread is about it."""
    return _while(_tenant, tenant)


@contextmanager
def _while(variable: ContextVar[T], value: T) -> Iterator[None]:
    before = variable.set(value)
    try:
        yield
    finally:
        variable.reset(before)


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
