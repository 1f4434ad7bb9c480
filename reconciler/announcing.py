"""Use case: announce to HR what is verified, once the service says that it can be used."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.canary import Canary
from reconciler.domain.canary import CanaryResult, Trial, Tried
from reconciler.domain.dialect import BindingList
from reconciler.domain.diff import managed_view
from reconciler.domain.hearing import Bindings, History, holding_type, is_bound, types_of
from reconciler.domain.manifest import Tenant
from reconciler.domain.outbox import UNLOOKED, UNSEARCHED, Awaited
from reconciler.domain.outcome import OutcomeKind, Recovered
from reconciler.domain.plan import PackedSchema, Subject
from reconciler.domain.records import Entry, Event, HrEvent, Intent, Status
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import ABSENT, Schema, fold
from reconciler.domain.searching import Searchable, Searched, names_in
from reconciler.domain.shown import shown_schema
from reconciler.errors import TenantError, UsageError
from reconciler.ports import Announcement, Postponement, SchemaReader
from reconciler.run_context import RunContext
from reconciler.searchable import Inquiry, Searching, search_entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A schema that was read back as desired after the write of that intent, as it is or packed.

    `at` is when, `since` the same by the monotonic clock. `new` are the attributes that came with
    it, dotted for parts. `resource_type` has to name it, or any where that is None. `entry` is that
    of the outcome; it is `announced` where no event waits for anything. What is found `late`,
    without a write, may have no record yet.
    """

    intent: Intent
    held: Schema | PackedSchema
    at: datetime
    since: float
    new: tuple[str, ...]
    resource_type: str | None
    entry: Entry
    announced: bool = False
    late: bool = False
    is_recorded: bool = True

    @property
    def live(self) -> Schema:
        """The schema as it was read back."""
        return self.held.schema() if isinstance(self.held, PackedSchema) else self.held

    def packed(self) -> "Verified":
        """The same in less memory; what was live before is no part of what is announced."""
        intent = replace(self.intent, live_before=None)
        return replace(self, intent=intent, held=PackedSchema.of(self.live.document))


def in_little_memory(verified: Iterable[Verified]) -> Iterator[Verified]:
    """The same as they come, packed where they are large, or many."""
    held = 0
    for each in verified:
        held += len(each.live.attributes)
        yield each if held <= _MOST_HELD else each.packed()


