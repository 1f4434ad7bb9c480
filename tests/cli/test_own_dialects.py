"""`--dialects DIR`: a user's dialects, from the command line to the digest of a plan."""

import json
from typing import Any

import pytest

from reconciler.adapters.dialects import load_dialects
from tests.support.git import git
from tests.support.program import Folder, assert_reported

LOCAL = "desired-state/tenants/local.yaml"
MINE: dict[str, Any] = {
    "name": "mine",
    "description": "A service for tests.",
    "targetSystem": "MINE",
    "creates": True,
    "updates": "put",
    "types": ["string", "boolean", "decimal", "integer", "dateTime", "reference", "complex"],
}


def dialect(folder: Folder, place: str = "dialects", **changes: Any) -> None:
    folder.write(f"{place}/mine.json", json.dumps(MINE | changes, indent=2))


@pytest.fixture
def own(folder: Folder) -> Folder:
    """The built-in tenant under a dialect of the user's own, which the environment names."""
    dialect(folder)
    folder.edit(LOCAL, "dialect: genesys", "dialect: mine")
    folder.environ["RECONCILER_DIALECTS"] = "dialects"
    return folder


@pytest.fixture
def repository(own: Folder) -> Folder:
    """A repository whose only commit is origin/main."""
    git(own.path, "init", "--quiet")
    git(own.path, "add", "desired-state", "dialects")
    git(own.path, "commit", "--quiet", "--message", "trusted")
    git(own.path, "update-ref", "refs/remotes/origin/main", "HEAD")
    return own


def actions(done: Any) -> dict[str, str]:
    (tenant,) = json.loads(done.out)["tenants"]
    return {
        change["manifest"]: change["reason"] or change["action"] for change in tenant["changes"]
    }


def test_the_option_and_the_variable_name_the_folder_and_without_it_the_name_is_not_known(own):
    del own.environ["RECONCILER_DIALECTS"]

    assert_reported(own.run("validate", "--dialects", "dialects"), 0)
    assert_reported(own.run("--dialects", "dialects", "validate"), 0)
    assert_reported(own.run("validate", RECONCILER_DIALECTS="dialects"), 0)
    assert_reported(
        own.run("validate"),
        1,
        "local.yaml:11:12: error[REC-SHAPE]: spec.dialect: 'mine' is not known here; use ",
    )


def test_a_wrong_name_is_reported_at_its_line_with_the_nearest(own):
    own.edit(LOCAL, "dialect: mine", "dialect: minee")

    done = own.run("validate")

    assert_reported(done, 1, "local.yaml:11:12: error[REC-SHAPE]: spec.dialect: 'minee' is not")
    assert "did you mean mine?" in done.out


def test_plan_apply_import_and_doctor_know_the_dialect(own):
    planned = own.run("plan")
    applied = own.run("apply", "--auto-approve")
    again = own.run("plan", "--detailed-exitcode")
    imported = own.run("import", "local", "--out", "imported")
    looked = own.run("doctor", "local")

    assert_reported(planned, 0, "Tenant local  (mine, embedded://local)")
    assert_reported(applied, 0)
    assert_reported(again, 0)
    assert_reported(imported, 0)
    assert_reported(looked, 0, "local  (mine, embedded://local)")


def test_a_limit_of_the_dialect_counts_in_the_plan(own):
    dialect(own, extensions=1)
    limited = own.run("plan", "--format", "json")
    dialect(own, creates=False)
    fixed = own.run("plan", "--format", "json")

    assert sorted(actions(limited).values()) == ["create", "extension-limit"]
    assert set(actions(fixed).values()) == {"unsupported"}


@pytest.mark.parametrize("changes", [{"pageSize": 7}, {"protectedPrefixes": ["urn:x:"]}, {
    "errors": [{"means": "exists", "status": 400}]}])  # fmt: skip
def test_an_edited_dialect_makes_an_approval_stale(own, changes):
    assert_reported(own.run("plan", "--out", "plan.json"), 0)
    dialect(own, **changes)

    done = own.run("apply", "plan.json")

    assert_reported(done, 4)
    assert own.run("audit", "list").out.count("CREATE") == 0


