"""The page about the rules says what the code does, for each rule once."""

from pathlib import Path

import pytest

from reconciler.domain.rules import About
from reconciler.domain.rules.catalogue import CATALOGUE, LEFT_OPEN
from reconciler.domain.rules.changes import CHANGE_RULES
from reconciler.render.rules_page import rules_page

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_page_in_docs_is_what_make_docs_would_write() -> None:
    assert PAGE.read_text(encoding="utf-8") == rules_page()


OF_MANIFESTS = [rule for rule in CATALOGUE if rule.about is not About.CHANGE]


@pytest.mark.parametrize("rule", OF_MANIFESTS, ids=lambda rule: f"{rule.id} {rule.severity}")
def test_a_rule_has_one_row_a_subject_with_its_weight_and_its_reason(rule) -> None:
    weight = f"{rule.severity}, firm" if rule.firm else str(rule.severity)
    subjects = [r for r in OF_MANIFESTS if (r.id, r.reason) == (rule.id, rule.reason)]

    rows = rules_page().count(f"| {rule.id} | {weight} | {rule.reason} |\n")

    assert rows == len(subjects) == len({r.about for r in subjects})


@pytest.mark.parametrize("rule", [*CHANGE_RULES], ids=lambda rule: f"{rule.id} {rule.reason}")
def test_a_rule_about_changes_says_whom_it_hurts(rule) -> None:
    row = f"| {rule.id} | {rule.severity} | {', '.join(rule.consumers)} | {rule.reason} |\n"

    assert rules_page().count(row) == 1


def test_the_rules_page_names_what_the_rfc_leaves_open() -> None:
    assert all(f"- {rule}: {reason}\n" in rules_page() for rule, reason in LEFT_OPEN)


def test_no_cell_breaks_its_table() -> None:
    rows = [line for line in rules_page().splitlines() if line.startswith("|")]

    assert {line.count("|") for line in rows} == {4, 5}
