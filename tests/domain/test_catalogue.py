"""The catalogue has every rule once, and nothing else in the program knows one by its id."""

import re
from collections import Counter
from pathlib import Path

import pytest

import reconciler
from reconciler.domain.manifest import ChangeKind
from reconciler.domain.problem import Place
from reconciler.domain.rules import About, Rule, reading
from reconciler.domain.rules.catalogue import CATALOGUE, rule_of
from reconciler.domain.rules.changes import CHANGE_RULES

PACKAGE = Path(reconciler.__file__).parent
IDS = {rule.id for rule in CATALOGUE}
ELSEWHERE = sorted(
    path for path in PACKAGE.rglob("*.py") if PACKAGE / "domain" / "rules" not in path.parents
)


def test_the_catalogue_has_rules_about_everything_that_a_rule_can_be_about() -> None:
    assert {rule.about for rule in CATALOGUE} == set(About)


def test_the_catalogue_has_each_rule_of_reading() -> None:
    declared = [value for value in vars(reading).values() if isinstance(value, Rule)]

    assert declared
    assert set(declared) <= set(CATALOGUE)


def test_rules_of_one_id_and_severity_are_equally_firm() -> None:
    """A note and a problem name a rule by these two."""
    kinds = {(rule.id, rule.severity, rule.firm, rule.covers_shape) for rule in CATALOGUE}

    assert [key for key, n in Counter(kind[:2] for kind in kinds).items() if n > 1] == []


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: f"{rule.id} {rule.reason}")
def test_a_rule_is_known_by_the_problem_that_it_makes(rule: Rule) -> None:
    found = rule_of(rule.problem(Place("a.yaml"), "a message"))

    assert (found.id, found.severity) == (rule.id, rule.severity)


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: f"{rule.id} {rule.reason}")
def test_a_rule_of_the_rfc_names_its_section(rule: Rule) -> None:
    if rule.id.startswith("SCIM-"):
        assert re.search(r"RFC 7643 sections? [\d.]+", rule.reason)
    assert "\n" not in rule.reason


def test_a_rule_about_changes_that_only_informs_takes_nothing_from_anybody() -> None:
    informing = [rule for rule in CHANGE_RULES if rule.severity == "info"]

    assert informing
    assert {rule.kind for rule in informing} == {ChangeKind.ADDITIVE}


def test_no_module_elsewhere_names_a_rule_by_its_id() -> None:
    named = re.compile("|".join(rf"\b{re.escape(id_)}\b" for id_ in sorted(IDS)))
    found = [
        f"{path.relative_to(PACKAGE)}: {match[0]}"
        for path in ELSEWHERE
        for match in named.finditer(path.read_text(encoding="utf-8"))
    ]

    assert len(ELSEWHERE) > 100
    assert found == []
