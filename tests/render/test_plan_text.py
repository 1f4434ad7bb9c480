"""The plan as text and as JSON: what a tired person reads, and what a script does."""

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from referencing import Registry

from reconciler.adapters.packaged import schema_text
from reconciler.domain.deciding import LiveTenant, plan_tenant
from reconciler.domain.drift import Drift, DriftKind
from reconciler.domain.manifest import ChangeKind, Deprecated, GitState, Limits, OnDrift
from reconciler.domain.measures import Measured, Risk, StillHeld
from reconciler.domain.plan import Blocked, Plan, TenantPlan
from reconciler.domain.problem import Place
from reconciler.domain.rules.revision import MeasureKind
from reconciler.domain.scim import Schema
from reconciler.domain.selection import Selection
from reconciler.render.json_text import json_text
from reconciler.render.paint import Paint
from reconciler.render.plain_text import counted, visible
from reconciler.render.plan_document import plan_document, plan_json
from reconciler.render.plan_markdown import plan_markdown
from reconciler.render.plan_text import plan_text
from tests.support.fakes import URN, document, extension, tenant
from tests.support.markdown_world import renamed

PLAIN = Paint()


def planned(*live: dict, extensions=None, limits=None, selection=None) -> TenantPlan:
    schemas = [Schema.from_json(one) for one in live]
    return plan_tenant(
        replace(tenant(), base_url="https://acme.example.com/scim/v2", limits=limits or Limits()),
        extensions=extensions or [extension()],
        live=LiveTenant(schemas={schema.key: schema for schema in schemas}),
        selection=selection or Selection(),
    )


def text_of(*tenants: TenantPlan, selection: Selection | None = None) -> str:
    plan = Plan(tenants=tenants, git=GitState(commit="c0ffee"), selection=selection or Selection())
    return "".join(plan_text(plan_document(plan), paint=PLAIN))


def test_a_create_lists_its_attributes_and_where_it_is_written_down():
    wanted = extension(
        document()
        | {
            "attributes": [
                {"name": "code", "type": "string", "caseExact": True, "returned": "always"},
                {"name": "start", "type": "dateTime", "mutability": "immutable"},
                {
                    "name": "jobs",
                    "type": "complex",
                    "multiValued": True,
                    "subAttributes": [{"name": "title"}, {"name": "share", "type": "integer"}],
                },
            ]
        }
    )
    tenant = planned(extensions=[wanted])

    text = text_of(tenant)

    digest = Plan(tenants=(tenant,)).digest()
    assert text == (
        "Tenant acme-prod  (genesys, https://acme.example.com/scim/v2)"
        "  0 of 10 extensions in use\n"
        f"  + create: acme  {URN}  [desired-state/acme.yaml:3]\n"
        '      + name = "Acme"\n'
        "      + code: string, caseExact, returned always\n"
        "      + jobs: complex, multiValued\n"
        "      +   share: integer\n"
        "      +   title: string\n"
        "      + start: dateTime, immutable\n"
        "      WRITER: attribute 'jobs': complex, which many connectors cannot fill (SCH017)\n"
        f"  digest: {tenant.digest()}\n"
        "\n"
        "WRITER: connectors that fill them.\n"
        "\n"
        "Plan: 1 to add, 0 to change, 0 to destroy.\n"
        "0 in sync, 0 drifted, 0 blocked, 0 unmanaged.\n"
        f"Digest: {digest}\n"
    )


def test_drift_is_shown_member_by_member():
    text = text_of(planned(document(URN, "grade", "theirs", description="old")))

    assert "  ! drifted, left as it is: " in text
    assert "      attributes.theirs: only live: string" in text
    assert '      description: only live: "old"' in text
    assert "Plan: 0 to add, 0 to change, 0 to destroy." in text
    assert "1 drifted" in text


def test_an_update_shows_both_sides():
    live = document(URN, "grade", description="old")
    wanted = extension(document(URN, "grade", "level", description="new"), on_drift=OnDrift.UPDATE)

    text = text_of(planned(live, extensions=[wanted]))

    assert "  ~ update in place: " in text
    assert '      ~ description: live "old", desired "new"' in text
    assert "      + attributes.level: only desired: string" in text


