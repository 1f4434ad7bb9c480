"""Sections of a plan: what is the same stands once, and whatever differs stands apart."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from reconciler.domain.drift import Drift, DriftKind
from reconciler.domain.manifest import Deprecated
from reconciler.domain.measures import Measured, Risk, StillHeld
from reconciler.domain.plan import Plan, TenantPlan
from reconciler.domain.rules.revision import MeasureKind
from reconciler.domain.sections import Extremes, Rank, Section, sections
from reconciler.render.paint import Paint
from reconciler.render.plan_document import plan_document
from reconciler.render.plan_text import plan_text
from tests.support.fakes import URN, document, tenant
from tests.support.markdown_world import planned, renamed
from tests.support.markdown_world import tenants as models

OTHER = "urn:example:other"


def divided(*plans: TenantPlan) -> list[Section]:
    made = plan_document(Plan(tenants=tuple(sorted(plans, key=lambda each: each.name))))
    return list(sections(made["tenants"]))


@pytest.mark.parametrize("kind", models())
def test_tenants_whose_plans_are_alike_are_one_section(kind: str) -> None:
    [section] = divided(*(renamed(models()[kind], name) for name in ("a", "b", "c")))

    assert (section.tenants, section.first) == (("a", "b", "c"), 0)


def test_each_kind_of_plan_is_a_section_of_its_own_the_gravest_first() -> None:
    found = divided(*models().values())

    assert [section.rank for section in found] == sorted(section.rank for section in found)
    ranks = {name: section.rank for section in found for name in section.tenants}
    assert ranks == {
        "unreadable": Rank.UNREADABLE, "risky": Rank.RISKY, "update": Rank.UPDATE,
        "create": Rank.CREATE, "limited": Rank.CREATE, "missing": Rank.CREATE,
        "blocked": Rank.BLOCKED, "incompatible": Rank.BLOCKED, "drifted": Rank.DRIFTED,
        "changed": Rank.DRIFTED, "outdated": Rank.DRIFTED, "hurting": Rank.DRIFTED,
        "uncounted": Rank.DRIFTED, "warned": Rank.UNCHANGED, "frozen": Rank.UNCHANGED,
        "in-sync": Rank.UNCHANGED,
    }  # fmt: skip


def test_what_some_of_the_tenants_have_stands_beside_what_all_have() -> None:
    both = planned("a", document(), document(OTHER))
    one = planned("b", document())

    found = divided(both, one)

    assert [(each.tenants, list(each.changes), list(each.unmanaged)) for each in found] == [
        (("a", "b"), [0], []),
        (("a",), [], [OTHER]),
    ]


def test_a_tenant_without_anything_is_in_a_section() -> None:
    nothing = TenantPlan(tenant=tenant("a"))

    [section] = divided(nothing, renamed(nothing, "b"))

    assert section.tenants == ("a", "b")
    assert (section.error, section.warnings, section.changes, section.unmanaged) == (
        None, (), {}, {},
    )  # fmt: skip


def strings(value: Any, path: tuple = ()) -> list[tuple]:
    """The path of each value in a document that is neither an object nor an array."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, each in pairs for found in strings(each, (*path, key))]
    return [path]


@pytest.mark.parametrize("kind", ["create", "update", "drifted", "blocked", "risky", "outdated"])
def test_two_changes_that_differ_anywhere_they_are_shown_or_written_are_two_sections(
    kind: str,
) -> None:
    document = plan_document(Plan(tenants=(renamed(models()[kind], "a"),)))
    [tenant] = document["tenants"]
    same: Any = {**deepcopy(tenant), "name": "b"}
    [change] = tenant["changes"]
    written = change["action"] in ("create", "update")
    apart = 0
    for path in strings(change):
        if path[0] in ("id", "impact"):
            continue
        other = deepcopy(same)
        [at] = other["changes"]
        for key in path[:-1]:
            at = at[key]
        was = at[path[-1]]
        at[path[-1]] = f"{was}." if isinstance(was, str) else 7
        if path[0] in ("action", "schema_id"):  # it says of what kind all the others are
            continue
        found = sections([tenant, other])
        hidden = not written and path[0] in ("before", "live_fingerprint")
        assert len(found) == (1 if hidden else 2), path
        apart += len(found) - 1

    assert apart > 10
    assert len(sections([tenant, same])) == 1


