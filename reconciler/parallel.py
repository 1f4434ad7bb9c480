"""Work on many tenants at once, and how it ends when one of them, or a signal, ends it."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from reconciler.errors import Interrupted, StateError

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(
    work: Callable[[T], R], items: Iterable[T], parallelism: int
) -> Generator[R, None, None]:
    """The result of each item as its work ends, up to `parallelism` at once.

    After the first that raises nothing more is begun; what is under way ends, and is given, before
    that error is raised. Of several errors a failure of the store is raised, else an interruption.
    Whoever takes the results closes the iterator, so that it ends at once where they raise.
    """
    if parallelism == 1:  # docs/decisions.md, "One tenant at a time needs no threads"
        yield from map(work, items)
        return
    to_come = iter(items)
    errors: list[BaseException] = []
    with ThreadPoolExecutor(max_workers=parallelism) as pool:
        running = {pool.submit(work, item) for item in islice(to_come, 2 * parallelism)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    if (error := future.exception()) is not None:
                        errors.append(error)
                        running = {one for one in running if not one.cancel()}
                        continue
                    if not errors:
                        running |= {pool.submit(work, item) for item in islice(to_come, 1)}
                    yield future.result()
        finally:  # also where whoever takes the results raises
            for future in running:
                future.cancel()
    if errors:
        raise min(errors, key=_rank)


def _rank(error: BaseException) -> int:
    """The place of an error among others that were raised at the same time; the lowest counts."""
    match error:
        case StateError():  # docs/decisions.md, "A failed store outranks a signal"
            return 0
        case Interrupted():  # it may be why the others were raised
            return 1
        case _:
            return 2
