"""`python -m reconciler` and the console script."""

import signal
import sys

# Until a command has something to clean up, Ctrl-C just ends the process, without a traceback.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from reconciler.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
