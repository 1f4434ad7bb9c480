"""What HR is told: what is verified and may be used, once, at the URLs of today."""

import json
from collections import deque
from dataclasses import replace

import pytest

from reconciler.announcing import Announcing
from reconciler.domain.calibration import NONSENSE
from reconciler.domain.dialect import BindingList
from reconciler.domain.manifest import Manages, Tenant
from reconciler.domain.outcome import OutcomeKind, Recovered
from reconciler.domain.plan import Subject
from reconciler.domain.records import Event, EventType, Run, Status, rfc3339
from reconciler.domain.scim import ABSENT, Schema
from reconciler.domain.searching import Searchable
from reconciler.errors import TenantUnavailable
from reconciler.recovering import Recovery
from reconciler.run_context import RunContext
from tests.support.fakes import (
    DIALECT,
    HOOK,
    START,
    URN,
    FakeClock,
    FakeTenant,
    MemoryJournal,
    document,
    extension,
)
from tests.support.fakes import tenant as tenant_of_manifest
from tests.support.runs import HERE, NEWER, context_of, journal_with
from tests.support.searches import SILENT, FakeUsers, searching_of

RUN = Run(id="run-2", actor="user:test", commit="c0ffee")
BOUND = {"user": frozenset({URN.lower()})}
UNBOUND = {"user": frozenset({"urn:other"}), "group": frozenset()}
GRADE = Schema.from_json(document(URN, "grade")).fingerprint()


def acme(*hooks: str, base_url: str = HERE, bindings: BindingList = BindingList.LISTED) -> Tenant:
    made = tenant_of_manifest("acme", hooks=hooks)
    return replace(made, base_url=base_url, dialect=replace(DIALECT, bindings=bindings))


def look(
    journal: MemoryJournal,
    live: FakeTenant,
    *,
    wanted: tuple[str, ...] = ("grade",),
    tenant: Tenant | None = None,
    resource_type: str | None = None,
) -> tuple[Recovered, ...]:
    """A run that finds the schema in sync with a manifest that wants those attributes."""
    context, ours = context_of(journal, run=RUN), tenant or acme(NEWER)
    desired = replace(
        extension(document(URN, *wanted), manages=Manages.ATTRIBUTES),
        resource_type=resource_type or "User",
        names_resource_type=resource_type is not None,
    )
    Announcing(
        context=context,
        tenant=ours,
        reader=lambda: live,
        histories=journal.histories(ours.name),
    ).announce((), [Subject(tenant=ours.name, extension=desired)])
    return context.progress.recovered


def recover(journal: MemoryJournal, live: FakeTenant, tenant: Tenant) -> None:
    Recovery(context=context_of(journal, run=RUN), tenant=tenant, reader=lambda: live).settle_all()


def recover_and_search(journal: MemoryJournal, live: FakeTenant, users: FakeUsers) -> RunContext:
    context = context_of(journal, run=RUN, clock=users.clock)
    searching = searching_of(users)
    Recovery(
        context=context, tenant=acme(NEWER), reader=lambda: live, searching=searching
    ).settle_all()
    return context


def unproved(before: str = ABSENT, *names: str, theirs: tuple[str, ...] = ()) -> MemoryJournal:
    """A write of an earlier run of which nothing came."""
    journal = journal_with(before, *names, manages=Manages.ATTRIBUTES, live_before=theirs)
    held = () if before == ABSENT else (document(URN, *theirs),)
    recover(journal, FakeTenant.holding(*held), acme(HOOK))
    assert journal.waiting() == ()
    return journal


def holding(*names: str, bound=None) -> FakeTenant:
    live = FakeTenant.holding(document(URN, *names))
    live.bound = bound
    return live