def test_a_blocked_change_shows_reason_and_recipe():
    text = text_of(planned(limits=Limits(extensions=0)))

    assert "  x blocked (extension-limit): " in text
    assert "retire one that is not used" in text


def test_drift_is_shown_with_its_date_where_the_trail_has_one():
    since = "2026-01-02T03:04:05.678Z"
    lines = {
        DriftKind.CHANGED: f"      changed out of band after {since}\n",
        DriftKind.OUTDATED: f"      only the manifest has changed: live is as it was at {since}\n",
        DriftKind.MISSING: f"      missing: it was there at {since}, and creating it brings no",
    }
    other = planned(document(URN, "other"))
    for kind, line in lines.items():
        dated = replace(other, drift=(Drift(kind=kind, schema_id=URN, since=since),))

        assert line in text_of(dated)
        assert line.strip() not in text_of(other)

    extra = planned(document(), document("urn:acme:extra"))
    known = Drift(kind=DriftKind.UNMANAGED, schema_id="urn:acme:extra", since=since)
    reported = f"  unmanaged, left alone: urn:acme:extra (was managed at {since})\n"
    assert reported in text_of(replace(extra, drift=(known,)))


SKIPPED = {
    "written": "onDrift is skip (desired-state/acme.yaml:9); with update it would be written: "
    "attributes.level, description\n",
    "default": "onDrift is skip (the default; desired-state/acme.yaml:3 can set it below spec); "
    "with update it would be written: attributes.level, description\n",
    "blocked": "onDrift is skip (desired-state/acme.yaml:9); with update it would be blocked "
    "(incompatible), because theirs exists only live. An update here adds",
}


@pytest.mark.parametrize("case", SKIPPED)
def test_a_plan_says_that_only_the_manifest_has_changed_and_what_update_would_bring(case: str):
    live = document(URN, "grade", *(["theirs"] if case == "blocked" else []), description="old")
    wanted = replace(
        extension(document(URN, "grade", "level", description="new")),
        on_drift_place=None if case == "default" else Place("desired-state/acme.yaml", 9, 12),
        personal=("level",),
        owners={ChangeKind.EXPOSING: ("@acme/privacy",)},
    )
    drift = Drift(kind=DriftKind.OUTDATED, schema_id=URN, since="2026-01-02T03:04:05.678Z")

    text = text_of(replace(planned(live, extensions=[wanted]), drift=(drift,)))

    assert f"  ! outdated, left as it is: acme  {URN}  [" in text
    assert "      only the manifest has changed: live is as it was at 2026-01-02T03:04" in text
    assert f"      {SKIPPED[case]}" in text
    assert "      with update, READER: attribute 'level': personal data, returned unasked" in text
    assert "      with update, must approve what is exposing: @acme/privacy\n" in text
    assert "\nMust approve" not in text
    assert "0 in sync, 1 drifted (1 outdated), 0 blocked" in text


def test_approvers_stand_before_the_summary_of_a_plan():
    owned = replace(
        extension(document(URN, "birthDate")),
        personal=("birthDate",),
        owners={ChangeKind.EXPOSING: ("@acme/privacy", "dpo@example.com")},
    )

    text = text_of(planned(extensions=[owned]))

    assert "      READER: attribute 'birthDate': personal data, returned unasked (SCH010)\n" in text
    assert (
        "Must approve what is exposing: @acme/privacy, dpo@example.com: acme (1 tenant)\n"
        "\nPlan: 1 to add" in text
    )


def test_a_plan_in_sync_says_that_nothing_changes():
    text = text_of(planned(document()))

    assert text.splitlines()[-3].startswith("No changes. Live schemas match the manifests.")
    assert "  = in sync: " in text


def test_a_plan_says_that_an_apply_writes_to_a_test_user_and_names_nobody():
    made = planned()
    made = replace(made, tenant=replace(made.tenant, canary="probe@acme.example"))
    saved = plan_document(Plan(tenants=(made,)))

    assert "/scim/v2, what is new is tried on its test user)" in text_of(made)
    assert "`, what is new is tried on its test user |" in plan_markdown(saved)
    assert saved["tenants"][0]["canary"] is True
    assert "probe" not in text_of(made) + plan_markdown(saved) + json_text(saved)


