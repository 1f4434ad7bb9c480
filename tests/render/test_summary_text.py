"""What an apply ends with: one line a change, and a head that never says more than is true."""

from dataclasses import replace

from reconciler.domain.blocking import BlockReason
from reconciler.domain.deciding import LiveTenant, plan_tenant
from reconciler.domain.drift import Sighting
from reconciler.domain.manifest import Limits
from reconciler.domain.outcome import (
    DeliverySummary,
    LeftOpen,
    Outcome,
    OutcomeKind,
    Recovered,
    RunSummary,
)
from reconciler.domain.plan import Create, Plan, Subject, TenantPlan, Update
from reconciler.domain.scim import ABSENT, Schema, fold
from reconciler.domain.searching import Found, Searchable, Searched
from reconciler.domain.selection import Selection
from reconciler.domain.tenant_names import UnclaimedName
from reconciler.render.paint import Paint
from reconciler.render.summary_text import summary_text
from tests.support.fakes import URN, answered, document, extension, outbox_row, tenant

SUBJECT = Subject(tenant="acme", extension=extension(), live_fingerprint=ABSENT)
CREATE = Create(SUBJECT)
EMPTY = Plan(tenants=())
DELIVERED = answered(204)
FAILED = replace(answered(None, "refused"), row=outbox_row(schema_id="x", url="https://hr"))


def text(*outcomes: Outcome, plan: Plan = EMPTY, **more) -> str:
    return summary_text(RunSummary(plan=plan, outcomes=outcomes, **more), paint=Paint())


def test_success_says_applied_and_verified_with_its_latency():
    done = Outcome(change=CREATE, kind=OutcomeKind.APPLIED, latency_ms=42)

    assert text(done, deliveries=DeliverySummary(attempts=(DELIVERED,))) == (
        "acme/acme: applied and verified in 42 ms\n"
        "Apply complete! Extensions: 1 added, 0 changed, 0 destroyed.\n"
        "Webhooks: 1 delivered, 0 pending.\n"
    )


def test_nothing_to_do_is_complete():
    assert text().startswith("Apply complete! Extensions: 0 added, 0 changed, 0 destroyed.")


def test_a_failure_names_the_manifest_line_and_never_says_complete():
    failed = Outcome(change=CREATE, kind=OutcomeKind.NOT_APPLIED, detail="POST → 400: too long")

    shown = text(failed)

    assert "not-applied: POST → 400: too long [desired-state/acme.yaml:3]" in shown
    assert "Apply ended partly. Extensions: 0 added" in shown
    assert "1 not-applied" in shown


def test_every_kind_that_is_no_success_ends_partly():
    for kind in OutcomeKind:
        head = text(Outcome(change=CREATE, kind=kind, detail="x")).splitlines()[-2]
        assert head.startswith("Apply complete!") == kind.verified, kind


def test_adopted_changes_are_counted_apart():
    adopted = Outcome(change=CREATE, kind=OutcomeKind.ADOPTED, detail="it was there")

    assert "1 added, 0 changed, 0 destroyed, 1 of them already there" in text(adopted)


def test_what_has_drifted_and_was_left_as_it_is_is_named_with_what_update_would_bring():
    schema = Schema.from_json(document(URN, "grade", "a", "b", "c", "d", "e"))
    planned = plan_tenant(
        tenant("acme"),
        extensions=[extension(document(URN, "a")), extension(document("urn:x", "a"), name="x")],
        live=LiveTenant(
            schemas={
                schema.key: schema,
                "urn:x": Schema.from_json(document("urn:x", "a", description="old")),
            }
        ),
        selection=Selection(),
        sightings={
            ("acme", fold(URN)): Sighting(at="2026-01-02", fingerprint=schema.fingerprint())
        },
    )

    shown = text(plan=Plan(tenants=(planned.without_live(),)))

    assert shown.splitlines()[:3] == [
        "acme/acme: left as it is: only the manifest has changed: live is as it was at "
        "2026-01-02; onDrift is skip (the default; desired-state/acme.yaml:3 can set it below "
        "spec); with update it would be blocked (incompatible), because b exists only live; c "
        "exists only live; d exists only live; e exists only live; grade exists only live. An "
        "update here adds optional attributes, changes descriptions, adds canonical values and "
        "loosens, nothing else; add a new attribute beside the old one and move the values "
        "(reconciler migrate writes the steps), or bring the manifest back to what is live",
        "acme/x: left as it is: onDrift is skip (the default; desired-state/x.yaml:3 can set "
        "it below spec); with update it would be written: description",
        "Apply complete! Extensions: 0 added, 0 changed, 0 destroyed, 1 drifted and left as is, "
        "1 outdated and left as is.",
    ]


def test_updates_are_counted_as_changed():
    done = Outcome(change=Update(SUBJECT), kind=OutcomeKind.APPLIED, latency_ms=1)

    assert "0 added, 1 changed" in text(done)


