"""Documents: what this program writes and reads as JSON, as types.

A type is a `schemas/*.json` as mypy sees it, member by member; a test holds the two equal. The
types say what our own code may rely on: what comes from a file is held against its JSON Schema
first. Words of a closed set stand here as the wire has them, which is how mypy holds the enums of
the domain to the contract.
"""

from collections.abc import Iterator
from typing import Literal, NotRequired, Protocol, SupportsIndex, TypedDict

# Each word is written once here and once in a JSON Schema; where an enum of the domain spells it a
# third time, mypy compares the enum's values with these.
Action = Literal["create", "update", "skip", "blocked"]
BlockWord = Literal[
    "extension-limit", "immutable-here", "would-be-ignored", "unsupported", "incompatible",
    "protected", "unreadable",
]  # fmt: skip
Reason = Literal["in-sync", "drifted", "excluded", BlockWord]
Kind = Literal["exposing", "narrowing", "additive"]
OutcomeWord = Literal[
    "applied", "adopted", "not-applied", "conflict", "ignored-by-server", "unknown", "not-attempted"
]
SeverityWord = Literal["error", "warning", "info"]
MeasureWord = Literal[
    "required", "uniqueness", "canonicalValues", "type", "pattern", "multiValued", "caseExact",
    "removed", "retired",
]  # fmt: skip
RiskWord = Literal["none", "some", "many", "unknown"]
ConsumerWord = Literal["READER", "WRITER", "STORED", "SERVER"]
DriftWord = Literal["changed", "missing", "unmanaged", "outdated"]


# schemas/plan.json


class AttributeDocument(TypedDict):
    """An attribute (RFC 7643 section 7), every characteristic spelled out."""

    name: str
    type: str
    multiValued: bool
    required: bool
    caseExact: bool
    mutability: str
    returned: str
    uniqueness: str
    subAttributes: NotRequired["list[AttributeDocument]"]


class SchemaDocument(TypedDict):
    """A Schema resource (RFC 7643 section 7)."""

    id: str
    attributes: list[AttributeDocument]


class SourceDocument(TypedDict):
    """The place of a manifest."""

    path: str
    line: int


class DifferenceDocument(TypedDict):
    """One member that differs; None stands for a side that does not have it."""

    path: str
    live: object
    desired: object


class ImpactDocument(TypedDict):
    """A finding of a rule about changes: what one does to whom."""

    rule: str
    severity: SeverityWord
    consumers: list[ConsumerWord]
    message: str


class MeasureDocument(TypedDict):
    """A number of users whom a change hurts, out of all; None where they were not counted."""

    path: str
    kind: MeasureWord
    users: int | None
    of: int | None
    risk: RiskWord


class StillHeldDocument(TypedDict):
    """A deprecated attribute, and the number of users who hold it; None where not counted."""

    path: str
    since: str
    use: str | None
    reason: str | None
    users: int | None
    of: int | None


class ApproversDocument(TypedDict):
    """The owners of one kind of change."""

    kind: Kind
    owners: list[str]


class WithheldDocument(TypedDict):
    """The change of a drifted schema that `onDrift: update` would bring.

    `on_drift` is where onDrift is written, None where it is the default.
    """

    on_drift: SourceDocument | None
    action: Literal["update", "blocked"]
    reason: BlockWord | None
    recipe: str | None
    kinds: list[Kind]
    impacts: list[ImpactDocument]
    approvals: list[ApproversDocument]


class ChangeDocument(TypedDict):
    """One manifest on one tenant, and what is to be done about it."""

    id: str
    action: Action
    reason: Reason | None
    schema_id: str
    manifest: str
    source: SourceDocument
    resource_type: str | None
    manages: Literal["schema", "attributes"] | None
    before: SchemaDocument | None
    after: SchemaDocument | None
    differences: list[DifferenceDocument]
    live_fingerprint: str | None
    recipe: str | None
    kinds: list[Kind]
    impacts: list[ImpactDocument]
    withheld: WithheldDocument | None
    impact: NotRequired[list[MeasureDocument]]  # only with `plan --impact`
    deprecated: NotRequired[list[StillHeldDocument]]  # likewise


class DriftDocument(TypedDict):
    """One schema that has drifted, and since when."""

    kind: DriftWord
    schema_id: str
    since: str | None


class TenantDocument(TypedDict):
    """The plan of one tenant."""

    name: str
    digest: str
    dialect: str
    base_url: str
    token_url: str | None
    extensions_live: int | None
    extensions_limit: int | None
    error: str | None
    canary: NotRequired[bool]  # only where the manifest names a test user
    wave: NotRequired[int]  # only where the manifest says in which wave it is changed
    frozen_until: NotRequired[str | None]  # only in a freeze; None where no end is in sight
    warnings: list[str]
    unmanaged: list[str]
    drift: list[DriftDocument]
    changes: "Changes"


