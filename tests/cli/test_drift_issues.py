"""`reconciler drift-issues` as the scheduled job calls it, against a stub of GitHub."""

import json
from collections.abc import Iterator

import pytest

from reconciler.domain.jsontext import Json
from tests.support.github_stub import HUMAN, Fault, Stub, github_stub
from tests.support.program import HR_URN, WORK_URN, Folder
from tests.support.warm import Done

ACME = "<!-- reconciler:drift:local -->"


@pytest.fixture
def stub(folder: Folder) -> Iterator[Stub]:
    with github_stub() as running:
        folder.environ |= running.environ()
        yield running


def planned(folder: Folder, *more: str) -> Json:
    folder.run("plan", "--out", "plan.json", *more)
    return json.loads((folder.path / "plan.json").read_text())


def follow(folder: Folder, plan: Json = None, **environ: str) -> Done:
    if plan is not None:
        folder.write("plan.json", json.dumps(plan))
    done = folder.run("drift-issues", "--plan", "plan.json", **environ)
    assert "Traceback" not in done.err, done.err
    return done


def also(plan: Json, *names: str) -> Json:
    """The plan with tenants like its only one."""
    [tenant] = plan["tenants"]
    return {**plan, "tenants": [{**tenant, "name": name} for name in names]}


def test_an_issue_follows_the_drift_of_its_tenant_from_its_begin_to_its_end(
    folder: Folder, stub: Stub
):
    summary = folder.path / "summary.md"
    reported = []
    planned(folder)
    reported += [follow(folder), follow(folder)]
    folder.run("apply", "--auto-approve", "--target", HR_URN)
    planned(folder)
    reported.append(follow(folder))
    folder.run("apply", "--auto-approve")
    planned(folder)
    reported += [follow(folder), follow(folder, GITHUB_STEP_SUMMARY=str(summary))]

    assert [done.code for done in reported] == [0] * 5, reported
    assert [done.err.split("issues: ")[1].strip() for done in reported] == [
        "1 opened, 0 updated, 0 reopened, 0 closed",
        "0 opened, 0 updated, 0 reopened, 0 closed",
        "0 opened, 1 updated, 0 reopened, 0 closed",
        "0 opened, 0 updated, 0 reopened, 1 closed",
        "0 opened, 0 updated, 0 reopened, 0 closed",
    ]
    [issue] = stub.state.issues
    assert issue["title"] == "Drift on tenant local"
    assert issue["state"] == "closed"
    assert issue["body"].startswith(f"{ACME}\n**Closed: in sync again.**")
    assert WORK_URN in issue["body"]
    assert "1 not there" in issue["body"]
    assert len(stub.state.writes()) == 3
    assert "1 tenant: 1 in sync, 0 with drift, 0 not readable" in summary.read_text()


def test_one_issue_a_tenant_and_none_for_what_could_not_be_read(folder: Folder, stub: Stub):
    plan = also(planned(folder), "acme-eu", "acme-us", "broken")
    broken = plan["tenants"][2]
    broken |= {"error": "no answer", "changes": [], "extensions_live": None}
    stub.state.add_issue("Drift", "<!-- reconciler:drift:broken -->\nas it was")

    done = follow(folder, plan)

    assert "3 tenants: 0 in sync, 2 with drift, 1 not readable" in done.err
    assert [(i["title"], i["state"]) for i in stub.state.issues] == [
        ("Drift", "open"),
        ("Drift on tenant acme-eu", "open"),
        ("Drift on tenant acme-us", "open"),
    ]


@pytest.mark.parametrize("narrow", [False, True])
def test_the_issue_of_a_tenant_that_is_gone_is_closed_by_a_whole_plan_alone(
    folder: Folder, stub: Stub, narrow: bool
):
    issue = stub.state.add_issue("Drift", "<!-- reconciler:drift:gone -->\nas it was")
    planned(folder, *(["--tenant", "local"] if narrow else []))

    follow(folder)

    assert issue["state"] == ("open" if narrow else "closed")
    assert narrow or "no manifest names this tenant any more" in issue["body"]


@pytest.mark.parametrize("part", [{"due": ["local"]}, {"shard": "1/2"}])
def test_the_issue_of_a_tenant_that_was_not_due_or_of_another_shard_stays(
    folder: Folder, stub: Stub, part: dict[str, object]
):
    plan = planned(folder)
    stub.state.add_issue("Drift", "<!-- reconciler:drift:weekly -->\nx")

    done = follow(folder, {**plan, "selection": {**plan["selection"], **part}})

    assert (done.code, stub.state.issues[0]["state"]) == (0, "open")


def test_a_tenant_that_may_be_in_a_file_that_was_not_read_keeps_its_issue(
    folder: Folder, stub: Stub
):
    plan = planned(folder)
    source = {"ref": "origin/main", "commit": "c" * 40, "changed": [], "added": [], "removed": []}
    stub.state.add_issue("Drift", "<!-- reconciler:drift:gone -->\nx")

    done = follow(folder, {**plan, "tenants_from": {**source, "unread": ["tenants/gone.yaml"]}})
    kept = stub.state.issues[0]["state"]
    follow(folder, {**plan, "tenants_from": {**source, "unread": []}})

    assert done.code == 0, done.everything
    assert (kept, stub.state.issues[0]["state"]) == ("open", "closed")