@pytest.mark.parametrize(
    ("before", "theirs", "reported"),
    [(ABSENT, (), EventType.DEPLOYED), (GRADE, ("grade",), EventType.UPDATED)],
    ids=["a create", "an update"],
)
def test_a_late_write_is_announced_once_to_the_urls_of_today(before, theirs, reported):
    journal = unproved(before, "grade", "level", theirs=theirs)

    [recovered] = look(journal, holding("grade", "level"), wanted=("grade", "level"))

    assert recovered.kind is OutcomeKind.ADOPTED
    entry = journal.entries[-1]
    adopted = Event.SCHEMA_EXTENSION_ADOPTED
    assert (entry.event, entry.status, entry.change) == (adopted, Status.SUCCESS, "acme/acme")
    assert (entry.before_digest, entry.commit) == (before, "c0ffee")
    assert entry.after_digest is not None
    [message] = journal.rows.values()
    assert message.row.url == NEWER
    assert json.loads(message.body)["event_type"] == reported
    assert look(journal, holding("grade", "level"), wanted=("grade", "level")) == ()


def test_what_a_service_kept_otherwise_is_announced_once_the_manifest_says_the_same():
    journal = unproved(ABSENT, "grade", "level")

    [recovered] = look(journal, holding("grade"))

    assert recovered.kind is OutcomeKind.ADOPTED
    [message] = journal.rows.values()
    body = json.loads(message.body)
    assert (body["event_type"], body["schema_digest"]) == (EventType.DEPLOYED, GRADE)
    assert look(journal, holding("grade")) == ()


def test_drift_that_the_manifest_takes_over_is_announced_as_an_update():
    journal = journal_with(ABSENT, "grade")
    recover(journal, holding("grade"), acme(NEWER))

    [_] = look(journal, holding("grade", "theirs"), wanted=("grade", "theirs"))

    first, second = (json.loads(message.body) for message in journal.rows.values())
    assert (first["event_type"], second["event_type"]) == (EventType.DEPLOYED, EventType.UPDATED)
    assert journal.entries[-1].before_digest == GRADE
    assert look(journal, holding("grade", "theirs"), wanted=("grade", "theirs")) == ()


def test_a_recovered_write_is_announced_to_the_urls_of_today_and_no_others():
    journal = journal_with(ABSENT, "grade")

    recover(journal, holding("grade"), acme(NEWER))

    assert [row.url for row in journal.waiting()] == [NEWER]
    assert look(journal, holding("grade")) == ()


def test_what_waits_where_nobody_is_any_more_is_announced_to_the_urls_of_today():
    journal = journal_with(ABSENT, "grade")
    recover(journal, holding("grade"), acme(HOOK))

    [_] = look(journal, holding("grade"))

    assert [row.url for row in journal.waiting()] == [HOOK, NEWER]
    assert look(journal, holding("grade")) == ()


@pytest.mark.parametrize(
    "tenant",
    [acme(NEWER, base_url="https://new.example.com/scim/v2"), acme()],
    ids=["elsewhere", "without webhooks"],
)
def test_nothing_is_announced_of_a_tenant_that_moved_or_has_no_webhooks(tenant):
    journal = unproved()

    assert look(journal, holding("grade"), tenant=tenant) == ()
    assert journal.waiting() == ()


def test_what_no_write_of_ours_was_about_is_not_announced():
    live = holding("grade")

    assert look(MemoryJournal(), live) == ()
    assert live.log == []


@pytest.mark.parametrize(
    "live",
    [
        FakeTenant(fail_reads=deque([TenantUnavailable("no answer")])),
        FakeTenant(),
        holding("other"),
    ],
    ids=["not readable", "gone since", "changed since"],
)
def test_what_is_not_there_at_a_second_look_is_left_to_a_later_run(live):
    journal = unproved()

    assert look(journal, live) == ()
    assert journal.waiting() == ()
    assert len(look(journal, holding("grade"))) == 1


def test_a_late_write_that_removed_unmanaged_attributes_is_not_announced():
    journal = unproved(GRADE, "grade", "level", theirs=("grade", "theirs"))
    wanted = ("grade", "level")

    assert look(journal, holding("grade", "level"), wanted=wanted) == ()
    assert len(look(journal, holding("grade", "level", "theirs"), wanted=wanted)) == 1


