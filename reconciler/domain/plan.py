"""Plan: the changes that an apply would make, why, and the digest that an approval is bound to.

A change is a create, an update, a skip or blocked. There is no delete and no replace.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, assert_never

from reconciler.domain.blocking import Against, BlockReason
from reconciler.domain.body import ordered_body
from reconciler.domain.dialect import Dialect, PatchPath, UpdateStrategy
from reconciler.domain.diff import Difference, agreeing, differences, managed_view
from reconciler.domain.foreign import Foreign
from reconciler.domain.jsontext import Json, canonical, digest, packed, unpacked
from reconciler.domain.manifest import Auth, GitState, Manages, SchemaExtension, Tenant, TenantsFrom
from reconciler.domain.memo import Memo
from reconciler.domain.redaction import NO_REDACTION, Redaction
from reconciler.domain.scim import ABSENT, Schema
from reconciler.domain.selection import Selection
from reconciler.domain.shown import shown_schema

if TYPE_CHECKING:  # most plans count nobody, in no freeze
    from reconciler.domain.drift import Drift
    from reconciler.domain.freeze import Frozen
    from reconciler.domain.impact import Assessment
    from reconciler.domain.measures import Measured, StillHeld
    from reconciler.domain.waves import Wave, WaveSize

FORMAT_VERSION: Final = "2.0"


class SkipReason(StrEnum):
    """The reasons why a change does nothing."""

    IN_SYNC = "in-sync"
    DRIFTED = "drifted"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class PackedSchema:
    """A schema in little memory, by a document of all that it says."""

    document: bytes

    @classmethod
    def of(cls, document: Mapping[str, Json]) -> PackedSchema:
        """The schema that a document stands for."""
        return cls(packed(document))

    def schema(self) -> Schema:
        """The schema, made anew where it was not looked at just before."""
        return _taken_apart(self.document)


@lru_cache(maxsize=1)  # one is looked at several times in turn, and two may be too large
def _taken_apart(document: bytes) -> Schema:
    return Schema.from_json(unpacked(document))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One manifest on one tenant, which a change is about, and what was seen there.

    `held` is the view, as it is or packed; None where the schema is absent or was not looked at,
    and where a plan is kept to be carried out.
    `live_fingerprint` is that of the view, `absent`, or None where it was not looked at.
    The view stands here as it came; `redaction` takes credentials out of what is shown of them.
    `judged` is the assessment of a view that stands here as it may be shown, and is another.
    """

    tenant: str
    extension: SchemaExtension
    dialect: Dialect | None = None
    held: Schema | PackedSchema | None = None
    live_fingerprint: str | None = None
    redaction: Redaction = field(compare=False, repr=False, default=NO_REDACTION)
    judged: Assessment | None = field(compare=False, repr=False, default=None)
    _shown: Memo[Schema] = field(init=False, compare=False, repr=False, default_factory=Memo)

    @classmethod
    def seen(
        cls,
        tenant: Tenant,
        extension: SchemaExtension,
        live: Schema | None,
        redaction: Redaction = NO_REDACTION,
    ) -> Subject:
        """The subject as a tenant was read; `live` is None where the schema is absent."""
        desired = extension.schema
        view = None if live is None else managed_view(live, desired, extension.manages)
        if view is not None:
            # A fleet makes its fingerprint once, and what a tenant has of it is in memory once.
            view = desired if view == desired else view.beside(desired)
        return cls(
            tenant=tenant.name,
            extension=extension,
            dialect=tenant.dialect,
            held=view,
            live_fingerprint=ABSENT if view is None else view.fingerprint(),
            redaction=redaction,
        )

    @property
    def view(self) -> Schema | None:
        """The part of the live schema that the manifest manages, without its document."""
        return self.held.schema() if isinstance(self.held, PackedSchema) else self.held

    @property
    def attributes_held(self) -> int:
        """The number of attributes that are in memory for it alone."""
        if not isinstance(self.held, Schema) or self.held is self.desired:
            return 0
        theirs = {attribute.key: attribute for attribute in self.desired.attributes}
        return sum(theirs.get(each.key) is not each for each in self.held.attributes)

    def packed(self) -> Subject:
        """The same in less memory, to be looked at once more."""
        if not self.attributes_held:
            return self
        assert isinstance(self.held, Schema)
        return replace(self, held=PackedSchema.of(self.held.whole()))

    @property
    def id(self) -> str:
        """`tenant/manifest`: unique in a plan, the same in every run."""
        return f"{self.tenant}/{self.extension.name}"

    @property
    def schema_id(self) -> str:
        """The URN as the manifest writes it."""
        return self.extension.schema.id

    @property
    def desired(self) -> Schema:
        """The schema as the manifest wants it."""
        return self.extension.schema

    @property
    def in_sync(self) -> bool:
        """True where live is as desired."""
        return self.live_fingerprint == self.desired.fingerprint()

    @property
    def shown(self) -> Schema | None:
        """The view as it may be shown."""
        if (view := self.view) is None:
            return None
        if isinstance(self.held, PackedSchema):
            return shown_schema(view, self.redaction, self.desired)
        return self._shown.get(lambda: shown_schema(view, self.redaction, self.desired))

    def differences(self) -> tuple[Difference, ...]:
        """The differences of live, as it may be shown, from desired.

        Empty where there is nothing live to compare.
        """
        if self.shown is None or self.in_sync:
            return ()
        return differences(self.shown, self.desired)

    def is_verified_but_for_new(self, fingerprint: str) -> bool:
        """Test whether what was verified with that fingerprint is live but for what is new.

        A manifest that `manages: attributes` may begin to manage what is live, and other.
        """
        if self.view is None or self.extension.manages is not Manages.ATTRIBUTES:
            return False
        return agreeing(self.view, self.desired).fingerprint() == fingerprint

    def paths(self, live: Schema, redaction: Redaction) -> tuple[str, ...]:
        """The paths in which a live schema that was read again differs, as they may be shown."""
        view = managed_view(live, self.desired, self.extension.manages)
        shown = shown_schema(view, redaction, self.desired)
        return tuple(difference.path for difference in differences(shown, self.desired))

    def assessment(self) -> Assessment:
        """The effect on each consumer of writing it; of what is live only what may be shown."""
        if self.judged is not None:
            return self.judged
        from reconciler.domain.impact import assess  # most of a plan changes nothing

        found = assess(self.view, self.extension, self.dialect)
        if self.shown is self.view:
            return found
        # Who has to approve a change never depends on what is hidden of it.
        return replace(found, impacts=assess(self.shown, self.extension, self.dialect).impacts)

    def as_shown(self) -> Subject:
        """The same for another process: all of it may be shown, and it knows no credential."""
        view, shown = self.view, self.shown
        if shown is None or shown is view:
            return replace(self, redaction=NO_REDACTION)
        held = PackedSchema.of(shown.whole()) if isinstance(self.held, PackedSchema) else shown
        return replace(self, held=held, redaction=NO_REDACTION, judged=self.assessment())

    def without_live(self) -> Subject:
        """As much of it as carrying it out needs: live is read again before it is changed."""
        return Subject(
            tenant=self.tenant,
            extension=self.extension,
            dialect=self.dialect,
            live_fingerprint=self.live_fingerprint,
        )


