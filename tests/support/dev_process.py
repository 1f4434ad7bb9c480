"""A built-in tenant in a process of its own, which a test may kill."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.domain.secret import Secret
from reconciler.embedded import DevTenantAccess

_PROGRAM = """
import json, sys
from dataclasses import asdict, fields
from pathlib import Path
from reconciler.embedded import serve

with serve("local", Path(sys.argv[1])) as access:
    told = {field.name: getattr(access, field.name) for field in fields(access)}
    plain = {n: v if isinstance(v, str) else v.reveal() for n, v in told.items()}
    print(json.dumps(plain), flush=True)
    sys.stdin.read()
"""


@contextmanager
def tenant_process(
    folder: Path,
) -> Iterator[tuple[subprocess.Popen[str], DevTenantAccess]]:
    """Run a tenant called `local` on that folder until the block ends; by then it is gone."""
    command = [sys.executable, "-W", "error", "-c", _PROGRAM, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        reported = json.loads(process.stdout.readline())
        access = DevTenantAccess(
            base_url=reported["base_url"],
            token_url=reported["token_url"],
            client_id=Secret(reported["client_id"]),
            client_secret=Secret(reported["client_secret"]),
            webhook_url=reported["webhook_url"],
            webhook_secret=Secret(reported["webhook_secret"]),
        )
        try:
            yield process, access
        finally:
            process.kill()
