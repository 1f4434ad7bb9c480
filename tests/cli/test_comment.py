"""`reconciler comment` as a job calls it: real processes, a stub of GitHub on loopback."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.github_stub import HUMAN, Fault, Stub, github_stub
from tests.support.program import HR_URN, WORK_URN, Folder

PLAN = "**Plan: 2 to add, 0 to change, 0 to destroy.**\n\n| tenant |\n| --- |\n| local |\n"
SAME = "**No changes.** Live schemas match the manifests.\n"
COMMIT = "c" * 40
MARKER = "<!-- reconciler:comment:plan -->"


@pytest.fixture
def stub(folder: Folder) -> Iterator[Stub]:
    with github_stub() as running:
        folder.environ |= running.environ()
        yield running


def body(folder: Folder, text: str) -> str:
    folder.write("plan.md", text)
    return "plan.md"


def test_the_plan_is_posted_once_and_kept_up_to_date(folder: Folder, stub: Stub):
    reported = []
    for text in (PLAN, PLAN, PLAN.replace("2 to add", "3 to add"), SAME, SAME):
        done = folder.run("comment", "--pr", "5", "--body", body(folder, text))
        assert (done.code, done.out) == (0, ""), done.everything
        reported.append(done.err.split()[-1])

    assert reported == ["created", "unchanged", "updated", "updated", "unchanged"]
    assert stub.state.bodies(5) == [f"{MARKER}\n{SAME}"]


def test_a_plan_without_changes_makes_no_comment_where_none_is(folder: Folder, stub: Stub):
    stub.state.add_comment(5, f"{MARKER}\n{PLAN}", HUMAN)

    done = folder.run("comment", "--pr", "5", "--body", body(folder, SAME))

    assert done.code == 0
    assert "nothing changes, so pull request 5 gets no comment" in done.err
    assert stub.state.writes() == []


def test_a_pull_request_that_redirects_a_tenant_gets_a_comment_all_the_same(
    folder: Folder, stub: Stub
):
    applied(folder)
    for texts in ("init --quiet", "add desired-state", f"{_WHO} commit --quiet --message trusted"):
        subprocess.run(["git", *texts.split()], cwd=folder.path, check=True)
    folder.edit("desired-state/tenants/local.yaml", "embedded://local", "embedded://elsewhere")
    folder.run("plan", "--tenants-from", "HEAD", "--markdown", "plan.md")

    done = folder.run("comment", "--pr", "5", "--body", "plan.md")

    assert "pull request 5: created" in done.err
    [stated] = stub.state.bodies(5)
    assert "## No changes." in stated
    assert "- changed in the folder, which is not used: `local`" in stated


_WHO = "-c user.name=t -c user.email=t@example.invalid"


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"Retry-After": "1"}),
        (403, {"Retry-After": "1", "x-ratelimit-remaining": "37"}),  # a secondary limit
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}),  # which is over by now
    ],
)
def test_what_github_asks_to_wait_is_said_as_the_wait_begins(
    folder: Folder, stub: Stub, status: int, headers: dict[str, str]
):
    stub.state.faults.append(Fault("POST", "comments", status, headers=headers))

    done = folder.run("comment", "--pr", "5", "--body", body(folder, PLAN))

    assert done.code == 0, done.everything
    waited, posted = done.err.splitlines()
    assert waited == f"GitHub: it answered {status}, and asks to wait 1 s; trying again in 1 s"
    assert posted == "comment on pull request 5: created"


def test_with_q_nothing_is_said_of_a_wait(folder: Folder, stub: Stub):
    stub.state.faults.append(Fault("POST", "comments", 429, headers={"Retry-After": "1"}))

    assert folder.run("comment", "-q", "--pr", "5", "--body", body(folder, PLAN)).err == ""


def test_the_comment_of_a_job_links_to_its_run_and_to_each_manifest_at_its_line(
    folder: Folder, stub: Stub
):
    for texts in ("init --quiet", "add desired-state", f"{_WHO} commit --quiet --message all"):
        subprocess.run(["git", *texts.split()], cwd=folder.path, check=True)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder.path, text=True)
    folder.environ |= {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_RUN_ID": "77",
    }
    assert folder.run("plan", "--markdown", "plan.md").code == 0
    assert folder.run("comment", "--pr", "5", "--body", "plan.md").code == 0

    [shown] = stub.state.bodies(5)
    page = "https://github.example/acme/identity"
    assert f"by [this run]({page}/actions/runs/77)" in shown
    place = "desired-state/extensions/hr-extension.yaml"
    assert f"[`{place}:2`]({page}/blob/{commit.strip()}/{place}#L2)" in shown


def test_two_keys_are_two_comments(folder: Folder, stub: Stub):
    for key in ("eu", "us", "eu"):
        folder.run("comment", "--pr", "5", "--body", body(folder, PLAN), "--key", key)

    assert [text.split("\n")[0] for text in stub.state.bodies(5)] == [
        "<!-- reconciler:comment:eu -->",
        "<!-- reconciler:comment:us -->",
    ]


def applied(folder: Folder, *more: str, code: int = 0) -> None:
    done = folder.run("apply", "--auto-approve", "--report", "report.json", *more)
    assert done.code == code, done.everything


def test_after_the_merge_the_comment_says_what_was_applied_with_the_plan_below(
    folder: Folder, stub: Stub
):
    folder.run("comment", "--pr", "5", "--body", body(folder, PLAN))
    stub.state.merge(5, COMMIT)
    applied(folder)

    reported = [folder.run("comment", "--commit", COMMIT, "--report", "report.json") for _ in "12"]

    assert [done.code for done in reported] == [0, 0], reported
    [stated] = stub.state.bodies(5)
    assert stated.startswith(f"{MARKER}\n### Applied\n")
    assert stated.count("**applied** (create)") == 2
    assert f"`hr-extension`, `{HR_URN}`" in stated
    assert f"`work-assignments`, `{WORK_URN}`" in stated
    assert stated.count("<details>") == stated.count("Plan: 2 to add") == 1
    head = json.loads((folder.path / "report.json").read_text())["audit_head"]["hash"]
    assert f"head `{head}`" in stated
    assert "unchanged" in reported[1].err


def test_comment_of_a_run_without_changes_needs_a_plan_comment(folder: Folder, stub: Stub):
    applied(folder)
    applied(folder)
    stub.state.merge(5, COMMIT)

    done = folder.run("comment", "--commit", COMMIT, "--report", "report.json")

    assert done.code == 0
    assert "nothing was applied" in done.err
    assert stub.state.writes() == []


def test_a_later_run_with_nothing_to_do_leaves_what_was_applied(folder: Folder, stub: Stub):
    applied(folder)
    folder.run("comment", "--pr", "5", "--report", "report.json")
    before = stub.state.bodies(5)
    applied(folder)

    done = folder.run("comment", "--pr", "5", "--report", "report.json")

    assert done.code == 0
    assert "nothing was applied, so pull request 5 keeps its comment" in done.err
    assert stub.state.bodies(5) == before
    assert before[0].startswith(f"{MARKER}\n### Applied\n")


def test_comment_of_a_run_without_changes_follows_a_failed_one(folder: Folder, stub: Stub):
    refused = folder.run("apply", "--approve", f"sha256:{'0' * 64}", "--report", "report.json")
    assert refused.code == 4
    folder.run("comment", "--pr", "5", "--report", "report.json")
    folder.run("apply", "--auto-approve")
    applied(folder)

    folder.run("comment", "--pr", "5", "--report", "report.json")

    [stated] = stub.state.bodies(5)
    assert stated.startswith(f"{MARKER}\n### Nothing to apply\n")


def test_comment_shows_a_refused_run_as_refused(folder: Folder, stub: Stub):
    done = folder.run("apply", "--approve", f"sha256:{'0' * 64}", "--report", "report.json")
    assert done.code == 4

    done = folder.run("comment", "--pr", "5", "--report", "report.json")

    assert done.code == 0, done.everything
    [stated] = stub.state.bodies(5)
    assert stated.startswith(f"{MARKER}\n### Refused: the plan is not the one that was approved")
    assert "0 added, 0 changed" in stated


def test_a_push_without_a_pull_request_is_no_failure(folder: Folder, stub: Stub):
    stub.state.pulls[COMMIT] = []

    done = folder.run("comment", "--commit", COMMIT, "--body", body(folder, PLAN))

    assert done.code == 0
    assert f"no merged pull request has commit {COMMIT}" in done.err


@pytest.mark.parametrize(
    ("texts", "reported"),
    [
        (["--body", "plan.md"], "give either --pr or --commit"),
        (["--pr", "5", "--commit", COMMIT, "--body", "plan.md"], "either --pr or --commit"),
        (["--pr", "5"], "give either --body or --report"),
        (["--pr", "5", "--body", "plan.md", "--report", "r"], "either --body or --report"),
        (["--pr", "0", "--body", "plan.md"], "--pr: '0'"),
        (["--pr", "5/../6", "--body", "plan.md"], "--pr: '5/../6'"),
        (["--commit", "main", "--body", "plan.md"], "a whole commit hash"),
        (["--pr", "5", "--body", "plan.md", "--key", "a--b"], "--key has to be"),
        (["--pr", "5", "--body", "plan.md", "--key", "x -->"], "--key has to be"),
        (["--pr", "5", "--body", "missing.md"], "missing.md cannot be read"),
        (["--pr", "5", "--body", "."], "cannot be read"),
        (["--pr", "5", "--report", "plan.md"], "plan.md is no report of a run"),
        (["--pr", "5", "--body", "long.md"], "GitHub takes 65536"),
        (["--pr", "5", "--body", "binary.md"], "no UTF-8 text"),
        (["--pr", "5", "--body", "empty.md"], "an empty file"),
    ],
)
def test_comment_refuses_wrong_options_before_a_request(
    folder: Folder, stub: Stub, texts: list[str], reported: str
):
    body(folder, PLAN)
    folder.write("empty.md", " \n")
    folder.write("long.md", "x" * 65_536)
    Path(folder.path / "binary.md").write_bytes(b"\xff\xfe")

    done = folder.run("comment", *texts)

    assert done.code == 1
    assert reported in done.err
    assert "Traceback" not in done.err
    assert stub.state.writes() == []


@pytest.mark.parametrize("variable", ["GITHUB_REPOSITORY", "GITHUB_TOKEN"])
def test_outside_github_the_missing_variable_is_named(folder: Folder, stub: Stub, variable: str):
    del folder.environ[variable]

    done = folder.run("comment", "--pr", "5", "--body", body(folder, PLAN))

    assert done.code == 1
    assert variable in done.err


def test_comment_exits_1_with_one_message_where_github_refuses(folder: Folder, stub: Stub):
    stub.state.faults.append(Fault("POST", "", 403, "Resource not accessible by integration"))

    done = folder.run("comment", "--pr", "5", "--body", body(folder, PLAN))

    assert done.code == 1
    assert done.err.startswith("error: GitHub: POST ")
    assert "`permissions: pull-requests: write`" in done.err


def test_comment_shows_a_run_that_did_not_begin(folder: Folder, stub: Stub):
    folder.write("desired-state/broken.yaml", "kind: [\n")
    failed = folder.run("apply", "--auto-approve", "--report", "report.json")

    done = folder.run("comment", "--pr", "5", "--report", "report.json")

    assert (failed.code, done.code) == (1, 0), done.everything
    [stated] = stub.state.bodies(5)
    assert "### Failed" in stated
    assert "how many are pending is not known" in stated
