"""One write: what its answers and the reads after it come to; when it is sent again."""

from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.domain.blocking import BlockReason
from reconciler.domain.dialect import PatchPath, UpdateStrategy
from reconciler.domain.manifest import Manages, OnDrift
from reconciler.domain.outcome import ForeignWrite, Outcome, OutcomeKind
from reconciler.domain.plan import Create, Subject, Update
from reconciler.domain.records import Confirmation, Event, Intent
from reconciler.domain.scim import ABSENT, Schema
from reconciler.errors import Interrupted, TenantUnavailable
from reconciler.ports import WriteResult
from reconciler.run_context import LAG_PAUSE
from reconciler.writing import Write
from tests.support.fakes import (
    CREATED,
    DIALECT,
    FULL,
    LOST,
    NOT_ALLOWED,
    REFUSED,
    START,
    THERE,
    THROTTLED,
    URN,
    FakeClock,
    FakeTenant,
    MemoryJournal,
    Store,
    as_sent,
    document,
    extension,
    nothing,
    patience,
)
from tests.support.fakes import tenant as acme
from tests.support.runs import RUN, context_of


def create(tenant: FakeTenant, *, attempts: int = 3, lag_reads: int = 1) -> Outcome:
    """Carry out the creation of the usual extension."""
    write = writing(tenant, creation(), attempts=attempts, lag_reads=lag_reads)
    return write.carry_out().outcome


def creation() -> Create:
    return Create(Subject(tenant="acme", extension=extension(), live_fingerprint=ABSENT))


def writing(
    service: FakeTenant,
    change: Create | Update,
    *,
    live: Schema | None = None,
    attempts: int = 3,
    lag_reads: int = 1,
    clock: FakeClock | None = None,
    journal: MemoryJournal | None = None,
) -> Write:
    """A write of a change over a live schema, with the means to carry it out."""
    return Write(
        context=context_of(journal or MemoryJournal(), clock=clock),
        tenant=replace(acme(), dialect=replace(DIALECT, lag_reads=lag_reads)),
        writer=service,
        retry=patience(attempts),
        change=change,
        live=live,
        intent=1,
    )


def intent_of_create() -> Intent:
    return Intent(
        tenant="acme",
        base_url=None,
        change="acme/acme",
        schema_id=URN,
        target_system="Genesys Cloud",
        manages=Manages.SCHEMA,
        desired=extension().schema,
        before=ABSENT,
        live_before=None,
        run_id="run-1",
        commit=None,
        webhooks=(),
    )


def script(*steps: tuple[WriteResult, Store]) -> FakeTenant:
    return FakeTenant(script=deque(steps))


def test_a_create_that_is_answered_and_found_is_applied():
    tenant = FakeTenant()

    attempt = writing(tenant, creation()).carry_out()

    assert attempt.outcome.kind is OutcomeKind.APPLIED
    assert attempt.live == tenant.schemas[URN.lower()]
    assert tenant.log == [f"POST {URN}", f"GET {URN}"]


def test_a_lost_answer_to_a_create_that_was_done_is_applied_and_never_sent_again():
    tenant = script((LOST, as_sent))

    assert create(tenant).kind is OutcomeKind.APPLIED
    assert tenant.writes() == 1


def test_a_lost_answer_to_a_create_that_was_not_done_is_read_twice_before_it_is_sent_again():
    tenant = script((LOST, nothing), (CREATED, as_sent))

    assert create(tenant).kind is OutcomeKind.APPLIED
    assert tenant.log[:7] == [f"POST {URN}", *[f"GET {URN}", "GET /Schemas"] * 3]
    assert tenant.writes() == 2


def test_a_service_that_loses_every_answer_and_keeps_nothing_is_not_applied():
    tenant = script(*[(LOST, nothing)] * 3)

    written = create(tenant)

    assert written.kind is OutcomeKind.NOT_APPLIED
    assert written.detail == LOST.message
    assert tenant.writes() == 3


def test_a_throttled_create_is_read_by_id_before_it_is_sent_again():
    tenant = script((THROTTLED, nothing), (CREATED, as_sent))

    assert create(tenant).kind is OutcomeKind.APPLIED
    assert tenant.log[:4] == [f"POST {URN}", f"GET {URN}", "GET /Schemas", f"POST {URN}"]


def test_a_throttled_create_that_somebody_else_made_meanwhile_is_adopted():
    tenant = script((THROTTLED, as_sent))

    assert create(tenant).kind is OutcomeKind.ADOPTED
    assert tenant.writes() == 1


