"""Exactly what was approved is applied, or nothing: drift, edited plan files, safety limits."""

import json
import random
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from reconciler.cli.approved_plan import (
    Approval,
    ShownPlan,
    TenantDigests,
    WholePlan,
    approved_by,
    require_unedited,
)
from reconciler.cli.exits import exit_code
from reconciler.cli.reporting import run_code
from reconciler.domain.jsontext import Json, parse
from reconciler.domain.manifest import (
    Auth,
    AuthType,
    GitState,
    Limits,
    Manages,
    Manifests,
    OnDrift,
    SecretRef,
    SecretSource,
    Tenant,
)
from reconciler.domain.outcome import OutcomeKind, RunSummary, Unapproved
from reconciler.domain.plan import Create, Plan, TenantPlan, Update
from reconciler.domain.problem import Place
from reconciler.domain.selection import Selection
from reconciler.errors import LimitExceeded, PlanStale, TenantUnavailable, UsageError
from reconciler.planning import Desired, plan_fleet, planner
from reconciler.render.json_text import json_text
from reconciler.render.plan_document import checksum, plan_document
from tests.support.fakes import (
    START,
    FakeTenant,
    MemoryJournal,
    document,
    extension,
    tenant,
)
from tests.support.runs import Gateways, fleet_of

THOROUGH = pytest.mark.thorough


@dataclass
class Fake:
    """A fleet as it is generated: what is wanted, what is live, and what tenants say of it."""

    tenants: dict[str, Tenant] = field(default_factory=dict)
    live: dict[str, FakeTenant] = field(default_factory=dict)
    wanted: dict[str, Any] = field(default_factory=dict)  # manifest name: SchemaExtension
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    max_tenants: int = 50

    @classmethod
    def generated(cls, dice: random.Random) -> "Fake":
        """Always with `east`, on which `new` is missing, `old` in sync and `odd` drifted."""
        fake = cls()
        for name in ("east", *dice.sample(["north", "south", "west"], dice.randint(0, 3))):
            fake.tenants[name], fake.live[name] = tenant(name), FakeTenant()
        for name in ("new", "old", "odd", *dice.sample("abcd", dice.randint(0, 4))):
            names = dice.sample(["grade", "level", "site", "cost"], dice.randint(1, 3))
            update = OnDrift.UPDATE if name != "odd" and dice.random() < 0.5 else OnDrift.SKIP
            fake.wanted[name] = extension(document(urn(name), *names), name=name, on_drift=update)
            for where in fake.live:
                fake.fill(where, name, dice.choice(["absent", "equal", "less", "more"]))
        fake.live["east"].schemas.pop(urn("new"), None)
        fake.fill("east", "old", "equal")
        fake.fill("east", "odd", "more")
        return fake

    def fill(self, where: str, name: str, how: str) -> None:
        written = deepcopy(dict(self.wanted[name].schema.document))
        if how == "absent":
            return
        if how == "less":
            written["attributes"] = written["attributes"][:1]
            written["description"] = "as it was"
        if how == "more":
            written["attributes"].append({"name": "byHand", "type": "boolean"})
        self.live[where].put(written)

    def desired(self) -> Desired:
        return Desired(
            manifests=Manifests(
                tenants=tuple(self.tenants[name] for name in sorted(self.tenants)),
                extensions=tuple(self.wanted.values()),
            ),
            selection=Selection(),
            git=GitState(),
            max_tenants=self.max_tenants,
        )

    def plan(self) -> Plan:
        return plan_fleet(
            self.desired(), planner(self.desired(), lambda t: self.live[t.name]), parallelism=1
        )

    def saved(self) -> Json:
        """The plan as a file keeps it."""
        return parse(json_text(plan_document(self.plan())).encode())

    def apply(self, approved: Approval) -> RunSummary:
        fleet = fleet_of(
            self.desired(),
            Gateways(lambda t: self.live[t.name]),
            self.journal,
            schedule=lambda attempts, result: START,
        )
        progress = fleet.context.progress
        return fleet.apply(
            lambda plan: progress.record_unapproved(check(approved, plan)), keep=lambda plan: plan
        )

    def writes(self) -> int:
        return sum(live.writes() for live in self.live.values())


def urn(name: str) -> str:
    return f"urn:acme:{name}"


