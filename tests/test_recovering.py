"""Intents without an outcome, settled by reading the tenant."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.domain.dialect import UpdateStrategy
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manages, Projection, Tenant
from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Subject, Update
from reconciler.domain.records import Confirmation, Event, Run, Status
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import Schema
from reconciler.domain.secret import Secret
from reconciler.errors import Interrupted, TenantUnavailable
from reconciler.recovering import Recovery
from reconciler.writing import Write
from tests.support.fakes import (
    CREATED,
    DIALECT,
    START,
    URN,
    FakeClock,
    FakeTenant,
    MemoryJournal,
    document,
    extension,
    patience,
)
from tests.support.fakes import tenant as tenant_of_manifest
from tests.support.runs import HERE, NEWER, context_of, journal_with

RUN = Run(id="run-2", actor="user:test")


def recovery(
    tenant: FakeTenant,
    journal: MemoryJournal,
    *,
    lag_reads: int = 0,
    base_url: str = HERE,
    clock: FakeClock | None = None,
) -> Recovery:
    return Recovery(
        context=context_of(journal, run=RUN, clock=clock),
        tenant=acme(base_url, lag_reads=lag_reads),
        reader=lambda: tenant,
    )


def acme(base_url: str = HERE, *, lag_reads: int = 0) -> Tenant:
    return replace(
        tenant_of_manifest("acme", hooks=(NEWER,)),
        base_url=base_url,
        dialect=replace(DIALECT, lag_reads=lag_reads),
    )


def recover(
    tenant: FakeTenant,
    journal: MemoryJournal,
    *,
    lag_reads: int = 0,
    base_url: str = HERE,
    clock: FakeClock | None = None,
):
    means = recovery(tenant, journal, lag_reads=lag_reads, base_url=base_url, clock=clock)
    means.settle_all()
    return means.context.progress.recovered


def write(tenant: FakeTenant) -> Outcome:
    """The addition of `level`, carried out to its end."""
    wanted = extension(document(URN, "grade", "level"), manages=Manages.ATTRIBUTES)
    view = Schema.from_json(document(URN, "grade"))
    subject = Subject(tenant="acme", extension=wanted, live_fingerprint=view.fingerprint())
    write = Write(
        context=context_of(MemoryJournal()),
        tenant=acme(),
        writer=tenant,
        retry=patience(1),
        change=Update(subject, UpdateStrategy.PUT),
        live=tenant.read(URN),
        intent=1,
    )
    return write.carry_out().outcome


def test_a_create_of_an_earlier_run_is_recovered_and_announced():
    tenant, journal = FakeTenant.holding(document()), journal_with()

    [recovered] = recover(tenant, journal)

    assert recovered.kind is OutcomeKind.APPLIED
    assert journal.entries[-1].event is Event.SCHEMA_EXTENSION_CREATED
    assert journal.entries[-1].status is Status.RECOVERED
    assert len(journal.waiting()) == 1
    assert journal.open_intents("acme") == ()


def test_the_announcement_has_the_id_that_the_earlier_run_would_have_given_it():
    live = Schema.from_json(document() | {"meta": {"created": "2026-01-01", "version": "1"}})
    tenant = FakeTenant.holding(live.document)
    journal = journal_with()
    [(_, intent)] = journal.open_intents("acme")
    would_have_been = intent.announcement(live, START - timedelta(hours=1)).event_id

    recover(tenant, journal)

    [row] = journal.waiting()
    assert row.event_id == would_have_been


def test_the_name_of_the_service_is_the_manifests_and_not_the_stores():
    first = journal_with()
    [(_, intent)] = first.open_intents("acme")
    journal = MemoryJournal()
    journal.intend(replace(intent, target_system="Somebody Else"), first.entries[0])

    recover(FakeTenant.holding(document()), journal)

    [message] = journal.rows.values()
    assert json.loads(message.body)["target_system"] == acme().system


def test_a_create_that_was_not_done_is_settled_and_not_announced():
    tenant, journal = FakeTenant(), journal_with()

    [recovered] = recover(tenant, journal)

    assert recovered.kind is OutcomeKind.NOT_APPLIED
    assert journal.entries[-1].status is Status.FAILED
    assert journal.waiting() == ()
    assert journal.open_intents("acme") == ()


def test_a_recovered_schema_neither_before_nor_desired_is_a_conflict():
    tenant, journal = FakeTenant.holding(document(URN, "other")), journal_with()

    [recovered] = recover(tenant, journal)

    assert recovered.kind is OutcomeKind.CONFLICT
    assert "plan again" in recovered.detail
    assert journal.waiting() == ()


def test_a_recovered_update_of_a_vanished_schema_is_a_conflict():
    before = Schema.from_json(document(URN, "grade"))
    journal = journal_with(before.fingerprint(), "grade", "level")

    [recovered] = recover(FakeTenant(), journal)

    assert recovered.kind is OutcomeKind.CONFLICT
    assert "it is gone now" in recovered.detail
    assert "compare it" not in recovered.detail
    assert (journal.waiting(), journal.open_intents("acme")) == ((), ())


def test_an_intent_of_an_unreadable_tenant_stays_open():
    tenant, journal = FakeTenant(), journal_with()
    tenant.fail_reads.append(TenantUnavailable("GET → 503"))

    [recovered] = recover(tenant, journal)

    assert recovered.kind is OutcomeKind.UNKNOWN
    assert len(journal.open_intents("acme")) == 1
    assert len(journal.entries) == 1


def test_an_update_recovers_as_an_update():
    before = Schema.from_json(document(URN, "grade"))
    journal = journal_with(before.fingerprint(), "grade", "level")

    [recovered] = recover(FakeTenant.holding(document(URN, "grade", "level")), journal)

    assert recovered.kind is OutcomeKind.APPLIED
    assert journal.entries[-1].event is Event.SCHEMA_EXTENSION_UPDATED


def test_an_update_that_was_not_done_is_settled_as_before():
    before = Schema.from_json(document(URN, "grade"))
    journal = journal_with(before.fingerprint(), "grade", "level")

    [recovered] = recover(FakeTenant.holding(document(URN, "grade")), journal)

    assert recovered.kind is OutcomeKind.NOT_APPLIED


def beside_theirs(*live_before: str) -> MemoryJournal:
    """An update of what is managed, beside what others added, was cut off."""
    before = Schema.from_json(document(URN, "grade")).fingerprint()
    return journal_with(
        before, "grade", "level", manages=Manages.ATTRIBUTES, live_before=live_before
    )


@pytest.mark.parametrize(
    "live",
    [("grade", "level"), ("grade",), ("grade", "other")],
    ids=["as-desired", "as-before", "other"],
)
def test_a_vanished_unmanaged_attribute_is_a_conflict_in_recovery(live):
    journal = beside_theirs("grade", "theirs", "Another")

    [recovered] = recover(FakeTenant.holding(document(URN, *live)), journal)

    reported = (
        "what the write was not about is not as before: attributes.Another gone, attributes.theirs "
        "gone; restore it from the service's own history before anything else"
    )
    assert (recovered.kind, recovered.detail) == (OutcomeKind.CONFLICT, reported)
    assert journal.entries[-1].status is Status.FAILED
    assert journal.entries[-1].detail == f"conflict: {reported}"
    assert (journal.waiting(), journal.open_intents("acme")) == ((), ())


@pytest.mark.parametrize(
    ("now", "named"),
    [
        ({"returned": "always"}, 'attributes.theirs.returned "never" → "always"'),
        ({"description": None}, 'attributes.theirs.description "Theirs" → nothing'),
        ({"xSync": 2}, "attributes.theirs.xSync 1 → 2"),
        ({"subAttributes": []}, "attributes.theirs.subAttributes.iban gone"),
    ],
)
def test_recovery_compares_what_others_have_whole_and_names_what_is_another(now, named):
    """Ours is as desired, so that nothing but what others have tells of it."""
    theirs = {
        "name": "theirs",
        "type": "complex",
        "returned": "never",
        "description": "Theirs",
        "xSync": 1,
        "subAttributes": [{"name": "iban"}],
    }
    [(number, intent)] = beside_theirs("grade").open_intents("acme")
    before = document(URN, "grade")
    before["attributes"].append(theirs)
    journal = MemoryJournal()
    journal.intents[number] = replace(intent, live_before=Schema.from_json(before))
    after = document(URN, "grade", "level")
    after["attributes"].append(theirs | now)

    [recovered] = recover(FakeTenant.holding(after), journal)

    assert recovered.kind is OutcomeKind.CONFLICT
    assert named in recovered.detail
    assert journal.entries[-1].detail == f"conflict: {recovered.detail}"
    assert journal.waiting() == ()


@pytest.mark.parametrize(
    ("now", "kind", "shown"),
    [
        ("pass hunter2-hunter2", OutcomeKind.APPLIED, ""),
        ("changed", OutcomeKind.CONFLICT, 'attributes.theirs.description "pass …" → "changed"'),
    ],
    ids=["as-before", "changed"],
)
def test_a_credential_in_what_others_have_is_compared_as_it_is_and_not_shown(now, kind, shown):
    def holding(*names: str, about: str) -> dict[str, Json]:
        written = document(URN, *names, "theirs")
        written["attributes"][-1]["description"] = about
        return written

    before = Schema.from_json(holding("grade", about="pass hunter2-hunter2"))
    [(number, intent)] = beside_theirs("grade").open_intents("acme")
    journal = MemoryJournal()
    journal.intents[number] = replace(intent, live_before=before)
    live = FakeTenant.holding(holding("grade", "level", about=now))
    live.redaction = Redaction((Secret("hunter2-hunter2"),))

    [recovered] = recover(live, journal)

    assert recovered.kind is kind
    assert shown in recovered.detail
    assert "hunter2" not in recovered.detail + (journal.entries[-1].detail or "")


@pytest.mark.parametrize(
    ("projection", "kind"),
    [(None, OutcomeKind.CONFLICT), (Projection(URN), OutcomeKind.APPLIED)],
)
def test_what_a_service_says_in_words_of_its_own_changes_with_what_was_written(projection, kind):
    """The permissions of a realm say whether an attribute is read-only there."""
    before, after = document(URN, "grade"), document(URN, "grade", "level")
    before["attributes"][0] |= {"mutability": "readOnly", "permissions": ["user"]}
    after["attributes"][0] |= {"permissions": ["admin", "user"]}
    [(number, intent)] = beside_theirs("grade").open_intents("acme")
    journal = MemoryJournal()
    journal.intents[number] = replace(intent, live_before=Schema.from_json(before))
    means = recovery(FakeTenant.holding(after), journal)
    means = replace(means, tenant=replace(means.tenant, projection=projection))

    means.settle_all()

    [recovered] = means.context.progress.recovered
    assert recovered.kind is kind


def test_a_write_and_its_recovery_agree_on_what_vanished():
    tenant = FakeTenant.holding(document(URN, "grade", "theirs"))
    tenant.script.append((CREATED, lambda _: document(URN, "grade", "level")))

    written = write(tenant)
    [recovered] = recover(tenant, beside_theirs("grade", "theirs"))

    assert (recovered.kind, recovered.detail) == (written.kind, written.detail)


def test_an_unmanaged_attribute_in_another_spelling_is_no_conflict():
    live = FakeTenant.holding(document(URN, "grade", "level", "THEIRS", "newer"))

    [recovered] = recover(live, beside_theirs("grade", "theirs"))

    assert recovered.kind is OutcomeKind.APPLIED


def test_an_intent_that_does_not_know_what_was_live_is_settled_by_what_is_managed():
    [recovered] = recover(FakeTenant.holding(document(URN, "grade", "level")), beside_theirs())

    assert recovered.kind is OutcomeKind.APPLIED


def test_a_vanished_schema_is_reported_as_gone_and_not_its_attributes():
    [recovered] = recover(FakeTenant(), beside_theirs("grade", "theirs"))

    assert recovered.kind is OutcomeKind.CONFLICT
    assert "it is gone now" in recovered.detail


ELSEWHERE = "https://new.example.com/scim/v2"


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (HERE, ELSEWHERE),
        (HERE, HERE.replace("v2", "v3")),
        (HERE, "embedded://acme"),
        ("embedded://acme", HERE),
        ("embedded://acme", "embedded://other"),
    ],
)
@pytest.mark.parametrize("held", [(), (document(),)], ids=["nothing-there", "as-desired-there"])
def test_a_tenant_that_has_moved_is_a_conflict_and_is_not_read(was, now, held):
    tenant, journal = FakeTenant.holding(*held), journal_with(base_url=was)

    [recovered] = recover(tenant, journal, base_url=now)

    assert recovered.kind is OutcomeKind.CONFLICT
    assert f"addressed to {was}, and the tenant is at {now} now" in recovered.detail
    assert f"look at {was}" in recovered.detail
    assert tenant.log == []
    assert journal.entries[-1].status is Status.FAILED
    assert journal.entries[-1].detail == f"conflict: {recovered.detail}"
    assert (journal.waiting(), journal.open_intents("acme")) == ((), ())


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (HERE, HERE + "/"),
        (HERE + "/", HERE),
        ("embedded://acme", "embedded://acme"),
        (None, ELSEWHERE),
    ],
)
def test_a_tenant_that_is_where_it_was_or_may_be_is_read(was, now):
    tenant = FakeTenant.holding(document())

    [recovered] = recover(tenant, journal_with(base_url=was), base_url=now)

    assert recovered.kind is OutcomeKind.APPLIED
    assert tenant.log == [f"GET {URN}", "GET /ResourceTypes"]


@pytest.mark.parametrize("lag_reads", [0, 1, 3])
def test_absence_is_believed_only_after_patient_reads(lag_reads):
    tenant, journal = FakeTenant(), journal_with()

    recover(tenant, journal, lag_reads=lag_reads)

    assert tenant.log == [f"GET {URN}", "GET /Schemas"] * (lag_reads + 1)


def confirmed(journal: MemoryJournal, *, seconds: float) -> MemoryJournal:
    """The service had answered at START that it is made, and has so long to show it."""
    [number] = journal.intents
    journal.confirm(number, Confirmation(START, START + timedelta(seconds=seconds)))
    return journal


def test_a_confirmed_create_is_not_called_undone_before_its_time_is_over():
    tenant, clock = FakeTenant(), FakeClock(seconds=30)
    journal = confirmed(journal_with(), seconds=120)
    clock.after = lambda: tenant.put(document()) if clock.seconds >= 100 else None

    [recovered] = recover(tenant, journal, clock=clock)

    assert recovered.kind is OutcomeKind.APPLIED
    assert 100 <= clock.seconds <= 120
    assert len(journal.waiting()) == 1


def test_a_confirmed_create_that_is_never_shown_is_undone_when_its_time_is_over():
    tenant, clock = FakeTenant(), FakeClock(seconds=30)

    [recovered] = recover(tenant, confirmed(journal_with(), seconds=120), clock=clock)

    assert recovered.kind is OutcomeKind.NOT_APPLIED
    assert clock.seconds == 120
    assert "answered at 2026-03-01T12:00:00.000Z that it is made" in recovered.detail
    assert "not shown it until 2026-03-01T12:02:00.000Z" in recovered.detail


def test_a_confirmed_create_that_cannot_be_read_stays_open_when_its_time_is_over():
    tenant, clock = FakeTenant(), FakeClock(seconds=30)
    tenant.fail_reads.extend([TenantUnavailable("GET → 500")] * 99)
    journal = confirmed(journal_with(), seconds=120)

    [recovered] = recover(tenant, journal, clock=clock)

    assert recovered.kind is OutcomeKind.UNKNOWN
    assert clock.seconds == 120
    assert len(journal.open_intents("acme")) == 1


def test_a_confirmation_of_long_ago_is_not_waited_for():
    tenant, clock = FakeTenant(), FakeClock(seconds=500)

    recover(tenant, confirmed(journal_with(), seconds=120), clock=clock)

    assert clock.slept == []


def test_a_signal_while_a_confirmed_create_is_waited_for_leaves_it_open():
    journal = confirmed(journal_with(), seconds=120)

    with pytest.raises(Interrupted):
        recover(FakeTenant(), journal, clock=FakeClock(stop_after=1))

    assert len(journal.open_intents("acme")) == 1


def test_what_the_list_shows_and_a_read_by_id_denies_is_recovered():
    tenant = FakeTenant.holding(document())
    tenant.log.append(f"POST {URN}")  # of the earlier run
    tenant.hidden_reads, tenant.lists_first = 10**9, True

    [recovered] = recover(tenant, journal_with())

    assert recovered.kind is OutcomeKind.APPLIED


def test_recovery_changes_nothing_in_the_tenant_and_a_second_one_finds_nothing():
    tenant, journal = FakeTenant.holding(document()), journal_with()
    recover(tenant, journal)

    assert recover(tenant, journal) == ()
    assert tenant.writes() == 0