class Changes(Protocol):
    """The changes of a tenant in their order: a list, or read one at a time as tenants are."""

    def __iter__(self) -> Iterator[ChangeDocument]: ...

    def __len__(self) -> int: ...


class Tenants(Protocol):
    """The tenants of a plan by name, read as often as one likes: a list, or one at a time."""

    def __iter__(self) -> Iterator[TenantDocument]: ...

    def __getitem__(self, number: SupportsIndex, /) -> TenantDocument: ...

    def __len__(self) -> int: ...


class GitDocument(TypedDict):
    """The commit of the manifests."""

    commit: str | None
    dirty: bool


class TenantsFromDocument(TypedDict):
    """The git ref of the Tenant manifests, and where the folder says otherwise, by name."""

    ref: str
    commit: str
    changed: list[str]
    added: list[str]
    removed: list[str]
    unread: list[str]


class SelectionDocument(TypedDict):
    """The globs that narrowed a plan; `due` are the tenants that were due, with --due."""

    tenant: list[str]
    target: list[str]
    exclude: list[str]
    shard: NotRequired[str]  # where the plan is that of one
    due: NotRequired[list[str]]


class ApprovalDocument(TypedDict):
    """The owners who have to approve changes of one kind, and the ids of those."""

    kind: Kind
    owners: list[str]
    changes: list[str]


class WaveDocument(TypedDict):
    """The tenants that are changed in one wave."""

    number: int
    tenants: list[str]


class WavesDocument(TypedDict):
    """The waves of a plan, and the sizes that `--waves` gave; none where only manifests say."""

    sizes: list[str]
    waves: list[WaveDocument]


class DriftCounts(TypedDict):
    """The numbers of schemas that have drifted, by kind."""

    changed: int
    missing: int
    unmanaged: int
    outdated: int


class PlanCounts(TypedDict):
    """The numbers of changes; `unmanaged` counts live schemas, `unreadable` tenants."""

    create: int
    update: int
    destroy: Literal[0]
    in_sync: int
    drifted: int
    excluded: int
    blocked: int
    unmanaged: int
    unreadable: int
    drift: DriftCounts


class PlanHead(TypedDict):
    """The part of a plan that is known before any tenant is read."""

    git: GitDocument
    tenants_from: TenantsFromDocument | None
    selection: SelectionDocument


class PlanWaves(TypedDict):
    """The waves of a plan; only where tenants are changed in waves."""

    waves: NotRequired[WavesDocument]


class PlanFacts(PlanHead, PlanWaves):
    """A plan but for its checksum."""

    format_version: Literal["2.0"]
    tool_version: str
    digest: str
    tenants: Tenants
    approvals: list[ApprovalDocument]
    exceeded_limits: list[str]
    summary: PlanCounts


class PlanDocument(PlanFacts):
    """A plan, as `plan --out` saves it."""

    checksum: str


# schemas/report.json


class ReportShard(TypedDict):
    """The run of one shard in a merged report."""

    shard: str
    id: str | None
    started_at: str
    ended_at: str
    code: int


class ReportRun(TypedDict):
    """The run that a report is about; times are RFC 3339.

    `shard` is the one that it was about, if any; `shards` are those that were merged.
    """

    id: str | None
    actor: str
    commit: str | None
    plan_digest: str | None
    started_at: str
    ended_at: str
    shard: NotRequired[str]
    shards: NotRequired[list[ReportShard]]


class ReportExit(TypedDict):
    """The exit code of a run."""

    code: int
    meaning: str
    error: str | None


# Members with dashes can be written in this form alone.
OutcomeCounts = TypedDict(
    "OutcomeCounts",
    {
        "applied": int,
        "adopted": int,
        "not-applied": int,
        "conflict": int,
        "ignored-by-server": int,
        "unknown": int,
        "not-attempted": int,
    },
)


class FoundDocument(TypedDict):
    """The findings about the new attributes of a change; None where nobody asked, or tried."""

    searchable: bool | Literal["unknown"] | None
    searchable_ms: int | None
    canary: dict[str, str] | None


class RecoveredDocument(FoundDocument):
    """The end of a write that an earlier run left without an outcome."""

    schema_id: str
    outcome: OutcomeWord
    detail: str