def test_an_event_waits_for_a_binding_and_the_run_that_finds_it_releases_it():
    journal = journal_with(ABSENT, "grade")
    recover(journal, holding("grade", bound=UNBOUND), acme(NEWER))
    assert journal.entries[-1].status is Status.RECOVERED
    assert journal.waiting() == ()
    [held] = journal.held()
    assert (held.url, held.waits_for) == (
        NEWER,
        "/ResourceTypes to name it for a resource type",
    )

    assert look(journal, holding("grade", bound=UNBOUND)) == ()
    assert (journal.waiting(), len(journal.held())) == ((), 1)
    entries = list(journal.entries)
    [recovered] = look(journal, holding("grade", bound=BOUND))

    assert recovered.kind is OutcomeKind.ADOPTED
    assert journal.entries == entries  # the change has its record
    assert ([row.url for row in journal.waiting()], journal.held()) == ([NEWER], ())
    [message] = journal.rows.values()
    assert json.loads(message.body)["event_type"] == EventType.DEPLOYED
    assert look(journal, holding("grade", bound=BOUND)) == ()


@pytest.mark.parametrize(
    ("bound", "resource_type", "waits"),
    [
        (None, None, False),
        ({"group": frozenset({URN.lower()})}, None, False),
        ({"group": frozenset({URN.lower()})}, "Group", False),
        ({"group": frozenset({URN.lower()})}, "User", True),
        (BOUND, "User", False),
        (UNBOUND, None, True),
    ],
)
def test_the_resource_type_that_the_manifest_names_has_to_bind_it(bound, resource_type, waits):
    journal = unproved()

    look(journal, holding("grade", bound=bound), resource_type=resource_type)

    assert (len(journal.held()), len(journal.waiting())) == ((1, 0) if waits else (0, 1))


def test_a_static_list_is_not_read_and_keeps_nothing_waiting():
    journal = unproved()
    live = holding("grade", bound=UNBOUND)

    look(journal, live, tenant=acme(NEWER, bindings=BindingList.UNLISTED))

    assert len(journal.waiting()) == 1
    assert "GET /ResourceTypes" not in live.log


def test_what_cannot_be_sent_is_left_to_a_later_run():
    journal = unproved()
    entries = len(journal.entries)
    context, ours, live = context_of(journal, run=RUN), acme(NEWER), holding("grade")

    Announcing(
        context=context,
        tenant=ours,
        reader=lambda: live,
        histories=journal.histories(ours.name),
        can_be_sent=lambda: False,
    ).announce((), [Subject(tenant=ours.name, extension=extension(document(URN, "grade")))])

    assert (journal.waiting(), len(journal.entries)) == ((), entries)
    assert live.log == []
    assert len(look(journal, holding("grade"))) == 1


def test_the_urls_that_wait_are_those_of_today():
    journal = unproved()
    look(journal, holding("grade", bound=UNBOUND), tenant=acme(HOOK))

    look(journal, holding("grade", bound=UNBOUND), tenant=acme(HOOK, NEWER))
    assert [row.url for row in journal.held()] == [HOOK, NEWER]

    look(journal, holding("grade", bound=UNBOUND), tenant=acme())
    assert journal.held() == ()


def test_bindings_are_read_once_and_only_where_something_is_to_be_announced():
    journal = journal_with(ABSENT, "grade")
    live = holding("grade", bound=BOUND)

    recover(journal, live, acme(NEWER))
    assert live.log == [f"GET {URN}", "GET /ResourceTypes"]

    look(journal, live)
    assert live.log == [f"GET {URN}", "GET /ResourceTypes"]