def test_a_hint_for_a_person_leaves_an_approval_as_it_is(own):
    assert_reported(own.run("plan", "--out", "plan.json"), 0)
    dialect(own, permissionHint="ask Bob", description="Known better by now.")

    assert_reported(own.run("apply", "plan.json"), 0)


def test_problems_of_dialects_and_manifests_are_shown_together_in_each_format(repository):
    dialect(repository, pageSize=0)
    repository.edit(LOCAL, "baseUrl:", "baseURL:")

    text = repository.run("validate")
    machine = json.loads(repository.run("validate", "--format", "json").out)
    sarif = json.loads(repository.run("validate", "--format", "sarif").out)
    annotated = repository.run("validate", "--format", "github")

    assert_reported(
        text,
        1,
        "dialects/mine.json:16:15: error[REC-SHAPE]: pageSize: must be 1 or more",
        "unknown key 'baseURL'; did you mean baseUrl?",
    )
    assert "'mine' is not known" not in text.everything  # which would be noise
    assert "dialects/mine.json" in {p["path"] for p in machine["diagnostics"]}
    places = [r["locations"][0]["physicalLocation"] for r in sarif["runs"][0]["results"]]
    assert "dialects/mine.json" in {p["artifactLocation"]["uri"] for p in places}
    assert "file=dialects/mine.json,line=16" in annotated.out


@pytest.mark.parametrize(
    "command", ["plan", "apply --auto-approve", "doctor local", "import local --out imported"]
)
def test_a_tenant_with_a_broken_dialect_gets_no_request(own, command):
    dialect(own, updates="pacth")

    done = own.run(*command.split())

    assert_reported(done, 1, "dialects/mine.json:6:14: error[REC-SHAPE]: updates: 'pacth'")


def test_a_folder_among_the_manifests_is_refused_unless_its_name_hides_it(own):
    dialect(own, "desired-state/dialects")
    refused = own.run("validate", "--dialects", "desired-state/dialects")
    (own.path / "desired-state/dialects").rename(own.path / "desired-state/_dialects")
    taken = own.run("validate", "--dialects", "desired-state/_dialects")

    assert_reported(refused, 1, "each *.json is a manifest; move it out, or begin its name with _")
    assert_reported(taken, 0)


def test_the_schema_of_manifests_is_printed_with_the_names_that_are_known(own):
    schema = json.loads(own.run("schema", "manifest").out)
    dialect(own, updates="pacth")
    broken = own.run("schema", "manifest")

    assert schema["$defs"]["DialectName"]["enum"] == sorted([*load_dialects(), "mine"])
    assert_reported(broken, 1, "dialects/mine.json:6:14: error[REC-SHAPE]: updates: 'pacth'")


def test_against_compares_with_the_dialects_of_today(repository):
    (repository.path / "dialects/mine.json").rename(repository.path / "dialects/mine-2.json")
    repository.edit("dialects/mine-2.json", '"mine"', '"mine-2"')
    repository.edit(LOCAL, "dialect: mine", "dialect: mine-2")
    repository.edit("desired-state/extensions/hr-extension.yaml", "type: boolean", "type: string")

    done = repository.run("validate", "--against", "origin/main")

    assert_reported(done, 6, "SCH002")
    assert "not compared" not in done.everything


def test_an_edited_dialect_counts_as_an_edit_since_the_commit(repository):
    clean = repository.plan()["git"]
    dialect(repository, permissionHint="ask Bob")

    assert (clean["dirty"], repository.plan()["git"]["dirty"]) == (False, True)


# --tenants-from


def test_a_pull_request_cannot_change_what_a_trusted_tenant_is_held_to(repository):
    dialect(repository, creates=False)

    trusted = repository.run("plan", "--tenants-from", "origin/main", "--format", "json")
    believed = repository.run("plan", "--format", "json")

    assert set(actions(trusted).values()) == {"create"}
    assert set(actions(believed).values()) == {"unsupported"}
    assert json.loads(trusted.out)["tenants_from"]["changed"] == ["local"]