def test_where_no_manifest_wants_anything_nothing_is_said_to_match():
    text = text_of(TenantPlan(tenant=tenant("east"), unmanaged=("urn:a",)))

    assert "No changes. No extension is wanted by the manifests. Plan: 0 to add" in text
    assert "match" not in text


def test_an_unreadable_tenant_is_reported_with_its_reason():
    broken = TenantPlan(tenant=tenant("east"), error="GET → 503")

    text = text_of(broken)

    assert "  not readable: GET → 503" in text
    assert "1 not readable" in text
    assert "No changes" not in text


def test_a_partial_plan_says_so_first():
    selection = Selection(targets=("hr-*",))

    text = text_of(planned(selection=selection), selection=selection)

    assert text.splitlines()[0] == "This plan is partial: --target hr-*"
    assert "= excluded" in text


def test_an_exceeded_limit_is_shown_with_its_setting():
    text = text_of(planned(limits=Limits(max_creates=0)))

    assert "Limit: tenant acme-prod: 1 " in text
    assert "spec.limits.maxCreates: 0" in text


def test_unmanaged_extensions_are_listed_and_left_alone():
    text = text_of(planned(document(), document("urn:acme:other")))

    assert "  unmanaged, left alone: urn:acme:other" in text
    assert "2 of 10 extensions in use" in text


def test_colour_changes_no_text_of_a_plan():
    plan = plan_document(Plan(tenants=(planned(),)))
    coloured = "".join(plan_text(plan, paint=Paint(on=True)))

    assert "\x1b[32m" in coloured
    bare = coloured
    for code in ("32", "33", "31", "1", "2", "0"):
        bare = bare.replace(f"\x1b[{code}m", "")
    assert bare == "".join(plan_text(plan, paint=PLAIN))


@given(st.text(max_size=30))
def test_text_from_a_tenant_cannot_steer_the_terminal(foreign):
    text = text_of(planned(document(), document("urn:acme:" + (foreign or "x"))))

    assert not any(ord(c) < 32 and c != "\n" for c in text)
    assert "\x7f" not in text
    assert "\u202e" not in text
    assert len(text.splitlines()) == 8


@pytest.mark.parametrize(
    ("raw", "shown"),
    [("a\x1b[31mb", "a\\x1b[31mb"), ("a\nb", "a\\nb"), ("\u202eevil", "\\u202eevil"), ("é", "é")],
)
def test_control_characters_are_shown_as_escapes(raw, shown):
    assert visible(raw) == shown


def test_counted_takes_the_plural_where_needed():
    assert [counted(n, "tenant") for n in (0, 1, 2)] == ["0 tenants", "1 tenant", "2 tenants"]


PLANS = {
    "create": planned,
    "in sync": lambda: planned(document()),
    "drifted": lambda: planned(document(URN, "other")),
    "excluded": lambda: planned(selection=Selection(excludes=("*",))),
    "blocked": lambda: planned(limits=Limits(extensions=0)),
    "update": lambda: planned(
        document(),
        extensions=[extension(document(URN, "grade", "level"), on_drift=OnDrift.UPDATE)],
    ),
    "unreadable": lambda: TenantPlan(tenant=tenant("e"), error="no"),
}


@pytest.mark.parametrize("kind", PLANS)
def test_every_plan_is_what_the_published_schema_says(kind):
    plan_schema = json.loads(schema_text("plan"))
    made = plan_document(Plan(tenants=(PLANS[kind](),)))

    jsonschema.Draft202012Validator(plan_schema, registry=Registry()).validate(
        json.loads(json_text(made))
    )


@pytest.mark.parametrize("kind", PLANS)
def test_same_plan_same_bytes(kind):
    first, second = (json_text(plan_document(Plan(tenants=(PLANS[kind](),)))) for _ in "12")

    assert first == second


def test_the_saved_plan_names_what_the_contract_names():
    plan = Plan(
        tenants=(planned(),),
        git=GitState(commit="c0ffee", dirty=True),
        selection=Selection(tenants=("acme-*",)),
    )

    made = plan_document(plan)

    assert made["git"] == {"commit": "c0ffee", "dirty": True}
    assert made["selection"] == {"tenant": ["acme-*"], "target": [], "exclude": []}
    assert made["digest"] == plan.digest()
    [tenant] = made["tenants"]
    [change] = tenant["changes"]
    assert change["id"] == "acme-prod/acme"
    assert change["live_fingerprint"] == "absent"
    assert change["source"] == {"path": "desired-state/acme.yaml", "line": 3}