@dataclass(frozen=True, slots=True)
class Create:
    """The schema is absent and will be created."""

    subject: Subject


@dataclass(frozen=True, slots=True)
class Update:
    """The schema differs in ways that are safe to write, and the manifest opts in.

    `by` is how the service is changed, PUT or PATCH; `path` is where a PATCH replaces an attribute.
    """

    subject: Subject
    by: UpdateStrategy = UpdateStrategy.PUT
    path: PatchPath = PatchPath.VALUE


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing will be done, and why."""

    subject: Subject
    reason: SkipReason
    withheld: Withheld | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """Something should be done and cannot; `recipe` says what a person can do."""

    subject: Subject
    reason: BlockReason
    recipe: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """The decision that `onDrift: update` would bring about a schema that has drifted.

    `blocked` is the reason against it and the recipe; None where it would be written. `paths` are
    those of some of the differences, `more` is the number of the others.
    """

    blocked: Against | None
    paths: tuple[str, ...]
    more: int = 0


Change = Create | Update | Skip | Blocked


@dataclass(frozen=True, slots=True)
class Written:
    """A write of an earlier plan, and the fingerprint of what it started from, or `absent`."""

    action: Literal["create", "update"]
    live_fingerprint: str | None


def is_in_sync(change: Change) -> bool:
    """Test whether nothing is done because live is as desired."""
    return isinstance(change, Skip) and change.reason is SkipReason.IN_SYNC


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPlan:
    """The plan of one tenant; `error` stands where it could not be read, then nothing else does.

    `extensions_live` counts the extensions that are the tenant's own, desired or not. What is live
    stands here as it came; `redaction` takes credentials out of what is shown of it. `impact` is
    what live users tell of the changes, by their ids; None where they were not to be counted.
    `deprecated` is who holds what is deprecated, likewise. `frozen` is the freeze in which it was
    planned, if any.
    """

    tenant: Tenant
    extensions_live: int | None = None
    changes: tuple[Change, ...] = ()
    unmanaged: tuple[str, ...] = ()
    drift: tuple[Drift, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str | None = None
    impact: Mapping[str, tuple[Measured, ...]] | None = None
    deprecated: Mapping[str, tuple[StillHeld, ...]] = field(default_factory=dict)
    frozen: Frozen | None = None
    redaction: Redaction = field(compare=False, default=NO_REDACTION)
    _digest: Memo[str] = field(init=False, compare=False, repr=False, default_factory=Memo)

    @property
    def name(self) -> str:
        """The tenant's name."""
        return self.tenant.name

    @property
    def live_ids(self) -> tuple[str, ...]:
        """The ids of all extensions that were live, but those that were not looked at.

        What no manifest names is Foreign.
        """
        ours = (change.subject for change in self.changes)
        seen = (each for each in ours if each.live_fingerprint not in (None, ABSENT))
        return (*map(Foreign, self.unmanaged), *(subject.schema_id for subject in seen))

    @property
    def writes(self) -> Iterator[Create | Update]:
        """The changes that create or update something, in the order of the plan."""
        return (change for change in self.changes if isinstance(change, Create | Update))

    @property
    def has_writes(self) -> bool:
        """True where anything is created or updated."""
        return any(True for _ in self.writes)

    @property
    def is_whole(self) -> bool:
        """True where the run is about all extensions of the tenant: none is excluded."""
        skips = (change for change in self.changes if isinstance(change, Skip))
        return all(skip.reason is not SkipReason.EXCLUDED for skip in skips)

    @property
    def extensions_limit(self) -> int | None:
        """The most extensions that the tenant may hold; None where it could not be read."""
        return self.tenant.extensions_limit if self.error is None else None

    def digest(self) -> str:
        """The digest over what is approved; not over times, order, wording or unmanaged schemas."""
        return self._digest.get(lambda: self.digest_before({}))

    def digest_before(self, done: Mapping[str, Written]) -> str:
        """The digest that it had before writes, by the ids of their changes, were done.

        Of those only what is in sync now is done.
        """
        # docs/decisions.md, "The digest covers the effective dialect, and not its defaults"
        projection = self.tenant.projection
        decisions = (_decided(each, done.get(each.subject.id)) for each in self.changes)
        changes = [list(decided) for decided in sorted(decisions, key=_digest_of)]
        return digest(
            {
                "format_version": FORMAT_VERSION,
                "name": self.name,
                "base_url": self.tenant.base_url,
                "auth": _identity(self.tenant.auth),
                "dialect": [self.tenant.dialect.name, self.tenant.dialect.digest()],
                "receivers": [
                    self.tenant.system,
                    sorted(webhook.url for webhook in self.tenant.webhooks),
                ],
                "changes": "unreadable" if self.error is not None else changes,
                **({} if self.tenant.canary is None else {"canary": self.tenant.canary}),
                **({} if projection is None else {"projection": list(astuple(projection))}),
            }
        )

    def as_shown(self) -> TenantPlan:
        """The same for another process, which makes the same document of it."""
        from reconciler.domain.drift import DriftKind

        unmanaged = self.redaction.texts(self.unmanaged)
        return replace(
            self,
            changes=tuple(replace(each, subject=each.subject.as_shown()) for each in self.changes),
            unmanaged=unmanaged,
            drift=tuple(
                replace(each, schema_id=self.redaction.text(each.schema_id))
                if each.kind is DriftKind.UNMANAGED
                else each
                for each in self.drift
            ),
            redaction=NO_REDACTION,
        )

    def without_live(self) -> TenantPlan:
        """As much of it as carrying it out needs, with the same digest."""
        # docs/decisions.md, "A plan is made tenant by tenant, and little of it is kept"
        slim = (replace(each, subject=each.subject.without_live()) for each in self.changes)
        return replace(self, changes=tuple(slim))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plans of all selected tenants, sorted by name.

    `max_tenants` is how many of them this run may change; None sets no limit. `wave_sizes` are
    those by which they are changed one wave after the other.
    """

    tenants: tuple[TenantPlan, ...]
    git: GitState = field(default_factory=GitState)
    tenants_from: TenantsFrom | None = None
    selection: Selection = field(default_factory=Selection)
    max_tenants: int | None = None
    wave_sizes: tuple[WaveSize, ...] = ()
    _waves: Memo[tuple[Wave, ...]] = field(
        init=False, compare=False, repr=False, default_factory=Memo
    )
    _digest: Memo[str] = field(init=False, compare=False, repr=False, default_factory=Memo)

    def digest(self) -> str:
        """The digest over the sorted digests of the tenants, which `apply` compares."""
        # Each record of each tenant asks for it.
        return self._digest.get(lambda: digest(sorted(t.digest() for t in self.tenants)))

    def waves(self) -> tuple[Wave, ...]:
        """The tenants that are changed, wave by wave; none where they are changed all at once.

        One that could not be read is among them where its manifest says in which wave.
        """
        # docs/decisions.md, "A wave is over when all of it is verified"
        return self._waves.get(self._in_waves)

    def _in_waves(self) -> tuple[Wave, ...]:
        changed = {
            tenant.name: tenant.tenant.wave
            for tenant in self.tenants
            if tenant.has_writes or (tenant.error is not None and tenant.tenant.wave is not None)
        }
        if not changed:
            return ()
        from reconciler.domain.waves import waves_of

        return waves_of(changed, self.wave_sizes)

    def summary(self) -> PlanSummary:
        """The counts over all tenants."""
        kinds = Counter(_kind(change) for tenant in self.tenants for change in tenant.changes)
        return PlanSummary(
            create=kinds["create"],
            update=kinds["update"],
            in_sync=kinds[SkipReason.IN_SYNC],
            drifted=kinds[SkipReason.DRIFTED],
            excluded=kinds[SkipReason.EXCLUDED],
            blocked=kinds["blocked"],
            unmanaged=sum(len(tenant.unmanaged) for tenant in self.tenants),
            unreadable=sum(1 for tenant in self.tenants if tenant.error is not None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """The number of changes of each kind; `unreadable` counts tenants, `unmanaged` live schemas."""

    create: int
    update: int
    in_sync: int
    drifted: int
    excluded: int
    blocked: int
    unmanaged: int
    unreadable: int

    @property
    def work(self) -> int:
        """The number of writes that an apply would make."""
        return self.create + self.update

    @property
    def out_of_sync(self) -> bool:
        """True where anything is not as desired, for --detailed-exitcode."""
        return bool(self.work + self.drifted + self.blocked)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A safety limit that a plan exceeds; `tenant` is None for the one of the whole run."""

    tenant: str | None
    number: int
    limit: int
    setting: str

    def __str__(self) -> str:
        thing = "changed tenant" if self.tenant is None else "change"
        exceed = f"{thing} exceeds" if self.number == 1 else f"{thing}s exceed"
        if self.tenant is None:
            return (
                f"this run: {self.number} {exceed} {self.setting} {self.limit}; "
                f"narrow the run with --tenant, raise {self.setting}, or lift it with --force"
            )
        return (
            f"tenant {self.tenant}: {self.number} {exceed} {self.setting}: {self.limit}; "
            f"narrow the run with --target, raise {self.setting} in the tenant's manifest, "
            "or lift it with --force"
        )