def approval(saved: Json) -> Approval:
    """As apply takes a saved plan."""
    require_unedited(saved)
    return Approval(of=ShownPlan(saved))


def check(approved: Approval, plan: Plan) -> tuple[Unapproved, ...]:
    return approved.check(plan, plan_document(plan))


# ------------------------------------------------------------------------------------ drift


def somebody_created_it(fake: Fake, dice: random.Random) -> None:
    fake.fill("east", "new", "more")


def somebody_deleted_it(fake: Fake, dice: random.Random) -> None:
    del fake.live["east"].schemas[urn(dice.choice(["old", "odd"]))]


def somebody_added_an_attribute(fake: Fake, dice: random.Random) -> None:
    change_live(fake, lambda written: written["attributes"].append({"name": "extra"}))


def somebody_removed_an_attribute(fake: Fake, dice: random.Random) -> None:
    change_live(fake, lambda written: written["attributes"].pop())


def somebody_changed_a_characteristic(fake: Fake, dice: random.Random) -> None:
    member, value = dice.choice([("required", True), ("multiValued", True), ("type", "integer")])
    change_live(fake, lambda written: written["attributes"][0].update({member: value}))


def somebody_changed_a_description(fake: Fake, dice: random.Random) -> None:
    change_live(fake, lambda written: written.update(description=f"edited {dice.random()}"))


def change_live(fake: Fake, change: Callable[[dict[str, Any]], object]) -> None:
    written = deepcopy(dict(fake.live["east"].schemas[urn("old")].document))
    change(written)
    fake.live["east"].put(written)


def a_manifest_was_edited(fake: Fake, dice: random.Random) -> None:
    name = dice.choice(list(fake.wanted))
    old = fake.wanted[name]
    attributes = [a["name"] for a in old.schema.document["attributes"]]
    written = document(urn(name), *attributes, description=f"edited {dice.random()}")
    fake.wanted[name] = extension(written, name=name, on_drift=old.on_drift)


def a_manifest_was_added(fake: Fake, dice: random.Random) -> None:
    fake.wanted["later"] = extension(document(urn("later")), name="later")


def a_manifest_was_taken_away(fake: Fake, dice: random.Random) -> None:
    del fake.wanted[dice.choice(list(fake.wanted))]


def updates_were_opted_into(fake: Fake, dice: random.Random) -> None:
    fake.wanted["odd"] = replace(
        fake.wanted["odd"], on_drift=OnDrift.UPDATE, manages=Manages.ATTRIBUTES
    )


def a_tenant_was_added(fake: Fake, dice: random.Random) -> None:
    fake.tenants["late"], fake.live["late"] = tenant("late"), FakeTenant()


def a_tenant_was_taken_away(fake: Fake, dice: random.Random) -> None:
    del fake.tenants["east"]


def a_tenant_has_moved(fake: Fake, dice: random.Random) -> None:
    moved = f"https://other-{dice.randint(1, 9)}.example.com/scim/v2"
    fake.tenants["east"] = replace(fake.tenants["east"], base_url=moved)


def a_tenant_gets_its_token_elsewhere(fake: Fake, dice: random.Random) -> None:
    fake.tenants["east"] = replace(fake.tenants["east"], auth=oauth("other", "EAST_ID"))


def a_tenant_uses_other_credentials(fake: Fake, dice: random.Random) -> None:
    """Only their names are in a manifest; the plan reads alike."""
    fake.tenants["east"] = replace(fake.tenants["east"], auth=oauth("login", "WEST_ID"))


def oauth(host: str, client: str) -> Auth:
    place = Place("desired-state/east.yaml")
    return Auth(
        type=AuthType.OAUTH2,
        token_url=f"https://{host}.example.com/oauth/token",
        credentials={"clientId": SecretRef(SecretSource.ENV, client, place)},
    )


def a_service_is_said_to_be_able_to_do_less(fake: Fake, dice: random.Random) -> None:
    east = fake.tenants["east"]
    fake.tenants["east"] = replace(east, dialect=east.dialect.overridden({"creates": False}))


def a_tenant_cannot_be_read_any_more(fake: Fake, dice: random.Random) -> None:
    fake.live["east"].unreadable = TenantUnavailable("no answer")


