"""One tenant's plan carried out: intent before request, outcome after proof, nothing unrecorded."""

import json
from collections import deque
from dataclasses import replace

import pytest

from reconciler.announcing import Announcing
from reconciler.applying import Applying
from reconciler.domain.calibration import NONSENSE
from reconciler.domain.deciding import plan_tenant
from reconciler.domain.dialect import Dialect, UpdateStrategy
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Limits, Manages, OnDrift
from reconciler.domain.outbox import UNLOOKED
from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Plan, TenantPlan
from reconciler.domain.records import Entry, Event, EventType, Intent, Run, Status
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import Schema
from reconciler.domain.searching import Searchable
from reconciler.domain.secret import Secret
from reconciler.domain.selection import Selection
from reconciler.errors import Interrupted, StateError, TenantUnavailable
from reconciler.progress import Progress
from reconciler.run_context import RunContext
from tests.support.fakes import (
    CREATED,
    DIALECT,
    HOOK,
    LOST,
    NOT_ALLOWED,
    REFUSED,
    URN,
    FakeClock,
    FakeTenant,
    MemoryJournal,
    as_sent,
    document,
    extension,
    nothing,
    patience,
)
from tests.support.fakes import tenant as acme
from tests.support.searches import FakeUsers, searching_of

BASE_URL = "https://acme.example.com"
RUN = Run(id="run-1", actor="user:test", commit="c0ffee")


def plan_for(
    tenant: FakeTenant, *extensions, limits: Limits | None = None, dialect: Dialect = DIALECT
) -> TenantPlan:
    return plan_tenant(
        replace(acme("acme"), base_url=BASE_URL, limits=limits or Limits(), dialect=dialect),
        extensions=extensions or (extension(),),
        live=tenant.read_all(()),
        selection=Selection(),
    )


def apply(
    plan: TenantPlan,
    tenant: FakeTenant,
    journal: MemoryJournal,
    clock: FakeClock | None = None,
    progress: Progress | None = None,
    users: FakeUsers | None = None,
    hooks: tuple[str, ...] = (HOOK,),
) -> tuple[Outcome, ...]:
    """The outcomes of a plan that is carried out, in its order."""
    kept = progress or Progress()
    kept.record_plan(Plan(tenants=(plan,)))
    clock = clock or (users.clock if users else FakeClock())
    context = RunContext(run=RUN, journal=journal, clock=clock, progress=kept)
    ours = replace(acme("acme", hooks=hooks), base_url=BASE_URL)
    Applying(
        context=context,
        tenant=ours,
        writer=tenant,
        retry=patience(2),
        announcing=Announcing(
            context=context,
            tenant=ours,
            reader=lambda: tenant,
            histories=journal.histories(ours.name),
            searching=searching_of(users) if users else None,
        ),
    ).apply(plan)
    return kept.summary((), finished=True).outcomes


def warnings(progress: Progress) -> tuple[str, ...]:
    return progress.summary((), finished=True).warnings


def test_an_intent_keeps_where_the_tenant_was_and_all_that_was_live():
    tenant = FakeTenant.holding(document(URN, "grade", "Theirs"))
    journal = MemoryJournal()
    wanted = extension(
        document(URN, "grade", "level"), on_drift=OnDrift.UPDATE, manages=Manages.ATTRIBUTES
    )

    apply(plan_for(tenant, wanted), tenant, journal)

    [intent] = journal.intents.values()
    assert intent.base_url == BASE_URL
    assert intent.live_before == Schema.from_json(document(URN, "grade", "Theirs"))


def test_the_intent_of_a_create_has_nothing_that_was_live():
    tenant, journal = FakeTenant(), MemoryJournal()

    apply(plan_for(tenant), tenant, journal)

    assert [intent.live_before for intent in journal.intents.values()] == [None]


def test_a_create_is_intended_sent_proved_and_queued_for_hr():
    tenant, journal = FakeTenant(), MemoryJournal()

    outcomes = apply(plan_for(tenant), tenant, journal)

    assert [o.kind for o in outcomes] == [OutcomeKind.APPLIED]
    assert journal.events() == [
        Event.SCHEMA_EXTENSION_CREATE_INTENDED,
        Event.SCHEMA_EXTENSION_CREATED,
    ]
    assert [row.url for row in journal.waiting()] == [HOOK]