class ReportChange(FoundDocument):
    """The end of one change; a skip and what was planned as blocked have no outcome.

    `detail` says of what has drifted why it is left as it is.
    """

    id: str
    schema_id: str
    action: Action
    reason: Reason | None
    outcome: OutcomeWord | None
    detail: str | None
    fields: list[str]
    latency_ms: int | None


class UnapprovedDocument(TypedDict):
    """The reason why a tenant was not written, and how its plan differs from the approved one."""

    reason: str
    difference: list[str]


class ReportTenant(TypedDict):
    """The end of one tenant's changes."""

    name: str
    digest: NotRequired[str | None]  # of its plan; an earlier release did not know it
    locked: str | None
    unreadable: str | None
    unapproved: NotRequired[UnapprovedDocument | None]  # an earlier release did not know it
    wave: NotRequired[int]  # only where tenants are changed in waves
    recovered: list[RecoveredDocument]
    changes: list[ReportChange]


class AttemptDocument(TypedDict):
    """A delivery that was tried."""

    event_id: str
    tenant: str
    schema_id: str
    url: str
    delivered: bool
    status: int | None
    latency_ms: int
    detail: str


class PendingDocument(TypedDict):
    """A webhook that is not delivered yet."""

    event_id: str
    tenant: str
    schema_id: str
    url: str
    attempts: int
    due_at: str


class HeldDocument(TypedDict):
    """A webhook of a verified change that waits for more than to be sent."""

    tenant: str
    schema_id: str
    url: str
    waits_for: str


class NotTriedDocument(TypedDict):
    """Webhooks that were due and that a run left pending for one reason."""

    webhooks: int
    reason: str


class DeliveriesDocument(TypedDict):
    """The webhooks that a run tried, and those that wait; None where the store cannot say."""

    attempts: list[AttemptDocument]
    not_tried: list[NotTriedDocument]
    pending: list[PendingDocument] | None
    held: list[HeldDocument]


class HeadDocument(TypedDict):
    """The last record of the audit trail."""

    seq: int
    hash: str


class ReportDocument(TypedDict):
    """A run, as `apply --report` writes it."""

    format_version: Literal["1.0"]
    tool_version: str
    run: ReportRun
    exit: ReportExit
    finished: bool
    summary: OutcomeCounts
    tenants: list[ReportTenant]
    warnings: list[str]
    deliveries: DeliveriesDocument
    audit_head: HeadDocument | None


# schemas/audit.json


class EntryDocument(TypedDict):
    """An audit record before it has its place in the chain."""

    event: Literal[
        "RUN_STARTED",
        "SCHEMA_EXTENSION_ADOPTED",
        "SCHEMA_EXTENSION_CREATE_INTENDED",
        "SCHEMA_EXTENSION_CREATED",
        "SCHEMA_EXTENSION_UPDATE_INTENDED",
        "SCHEMA_EXTENSION_UPDATED",
        "SCHEMA_EXTENSION_SKIPPED",
        "SCHEMA_EXTENSION_BLOCKED",
        "SCHEMA_EXTENSION_SEARCHED",
        "SCHEMA_EXTENSION_CANARY_COMPLETED",
        "HR_SYNC_QUEUED",
        "HR_SYNC_RESEALED",
        "HR_SYNC_COMPLETED",
        "HR_SYNC_DROPPED",
        "TENANT_RENAMED",
        "TENANT_DROPPED",
        "STORE_MOVED",
        "RUN_COMPLETED",
    ]
    timestamp: str
    status: Literal["SUCCESS", "FAILED", "UNKNOWN", "RECOVERED", "SYNCED"] | None
    tenant: str | None
    schema_id: str | None
    attributes_count: int | None
    change: str | None
    run_id: str
    actor: str
    commit: str | None
    plan_digest: str | None
    before_digest: str | None
    after_digest: str | None
    latency_ms: int | None
    webhook_status: int | None
    detail: str | None
    searchable: NotRequired[bool | Literal["unknown"]]
    searchable_ms: NotRequired[int]
    canary: NotRequired[dict[str, str]]
    searched: NotRequired[dict[str, bool | Literal["unknown"]]]


class ChainedDocument(EntryDocument):
    """An audit record but for its own hash: what that hash covers."""

    seq: int
    prev_hash: str


class AuditDocument(ChainedDocument):
    """An audit record, as `audit export` writes one a line."""

    hash: str


# schemas/event.json


class EventAttribute(TypedDict):
    """An attribute that HR may fill."""

    name: str
    type: str
    mutability: str
    adoption_tracking: Literal[True]


