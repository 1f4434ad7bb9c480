"""What was verified of a tenant last, until a time or by the runs of a commit."""

import pytest

from reconciler.domain.verified import Look, UnknownMoment, verified_at, verified_by

ONE, TWO = "c0ffee" + "1" * 34, "c0ffee" + "2" * 34
LOOKS = (
    Look(1, "urn:a", "2026-01-01T00:00:00.000Z", "sha256:a1", ONE),
    Look(2, "urn:b", "2026-01-01T00:00:00.000Z", "sha256:b1", ONE),
    Look(3, "urn:A", "2026-01-02T00:00:00.000Z", "sha256:a2", TWO),
    Look(4, "urn:b", "2026-01-02T00:00:00.000Z", None, TWO),
    Look(5, "urn:c", "2026-01-02T00:00:00.000Z", None, TWO),
    Look(6, "urn:a", "2026-01-03T00:00:00.000Z", "sha256:a3", None),
)


def found(made) -> list[tuple[str, str, str | None]]:
    return [(each.schema_id, each.digest, each.otherwise) for each in made]


@pytest.mark.parametrize(
    ("moment", "wanted"),
    [
        (
            "2026-01-01T00:00:00.000Z",
            [("urn:a", "sha256:a1", None), ("urn:b", "sha256:b1", None)],
        ),
        (
            "2026-01-02T12:00:00.000Z",
            [("urn:A", "sha256:a2", None), ("urn:b", "sha256:b1", "2026-01-02T00:00:00.000Z")],
        ),
        (
            "2027-01-01T00:00:00.000Z",
            [("urn:a", "sha256:a3", None), ("urn:b", "sha256:b1", "2026-01-02T00:00:00.000Z")],
        ),
    ],
)
def test_each_schema_is_as_it_was_verified_last_until_a_moment(moment: str, wanted: list) -> None:
    assert found(verified_at(LOOKS, moment)) == wanted


def test_a_moment_before_all_says_which_was_the_first() -> None:
    with pytest.raises(UnknownMoment, match=r"until 2025; the first time was 2026-01-01T"):
        verified_at(LOOKS, "2025")
    with pytest.raises(UnknownMoment, match="until 2025; nor later"):
        verified_at((), "2025")


def test_a_commit_is_what_its_runs_looked_at_as_it_was_when_they_ended() -> None:
    assert found(verified_by(LOOKS, ONE)) == [
        ("urn:a", "sha256:a1", None),
        ("urn:b", "sha256:b1", None),
    ]
    assert found(verified_by(LOOKS, TWO[:8].upper() + TWO[8:])) == [
        ("urn:A", "sha256:a2", None),
        ("urn:b", "sha256:b1", "2026-01-02T00:00:00.000Z"),
    ]


def test_a_commit_that_was_applied_again_is_as_its_last_run_left_it() -> None:
    again = Look(7, "urn:a", "2026-01-04T00:00:00.000Z", "sha256:a4", ONE)

    assert found(verified_by((*LOOKS, again), ONE[:7])) == [
        ("urn:a", "sha256:a4", None),
        ("urn:b", "sha256:b1", "2026-01-02T00:00:00.000Z"),
    ]


def test_a_commit_that_is_not_one_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(UnknownMoment, match=f"the beginning of several commits: {TWO}, {ONE}"):
        verified_by(LOOKS, "c0ff")
    with pytest.raises(UnknownMoment, match=f"of a commit dead; the last ones were of {TWO}, "):
        verified_by(LOOKS, "dead")
    with pytest.raises(UnknownMoment, match="of a commit that git knew; give a time"):
        verified_by(LOOKS[5:], "dead")
    many = [Look(n, "urn:a", "", "sha256:1", f"{n:040}") for n in range(6)]
    with pytest.raises(UnknownMoment, match=r" …$"):
        verified_by(many, "dead")


def test_a_commit_whose_runs_found_nothing_as_desired_is_an_error() -> None:
    with pytest.raises(UnknownMoment, match=f"no run of commit {TWO} found anything as desired"):
        verified_by([LOOKS[4]], TWO)
