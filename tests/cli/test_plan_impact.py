"""`plan --impact`: whom changes hurt, against a count over the database, and what it costs."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.impact_world import ImpactWorld, impact_in
from tests.support.pages import page_with
from tests.support.people import URN, Extension
from tests.support.program import DevTenant

CANARY = "c4n4ry"
LIVE: dict[str, dict[str, Any]] = {
    "grade": {},
    "site": {"canonicalValues": ["north", "south", "east"]},
    "codes": {"multiValued": True},
    "level": {"type": "decimal"},
    "desk": {
        "type": "complex",
        "multiValued": True,
        "subAttributes": [{"name": "room"}, {"name": "floor"}],
    },
}
WANTED: dict[str, dict[str, Any]] = {
    "grade": {"required": True, "uniqueness": "server", "type": "integer"},
    "site": {"canonicalValues": ["north"]},
    "codes": {},
    "level": {"type": "integer"},
    "desk": {
        "type": "complex",
        "multiValued": True,
        "subAttributes": [{"name": "room", "required": True, "caseExact": True}],
    },
}


def held(number: int, dice: random.Random) -> Extension | None:
    """What one user holds; each attribute is there for some."""
    rooms = [f"{CANARY}-r{dice.randrange(number)}", f"{CANARY.upper()}-R{dice.randrange(number)}"]
    desks = [{"room": room} if dice.random() < 0.9 else {"floor": "1"} for room in rooms]
    every: Extension = {
        "grade": dice.choice([CANARY, f"{CANARY}{dice.randrange(number)}", "7", "12", "007"]),
        "site": dice.choice(["north", "South", "east"]),
        "codes": [f"{CANARY}-c{n}" for n in range(dice.randrange(3))],
        "level": dice.choice([1.5, 2.0, 3]),
        "desk": desks,
    }
    found = {name: value for name, value in every.items() if dice.random() < 0.8}
    return found or None


def path(*names: str) -> str:
    return f"'$.\"{URN}\"{''.join(f'.{name}' for name in names)}'"


GRADE, SITE, LEVEL, DESK = (
    f"json_extract(document, {path(name)})" for name in ("grade", "site", "level", "desk")
)
ROOM = "json_extract(desk.value, '$.room')"
OF_DESKS = f"FROM resources, json_each(resources.document, {path('desk')}) AS desk"
COUNTS = {  # by hand, over the database of the tenant
    ("grade", "required"): f"SELECT count(*) FROM resources WHERE {GRADE} IS NULL",
    ("grade", "uniqueness"): f"""SELECT count(*) FROM resources WHERE lower({GRADE}) IN
        (SELECT lower({GRADE}) FROM resources GROUP BY 1 HAVING count(*) > 1)""",
    ("grade", "type"): f"SELECT count(*) FROM resources WHERE {GRADE} NOT IN ('7', '12')",
    ("site", "canonicalValues"): f"SELECT count(*) FROM resources WHERE {SITE} <> 'north'",
    ("codes", "multiValued"): f"""SELECT count(*) FROM resources
        WHERE json_array_length(document, {path('codes')}) > 1""",
    ("level", "type"): f"SELECT count(*) FROM resources WHERE {LEVEL} = 1.5",
    ("desk.floor", "removed"): f"""SELECT count(DISTINCT resources.id) {OF_DESKS}
        WHERE json_extract(desk.value, '$.floor') IS NOT NULL""",
    ("desk.room", "required"): f"""SELECT count(DISTINCT resources.id) {OF_DESKS}
        WHERE {ROOM} IS NULL""",
    ("desk.room", "caseExact"): f"""SELECT count(DISTINCT resources.id) {OF_DESKS}
        WHERE lower({ROOM}) IN (SELECT lower({ROOM}) {OF_DESKS} WHERE {ROOM} IS NOT NULL
        GROUP BY 1 HAVING count(DISTINCT {ROOM}) > 1)""",
}  # fmt: skip


@pytest.mark.parametrize("number", [300, pytest.param(10_000, marks=pytest.mark.thorough)])
def test_a_plan_counts_what_a_count_over_the_database_of_the_tenant_finds(
    tmp_path: Path, number: int
) -> None:
    world = ImpactWorld.deployed(tmp_path, LIVE)
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    world.populate(number, lambda _: held(number, dice))
    world.want(WANTED)

    found = world.impact()

    expected = {measure: world.query(statement) for measure, statement in COUNTS.items()}
    assert {measure: users for measure, (users, _, _) in found.items()} == expected, seed
    assert {of for _, of, _ in found.values()} == {number}
    assert all(0 < users < number for users in expected.values()), seed


def test_no_value_of_a_user_is_in_any_output_file_log_or_state(tmp_path: Path) -> None:
    world = ImpactWorld.deployed(tmp_path, LIVE)
    dice = random.Random(7)
    world.populate(60, lambda _: held(60, dice))
    world.want(WANTED, new=True)

    runs = [
        world.folder.run("plan", "--impact", "-v", "-v", "--log-format", "json", "--format", how,
                         "--out", "plan.json", "--markdown", "plan.md")
        for how in ("text", "json", "markdown")
    ]  # fmt: skip
    runs += [world.folder.run("show", "plan.json", "--format", how) for how in ("text", "markdown")]
    runs.append(world.folder.run("apply", "plan.json", "--report", "report.json", "-v", "-v"))

    assert [done.code for done in runs[:-1]] == [0] * 5
    assert all("risk many" in done.out for done in (runs[0], runs[3]))
    kept = [file for file in tmp_path.rglob("*") if file.is_file() and "embedded" not in file.parts]
    texts = [done.everything.encode() for done in runs] + [file.read_bytes() for file in kept]
    assert {"plan.json", "plan.md", "report.json", "state.db"} <= {file.name for file in kept}
    for value in (CANARY, "user1", "u00001"):
        assert not [text for text in texts if re.search(value.encode(), text, re.IGNORECASE)]


def test_a_plan_without_the_option_reads_nobody_and_one_with_it_reads_where_needed(
    dev_tenant: DevTenant,
) -> None:
    """Not even of a tenant that has a change: of one that hurts nobody."""
    plain = dev_tenant.folder.run("plan", "-v", "-v")
    counted = dev_tenant.folder.run("plan", "--impact", "-v", "-v")

    assert plain.code == counted.code == 0
    assert "/Users" not in plain.err + counted.err
    assert plain.out == counted.out


def test_show_prints_the_impact_of_a_saved_plan(tmp_path: Path) -> None:
    world = ImpactWorld.deployed(tmp_path, {"grade": {}})
    world.populate(40, lambda n: {"grade": "a"} if n else None)
    world.want({"grade": {"required": True}}, risk={"many": 50})

    world.folder.save_plan("--impact")
    shown = world.folder.run("show", "plan.json")

    assert "risk some: grade becomes required: 1 of 40 have no value\n" in shown.out
    json_shown = json.loads(world.folder.run("show", "plan.json", "--format", "json").out)
    assert impact_in(json_shown) == {("grade", "required"): (1, 40, "some")}


def test_a_plan_in_sync_shows_who_still_holds_what_is_deprecated(tmp_path: Path) -> None:
    world = ImpactWorld.deployed(tmp_path, {"badge": {}, "badgeId": {}})
    world.populate(250, lambda n: {"badge": f"{CANARY}{n}"} if n % 5 else {"badgeId": "7"})
    notice = {"name": "badge", "since": "2026-11-01", "use": "badgeId"}
    world.want({"badge": {}, "badgeId": {}}, deprecated=[notice])

    plain = world.folder.run("plan", "--format", "json")
    counted = world.folder.run("plan", "--impact", "--detailed-exitcode", "--out", "plan.json")
    applied = world.folder.run("apply", "plan.json")

    shown = page_with("docs/impact.md", "text")
    line = shown.splitlines(keepends=True)[1].lstrip()
    saved = json.loads((tmp_path / "plan.json").read_text())
    [change] = saved["tenants"][0]["changes"]
    assert (counted.code, applied.code) == (0, 0), counted.everything + applied.everything
    source = re.compile(r"\[desired-state/\S+\]")
    assert source.sub("", shown) in source.sub("", counted.out)
    assert change["deprecated"] == [
        {"path": "badge", "since": "2026-11-01", "use": "badgeId", "reason": None,
         "users": 200, "of": 250}
    ]  # fmt: skip
    assert saved["digest"] == json.loads(plain.out)["digest"]
    assert "deprecated" not in plain.out
    for how in ("text", "markdown"):
        assert line.rstrip() in world.folder.run("show", "plan.json", "--format", how).out


def test_what_cannot_be_counted_is_unknown_and_no_error(tmp_path: Path) -> None:
    world = ImpactWorld.deployed(tmp_path, {"pin": {"returned": "never"}})
    world.want({"pin": {"returned": "never", "required": True}})

    done = world.folder.run("plan", "--impact")

    assert done.code == 0, done.everything
    assert "risk unknown: pin becomes required: how many have no value is not known" in done.out
    assert "warning: the impact on users of hr: pin is not known: " in done.out
