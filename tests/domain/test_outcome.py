from dataclasses import replace

import pytest

from reconciler.domain.diff import Harm, HarmKind
from reconciler.domain.manifest import Limits
from reconciler.domain.outbox import DeliveryResult
from reconciler.domain.outcome import (
    DeliverySummary,
    ForeignWrite,
    Outcome,
    OutcomeKind,
    Recovered,
    RunSummary,
    foreign_message,
    harm_message,
)
from reconciler.domain.plan import Create, Plan, Update
from reconciler.domain.redaction import NO_REDACTION, Redaction
from reconciler.domain.secret import Secret
from reconciler.domain.selection import Selection
from tests.support.domain_world import (
    dialect,
    document,
    extension,
    live,
    plan_of,
    planned,
    unreadable,
)
from tests.support.fakes import answered, outbox_row

WELL = {OutcomeKind.APPLIED, OutcomeKind.ADOPTED}
CALM = plan_of(planned([extension("HR")], live(document("HR"))))
EXCLUDING = plan_of(planned([extension("HR")], selection=Selection(excludes=("*",))))
BLOCKED = planned([extension("HR")], limits=Limits(extensions=0))


def outcome(kind: OutcomeKind) -> Outcome:
    (change,) = planned([extension("HR")]).changes
    assert isinstance(change, Create | Update)
    return Outcome(change=change, kind=kind)


def recovered(kind: OutcomeKind) -> Recovered:
    return Recovered(tenant="acme", schema_id="urn:x", change="acme/hr", kind=kind)


WAITING = outbox_row(schema_id="urn:x", url="https://hr.example.com", attempts=3)


def attempt(*, delivered: bool) -> DeliveryResult:
    result = answered(200 if delivered else 500, "500")
    return replace(result, row=WAITING)


UNDELIVERED = DeliverySummary(attempts=(attempt(delivered=False),), waiting=(WAITING,))


@pytest.mark.parametrize("kind", OutcomeKind)
def test_only_what_is_applied_or_adopted_is_verified(kind: OutcomeKind) -> None:
    assert kind.verified is (kind in WELL)


@pytest.mark.parametrize("kind", OutcomeKind)
def test_an_apply_is_partial_where_any_write_is_not_verified(kind: OutcomeKind) -> None:
    alone = RunSummary(plan=CALM, outcomes=(outcome(kind),))
    among = RunSummary(plan=CALM, outcomes=(*map(outcome, sorted(WELL)), outcome(kind)))
    assert alone.partial is among.partial is (kind not in WELL)


@pytest.mark.parametrize("kind", OutcomeKind)
def test_a_run_wrote_where_something_was_verified(kind: OutcomeKind) -> None:
    failed = outcome(OutcomeKind.NOT_APPLIED)
    assert RunSummary(plan=CALM, outcomes=(outcome(kind),)).wrote is (kind in WELL)
    assert RunSummary(plan=CALM, outcomes=(failed, outcome(kind))).wrote is (kind in WELL)


@pytest.mark.parametrize("kind", OutcomeKind)
def test_a_recovered_write_needs_a_look_unless_verified_or_not_applied(
    kind: OutcomeKind,
) -> None:
    summary = RunSummary(plan=CALM, recovered=(recovered(kind),))
    assert summary.partial is (kind not in WELL | {OutcomeKind.NOT_APPLIED})
    assert not summary.wrote


def test_an_apply_with_nothing_to_do_is_neither_partial_nor_did_it_write() -> None:
    for plan in (plan_of(), CALM):
        assert not RunSummary(plan=plan).partial
        assert not RunSummary(plan=plan).wrote


@pytest.mark.parametrize(
    ("plan", "partial"),
    [
        (plan_of(BLOCKED), True),
        (plan_of(planned([]), BLOCKED), True),
        (plan_of(planned([extension("HR")], service=dialect(name="sap", creates=False))), True),
        (
            plan_of(planned([extension("HR")], service=dialect(name="read-only", creates=False))),
            False,
        ),
        (plan_of(planned([extension("HR")], live(document("HR", {"name": "a"})))), False),
        (plan_of(planned([extension("HR")], selection=Selection(excludes=("*",)))), False),
        (plan_of(unreadable("t")), False),
    ],
)
def test_a_blocked_change_makes_an_apply_partial_but_not_on_a_read_only_tenant(
    plan: Plan, partial: bool
) -> None:
    assert RunSummary(plan=plan).partial is partial


