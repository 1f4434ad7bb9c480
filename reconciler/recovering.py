"""Use case: settle what an earlier run left without an outcome, by reading the tenant."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from reconciler.announcing import Announcing, Verified, has_moved
from reconciler.canary import Canary
from reconciler.domain.diff import Observed, Standing, standing
from reconciler.domain.manifest import SchemaExtension, Tenant
from reconciler.domain.outbox import UNLOOKED
from reconciler.domain.outcome import OutcomeKind, Recovered, harm_message
from reconciler.domain.records import Entry, Event, Intent, Status, rfc3339
from reconciler.domain.searching import new_names
from reconciler.errors import TenantError, UsageError
from reconciler.ports import SchemaReader
from reconciler.run_context import RunContext
from reconciler.searchable import Searching


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """The means to settle one tenant's intents; each result goes to the run's progress.

    `reader` is called only where there is something to read: most tenants have no open intent,
    and a gateway of each would cost a run more than all of its recovery. It raises UsageError for
    a tenant that is set up wrongly. `wanted` are the extensions that it should
    have; `can_be_sent`, `searching` and `canary` are as in Announcing.
    """

    context: RunContext
    tenant: Tenant
    reader: Callable[[], SchemaReader]
    wanted: Callable[[], Iterable[SchemaExtension]] = tuple
    can_be_sent: Callable[[], bool] = lambda: True
    searching: Searching | None = None
    canary: Canary | None = None

    def settle_all(self) -> None:
        """Settle one after the other; what cannot be read stays open and is reported as unknown.

        What was applied is announced to the URLs that the manifest names now.
        """
        verified: list[Verified] = []
        for number, kept in self.context.journal.open_intents(self.tenant.name):
            if kept.tenant != self.tenant.name and has_moved(kept, self.tenant):
                # docs/decisions.md, "A renaming is recorded, and moves no row"
                self.context.progress.warn(_moved_and_renamed(kept, self.tenant))
                continue
            intent = replace(kept, tenant=self.tenant.name)
            end = self._settle(number, intent)
            if isinstance(end, Verified):
                verified.append(end)
                end = _recovered(intent, OutcomeKind.APPLIED, "an earlier run had applied it")
            self.context.progress.record_recovered(end)
        if verified and self.can_be_sent():
            Announcing(
                context=self.context,
                tenant=self.tenant,
                reader=self.reader,
                histories=self.context.journal.histories(self.tenant.name),
                searching=self.searching,
                canary=self.canary,
            ).announce(verified)

    def _settle(self, number: int, intent: Intent) -> Recovered | Verified:
        if has_moved(intent, self.tenant):
            # docs/decisions.md, "A tenant that has moved is not read to settle a write"
            detail = (
                f"the write was addressed to {intent.base_url}, and the tenant is at "
                f"{self.tenant.base_url} now, so nothing was read and it is not known whether it "
                f"was done; look at {intent.base_url} what became of it and tell HR by hand if it "
                "was done, then plan again"
            )
            return self._close(number, intent, OutcomeKind.CONFLICT, detail)
        try:
            found = self._read_patiently(intent)
        except (TenantError, UsageError) as error:
            return _recovered(intent, OutcomeKind.UNKNOWN, f"still not known: {error}")
        # docs/decisions.md, "An intent keeps all that was live"
        if found.harms:
            redaction, own = self.reader().redaction, intent.desired.text()
            detail = harm_message(found.harms, redaction, own=own)
            return self._close(number, intent, OutcomeKind.CONFLICT, detail)
        match found.standing:
            case Standing.AS_DESIRED if found.live is not None:
                kinds = {each.schema.key: each.binding_type for each in self.wanted()}
                kind = kinds.get(intent.desired.key)
                entry = self._entry(intent, Status.RECOVERED, None)
                self.context.journal.settle(number, entry, UNLOOKED)
                return Verified(
                    intent=intent,
                    held=found.live,
                    at=self.context.clock.now(),
                    since=self.context.clock.monotonic(),
                    new=new_names(intent.desired, intent.live_before),
                    resource_type=kind,
                    entry=entry,
                )
            case Standing.AS_BEFORE:
                detail = "an earlier run had not applied it"
                if (confirmed := intent.confirmation) is not None:
                    detail = (
                        f"the service answered at {rfc3339(confirmed.at)} that it is made, and has "
                        f"not shown it until {rfc3339(confirmed.until)}"
                    )
                return self._close(number, intent, OutcomeKind.NOT_APPLIED, detail)
            case _:
                detail = _CONFLICT if found.live else _GONE
                return self._close(number, intent, OutcomeKind.CONFLICT, detail)

    def _close(self, number: int, intent: Intent, kind: OutcomeKind, detail: str) -> Recovered:
        """Settle what nobody may rely on: it is not announced."""
        entry = self._entry(intent, Status.FAILED, f"{kind}: {detail}")
        self.context.journal.settle(number, entry, None)
        return _recovered(intent, kind, detail)

    def _read_patiently(self, intent: Intent) -> Observed:
        clock, shown_by = self.context.clock, None
        if intent.confirmation is not None:
            shown_by = clock.monotonic() + intent.confirmation.remaining(clock.now())
        return self.context.read_patiently(
            lambda: self._read(intent),
            again=lambda found: found.standing is Standing.AS_BEFORE or bool(found.harms),
            times=self.tenant.dialect.lag_reads,
            shown_by=shown_by,
        )

    def _read(self, intent: Intent) -> Observed:
        live = self.reader().find(intent.schema_id)
        found = standing(live, desired=intent.desired, manages=intent.manages, before=intent.before)
        if live is None:
            return Observed(live=live, standing=found)
        members = self.tenant.dialect.server_members
        harmed = intent.harms(live, self.reader().redaction, server_members=members)
        if self.tenant.projection is not None:
            harmed = tuple(harm for harm in harmed if not intent.explains(harm))
        return Observed(live=live, standing=found, harms=harmed)

    def _entry(self, intent: Intent, status: Status, detail: str | None) -> Entry:
        created = Event.SCHEMA_EXTENSION_CREATED
        event = created if intent.creates else Event.SCHEMA_EXTENSION_UPDATED
        return replace(
            self.context.entry(event, status),
            tenant=intent.tenant,
            schema_id=intent.schema_id,
            attributes_count=len(intent.desired.attributes),
            change=intent.change,
            before_digest=intent.before,
            after_digest=None if status is Status.FAILED else intent.desired.fingerprint(),
            detail=detail,
        )


def _recovered(intent: Intent, kind: OutcomeKind, detail: str) -> Recovered:
    return Recovered(
        tenant=intent.tenant,
        schema_id=intent.schema_id,
        change=intent.change,
        kind=kind,
        detail=detail,
    )


def _moved_and_renamed(intent: Intent, tenant: Tenant) -> str:
    return (
        f"{tenant.name}: no outcome is recorded of a write to {intent.schema_id}: it was addressed "
        f"to {intent.base_url} while the tenant was called {intent.tenant}, and the tenant is at "
        f"{tenant.base_url} now, so nothing was read; look there what became of it and tell HR by "
        f"hand if it was done, then `reconciler webhooks drop --tenant {intent.tenant}` ends it"
    )


_CONFLICT = (
    "the live schema is neither as it was before nor as desired; compare it with the manifest, "
    "then plan again"
)
_GONE = (
    "the schema was there before and it is gone now, and no run deletes one: find out who did and "
    "what became of the values, then plan again"
)