def the_room_is_used_up(fake: Fake, dice: random.Random) -> None:
    for number in range(10):
        fake.live["east"].put(document(f"urn:theirs:{number}"))


DRIFT = (
    somebody_created_it,
    somebody_deleted_it,
    somebody_added_an_attribute,
    somebody_removed_an_attribute,
    somebody_changed_a_characteristic,
    somebody_changed_a_description,
    a_manifest_was_edited,
    a_manifest_was_added,
    a_manifest_was_taken_away,
    updates_were_opted_into,
    a_tenant_was_added,
    a_tenant_was_taken_away,
    a_tenant_has_moved,
    a_tenant_gets_its_token_elsewhere,
    a_tenant_uses_other_credentials,
    a_service_is_said_to_be_able_to_do_less,
    a_tenant_cannot_be_read_any_more,
    the_room_is_used_up,
)


def seeds(what: str, number: int) -> Iterator[tuple[str, random.Random]]:
    """Chance that is the same in every run; a failure names its seed."""
    return ((f"{what} {n}", random.Random(f"{what} {n}")) for n in range(number))


@pytest.mark.parametrize("cases", [3, pytest.param(50, marks=THOROUGH)])
@pytest.mark.parametrize("drift", DRIFT)
def test_any_drift_of_one_tenant_after_the_plan_holds_that_tenant_back_and_no_other(
    drift: Callable[[Fake, random.Random], None], cases: int
) -> None:
    for seed, dice in seeds(drift.__name__, cases):
        fake = Fake.generated(dice)
        if drift in (a_tenant_gets_its_token_elsewhere, a_tenant_uses_other_credentials):
            fake.tenants["east"] = replace(fake.tenants["east"], auth=oauth("login", "EAST_ID"))
        saved = fake.saved()
        digests = {each["name"]: each["digest"] for each in saved["tenants"]}
        drift(fake, dice)
        fake.tenants = {
            name: replace(each, limits=Limits(max_updates=9)) for name, each in fake.tenants.items()
        }
        now = {each.name: each for each in fake.plan().tenants}
        held = {
            name
            for name in {**digests, **now}
            if name not in now or now[name].digest() != digests.get(name)
        }
        assert held, seed
        expected = {name: 0 if name in held else work(plan) for name, plan in now.items()}

        if held >= {*now}:
            with pytest.raises(PlanStale) as refused:
                fake.apply(approval(saved))

            assert exit_code(refused.value) == 4, seed
            assert fake.journal.intents == {}, seed
            first, *diff = str(refused.value).splitlines()
            assert f"{saved['digest']} was approved" in first, seed
            assert diff[:2] == ["--- approved", "+++ now"], (seed, diff)
            differences = [tuple(diff[2:])]
        else:
            summary = fake.apply(approval(saved))

            assert run_code(summary) == 3, seed
            assert {each.tenant for each in summary.unapproved} == held, seed
            differences = [each.difference for each in summary.unapproved]
            assert all(
                (outcome.kind is OutcomeKind.NOT_ATTEMPTED)
                is (outcome.change.subject.tenant in held)
                for outcome in summary.outcomes
            ), seed
        assert {name: fake.live[name].writes() for name in now} == expected, seed
        for lines in differences:
            said = "  what differs is how a tenant is reached: its credentials' names"
            if drift is a_tenant_uses_other_credentials:
                assert lines[1].startswith(said), (seed, lines)
            elif drift is not updates_were_opted_into or not lines[1].startswith(said):
                assert any(line[0] in "+-" for line in lines), (seed, lines)


@pytest.mark.parametrize("cases", [5, pytest.param(100, marks=THOROUGH)])
def test_what_was_approved_and_is_done_counts_as_approved_and_the_rest_is_written(
    cases: int,
) -> None:
    for seed, dice in seeds("done already", cases):
        fake = Fake.generated(dice)
        saved = fake.saved()
        planned = fake.plan()
        writes = [
            (each.name, change.subject.extension.name)
            for each in planned.tenants
            for change in each.changes
            if isinstance(change, Create | Update)
        ]
        done = dice.sample(writes, dice.randint(1, len(writes)))
        for where, name in done:
            fake.fill(where, name, "equal")

        summary = fake.apply(approval(saved))

        assert summary.unapproved == (), seed
        assert run_code(summary) in (0, 3), seed  # 3 where something else is blocked
        assert fake.writes() == len(writes) - len(done), seed
        assert fake.apply(approval(saved)).unapproved == (), seed
        assert fake.writes() == len(writes) - len(done), seed


