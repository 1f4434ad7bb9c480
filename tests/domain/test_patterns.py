"""Vendor patterns: those that mean the same everywhere, and cost no more than they are worth."""

import time

import pytest

from reconciler.domain.patterns import LONGEST_TEXT, compiled

SURE = [
    (r"^[A-Z]{2}\d{4}$", "AB1234", "ab1234"),
    (r"[a-z]+-\d*", "ab-12", "12-ab"),
    (r"\$\d{1,3}", "$12", "12"),
    (r"a\$", "a$", "a"),
    (r"[^a-z]x?", "1x", "ax"),
    (r"\w{3}", "ab1", "äb1"),
]
UNSURE = [
    "(a+)+", "a|b", "a+b+c+", "(?:a)", r"\bword", r"(.)\1", "[[:alpha:]]", "a{2}{3}", "[a", "*",
    "[z-a]", "a" * (LONGEST_TEXT + 1),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "fits", "fails"), SURE)
def test_a_row_of_classes_is_held_against_the_whole_of_a_value(
    pattern: str, fits: str, fails: str
) -> None:
    found = compiled(pattern)

    assert found is not None
    assert found.fullmatch(fits)
    assert not found.fullmatch(fails)
    assert not found.fullmatch(f"{fits}\n")


@pytest.mark.parametrize("pattern", UNSURE)
def test_a_pattern_that_languages_read_otherwise_or_that_may_not_end_is_not_taken(
    pattern: str,
) -> None:
    assert compiled(pattern) is None


@pytest.mark.parametrize("pattern", ["a*a*a{100}b", "[ab]*[ab]*c", ".*.*.{200}x"])
def test_no_pattern_that_is_taken_holds_a_value_up(pattern: str) -> None:
    found = compiled(pattern)
    assert found is not None

    began = time.process_time()
    assert not found.fullmatch("a" * LONGEST_TEXT)

    assert time.process_time() - began < 0.5
