"""Use case: settle what an earlier run left without an outcome, by reading the tenant."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from reconciler.domain.diff import Standing, standing, vanished
from reconciler.domain.outcome import OutcomeKind, Recovered, gone
from reconciler.domain.plan import Subject
from reconciler.domain.records import Entry, Event, Intent, Run, Status
from reconciler.domain.scim import Schema
from reconciler.errors import TenantError, UsageError
from reconciler.ports import Clock, Journal, SchemaReader

LAG_PAUSE = 2.0  # seconds between reads of a service that shows late what it has accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """The means to settle one tenant's intents; `lag_reads` as the dialect says.

    `base_url` is where the tenant's manifest says that it is now. `reader` is asked for only where
    there is something to read, and raises UsageError for a tenant that is set up wrongly.
    """

    base_url: str
    reader: Callable[[], SchemaReader]
    journal: Journal
    clock: Clock
    run: Run
    lag_reads: int

    def settle_all(self, tenant: str) -> Iterator[Recovered]:
        """Settle one after the other; what cannot be read stays open and is told as unknown."""
        for number, intent in self.journal.open_intents(tenant):
            yield self._settle(number, intent)

    def adopt_late(
        self, tenant: str, in_sync: Iterable[Subject], webhooks: Iterable[str]
    ) -> Iterator[Recovered]:
        """Tell HR of what is in sync, and no run could prove of its own write that it made it so.

        A service may do what it was sent after its client died and the next run has looked; or
        somebody else did it. `webhooks` are the URLs that the manifest names now.
        """
        wanted = {subject.desired.key: subject.desired for subject in in_sync}
        for intent in self.journal.undone(tenant, wanted):
            if _moved(intent, self.base_url):
                continue
            try:  # what was planned from is not kept, and its `meta` is part of the event's id
                live, where = self._read(intent)
            except (TenantError, UsageError):
                continue  # a later run finds it as this one did
            as_desired = where is Standing.AS_DESIRED
            if live is None or not as_desired or vanished(intent.live_before, live):
                continue
            entry = self._entry(intent, Status.SUCCESS, _LATE)
            self.journal.adopt(
                replace(entry, event=Event.SCHEMA_EXTENSION_ADOPTED),
                intent.announcement(live, self.clock.now()),
                webhooks,
            )
            yield _recovered(intent, OutcomeKind.ADOPTED, _LATE)

    def _settle(self, number: int, intent: Intent) -> Recovered:
        if _moved(intent, self.base_url):
            told = _elsewhere(intent, self.base_url)
            return self._close(number, intent, OutcomeKind.CONFLICT, told)
        try:
            live, where = self._read_patiently(intent)
        except (TenantError, UsageError) as error:
            return _recovered(intent, OutcomeKind.UNKNOWN, f"still not known: {error}")
        if live is not None and (names := vanished(intent.live_before, live)):
            return self._close(number, intent, OutcomeKind.CONFLICT, gone(names))
        match where:
            case Standing.AS_DESIRED if live is not None:
                event = intent.announcement(live, self.clock.now())
                self.journal.settle(number, self._entry(intent, Status.RECOVERED, None), event)
                return _recovered(intent, OutcomeKind.APPLIED, "an earlier run had applied it")
            case Standing.AS_BEFORE:
                told = "an earlier run had not applied it"
                return self._close(number, intent, OutcomeKind.NOT_APPLIED, told)
            case _:
                told = _CONFLICT if live else _GONE
                return self._close(number, intent, OutcomeKind.CONFLICT, told)

    def _close(self, number: int, intent: Intent, kind: OutcomeKind, detail: str) -> Recovered:
        """Settle what nobody may rely on: HR hears nothing."""
        self.journal.settle(number, self._entry(intent, Status.FAILED, f"{kind}: {detail}"), None)
        return _recovered(intent, kind, detail)

    def _read_patiently(self, intent: Intent) -> tuple[Schema | None, Standing]:
        live, where = self._read(intent)
        for _ in range(self.lag_reads):
            if where is not Standing.AS_BEFORE:
                break
            self.clock.sleep(LAG_PAUSE)
            live, where = self._read(intent)
        return live, where

    def _read(self, intent: Intent) -> tuple[Schema | None, Standing]:
        live = self.reader().read(intent.schema_id)
        return live, standing(
            live, desired=intent.desired, manages=intent.manages, before=intent.before
        )

    def _entry(self, intent: Intent, status: Status, detail: str | None) -> Entry:
        created = Event.SCHEMA_EXTENSION_CREATED
        event = created if intent.creates else Event.SCHEMA_EXTENSION_UPDATED
        return replace(
            self.run.entry(event, self.clock.now(), status),
            tenant=intent.tenant,
            schema_id=intent.schema_id,
            attributes_count=len(intent.desired.attributes),
            change=intent.change,
            before_digest=intent.before,
            after_digest=None if status is Status.FAILED else intent.desired.fingerprint(),
            detail=detail,
        )


def _recovered(intent: Intent, kind: OutcomeKind, detail: str) -> Recovered:
    return Recovered(tenant=intent.tenant, schema_id=intent.schema_id, kind=kind, detail=detail)


def _moved(intent: Intent, base_url: str) -> bool:
    """Whether the tenant is known to have been elsewhere; a slash at the end is no other place."""
    return intent.base_url is not None and intent.base_url.rstrip("/") != base_url.rstrip("/")


def _elsewhere(intent: Intent, base_url: str) -> str:
    return (
        f"the write was addressed to {intent.base_url}, and the tenant is at {base_url} now, so "
        "nothing was read and it is not known whether it was done; look at "
        f"{intent.base_url} what became of it and tell HR by hand if it was done, then plan again"
    )


_CONFLICT = (
    "the live schema is neither as it was before nor as desired; compare it with the manifest, "
    "then plan again"
)
_GONE = (
    "the schema was there before and it is gone now, and no run deletes one: find out who did and "
    "what became of the values, then plan again"
)
_LATE = "no earlier run could prove its write, and the schema is as it was wanted now"