def test_failed_deliveries_and_locks_do_not_make_an_apply_partial() -> None:
    assert not RunSummary(plan=CALM, locked={"beta": "locked by run 7"}).partial
    undelivered = DeliverySummary(attempts=(attempt(delivered=False),), waiting=(WAITING,))
    assert not RunSummary(plan=CALM, deliveries=undelivered).partial


@pytest.mark.parametrize(
    ("summary", "resting"),
    [
        (RunSummary(plan=CALM), True),
        (RunSummary(plan=CALM, outcomes=(outcome(OutcomeKind.APPLIED),)), True),
        (RunSummary(plan=CALM, outcomes=(outcome(OutcomeKind.NOT_ATTEMPTED),)), False),
        (RunSummary(plan=CALM, outcomes=(outcome(OutcomeKind.UNKNOWN),)), False),
        (RunSummary(plan=CALM, recovered=(recovered(OutcomeKind.NOT_APPLIED),)), True),
        (RunSummary(plan=CALM, recovered=(recovered(OutcomeKind.CONFLICT),)), False),
        (RunSummary(plan=CALM, locked={"acme": "locked by run 7"}), False),
        (RunSummary(plan=CALM, misconfigured={"acme": "no secret"}), False),
        (RunSummary(plan=plan_of(unreadable("acme"))), False),
        (RunSummary(plan=EXCLUDING), False),
    ],
)
def test_a_tenant_is_at_rest_where_it_was_read_and_nothing_of_it_is_left(
    summary: RunSummary, resting: bool
) -> None:
    assert [tenant.name for tenant in summary.at_rest] == (["acme"] if resting else [])


UNREADABLE = plan_of(unreadable("t"))


@pytest.mark.parametrize(
    ("summary", "complete"),
    [
        (RunSummary(plan=CALM), True),
        (RunSummary(plan=CALM, outcomes=(outcome(OutcomeKind.APPLIED),)), True),
        (RunSummary(plan=CALM, recovered=(recovered(OutcomeKind.NOT_APPLIED),)), True),
        (RunSummary(plan=CALM, deliveries=UNDELIVERED), True),
        (RunSummary(plan=CALM, outcomes=(outcome(OutcomeKind.CONFLICT),)), False),
        (RunSummary(plan=CALM, recovered=(recovered(OutcomeKind.UNKNOWN),)), False),
        (RunSummary(plan=CALM, locked={"acme": "locked by run 7"}), False),
        (RunSummary(plan=UNREADABLE), False),
        (RunSummary(plan=CALM, finished=False), False),
        (RunSummary(plan=plan_of(BLOCKED)), False),
    ],
)
def test_a_run_is_complete_where_nothing_is_left_to_look_at(
    summary: RunSummary, complete: bool
) -> None:
    assert summary.complete is complete


def test_deliveries_are_counted_and_each_failure_has_its_line() -> None:
    tried = [attempt(delivered=True), attempt(delivered=False), attempt(delivered=True)]

    summary = DeliverySummary(attempts=tuple(tried), waiting=(WAITING, WAITING))

    assert (summary.delivered, summary.failed, summary.pending) == (2, 1, 2)
    assert summary.failures == ("acme: urn:x to https://hr.example.com: 500",)
    assert summary.attempts == tuple(tried)


def test_pending_webhooks_may_be_unknown() -> None:
    unknown = DeliverySummary(waiting=None)

    assert (unknown.pending, unknown.waiting) == (0, None)
    assert DeliverySummary().waiting == ()


def test_a_run_that_only_planned_touched_nothing() -> None:
    aside = outcome(OutcomeKind.NOT_ATTEMPTED)

    assert not RunSummary(plan=CALM).touched
    assert not RunSummary(plan=CALM, outcomes=(aside,)).touched
    assert RunSummary(plan=CALM, outcomes=(aside, outcome(OutcomeKind.UNKNOWN))).touched
    assert RunSummary(plan=CALM, recovered=(recovered(OutcomeKind.APPLIED),)).touched
    sent = DeliverySummary(attempts=(attempt(delivered=False),))
    assert RunSummary(plan=CALM, deliveries=sent).touched


