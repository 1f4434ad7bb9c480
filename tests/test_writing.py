"""One write: what its answers and the reads after it come to; when it is sent again."""

from collections import deque
from dataclasses import replace

import pytest

from reconciler.domain.blocking import BlockReason
from reconciler.domain.dialect import PatchPath, UpdateStrategy
from reconciler.domain.manifest import Manages, OnDrift
from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Create, Subject, Update
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
from tests.support.runs import context_of


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
) -> Write:
    """A write of a change over a live schema, with the means to carry it out."""
    return Write(
        context=context_of(MemoryJournal(), clock=clock),
        tenant=replace(acme(), dialect=replace(DIALECT, lag_reads=lag_reads)),
        writer=service,
        retry=patience(attempts),
        change=change,
        live=live,
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
    assert tenant.log[:4] == [f"POST {URN}", f"GET {URN}", f"GET {URN}", f"GET {URN}"]
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
    assert tenant.log[:3] == [f"POST {URN}", f"GET {URN}", f"POST {URN}"]


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


def test_a_201_without_a_schema_afterwards_is_unknown():
    tenant = script((CREATED, nothing))

    written = create(tenant)

    assert written.kind is OutcomeKind.UNKNOWN
    assert tenant.writes() == 1


def test_a_schema_that_appears_late_is_waited_for():
    tenant = FakeTenant(hidden_reads=2)

    assert create(tenant, lag_reads=3).kind is OutcomeKind.APPLIED


def test_the_waiting_ends_after_as_many_reads_as_the_dialect_says():
    tenant = FakeTenant(hidden_reads=9)

    assert create(tenant, lag_reads=3).kind is OutcomeKind.UNKNOWN
    assert tenant.log.count(f"GET {URN}") == 4


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
    tenant.fail_reads.append(TenantUnavailable("no answer"))

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
) -> Outcome:
    """Carry out the addition of `level` beside what is live."""
    wanted = extension(document(URN, "grade", "level"), on_drift=OnDrift.UPDATE, manages=manages)
    live = tenant.schemas[URN.lower()]
    view = Schema.from_json(document(URN, "grade"))
    subject = Subject(
        tenant="acme", extension=wanted, live=view, live_fingerprint=view.fingerprint()
    )
    return writing(tenant, Update(subject, by, path), live=live).carry_out().outcome


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


def test_an_update_that_made_an_attribute_vanish_is_a_conflict():
    tenant = FakeTenant.holding(document(URN, "grade", "theirs"))
    tenant.script.append((CREATED, lambda _: document(URN, "grade", "level")))

    written = update(tenant, Manages.ATTRIBUTES)

    assert written.kind is OutcomeKind.CONFLICT
    assert written.fields == ("theirs",)


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
    assert "gone: theirs" in written.detail
    assert written.fields == ("theirs",)
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
