"""Texts that are found again, and what a comment says of a run, under hostile text."""

import json
from itertools import count
from random import Random, randrange
from typing import Any

import pytest

from reconciler.domain.blocking import BlockReason
from reconciler.domain.jsontext import Json
from reconciler.domain.outcome import OutcomeKind
from reconciler.domain.plan import SkipReason
from reconciler.render.markers import (
    KEY,
    LONGEST,
    comment_marker,
    drift_marker,
    marked,
    nothing_changes,
    result_in,
    tenant_of,
    with_plan,
)
from reconciler.render.report_markdown import did_nothing, report_markdown
from tests.support.markdown_world import each, filled, hostile, skeleton
from tests.support.program import ROOT
from tests.support.runner_rule import commands_in

MARKER = comment_marker("plan")
PLAN = "## Plan: 1 to add\n\n<details>\n<summary>x</summary>\n\n```diff\n+ a\n```\n\n</details>"


@pytest.mark.parametrize("key", ["plan", "eu-west-1", "a", "7"])
def test_a_key_is_small_letters_digits_and_single_dashes(key: str):
    assert KEY.fullmatch(key)


@pytest.mark.parametrize("key", ["", "-", "a--b", "-a", "a-", "A", "é", "a b", "a\n", "x-->"])
def test_a_key_may_not_end_the_marker(key: str):
    assert not KEY.fullmatch(key)


def test_the_marker_is_the_first_line_and_text_cannot_be_one():
    body = marked(MARKER, f"\n\n  {comment_marker('other')}\ntext\n\n")

    assert body.splitlines()[0] == MARKER
    assert body.endswith("text\n")


def test_the_marker_of_an_issue_names_its_tenant():
    assert tenant_of(marked(drift_marker("acme-prod"), "x")) == "acme-prod"
    assert tenant_of(f"x\n{drift_marker('acme-prod')}") is None
    assert tenant_of("<!-- reconciler:drift:a b -->") is None


@pytest.mark.parametrize(
    ("plan", "nothing"),
    [
        ("## No changes. Live schemas match the manifests. Plan: 0 to add", True),
        ("No changes.\n", True),
        ("\n\n**No changes.** Live", True),
        ("## Plan: 1 to add, 0 to change\n\n1 in sync. No changes.", False),
        ("## Plan: 1 to add\n\n| tenant |\n| --- |\n\nNo changes.", False),
        ("## Plan: 1 to add\n\n```diff\nNo changes.\n```", False),
        ("## Plan: 1 to add\n\n`partial`\n\nNo changes.", False),
        ("## No changes.\n\nTenants are those of `x`.\n\n- changed in the folder: `y`\n", False),
        ("## No changes.\n\n**Needs a look:** 1 missing.\n\n- missing: `y`\n", False),
        ("## No changes.\n\n| tenant |\n| --- |\n\n- x", True),
        ("There is no plan", False),
        ("", False),
    ],
)
def test_only_the_head_of_a_plan_says_that_nothing_changes(plan: str, nothing: bool):
    assert nothing_changes(plan) is nothing


def test_the_plan_is_kept_below_the_result_after_repeated_updates():
    once = with_plan(MARKER, "### Applied", marked(MARKER, PLAN))
    twice = with_plan(MARKER, "### Applied, again", once)

    assert once.count(PLAN) == twice.count(PLAN) == 1
    assert twice == once.replace("### Applied", "### Applied, again")
    assert once.count("<details>") == once.count("</details>") == 2


def test_the_head_of_a_result_is_found_again_and_a_plan_has_none():
    assert result_in(with_plan(MARKER, "### Applied\n\nx", marked(MARKER, PLAN))) == "Applied"
    assert result_in(marked(MARKER, PLAN)) is None
    assert result_in(marked(MARKER, "x\n### Applied")) is None


def test_without_a_plan_the_result_stands_alone_and_again_alone():
    once = with_plan(MARKER, "### Applied", None)

    assert once == f"{MARKER}\n### Applied\n"