class EventDocument(TypedDict):
    """The body of a webhook."""

    event_type: Literal["SCHEMA_EXTENSION_DEPLOYED", "SCHEMA_EXTENSION_UPDATED"]
    target_system: str
    extension_id: str
    attributes: list[EventAttribute]
    event_id: str
    tenant: str
    sequence: int
    verified_at: str
    schema_digest: str
    commit: str | None
    searchable: NotRequired[bool | Literal["unknown"]]
    searchable_ms: NotRequired[int]


# schemas/gate.json


class LifecycleDocument(TypedDict):
    """How far an attribute has come, and since when."""

    stage: Literal["declared", "deployed", "available", "deprecated", "retired"]
    deployed: str | None
    available: str | None
    deprecated: str | None
    retired: str | None


class GateAttribute(TypedDict):
    """One attribute, what is known of it and what is against it."""

    schema_id: str
    attribute: str
    ready: bool
    lifecycle: LifecycleDocument | None
    verified: bool
    bound: bool | Literal["unknown"]
    searchable: bool | Literal["unknown"]
    persisted: Literal["persisted", "dropped", "coerced", "not-tried"]
    since: str | None
    reasons: list[str]


class GateDocument(TypedDict):
    """Whether HR may send attributes of a tenant; the last three are those of a file for HR."""

    format_version: Literal["1.0"]
    tool_version: str
    tenant: str
    ready: bool
    reasons: list[str]
    attributes: list[GateAttribute]
    issued_at: NotRequired[str]
    expires_at: NotRequired[str]
    plan_digest: NotRequired[str]


# schemas/status.json


class StatusSummary(TypedDict):
    """The sums over all tenants; states are numbers of extensions."""

    tenants: int
    in_sync: int
    outdated: int
    drifted: int
    blocked: int
    failed: int
    waiting: int
    never_read: int
    drifted_for_a_day: int
    not_read: int
    webhooks_pending: int


class StatusWebhooks(TypedDict):
    """The webhooks of one tenant that are not delivered."""

    pending: int
    due_at: str | None
    held: int
    given_up: int


class StatusExtension(TypedDict):
    """One extension of one tenant, as the trail last has it."""

    manifest: str
    schema_id: str
    state: Literal["in-sync", "outdated", "drifted", "blocked", "failed", "waiting", "never-read"]
    reason: str | None
    looked_at: str | None
    in_sync_at: str | None


class StatusFreeze(TypedDict):
    """The freeze that a tenant is in now."""

    frozen_until: NotRequired[str | None]  # only in a freeze; None where no end is in sight


class StatusTenant(StatusFreeze):
    """One tenant; `needs` are lines for a person."""

    name: str
    last_read: str | None
    webhooks: StatusWebhooks
    open_writes: int
    extensions: list[StatusExtension]
    needs: list[str]


class UnclaimedWebhooks(TypedDict):
    """The webhooks that wait under a name that no manifest here has."""

    pending: int
    held: int


class UnclaimedDocument(TypedDict):
    """A name that the store knows and no manifest here has."""

    name: str
    open_writes: int
    webhooks: UnclaimedWebhooks
    needs: list[str]


class StatusDocument(TypedDict):
    """The output of `status --format json`."""

    format_version: Literal["1.0"]
    generated_at: str
    last_success: str | None
    summary: StatusSummary
    warnings: list[str]
    tenants: list[StatusTenant]
    unclaimed: list[UnclaimedDocument]


# schemas/adoption.json


class TrendDocument(TypedDict):
    """The way from an earlier count, the newest before; `holders` is None beside a sample."""

    direction: Literal["up", "down", "steady"]
    holders: int | None
    since: str


class AdoptionAttribute(TypedDict):
    """One attribute; `of` is how many were looked at, `unknown` why there is no new count."""

    schema_id: str
    attribute: str
    holders: int | None
    of: int | None
    share: float | None
    method: Literal["filter", "pages", "sample"] | None
    since: str | None
    first_value: str | None
    trend: TrendDocument | None
    verdict: Literal["filling", "filled", "never filled", "undeclared", "orphaned"] | None
    measured_at: str | None
    unknown: str | None


class AdoptionTenant(TypedDict):
    """One resource type of a tenant; where it has none, the tenant could not be read."""

    name: str
    resource_type: str | None
    total: int | None
    attributes: list[AdoptionAttribute]
    error: str | None


class AdoptionDocument(TypedDict):
    """The output of `adoption --format json`."""

    format_version: Literal["1.0"]
    tenants: list[AdoptionTenant]


# schemas/output.json


class DiagnosticDocument(TypedDict):
    """A warning or an error; all but the first two are those of a problem in a manifest."""

    severity: SeverityWord
    message: str
    rule: str | None
    path: str | None
    line: int | None
    column: int | None
    recipe: str | None
    consumers: list[str]