def test_a_create_that_is_throttled_to_the_end_is_not_applied():
    tenant = script(*[(THROTTLED, nothing)] * 3)

    assert create(tenant).kind is OutcomeKind.NOT_APPLIED


def test_a_conflict_with_an_equal_schema_is_adopted():
    tenant = script((THERE, as_sent))

    assert create(tenant).kind is OutcomeKind.ADOPTED


def test_a_conflict_with_another_schema_names_what_differs():
    tenant = script((THERE, lambda _: document(URN, "other")))

    written = create(tenant)

    assert written.kind is OutcomeKind.CONFLICT
    assert set(written.fields) == {"attributes.grade", "attributes.other"}


def test_a_conflict_with_nothing_to_be_found_is_not_sent_again():
    tenant = script((THERE, nothing))

    written = create(tenant)

    assert written.kind is OutcomeKind.NOT_APPLIED
    assert tenant.writes() == 1


def test_a_201_without_a_schema_to_the_end_of_the_deadline_is_unknown():
    tenant, clock = script((CREATED, nothing)), FakeClock()

    written = writing(tenant, creation(), clock=clock).carry_out().outcome

    assert written.kind is OutcomeKind.UNKNOWN
    assert "within 120 s; the next run looks again" in written.detail
    assert "lagReads in spec.capabilities" in written.detail
    assert tenant.writes() == 1
    assert sum(clock.slept) == 120


def test_a_create_that_was_confirmed_is_waited_for_beyond_the_lag_that_is_known():
    tenant, clock = FakeTenant(hidden_reads=4), FakeClock()

    written = writing(tenant, creation(), lag_reads=1, clock=clock).carry_out().outcome

    assert written.kind is OutcomeKind.APPLIED
    assert clock.slept == [LAG_PAUSE] * 4


def test_the_pauses_of_a_long_wait_grow_so_that_a_service_is_not_read_for_ever():
    tenant, clock = script((CREATED, nothing)), FakeClock()

    writing(tenant, creation(), clock=clock).carry_out()

    assert clock.slept == sorted(clock.slept[:-1]) + clock.slept[-1:]
    assert tenant.log.count(f"GET {URN}") < 25


def test_a_confirmed_create_that_cannot_be_read_yet_is_waited_for():
    """A service may answer 500 to what it is still making."""
    tenant, clock = FakeTenant(), FakeClock()
    tenant.fail_reads.extend([TenantUnavailable("GET → 500")] * 4)

    written = writing(tenant, creation(), clock=clock).carry_out().outcome

    assert written.kind is OutcomeKind.APPLIED
    assert clock.slept == [LAG_PAUSE] * 4


@pytest.mark.parametrize("answer", [LOST, THROTTLED, THERE])
def test_a_create_that_was_not_confirmed_is_not_waited_for_longer_than_known(answer):
    tenant, clock = script((answer, nothing)), FakeClock()

    writing(tenant, creation(), attempts=1, lag_reads=3, clock=clock).carry_out()

    assert sum(clock.slept) <= 3 * LAG_PAUSE


def test_a_confirmed_create_that_is_there_and_not_as_sent_is_not_waited_for():
    clock = FakeClock()
    tenant = script((CREATED, lambda _: document(URN, "other")))

    written = writing(tenant, creation(), clock=clock).carry_out().outcome

    assert written.kind is OutcomeKind.IGNORED_BY_SERVER
    assert clock.slept == [LAG_PAUSE]


def test_the_journal_keeps_from_the_answer_on_how_long_a_create_is_waited_for():
    journal, clock = MemoryJournal(), FakeClock()
    number = journal.intend(intent_of_create(), RUN.entry(Event.RUN_STARTED, START))
    write = replace(
        writing(FakeTenant(hidden_reads=1), creation(), clock=clock, journal=journal),
        intent=number,
    )

    write.carry_out()

    until = START + timedelta(seconds=120)
    assert journal.intents[number].confirmation == Confirmation(START, until)


@pytest.mark.parametrize("answer", [LOST, THROTTLED, THERE, REFUSED])
def test_the_journal_keeps_no_confirmation_that_nobody_gave(answer):
    journal = MemoryJournal()
    number = journal.intend(intent_of_create(), RUN.entry(Event.RUN_STARTED, START))
    write = writing(script((answer, as_sent)), creation(), attempts=1, journal=journal)

    replace(write, intent=number).carry_out()

    assert journal.intents[number].confirmation is None


