"""Proxies that others wrote, as processes: squid and tinyproxy of Debian."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.faultserver import unused_port

CLOSED = "closed.example.com"  # a host that neither lets through


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs, and what it wrote about what it was asked for."""

    port: int
    log: Path

    def url(self, credentials: str = "", *, scheme: str = "http") -> str:
        at = f"{credentials}@" if credentials else ""
        return f"{scheme}://{at}127.0.0.1:{self.port}"


def program(name: str) -> str:
    """The path of a program of the system; without it the test is skipped, and says so."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        pytest.skip(f"NOT TESTED: {name} is not installed; apt-get install -y {name}")
    return found


@contextmanager
def squid(users: Mapping[str, str], hosts: Mapping[str, str]) -> Iterator[Proxy]:
    """One that lets these users in, by Basic, and knows these hosts by these addresses."""
    installed = program("squid")
    with _folder() as folder:
        lines = (f"{user}:{_crypt(password)}\n" for user, password in users.items())
        (folder / "users").write_text("".join(lines))
        (folder / "hosts").write_text("".join(f"{ip} {name}\n" for name, ip in hosts.items()))
        port, log = unused_port(), folder / "log"
        log.touch(0o666)
        log.chmod(0o666)  # where root starts it, it is another user's
        (folder / "squid.conf").write_text(f"""\
http_port 127.0.0.1:{port}
visible_hostname proxy.example.com
hosts_file {folder}/hosts
auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/users
auth_param basic realm proxy
acl known proxy_auth REQUIRED
acl closed dstdomain {CLOSED}
http_access deny closed
http_access allow known
http_access deny all
access_log stdio:{log}
cache_log /dev/null
cache deny all
pid_filename none
shutdown_lifetime 0 seconds
""")
        with _running((installed, "-N", "-f", str(folder / "squid.conf")), port):
            yield Proxy(port, log)


@contextmanager
def tinyproxy(user: str, password: str, *, beyond: int) -> Iterator[Proxy]:
    """One that lets this user in, and asks another proxy, on that port, for the way."""
    installed = program("tinyproxy")
    with _folder() as folder:
        port = unused_port()
        (folder / "closed").write_text(f"{CLOSED}\n")
        (folder / "tinyproxy.conf").write_text(f"""\
Port {port}
Listen 127.0.0.1
Timeout 20
BasicAuth {user} {password}
Filter "{folder}/closed"
Upstream http 127.0.0.1:{beyond}
""")
        with _running((installed, "-d", "-c", str(folder / "tinyproxy.conf")), port):
            yield Proxy(port, folder / "log")


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that a program may read which has become another user."""
    with tempfile.TemporaryDirectory(prefix="proxy-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def _running(command: tuple[str, ...], port: int) -> Iterator[None]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        ends = time.monotonic() + 20
        while not _listens(port):
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            assert time.monotonic() < ends, f"{command[0]} does not listen"
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _crypt(password: str) -> str:
    done = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"],
        input=f"{password}\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()