def test_what_is_new_is_searched_for_before_hr_hears_of_it():
    journal, live = journal_with(ABSENT, "grade"), holding("grade", bound=BOUND)
    users = FakeUsers(FakeClock(), known={"grade": 1.0})

    recover_and_search(journal, live, users)

    recovered, searched = journal.entries[-2:]
    assert recovered.status is Status.RECOVERED
    assert (searched.event, searched.status) == (Event.SCHEMA_EXTENSION_SEARCHED, Status.SUCCESS)
    assert (searched.searchable, searched.searchable_ms) == (Searchable.TRUE, 1500)
    assert searched.searched == (("grade", Searchable.TRUE),)
    assert (searched.tenant, searched.schema_id, searched.change) == ("acme", URN, recovered.change)
    [message] = journal.rows.values()
    body = json.loads(message.body)
    assert (body["searchable"], body["searchable_ms"]) == (True, 1500)
    assert body["verified_at"] == rfc3339(START)  # not when it was announced
    assert users.log[0] == ("user", URN, NONSENSE)


@pytest.mark.parametrize(
    ("users", "searchable", "status", "warned"),
    [
        (FakeUsers(FakeClock()), False, Status.FAILED, True),
        (FakeUsers(FakeClock(), answers={"grade": SILENT}), "unknown", Status.UNKNOWN, False),
    ],
    ids=["refused", "not known"],
)
def test_hr_hears_of_what_is_not_searchable_too_and_a_person_is_warned(
    users, searchable, status, warned
):
    journal, live = journal_with(ABSENT, "grade"), holding("grade", bound=BOUND)

    context = recover_and_search(journal, live, users)

    assert journal.entries[-1].status is status
    assert journal.entries[-1].detail is not None
    [message] = journal.rows.values()
    assert json.loads(message.body)["searchable"] == searchable
    warnings = context.progress.summary((), finished=True).warnings
    assert ["acme/acme is there, and not searchable" in each for each in warnings] == [
        True
    ] * warned


def announce_and_search(journal, context, live, users, desired):
    Announcing(
        context=context,
        tenant=acme(NEWER),
        reader=lambda: live,
        histories=journal.histories("acme"),
        searching=searching_of(users),
    ).announce((), [Subject(tenant="acme", extension=desired)])


def test_an_event_that_a_kill_left_waiting_is_searched_for_by_the_next_run():
    journal = journal_with(ABSENT, "grade")
    recover(journal, holding("grade", bound=UNBOUND), acme(NEWER))  # as a kill leaves it
    users = FakeUsers(FakeClock(), known={"grade": 0.0})
    context, live = context_of(journal, run=RUN, clock=users.clock), holding("grade", bound=BOUND)

    announce_and_search(journal, context, live, users, extension(document(URN, "grade")))

    assert journal.events()[-1] == Event.SCHEMA_EXTENSION_SEARCHED
    [message] = journal.rows.values()
    assert json.loads(message.body)["searchable"] is True


def test_nothing_is_searched_for_before_it_is_bound():
    journal, live = journal_with(ABSENT, "grade"), holding("grade", bound=UNBOUND)
    users = FakeUsers(FakeClock())

    recover_and_search(journal, live, users)

    assert users.log == []
    assert len(journal.held()) == 1


@pytest.mark.parametrize(
    ("bound", "resource_type", "asked"),
    [
        (None, None, "User"),
        ({"Group": frozenset({URN.lower()})}, None, "Group"),
        (None, "Group", "Group"),
    ],
)
def test_the_resource_type_that_has_it_is_asked(bound, resource_type, asked):
    journal, live = unproved(), holding("grade", bound=bound)
    users = FakeUsers(FakeClock(), known={"grade": 0.0})
    context = context_of(journal, run=RUN, clock=users.clock)
    desired = replace(
        extension(document(URN, "grade")),
        resource_type=resource_type or "User",
        names_resource_type=resource_type is not None,
    )

    announce_and_search(journal, context, live, users, desired)

    assert {kind for kind, _, _ in users.log} == {asked}