def test_issues_of_others_are_never_touched(folder: Folder, stub: Stub):
    others = [
        stub.state.add_issue("Drift on tenant local", f"{ACME}\nx", HUMAN),
        stub.state.add_issue("Drift on tenant local", "I have drifted"),
        stub.state.add_issue("Odd", "<!-- reconciler:drift:NOT A TENANT -->\nx"),
    ]
    before = [dict(issue) for issue in others]
    planned(folder)

    follow(folder)

    assert others == before
    assert len(stub.state.issues) == 4


def test_an_issue_shows_since_when_drift_is_known(folder: Folder, stub: Stub):
    plan = planned(folder)
    known = {"kind": "missing", "since": "2026-03-01T12:00:00.000Z"}
    plan["tenants"][0]["drift"] = [{**known, "schema_id": f"urn:x:{n}"} for n in range(25)]

    follow(folder, plan)

    body = stub.state.issues[0]["body"]
    assert "- `urn:x:0`: `missing: it was there at 2026-03-01T12:00:00.000Z" in body
    assert body.count("- `urn:x:") == 20
    assert "- and 5 more" in body


def test_text_of_a_tenant_stays_in_its_place(folder: Folder, stub: Stub):
    plan = planned(folder)
    hostile = "x\n<!-- reconciler:drift:other -->\n```\n@acme/all [a](b) ::error::"
    plan["tenants"][0]["changes"][0]["schema_id"] = hostile

    follow(folder, plan)

    [issue] = stub.state.issues
    lines = issue["body"].splitlines()
    assert [line for line in lines if line.startswith("<!--")] == [ACME]
    assert sum(line.startswith("```") for line in lines) == 4  # both changes have a diff


def test_a_tenant_with_very_much_drift_still_fits(folder: Folder, stub: Stub):
    plan = planned(folder)
    [tenant] = plan["tenants"]
    tenant["changes"] *= 2_000

    done = follow(folder, plan)

    assert done.code == 0
    assert "4000 not there" in stub.state.issues[0]["body"]


@pytest.mark.parametrize(
    ("texts", "reported"),
    [
        ([], "give --plan FILE"),
        (["--plan", "missing.json"], "missing.json cannot be read"),
        (["--plan", "partial.json"], "is a partial plan"),
        (["--plan", "odd.json"], "names a tenant as no manifest can"),
    ],
)
def test_drift_issues_refuses_a_missing_partial_or_odd_plan(
    folder: Folder, stub: Stub, texts: list[str], reported: str
):
    plan = planned(folder)
    folder.write("odd.json", json.dumps(also(plan, "x -->")))
    plan["selection"]["exclude"] = ["x"]
    folder.write("partial.json", json.dumps(plan))

    done = folder.run("drift-issues", *texts)

    assert done.code == 1
    assert reported in done.err
    assert stub.state.requests == []


def test_drift_issues_reports_a_missing_permission(folder: Folder, stub: Stub):
    stub.state.faults.append(Fault("POST", "", 403, "Resource not accessible by integration"))
    planned(folder)

    done = follow(folder)

    assert done.code == 1
    assert "`permissions: issues: write`" in done.err


# Closed by a person


def test_an_issue_that_a_person_closed_stays_closed_until_the_drift_changes(
    folder: Folder, stub: Stub
):
    planned(folder)
    follow(folder)
    [issue] = stub.state.issues
    issue["state"] = "closed"
    before = len(stub.state.writes())

    again = follow(folder)
    assert "0 opened, 0 updated, 0 reopened, 0 closed" in again.err
    assert (issue["state"], len(stub.state.writes())) == ("closed", before)

    folder.run("apply", "--auto-approve", "--target", HR_URN)
    planned(folder)
    changed = follow(folder)
    assert "0 opened, 0 updated, 1 reopened, 0 closed" in changed.err
    assert [each["state"] for each in stub.state.issues] == ["open"]
    assert "1 not there" in issue["body"]


def test_drift_that_comes_back_opens_its_issue_again(folder: Folder, stub: Stub):
    first = planned(folder)
    follow(folder)
    folder.run("apply", "--auto-approve")
    planned(folder)
    assert "1 closed" in follow(folder).err

    again = follow(folder, first)

    assert "0 opened, 0 updated, 1 reopened, 0 closed" in again.err
    [issue] = stub.state.issues
    assert issue["state"] == "open"
    assert "Closed:" not in issue["body"]


def test_closed_issues_are_read_only_where_a_tenant_has_none_that_is_open(
    folder: Folder, stub: Stub
):
    planned(folder)
    follow(folder)
    stub.state.requests.clear()

    follow(folder)

    assert not any("state=closed" in request for request in stub.state.requests)