def test_a_service_that_does_not_allow_it_is_shown_as_blocked():
    refused = Outcome(
        change=CREATE,
        kind=OutcomeKind.NOT_APPLIED,
        detail="this service does not allow schemas to be created",
        blocked=BlockReason.UNSUPPORTED,
    )

    assert "acme/acme: blocked: this service does not allow" in text(refused)


def test_blocked_and_unreadable_are_not_hidden_by_what_went_well():
    blocked = plan_tenant(
        replace(tenant("full"), limits=Limits(extensions=0)),
        extensions=[extension()],
        live=LiveTenant(schemas={}),
        selection=Selection(),
    )
    broken = TenantPlan(tenant=tenant("east"), error="GET → 503")

    shown = text(plan=Plan(tenants=(blocked, broken)))

    assert "full/acme: blocked" in shown
    assert "blocked (extension-limit)" in shown
    assert "east: not readable: GET → 503" in shown
    assert "Apply ended partly" in shown


def test_a_locked_tenant_is_no_success():
    assert "Apply ended partly" in text(locked={"acme": "tenant acme is locked by run 7"})


def test_a_summary_names_recovered_writes():
    settled = Recovered(
        tenant="acme",
        schema_id=URN,
        change="acme/hr",
        kind=OutcomeKind.APPLIED,
        detail="an earlier run had",
    )

    assert "acme/hr: recovered as applied: an earlier run had" in text(recovered=(settled,))


def test_a_summary_says_of_recovered_writes_what_was_found_of_their_attributes():
    settled = Recovered(
        tenant="acme", schema_id=URN, change="acme/hr", kind=OutcomeKind.APPLIED, detail="done"
    )
    found = Searched(found=(("badge", Found(searchable=Searchable.TRUE)),), ms=96)

    shown = text(recovered=(settled,), searched={"acme/hr": found})

    assert "acme/hr: recovered as applied: done; searchable after 96 ms" in shown


def test_undelivered_webhooks_are_named_with_what_happens_next():
    waiting = DeliverySummary(attempts=(FAILED,), waiting=(FAILED.row,))

    shown = text(deliveries=waiting)

    assert "webhook not delivered: acme: x to https://hr: refused" in shown
    assert "1 pending; the next apply or `reconciler webhooks deliver` tries again." in shown


def test_a_lost_store_is_not_reported_as_nothing_pending():
    shown = text(deliveries=DeliverySummary(attempts=(DELIVERED,), waiting=None))

    assert "Webhooks: 1 delivered, and the store cannot be asked how many are pending." in shown
    assert "0 pending" not in shown


def test_a_locked_tenant_without_changes_is_named_with_its_holder():
    assert "tenant acme is locked by run 7" in text(
        locked={"acme": "tenant acme is locked by run 7"}
    )


def test_a_run_that_was_cut_short_never_says_complete():
    done = Outcome(change=CREATE, kind=OutcomeKind.APPLIED, latency_ms=1)

    shown = text(done, finished=False)

    assert "Apply was cut short. Extensions: 1 added" in shown
    assert "complete" not in shown


def test_a_run_whose_plan_was_refused_does_not_look_like_one_that_was_interrupted():
    assert "Apply was refused. Extensions: 0 added" in text(finished=False, refused=True)


def test_a_recovery_counts_what_it_settled():
    kinds = (OutcomeKind.APPLIED, OutcomeKind.APPLIED, OutcomeKind.NOT_APPLIED)
    settled = tuple(
        Recovered(tenant="acme", schema_id=URN, change="acme/hr", kind=kind) for kind in kinds
    )
    unknown = Recovered(
        tenant="acme", schema_id=URN, change="acme/hr", kind=OutcomeKind.UNKNOWN, detail="503"
    )

    well = text(recovered=settled, planned=False)
    partly = text(recovered=(*settled, unknown), planned=False)
    nothing = text(planned=False)

    assert "Recovery complete! Extensions: 2 applied, 1 not-applied." in well
    assert "Recovery ended partly. Extensions: 2 applied, 1 not-applied, 1 unknown." in partly
    assert "Recovery complete! Extensions: nothing was left open." in nothing


def test_a_recovery_does_not_say_that_nothing_was_left_open_where_it_did_not_look():
    shown = text(
        planned=False,
        left_open=(LeftOpen("acme", 2),),
        unclaimed=(UnclaimedName(name="old", open_writes=1),),
    )

    assert "warning: acme: no outcome is recorded of 2 writes, and this run leaves" in shown
    assert "warning: old: no manifest here has this tenant (writes without a known end: 1)" in shown
    assert "`reconciler apply --recover-only --tenant old`" in shown
    assert "nothing was left open in the tenants that this run could look at." in shown


def test_a_recovery_does_not_speak_for_a_tenant_that_another_run_holds():
    shown = text(planned=False, locked={"acme": "tenant acme is locked by run 7"})

    assert "Recovery ended partly. Extensions: nothing was left open in the tenants that" in shown