def test_a_forged_plan_of_a_tenant_that_is_done_in_part_approves_nothing() -> None:
    fake, _ = two(Fake())
    for name in ("also", "old"):
        fake.wanted[name] = extension(document(urn(name), "grade"), name=name)
    saved = fake.saved()
    fake.fill("east", "also", "equal")
    [at] = [n for n, change in enumerate(saved["tenants"][0]["changes"]) if "old" in change["id"]]
    saved["tenants"][0]["changes"][at]["after"]["attributes"][0]["name"] = "rank"
    saved["checksum"] = checksum(saved)

    with pytest.raises(PlanStale, match="edited"):
        fake.apply(approval(saved))

    assert fake.writes() == 0


def work(plan: TenantPlan) -> int:
    return sum(isinstance(change, Create | Update) for change in plan.changes)


def two(fake: Fake) -> tuple[Fake, Json]:
    """East and west, each with one extension to create, and their saved plan."""
    for name in ("east", "west"):
        fake.tenants[name], fake.live[name] = tenant(name), FakeTenant()
    fake.wanted["new"] = extension(document(urn("new"), "grade"), name="new")
    return fake, fake.saved()


def test_a_tenant_that_cannot_be_read_any_more_is_not_attempted_and_the_others_are_applied() -> (
    None
):
    fake, saved = two(Fake())
    fake.live["east"].unreadable = TenantUnavailable("no answer")

    summary = fake.apply(approval(saved))

    assert run_code(summary) == 3
    [held] = summary.unapproved
    assert (held.tenant, held.reason) == ("east", "it could not be read (- approved, + now)")
    assert "+  not readable: no answer" in held.difference
    assert (fake.live["east"].writes(), fake.live["west"].writes()) == (0, 1)


def test_a_tenant_that_was_not_readable_in_the_plan_is_not_approved_now_that_it_is() -> None:
    fake, _ = two(Fake())
    fake.live["east"].unreadable = TenantUnavailable("no answer")
    saved = fake.saved()
    fake.live["east"].unreadable = None

    summary = fake.apply(approval(saved))

    assert run_code(summary) == 3
    [held] = summary.unapproved
    assert held.tenant == "east"
    assert "-  not readable: no answer" in held.difference
    assert any(line.startswith("+  + create: new  urn:acme:new") for line in held.difference)
    assert (fake.live["east"].writes(), fake.live["west"].writes()) == (0, 1)


def test_a_tenant_that_is_as_unreadable_as_it_was_does_not_stop_the_others() -> None:
    fake, _ = two(Fake())
    fake.live["east"].unreadable = TenantUnavailable("no answer")
    saved = fake.saved()
    fake.live["east"].unreadable = TenantUnavailable("still no answer")

    summary = fake.apply(approval(saved))

    assert (run_code(summary), summary.unapproved) == (3, ())
    assert fake.live["west"].writes() == 1

    fake.live["west"].schemas.clear()
    fake.live["west"].put(document(urn("new"), "other"))
    with pytest.raises(PlanStale):  # nothing that can be written is as approved
        fake.apply(approval(saved))


def test_a_tenant_that_came_or_went_is_held_back_by_name() -> None:
    fake, saved = two(Fake())
    fake.tenants["north"], fake.live["north"] = tenant("north"), FakeTenant()
    del fake.tenants["east"]

    summary = fake.apply(approval(saved))

    assert {each.tenant: each.reason for each in summary.unapproved} == {
        "east": "the approved plan has it, and no manifest names it now",
        "north": "the approved plan does not have it",
    }
    assert run_code(summary) == 3
    assert {name: live.writes() for name, live in fake.live.items()} == {
        "east": 0,
        "north": 0,
        "west": 1,
    }


def test_what_was_approved_as_nothing_to_do_is_well_beside_a_tenant_that_has_drifted() -> None:
    fake, _ = two(Fake())
    fake.fill("west", "new", "equal")
    saved = fake.saved()
    fake.fill("east", "new", "more")

    summary = fake.apply(approval(saved))

    assert [each.tenant for each in summary.unapproved] == ["east"]
    assert run_code(summary) == 3
    assert fake.writes() == 0