@pytest.mark.parametrize("result", [CREATED, LOST, THERE])
def test_what_the_list_shows_and_a_read_by_id_denies_is_there(result):
    tenant = script((result, as_sent))
    tenant.hidden_reads, tenant.lists_first = 10**9, True

    attempt = writing(tenant, creation()).carry_out()

    assert attempt.outcome.kind.verified
    assert attempt.live == tenant.schemas[URN.lower()]
    assert tenant.log == [f"POST {URN}", f"GET {URN}", "GET /Schemas"]


def test_an_attribute_that_the_service_drops_is_named():
    kept = document(URN, "grade")
    kept["attributes"] = []
    tenant = script((CREATED, lambda _: kept))

    written = create(tenant)

    assert written.kind is OutcomeKind.IGNORED_BY_SERVER
    assert written.fields == ("attributes.grade",)


@pytest.mark.parametrize("result", [CREATED, LOST, THERE])
def test_an_answer_that_cannot_be_read_back_is_unknown(result):
    tenant = script((result, as_sent))
    tenant.fail_reads.extend([TenantUnavailable("no answer")] * 99)

    written = create(tenant)

    assert written.kind is OutcomeKind.UNKNOWN
    assert "no answer" in written.detail


def test_a_refusal_is_not_sent_again():
    tenant = script((REFUSED, nothing))

    written = create(tenant)

    assert written.kind is OutcomeKind.NOT_APPLIED
    assert written.blocked is None
    assert tenant.log == [f"POST {URN}"]


def test_a_service_without_that_verb_blocks_the_change():
    tenant = script((NOT_ALLOWED, nothing))

    assert create(tenant).blocked is BlockReason.UNSUPPORTED


def test_a_tenant_that_turns_out_to_be_full_blocks_the_change():
    tenant = script((FULL, nothing))

    written = create(tenant)

    assert (written.kind, written.blocked) == (
        OutcomeKind.NOT_APPLIED,
        BlockReason.EXTENSION_LIMIT,
    )
    assert tenant.writes() == 1


def test_the_pause_before_a_late_read_is_the_documented_one():
    clock = FakeClock()

    writing(FakeTenant(hidden_reads=1), creation(), attempts=1, clock=clock).carry_out()

    assert clock.slept == [LAG_PAUSE]


def test_a_signal_while_waiting_ends_the_write_without_sending_again():
    tenant = script((LOST, nothing))

    with pytest.raises(Interrupted):
        writing(tenant, creation(), clock=FakeClock(stop_after=1)).carry_out()

    assert tenant.writes() == 1


def update(
    tenant: FakeTenant,
    manages: Manages = Manages.SCHEMA,
    by: UpdateStrategy = UpdateStrategy.PUT,
    path: PatchPath = PatchPath.VALUE,
    *,
    clock: FakeClock | None = None,
) -> Outcome:
    """Carry out the addition of `level` beside what is live."""
    wanted = extension(document(URN, "grade", "level"), on_drift=OnDrift.UPDATE, manages=manages)
    live = tenant.schemas[URN.lower()]
    view = Schema.from_json(document(URN, "grade"))
    subject = Subject(tenant="acme", extension=wanted, live_fingerprint=view.fingerprint())
    change = Update(subject, by, path)
    return writing(tenant, change, live=live, clock=clock).carry_out().outcome


def test_an_update_keeps_what_others_added():
    tenant = FakeTenant.holding(document(URN, "grade", "theirs") | {"vendorFlag": True})

    written = update(tenant, Manages.ATTRIBUTES)

    assert written.kind is OutcomeKind.APPLIED
    assert [a["name"] for a in tenant.bodies[0]["attributes"]] == ["grade", "theirs", "level"]
    assert tenant.bodies[0]["vendorFlag"] is True


@pytest.mark.parametrize("path", PatchPath)
def test_an_update_of_a_service_that_takes_patches_is_a_patch(path):
    tenant = FakeTenant.holding(document(URN, "grade", "theirs") | {"vendorFlag": True})
    tenant.patches = path

    written = update(tenant, Manages.ATTRIBUTES, by=UpdateStrategy.PATCH, path=path)

    assert written.kind is OutcomeKind.APPLIED
    assert tenant.log == [f"PATCH {URN}", f"GET {URN}"]
    live = tenant.schemas[URN.lower()]
    assert {a.name for a in live.attributes} == {"grade", "theirs", "level"}
    assert live.document["vendorFlag"] is True


def test_a_patch_that_the_service_drops_names_its_fields():
    tenant = FakeTenant.holding(document(URN, "grade"))
    tenant.script.append((CREATED, nothing))

    written = update(tenant, by=UpdateStrategy.PATCH)

    assert written.kind is OutcomeKind.IGNORED_BY_SERVER
    assert written.fields == ("attributes.level",)