def test_a_conflict_names_what_is_not_as_before_and_what_to_do() -> None:
    message = harm_message(
        [
            Harm(
                (
                    "attributes",
                    "b",
                ),
                HarmKind.GONE,
            ),
            Harm(
                (
                    "attributes",
                    "c",
                    "returned",
                ),
                HarmKind.CHANGED,
                "never",
                "always",
            ),
            Harm(
                (
                    "attributes",
                    "c",
                    "subAttributes",
                    "d",
                ),
                HarmKind.CAME,
            ),
            Harm(("x",), HarmKind.CHANGED, {"a": 1}, None, vendor=True),
        ],
        NO_REDACTION,
    )
    assert message == (
        "what the write was not about is not as before: attributes.b gone, "
        'attributes.c.returned "never" → "always", attributes.c.subAttributes.d came, '
        'x {"a": 1} → nothing; restore it from the service\'s own history before anything else'
    )


def test_a_conflict_with_writes_of_others_says_who_when_and_what_is_lost() -> None:
    first = ForeignWrite(at="T1", by="the client c1", lost=("a", "b.description"))
    second = ForeignWrite(at="T2", by="the client c2")

    assert foreign_message([first, second], stands=True) == (
        "somebody else wrote between our read and its proof: the client c1 at T1, and lost of that "
        "is a, b.description; the client c2 at T2; ours is there; have what is lost written there "
        "again"
    )
    assert foreign_message([second], stands=False) == (
        "somebody else wrote between our read and its proof: the client c2 at T2; ours is not "
        "there: plan again"
    )


def test_a_conflict_shows_no_credential_and_no_half_of_one_where_it_is_cut() -> None:
    redaction = Redaction((Secret("s3cret-token-0123456789"),))
    before = "a" * 50 + "s3cret-token-0123456789" + "a" * 90
    message = harm_message([Harm(("x",), HarmKind.CHANGED, before, "b", vendor=True)], redaction)
    assert "s3c" not in message
    assert "789" not in message


def test_a_conflict_of_vendor_members_alone_says_where_to_name_them() -> None:
    stamped = Harm(("stamp",), HarmKind.CHANGED, 1, 2, vendor=True)
    dropped = Harm(("flag",), HarmKind.CHANGED, "on", None, vendor=True)
    assert harm_message([stamped], NO_REDACTION).endswith(
        "belongs to serverMembers in spec.capabilities"
    )
    assert "serverMembers" not in harm_message([dropped], NO_REDACTION)
    assert "serverMembers" not in harm_message([stamped, dropped], NO_REDACTION)


def test_a_conflict_of_very_much_names_ten_things_of_it() -> None:
    gone = [Harm(("attributes", f"a{i:03}"), HarmKind.GONE) for i in range(12)]
    message = harm_message(gone, NO_REDACTION)
    assert "attributes.a009 gone, and 2 more; restore" in message
    assert "a010" not in message


def test_what_an_earlier_run_left_open_is_recovered_and_what_hr_has_missed_is_announced_late() -> (
    None
):
    ended = Recovered(tenant="acme", schema_id="urn:x", change="acme/hr", kind=OutcomeKind.UNKNOWN)

    assert ended.ending == "recovered as unknown"
    assert replace(ended, kind=OutcomeKind.ADOPTED).ending == "announced late"


def test_what_was_found_is_of_the_run_that_ended_it_so() -> None:
    applied, refused = outcome(OutcomeKind.APPLIED), outcome(OutcomeKind.NOT_APPLIED)
    done = replace(recovered(OutcomeKind.APPLIED), change=applied.change.subject.id)
    alone, again, in_vain = (
        RunSummary(plan=Plan(tenants=()), outcomes=outcomes, recovered=(done,))
        for outcomes in ((), (applied,), (refused,))
    )

    assert alone.found_of(done) == in_vain.found_of(done) == done.change
    assert again.found_of(done) is None
    assert again.found_of(applied) == done.change
    assert in_vain.found_of(refused) is None
    assert alone.found_of(replace(done, kind=OutcomeKind.CONFLICT)) is None
