"""The file descriptors that this process may have: their number, and what to say without one."""

import errno
import os
import resource

RESERVED = 64  # for the store, the locks, files, pipes and the interpreter
_PLENTY = 10_240  # what a system that calls its hard limit infinite really grants


def raise_limit() -> None:
    """Raise the soft limit to the hard one."""
    # The soft one is low, 1024 as a rule, for programs that use select(), which knows no more.
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
    """The number of descriptors that this process may have at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _PLENTY if soft == resource.RLIM_INFINITY else soft


def shortage() -> str | None:
    """The message where no descriptor is free just now; else None."""
    # Asked where a name is not known: a resolver that cannot open its socket reports just that.
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return shortage_in(error)
    return None


def shortage_in(error: BaseException) -> str | None:
    """The message where an error means that no descriptor was free; None for all others."""
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