def test_wording_of_a_recipe_is_no_part_of_the_digest():
    blocked = planned(limits=Limits(extensions=0))
    other = replace(
        blocked,
        changes=tuple(
            replace(c, recipe="other words") for c in blocked.changes if isinstance(c, Blocked)
        ),
    )

    assert blocked.digest() == other.digest()


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_plan_in_pieces_is_the_json_text_of_the_whole(number: int) -> None:
    models = [PLANS[kind]() for kind in sorted(PLANS)][:number]
    document = plan_document(Plan(tenants=tuple(models)))

    assert "".join(plan_json(document)) == json_text(document)
    others = {member: value for member, value in document.items() if member != "checksum"}
    whole = json.dumps(others, sort_keys=True).encode()
    assert document["checksum"] == f"sha256:{hashlib.sha256(whole).hexdigest()}"


# Several tenants

FLEET = 41


def test_plans_that_are_alike_are_shown_once_with_the_names_of_their_tenants():
    plans = [renamed(planned(), name) for name in ("a", "b", "c")]
    apart = renamed(planned(document(), document("urn:acme:other")), "d")

    text = text_of(*plans, apart)

    assert text.startswith("Same in 3 tenants: a, b, c\n  + create: ")
    assert text.count("+ create: ") == 1
    rest = text.partition("\nTenant d\n")[2]
    assert rest.startswith("  = in sync: ")
    assert "  unmanaged, left alone: urn:acme:other\n\nTenants\n" in rest
    for plan in (*plans, apart):
        used = 2 if plan is apart else 0
        facts = f"genesys, https://acme.example.com/scim/v2  {used} of 10 extensions in use"
        assert f"  {plan.name}  {facts}  {plan.digest()}\n" in rest


def alike(number: int, different: int = 0) -> list[TenantPlan]:
    """Tenants for which two extensions are created, and some that have one of them otherwise."""
    names = [f"code{each}" for each in range(6)]
    wanted = [extension(document(URN, *names)), extension(document("urn:acme:b", *names), name="b")]
    model = planned(extensions=wanted)
    other = planned(document(URN, "other"), extensions=wanted)
    return [
        renamed(other if each < different else model, f"tenant-{each:04}") for each in range(number)
    ]


@pytest.mark.parametrize("different", [0, 3])
def test_a_fleet_of_tenants_that_are_alike_takes_few_lines(different: int):
    text = text_of(*alike(FLEET, different))

    assert text.count("\n") <= 130
    assert len(text.encode()) <= 12_000
    assert text.count("+ create: b  urn:acme:b") == 1


def test_a_plan_of_twice_the_tenants_is_at_most_twice_as_long():
    small, large = (len(text_of(*alike(number, 3))) for number in (1000, 2000))

    assert large <= 2.1 * small


def test_what_differs_by_tenant_is_shown_from_the_least_to_the_most():
    def plan(name: str, users: int, since: str) -> TenantPlan:
        made = with_impact(measured(users=users))
        drift = Drift(kind=DriftKind.CHANGED, schema_id=URN, since=since)
        return replace(renamed(made, name), drift=(drift,))

    text = text_of(plan("a", 3, "2026-01-02"), plan("b", 30, "2026-01-01"))

    assert text.startswith("Same in 2 tenants: a, b\n")
    assert "      changed out of band after 2026-01-01 (b) to 2026-01-02 (a)\n" in text
    assert "risk many: a becomes required: 3 of 40 (a) to 30 of 40 (b) have no value\n" in text


def test_tenants_that_exceed_a_limit_alike_are_named_in_one_line():
    limited = planned(limits=Limits(max_creates=0))

    text = text_of(*(renamed(limited, name) for name in ("a", "b")))

    assert "Limit: tenants a, b: 1 change exceeds spec.limits.maxCreates: 0; " in text
    assert text.count("Limit: ") == 1


# Impact