def test_the_limits_count_what_may_be_written_alone() -> None:
    fake, saved = two(Fake(max_tenants=1))
    fake.wanted["new"] = replace(fake.wanted["new"], on_drift=OnDrift.UPDATE)
    fake.live["east"].put(document(urn("new"), "other"))

    summary = fake.apply(approval(saved))

    assert [each.tenant for each in summary.unapproved] == ["east"]
    assert fake.live["west"].writes() == 1


def test_the_difference_of_a_change_stands_below_its_head_and_leaves_out_what_is_the_same() -> None:
    fake, _ = two(Fake())
    fake.wanted["old"] = extension(document(urn("old"), "grade"), name="old")
    saved = fake.saved()
    wanted = replace(extension(document(urn("new"), "grade", "level"), name="new"))
    fake.wanted["new"] = replace(wanted, place=Place("moved.yaml", 77))
    fake.wanted["old"] = replace(fake.wanted["old"], place=Place("moved.yaml", 99))

    with pytest.raises(PlanStale) as refused:
        fake.apply(approval(saved))

    _, _, _, *lines = str(refused.value).splitlines()
    title, head, line = lines[: len(lines) // 2]
    assert title.startswith(" Tenant east ")
    assert head.startswith("   + create: new  urn:acme:new  [")
    assert line.startswith("+      + level: string")


# --------------------------------------------------------------------- digests of tenants


def test_digests_of_tenants_approve_these_and_hold_back_what_else_has_work() -> None:
    fake, saved = two(Fake())
    east, west = saved["tenants"]
    fake.tenants["still"], fake.live["still"] = tenant("still"), FakeTenant()
    fake.fill("still", "new", "equal")

    summary = fake.apply(Approval(of=TenantDigests({"west": west["digest"]})))

    assert [(e.tenant, e.reason) for e in summary.unapproved] == [("east", "no --approve names it")]
    assert run_code(summary) == 3
    assert (fake.live["east"].writes(), fake.live["west"].writes()) == (0, 1)
    summary = fake.apply(Approval(of=TenantDigests({"east": east["digest"]})))
    assert run_code(summary) == 0
    assert fake.live["east"].writes() == 1


def test_digests_of_tenants_that_are_all_stale_are_refused() -> None:
    fake, saved = two(Fake())
    east, west = saved["tenants"]
    digests = {"east": west["digest"], "west": east["digest"]}

    with pytest.raises(PlanStale) as refused:
        fake.apply(Approval(of=TenantDigests(digests)))

    assert f"east: its plan now has digest {east['digest']}, and {west['digest']} was" in str(
        refused.value
    )
    assert fake.writes() == 0


def test_a_stale_digest_of_one_tenant_holds_back_that_one() -> None:
    fake, saved = two(Fake())
    digests = {each["name"]: each["digest"] for each in saved["tenants"]}
    fake.live["east"].unreadable = TenantUnavailable("no answer")

    summary = fake.apply(Approval(of=TenantDigests(digests)))

    [held] = summary.unapproved
    assert held.tenant == "east"
    assert held.reason == f"it could not be read, and {digests['east']} was approved"
    assert run_code(summary) == 3
    assert fake.live["west"].writes() == 1


ONE, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def test_a_digest_alone_approves_the_whole_plan_and_with_names_their_tenants() -> None:
    assert approved_by((ONE, ONE), ["east"]) == WholePlan(ONE)
    assert approved_by((f"east={ONE}", f"west={OTHER}", f"east={ONE}"), ["east", "west"]) == (
        TenantDigests({"east": ONE, "west": OTHER})
    )


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ((ONE, f"east={ONE}"), "whole plan and digests of tenants"),
        ((ONE, OTHER), "two digests of the whole plan"),
        ((f"east={ONE}", f"east={OTHER}"), "two digests of east"),
        ((f"esat={ONE}",), "did you mean east?"),
        ((f"nobody={ONE}",), "there are east"),
        ((f"={ONE}",), "names no tenant of this run"),
        ((f"EAST={ONE}",), "did you mean east?"),
        ((f"east={ONE[:-1]}",), "is no digest"),
        ((f"east={ONE}0",), "is no digest"),
        ((ONE.upper(),), "is no digest"),
        (("1" * 64,), "is no digest"),
        (("east",), "is no digest"),
        (("east=",), "is no digest"),
        ((f"{ONE}=east",), "is no digest"),
        ((f"{ONE}\n",), "is no digest"),
        ((f"east {ONE}",), "is no digest"),
    ],
)
def test_what_is_no_approval_is_refused_with_what_helps(
    given: tuple[str, ...], reported: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(reported)):
        approved_by(given, ["east"])