def test_a_dialect_that_only_the_pull_request_has_is_no_trusted_tenants(repository):
    repository.write("dialects/new.json", json.dumps(MINE | {"name": "new"}))
    repository.edit(LOCAL, "dialect: mine", "dialect: new")

    done = repository.run("plan", "--tenants-from", "origin/main")

    assert_reported(done, 0, "Tenant local  (mine, embedded://local)")


def test_the_first_dialects_of_a_repository_can_be_planned_in_a_pull_request(repository):
    dialect(repository, "first", name="mine")

    done = repository.run("plan", "--tenants-from", "origin/main", "--dialects", "first",
                          "--format", "json")  # fmt: skip

    document = json.loads(done.out)
    assert document["tenants"] == []  # at the ref the tenant has a dialect that is not there
    assert document["tenants_from"]["unread"] == ["origin/main:" + LOCAL]


def test_a_dialect_that_is_broken_at_the_ref_is_named_and_its_tenants_are_not_planned(repository):
    dialect(repository, pageSize=0)
    git(repository.path, "commit", "--quiet", "--all", "--message", "broken")
    git(repository.path, "update-ref", "refs/remotes/origin/main", "HEAD")
    dialect(repository)

    done = repository.run("plan", "--tenants-from", "origin/main", "--format", "json")

    document = json.loads(done.out)
    assert document["tenants"] == []
    assert document["tenants_from"]["unread"] == [
        "origin/main:dialects/mine.json",
        "origin/main:" + LOCAL,
    ]


def test_dialects_inside_the_manifests_folder_come_from_the_ref_too(repository):
    git(repository.path, "mv", "dialects", "desired-state/_dialects")
    git(repository.path, "commit", "--quiet", "--all", "--message", "moved")
    git(repository.path, "update-ref", "refs/remotes/origin/main", "HEAD")
    dialect(repository, "desired-state/_dialects", creates=False)

    done = repository.run("plan", "--tenants-from", "origin/main", "--format", "json",
                          "--dialects", "desired-state/_dialects")  # fmt: skip

    assert set(actions(done).values()) == {"create"}


def test_dialects_outside_of_the_repository_are_refused_with_trusted_tenants(
    repository, tmp_path_factory
):
    outside = Folder(tmp_path_factory.mktemp("outside"))
    dialect(outside)
    other = Folder(tmp_path_factory.mktemp("other"))
    dialect(other)
    git(other.path, "init", "--quiet")

    for place in (outside, other):
        done = repository.run("plan", "--tenants-from", "origin/main",
                              "--dialects", str(place.path / "dialects"))  # fmt: skip
        assert_reported(done, 1, "is not in the git repository of desired-state", "keep it there")


def test_links_that_go_round_are_no_folder(repository):
    (repository.path / "loop").symlink_to("loop")

    for command in (["validate"], ["plan"], ["plan", "--tenants-from", "origin/main"]):
        done = repository.run(*command, "--dialects", "loop")
        assert_reported(done, 1, "loop:1:1: error[REC-FILE]: no such folder")
    for command in (["plan", "--tenants-from", "HEAD"], ["validate", "--against", "HEAD"],
                    ["validate", "--format", "sarif"]):  # fmt: skip
        assert_reported(repository.run(*command, "--desired-state", "loop"), 1)


@pytest.mark.parametrize("target", ["desired-state/_evil", "outside"])
def test_a_link_in_the_place_of_the_folder_is_refused_with_trusted_tenants(
    repository, tmp_path_factory, target
):
    place = repository.path if target != "outside" else tmp_path_factory.mktemp("outside")
    dialect(Folder(place), target, creates=False)
    (repository.path / "dialects").rename(repository.path / "was")
    (repository.path / "dialects").symlink_to(place / target)

    done = repository.run("plan", "--tenants-from", "origin/main")

    assert_reported(done, 1)
    assert "link" in done.err or "is not in the git repository" in done.err


def test_a_folder_that_the_pull_request_took_away_is_an_error_with_trusted_tenants(repository):
    git(repository.path, "rm", "--quiet", "-r", "dialects")

    done = repository.run("plan", "--tenants-from", "origin/main")

    assert_reported(done, 1, "dialects:1:1: error[REC-FILE]: no such folder")
