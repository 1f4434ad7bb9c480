"""`apply`: what is new is written to a test user, read back, and taken away again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.canary_world import (
    CORE,
    PERSON,
    TESTER,
    CanaryWorld,
    canary_world,
    user,
)
from tests.support.faultserver import Cut, json_reply, reply
from tests.support.indexing import APPLY, URN
from tests.support.program import DevTenant
from tests.support.warm import Done

FAST = (*APPLY, "--searchable-timeout", "0")
ALL = ("badge", "desk", "desk.floor")
MARK = "reconciler-canary"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[CanaryWorld]:
    with canary_world(tmp_path) as made:
        yield made


def gate(world: CanaryWorld) -> Done:
    return world.folder.run("gate", "acme", URN, "--not-searchable", "--format", "json")


def persisted(world: CanaryWorld) -> dict[str, str]:
    found = json.loads(gate(world).out)["attributes"]
    return {each["attribute"]: each["persisted"] for each in found}


def require_clean(world: CanaryWorld) -> None:
    """The test user is as it was, nobody else was written to, and nothing is under way."""
    assert world.service.people == [user("u 1/a", TESTER), user("u2", PERSON, badge="b7")]
    assert set(world.service.writes) <= {"PATCH /Users/u%201%2Fa"}
    assert world.under_way() == []
    store = (world.folder.path / ".reconciler/state.db").read_bytes()
    assert MARK.encode() not in store
    assert b"u 1/a" not in store
    assert TESTER.encode() not in store


def test_what_is_kept_is_persisted_and_everybody_is_told(world: CanaryWorld) -> None:
    done = world.folder.run(*FAST, "--report", "report.json")

    assert done.code == 0, done.everything
    assert world.results() == [dict.fromkeys(ALL, "persisted")]
    assert "canary: 3 persisted" in done.out
    [record] = [r for r in world.folder.audit() if "canary" in r]
    assert (record["event"], record["status"]) == ("SCHEMA_EXTENSION_CANARY_COMPLETED", "SUCCESS")
    [change] = json.loads((world.folder.path / "report.json").read_text())["tenants"][0]["changes"]
    assert change["canary"] == dict.fromkeys(ALL, "persisted")
    assert gate(world).code == 0
    assert persisted(world) == dict.fromkeys(ALL, "persisted")
    assert MARK not in done.everything
    assert world.folder.run("audit", "verify").code == 0
    require_clean(world)


def test_a_run_after_that_sends_nothing_for_it(world: CanaryWorld) -> None:
    world.folder.run(*FAST)
    world.service.requests.clear()

    assert world.folder.run(*FAST).code == 0

    assert not [each for each in world.service.requests if "Users" in each]


def test_without_a_canary_nobody_is_written_to(world: CanaryWorld) -> None:
    world.tenant()

    assert world.folder.run(*FAST).code == 0

    assert not [each for each in world.service.requests if "Users" in each]
    assert world.results() == []
    assert gate(world).code == 0


def answers_only(world: CanaryWorld) -> None:
    world.service.echoes = True


def drops(world: CanaryWorld) -> None:
    world.service.keep = lambda *_: None


def cuts_off(world: CanaryWorld) -> None:
    world.service.keep = lambda _, value: {"floor": "recon"} if isinstance(value, dict) else "recon"


def drops_the_part(world: CanaryWorld) -> None:
    world.service.keep = lambda _, value: None if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("habit", "wanted"),
    [
        (answers_only, dict.fromkeys(ALL, "dropped")),
        (drops, dict.fromkeys(ALL, "dropped")),
        (cuts_off, dict.fromkeys(ALL, "coerced")),
        (drops_the_part, {"badge": "persisted", "desk": "dropped", "desk.floor": "dropped"}),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_is_not_kept_is_a_warning_and_gate_says_no(
    world: CanaryWorld, habit: Any, wanted: dict[str, str]
) -> None:
    habit(world)

    done = world.folder.run(*FAST)

    assert done.code == 0, done.everything
    assert world.results() == [wanted]
    assert "warning: acme" in done.out
    assert (gate(world).code, persisted(world)) == (2, wanted)
    require_clean(world)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_a_service_that_refuses_patch_is_not_tried(world: CanaryWorld, status: int) -> None:
    world.service.refuses_patch = status

    done = world.folder.run(*FAST)

    assert done.code == 0, done.everything
    assert world.results() == [dict.fromkeys(ALL, "not-tried")]
    assert f"PATCH of a user: HTTP {status}" in done.out
    assert len(world.service.patches) == (6 if status == 400 else 1)
    require_clean(world)


@pytest.mark.parametrize("habit", ["strict", "alone", "refuses_schemas"])
def test_a_service_is_served_as_it_wants_it(world: CanaryWorld, habit: str) -> None:
    setattr(world.service, habit, True)
    world.service.strict = world.service.strict or habit == "alone"
    if habit == "alone":
        world.service.strict = False

    assert world.folder.run(*FAST).code == 0

    assert world.results() == [dict.fromkeys(ALL, "persisted")]
    require_clean(world)


def test_what_a_service_hides_is_dropped_and_taken_away_all_the_same(world: CanaryWorld) -> None:
    world.service.shows = lambda shown: {n: v for n, v in shown.items() if n != URN}

    world.folder.run(*FAST)

    assert world.results() == [dict.fromkeys(ALL, "dropped")]
    require_clean(world)


def test_what_is_returned_on_request_is_requested(world: CanaryWorld) -> None:
    def answer(request: Any) -> Any:
        if request.method == "GET" and request.path.startswith("/Users/"):
            asks = "attributes=" in request.target
            shown = {n: v for n, v in world.service.tester.items() if asks or n != URN}
            return json_reply(shown)
        return None

    world.service.answers = answer
    world.manifest("badge, returned: request")

    world.folder.run(*FAST)

    assert world.results() == [dict.fromkeys(ALL, "persisted")]
    require_clean(world)


def test_a_service_that_takes_no_attributes_is_cleaned_up_too(world: CanaryWorld) -> None:
    world.service.forever = True
    world.folder.run(*FAST)
    world.service.forever = False
    asked: list[str] = []

    def refuse(request: Any) -> Any:
        if "attributes=" in request.target and "/Users/" in request.path:
            asked.append(request.target)
            return json_reply({"status": "400"}, 400)
        return None

    world.service.answers = refuse

    assert world.folder.run(*FAST).code == 0

    assert asked
    require_clean(world)


@pytest.mark.parametrize("cut", [reply(500), (Cut.RESET,)], ids=["500", "reset"])
def test_a_patch_without_an_answer_is_looked_at_once_more(world: CanaryWorld, cut: Any) -> None:
    def lose(request: Any) -> Any:
        if request.method == "PATCH" and len(world.service.writes) == 1:
            world.service.patches.append(json.loads(request.body))
            operations = world.service.patches[0]["Operations"]
            assert world.service.carry_out(world.service.tester, operations, keeps=True)
            return cut
        return None

    world.service.answers = lose
    assert world.folder.run(*FAST).code == 0
    assert world.results() == [dict.fromkeys(ALL, "persisted")]
    assert len(world.under_way()) == 2

    assert world.folder.run(*FAST).code == 0
    require_clean(world)


@pytest.mark.parametrize("user_id", [".", "..", "", 7, None, "\ud800"])
def test_an_id_that_no_url_can_carry_is_not_requested(world: CanaryWorld, user_id: Any) -> None:
    world.service.people = [{**user("x", TESTER), "id": user_id}]

    done = world.folder.run(*FAST)

    assert done.code == 0, done.everything
    assert world.results() == [dict.fromkeys(ALL, "not-tried")]
    assert world.service.writes == []


def test_a_service_that_quotes_the_user_is_not_repeated(world: CanaryWorld) -> None:
    def quote(request: Any) -> Any:
        if request.method == "GET" and request.path.startswith("/Users/"):
            return json_reply({"status": "403", "detail": f"{TESTER} u 1/a is secret"}, 403)
        return None

    world.service.answers = quote

    done = world.folder.run(*FAST, "-v")

    assert done.code == 0, done.everything
    assert "one user" in done.out
    for text in (TESTER, "u 1/a", "u%201%2Fa", "secret"):
        assert text not in done.everything
    assert world.results() == [dict.fromkeys(ALL, "not-tried")]


def test_the_run_and_the_state_hold_no_value_whatever_a_service_keeps(world: CanaryWorld) -> None:
    world.service.keep = lambda _, value: {"floor": "k3pt"} if isinstance(value, dict) else "k3pt"

    done = world.folder.run(*FAST, "--report", "report.json", "-v")

    written = [p.read_bytes() for p in world.folder.path.rglob("*") if p.is_file()]
    assert b"k3pt" not in b"".join(written)
    assert "k3pt" not in done.everything
    assert world.results() == [dict.fromkeys(ALL, "coerced")]


def test_two_users_of_that_name_are_left_alone(world: CanaryWorld) -> None:
    world.service.people.append(user("u3", TESTER))

    done = world.folder.run(*FAST)

    assert world.results() == [dict.fromkeys(ALL, "not-tried")]
    assert "the service finds 2 under that userName" in done.out
    assert world.service.writes == []
    assert gate(world).code == 2


@pytest.mark.parametrize(
    "people",
    [[], [user("u2", PERSON)], [user("u2", PERSON), user("u3", "x")]],
    ids=["nobody", "somebody else", "all"],
)
def test_without_such_a_user_nobody_is_written_to(
    world: CanaryWorld, people: list[dict[str, Any]]
) -> None:
    world.service.people = people
    world.service.ignores_filter = True

    done = world.folder.run(*FAST)

    assert done.code == 0, done.everything
    assert world.results() == [dict.fromkeys(ALL, "not-tried")]
    assert world.service.writes == []


@pytest.mark.parametrize("listed", ["", "somebody", f"x{TESTER}", PERSON])
def test_a_user_that_is_not_listed_is_not_even_looked_for(world: CanaryWorld, listed: str) -> None:
    world.folder.environ["RECONCILER_CANARY_USERS"] = listed

    done = world.folder.run(*FAST)

    assert done.code == 0, done.everything
    assert "RECONCILER_CANARY_USERS" in done.out
    assert world.results() == [dict.fromkeys(ALL, "not-tried")]
    assert not [each for each in world.service.requests if "Users" in each]


def test_what_the_test_user_holds_already_stays(world: CanaryWorld) -> None:
    world.service.people[0] = user("u 1/a", TESTER, badge="real")

    done = world.folder.run(*FAST)

    assert world.results() == [
        {"badge": "not-tried", "desk": "persisted", "desk.floor": "persisted"}
    ]
    assert "real" not in done.everything
    assert world.service.people[0] == user("u 1/a", TESTER, badge="real")


def test_what_was_not_tried_is_tried_by_the_next_run(world: CanaryWorld) -> None:
    people, world.service.people = world.service.people, []
    world.folder.run(*FAST)
    world.service.people = people

    assert world.folder.run(*FAST).code == 0

    assert world.results()[-1] == dict.fromkeys(ALL, "persisted")
    assert gate(world).code == 0
    require_clean(world)


def test_each_patch_names_the_entity_tag_of_what_was_read(world: CanaryWorld) -> None:
    world.service.tags = True
    world.service.alone = True

    assert world.folder.run(*FAST).code == 0

    assert world.results() == [dict.fromkeys(ALL, "persisted")]
    require_clean(world)


def test_a_test_user_that_somebody_changes_meanwhile_is_left_alone(world: CanaryWorld) -> None:
    world.service.tags = True
    world.service.between = lambda: world.service.tester.update(nickName="x")

    done = world.folder.run(*FAST)

    assert done.code == 0, done.everything
    assert world.results() == [dict.fromkeys(ALL, "not-tried")]
    assert "PATCH of a user: HTTP 412" in done.out
    assert len(world.service.patches) == 1
    world.service.tester.pop("nickName")
    require_clean(world)
    world.service.between = lambda: None
    assert world.folder.run(*FAST).code == 0
    assert world.results()[-1] == dict.fromkeys(ALL, "persisted")


def test_of_an_update_only_what_is_new_is_tried(world: CanaryWorld) -> None:
    world.folder.run(*FAST)
    world.manifest("badge", "grade")
    world.service.patches.clear()

    assert world.folder.run(*FAST).code == 0

    assert world.results()[-1] == {"grade": "persisted"}
    paths = {each["path"] for patch in world.service.patches for each in patch["Operations"]}
    assert paths == {"schemas", f"{URN}:grade"}


def test_what_is_unique_hidden_or_not_writable_is_not_tried(world: CanaryWorld) -> None:
    world.manifest(
        "badge",
        "a, uniqueness: server",
        "b, mutability: writeOnly, returned: never",
        "c, mutability: readOnly",
        "d, mutability: immutable",
    )

    world.folder.run(*FAST)

    [found] = world.results()
    assert {name for name in found if found[name] == "not-tried"} == {"a", "b", "c", "d"}
    names = {each["path"] for patch in world.service.patches for each in patch["Operations"]}
    assert names == {"schemas", f"{URN}:badge", f"{URN}:desk"}
    require_clean(world)


def test_what_cannot_be_taken_away_is_said_and_tried_by_the_next_run(world: CanaryWorld) -> None:
    world.service.forever = True
    done = world.folder.run(*FAST)
    assert done.code == 0, done.everything
    assert "may be left on the test user, of hr: badge, desk: " in done.out
    assert [row[2] for row in world.under_way()] == ["badge", "desk"]

    world.service.forever = False
    assert world.folder.run(*FAST).code == 0

    require_clean(world)


@pytest.mark.parametrize("in_manifest", [True, False], ids=["in the manifest", "not any more"])
@pytest.mark.parametrize("step", range(8))
def test_a_run_after_a_kill_takes_away_what_is_left(
    world: CanaryWorld, step: int, in_manifest: bool
) -> None:
    seen: list[str] = []

    def kill(request: Any) -> None:
        if request.path.startswith("/Users"):
            seen.append(request.method)
            if len(seen) == step + 1:
                process.kill()

    world.service.answers = kill
    process = world.folder.start(*FAST)
    process.communicate()
    world.service.answers = lambda _: None
    if not in_manifest:
        world.manifest("other")

    done = world.folder.run(*FAST)

    assert done.code == (0 if in_manifest else done.code), done.everything
    require_clean(world)
    if in_manifest:
        assert world.results()[-1] == dict.fromkeys(ALL, "persisted")
        assert gate(world).code == 0


@pytest.mark.parametrize("step", range(6))
def test_a_kill_leaves_a_value_only_where_the_state_has_it_under_way(
    world: CanaryWorld, step: int
) -> None:
    """A process that is killed as it waits for an answer, which has been carried out."""
    pending = [step]

    def kill(request: Any) -> Any:
        if request.path.startswith("/Users"):
            pending[0] -= 1
            if pending[0] == -1:
                world.service.answers = lambda _: None
                world.service.handle(request)
                process.kill()
                process.wait()
        return None

    world.service.answers = kill
    process = world.folder.start(*FAST)
    process.communicate()

    left = world.service.tester.get(URN, {}).keys()
    assert left <= {row[2] for row in world.under_way()}
    assert (step < 3) == (not world.under_way())
    assert bool(left) == (step in {3, 4})

    assert world.folder.run(*FAST).code == 0
    require_clean(world)


def test_truths_and_canonical_values_are_taken_away_after_a_kill(world: CanaryWorld) -> None:
    world.manifest(
        "ok, type: boolean", "kind, canonicalValues: [gold, silver]", "count, type: integer"
    )
    world.service.forever = True
    world.folder.run(*FAST)
    assert world.service.tester[URN].keys() == {"ok", "kind", "count", "desk"}
    world.service.forever = False

    assert world.folder.run(*FAST).code == 0

    require_clean(world)


def test_where_the_manifest_names_nobody_any_more_the_run_says_so_once(world: CanaryWorld) -> None:
    world.service.forever = True
    world.folder.run(*FAST)
    world.tenant()

    first, second = world.folder.run(*FAST), world.folder.run(*FAST)

    assert "the manifest names no test user any more" in first.out
    assert "test user" not in second.out
    assert world.under_way() == []


def test_a_test_user_that_is_gone_or_not_listed_is_said_until_it_is_back(
    world: CanaryWorld,
) -> None:
    world.service.forever = True
    world.folder.run(*FAST)
    world.service.forever = False
    world.folder.environ["RECONCILER_CANARY_USERS"] = ""
    unlisted = world.folder.run(*FAST)
    world.folder.environ["RECONCILER_CANARY_USERS"] = TESTER
    people, world.service.people = world.service.people, []
    gone = world.folder.run(*FAST)
    world.service.people = people

    assert "may be left on the test user" in unlisted.out
    assert "may be left on the test user" in gone.out
    assert (unlisted.code, gone.code) == (0, 0)
    assert world.folder.run("apply", "--recover-only").code == 0
    require_clean(world)


def test_what_was_adopted_is_tried(world: CanaryWorld) -> None:
    world.folder.run(*FAST)
    (world.folder.path / ".reconciler/state.db").unlink()

    assert world.folder.run(*FAST).code == 0

    assert world.results() == [dict.fromkeys(ALL, "persisted")]
    require_clean(world)


def test_more_attributes_cost_no_more_requests(world: CanaryWorld) -> None:
    counts = []
    for number in (20, 20 + 40):
        world.manifest(*(f"a{n}" for n in range(number)))
        world.service.requests.clear()
        assert world.folder.run(*FAST).code == 0
        counts.append(len([each for each in world.service.requests if "/Users" in each]))

    assert counts[0] == counts[1] <= 8
    require_clean(world)


def test_the_built_in_tenant_keeps_what_it_is_sent(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    dev_tenant.add_user(TESTER)
    before = dev_tenant.users()
    folder.environ["RECONCILER_CANARY_USERS"] = TESTER
    folder.edit(
        "desired-state/tenants/dev.yaml", "spec:\n", f"spec:\n  canary: {{userName: {TESTER}}}\n"
    )

    done = folder.run("apply", "--auto-approve")

    assert done.code == 0, done.everything
    found = [record["canary"] for record in folder.audit() if "canary" in record]
    results = {name: result for each in found for name, result in each.items()}
    assert "persisted" in results.values()
    assert not {"dropped", "coerced"} & set(results.values()), results
    after = dev_tenant.users()
    assert [_bare(each) for each in after] == [_bare(each) for each in before]


def _bare(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "meta"}


def test_a_signal_ends_it_and_the_value_goes(world: CanaryWorld) -> None:
    def stop(request: Any) -> None:
        if request.method == "PATCH" and len(world.service.writes) == 1:
            process.terminate()

    world.service.answers = stop
    process = world.folder.start(*FAST)
    process.communicate(timeout=30)
    assert process.returncode == 143
    world.service.answers = lambda _: None

    world.folder.run(*FAST)

    require_clean(world)


def test_what_a_person_has_is_not_taken_away_for_ours(world: CanaryWorld) -> None:
    world.service.forever = True
    world.folder.run(*FAST)
    world.service.forever = False
    world.service.people[0].pop(URN)
    world.folder.environ["RECONCILER_CANARY_USERS"] = PERSON
    world.tenant(f"  canary: {{userName: {PERSON}}}\n")

    done = world.folder.run(*FAST)

    assert world.service.people[1] == user("u2", PERSON, badge="b7")
    assert "is not ours" in done.out
    assert CORE in world.service.people[1]["schemas"]


FROZEN = f"  canary: {{userName: {TESTER}}}\n  freeze: [{{from: '2026-01-01', to: '9999-12-31'}}]\n"


def test_in_a_freeze_no_test_user_is_written_to_nor_tried_on_before_it_is_over(
    world: CanaryWorld,
) -> None:
    world.tenant()
    assert world.folder.run(*FAST).code == 0
    world.tenant(FROZEN)

    frozen = world.folder.run(*FAST)

    assert frozen.code == 0, frozen.everything
    assert (world.service.writes, world.results()) == ([], [])
    assert gate(world).code == 2
    world.tenant(f"  canary: {{userName: {TESTER}}}\n")
    assert world.folder.run(*FAST).code == 0
    assert world.results() == [dict.fromkeys(ALL, "persisted")]


def test_what_a_run_left_on_a_test_user_stays_there_until_a_freeze_is_over(
    world: CanaryWorld,
) -> None:
    world.service.forever = True
    world.folder.run(*FAST)
    world.service.forever = False
    world.tenant(FROZEN)
    world.service.writes.clear()

    frozen = world.folder.run(*FAST)

    assert "acme: values of an earlier run stay on its test user: it is frozen" in frozen.out
    assert (world.service.writes, bool(world.under_way())) == ([], True)
    lifted = world.folder.run(*FAST, "--during-freeze", "acme")
    assert lifted.code == 0, lifted.everything
    require_clean(world)
