"""«Did you mean» follows the edit distance, and messages do not grow with what was written."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.messages import (
    SHOWN,
    distance,
    excerpts,
    listed,
    nearest,
    quoted,
    suggestion,
)

texts = st.text("abc", max_size=6)


def slow_distance(a: str, b: str) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(
        slow_distance(a[1:], b) + 1,
        slow_distance(a, b[1:]) + 1,
        slow_distance(a[1:], b[1:]) + (a[0] != b[0]),
    )


@given(st.text("abc", max_size=5), st.text("abc", max_size=5), st.integers(0, 6))
def test_the_distance_is_levenshteins_up_to_the_most_that_matters(
    a: str, b: str, most: int
) -> None:
    assert distance(a, b, most) == min(slow_distance(a, b), most + 1)


def test_words_of_very_different_lengths_are_far_apart_without_being_compared() -> None:
    assert distance("a" * 10**6, "b", 2) == 3
    assert distance("name", "names", 2) == 1


@given(texts, texts)
def test_the_distance_is_symmetric_and_zero_for_the_same(a: str, b: str) -> None:
    assert distance(a, b, 9) == distance(b, a, 9)
    assert (distance(a, b, 9) == 0) == (a == b)


def test_the_nearest_word_wins_whatever_the_order_and_the_case() -> None:
    assert nearest("multivalued", ["multiValued", "name"]) == "multiValued"
    assert nearest("NMAE", ["name", "type"]) == "name"
    assert nearest("ab", ["abcd", "abc"]) == nearest("ab", ["abc", "abcd"]) == "abc"
    assert nearest("ac", ["ab", "aa"]) == nearest("ac", ["aa", "ab"]) == "aa"


def test_a_word_three_edits_away_is_not_near() -> None:
    assert nearest("displayName", ["name", "description"]) is None
    assert nearest("idcsMaxLength", ["id"]) is None
    assert nearest("x", []) is None


def test_a_suggestion_is_the_nearest_word_or_all_there_are() -> None:
    assert suggestion("nmae", ["name", "type"]) == "did you mean name?"
    assert suggestion("other", iter(["name", "type"])) == "there are name, type"
    assert suggestion("other", []) == "there are none"


def test_a_list_is_joined_with_commas_and_and() -> None:
    assert listed([]) == "nothing"
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a or b"
    assert listed(iter(["a", "b", "c"])) == "a, b or c"


@given(st.text())
def test_a_quoted_word_is_printable_and_short(word: str) -> None:
    shown = quoted(word)

    assert shown.isprintable() or "\n" not in shown
    assert len(shown) <= 10 * (SHOWN + 3)
    assert "\x1b" not in shown


def test_a_word_with_as_many_edits_as_letters_is_not_near() -> None:
    assert nearest("id", ["kind", "spec"]) is None
    assert nearest("ip", ["id", "kind"]) == "id"
    assert nearest("", ["a"]) is None


def test_two_long_texts_are_cut_around_their_first_difference() -> None:
    one, other = "a" * 90 + "bc" + "d" * 90, "a" * 90 + "xc" + "d" * 9
    assert excerpts(one, other, most=10) == ("…aaaaabcddd…", "…aaaaaxcddd…")
    assert excerpts("short", "shorter", most=10) == ("short", "shorter")
    assert excerpts("same" * 9, "same" * 8, most=8) == ("…samesame", "…same")


@given(st.text("ab", max_size=200), st.text("ab", max_size=200), st.integers(4, 80))
def test_excerpts_of_texts_that_differ_differ(one: str, other: str, most: int) -> None:
    shown = excerpts(one, other, most=most)
    assert (shown[0] == shown[1]) == (one == other)
    assert all(len(text) <= most + 2 for text in shown)
