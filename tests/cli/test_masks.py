"""Masks: each secret once, in the forms it travels in, and nothing where nobody listens."""

import pytest

from reconciler.cli.masks import Masks
from reconciler.domain.secret import Secret
from tests.support.runner_rule import commands_in


def reported(*values: str) -> list[str]:
    lines: list[str] = []
    masks = Masks(lines.append)
    for value in values:
        masks(Secret(value))
    found = commands_in("".join(lines))
    assert [name for name, _ in found] == ["add-mask"] * len(found)
    return [data for _, data in found]


@pytest.mark.parametrize(
    ("value", "forms"),
    [
        ("s3cret", ["s3cret"]),
        ("whsec_abcdef", ["abcdef", "whsec_abcdef"]),
        ('a"b/c d', ['a"b/c d', 'a\\"b/c d', "a%22b%2Fc+d"]),
        ("100%0A::stop-commands::x", None),
        ("first\nsecond\nabc", ["first\\nsecond\\nabc", "first%0Asecond%0Aabc", "first", "second"]),
        ("abc", []),
        ("    x", []),
    ],
)
def test_a_secret_is_masked_in_the_forms_it_travels_in(value: str, forms: list[str] | None):
    found = reported(value)

    assert value in found if forms is None else found == forms


def test_a_secret_is_masked_once():
    assert reported("s3cret", "other!", "s3cret") == ["s3cret", "other!", "other%21"]


def test_outside_of_a_runner_nothing_is_masked(capfd: pytest.CaptureFixture[str]):
    Masks(None)(Secret("s3cret"))

    assert capfd.readouterr() == ("", "")
