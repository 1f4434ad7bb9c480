"""The expressions that the runner evaluates mean what GitHub says that they mean."""

from typing import Any

import pytest

from tests.support.workflows.expressions import Unsupported, condition, evaluated, interpolated

CONTEXTS: dict[str, Any] = {
    "github": {
        "ref": "refs/heads/main",
        "event": {"labels": [{"name": "Breaking"}, {"name": "b"}]},
    },
    "vars": {"EMPTY": "", "HOST": "db"},
    "needs": {"plan": {"result": "failure", "outputs": {"exit-meaning": "stale"}}},
    "status": {"always": True, "success": False, "failure": True, "cancelled": False},
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'it''s'", "it's"),
        ("github.ref", "refs/heads/main"),
        ("github.nothing.there", None),
        ("needs.plan.outputs.exit-meaning", "stale"),
        ("vars.EMPTY || 'else'", "else"),
        ("vars.HOST && format('at {0}', vars.HOST) || ''", "at db"),
        ("vars.NONE && 'x' || 'y'", "y"),
        ("vars.NONE == ''", True),
        ("vars.NONE != ''", False),
        ("'A' == 'a'", True),
        ("!cancelled() && needs.plan.result != 'skipped'", True),
        ("contains(github.event.labels.*.name, 'breaking')", True),
        ("contains(github.event.labels.*.name, 'break')", False),
        ("contains(github.event.none.*.name, 'breaking')", False),
        ("contains('Hello', 'ell')", True),
        ("join(needs.*.result, ' ')", "failure"),
        ("(false || true) && 7", 7.0),
    ],
)
def test_an_expression_has_the_value_that_github_gives_it(expression: str, value: object):
    assert evaluated(expression, CONTEXTS) == value


def test_text_keeps_what_is_no_expression():
    assert interpolated("a ${{ vars.HOST }} $b ${{ vars.NONE }}|${{ 1 == 1 }}", CONTEXTS) == (
        "a db $b |true"
    )


def test_a_condition_means_success_unless_it_speaks_of_the_status():
    assert not condition("vars.HOST == 'db'", CONTEXTS)
    assert not condition("", CONTEXTS)
    assert condition("${{ failure() && vars.HOST == 'db' }}", CONTEXTS)
    assert condition("always()", CONTEXTS)


@pytest.mark.parametrize(
    "expression", ["fromJson('1')", "unknown.thing", "1 +", "a b", "github[0]", "(1", "'open", ""]
)
def test_an_unknown_expression_is_an_error_and_no_guess(expression: str):
    with pytest.raises(Unsupported):
        evaluated(expression, CONTEXTS)
