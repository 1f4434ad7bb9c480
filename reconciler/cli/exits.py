"""Exit codes, as the contract lists them; each error has one."""

from enum import IntEnum

from reconciler.errors import (
    Interrupted,
    LimitExceeded,
    PlanStale,
    ReconcilerError,
    TenantLocked,
)


class Exit(IntEnum):
    """The exit codes of the contract, as scripts see them."""

    WELL = 0
    ERROR = 1
    OUT_OF_SYNC = 2  # only with --detailed-exitcode
    NEEDS_A_PERSON = 2  # of status
    NOT_YET = 2  # of gate
    NOT_CANONICAL = 2  # of fmt --check
    PARTLY = 3
    STALE = 4
    LOCKED = 5
    REFUSED = 6


_NAMES: dict[int, str] = {
    Exit.WELL: "well",
    Exit.ERROR: "error",
    Exit.OUT_OF_SYNC: "out-of-sync",
    Exit.PARTLY: "partly",
    Exit.STALE: "stale",
    Exit.LOCKED: "locked",
    Exit.REFUSED: "refused",
}
_MEANINGS: dict[int, str] = {
    Exit.WELL: "well",
    Exit.ERROR: "error",
    Exit.OUT_OF_SYNC: "something is not in sync",
    Exit.PARTLY: (
        "ended partly: something failed, is blocked, in conflict, unknown or not as approved"
    ),
    Exit.STALE: "the plan is stale or not the approved one; nothing was written",
    Exit.LOCKED: "another run holds the lock; nothing was written",
    Exit.REFUSED: "a safety limit refused it; nothing was written",
}


def exit_code(error: ReconcilerError) -> int:
    """The code that an error ends the run with."""
    match error:
        case Interrupted(signal=signal):
            return 128 + signal  # as a shell reports it
        case PlanStale():
            return Exit.STALE
        case TenantLocked():
            return Exit.LOCKED
        case LimitExceeded():
            return Exit.REFUSED
        case _:
            return Exit.ERROR


def meaning(code: int) -> str:
    """The meaning of a code, for a person."""
    return _MEANINGS.get(code, f"interrupted by signal {code - 128}")


def name_of(code: int) -> str:
    """The name of a code, for a script."""
    return _NAMES.get(code, "interrupted")