# ----------------------------------------------------------------------------------- order


def shuffled(fake: Fake, dice: random.Random) -> None:
    """What is no drift: another order of everything, spelt otherwise, and what nobody manages."""
    fake.wanted = dict(dice.sample(list(fake.wanted.items()), len(fake.wanted)))
    for name, wanted in fake.wanted.items():
        written = deepcopy(dict(wanted.schema.document))
        dice.shuffle(written["attributes"])
        fake.wanted[name] = replace(
            extension(written, name=name, on_drift=wanted.on_drift),
            place=Place(f"moved/{name}.yaml", dice.randint(1, 99)),
        )
    for live in fake.live.values():
        for schema in dice.sample(list(live.schemas.values()), len(live.schemas)):
            written = deepcopy(dict(schema.document))
            dice.shuffle(written["attributes"])
            del live.schemas[schema.key]
            live.put({**written, "meta": {"version": f'W/"{dice.random()}"'}})
        if dice.random() < 0.3 and len(live.schemas) < 3:
            live.put(document("urn:theirs:1"))


@pytest.mark.parametrize("cases", [20, pytest.param(200, marks=THOROUGH)])
def test_without_drift_everything_that_was_approved_is_applied(cases: int) -> None:
    written = 0
    for seed, dice in seeds("no drift", cases):
        fake = Fake.generated(dice)
        for name in fake.tenants:
            fake.tenants[name] = replace(fake.tenants[name], limits=Limits(max_updates=9))
        saved = fake.saved()
        shuffled(fake, dice)

        summary = fake.apply(approval(saved))

        counts = saved["summary"]
        assert fake.writes() == counts["create"] + counts["update"], seed
        assert all(outcome.kind.verified for outcome in summary.outcomes), seed
        assert fake.plan().summary().work == 0, seed
        written += fake.writes()
    assert written > 2 * cases


# ------------------------------------------------------------------- files edited by hand


def places(value: Json, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document that holds no others."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from places(inner, (*at, key))
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from places(inner, (*at, number))
    else:
        yield at


def edited(saved: Json, at: tuple[Any, ...]) -> Json:
    """The document with another value there."""
    changed = deepcopy(saved)
    inner = changed
    for step in at[:-1]:
        inner = inner[step]
    old = inner[at[-1]]
    inner[at[-1]] = not old if isinstance(old, bool) else f"x{old}" if isinstance(old, str) else 77
    return changed


def a_saved_plan() -> tuple[Fake, Json]:
    fake = Fake.generated(random.Random("edited"))
    fake.tenants["east"] = replace(fake.tenants["east"], auth=oauth("login", "EAST_ID"))
    fake.wanted["new"] = replace(fake.wanted["new"], on_drift=OnDrift.SKIP)
    return fake, fake.saved()


def test_an_edit_of_any_value_is_refused_before_anything_is_read() -> None:
    _, saved = a_saved_plan()
    require_unedited(saved)

    for at in places(saved):
        with pytest.raises(PlanStale, match=r"edited.*nothing was written") as refused:
            require_unedited(edited(saved, at))
        assert exit_code(refused.value) == 4, at


# The format_version is fixed by the JSON Schema that a file is read against.
FREE = (
    "format_version", "tool_version", "git", "source", "unmanaged", "warnings", "extensions_live",
    "extensions_limit", "exceeded_limits", "checksum", "tenants_from", "drift",
    "approvals", "kinds", "impacts", "withheld",
)  # fmt: skip


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=THOROUGH)])
def test_a_forged_checksum_does_not_let_a_plan_show_other_changes(every: int) -> None:
    """Whatever decides about the approval: what is changed, where, from what to what."""
    fake, saved = a_saved_plan()
    now = fake.plan()
    tried = 0

    decisive = [at for at in places(saved) if at[0] != "selection" and not {*at} & {*FREE}]
    for at in decisive[::every]:
        forged = edited(saved, at)
        forged["checksum"] = checksum(forged)
        require_unedited(forged)
        tried += 1
        if len(at) == 3 and at[2] == "name":  # another tenant's plan approves nothing of this one
            forged["tenants"].sort(key=lambda each: each["name"])  # as a file has to be
            name = now.tenants[at[1]].name
            assert name in {each.tenant for each in check(Approval(of=ShownPlan(forged)), now)}
            continue
        with pytest.raises(PlanStale):
            check(Approval(of=ShownPlan(forged)), now)

    assert tried > 200 // every
    check(approval(saved), now)


