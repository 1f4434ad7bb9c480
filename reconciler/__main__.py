"""`python -m reconciler` and the console script."""

import sys

# What of signal is in C, and unknown to type checkers: signal itself imports enum, which
# `--version` can do without.
signal = __import__("_signal")

# Until a command has something to clean up, Ctrl-C just ends the process, without a traceback.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> int:
    """Run one command; the exit code of the contract."""
    from reconciler.cli import entry

    return entry.main()


if __name__ == "__main__":
    sys.exit(main())
