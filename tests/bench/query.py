"""The floor of `audit list`: the last twenty records of a store, by one statement."""

import sqlite3
import sys
from contextlib import closing

with closing(sqlite3.connect(sys.argv[1])) as raw:
    for row in raw.execute("SELECT * FROM audit ORDER BY seq DESC LIMIT 20").fetchall():
        sys.stdout.write(f"{row}\n")