@pytest.mark.parametrize("length", [60_000, 65_000, 65_500])
def test_a_plan_that_no_longer_fits_is_left_to_the_history(length: int):
    body = with_plan(MARKER, "### Applied\n" + "x" * 5_000, marked(MARKER, "p" * length))

    assert len(body.encode()) <= LONGEST
    assert ("ppp" in body) is (length == 60_000)
    assert ("history of this comment" in body) is not ("ppp" in body)


# The report of a run


def report(**more: Json) -> Any:
    change: Json = {
        "id": "t/hr", "schema_id": "urn:a", "action": "create", "reason": None,
        "outcome": "applied", "detail": "", "fields": [], "latency_ms": 5,
    }  # fmt: skip
    tenant = {"name": "t", "locked": None, "unreadable": None, "recovered": [], "changes": [change]}
    outcomes = ("applied", "adopted", "not-applied", "conflict", "ignored-by-server", "unknown",
                "not-attempted")  # fmt: skip
    return {
        "run": {"id": "r1", "actor": "github:ada", "commit": "c" * 40, "plan_digest": "sha256:d"},
        "exit": {"code": 0, "meaning": "well", "error": None},
        "finished": True,
        "summary": dict.fromkeys(outcomes, 0),
        "tenants": [tenant],
        "warnings": [],
        "deliveries": {"attempts": [], "not_tried": [], "pending": [], "held": []},
        "audit_head": {"seq": 8, "hash": "f" * 64},
        **more,
    }


@pytest.mark.parametrize(
    ("code", "head"),
    [
        (0, "### Applied\n"),
        (1, "### Failed\n"),
        (3, "### Partly applied\n"),
        (4, "### Refused: the plan is not the one that was approved\n"),
        (5, "### Refused: another run holds the lock\n"),
        (6, "### Refused: a safety limit\n"),
        (130, "### Interrupted; the next run goes on\n"),
        (143, "### Interrupted; the next run goes on\n"),
    ],
)
def test_each_exit_code_has_its_own_head(code: int, head: str):
    reported = report_markdown(report(exit={"code": code, "meaning": "m", "error": None}))

    assert reported.startswith(head)
    assert f"Exit code {code}." in reported


def test_a_run_that_was_interrupted_before_its_first_write_says_that_nothing_was_written():
    stopped = report(exit={"code": 143, "meaning": "m", "error": "e"})
    stopped["tenants"][0]["changes"][0] |= {"outcome": "not-attempted"}

    assert report_markdown(stopped).startswith("### Interrupted; nothing was written\n")


def test_a_result_that_leaves_what_has_drifted_is_headed_by_that_and_says_why():
    left = report()
    left["tenants"][0]["changes"][0] |= {
        "action": "skip", "reason": "drifted", "outcome": None, "detail": "onDrift is skip",
    }  # fmt: skip

    text = report_markdown(left)

    assert text.startswith("### Nothing applied: what has drifted is left as it is\n")
    assert "  - **drifted**, left as it is: `hr`, `urn:a`: `onDrift is skip`\n" in text


def test_a_result_without_writes_says_that_nothing_was_done():
    skipped = report()
    skipped["tenants"][0]["changes"][0] |= {"action": "skip", "reason": "in-sync", "outcome": None}

    assert did_nothing(skipped)
    assert report_markdown(skipped).startswith("### Nothing to apply")
    assert not did_nothing(report())
    assert not did_nothing(skipped | {"exit": {"code": 1, "meaning": "m", "error": "e"}})


def test_a_result_names_recovered_locked_and_unreadable_tenants():
    reported = report()
    reported["tenants"][0] |= {
        "locked": "run 7 of ci",
        "unreadable": "no answer",
        "unapproved": {"reason": "another plan", "difference": ["-  + create", "+  ! drifted"]},
        "recovered": [
            {"schema_id": "urn:b", "outcome": "unknown", "detail": "look at it"},
            {"schema_id": "urn:c", "outcome": "adopted", "detail": "as wanted"},
        ],
    }

    text = report_markdown(reported)

    assert "**locked**, not attempted: `run 7 of ci`" in text
    assert "**not readable**: `no answer`" in text
    assert "  - **not approved**, not attempted: `another plan`\n" in text
    assert "  - `-  + create`\n  - `+  ! drifted`\n" in text
    assert "recovered as **unknown**: `urn:b`: `look at it`" in text
    assert "**announced late**: `urn:c`: `as wanted`" in text


