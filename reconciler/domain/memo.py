"""Memo: the place in a frozen value for what is worked out once, when it is first needed."""

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
        """The value that was found before, or else is worked out now."""
        # Without a lock: two threads may work it out at once, and find the same.
        if self._found is None:
            self._found = work_out()
        return self._found
