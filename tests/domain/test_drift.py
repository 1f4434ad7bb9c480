"""What came apart, by kind and since when, and that none of it decides anything."""

from dataclasses import replace

import pytest

from reconciler.domain.drift import Drift, DriftKind, Sighting, Sightings, drift_of
from reconciler.domain.manifest import GitState, Manages, Manifests, OnDrift
from reconciler.domain.plan import Plan
from reconciler.domain.scim import ABSENT, Schema
from reconciler.domain.selection import Selection
from reconciler.planning import Desired, plan_fleet, planner
from tests.support.fakes import URN, FakeTenant, document, extension, tenant

AT = "2026-01-02T03:04:05.678Z"
SEEN = {name: Sighting(at=AT, fingerprint=name) for name in ("live", "desired", "other")}
CHANGED, MISSING, UNMANAGED, OUTDATED = DriftKind


@pytest.mark.parametrize(
    ("live", "seen", "stays", "reported"),
    [
        (ABSENT, None, False, None),  # new
        (ABSENT, "desired", False, (MISSING, AT)),
        (ABSENT, "other", False, (MISSING, AT)),
        ("live", None, True, (CHANGED, None)),  # who changed what is not known
        ("live", None, False, None),  # an update, for all that is known
        ("live", "desired", True, (CHANGED, AT)),
        ("live", "desired", False, (CHANGED, AT)),
        ("live", "live", True, (OUTDATED, AT)),
        ("live", "live", False, None),  # an update of what this program left
        ("live", "other", True, (CHANGED, None)),  # both have changed, or it is looked at otherwise
        ("live", "other", False, None),
    ],
)
def test_the_kind_of_drift_follows_from_what_was_verified_last(live, seen, stays, reported):
    found = drift_of(URN, live=live, desired="desired", seen=SEEN.get(seen), stays=stays)

    assert found == (reported and Drift(kind=reported[0], schema_id=URN, since=reported[1]))


def planned(
    sightings: Sightings,
    *live: dict,
    on_drift: OnDrift = OnDrift.SKIP,
    selection: Selection | None = None,
) -> Plan:
    there = FakeTenant.holding(*live)
    desired = Desired(
        manifests=Manifests(tenants=(tenant(),), extensions=(extension(on_drift=on_drift),)),
        selection=selection or Selection(),
        git=GitState(),
        sightings=sightings,
    )
    return plan_fleet(desired, planner(desired, lambda _: there), parallelism=1)


def seen(fingerprint: str, urn: str = URN) -> Sightings:
    return {("acme-prod", urn.lower()): Sighting(at=AT, fingerprint=fingerprint)}


LIVE = {
    "absent": (),
    "as desired": (document(),),
    "other": (document(URN, "other"), document("urn:acme:extra")),
}


@pytest.mark.parametrize("live", LIVE)
@pytest.mark.parametrize("on_drift", OnDrift)
def test_sightings_change_the_text_of_drift_and_no_digest(live, on_drift):
    knowing = [
        {},
        seen("something"),
        seen(Schema.from_json(document()).fingerprint()),
        seen("x", "urn:acme:extra"),
    ]

    plans = [planned(sightings, *LIVE[live], on_drift=on_drift) for sightings in knowing]

    assert {plan.digest() for plan in plans} == {plans[0].digest()}
    bare = [tuple(replace(t, drift=()) for t in plan.tenants) for plan in plans]
    assert all(tenants == bare[0] for tenants in bare)


def drift_in(plan: Plan) -> list[tuple[DriftKind, str, str | None]]:
    return [(d.kind, d.schema_id, d.since) for t in plan.tenants for d in t.drift]


def test_an_extension_that_was_there_and_is_gone_is_missing():
    assert drift_in(planned(seen("x"))) == [(MISSING, URN, AT)]
    assert drift_in(planned({})) == []


def test_an_extension_that_nobody_names_is_unmanaged_since_its_manifest_went():
    extra = document("urn:acme:Extra")

    assert drift_in(planned({}, document(), extra)) == [(UNMANAGED, "urn:acme:Extra", None)]
    known = planned(seen("x", "urn:acme:extra"), document(), extra)
    assert drift_in(known) == [(UNMANAGED, "urn:acme:Extra", AT)]


def test_a_change_by_hand_is_distinguished_from_a_change_of_the_manifest():
    as_desired = seen(Schema.from_json(document()).fingerprint())
    as_live = seen(Schema.from_json(document(URN, "other")).fingerprint())

    assert drift_in(planned(as_desired, document(URN, "other"))) == [(CHANGED, URN, AT)]
    assert drift_in(planned(as_live, document(URN, "other"))) == [(OUTDATED, URN, AT)]
    assert drift_in(planned(as_desired, document())) == []


def test_a_sighting_on_another_tenant_says_nothing():
    elsewhere = {("other", URN.lower()): Sighting(at=AT, fingerprint="x")}

    assert drift_in(planned(elsewhere)) == []


def test_an_excluded_extension_has_not_drifted():
    left_out = Selection(excludes=("*",))

    assert drift_in(planned(seen("x"), selection=left_out)) == []
    assert drift_in(planned(seen("x"), document(URN, "other"), selection=left_out)) == []


GRADE, LEVEL = {"name": "grade"}, {"name": "level", "type": "integer"}


@pytest.mark.parametrize(
    ("wanted", "live", "kind"),
    [
        ({"attributes": [GRADE, {"name": "level"}]}, {}, OUTDATED),
        ({"attributes": [GRADE, {"name": "new"}, {"name": "LEVEL"}]}, {}, OUTDATED),
        ({"description": "another"}, {}, OUTDATED),
        ({"name": "another"}, {}, OUTDATED),
        ({"x": 2}, {}, OUTDATED),
        ({"attributes": [GRADE, {"name": "level"}]}, {"attributes": [LEVEL]}, CHANGED),
        ({"attributes": [{"name": "grade", "type": "integer"}]}, {}, OUTDATED),
        ({"description": "another"}, {"attributes": [{**GRADE, "type": "integer"}]}, CHANGED),
    ],
)
def test_what_a_manifest_of_attributes_begins_to_manage_has_not_changed_out_of_band(
    wanted, live, kind
):
    held = {"name": "HR", "description": "as it is", "x": 1, "attributes": [GRADE, LEVEL]}
    first = Schema.from_json({"id": URN, "attributes": [GRADE]})
    there = FakeTenant.holding({"id": URN, **held, **live})
    desired = Desired(
        manifests=Manifests(
            tenants=(tenant(),),
            extensions=(
                extension({"id": URN, "attributes": [GRADE], **wanted}, manages=Manages.ATTRIBUTES),
            ),
        ),
        selection=Selection(),
        git=GitState(),
        sightings=seen(first.fingerprint()),
    )

    [planned_tenant] = plan_fleet(desired, planner(desired, lambda _: there), parallelism=1).tenants
    [drift] = planned_tenant.drift
    assert drift.kind is kind
