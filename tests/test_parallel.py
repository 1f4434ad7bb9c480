"""Work on many items at once, and how it ends."""

import threading
from contextlib import closing

import pytest

from reconciler.errors import Interrupted, StateError, UsageError
from reconciler.parallel import in_parallel


@pytest.mark.parametrize("parallelism", [1, 4])
def test_each_item_is_worked_on_once(parallelism):
    squares = sorted(in_parallel(lambda n: n * n, range(50), parallelism))

    assert squares == [n * n for n in range(50)]


@pytest.mark.parametrize("parallelism", [1, 4])
def test_after_an_error_nothing_more_is_begun_and_what_is_under_way_ends(parallelism):
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise StateError("the disk is full")
        return number

    given: list[int] = []
    with pytest.raises(StateError), closing(in_parallel(work, range(1000), parallelism)) as results:
        given.extend(results)

    assert set(given) <= set(begun)
    assert len(begun) <= 4 * 2 * parallelism + 4


FAILED, STOPPED = StateError("the disk is full"), Interrupted(15)
OTHER = UsageError("a secret is not set")


@pytest.mark.parametrize(
    ("errors", "raised"),
    [
        ((FAILED, STOPPED, OTHER), FAILED),
        ((OTHER, STOPPED, FAILED), FAILED),
        ((OTHER, STOPPED), STOPPED),
        ((STOPPED, OTHER), STOPPED),
    ],
)
def test_of_several_errors_a_failed_store_is_raised_and_else_an_interruption(errors, raised):
    together = threading.Barrier(len(errors))

    def work(number: int) -> None:
        together.wait(10)
        raise errors[number]

    with (
        pytest.raises(type(raised)) as caught,
        closing(in_parallel(work, range(len(errors)), len(errors))) as results,
    ):
        list(results)

    assert caught.value is raised


def test_an_error_in_the_consumer_ends_the_work():
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        return number

    def take() -> None:
        with closing(in_parallel(work, range(1000), 2)) as results:
            next(results)
            raise UsageError("standard output cannot be written")

    with pytest.raises(UsageError):
        take()

    assert len(begun) <= 12


def test_unconsumed_results_do_not_pile_up():
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        return number

    with closing(in_parallel(work, range(1000), 2)) as results:
        next(results)
        ahead = len(begun)

    assert ahead <= 12