def test_a_run_that_could_not_ask_its_store_does_not_say_that_nothing_is_pending():
    attempts = [{"delivered": True}]

    text = report_markdown(
        report(deliveries={"attempts": attempts, "not_tried": [], "pending": None, "held": []})
    )

    assert "- Webhooks: 1 delivered, and how many are pending is not known\n" in text
    assert "0 pending" not in text


def test_very_many_changes_are_counted_and_not_all_named():
    reported = report()
    reported["tenants"][0]["changes"] *= 5_000

    text = report_markdown(reported)

    assert len(text.encode()) < 50_000
    assert "lines more, in the report of the run" in text
    assert f"head `{'f' * 64}`" in text


def test_webhooks_that_were_not_tried_are_reported_with_the_reason():
    lines = report_markdown(everything()).splitlines()

    assert "  - **drifted**, left as it is: `hr`" in lines
    assert "  - **blocked** (incompatible): `hr`" in lines
    assert "- **warning**: `no User can hold a value`" in lines


def test_webhooks_that_were_not_tried_are_counted_with_the_reason():
    document = report()
    document["deliveries"]["not_tried"] = [
        {"webhooks": 2, "reason": "hr.example did not answer twice"},
        {"webhooks": 1, "reason": "another run sends them"},
    ]

    lines = report_markdown(document).splitlines()

    assert "  - 2 webhooks not tried: `hr.example did not answer twice`" in lines
    assert "  - 1 webhook not tried: `another run sends them`" in lines


def everything() -> Any:
    """A report of a run in which everything has happened."""
    reported = report(exit={"code": 3, "meaning": "m", "error": "it failed"})
    [change] = reported["tenants"][0]["changes"]
    reported["tenants"][0] |= {
        "locked": "run 7 of ci",
        "unreadable": "no answer",
        "recovered": [
            {"schema_id": "urn:b", "outcome": "unknown", "detail": "look at it"},
            {"schema_id": "urn:c", "outcome": "adopted", "detail": "as wanted"},
        ],
        "changes": [
            {**change, "detail": "answered 201"},
            {**change, "action": "skip", "reason": "drifted", "outcome": None},
            {**change, "action": "blocked", "reason": "incompatible", "outcome": None},
        ],
    }
    waiting = {"event_id": "evt_1", "url": "https://hr.example", "attempts": 2, "due_at": "soon"}
    reported["deliveries"]["pending"] = [waiting]
    reported["deliveries"]["not_tried"] = [{"webhooks": 2, "reason": "no answer twice"}]
    reported["warnings"] = ["no User can hold a value"]
    return reported


def test_5000_hostile_strings_leave_the_frame_of_a_report_as_it_is():
    seed = randrange(2**32)
    random, numbers = Random(seed), count()
    document, used = everything(), 0
    tame = skeleton(report_markdown(filled(document, each(lambda: f"tame{next(numbers)}"))))

    def evil() -> str:
        nonlocal used
        used += 1
        text = hostile(random)
        return text if text.partition("\n")[0] else "x"  # an empty line is not told at all

    while used < 5000:
        attacked = report_markdown(filled(document, each(evil)))
        assert skeleton(attacked) == tame, (seed, attacked)
        assert commands_in(attacked) == []


def test_text_outside_code_in_a_result_is_of_a_closed_set():
    document = json.loads((ROOT / "reconciler/schemas/report.json").read_text())
    change = document["properties"]["tenants"]["items"]["properties"]["changes"]["items"]

    assert set(change["properties"]["reason"]["enum"]) == {None, *SkipReason, *BlockReason}
    assert set(document["$defs"]["outcome"]["enum"]) == set(OutcomeKind)
