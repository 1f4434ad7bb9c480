"""Our comments and issues on GitHub, against a stub on loopback: found, kept, never others'."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from reconciler.adapters.github import Posted, Posts, Rest
from reconciler.adapters.retrying import retrying
from reconciler.adapters.settings import Settings
from reconciler.adapters.transport import HttpOptions
from reconciler.errors import GitHubError, UsageError
from tests.support.fakes import FakeClock
from tests.support.github_stub import BOT, HUMAN, READER, Fault, State, Stub, github_stub
from tests.support.program import ROOT

MARKER = "<!-- reconciler:comment:plan -->"
BODY = f"{MARKER}\nPlan: 1 to add"


@pytest.fixture
def stub() -> Iterator[Stub]:
    with github_stub() as running:
        yield running


@contextmanager
def posts(stub: Stub, token: str = BOT, clock: FakeClock | None = None) -> Iterator[Posts]:
    """A client that never really waits."""
    clock = clock or FakeClock()
    with Rest(
        Settings(stub.environ(token)).github(),
        permission="pull-requests: write",
        options=HttpOptions(deadline=5),
        retry=retrying(clock=clock, random=lambda: 0.5, cap=90.0),
        clock=clock,
    ) as rest:
        yield Posts(rest)


def refusal(stub: Stub, *faults: Fault, token: str = BOT) -> str:
    """What is said when a comment cannot be posted."""
    stub.state.faults += faults
    with posts(stub, token) as ours, pytest.raises(GitHubError) as refused:
        ours.show(5, MARKER, BODY)
    return str(refused.value)


# One comment


def test_a_comment_is_posted_then_updated_then_left_alone(stub: Stub):
    with posts(stub) as ours:
        written = [ours.show(5, MARKER, BODY), ours.show(5, MARKER, BODY + "s")]
        before = len(stub.state.writes())
        written.append(ours.show(5, MARKER, BODY + "s"))

    assert written == [Posted.CREATED, Posted.UPDATED, Posted.UNCHANGED]
    assert stub.state.bodies(5) == [BODY + "s"]
    assert len(stub.state.writes()) == before == 2


def test_a_comment_that_githubs_editor_has_saved_is_still_equal(stub: Stub):
    stub.state.add_comment(5, BODY.replace("\n", "\r\n") + "\r\n")

    with posts(stub) as ours:
        assert ours.show(5, MARKER, BODY + "\n") is Posted.UNCHANGED


@pytest.mark.parametrize(
    ("token", "body"),
    [
        (HUMAN, BODY),  # our marker, somebody else
        (BOT, "something of another action of the same account"),
        (BOT, f"quoted:\n{MARKER}\nPlan"),  # the marker where a text of ours may hold it
        (BOT, f"{MARKER} and more\nPlan"),
        (BOT, "<!-- reconciler:comment:plan-eu -->\nPlan"),
    ],
)
def test_comments_of_others_are_never_touched(stub: Stub, token: str, body: str):
    stub.state.add_comment(5, body, token)

    with posts(stub) as ours:
        assert ours.show(5, MARKER, BODY) is Posted.CREATED

    assert stub.state.bodies(5) == [body, BODY]


def test_a_comment_of_a_deleted_account_is_not_ours(stub: Stub):
    stub.state.add_comment(5, BODY)["user"] = None

    with posts(stub) as ours:
        assert ours.comment(5, MARKER) is None


@pytest.mark.parametrize("token", [BOT, HUMAN])
def test_a_job_and_a_person_each_find_their_own(stub: Stub, token: str):
    for other in (BOT, HUMAN):
        stub.state.add_comment(5, BODY, other)

    with posts(stub, token) as ours:
        ours.show(5, MARKER, BODY + "!")

    changed = [c["user"]["login"] for c in stub.state.comments if c["body"].endswith("!")]
    assert changed == ["github-actions[bot]" if token == BOT else "mallory"]


@pytest.mark.parametrize(("others", "page_size"), [(99, 100), (100, 100), (250, 100), (25, 10)])
def test_every_page_is_read_before_a_comment_is_taken_for_missing(
    stub: Stub, others: int, page_size: int
):
    stub.state.page_size = page_size
    for number in range(others):
        stub.state.add_comment(5, f"remark {number}", HUMAN)
    stub.state.add_comment(5, BODY)

    with posts(stub) as ours:
        assert ours.show(5, MARKER, BODY) is Posted.UNCHANGED


def test_the_longest_comments_of_a_whole_page_are_read(stub: Stub):
    for _ in range(100):
        stub.state.add_comment(5, "\N{SNOWMAN}" * 65_536, HUMAN)
    stub.state.add_comment(5, BODY)

    with posts(stub) as ours:
        assert ours.show(5, MARKER, BODY) is Posted.UNCHANGED


def test_github_enterprise_has_its_graphql_beside_version_3(stub: Stub):
    stub.state.add_comment(5, BODY)
    enterprise = Stub(f"{stub.url}/api/v3", stub.state)

    with posts(enterprise) as ours:
        assert ours.show(5, MARKER, BODY + "!") is Posted.UPDATED

    assert "POST /api/graphql" in stub.state.requests


# Answers that do not come, or say no


@pytest.mark.parametrize("how", ["lost", "500 after it was done"])
def test_a_post_whose_answer_is_lost_is_looked_up_and_not_sent_twice(stub: Stub, how: str):
    lost = how == "lost"
    stub.state.faults.append(Fault("POST", "/comments", status=500, lost=lost, done=True))

    with posts(stub) as ours:
        assert ours.show(5, MARKER, BODY) is Posted.CREATED

    assert stub.state.bodies(5) == [BODY]
    assert len(stub.state.writes()) == 1


def test_a_post_that_was_not_done_is_sent_again(stub: Stub):
    stub.state.faults.append(Fault("POST", "/comments", status=502))

    with posts(stub) as ours:
        ours.show(5, MARKER, BODY)

    assert stub.state.bodies(5) == [BODY]
    assert len(stub.state.writes()) == 2


def test_lost_answers_leave_one_comment_with_the_last_text(stub: Stub):
    """60 jobs after each other, with up to two faults each; the seed is printed."""
    seed = int.from_bytes(os.urandom(4))
    sys.stdout.write(f"seed {seed}\n")
    random = Random(seed)
    stub.state.add_comment(5, BODY, HUMAN)
    last = ""
    for number in range(60):
        stub.state.faults = [
            Fault(
                method=random.choice(("GET", "POST", "PATCH")),
                path=random.choice(("/comments", "/graphql")),
                status=status,
                headers={"Retry-After": "1"},
                lost=random.random() < 0.4,
                done=status != 429 and random.random() < 0.5,  # a rate limit carries nothing out
            )
            for status in random.choices((408, 429, 500, 502, 503, 504), k=random.randrange(3))
        ]
        last = f"{MARKER}\nplan {number if random.random() < 0.7 else 'again'}"
        if random.random() < 0.1:
            stub.state.comments = stub.state.comments[:1]  # somebody has deleted ours
        with posts(stub) as ours:
            ours.show(5, MARKER, last)

        assert stub.state.bodies(5) == [BODY, last], number


def test_a_post_is_given_up_after_three_tries(stub: Stub):
    stated = refusal(stub, Fault("POST", "/comments", status=503, times=99))

    assert "503; run again later" in stated
    assert "POST /repos/acme/identity/issues/5/comments" in stated
    assert len(stub.state.writes()) == 3


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_reading_and_updating_are_repeated(stub: Stub, method: str, status: int):
    stub.state.add_comment(5, BODY)
    stub.state.faults.append(Fault(method, "/issues/", status=status, times=2))

    with posts(stub) as ours:
        assert ours.show(5, MARKER, BODY + "!") is Posted.UPDATED


def test_a_lost_answer_to_an_update_is_no_matter(stub: Stub):
    stub.state.add_comment(5, BODY)
    stub.state.faults.append(Fault("PATCH", "/comments/", lost=True, done=True))

    with posts(stub) as ours:
        assert ours.show(5, MARKER, BODY + "!") is Posted.UPDATED

    assert stub.state.bodies(5) == [BODY + "!"]


def test_a_read_of_github_is_tried_five_times(stub: Stub):
    stated = refusal(stub, Fault("GET", "/comments", status=500, times=99))

    assert "500; run again later" in stated
    assert len(stub.state.requests) == 5


def test_a_rate_limit_is_waited_for_as_long_as_it_asks(stub: Stub):
    clock = FakeClock()
    stub.state.faults += [
        Fault("POST", "/comments", 403, "You have exceeded a secondary rate limit",
              headers={"Retry-After": "42"}),
        Fault("POST", "/comments", 429, headers={"Retry-After": "7"}),
    ]  # fmt: skip
    began = clock.monotonic()

    with posts(stub, clock=clock) as ours:
        ours.show(5, MARKER, BODY)

    assert clock.monotonic() - began == pytest.approx(49, abs=3)
    assert stub.state.bodies(5) == [BODY]


def test_a_rate_limit_without_a_time_is_given_a_minute(stub: Stub):
    clock = FakeClock()
    stub.state.faults.append(Fault("GET", "/comments", 403, "API rate limit exceeded for user 7"))
    began = clock.monotonic()

    with posts(stub, clock=clock) as ours:
        ours.show(5, MARKER, BODY)

    assert clock.monotonic() - began == pytest.approx(60, abs=1)


def test_a_rate_limit_is_known_by_its_words_however_many_more_github_adds(stub: Stub):
    clock = FakeClock()
    stub.state.faults.append(Fault("POST", "/comments", 403, _SECONDARY))
    began = clock.monotonic()

    with posts(stub, clock=clock) as ours:
        ours.show(5, MARKER, BODY)

    assert clock.monotonic() - began == pytest.approx(60, abs=1)
    assert stub.state.bodies(5) == [BODY]


_SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If "
    "you reach out to GitHub Support for help, please include the request ID 1:2:3:4:5 and "
    "timestamp 2026-03-01 12:00:00 UTC. For more on scraping GitHub and how it may affect your "
    "rights, please review our Terms of Service (https://docs.github.com/en/site-policy)."
)


@pytest.mark.parametrize(("minutes", "waits"), [(1, True), (30, False)])
def test_a_spent_limit_is_waited_for_only_where_it_ends_soon(stub: Stub, minutes: int, waits: bool):
    clock = FakeClock()
    reset = clock.now() + timedelta(minutes=minutes)
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(reset.timestamp()))}
    fault = Fault("GET", "/comments", 403, "API rate limit exceeded", headers=headers)

    if waits:
        stub.state.faults.append(fault)
        with posts(stub, clock=clock) as ours:
            assert ours.show(5, MARKER, BODY) is Posted.CREATED
    else:
        assert "a rate limit of GitHub, which ends at 2026-03-01T1" in refusal(stub, fault)
        assert len(stub.state.requests) == 1


@pytest.mark.parametrize(("minutes", "waits"), [(1, True), (30, False)])
def test_a_spent_graphql_limit_comes_with_200(stub: Stub, minutes: int, waits: bool):
    clock = FakeClock()
    reset = clock.now() + timedelta(minutes=minutes)
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(reset.timestamp()))}
    fault = Fault("POST", "/graphql", 200, "API rate limit exceeded", headers=headers)
    stub.state.add_comment(5, BODY)

    if waits:
        stub.state.faults.append(fault)
        with posts(stub, clock=clock) as ours:
            assert ours.show(5, MARKER, BODY) is Posted.UNCHANGED
    else:
        assert "a rate limit of GitHub, which ends at 2026-03-01T1" in refusal(stub, fault)


@pytest.mark.parametrize(
    ("status", "message", "advice"),
    [
        (401, "Bad credentials", "GITHUB_TOKEN is wrong or has expired"),
        (403, "Resource not accessible by integration", "`permissions: pull-requests: write`"),
        (403, "Unable to create comment because issue is locked.", "the conversation is locked"),
        (404, "Not Found", "check the number, GITHUB_REPOSITORY"),
        (410, "Issues are disabled for this repo", "issues are switched off"),
        (422, "Validation Failed", "does not take this request"),
        (301, "Moved Permanently", "it has moved"),
        (451, "", "refuses this request for good"),
    ],
)
def test_each_refusal_says_what_to_do_and_is_not_repeated(
    stub: Stub, status: int, message: str, advice: str
):
    stated = refusal(stub, Fault("POST", "/comments", status, message, times=99))

    assert f": {status}" in stated
    assert advice in stated
    assert len(stub.state.writes()) == 1


@pytest.mark.parametrize(
    ("status", "reason", "advice"),
    [
        (422, "Body is too long (maximum is 65536 characters)", "longer than GitHub takes"),
        (422, "body is too long (maximum is 65536 characters)", "longer than GitHub takes"),
        (422, "issue is locked", "the conversation is locked"),
        (422, "something else", "does not take this request"),
    ],
)
def test_graphql_errors_of_a_part_count(stub: Stub, status: int, reason: str, advice: str):
    stated = refusal(stub, Fault("POST", "/comments", status, "Validation Failed", reason))

    assert f': {status} "Validation Failed: {reason}"; ' in stated
    assert advice in stated


def test_a_token_that_only_reads_is_reported_by_the_permission(stub: Stub):
    stated = refusal(stub, token=READER)

    assert "pull-requests: write" in stated
    assert "from a fork" in stated
    assert READER not in stated


def test_a_message_of_github_is_shown_only_where_it_is_plain(stub: Stub):
    stated = refusal(stub, Fault("POST", "/comments", 403, "::error::\x1b[31m <b>" + BOT))

    assert "::" not in stated
    assert BOT not in stated


def test_a_message_of_github_is_shown_without_the_token(stub: Stub):
    said = refusal(stub, Fault("POST", "/comments", 422, f"no {BOT} here"))

    assert BOT not in said
    assert '422 "no … here"' in said


def test_a_reason_that_is_not_plain_is_left_out(stub: Stub):
    stated = refusal(stub, Fault("POST", "/comments", 422, "Validation Failed", "<b>" + BOT))

    assert ': 422 "Validation Failed"; ' in stated


def test_an_answer_that_is_no_list_is_distinguished_from_an_empty_one(stub: Stub):
    stated = refusal(stub, Fault("GET", "/comments", 200, "a proxy's welcome"))

    assert "not the JSON that GitHub sends; check GITHUB_API_URL" in stated
    assert stub.state.writes() == []


def test_the_account_of_the_token_must_be_known_before_a_comment_is_ours(stub: Stub):
    stub.state.add_comment(5, BODY)

    stated = refusal(stub, Fault("POST", "/graphql", 200, "no data"))

    assert "POST /graphql" in stated
    assert stub.state.writes() == []


# The pull request of a commit


def test_the_merged_pull_request_of_a_commit_is_found(stub: Stub):
    commit = "c" * 40
    stub.state.merge(3, commit, merged=False)
    stub.state.merge(4, commit)
    stub.state.pulls[commit][1]["merge_commit_sha"] = "d" * 40  # merged earlier, holds it too
    stub.state.merge(5, commit)

    with posts(stub) as ours:
        assert ours.merged_pull(commit) == 5


def test_a_commit_that_was_pushed_straight_has_none(stub: Stub):
    stub.state.pulls["c" * 40] = []

    with posts(stub) as ours:
        assert ours.merged_pull("c" * 40) is None


# Issues

DRIFT = "<!-- reconciler:drift:"
ACME = f"{DRIFT}acme-prod -->\nIt has drifted"


def test_only_our_open_issues_with_the_marker_are_listed(stub: Stub):
    state = stub.state
    mine = state.add_issue("Drift", ACME)
    state.add_issue("Drift", ACME, HUMAN)
    state.add_issue("Drift", ACME, state="closed")
    state.add_issue("A pull request", ACME, pull_request={"url": "x"})
    state.add_issue("A question", f"What is {ACME}?")

    with posts(stub) as ours:
        assert [issue.number for issue in ours.issues(DRIFT)] == [mine["number"]]


def test_an_issue_is_opened_updated_and_closed(stub: Stub):
    with posts(stub) as ours:
        ours.open_issue("Drift on acme-prod", ACME)
        [issue] = ours.issues(DRIFT)
        same = ours.update_issue(issue, "Drift on acme-prod", ACME + "\n")
        other = ours.update_issue(issue, "Drift on acme-prod", ACME + " more")
        ours.close_issue(issue, ACME + " and is in sync again")

    assert (same, other) == (Posted.UNCHANGED, Posted.UPDATED)
    [kept] = stub.state.issues
    assert kept["state"] == "closed"
    assert kept["body"].endswith("in sync again")
    assert len(stub.state.writes()) == 3


def test_an_issue_whose_answer_is_lost_is_not_opened_twice(stub: Stub):
    stub.state.faults.append(Fault("POST", "/issues$", lost=True, done=True))

    with posts(stub) as ours:
        ours.open_issue("Drift on acme-prod", ACME)

    assert len(stub.state.issues) == 1


# Settings


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GITHUB_REPOSITORY", ""),
        ("GITHUB_REPOSITORY", "identity"),
        ("GITHUB_REPOSITORY", "acme/identity/../other"),
        ("GITHUB_REPOSITORY", "acme/.."),
        ("GITHUB_REPOSITORY", "../identity"),
        ("GITHUB_REPOSITORY", "acme/identity?x"),
        ("GITHUB_API_URL", "http://api.github.com"),
        ("GITHUB_API_URL", "http://127.0.0.1.example.com"),
        ("GITHUB_API_URL", "https://user@api.github.com"),
        ("GITHUB_API_URL", "https://api.github.com/?x="),
        ("GITHUB_API_URL", "file:///etc/passwd"),
        ("GITHUB_TOKEN", ""),
        ("GITHUB_TOKEN", "two words"),
        ("GITHUB_TOKEN", "naïve"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(variable: str, value: str):
    usual = {"GITHUB_REPOSITORY": "acme/identity", "GITHUB_TOKEN": "t0ken"}

    with pytest.raises(UsageError) as refused:
        Settings({**usual, variable: value}).github()

    assert variable in str(refused.value)
    assert "two words" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("", "https://api.github.com"),
        ("https://github.example.com/api/v3/", "https://github.example.com/api/v3"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_github_enterprise_and_loopback_are_taken(url: str, kept: str):
    environ = {"GITHUB_REPOSITORY": "a/b", "GITHUB_TOKEN": "t0ken", "GITHUB_API_URL": url}

    access = Settings(environ).github()

    assert access.api_url == kept
    assert "t0ken" not in repr(access)


def test_the_stub_runs_as_a_process_that_can_be_asked_for_its_state():
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.github_stub", "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        script = json.dumps([{"method": "POST", "path": "/comments", "status": 502}]).encode()
        with urllib.request.urlopen(f"{url}/_stub/script", script, timeout=10):
            pass
        with posts(Stub(url, State())) as ours:
            ours.show(5, MARKER, BODY)
        with urllib.request.urlopen(f"{url}/_stub/state", timeout=10) as answer:
            state = json.load(answer)
    finally:
        process.terminate()
        process.communicate(timeout=10)

    assert [comment["body"] for comment in state["comments"]] == [BODY]
    assert sum(request.endswith("/comments") for request in state["requests"]) == 2


def test_the_stub_speaks_as_strictly_as_github(stub: Stub):
    """What the other tests rest on: length, authors, pages, and times as GitHub writes them."""
    stated = refusal(stub, token="unknown")
    assert "401" in stated
    with posts(stub) as ours, pytest.raises(GitHubError, match="longer than GitHub takes"):
        ours.show(5, MARKER, MARKER + "x" * 65_536)
    stub.state.merge(1, "c" * 40)
    merged = datetime.fromisoformat(stub.state.pulls["c" * 40][0]["merged_at"])
    assert merged < datetime.now(UTC)


# Two jobs at once


def test_of_two_comments_of_ours_the_newer_is_removed(stub: Stub):
    first = stub.state.add_comment(5, BODY)
    stub.state.add_comment(5, BODY + " by another job")
    stub.state.add_comment(5, BODY, HUMAN)
    stub.state.add_comment(6, BODY)

    with posts(stub) as ours:
        assert ours.show(5, MARKER, BODY + "s") is Posted.UPDATED

    assert stub.state.bodies(5) == [BODY + "s", BODY]
    assert stub.state.comments[0]["id"] == first["id"]
    assert stub.state.bodies(6) == [BODY]


def test_one_that_is_posted_beside_the_comment_of_another_job_is_taken_back(stub: Stub):
    class Racing(State):
        def add_comment(self, number: int, body: str, token: str = BOT) -> dict:
            if not self.comments:  # the other job is a moment earlier
                super().add_comment(number, f"{MARKER}\nof another job", token)
            return super().add_comment(number, body, token)

    stub.state.__class__ = Racing

    with posts(stub) as ours:
        assert ours.show(5, MARKER, BODY) is Posted.CREATED

    assert stub.state.bodies(5) == [BODY]


def test_a_comment_that_is_deleted_meanwhile_is_posted_anew(stub: Stub):
    stub.state.add_comment(5, BODY)
    stub.state.faults.append(Fault("PATCH", "/issues/comments/", status=404))

    with posts(stub) as ours:
        assert ours.show(5, MARKER, BODY + "s") is Posted.UPDATED
    stub.state.comments.clear()
    with posts(stub) as ours:
        assert ours.show(5, MARKER, BODY) is Posted.CREATED

    assert stub.state.bodies(5) == [BODY]


def test_a_comment_that_is_deleted_again_and_again_is_an_error(stub: Stub):
    stub.state.add_comment(5, BODY)
    fault = Fault("PATCH", "/issues/comments/", status=410, times=9)

    stub.state.faults.append(fault)
    with posts(stub) as ours, pytest.raises(GitHubError, match="deleted again and again"):
        ours.show(5, MARKER, BODY + "s")


def test_a_newer_comment_that_cannot_be_removed_is_an_error(stub: Stub):
    for _ in range(2):
        stub.state.add_comment(5, BODY)

    text = refusal(stub, Fault("DELETE", "/issues/comments/", status=403))

    assert "DELETE" in text
    assert "pull-requests: write" in text