@pytest.mark.parametrize(
    ("bound", "warned"),
    [
        (None, False),
        ({"user": frozenset({URN.lower()})}, False),
        ({"user": frozenset()}, True),
        ({"group": frozenset({URN.lower()})}, False),
        ({"group": frozenset({"urn:other"})}, True),
    ],
)
def test_a_created_schema_that_no_resource_type_names_is_a_warning(bound, warned):
    tenant, progress = FakeTenant(bound=bound), Progress()

    apply(plan_for(tenant), tenant, MemoryJournal(), progress=progress)

    assert len(warnings(progress)) == warned
    if warned:
        assert "can hold no value before the service binds it" in warnings(progress)[0]


def test_bindings_are_not_read_where_nothing_was_created():
    tenant, progress = FakeTenant.holding(document()), Progress()
    tenant.bound = {}

    apply(plan_for(tenant), tenant, MemoryJournal(), progress=progress)

    assert warnings(progress) == ()


def test_the_intent_is_written_before_the_request():
    tenant, journal = FakeTenant(), MemoryJournal(full_after=0)

    with pytest.raises(StateError):
        apply(plan_for(tenant), tenant, journal)

    assert tenant.writes() == 0


def test_a_journal_that_fills_up_leaves_the_intent_open_for_the_next_run():
    tenant, journal = FakeTenant(), MemoryJournal(full_after=1)

    with pytest.raises(StateError):
        apply(plan_for(tenant), tenant, journal)

    assert tenant.writes() == 1
    assert len(journal.open_intents("acme")) == 1
    assert journal.waiting() == ()


def test_applying_and_planning_again_plans_nothing():
    tenant = FakeTenant()
    apply(plan_for(tenant), tenant, MemoryJournal())

    again = plan_for(tenant)
    journal = MemoryJournal()

    assert apply(again, tenant, journal) == ()
    assert journal.events() == [Event.SCHEMA_EXTENSION_SKIPPED]
    assert tenant.writes() == 1


def test_a_schema_that_appeared_equal_since_the_plan_is_adopted_and_announced():
    tenant, journal = FakeTenant(), MemoryJournal()
    plan = plan_for(tenant)
    tenant.put(document())

    outcomes = apply(plan, tenant, journal)

    assert [o.kind for o in outcomes] == [OutcomeKind.ADOPTED]
    assert tenant.writes() == 0
    assert journal.events() == [Event.SCHEMA_EXTENSION_ADOPTED]
    assert len(journal.waiting()) == 1


def test_a_schema_that_appeared_different_since_the_plan_is_a_conflict():
    tenant, journal = FakeTenant(), MemoryJournal()
    plan = plan_for(tenant)
    tenant.put(document(URN, "other"))

    [outcome] = apply(plan, tenant, journal)

    assert outcome.kind is OutcomeKind.CONFLICT
    assert "attributes.other" in outcome.detail
    assert tenant.writes() == 0
    assert journal.waiting() == ()


def test_a_schema_that_vanished_since_the_plan_is_a_conflict():
    tenant, journal = FakeTenant.holding(document()), MemoryJournal()
    wanted = extension(document(URN, "grade", "level"), on_drift=OnDrift.UPDATE)
    plan = plan_for(tenant, wanted)
    tenant.schemas.clear()

    [outcome] = apply(plan, tenant, journal)

    assert outcome.kind is OutcomeKind.CONFLICT
    assert tenant.writes() == 0


def test_an_update_is_announced_as_an_update():
    tenant, journal = FakeTenant.holding(document()), MemoryJournal()
    wanted = extension(document(URN, "grade", "level"), on_drift=OnDrift.UPDATE)

    [outcome] = apply(plan_for(tenant, wanted), tenant, journal)

    assert outcome.kind is OutcomeKind.APPLIED
    assert journal.events() == [
        Event.SCHEMA_EXTENSION_UPDATE_INTENDED,
        Event.SCHEMA_EXTENSION_UPDATED,
    ]
    [(_, event)] = journal.announced.values()
    assert event.event_type is EventType.UPDATED


def test_drift_is_left_alone_and_recorded_as_skipped():
    tenant, journal = FakeTenant.holding(document(URN, "other")), MemoryJournal()

    assert apply(plan_for(tenant), tenant, journal) == ()
    assert [(e.event, e.detail) for e in journal.entries] == [
        (Event.SCHEMA_EXTENSION_SKIPPED, "drifted")
    ]
    assert tenant.writes() == 0