def exceeded_limits(plan: Plan) -> tuple[Exceeded, ...]:
    """The limits that a plan exceeds: of tenants changed in one run, of changes to one tenant."""
    changed = sum(1 for tenant in plan.tenants if tenant.has_writes)
    # docs/decisions.md, "`--max-tenants` is no part of the digest"
    most = plan.max_tenants
    too_many = () if most is None or changed <= most else (most,)
    return (
        *(Exceeded(None, changed, limit, "--max-tenants") for limit in too_many),
        *(
            Exceeded(planned.name, number, limit, setting)
            for planned in plan.tenants
            for kind, limit, setting in (
                (Create, planned.tenant.limits.max_creates, "spec.limits.maxCreates"),
                (Update, planned.tenant.limits.max_updates, "spec.limits.maxUpdates"),
            )
            if (number := sum(1 for c in planned.changes if isinstance(c, kind))) > limit
        ),
    )


def _identity(auth: Auth) -> list[Json]:
    """The identity by which a tenant is changed, as far as its manifest states it."""
    names = [[name, ref.source, ref.name] for name, ref in sorted(auth.credentials.items())]
    pairs = [list(pair) for pair in auth.parameters]
    grant = [auth.token_url, auth.client_auth, list(auth.scopes), pairs, auth.key_id, auth.audience]
    return [auth.type, auth.scheme, *grant, names]


