"""The names of what is known of an occurrence, in logs and in traces, and what it is in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import singledispatch
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.occurrences import (
    ChangeBegun,
    ChangeEnded,
    DeliveryEnded,
    LockRefused,
    LocksReleased,
    LockTaken,
    Occurrence,
    PhaseBegun,
    PhaseEnded,
    RequestEnded,
    RetryBegun,
    TenantBegun,
    TenantEnded,
    TokenReceived,
    WaitBegun,
    WaveBegun,
)

if TYPE_CHECKING:
    from reconciler.domain.plan import Create, Update

Value = str | int | float | bool


class Fact(StrEnum):
    """A member of a log line in JSON; `attribute` is its name in a trace."""

    RUN_ID = "run_id"
    COMMAND = "command"
    EXIT_CODE = "exit_code"
    TENANT = "tenant"
    EVENT = "event"
    PHASE = "phase"
    TOTAL = "total"
    WAVE = "wave"
    FAILURE = "failure"
    EXTENSION = "extension"
    SCHEMA_ID = "schema_id"
    OUTCOME = "outcome"
    METHOD = "method"
    HOST = "host"
    PATH = "path"
    QUERY = "query"
    STATUS = "status"
    LOST = "lost"
    MS = "ms"
    ATTEMPT = "attempt"
    BYTES_SENT = "bytes_sent"
    BYTES = "bytes"
    RESENT = "resent"
    SECONDS = "seconds"
    REASON = "reason"
    ENDPOINT = "endpoint"
    LIFE = "life"
    EVENT_ID = "event_id"

    @property
    def attribute(self) -> str:
        """The name of the attribute of a span: OpenTelemetry's own where it has one."""
        return _CONVENTIONS.get(self, f"reconciler.{self}")

    @property
    def meaning(self) -> str:
        """What it is, for a person."""
        return _MEANINGS[self]


_CONVENTIONS = {
    Fact.METHOD: "http.request.method",
    Fact.HOST: "server.address",
    Fact.PATH: "url.path",
    Fact.QUERY: "url.query",
    Fact.STATUS: "http.response.status_code",
    Fact.BYTES_SENT: "http.request.body.size",
    Fact.BYTES: "http.response.body.size",
}
_MEANINGS = {
    Fact.RUN_ID: "the id of the run, as in the audit trail",
    Fact.COMMAND: "the command, as it is typed",
    Fact.EXIT_CODE: "what the command ends with",
    Fact.TENANT: "the tenant that is worked on, by the name of its manifest",
    Fact.EVENT: "what happened, in a word",
    Fact.PHASE: "the part of the run",
    Fact.TOTAL: "how many tenants, files or webhooks the phase has, or tenants the wave",
    Fact.WAVE: "the number of the wave",
    Fact.FAILURE: "why the work on a tenant failed",
    Fact.EXTENSION: "the extension, by the name of its manifest",
    Fact.SCHEMA_ID: "its URN",
    Fact.OUTCOME: "the outcome of the change, as in the report",
    Fact.METHOD: "the HTTP method",
    Fact.HOST: "host and port that the request went to",
    Fact.PATH: "the path; ids of users are `…`",
    Fact.QUERY: "the query; a value that could be one of a user or a secret is `…`",
    Fact.STATUS: "the HTTP status",
    Fact.LOST: "why no answer came",
    Fact.MS: "how many milliseconds it took",
    Fact.ATTEMPT: "1, or how often it has been sent by now",
    Fact.BYTES_SENT: "bytes of the body that was sent",
    Fact.BYTES: "bytes of the body that came",
    Fact.RESENT: "true where it was sent again, for the connection ended before a byte came",
    Fact.SECONDS: "how many seconds the run waits",
    Fact.REASON: "why it waits, repeats, or has not got a lock",
    Fact.ENDPOINT: "the token endpoint",
    Fact.LIFE: "how many seconds the token is valid, where the endpoint says so",
    Fact.EVENT_ID: "the id of the event that a webhook carries",
}


@dataclass(frozen=True, slots=True)
class Telling:
    """An occurrence in words, by the name of its kind, and its facts."""

    event: str
    message: str
    facts: Mapping[Fact, Value] = field(default_factory=dict)


@singledispatch
def telling(_: Occurrence) -> Telling | None:
    """The words for an occurrence; None of what is too small for any."""
    return None


@telling.register
def _(begun: PhaseBegun) -> Telling:
    facts: dict[Fact, Value] = {Fact.PHASE: begun.phase, Fact.TOTAL: begun.total}
    return Telling("phase-begun", f"{begun.phase}: begun, {begun.total} in all", facts)


@telling.register
def _(ended: PhaseEnded) -> Telling:
    return Telling("phase-ended", f"{ended.phase}: ended", {Fact.PHASE: ended.phase})