def test_a_long_difference_is_shown_as_far_as_anybody_reads_it() -> None:
    fake = Fake(max_tenants=9)
    for name in ("large", "small"):
        fake.tenants[name], fake.live[name] = tenant(name), FakeTenant()
    names = [f"a{number}" for number in range(2_500)]
    fake.wanted["wide"] = extension(document(urn("wide"), *names), name="wide")
    fake.live["small"].put(document(urn("wide"), *names))
    saved = fake.saved()
    fake.live["large"].put(document(urn("wide"), "other"))

    [unapproved] = check(Approval(of=ShownPlan(saved)), fake.plan())

    *shown, last = unapproved.difference
    assert unapproved.tenant == "large"
    assert len(shown) == 2_000
    assert re.fullmatch(r"  … and \d{3,4} more lines; .* show both plans", last)


def with_bodies(saved: Json) -> Json:
    """A change of the first tenant that is not in sync."""
    return next(c for c in saved["tenants"][0]["changes"] if c["after"] is not None)


@pytest.mark.parametrize(
    ("forge", "where"),
    [
        (lambda s: s["tenants"].pop(), "tenants"),
        (lambda s: s["tenants"][0]["changes"].pop(), "changes"),
        (lambda s: with_bodies(s).update(after={"id": 7}), "after"),
        (lambda s: with_bodies(s)["after"]["attributes"].pop(), "after"),
        (lambda s: s["tenants"][0].update(error="no answer"), "error"),
        (lambda s: s["tenants"][0]["changes"][0].update(differences=[]), "differences"),
        (lambda s: s["tenants"][0].update(canary=True), "canary"),
    ],
)
def test_a_missing_or_broken_member_of_a_saved_plan_is_named(
    forge: Callable[[Json], object], where: str
) -> None:
    fake, saved = a_saved_plan()
    odd = [c for c in saved["tenants"][0]["changes"] if c["differences"]]
    if where == "differences":
        saved["tenants"][0]["changes"][0] = odd[0]
    forge(saved)

    with pytest.raises(PlanStale, match=r"was edited, it differs from .* at "):
        check(Approval(of=ShownPlan(saved)), fake.plan())


def test_a_saved_plan_of_another_release_may_be_applied() -> None:
    fake, saved = a_saved_plan()
    saved |= {"tool_version": "9.9", "git": {"commit": "0" * 40, "dirty": True}}
    saved["checksum"] = checksum(saved)

    check(approval(saved), fake.plan())


def test_a_saved_plan_may_hold_bodies_of_changes_in_sync() -> None:
    fake, saved = a_saved_plan()
    skips = [c for t in saved["tenants"] for c in t["changes"] if c["reason"] == "in-sync"]
    for skip in skips:
        body = fake.wanted[skip["manifest"]].schema.to_json()
        skip |= {"before": body, "after": {**body, "name": body["name"].upper()}}
    assert skips

    check(Approval(of=ShownPlan(saved)), fake.plan())

    skips[0]["before"] = {**skips[0]["before"], "description": "another"}
    with pytest.raises(PlanStale, match=r"was edited, it differs from .* at .*\.before"):
        check(Approval(of=ShownPlan(saved)), fake.plan())