_MOST_HELD = 1000  # attributes of verified schemas that are in memory as they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcing:
    """The means to announce what is verified in one tenant, to the URLs that its manifest names.

    `histories` are those of its schemas before the run wrote to it. Where no webhook
    `can_be_sent`, for a secret or a URL is known to be wrong, what HR has missed is left to a later
    run. `searching` is None where nobody is to ask whether what is new is searchable, `canary`
    where no value is written to a test user; in a freeze none is.
    """

    context: RunContext
    tenant: Tenant
    reader: Callable[[], SchemaReader]
    histories: Mapping[str, History]
    can_be_sent: Callable[[], bool] = lambda: True
    searching: Searching | None = None
    canary: Canary | None = None

    @property
    def awaited(self) -> Awaited | None:
        """The thing that an event has to wait for besides its change; None for nothing."""
        # docs/decisions.md, "Bindings are looked at once the writes of a tenant are done"
        if not self.tenant.webhooks:
            return None
        if self.tenant.dialect.bindings is not BindingList.UNLISTED:
            return UNLOOKED
        return UNSEARCHED if self.searching is not None else None

    def event(self, intent: Intent, live: Schema, at: datetime) -> HrEvent:
        """The event of a change that was verified then."""
        # An intent is of the store, and what it says of the service is the manifest's to say.
        intent = replace(intent, target_system=self.tenant.system)
        # What HR has not heard of since it was made is deployed for HR, whatever came after.
        if self._history(intent.desired).is_new:
            intent = replace(intent, before=ABSENT)
        return intent.announcement(live, at)

    def announce(self, verified: Iterable[Verified], in_sync: Iterable[Subject] = ()) -> None:
        """Announce what is bound, and let the rest wait; so too what is in sync and HR has missed.

        /ResourceTypes is read once, and only where something is to be announced or was created.
        What may be used is searched for before it is announced, and tried on a test user.
        """
        subjects = tuple(in_sync)
        untried = self._untried(subjects)
        late = tuple(in_little_memory(self._unheard(subjects)))
        found = (*late, *verified)
        bound = self._bindings(found, asks=bool(untried))
        searched = self._search([each for each in found if _may_be_used(each, bound)], bound)
        written = [each for each in found if not each.late]
        self._try([each for each in written if _may_be_used(each, bound)], untried, bound)
        ends = [*self._over(subjects), *self._ends(found, bound, searched)]
        if ends:
            self.context.journal.announce(self.tenant.name, ends)
        for each in found:
            if each.late and _may_be_used(each, bound):
                self.context.progress.record_recovered(
                    Recovered(
                        tenant=self.tenant.name,
                        schema_id=each.intent.schema_id,
                        change=each.intent.change,
                        kind=OutcomeKind.ADOPTED,
                        detail=_UNHEARD,
                    )
                )

    def _search(self, usable: Iterable[Verified], bound: Bindings | None) -> Mapping[str, Searched]:
        """The findings about what is new, recorded, by folded id."""
        new = [each for each in usable if each.new]
        if self.searching is None or not new:
            return {}
        inquiries = [
            Inquiry(
                # As desired, but with the URN as the service spells it.
                schema=replace(each.intent.desired, id=each.live.id),
                resource_type=holding_type(bound, each.intent.desired, each.resource_type),
                attributes=each.new,
                since=each.since,
            )
            for each in new
        ]
        searched = list(zip(new, self.searching.search(inquiries), strict=True))
        self.context.journal.record_all(
            [
                replace(
                    search_entry(self.context, each.intent.desired, found),
                    tenant=self.tenant.name,
                    change=each.intent.change,
                    searchable_ms=found.ms,
                )
                for each, found in searched
            ]
        )
        for each, found in searched:
            self.context.progress.record_searched(each.intent.change, found)
            if found.searchable is Searchable.FALSE:
                self.context.progress.warn(
                    f"{each.intent.change} is there, and not searchable "
                    f"after {found.ms / 1000:.1f} s, so that gate says no: {found.detail}"
                )
        return {each.intent.desired.key: found for each, found in searched}

    def _untried(self, in_sync: Iterable[Subject]) -> list[tuple[Subject, tuple[str, ...]]]:
        """What is in sync, and what no canary has seen persist of it."""
        if self.canary is None or self.context.frozen(self.tenant) is not None:
            return []
        subjects = list(in_sync)
        untried = self.canary.untried([subject.desired for subject in subjects])
        return [
            (each, untried[each.desired.key]) for each in subjects if each.desired.key in untried
        ]

    def _try(
        self,
        written: Sequence[Verified],
        in_sync: Sequence[tuple[Subject, tuple[str, ...]]],
        bound: Bindings | None,
    ) -> None:
        """Try on a test user what is new, and what no earlier run has seen persist; record it."""
        if self.canary is None or self.context.frozen(self.tenant) is not None:
            return
        trials = [
            (
                each.intent.change,
                Trial(
                    schema=each.intent.desired,
                    names=each.new,
                    resource_type=_tried_type(bound, each.intent.desired, each.resource_type),
                ),
            )
            for each in written
            if each.new
        ]
        for subject, names in in_sync:
            kind = subject.extension.binding_type
            if bound is None or is_bound(bound, subject.desired, kind):
                of_type = _tried_type(bound, subject.desired, kind)
                trial = Trial(schema=subject.desired, names=names, resource_type=of_type)
                trials.append((subject.id, trial))
        if not trials:
            return
        ends = self.canary.try_all([trial for _, trial in trials])
        entries = []
        for (change, trial), tried in zip(trials, ends, strict=True):
            is_new = any(each.intent.change == change for each in written)
            if is_new or tried.found != {CanaryResult.NOT_TRIED}:  # else nothing was done
                entries.append(self._tried_entry(change, trial, tried))
            self.context.progress.record_tried(change, tried)
            if tried.found != {CanaryResult.PERSISTED}:
                self.context.progress.warn(
                    f"{change} is there, and values that were written "
                    f"to the test user are not all known to be kept, so that gate says no: "
                    f"{tried.detail}"
                )
        self.context.journal.record_all(entries)

    def _tried_entry(self, change: str, trial: Trial, tried: Tried) -> Entry:
        if tried.found == {CanaryResult.PERSISTED}:
            status = Status.SUCCESS
        elif tried.found & {CanaryResult.DROPPED, CanaryResult.COERCED}:
            status = Status.FAILED
        else:
            status = Status.UNKNOWN
        return replace(
            self.context.entry(Event.SCHEMA_EXTENSION_CANARY_COMPLETED, status),
            tenant=self.tenant.name,
            schema_id=trial.schema.id,
            attributes_count=len(trial.schema.attributes),
            change=change,
            canary=tried.results,
            detail=tried.detail,
        )

    def _unheard(self, in_sync: Iterable[Subject]) -> Iterator[Verified]:
        """Read again by id each schema that is ours, as desired, and that HR has not heard of.

        Its write may have been taken for undone, or kept differently until the manifest was mended;
        or its event waits.
        """
        # docs/decisions.md, "What is ours and in sync is announced by the run that sees it"
        due = [subject for subject in in_sync if self._is_due(subject)]
        if not due or not self.can_be_sent():
            return
        numbers = [self._history(subject.desired).intent for subject in due]
        intents = self.context.journal.intents_of(number for number in numbers if number)
        for subject, number in zip(due, numbers, strict=True):
            last = intents[number] if number else None
            desired, manages = subject.desired, subject.extension.manages
            if last is not None and has_moved(last, self.tenant):
                continue
            try:  # the planned schema is not kept, and its `meta` is part of the event's id
                live = self.reader().find(subject.schema_id)
            except (TenantError, UsageError):
                continue  # a later run finds it as this one did
            if live is None or managed_view(live, desired, manages) != desired:
                continue
            history = self._history(desired)
            written = last is not None and last.desired == desired
            members = self.tenant.dialect.server_members
            unproved = written and history.failed
            redaction = self.reader().redaction
            if last and unproved and last.harms(live, redaction, server_members=members):
                continue
            before = history.heard(self._urls()) or (last.before if last is not None else ABSENT)
            found = self._found(subject, live, ABSENT if history.is_new else before)
            yield replace(found, is_recorded=written and not unproved)

    def _is_due(self, subject: Subject) -> bool:
        digest, urls = subject.desired.fingerprint(), self._urls()
        return bool(urls) and self._history(subject.desired).is_due(digest, urls)

    def _found(self, subject: Subject, live: Schema, before: str) -> Verified:
        intent = intent_of(self.context, self.tenant, subject, live, self.reader().redaction)
        intent = replace(intent, before=before)
        entry = replace(
            self.context.entry(Event.SCHEMA_EXTENSION_ADOPTED, Status.SUCCESS),
            tenant=subject.tenant,
            schema_id=subject.schema_id,
            attributes_count=len(subject.desired.attributes),
            change=subject.id,
            before_digest=before,
            after_digest=subject.desired.fingerprint(),
            detail=_UNHEARD,
        )
        return Verified(
            intent=intent,
            held=live,
            at=self.context.clock.now(),
            since=self.context.clock.monotonic(),
            new=names_in(subject.desired),
            resource_type=subject.extension.binding_type,
            entry=entry,
            late=True,
        )

    def _bindings(self, found: Iterable[Verified], *, asks: bool) -> Bindings | None:
        if self.tenant.dialect.bindings is BindingList.UNLISTED:
            return None
        looks = self.searching is not None or self.canary is not None
        matters = asks or any(
            self.tenant.webhooks or each.intent.creates or (looks and each.new) for each in found
        )
        return self.reader().bindings() if matters else None

    def _over(self, in_sync: Iterable[Subject]) -> Iterator[Postponement]:
        """What waits for HR to hear of what it has heard of, or of a tenant without webhooks."""
        for subject in in_sync:
            if self._history(subject.desired).waits and not self._is_due(subject):
                yield Postponement(schema_id=subject.schema_id, webhooks=(), awaited=Awaited(""))

    def _ends(
        self,
        found: Iterable[Verified],
        bound: Bindings | None,
        searched: Mapping[str, Searched],
    ) -> Iterator[Announcement | Postponement]:
        urls = self._urls()
        for each in found:
            schema = each.intent.desired
            if _may_be_used(each, bound):
                if not each.announced:
                    event = self.event(each.intent, each.live, each.at)
                    yield Announcement(
                        event=replace(event, searched=searched.get(schema.key)),
                        webhooks=urls,
                        entry=each.entry,
                        is_recorded=each.is_recorded,
                    )
                continue
            awaited = Awaited.binding(each.resource_type)
            if each.intent.creates and not each.late:
                self.context.progress.warn(
                    f"{each.intent.change} is there, and can hold no value before the "
                    f"service binds it: it waits for {awaited.text}; where that list is static, "
                    "say bindings: unlisted in spec.capabilities"
                )
            before = self._history(schema).waits
            now = tuple((url, awaited.text) for url in urls)
            if not each.late or before != now:
                yield Postponement(schema_id=schema.id, webhooks=urls, awaited=awaited)

    def _history(self, schema: Schema) -> History:
        return self.histories.get(schema.key, _NOTHING)

    def _urls(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(webhook.url for webhook in self.tenant.webhooks))