class OutputDocument(TypedDict):
    """The envelope of what a command without a document of its own prints as JSON.

    `data` is what its schema says for the command; None where it failed before it had any.
    """

    format_version: Literal["1.0"]
    command: Literal[
        "validate", "import", "doctor", "audit list", "audit verify", "state check",
        "webhooks list", "webhooks deliver", "webhooks replay", "webhooks drop", "locks",
        "fmt", "explain",
    ]  # fmt: skip
    data: dict[str, object] | None
    diagnostics: list[DiagnosticDocument]


class ProblemCounts(TypedDict):
    """The numbers of problems of each severity."""

    error: int
    warning: int
    info: int


class ValidateData(TypedDict):
    """The numbers of what `validate` read, and of the problems in it."""

    files: int
    tenants: int
    extensions: int
    problems: ProblemCounts


ImportedAction = Literal["create", "update", "unchanged"]


class ImportedDocument(TypedDict):
    """A manifest of a live extension, and what becomes of its file."""

    path: str
    schema_id: str
    name: str
    action: ImportedAction
    text: str


class ImportData(TypedDict):
    """The manifests of a tenant's extensions, live or as they were verified."""

    tenant: str
    written: bool
    manifests: list[ImportedDocument]
    plan: NotRequired[dict[str, object]]  # with --verified-at, where they are written


class OpenWrite(TypedDict):
    """A write without a known end; `base_url` is None where the store does not have it."""

    schema_id: str
    base_url: str | None
    run_id: str


class UrlCount(TypedDict):
    """The number of webhooks for one URL."""

    url: str
    webhooks: int


class DroppedData(TypedDict):
    """All that `webhooks drop` has ended; `called_now` is the tenant that the name means today."""

    tenant: str
    called_now: str | None
    writes: list[OpenWrite]
    pending: list[UrlCount]
    held: list[UrlCount]


class FindingDocument(TypedDict):
    """One thing that doctor looked at; `words` say what it found and what that means."""

    check: str
    grade: Literal["ok", "note", "warning", "problem", "unknown"]
    words: str


class DoctorTenant(TypedDict):
    """The findings of doctor about one tenant; `capabilities` is a block for its manifest."""

    name: str
    dialect: str
    base_url: str
    well: bool
    findings: list[FindingDocument]
    capabilities: dict[str, object]


class DoctorData(TypedDict):
    """The findings of `doctor`."""

    tenants: list[DoctorTenant]


class AuditListData(TypedDict):
    """The records of `audit list`, the oldest first."""

    records: list[dict[str, object]]


class AuditVerifyData(TypedDict):
    """A trail that is whole."""

    records: int
    head: str
    anchored: bool


class StateCheckData(TypedDict):
    """A store that is whole: its rows by table, open intents by tenant, webhooks by state."""

    format: int
    records: int
    head: str
    rows: dict[str, int]
    open_intents: dict[str, int]
    webhooks: dict[str, int]
    moved_to: str | None


class WebhookDocument(TypedDict):
    """One webhook, released or held."""

    event_id: str | None
    tenant: str
    schema_id: str
    url: str
    sequence: int | None
    state: Literal["held", "ready", "delivered", "void", "given-up"]
    attempts: int
    due_at: str | None
    last_status: int | None
    waits_for: str | None


class WebhooksListData(TypedDict):
    """The webhooks of `webhooks list`."""

    webhooks: list[WebhookDocument]


class SentData(TypedDict):
    """What became of the webhooks that `webhooks deliver` and `replay` were to send."""

    delivered: int
    failed: int
    not_tried: int
    pending: int
    next_due_at: str | None


class LockDocument(TypedDict):
    """A lock that a run holds now: of a tenant, or of one of its queues of webhooks."""

    tenant: str
    of: Literal["tenant", "webhooks"]
    holder: str
    since: str | None


class ReformattedDocument(TypedDict):
    """A file whose layout is not the canonical one; `diff` with `--diff` alone."""

    path: str
    diff: str | None


class FmtData(TypedDict):
    """The files that `fmt` has written, or would write."""

    written: bool
    changed: list[ReformattedDocument]


class KeyDocument(TypedDict):
    """A key of a manifest; `default` is None where it has none, `only_for` as in its Key."""

    kind: str
    path: str
    type: str
    required: bool
    description: str
    values: list[str]
    default: object
    only_for: list[str]


class ExplainData(TypedDict):
    """The keys that `explain` is asked for, each before those inside of it."""

    keys: list[KeyDocument]


class LocksData(TypedDict):
    """The locks that are held."""

    locks: list[LockDocument]
