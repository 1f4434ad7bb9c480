"""`python -m reconciler` and the console script."""

import sys

from reconciler.cli.entry import asks_for_version, main

if not asks_for_version():  # answered sooner than this is imported
    import signal

    # Until a command has something to clean up, Ctrl-C just ends the process, without a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

if __name__ == "__main__":
    sys.exit(main())
