"""Memo: the place in a frozen value for what is worked out once, when it is first asked for."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Memo(Generic[T]):
    """Something that follows from the rest of a value, and takes long to work out.

    A field of it has `init=False, compare=False, repr=False, default_factory=Memo`.
    """

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: T | None = None

    def get(self, work_out: Callable[[], T]) -> T:
        """What was found before, or what is worked out now; two threads may do so at once."""
        if self._found is None:
            self._found = work_out()
        return self._found
