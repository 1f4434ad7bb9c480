"""Progress at a real terminal of 80 columns, against tenants that are slow."""

import re
from collections.abc import Iterator

import pytest

from tests.support.fleet.manifests import ENVIRON
from tests.support.fleet.places import APPLY, Place, fleet, place, service
from tests.support.terminal import Shown, at_a_terminal

__all__ = ["place", "service"]

DRAWN = re.compile(r"(?:plan|apply): \d+ of \d+ tenants[^\x1b\r\n]*")


@pytest.fixture
def slow(place: Place) -> Iterator[Place]:
    place.service.set(delay=0.4)
    yield place
    place.service.set(delay=0.0)


def run(place: Place, *arguments: str, tenants: int = 4, missing: int = 0, **environ: str) -> Shown:
    folder = place.folder_of(fleet(place.service, tenants, missing=missing))
    place.service.set(delay=0.4)
    return at_a_terminal(folder, *arguments, environ={**ENVIRON, **environ})


def test_a_line_is_drawn_again_while_tenants_are_read_and_is_gone_in_the_end(slow: Place):
    shown = run(slow, "plan", "--parallelism", "2")

    drawn = DRAWN.findall(shown.raw)
    assert shown.code == 0
    assert len(drawn) >= 2
    assert all(re.search(r"\d+ s(; slowest: acme-\d+, \d+ s)?$", line) for line in drawn)
    assert not [line for line in shown.screen if DRAWN.search(line)]
    assert any(line.startswith("No changes.") for line in shown.screen)


def test_each_change_stays_on_the_screen_as_it_ends(slow: Place):
    shown = run(slow, *APPLY, "--parallelism", "1", tenants=2, missing=1)

    made = [line for line in shown.screen if re.fullmatch(r"\S+: created in \d+\.\d s", line)]
    assert [line.split(":")[0] for line in made] == [
        "acme-00000/department-2",
        "acme-00001/department-2",
    ]
    first = shown.raw.index("acme-00000/department-2: created")
    assert "apply: 1 of 2 tenants" in shown.raw[first:]
    assert not [line for line in shown.screen if DRAWN.search(line)]


def test_no_line_is_wider_than_the_terminal(slow: Place):
    folder = slow.folder_of(fleet(slow.service, 3))
    slow.service.set(delay=0.4)

    shown = at_a_terminal(folder, "plan", environ=ENVIRON, columns=40)

    drawn = DRAWN.findall(shown.raw)
    assert drawn
    assert max(map(len, drawn)) <= 40


def test_the_cursor_is_never_hidden_and_ctrl_c_leaves_a_whole_terminal(slow: Place):
    folder = slow.folder_of(fleet(slow.service, 12))
    slow.service.set(delay=0.4)

    shown = at_a_terminal(
        folder, "plan", "--parallelism", "1", environ=ENVIRON,
        interrupt=lambda raw: len(DRAWN.findall(raw)) >= 2,
    )  # fmt: skip

    assert shown.code == 130
    assert "\x1b[?25l" not in shown.raw
    assert shown.screen[-1] == ""
    assert "interrupted by signal 2" in shown.raw
    assert not [line for line in shown.screen if DRAWN.match(line) and "^C" not in line]


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"CI": "true"}])
def test_where_nothing_can_be_drawn_there_are_lines(slow: Place, environ: dict[str, str]):
    folder = slow.folder_of(fleet(slow.service, 2))

    shown = at_a_terminal(folder, "plan", environ={**ENVIRON, **environ})

    assert "\x1b[2K" not in shown.raw
    assert len(re.findall(r"plan: acme-\d+ done in \d+\.\d s", shown.raw)) == 2


def test_without_colour_the_line_has_none(slow: Place):
    shown = run(slow, "plan", NO_COLOR="1")

    assert DRAWN.search(shown.raw)
    assert "\x1b[36m" not in shown.raw


def test_with_q_nothing_is_drawn(slow: Place):
    shown = run(slow, "plan", "-q")

    assert not DRAWN.search(shown.raw)


def test_the_log_and_the_line_do_not_run_into_each_other(slow: Place):
    shown = run(slow, "plan", "-v", tenants=3)

    assert DRAWN.search(shown.raw)
    logged = [line for line in shown.screen if " run=" in line]
    assert logged
    assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in logged)