def test_a_saved_plan_that_shows_a_vendor_member_can_be_applied() -> None:
    """They are in no body, and in the differences: an Oracle attribute has one, for example."""
    fake = Fake.generated(random.Random("vendor"))
    there = document(urn("odd"), "grade")
    fake.live["east"].put(there)
    grade = {**there["attributes"][0], "idcsDisplayName": "Grade"}
    site = {"name": "site", "type": "string", "idcsDisplayName": "Site"}
    wanted = {**there, "attributes": [grade, site], "x-size": 1}
    fake.wanted["odd"] = extension(wanted, name="odd")
    saved = fake.saved()
    shown = [c["differences"] for c in saved["tenants"][0]["changes"] if c["manifest"] == "odd"]
    assert "idcsDisplayName" in json.dumps(shown)

    check(approval(saved), fake.plan())


def test_a_plan_is_saved_with_a_checksum_of_all_that_it_says() -> None:
    _, saved = a_saved_plan()

    assert saved["checksum"] == checksum(json.loads(json.dumps(saved)))


# ----------------------------------------------------------------------------------- limits


def fleet_with(tenants: int, *, creates: int = 1, updates: int = 0, **limits: Any) -> Fake:
    fake = Fake(max_tenants=limits.pop("max_tenants", 50))
    for number in range(tenants):
        name = f"tenant-{number:03}"
        allowed = replace(tenant(name), limits=Limits(extensions=99, **limits))
        fake.tenants[name], fake.live[name] = allowed, FakeTenant()
    for number in range(creates + updates):
        name = f"e{number}"
        fake.wanted[name] = extension(
            document(urn(name), "grade", "level"), name=name, on_drift=OnDrift.UPDATE
        )
        if number >= creates:
            for live in fake.live.values():
                live.put(document(urn(name), "grade"))
    return fake


LIMITS = [
    (lambda n: fleet_with(1, creates=n), 10, "maxCreates: 10"),
    (lambda n: fleet_with(1, creates=0, updates=n), 3, "maxUpdates: 3"),
    (fleet_with, 50, "--max-tenants 50"),
    (lambda n: fleet_with(1, creates=n, max_creates=2), 2, "maxCreates: 2"),
    (lambda n: fleet_with(1, creates=0, updates=n, max_updates=1), 1, "maxUpdates: 1"),
    (lambda n: fleet_with(n, max_tenants=2), 2, "--max-tenants 2"),
]


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("beyond", [-1, 0, 1])
@pytest.mark.parametrize(("made", "limit", "reported"), LIMITS)
def test_a_safety_limit_lets_exactly_its_number_through(
    made: Callable[[int], Fake], limit: int, reported: str, beyond: int, forced: bool
) -> None:
    fake = made(limit + beyond)
    approved = Approval(of=WholePlan(fake.plan().digest()), forced=forced)

    if beyond <= 0 or forced:
        fake.apply(approved)
        assert fake.writes() == limit + beyond
        return
    with pytest.raises(LimitExceeded) as refused:
        fake.apply(approved)

    assert exit_code(refused.value) == 6
    assert f"{limit + 1} chang" in str(refused.value)
    assert reported in str(refused.value)
    assert "--force" in str(refused.value)
    assert fake.writes() == 0
    assert fake.journal.intents == {}
    [shown] = plan_document(fake.plan())["exceeded_limits"]
    assert shown in str(refused.value)


def test_tenants_without_changes_do_not_count_against_max_tenants() -> None:
    fake = fleet_with(4, max_tenants=2)
    for name in ("tenant-000", "tenant-003"):
        fake.live[name].put(document(urn("e0"), "grade", "level"))

    fake.apply(Approval(of=None))

    assert fake.writes() == 2


def test_every_exceeded_limit_is_reported_at_once() -> None:
    fake = fleet_with(3, creates=2, updates=1, max_creates=1, max_updates=0, max_tenants=1)

    with pytest.raises(LimitExceeded) as refused:
        fake.apply(Approval(of=None))

    assert len(str(refused.value).splitlines()) == 1 + 1 + 3 * 2


def test_force_lifts_the_limits_and_never_the_digest() -> None:
    fake = fleet_with(1, creates=11)
    approved = Approval(of=WholePlan(fake.plan().digest()), forced=True)
    somebody = document(urn("e0"), "grade", "level")
    fake.live["tenant-000"].put(somebody)

    with pytest.raises(PlanStale):
        fake.apply(approved)

    assert fake.writes() == 0
