"""The file descriptors that this process may have: how many, and what to say when none is left."""

import errno
import os
import resource

RESERVED = 64  # for the store, the locks, files, pipes and the interpreter
_PLENTY = 10_240  # what a system that calls its hard limit infinite really grants


def raise_limit() -> None:
    """Raise the soft limit to the hard one: the soft one is low for programs that use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, _PLENTY):
        if wanted == resource.RLIM_INFINITY or wanted <= soft:
            continue
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # more than the kernel grants
            continue
        return


def limit() -> int:
    """How many descriptors this process may have at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _PLENTY if soft == resource.RLIM_INFINITY else soft


def none_left() -> str | None:
    """What to say where no descriptor is left just now; a resolver may only say «unknown name»."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return why_none_left(error)
    return None


def why_none_left(error: BaseException) -> str | None:
    """What to say where an error means that there was no descriptor left; None for all others."""
    if not isinstance(error, OSError):
        return None
    match error.errno:
        case errno.EMFILE:
            return f"this process ran out of file descriptors: it may open {limit()} (ulimit -n)"
        case errno.ENFILE:
            return "this machine ran out of file descriptors, for all its processes together"
        case _:
            return None


ADVICE = "raise the limit with `ulimit -n` or lower --parallelism, then run again"
