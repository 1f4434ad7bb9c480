"""AuditRecord and HrEvent: what is written down and what is announced; the hash chain.

A record's hash covers its canonical bytes (RFC 8785) with the hash before it, so that any edit,
deletion, swap or insertion breaks the chain from there on.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

from reconciler.domain.canary import CanaryResult
from reconciler.domain.diff import Harm, HarmKind, harms
from reconciler.domain.documents import AuditDocument, ChainedDocument, EntryDocument, EventDocument
from reconciler.domain.foreign import Foreign
from reconciler.domain.jsontext import Json, NotJson, canonical
from reconciler.domain.manifest import Manages
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import ABSENT, Schema, fold
from reconciler.domain.searching import Searchable, Searched
from reconciler.domain.shown import shown_schema

GENESIS = "0" * 64  # the hash before the first record
EVENT_ID = re.compile("evt_[0-9a-f]{32}")  # all of it, as HrEvent has it


class Event(StrEnum):
    """The subject of a record: each names an attempt, whose end is the status."""

    RUN_STARTED = "RUN_STARTED"
    SCHEMA_EXTENSION_ADOPTED = "SCHEMA_EXTENSION_ADOPTED"
    SCHEMA_EXTENSION_CREATE_INTENDED = "SCHEMA_EXTENSION_CREATE_INTENDED"
    SCHEMA_EXTENSION_CREATED = "SCHEMA_EXTENSION_CREATED"
    SCHEMA_EXTENSION_UPDATE_INTENDED = "SCHEMA_EXTENSION_UPDATE_INTENDED"
    SCHEMA_EXTENSION_UPDATED = "SCHEMA_EXTENSION_UPDATED"
    SCHEMA_EXTENSION_SKIPPED = "SCHEMA_EXTENSION_SKIPPED"
    SCHEMA_EXTENSION_BLOCKED = "SCHEMA_EXTENSION_BLOCKED"
    SCHEMA_EXTENSION_SEARCHED = "SCHEMA_EXTENSION_SEARCHED"
    SCHEMA_EXTENSION_CANARY_COMPLETED = "SCHEMA_EXTENSION_CANARY_COMPLETED"
    HR_SYNC_QUEUED = "HR_SYNC_QUEUED"
    HR_SYNC_RESEALED = "HR_SYNC_RESEALED"
    HR_SYNC_COMPLETED = "HR_SYNC_COMPLETED"
    HR_SYNC_DROPPED = "HR_SYNC_DROPPED"
    TENANT_RENAMED = "TENANT_RENAMED"
    TENANT_DROPPED = "TENANT_DROPPED"
    STORE_MOVED = "STORE_MOVED"
    RUN_COMPLETED = "RUN_COMPLETED"


class Status(StrEnum):
    """The end of an attempt; a delivery is SYNCED or FAILED. None while it has not ended."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    RECOVERED = "RECOVERED"
    SYNCED = "SYNCED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Identity of a run: who acts, and for which commit; the same in every record of it."""

    id: str
    actor: str
    commit: str | None = None

    def entry(
        self,
        event: "Event",
        at: datetime,
        status: "Status | None" = None,
        *,
        plan_digest: str | None = None,
    ) -> "Entry":
        """An entry of this run that is about no tenant or change yet."""
        return Entry(
            event=event,
            timestamp=rfc3339(at),
            status=status,
            run_id=self.id,
            actor=self.actor,
            commit=self.commit,
            plan_digest=plan_digest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record before it has its place in the chain. `change` is the plan's id of the change.

    `timestamp` is UTC, RFC 3339 with milliseconds. Digests are `sha256:…` or `absent`. The last
    four stand in the record, and under its hash, only where they are set; `canary` and `searched`
    have a result for each attribute.
    """

    event: Event
    timestamp: str
    status: Status | None = None
    tenant: str | None = None
    schema_id: str | None = None
    attributes_count: int | None = None
    change: str | None = None
    run_id: str
    actor: str
    commit: str | None = None
    plan_digest: str | None = None
    before_digest: str | None = None
    after_digest: str | None = None
    latency_ms: int | None = None
    webhook_status: int | None = None
    detail: str | None = None
    searchable: Searchable | None = None
    searchable_ms: int | None = None
    canary: tuple[tuple[str, CanaryResult], ...] = ()
    searched: tuple[tuple[str, Searchable], ...] = ()

    def to_json(self) -> EntryDocument:
        """The members in the order of the contract."""
        document: EntryDocument = {
            "event": self.event.value,
            "timestamp": self.timestamp,
            "status": self.status.value if self.status else None,
            "tenant": self.tenant,
            "schema_id": self.schema_id,
            "attributes_count": self.attributes_count,
            "change": self.change,
            "run_id": self.run_id,
            "actor": self.actor,
            "commit": self.commit,
            "plan_digest": self.plan_digest,
            "before_digest": self.before_digest,
            "after_digest": self.after_digest,
            "latency_ms": self.latency_ms,
            "webhook_status": self.webhook_status,
            "detail": self.detail,
        }
        if self.searchable is not None:
            document["searchable"] = self.searchable.to_json()
        if self.searchable_ms is not None:
            document["searchable_ms"] = self.searchable_ms
        if self.canary:
            document["canary"] = {name: result.value for name, result in self.canary}
        if self.searched:
            document["searched"] = {name: found.to_json() for name, found in self.searched}
        return document


OPTIONAL_MEMBERS = ("searchable", "searchable_ms", "canary", "searched")
ENTRY_MEMBERS = tuple(f.name for f in fields(Entry) if f.name not in OPTIONAL_MEMBERS)
_RECORD_MEMBERS = {"seq", *ENTRY_MEMBERS, "prev_hash", "hash"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """An entry at its place in the chain; `seq` counts from 1 without gaps."""

    seq: int
    entry: Entry
    prev_hash: str
    hash: str

    def to_json(self) -> AuditDocument:
        """One flat object: seq, the entry, prev_hash, hash."""
        return {
            "seq": self.seq,
            **self.entry.to_json(),
            "prev_hash": self.prev_hash,
            "hash": self.hash,
        }


def seal(entry: Entry, *, seq: int, prev_hash: str) -> AuditRecord:
    """Give an entry its place: its number, the hash before it and its own."""
    members: ChainedDocument = {"seq": seq, **entry.to_json(), "prev_hash": prev_hash}
    return AuditRecord(seq=seq, entry=entry, prev_hash=prev_hash, hash=chain_hash(members))


def chain_hash(record: Mapping[str, object]) -> str:
    """SHA-256, in hex, of the canonical record without its own hash."""
    return sha256(canonical(record)).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainResult:
    """The result of a check of the chain; `broken_at` is the first seq that does not fit."""

    records: int
    head: str
    broken_at: int | None = None
    reason: str | None = None


def check_chain(rows: Iterable[Mapping[str, object]]) -> ChainResult:
    """Follow the chain over records as stored, in the order they are stored."""
    head, count = GENESIS, 0
    for row in rows:
        if reason := _misfit(row, seq=count + 1, prev_hash=head):
            return ChainResult(count, head, broken_at=count + 1, reason=reason)
        head, count = str(row["hash"]), count + 1
    return ChainResult(count, head)


def _misfit(row: Mapping[str, object], *, seq: int, prev_hash: str) -> str | None:
    if row.get("seq") != seq:
        return f"record {row.get('seq')} stands where record {seq} should"
    if row.get("prev_hash") != prev_hash:
        return "it does not follow the record before it"
    if row.keys() - OPTIONAL_MEMBERS != _RECORD_MEMBERS:
        return "its members are not those of a record"
    try:
        found = chain_hash({name: value for name, value in row.items() if name != "hash"})
    except NotJson:  # a store may hold what no record ever held
        found = None
    return None if found == row["hash"] else "its content is not what was hashed"


class EventType(StrEnum):
    """The type of an event for HR."""

    DEPLOYED = "SCHEMA_EXTENSION_DEPLOYED"
    UPDATED = "SCHEMA_EXTENSION_UPDATED"


@dataclass(frozen=True, slots=True, kw_only=True)
class HrEvent:
    """A verified change, as it is announced to HR. Holds no value of any user.

    `searched` is what was found of its new attributes, None where none were asked for.
    """

    event_type: EventType
    target_system: str
    tenant: str
    schema: Schema
    event_id: str
    verified_at: str
    commit: str | None
    searched: Searched | None = None

    def body(self, sequence: int) -> bytes:
        """The bytes that are signed and sent, the same at each try; `sequence` is per tenant."""
        document: EventDocument = {
            "event_type": self.event_type.value,
            "target_system": self.target_system,
            "extension_id": self.schema.id,
            "attributes": [
                {
                    "name": attribute.name,
                    "type": str(attribute.type),
                    "mutability": str(attribute.mutability),
                    "adoption_tracking": True,
                }
                for attribute in self.schema.attributes
            ],
            "event_id": self.event_id,
            "tenant": self.tenant,
            "sequence": sequence,
            "verified_at": self.verified_at,
            "schema_digest": self.schema.fingerprint(),
            "commit": self.commit,
        }
        if self.searched is not None:
            document["searchable"] = self.searched.searchable.to_json()
            document["searchable_ms"] = self.searched.ms
        return canonical(document)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The answer of a service that a schema is made, which it may show only later.

    Before `until` nobody may call the write undone, or send it again.
    """

    at: datetime
    until: datetime

    def remaining(self, now: datetime) -> float:
        """The seconds until then, however the clock was set meanwhile; none are negative."""
        return max(0.0, min(self.until - now, self.until - self.at).total_seconds())


_STEPS_OF_A_MEMBER = 3  # attributes, the name of one, and its member


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A write that is about to be sent: all that recovery needs, without the manifests.

    `before` is the fingerprint of the managed view, or `absent`; `change` the plan's id;
    `base_url` where the tenant was, as its manifest said (a built-in one has its name there).
    `live_before` is all that was live, managed or not, as it may be shown. An intent of an older
    store knows neither, or of what was live no more than the names of attributes, `names_before`.
    `confirmation` is set where the service has answered that the schema is made.
    """

    tenant: str
    base_url: str | None
    change: str
    schema_id: str
    target_system: str
    manages: Manages
    desired: Schema
    before: str
    live_before: Schema | None
    run_id: str
    commit: str | None
    webhooks: tuple[str, ...]
    names_before: tuple[str, ...] = ()
    confirmation: Confirmation | None = None

    @property
    def creates(self) -> bool:
        """True where the schema was absent before."""
        return self.before == ABSENT

    def harms(
        self, live: Schema, redaction: Redaction, *, server_members: Iterable[str]
    ) -> tuple[Harm, ...]:
        """All that is not as it was before the write, and that the write was not about.

        Both are compared as they may be shown, for the one before it is kept so.
        """
        live = shown_schema(live, redaction, self.desired)
        if self.live_before is None:
            gone = (name for name in self.names_before if live.attribute(name) is None)
            return tuple(Harm(("attributes", Foreign(name)), HarmKind.GONE) for name in gone)
        return harms(
            shown_schema(self.live_before, redaction, self.desired),
            live,
            desired=self.desired,
            manages=self.manages,
            server_members=server_members,
        )

    def explains(self, harm: Harm) -> bool:
        """Test for a vendor member of an attribute whose characteristics the write was to change.

        A service may say a characteristic in a member of its own, which has changed with it then.
        """
        if not harm.vendor or len(harm.steps) != _STEPS_OF_A_MEMBER or self.live_before is None:
            return False
        _, name, _ = harm.steps
        was, wanted = self.live_before.attribute(name), self.desired.attribute(name)
        if was is None or wanted is None:
            return False
        return was.characteristics() != wanted.characteristics()

    def announcement(self, verified: Schema, at: datetime) -> HrEvent:
        """The event for HR, once reading the schema back has shown that it is as desired."""
        return HrEvent(
            event_type=EventType.DEPLOYED if self.creates else EventType.UPDATED,
            target_system=self.target_system,
            tenant=self.tenant,
            schema=self.desired,
            event_id=_event_id(self, verified),
            verified_at=rfc3339(at),
            commit=self.commit,
        )


def _event_id(intent: Intent, verified: Schema) -> str:
    """The id of a change: the same when it is announced again, another when it is made again.

    The verified schema's `meta` sets a schema that was deleted by hand and created again apart from
    the first one; where the service gives none, the run does.
    """
    basis = [
        intent.tenant,
        fold(intent.desired.id),
        intent.before,
        intent.desired.fingerprint(),
        _stamp(verified.document) or intent.run_id,
    ]
    return "evt_" + sha256(canonical(basis)).hexdigest()[:32]


def _stamp(document: Mapping[str, Json]) -> dict[str, Json]:
    """The members of `meta` that differ once a schema is made again; none where it has none."""
    meta = _member(document, "meta")
    if not isinstance(meta, Mapping):
        return {}
    found = {member: _member(meta, member) for member in ("created", "version")}
    return {member: value for member, value in found.items() if value is not None}


def _member(document: Mapping[str, Json], name: str) -> Json:
    return next((document[member] for member in sorted(document) if fold(member) == name), None)


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds and a Z, RFC 3339."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
