"""`apply FILE` of a plan with impact: the classes that were approved hold, or it lapses."""

import json
from pathlib import Path

import pytest

from tests.support.impact_world import NEW, ImpactWorld
from tests.support.people import Extension
from tests.support.program import assert_reported
from tests.support.warm import Done

TWO = ("east", "local")


def world_of(path: Path, holders: int = 39, tenants: tuple[str, ...] = ("local",)) -> ImpactWorld:
    """40 users; as many as are given hold a grade, which is to be required; and a new schema."""
    world = ImpactWorld.deployed(path, {"grade": {}}, tenants)
    for tenant in tenants:
        hold(world, holders, tenant)
    world.want({"grade": {"required": True}}, new=True)
    return world


def hold(world: ImpactWorld, holders: int, tenant: str = "local") -> None:
    def extension(number: int) -> Extension | None:
        return {"grade": f"g{number}"} if number < holders else None

    world.populate(40, extension, tenant)


def is_created(world: ImpactWorld, tenant: str = "local") -> bool:
    records = world.folder.audit()
    return any(
        r["tenant"] == tenant and r["schema_id"] == NEW and r["event"] == "SCHEMA_EXTENSION_CREATED"
        for r in records
    )


def applied(world: ImpactWorld) -> Done:
    return world.folder.run("apply", "plan.json", "--report", "report.json")


@pytest.mark.parametrize("holders", [39, 40])
def test_a_class_that_is_the_same_or_has_fallen_is_applied(tmp_path: Path, holders: int) -> None:
    world = world_of(tmp_path)
    world.folder.save_plan("--impact")
    hold(world, holders)

    done = applied(world)

    assert done.code == 0, done.everything
    assert is_created(world)


def test_another_number_of_the_same_class_is_applied(tmp_path: Path) -> None:
    world = world_of(tmp_path, holders=20)
    world.folder.save_plan("--impact")
    hold(world, 1)

    assert applied(world).code == 0
    assert is_created(world)


def test_a_class_that_has_risen_lapses_the_approval_and_nothing_is_written(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.folder.save_plan("--impact")
    hold(world, 30)

    done = applied(world)

    assert_reported(done, 4, "the approval has lapsed", "nothing was written")
    assert "-   risk some: grade becomes required: 1 of 40 have no value" in done.err
    assert "+   risk many: grade becomes required: 10 of 40 have no value" in done.err
    assert not is_created(world)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["exit"]["code"] == 4
    (tenant,) = report["tenants"]
    assert "hurt" in tenant["unapproved"]["reason"]
    assert [c["outcome"] for c in tenant["changes"]] == [None, "not-attempted"]


def test_a_tenant_whose_approval_has_lapsed_is_left_alone_and_others_are_written(
    tmp_path: Path,
) -> None:
    world = world_of(tmp_path, tenants=TWO)
    world.folder.save_plan("--impact")
    hold(world, 2, "east")

    done = applied(world)

    assert done.code == 3, done.everything
    assert "east: not-attempted: more users may be hurt than was approved" in done.out
    assert "+   risk many: grade becomes required: 38 of 40 have no value" in done.out
    assert is_created(world, "local")
    assert not is_created(world, "east")
    states = {
        t["name"]: t.get("unapproved")
        for t in json.loads((tmp_path / "report.json").read_text())["tenants"]
    }
    assert states["local"] is None
    assert states["east"] is not None


def test_where_unknown_was_approved_any_class_is_fine(tmp_path: Path) -> None:
    world = ImpactWorld.deployed(tmp_path, {"pin": {"returned": "never"}})
    world.want({"pin": {"returned": "never", "required": True}}, new=True)
    world.folder.save_plan("--impact")

    assert applied(world).code == 0
    assert is_created(world)


@pytest.mark.parametrize("how", ["--auto-approve", "--approve", "FILE"])
def test_an_approval_without_classes_counts_nobody_and_says_so(tmp_path: Path, how: str) -> None:
    world = world_of(tmp_path)
    plan = world.folder.save_plan()
    hold(world, 1)
    arguments = {"--approve": ("--approve", plan["digest"]), "FILE": ("plan.json",)}

    done = world.folder.run("apply", *arguments.get(how, (how,)))

    assert done.code == 0, done.everything
    assert "this approval carries no risk class, so no user of 1 tenant is counted" in done.err
    assert is_created(world)


def test_where_users_are_not_hurt_nothing_is_said_of_classes(tmp_path: Path) -> None:
    world = ImpactWorld.deployed(tmp_path, {"grade": {}})
    world.want({"grade": {}}, new=True)

    done = world.folder.run("apply", "--auto-approve")

    assert done.code == 0, done.everything
    assert "risk" not in done.everything


def test_a_tenant_with_nothing_to_write_is_not_counted_again(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.want({"grade": {"required": True}})
    world.folder.save_plan("--impact")
    hold(world, 0)

    done = applied(world)

    assert done.code == 0, done.everything
    assert "lapsed" not in done.everything
