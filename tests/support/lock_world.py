"""A clock for the tests of locks, which nobody waits for unless they say so."""

from datetime import UTC, datetime

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class StoppedClock:
    """A ports.Clock whose time stands still."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a lock is not waited for")

    def check(self) -> None:
        return
