"""Texts that are found again, and what a comment says of a run, under hostile text."""

import copy
from typing import Any

import pytest
from markdown_it import MarkdownIt

from reconciler.domain.jsontext import Json
from reconciler.render.marked import (
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
from reconciler.render.run_markdown import did_nothing, run_markdown
from tests.render.test_inert import hostile_texts

MARKER = comment_marker("plan")
PLAN = "## Plan: 1 to add\n\n<details>\n<summary>x</summary>\n\n```diff\n+ a\n```\n\n</details>"


@pytest.mark.parametrize("key", ["plan", "eu-west-1", "a", "7"])
def test_a_key_is_small_letters_digits_and_single_dashes(key: str):
    assert KEY.fullmatch(key)


@pytest.mark.parametrize("key", ["", "-", "a--b", "-a", "a-", "A", "é", "a b", "a\n", "x-->"])
def test_what_would_end_the_marker_is_no_key(key: str):
    assert not KEY.fullmatch(key)


def test_the_marker_is_the_first_line_and_text_cannot_be_one():
    body = marked(MARKER, f"\n\n  {comment_marker('other')}\ntext\n\n")

    assert body.splitlines()[0] == MARKER
    assert body.endswith("text\n")


def test_an_issue_tells_whose_drift_it_is_about():
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


def test_the_plan_is_kept_below_the_result_however_often_that_is_told():
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
        "id": "t/urn:a", "schema_id": "urn:a", "action": "create", "reason": None,
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
        "deliveries": {"attempts": [], "pending": []},
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
    told = run_markdown(report(exit={"code": code, "meaning": "m", "error": None}))

    assert told.startswith(head)
    assert f"Exit code {code}." in told


def test_a_run_that_only_looked_did_nothing():
    skipped = report()
    skipped["tenants"][0]["changes"][0] |= {"action": "skip", "reason": "in-sync", "outcome": None}

    assert did_nothing(skipped)
    assert run_markdown(skipped).startswith("### Nothing to apply")
    assert not did_nothing(report())
    assert not did_nothing({**skipped, "exit": {"code": 1, "meaning": "m", "error": "e"}})


def test_what_was_recovered_locked_and_not_read_is_told():
    told = report()
    told["tenants"][0] |= {
        "locked": "run 7 of ci",
        "unreadable": "no answer",
        "recovered": [{"schema_id": "urn:b", "outcome": "unknown", "detail": "look at it"}],
    }

    text = run_markdown(told)

    assert "**locked**, not attempted: `run 7 of ci`" in text
    assert "**not readable**: `no answer`" in text
    assert "recovered as **unknown**: `urn:b`: `look at it`" in text


def test_a_run_that_could_not_ask_its_store_does_not_say_that_nothing_is_pending():
    attempts = [{"delivered": True}]

    text = run_markdown(report(deliveries={"attempts": attempts, "pending": None}))

    assert "- Webhooks: 1 delivered, and how many are pending is not known\n" in text
    assert "0 pending" not in text


def test_very_many_changes_are_counted_and_not_all_named():
    told = report()
    told["tenants"][0]["changes"] *= 5_000

    text = run_markdown(told)

    assert len(text.encode()) < 50_000
    assert "lines more, in the report of the run" in text
    assert f"head `{'f' * 64}`" in text


def test_hostile_text_adds_no_node_to_a_report():
    """1,000 reports with three texts each; the frame is that of the same report with plain text."""
    parser = MarkdownIt("commonmark", {"html": True})

    def frame(one: str, other: str, third: str) -> list[str]:
        told = copy.deepcopy(report())
        change = told["tenants"][0]["changes"][0]
        change["schema_id"], change["detail"] = f"a{one}", f"b{other}"
        told["tenants"][0]["name"] = f"c{third}"
        told["exit"] = {"code": 1, "meaning": "m", "error": f"d{other}"}
        tokens = parser.parse(run_markdown(told))
        inner = [child.type for token in tokens for child in token.children or ()]
        return [token.type for token in tokens] + inner

    plain = frame("x", "x", "x")
    texts = list(hostile_texts(1_000))
    for number, text in enumerate(texts):
        one, third = texts[number - 1], texts[number - 2]
        assert frame(one, text, third) == plain, ascii((one, text, third))