@telling.register
def _(begun: TenantBegun) -> Telling:
    facts = _tenant(begun.tenant, begun.phase)
    return Telling("tenant-begun", f"{begun.phase}: tenant begun", facts)


@telling.register
def _(ended: TenantEnded) -> Telling:
    facts = _tenant(ended.tenant, ended.phase)
    if ended.failure is None:
        return Telling("tenant-ended", f"{ended.phase}: tenant ended", facts)
    message = f"{ended.phase}: tenant failed: {ended.failure}"
    return Telling("tenant-ended", message, {**facts, Fact.FAILURE: ended.failure})


@telling.register
def _(begun: ChangeBegun) -> Telling:
    name = begun.change.subject.extension.name
    return Telling("change-begun", f"{name}: write begun", _change(begun.change))


@telling.register
def _(ended: ChangeEnded) -> Telling:
    outcome = ended.outcome
    facts = {**_change(outcome.change), Fact.OUTCOME: str(outcome.kind)}
    if outcome.latency_ms is not None:
        facts[Fact.MS] = outcome.latency_ms
    name = outcome.change.subject.extension.name
    return Telling("change-ended", f"{name}: {outcome.kind}", facts)


@telling.register
def _(ended: DeliveryEnded) -> Telling:
    result, name = ended.result, ended.result.row.event_id
    end = "delivered" if result.delivered else f"not delivered: {result.detail}"
    return Telling("webhook", f"{name}: {end}", {Fact.EVENT_ID: name, Fact.MS: result.latency_ms})


@telling.register
def _(taken: LockTaken) -> Telling:
    return Telling("lock-taken", "lock taken", {Fact.TENANT: taken.tenant})


@telling.register
def _(refused: LockRefused) -> Telling:
    facts: dict[Fact, Value] = {Fact.TENANT: refused.tenant, Fact.REASON: refused.reason}
    return Telling("lock-refused", f"no lock: {refused.reason}", facts)


@telling.register
def _(begun: WaveBegun) -> Telling:
    facts: dict[Fact, Value] = {Fact.WAVE: begun.number, Fact.TOTAL: begun.tenants}
    message = f"apply: wave {begun.number} begun, {begun.tenants} tenants in all"
    return Telling("wave-begun", message, facts)


@telling.register
def _(_: LocksReleased) -> Telling:
    return Telling("locks-released", "locks released")


@telling.register
def _(begun: RetryBegun) -> Telling:
    facts = {Fact.ATTEMPT: begun.attempt, **_wait(begun.seconds, begun.reason)}
    message = f"attempt {begun.attempt} in {begun.seconds:.1f} s: {begun.reason}"
    return Telling("retry", message, facts)


@telling.register
def _(begun: WaitBegun) -> Telling:
    message = f"waiting {begun.seconds:.1f} s: {begun.reason}"
    return Telling("wait", message, _wait(begun.seconds, begun.reason))


@telling.register
def _(received: TokenReceived) -> Telling:
    facts: dict[Fact, Value] = {Fact.ENDPOINT: received.endpoint}
    valid = "it does not say for how long"
    if received.life is not None:
        facts[Fact.LIFE] = received.life
        valid = f"valid for {received.life:g} s"
    return Telling("token", f"token received from {received.endpoint}, {valid}", facts)


def _wait(seconds: float, reason: str) -> dict[Fact, Value]:
    return {Fact.SECONDS: round(seconds, 3), Fact.REASON: reason}


def _tenant(name: str, phase: str) -> dict[Fact, Value]:
    return {Fact.TENANT: name, Fact.PHASE: phase}


def _change(change: Create | Update) -> dict[Fact, Value]:
    subject = change.subject
    return {Fact.EXTENSION: subject.extension.name, Fact.SCHEMA_ID: subject.schema_id}


@telling.register
def _(ended: RequestEnded) -> Telling:
    url = urlsplit(ended.url)
    facts: dict[Fact, Value] = {
        Fact.METHOD: ended.method,
        Fact.HOST: url.netloc,
        Fact.PATH: url.path,
        Fact.MS: round(ended.seconds * 1000),
        Fact.ATTEMPT: ended.attempt,
        Fact.BYTES_SENT: ended.sent,
        Fact.BYTES: ended.received,
    }
    if url.query:
        facts[Fact.QUERY] = url.query
    if ended.resent:
        facts[Fact.RESENT] = True
    if ended.status is not None:
        facts[Fact.STATUS] = ended.status
    if ended.lost is not None:
        facts[Fact.LOST] = ended.lost
    target = url.path + (f"?{url.query}" if url.query else "")
    message = (
        f"{ended.method} {target} at {url.netloc}: {ended.status or ended.lost}, "
        f"{facts[Fact.MS]} ms, attempt {ended.attempt}, {ended.received} bytes"
    )
    return Telling("request", message, facts)
