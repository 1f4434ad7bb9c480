"""A signal while tenants are read: nothing was written, and the program says so."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.program import Folder

TENANT = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: local}}
spec:
  dialect: rfc7644
  baseUrl: http://127.0.0.1:{port}/scim/v2
"""
COMMANDS = {
    "plan": ("plan",),
    "apply": ("apply", "--auto-approve", "--report", "report.json"),
    "import": ("import", "local"),
    "doctor": ("doctor", "local"),
    "adoption": ("adoption",),
}


@contextmanager
def reading(folder: Folder, *command: str) -> Iterator[subprocess.Popen[str]]:
    """The program while it waits for a tenant that takes its request and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        folder.write("desired-state/tenants/local.yaml", TENANT.format(port=port))
        with folder.start(*command) as process:
            try:
                connection, _ = listening.accept()
                with connection:
                    assert connection.recv(4096).startswith(b"GET /scim/v2/")
                    yield process
            finally:
                process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_while_a_tenant_is_read_says_that_nothing_was_written(
    folder: Folder, command: str, number: signal.Signals
) -> None:
    with reading(folder, *COMMANDS[command]) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=20)

    assert process.returncode == 128 + number
    assert err.splitlines()[-1] == f"interrupted by signal {int(number)}; nothing was written"
    if command == "apply":
        report = (folder.path / "report.json").read_text()
        assert f'"error": "interrupted by signal {int(number)}; nothing was written"' in report


def test_a_second_signal_while_a_tenant_is_read_says_that_nothing_was_written(
    folder: Folder,
) -> None:
    with reading(folder, "plan") as process:
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)

    assert process.returncode == 128 + signal.SIGTERM
    assert err == ("interrupted by signal 15, and ended before the run had: nothing was written\n")