def test_a_blocked_change_is_recorded_and_not_sent():
    tenant, journal = FakeTenant(), MemoryJournal()

    assert apply(plan_for(tenant, limits=Limits(extensions=0)), tenant, journal) == ()
    assert [(e.event, e.status, e.detail) for e in journal.entries] == [
        (Event.SCHEMA_EXTENSION_BLOCKED, Status.FAILED, "extension-limit")
    ]


def two() -> tuple:
    return (
        extension(document("urn:acme:a"), name="a"),
        extension(document("urn:acme:b"), name="b"),
    )


def test_the_first_failure_stops_the_rest_of_the_tenant():
    tenant, journal = FakeTenant(script=deque([(REFUSED, nothing)])), MemoryJournal()

    outcomes = apply(plan_for(tenant, *two()), tenant, journal)

    assert [o.kind for o in outcomes] == [OutcomeKind.NOT_APPLIED, OutcomeKind.NOT_ATTEMPTED]
    assert "acme/a" in outcomes[1].detail
    assert tenant.writes() == 1
    assert len(journal.entries) == 3


def beside_others(*urns: str) -> FakeTenant:
    """A tenant with schema `urn:acme:a` and those of others."""
    return FakeTenant.holding(document("urn:acme:a", "grade"), *map(document, urns))


WIDER = extension(document("urn:acme:a", "grade", "level"), name="a", on_drift=OnDrift.UPDATE)


@pytest.mark.parametrize("way", [UpdateStrategy.PUT, UpdateStrategy.PATCH])
def test_an_update_that_takes_another_schema_away_is_a_conflict_and_the_last_write(way):
    """A service whose PUT replaces all that it holds; the next write is not attempted."""
    tenant, journal = beside_others("urn:acme:theirs", "urn:acme:more"), MemoryJournal()
    plan = plan_for(
        tenant,
        WIDER,
        extension(document("urn:acme:z"), name="z"),
        dialect=replace(DIALECT, updates=way),
    )

    def alone(body: dict[str, Json]) -> dict[str, Json]:
        del tenant.schemas["urn:acme:theirs"]
        return body

    tenant.script.append((CREATED, alone))

    outcomes = apply(plan, tenant, journal)

    assert [o.kind for o in outcomes] == [OutcomeKind.CONFLICT, OutcomeKind.NOT_ATTEMPTED]
    assert outcomes[0].fields == ("urn:acme:theirs",)
    assert "urn:acme:theirs gone" in outcomes[0].detail
    assert "acme/a before it ended as conflict" in outcomes[1].detail
    assert tenant.writes() == 1
    assert journal.waiting() == ()


def test_an_update_that_is_ignored_and_takes_another_schema_away_names_it():
    tenant = beside_others("urn:acme:theirs")
    plan = plan_for(tenant, WIDER)

    def only_harm(body: dict[str, Json]) -> None:
        del tenant.schemas["urn:acme:theirs"]

    tenant.script.append((CREATED, only_harm))

    [outcome] = apply(plan, tenant, MemoryJournal())

    assert (outcome.kind, outcome.fields) == (OutcomeKind.CONFLICT, ("urn:acme:theirs",))


def test_an_update_looks_once_at_the_list_and_a_create_does_not():
    tenant = beside_others("urn:acme:theirs")
    plan = plan_for(tenant, WIDER, extension(document("urn:acme:z"), name="z"))
    tenant.log.clear()

    outcomes = apply(plan, tenant, MemoryJournal())

    assert [o.kind for o in outcomes] == [OutcomeKind.APPLIED] * 2
    assert [line.split()[0] + line[-2:] for line in tenant.log] == [
        "GET:a", "PUT:a", "GET:a", "GETas", "GET:z", "POST:z", "GET:z", "GETes",
    ]  # fmt: skip


def test_a_list_that_cannot_be_read_after_an_update_is_a_warning():
    tenant, progress = beside_others("urn:acme:theirs"), Progress()
    plan = plan_for(tenant, WIDER)
    tenant.unreadable = TenantUnavailable("GET → 503")

    outcomes = apply(plan, tenant, MemoryJournal(), progress=progress)

    assert [o.kind for o in outcomes] == [OutcomeKind.APPLIED]
    assert "whether the other schemas are still there is not known" in warnings(progress)[0]


def test_a_tenant_that_cannot_be_read_before_the_write_is_not_attempted():
    tenant, journal = FakeTenant(), MemoryJournal()
    plan = plan_for(tenant)
    tenant.fail_reads.append(TenantUnavailable("GET → 503"))

    [outcome] = apply(plan, tenant, journal)

    assert outcome.kind is OutcomeKind.NOT_ATTEMPTED
    assert "503" in outcome.detail
    assert tenant.writes() == 0