HURT = {
    "drops parts and resets": {"name": "theirs", "type": "string"},
    "resets one characteristic": {"returned": "default"},
    "drops a description": {"description": None},
    "drops a vendor member": {"xSync": None},
    "has other canonical values": {"canonicalValues": ["a"]},
}


def beside(**members: object) -> dict[str, object]:
    theirs = {
        "name": "theirs",
        "type": "complex",
        "returned": "never",
        "description": "Theirs",
        "canonicalValues": ["a", "b"],
        "xSync": True,
        "subAttributes": [{"name": "iban"}],
    }
    return theirs | members


@pytest.mark.parametrize("answer", [CREATED, LOST])
@pytest.mark.parametrize("way", [UpdateStrategy.PUT, UpdateStrategy.PATCH])
@pytest.mark.parametrize("hurt", HURT.values(), ids=HURT)
def test_an_update_that_alters_an_attribute_of_others_is_a_conflict_that_names_it(
    hurt, way, answer
):
    """Ours is as desired afterwards, by whichever way it was sent."""
    live = document(URN, "grade")
    live["attributes"].append(beside())
    tenant = FakeTenant.holding(live)

    def alter(body: dict[str, Any]) -> dict[str, Any]:
        altered = hurt if "name" in hurt else beside(**hurt)
        ours = [a for a in body["attributes"] if a["name"] != "theirs"]
        return body | {"attributes": [*ours, altered]}

    tenant.script.append((answer, alter))

    written = update(tenant, Manages.ATTRIBUTES, by=way)

    assert written.kind is OutcomeKind.CONFLICT
    assert written.fields
    assert all(path.startswith("attributes.theirs") for path in written.fields)
    assert written.fields[0] in written.detail
    assert tenant.writes() == 1


def test_an_update_of_a_service_that_spells_others_out_is_applied():
    """Defaults, order, case: all that says nothing."""
    live = document(URN, "grade")
    live["attributes"].append(beside())
    tenant = FakeTenant.holding(live)

    def spell(body: dict[str, Any]) -> dict[str, Any]:
        spelled = beside(required=False, caseExact=False, mutability="READ_WRITE", name="Theirs")
        ours = [a for a in body["attributes"] if a["name"] != "theirs"]
        return body | {"attributes": [dict(reversed(spelled.items())), *ours]}

    tenant.script.append((CREATED, spell))

    assert update(tenant, Manages.ATTRIBUTES).kind is OutcomeKind.APPLIED


THEIRS = ForeignWrite(at="2026-11-30T12:00:00.000Z", by="the client c4", lost=("theirs.type",))
KEPT = replace(THEIRS, lost=())


def answered(*others: ForeignWrite) -> WriteResult:
    """An answer to a write, of a service that keeps who else wrote."""
    return replace(CREATED, meanwhile=lambda _: others)


@pytest.mark.parametrize(
    ("others", "kept", "kind", "fields"),
    [
        ((), as_sent, OutcomeKind.APPLIED, ()),
        ((KEPT,), as_sent, OutcomeKind.APPLIED, ()),
        ((THEIRS,), as_sent, OutcomeKind.CONFLICT, ("theirs.type",)),
        ((KEPT,), nothing, OutcomeKind.CONFLICT, ()),
        ((), nothing, OutcomeKind.IGNORED_BY_SERVER, ("attributes.level",)),
        (
            (THEIRS,),
            lambda _: document(URN, "level"),
            OutcomeKind.CONFLICT,
            ("theirs.type", "attributes.grade"),
        ),
    ],
)
def test_a_write_of_others_meanwhile_is_a_conflict_where_theirs_or_ours_is_lost(
    others, kept, kind, fields
):
    tenant = FakeTenant.holding(document(URN, "grade"))
    tenant.script.append((answered(*others), kept))

    written = update(tenant, Manages.ATTRIBUTES)

    assert (written.kind, written.fields) == (kind, fields)
    assert ("the client c4" in written.detail) == (kind is OutcomeKind.CONFLICT)


def test_nobody_is_asked_who_else_wrote_where_the_write_was_refused():
    tenant = FakeTenant.holding(document(URN, "grade"))
    tenant.script.append((replace(THROTTLED, meanwhile=lambda _: [THEIRS]), nothing))
    tenant.script.append((CREATED, as_sent))

    assert update(tenant, Manages.ATTRIBUTES).kind is OutcomeKind.APPLIED