def test_numbers_that_only_look_alike_are_two_sections() -> None:
    [tenant] = plan_document(Plan(tenants=(planned("a"),)))["tenants"]
    texts = [json.dumps(tenant).replace('"required": false', f'"required": {to}') for to in "01"]

    assert len(sections([tenant, *map(json.loads, texts)])) == 3


def test_a_plan_that_says_a_thing_twice_keeps_both() -> None:
    [tenant] = plan_document(Plan(tenants=(planned("a"),)))["tenants"]
    [change] = tenant["changes"]
    twice: Any = {**tenant, "name": "b", "changes": [change, change], "warnings": ["odd", "odd"]}

    found = sections([tenant, twice])

    assert [(each.tenants, list(each.changes), each.warnings) for each in found] == [
        (("a", "b"), [0], ()),
        (("b",), [1], ("odd", "odd")),
    ]


def test_the_times_since_when_tenants_have_drifted_are_a_range() -> None:
    def drifted(name: str, since: str) -> TenantPlan:
        drift = Drift(kind=DriftKind.CHANGED, schema_id=URN, since=since)
        extra = Drift(kind=DriftKind.UNMANAGED, schema_id=OTHER, since=since)
        plan = planned(name, document(URN, "other"), document(OTHER))
        return replace(plan, drift=(drift, extra))

    days = {"a": "2026-01-02", "b": "2026-01-03", "c": "2026-01-01", "d": "2026-01-02"}
    [section] = divided(*(drifted(name, since) for name, since in days.items()))

    since = Extremes("2026-01-01", "c", "2026-01-03", "b")
    assert [each.since for each in section.changes.values()] == [since]
    assert section.unmanaged == {OTHER: since}


def hurting(name: str, users: int | None, of: int, risk: Risk = Risk.SOME) -> TenantPlan:
    plan = planned(name, document(URN, "other"))
    found = Measured(path="a", kind=MeasureKind.REMOVED, users=users, of=of, risk=risk)
    return replace(plan, impact={plan.changes[0].subject.id: (found,)})


def test_the_numbers_of_users_hurt_are_a_range_and_classes_of_risk_are_apart() -> None:
    found = divided(
        hurting("a", 3, 40),
        hurting("b", 1, 9),
        hurting("c", 30, 40, Risk.MANY),
        hurting("d", None, 40, Risk.UNKNOWN),
        hurting("e", None, 50, Risk.UNKNOWN),
    )

    users = [(each.tenants, *(one.users for one in each.changes.values())) for each in found]
    assert users == [
        (("a", "b"), (Extremes((1, 9), "b", (3, 40), "a"),)),
        (("c",), (Extremes((30, 40), "c", (30, 40), "c"),)),
        (("d", "e"), (None,)),
    ]


def holding(name: str, users: int | None, of: int | None, use: str = "badgeId") -> TenantPlan:
    plan = planned(name, document(URN, "other"))
    notice = Deprecated(name="badge", since="2026-11-01", use=use)
    held = (StillHeld(notice=notice, users=users, of=of),)
    return replace(plan, impact={}, deprecated={plan.changes[0].subject.id: held})


def test_the_numbers_of_those_who_hold_what_is_deprecated_are_a_range() -> None:
    plans = [
        holding("a", 3, 40), holding("b", 1, 9), holding("c", None, None), holding("d", 3, 40, "id")
    ]  # fmt: skip

    found = divided(*plans)
    shown = "".join(plan_text(plan_document(Plan(tenants=tuple(plans))), paint=Paint()))

    holders = [(each.tenants, *(one.holders for one in each.changes.values())) for each in found]
    assert holders == [
        (("a", "b"), (Extremes((1, 9), "b", (3, 40), "a"),)),
        (("c",), (None,)),
        (("d",), (Extremes((3, 40), "d", (3, 40), "d"),)),
    ]
    assert "badge, use badgeId: 1 of 9 (b) to 3 of 40 (a) still hold a value\n" in shown