def test_an_unknown_outcome_is_recorded_and_its_intent_stays_open():
    tenant, journal = FakeTenant(script=deque([(CREATED, nothing)])), MemoryJournal()

    [outcome] = apply(plan_for(tenant), tenant, journal)

    assert outcome.kind is OutcomeKind.UNKNOWN
    assert journal.entries[-1].status is Status.UNKNOWN
    assert len(journal.open_intents("acme")) == 1


def test_a_service_that_does_not_create_is_recorded_as_blocked():
    tenant, journal = FakeTenant(script=deque([(NOT_ALLOWED, nothing)])), MemoryJournal()

    [outcome] = apply(plan_for(tenant), tenant, journal)

    assert outcome.blocked is not None
    assert journal.entries[-1].event is Event.SCHEMA_EXTENSION_BLOCKED
    assert journal.waiting() == ()


def test_a_stop_signal_begins_no_new_write():
    tenant, journal = FakeTenant(), MemoryJournal()

    with pytest.raises(Interrupted):
        apply(plan_for(tenant), tenant, journal, FakeClock(stopped=True))

    assert tenant.writes() == 0
    assert journal.entries == []


def test_a_signal_before_bindings_are_read_says_of_a_webhook_that_nobody_has_looked():
    class Ending(FakeTenant):
        def bindings(self):
            raise Interrupted(15)

    tenant, journal = Ending(), MemoryJournal()

    with pytest.raises(Interrupted):
        apply(plan_for(tenant), tenant, journal)

    [held] = journal.held()
    assert held.waits_for == UNLOOKED.text


def test_a_write_on_the_wire_when_the_store_failed_elsewhere_is_recorded_as_unknown():
    failure = StateError("the disk is full")
    tenant = FakeTenant(fail_reads=deque([None, failure]))  # before the write, and after it
    journal = MemoryJournal()

    with pytest.raises(StateError, match="the disk is full"):
        apply(plan_for(tenant), tenant, journal)

    assert tenant.writes() == 1
    assert (journal.entries[-1].status, journal.entries[-1].detail) == (
        Status.UNKNOWN,
        "unknown: the disk is full",
    )
    assert len(journal.open_intents("acme")) == 1
    assert journal.waiting() == ()


def test_a_write_that_had_not_left_when_the_store_failed_elsewhere_is_settled_as_not_applied():
    clock = FakeClock()

    class FailingElsewhere(MemoryJournal):
        def intend(self, intent: Intent, entry: Entry) -> int:
            clock.fail(StateError("the disk is full"))
            return super().intend(intent, entry)

    tenant, journal = FakeTenant(), FailingElsewhere()

    [outcome] = apply(plan_for(tenant), tenant, journal, clock)

    assert outcome.kind is OutcomeKind.NOT_APPLIED
    assert tenant.writes() == 0
    assert journal.open_intents("acme") == ()


def test_the_latency_is_that_of_the_tenant_and_not_of_the_journal():
    clock = FakeClock()

    class SlowJournal(MemoryJournal):
        def intend(self, intent: Intent, entry: Entry) -> int:
            clock.sleep(9)
            return super().intend(intent, entry)

    tenant = FakeTenant()
    [outcome] = apply(plan_for(tenant), tenant, SlowJournal(), clock)

    assert outcome.latency_ms == 0


def test_each_record_says_who_what_where_and_of_which_plan():
    tenant, journal = FakeTenant(), MemoryJournal()

    plan = plan_for(tenant)
    apply(plan, tenant, journal)

    entry = journal.entries[-1]
    assert replace(entry, latency_ms=0).to_json() == {
        "event": "SCHEMA_EXTENSION_CREATED",
        "timestamp": "2026-03-01T12:00:00.000Z",
        "status": "SUCCESS",
        "tenant": "acme",
        "schema_id": URN,
        "attributes_count": 1,
        "change": "acme/acme",
        "run_id": "run-1",
        "actor": "user:test",
        "commit": "c0ffee",
        "plan_digest": Plan(tenants=(plan,)).digest(),
        "before_digest": "absent",
        "after_digest": extension().schema.fingerprint(),
        "latency_ms": 0,
        "webhook_status": None,
        "detail": "applied",
    }