def test_what_follows_from_a_change_of_ours_is_no_harm_where_the_gateway_foresees_it():
    """A vendor member of ours may say what a characteristic says."""

    def sent(said: int) -> tuple[WriteResult, Store]:
        after = document(URN, "grade", "level")
        after["attributes"][0] |= {"says": said}
        return replace(CREATED, stands=Schema.from_json(after)), lambda _: after

    before = document(URN, "grade")
    before["attributes"][0] |= {"says": 1}
    foreseen, other = (FakeTenant.holding(before) for _ in range(2))
    foreseen.script.append(sent(2))
    other.script.append((sent(3)[0], sent(2)[1]))

    assert update(foreseen, Manages.ATTRIBUTES).kind is OutcomeKind.APPLIED
    assert update(other, Manages.ATTRIBUTES).fields == ("attributes.grade.says",)


def test_what_others_added_between_two_attempts_is_looked_after_as_well():
    """The second attempt is built over it, and the service drops it then."""
    tenant = FakeTenant.holding(document(URN, "grade"))
    tenant.script.append((THROTTLED, lambda _: document(URN, "grade", "theirs")))
    tenant.script.append((CREATED, lambda _: document(URN, "grade", "level")))

    written = update(tenant, Manages.ATTRIBUTES)

    assert written.kind is OutcomeKind.CONFLICT
    assert written.fields == ("attributes.theirs",)


def test_what_others_have_may_come_back_late():
    """A service that shows a replaced schema part by part has harmed nobody."""
    tenant = FakeTenant.holding(document(URN, "grade", "theirs"))
    clock = FakeClock()
    shown_later = tenant.put

    def partly(body: dict[str, object]) -> dict[str, object]:
        clock.after = lambda: shown_later(body)
        return document(URN, "grade", "level")

    tenant.script.append((CREATED, partly))

    assert update(tenant, Manages.ATTRIBUTES, clock=clock).kind is OutcomeKind.APPLIED


def test_an_update_that_is_shown_late_says_which_capability_helps():
    tenant = FakeTenant.holding(document(URN, "grade"))
    tenant.script.append((CREATED, nothing))

    written = update(tenant)

    assert "as it was before" in written.detail
    assert "lagReads" in written.detail


def test_an_update_that_made_an_attribute_vanish_is_a_conflict():
    tenant = FakeTenant.holding(document(URN, "grade", "theirs"))
    tenant.script.append((CREATED, lambda _: document(URN, "grade", "level")))

    written = update(tenant, Manages.ATTRIBUTES)

    assert written.kind is OutcomeKind.CONFLICT
    assert written.fields == ("attributes.theirs",)


@pytest.mark.parametrize(
    ("result", "kept"),
    [(CREATED, ("grade",)), (CREATED, ("grade", "other")), (LOST, ("grade",))],
)
def test_a_vanished_attribute_is_a_conflict_whatever_else_the_service_did(result, kept):
    """It kept nothing of ours, something else, or did not answer: what users held is gone."""
    tenant = FakeTenant.holding(document(URN, "grade", "theirs"))
    tenant.script.append((result, lambda _: document(URN, *kept)))

    written = update(tenant, Manages.ATTRIBUTES)

    assert written.kind is OutcomeKind.CONFLICT
    assert "attributes.theirs gone;" in written.detail
    assert written.fields == ("attributes.theirs",)
    assert tenant.writes() == 1


@pytest.mark.parametrize("result", [THROTTLED, LOST])
def test_an_update_sent_again_keeps_what_others_added_meanwhile(result):
    tenant = FakeTenant.holding(document(URN, "grade"))
    tenant.script.append((result, lambda _: document(URN, "grade", "theirs")))

    written = update(tenant, Manages.ATTRIBUTES)

    assert written.kind is OutcomeKind.APPLIED
    sent = [[a["name"] for a in body["attributes"]] for body in tenant.bodies]
    assert sent == [["grade", "level"], ["grade", "theirs", "level"]]


def test_an_update_that_the_service_ignores_names_its_fields():
    tenant = FakeTenant.holding(document(URN, "grade"))
    tenant.script.append((CREATED, nothing))

    written = update(tenant)

    assert written.kind is OutcomeKind.IGNORED_BY_SERVER
    assert written.fields == ("attributes.level",)


def test_a_schema_that_vanishes_during_an_update_is_a_conflict():
    tenant = FakeTenant.holding(document(URN, "grade"))

    def vanish(_: dict[str, object]) -> None:
        del tenant.schemas[URN.lower()]

    tenant.script.append((LOST, vanish))

    written = update(tenant)

    assert written.kind is OutcomeKind.CONFLICT
    assert "deleted" in written.detail
