"""Advice on what GitHub answers to `comment` and `drift-issues`, followed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.advice import CREATED, Bench, Row, Step, assert_helps, both, export
from tests.support.faultserver import in_turn, json_reply, reply
from tests.support.github_stub import BOT, READER, Fault, github_stub

COMMIT = "5" * 40
NEXT_HOUR = datetime(2099, 1, 1, 13, 30, tzinfo=UTC)


def commenting(b: Bench) -> None:
    stub = b.stack.enter_context(github_stub())
    b.folder.environ |= stub.environ()
    b.github = stub.state
    b.folder.write("plan.md", "**Plan: 1 to add**\n")
    b.command = ("comment", "--pr", "5", "--body", "plan.md")


def without(**wrong: str) -> Step:
    return both(commenting, export(**wrong))


def following_drift(b: Bench) -> None:
    commenting(b)
    b.command = ("plan", "--out", "plan.json")
    assert b.run().code == 0
    b.command = ("drift-issues", "--plan", "plan.json")


def refused(
    status: int,
    message: str,
    begin: Step = commenting,
    *,
    headers: Mapping[str, str] | None = None,
) -> Step:
    """What GitHub answers to all that it is asked, until that is over."""

    def fault(b: Bench) -> None:
        begin(b)
        b.github.faults += [
            Fault(
                method=method,
                path="/repos/",
                status=status,
                message=message,
                headers={**(headers or {})},
                times=99,
            )
            for method in ("GET", "POST")
        ]

    return fault


def over(b: Bench) -> None:
    b.github.faults.clear()


def at_another_server(status: int, body: object = None, **headers: str) -> Step:
    """An address where something else than the API of GitHub is."""

    def begin(b: Bench) -> None:
        commenting(b)
        script = reply(status, b"<html>", headers) if body is None else json_reply(body, status)
        b.folder.environ["GITHUB_API_URL"] = b.serve(in_turn(script)).url("")

    return begin


def unmerged(b: Bench) -> None:
    commenting(b)
    b.command = ("comment", "--commit", COMMIT, "--body", "plan.md")


def merge(b: Bench) -> None:
    b.github.merge(5, COMMIT)


def number(text: str) -> Step:
    return lambda b: setattr(b, "command", ("comment", "--pr", text, "--body", "plan.md"))


def long_body(b: Bench) -> None:
    commenting(b)
    b.folder.write("plan.md", "x" * 70_000)


def with_body(text: str) -> Step:
    return lambda b: b.folder.write("plan.md", text)


def partial(b: Bench) -> None:
    commenting(b)
    b.command = ("plan", "--out", "plan.json", "--target", "urn:example:*")
    assert b.run().code == 0
    b.command = ("drift-issues", "--plan", "plan.json")


def plan_whole(b: Bench) -> None:
    b.folder.run("plan", "--out", "plan.json")


PERMISSION = "give the job `permissions: pull-requests: write`"
ISSUES = "give the job `permissions: issues: write`"
INTEGRATION = "Resource not accessible by integration"
COMMENTED = "pull request 5: created"
OPENED = "1 opened"
ROWS = {
    "no token": Row(without(GITHUB_TOKEN=""), "GITHUB_TOKEN is not set", export(GITHUB_TOKEN=BOT)),
    "a token that has expired": Row(
        without(GITHUB_TOKEN="token-of-yesterday"),
        "GITHUB_TOKEN is wrong or has expired",
        export(GITHUB_TOKEN=BOT),
    ),
    "a job without the permission": Row(
        without(GITHUB_TOKEN=READER), PERMISSION, export(GITHUB_TOKEN=BOT)
    ),
    "a job without the permission for issues": Row(
        both(following_drift, export(GITHUB_TOKEN=READER)), ISSUES, export(GITHUB_TOKEN=BOT), OPENED
    ),
    "no repository": Row(
        without(GITHUB_REPOSITORY="acme"),
        "name the repository as OWNER/NAME",
        export(GITHUB_REPOSITORY="acme/identity"),
    ),
    "another repository": Row(
        without(GITHUB_REPOSITORY="acme/another"),
        "check the number, GITHUB_REPOSITORY and",
        export(GITHUB_REPOSITORY="acme/identity"),
    ),
    "another repository for issues": Row(
        both(following_drift, export(GITHUB_REPOSITORY="acme/another")),
        "; check GITHUB_REPOSITORY and",
        export(GITHUB_REPOSITORY="acme/identity"),
        OPENED,
    ),
    "a repository that has another name": Row(
        at_another_server(301, Location="https://github.example.com/repositories/5"),
        "correct GITHUB_REPOSITORY or GITHUB_API_URL",
        commenting,
    ),
    "no address": Row(
        without(GITHUB_API_URL="ftp://api.example.com"),
        "GITHUB_API_URL has to be an https URL without user name and query, or http on this mach",
        commenting,
    ),
    "the address of a page": Row(at_another_server(200), "check GITHUB_API_URL", commenting),
    "the address of another API": Row(
        at_another_server(200, {}), "check GITHUB_API_URL", commenting
    ),
    "the address of nothing": Row(
        without(GITHUB_API_URL="http://127.0.0.1:9"),
        "check GITHUB_API_URL and the network",
        commenting,
    ),
    "a limit": Row(
        refused(
            403,
            "API rate limit exceeded",
            headers={
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": str(int(NEXT_HOUR.timestamp())),
            },
        ),
        "a rate limit of GitHub, which ends at 2099-01-01T13:30:00.000Z; run again then",
        over,
    ),
    "a limit for some minutes": Row(
        refused(429, "You have exceeded a secondary rate limit", headers={"retry-after": "600"}),
        "a rate limit of GitHub; it asks to wait 600 s; run again then",
        over,
    ),
    "a failure": Row(refused(502, "", headers={"retry-after": "600"}), "run again later", over),
    "no issues": Row(
        refused(410, "Issues are disabled for this repo", following_drift),
        "issues are switched off in this repository; switch them on in its settings",
        over,
        OPENED,
    ),
    "an issue that is deleted": Row(
        refused(410, "This issue was deleted"), "it was deleted; check the number", over
    ),
    "an archive": Row(
        refused(403, "Repository was archived so is read-only."),
        "it has to be unarchived before anything can be written",
        over,
    ),
    "a token without single sign-on": Row(
        refused(
            403,
            "Resource protected by organization SAML enforcement. You must grant your "
            "Personal Access token access to this organization.",
        ),
        "authorize the token for the organization, or take that of a job",
        over,
    ),
    "a list of addresses": Row(
        refused(
            403,
            "Although you appear to have the correct authorization credentials, the `acme` "
            "organization has an IP allow list enabled, and your IP address is not permitted",
        ),
        "have the organization allow the address of this machine",
        over,
    ),
    "a token of a person": Row(
        refused(403, "Resource not accessible by personal access token"),
        "give the token itself the permission pull-requests: write",
        over,
    ),
    "an issue in the place of a pull request": Row(
        refused(403, INTEGRATION), "and the number has to be that of one", over
    ),
    "a conversation that is locked": Row(
        refused(403, "Unable to create comment because issue is locked."), "unlock it", over
    ),
    "a number that is none": Row(
        both(commenting, number("0")), "--pr", number("5")
    ),
    "a commit that GitHub does not know": Row(
        unmerged, "; check the commit", merge
    ),
    "a long comment": Row(
        long_body, "`reconciler plan --markdown` keeps below that", with_body("short\n")
    ),
    "an empty comment": Row(
        both(commenting, with_body("\n")), "it has to hold what the comment is to say",
        with_body("short\n"),
    ),
    "a partial plan": Row(
        partial, "plan without --target and --exclude", plan_whole, OPENED
    ),
    "no plan": Row(
        both(following_drift, lambda b: setattr(b, "command", ("drift-issues",))),
        "give --plan FILE, which `reconciler plan --out FILE` writes",
        lambda b: setattr(b, "command", ("drift-issues", "--plan", "plan.json")),
        OPENED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_advice_on_an_answer_of_github_helps(row: Row, tmp_path: Path) -> None:
    assert_helps(replace(row, then=COMMENTED) if row.then == CREATED else row, tmp_path)