def measured(**members: Any) -> Measured:
    known: dict[str, Any] = {"path": "a", "kind": MeasureKind.REQUIRED, "users": 3, "of": 40}
    return Measured(**{**known, "risk": Risk.MANY, **members})


def with_impact(*found: Measured) -> TenantPlan:
    live = document() | {"attributes": [{"name": "a"}, {"name": "start"}]}
    plan = planned(live, extensions=[extension()])
    return replace(plan, impact={plan.changes[0].subject.id: found})


def test_a_plan_shows_how_many_users_a_change_hurts_and_the_class_of_that():
    unknown = measured(path="b", kind=MeasureKind.TYPE, users=None, of=None, risk=Risk.UNKNOWN)

    lines = text_of(with_impact(measured(), unknown)).splitlines()

    assert "      risk many: a becomes required: 3 of 40 have no value" in lines
    assert (
        "      risk unknown: b becomes another type: "
        "how many hold a value that is none of it is not known"
    ) in lines


@pytest.mark.parametrize("kind", MeasureKind)
def test_each_kind_of_impact_has_its_words_in_text_and_its_name_in_json(kind: MeasureKind):
    tenant = with_impact(measured(kind=kind))

    document = plan_document(Plan(tenants=(tenant,)))

    assert re.search(r"risk many: a .+: 3 of 40 .+", text_of(tenant))
    ((change,),) = (each["changes"] for each in document["tenants"])
    assert change["impact"] == [
        {"path": "a", "kind": str(kind), "users": 3, "of": 40, "risk": "many"}
    ]
    jsonschema.Draft202012Validator(json.loads(schema_text("plan"))).validate(document)


def test_the_numbers_of_users_are_no_part_of_a_digest():
    one, other = with_impact(measured()), with_impact(measured(users=4))

    assert one.digest() == other.digest() == with_impact().digest()
    assert Plan(tenants=(one,)).digest() == Plan(tenants=(other,)).digest()


def with_deprecated(*found: StillHeld) -> TenantPlan:
    plan = planned(document(), extensions=[extension()])
    return replace(plan, impact={}, deprecated={plan.changes[0].subject.id: found})


BADGE = Deprecated(name="badge", since="2026-12-01", use="badgeId", reason="ids\x1b[1m")


def test_a_plan_shows_who_holds_what_is_deprecated_also_of_what_is_in_sync():
    notice = Deprecated(name="desk.floor", since="2027-01-01")
    tenant = with_deprecated(
        StillHeld(notice=BADGE, users=12, of=40), StillHeld(notice=notice, users=None, of=None)
    )
    made = plan_document(Plan(tenants=(tenant,)))
    ((change,),) = (each["changes"] for each in made["tenants"])

    lines = text_of(tenant).splitlines()

    assert (change["reason"], change["impact"]) == ("in-sync", [])
    at = lines.index(
        "      deprecated since 2026-12-01: badge, use badgeId (ids\\x1b[1m): "
        "12 of 40 still hold a value"
    )
    assert lines[at + 1] == (
        "      deprecated since 2027-01-01: desk.floor: how many still hold a value is not known"
    )
    assert change["deprecated"] == [
        {"path": "badge", "since": "2026-12-01", "use": "badgeId", "reason": "ids\x1b[1m",
         "users": 12, "of": 40},
        {"path": "desk.floor", "since": "2027-01-01", "use": None, "reason": None,
         "users": None, "of": None},
    ]  # fmt: skip
    jsonschema.Draft202012Validator(json.loads(schema_text("plan"))).validate(made)
    assert "12 of 40 still hold a value" in plan_markdown(made)
    assert "hurts" not in plan_markdown(made)
    assert "users:" not in plan_markdown(made)


def test_the_holders_of_what_is_deprecated_are_no_part_of_a_digest():
    one, other = (with_deprecated(StillHeld(notice=BADGE, users=n, of=40)) for n in (1, 2))

    assert one.digest() == other.digest() == with_deprecated().digest()


def test_a_plan_that_counted_nobody_says_nothing_of_impact():
    plan = replace(with_impact(), impact=None)

    made = plan_document(Plan(tenants=(plan,)))
    ((change,),) = (each["changes"] for each in made["tenants"])

    assert not {"impact", "deprecated"} & change.keys()
    assert "risk" not in text_of(plan)
