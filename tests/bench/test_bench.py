"""The bench measures, compares and judges; what it measures is no matter of a test."""

import sys

import pytest

from tests.bench.__main__ import main
from tests.bench.measuring import Command, Contest, Costs, Figure
from tests.bench.rows import Row, Unit
from tests.bench.table import cells, holds


def row(*, unit: Unit = Unit.CPU, must: float, goal: float, faster: bool = False):
    return Row(key="x", what="x", beside="y", unit=unit, must=must, goal=goal, faster=faster)


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [(Figure(1.2, 1.0), "goal"), (Figure(1.4, 1.0), "yes"), (Figure(1.6, 1.0), "NO")],
)
def test_a_ratio_is_held_against_must_and_goal(figure: Figure, verdict: str):
    bounded = row(must=1.5, goal=1.25)

    assert cells(bounded, figure)[-1] == verdict
    assert holds(bounded, figure) is (verdict != "NO")


@pytest.mark.parametrize(("ours", "verdict"), [(2.0, "goal"), (3.0, "yes"), (5.0, "NO")])
def test_a_speed_up_row_counts_more_as_better(ours: float, verdict: str):
    bounded = row(must=5, goal=10, faster=True)

    assert cells(bounded, Figure(ours, 20.0))[-1] == verdict


def test_memory_is_bounded_by_itself_and_not_by_the_floor():
    bounded = row(unit=Unit.MEMORY, must=120, goal=80)

    assert cells(bounded, Figure(100, 30))[-1] == "yes"
    assert cells(bounded, Figure(130, 200))[-1] == "NO"


def test_a_row_that_was_not_measured_is_marked():
    assert cells(row(must=1, goal=1), None)[-1] == "not measured"


def test_contenders_take_turns_and_the_middle_of_their_costs_counts(tmp_path):
    turns = []

    def command(name: str) -> Command:
        words = (sys.executable, "-I", "-S", "-c", "pass")
        return Command(words, tmp_path, before=lambda: turns.append(name))

    def figures(costs: Costs) -> dict[str, Figure]:
        return {"x": Figure(costs["a"].cpu, costs["b"].cpu)}

    found = Contest({"a": command("a"), "b": command("b")}, figures).held(3)

    assert turns == ["a", "b"] * 3
    assert found["x"].ours > 0


def test_a_command_that_fails_ends_the_bench(tmp_path):
    failing = Command((sys.executable, "-c", "raise SystemExit(3)"), tmp_path)

    with pytest.raises(SystemExit, match="ended with 3"):
        failing.cost()


@pytest.mark.process
def test_the_bench_measures_the_program_of_today(capsys):
    """Whatever the figures are, the commands and the store are as the bench takes them to be."""
    code = main(["--quick", "--only", "start", "--only", "deliver", "--only", "creates"])

    told = capsys.readouterr().out
    assert code == (1 if "MISSED" in told else 0)
    assert told.count("| not measured |") == told.count("\n| ") - 2 - 5