def test_a_lost_answer_is_proved_by_reading_and_announced_once():
    tenant, journal = FakeTenant(script=deque([(LOST, as_sent)])), MemoryJournal()

    [outcome] = apply(plan_for(tenant), tenant, journal)

    assert outcome.kind is OutcomeKind.APPLIED
    assert tenant.writes() == 1
    assert len(journal.waiting()) == 1


def test_no_credential_in_what_others_have_is_kept_in_an_intent():
    held = document(URN, "grade", "theirs")
    held["attributes"][-1] |= {"description": "pass hunter2-hunter2", "x": ["hunter2-hunter2"]}
    tenant, journal = FakeTenant.holding(held), MemoryJournal()
    tenant.redaction = Redaction((Secret("hunter2-hunter2"),))
    wanted = extension(
        document(URN, "grade", "level"), on_drift=OnDrift.UPDATE, manages=Manages.ATTRIBUTES
    )

    apply(plan_for(tenant, wanted), tenant, journal)

    [intent] = journal.intents.values()
    assert intent.live_before is not None
    assert "hunter2" not in repr(intent) + str(intent.live_before.document)
    assert "theirs" in str(intent.live_before.document)


def test_what_came_with_a_change_is_searched_for_after_its_outcome_is_durable():
    tenant, journal, progress = FakeTenant(), MemoryJournal(), Progress()
    users = FakeUsers(FakeClock(), known={"grade": 3.0})

    [outcome] = apply(plan_for(tenant), tenant, journal, progress=progress, users=users)

    assert outcome.kind is OutcomeKind.APPLIED
    assert journal.events() == [
        Event.SCHEMA_EXTENSION_CREATE_INTENDED,
        Event.SCHEMA_EXTENSION_CREATED,
        Event.SCHEMA_EXTENSION_SEARCHED,
    ]
    [message] = journal.rows.values()
    body = json.loads(message.body)
    assert (body["searchable"], body["searchable_ms"]) == (True, 3500)
    searched = progress.summary((), finished=True).searched[outcome.change.subject.id]
    assert (searched.searchable, searched.ms) == (Searchable.TRUE, 3500)


def test_of_an_update_only_what_is_new_is_searched_for_and_without_any_nothing():
    tenant = FakeTenant.holding(document(URN, "grade"))
    users = FakeUsers(FakeClock(), known={"level": 0.0})
    wanted = extension(document(URN, "grade", "level"), on_drift=OnDrift.UPDATE)
    journal = MemoryJournal()

    apply(plan_for(tenant, wanted), tenant, journal, users=users)
    assert users.names() == [NONSENSE, "level"]

    described = extension(
        document(URN, "grade", "level", description="of hr"), on_drift=OnDrift.UPDATE
    )
    apply(plan_for(tenant, described), tenant, journal, users=users)

    assert users.names() == [NONSENSE, "level"]
    assert journal.events().count(Event.SCHEMA_EXTENSION_SEARCHED) == 1
    assert "searchable" not in json.loads(list(journal.rows.values())[-1].body)


def test_all_of_what_is_adopted_is_searched_for():
    tenant, journal = FakeTenant(), MemoryJournal()
    plan = plan_for(tenant)
    tenant.put(document(URN, "grade"))
    users = FakeUsers(FakeClock(), known={"grade": 0.0})

    [outcome] = apply(plan, tenant, journal, users=users)

    assert outcome.kind is OutcomeKind.ADOPTED
    assert users.names() == [NONSENSE, "grade"]


def test_a_tenant_without_webhooks_is_searched_too():
    tenant, journal = FakeTenant(), MemoryJournal()
    users = FakeUsers(FakeClock(), known={"grade": 0.0})

    apply(plan_for(tenant), tenant, journal, users=users, hooks=())

    assert journal.events()[-1] == Event.SCHEMA_EXTENSION_SEARCHED
    assert journal.entries[-1].searchable is Searchable.TRUE
    assert (journal.waiting(), journal.held()) == ((), ())


def test_a_signal_in_the_wait_leaves_nothing_unsaid():
    tenant, journal, progress = FakeTenant(), MemoryJournal(), Progress()
    users = FakeUsers(FakeClock(stop_after=2))

    [outcome] = apply(plan_for(tenant), tenant, journal, progress=progress, users=users)

    assert outcome.kind is OutcomeKind.APPLIED
    assert journal.entries[-1].searchable is Searchable.UNKNOWN
    [message] = journal.rows.values()
    assert json.loads(message.body)["searchable"] == "unknown"