Decided = tuple[str, str, str | None]


def _decided(change: Change, done: Written | None) -> Decided:
    """The approved part of a change: what is done, what is sent, and what it starts from.

    Where nothing is sent, desired is a fingerprint, in which no spelling counts.
    """
    subject = change.subject
    if done is not None and is_in_sync(change):
        request = subject.extension.request.get(lambda: _request(subject.extension))
        return done.action, request, done.live_fingerprint
    match change:
        case Create() | Update():
            desired = subject.extension.request.get(lambda: _request(subject.extension))
        case Skip() | Blocked():
            desired = subject.desired.fingerprint()
        case _:
            assert_never(change)
    return _action(change), desired, subject.live_fingerprint


def _request(extension: SchemaExtension) -> str:
    """The digest of what an extension puts into a request, to the letter.

    An update sends a part of it, over what the live fingerprint stands for.
    """
    body = ordered_body(extension.schema)
    spelled, kept = (json.dumps(b, sort_keys=True) for b in (body, json.loads(canonical(body))))
    # Canonical JSON has one spelling for 1 and 1.0, and for a large number and the text of it.
    to_the_letter = [] if spelled == kept else [spelled]
    return digest([body, extension.resource_type, extension.manages, *to_the_letter])


@lru_cache(4096)
def _digest_of(decided: Decided) -> str:
    """The order of changes in a digest; most tenants of a fleet have the same ones."""
    return digest(list(decided))


def _action(change: Change) -> str:
    return type(change).__name__.lower()


def _kind(change: Change) -> str:
    return change.reason if isinstance(change, Skip) else _action(change)