def intent_of(
    context: RunContext,
    tenant: Tenant,
    subject: Subject,
    live: Schema | None,
    redaction: Redaction,
) -> Intent:
    """All that is to be known of a write, over that live schema; no credential is kept of it."""
    return Intent(
        tenant=subject.tenant,
        base_url=tenant.base_url,
        change=subject.id,
        schema_id=subject.schema_id,
        target_system=tenant.system,
        manages=subject.extension.manages,
        desired=subject.desired,
        before=subject.live_fingerprint or ABSENT,
        live_before=shown_schema(live, redaction, subject.desired) if live else None,
        run_id=context.run.id,
        commit=context.run.commit,
        webhooks=tuple(webhook.url for webhook in tenant.webhooks),
    )


def has_moved(intent: Intent, tenant: Tenant) -> bool:
    """Test whether the tenant is known to have been at another URL at the time."""
    if intent.base_url is None:  # an intent of an older store does not know
        return False
    return intent.base_url.rstrip("/") != tenant.base_url.rstrip("/")


def _tried_type(bound: Bindings | None, schema: Schema, named: str | None) -> str:
    """The resource type whose values are tried: User, where that is one of those that hold them."""
    listed = types_of(bound, schema) if bound is not None else ()
    is_of_users = named is None and "user" in map(fold, listed)
    return "User" if is_of_users else holding_type(bound, schema, named)


def _may_be_used(verified: Verified, bound: Bindings | None) -> bool:
    return bound is None or is_bound(bound, verified.intent.desired, verified.resource_type)


_NOTHING = History()
_UNHEARD = "it is as it was wanted, and HR had not heard of it"
