"""The addresses of hosts, from a resolver that nothing can interrupt: so it has its own thread."""

import threading
from collections.abc import Callable
from ipaddress import ip_address
from socket import SOCK_STREAM, gaierror, getaddrinfo

from urllib3.util.connection import allowed_gai_family

Resolve = Callable[[str, int], list[str]]
"""The IP addresses of a host, for a port, in the order to try them; raises OSError."""


def addresses_of(host: str, port: int) -> list[str]:
    """Ask the system's resolver, which takes the time it takes."""
    found = getaddrinfo(host, port, allowed_gai_family(), SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Lookup(threading.Thread):
    """One question to the resolver; `done` is set when it is answered, or nobody waits any more."""

    def __init__(self, resolve: Resolve, host: str, port: int) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()
        self._question = (resolve, host, port)
        self._found: list[str] = []
        self._error: Exception | None = None

    def run(self) -> None:
        resolve, host, port = self._question
        try:
            self._found = resolve(host, port)
        except (OSError, UnicodeError) as error:  # the latter for what is no host name at all
            self._error = error
        self.done.set()

    def result(self) -> list[str]:
        if not self._found:
            raise gaierror("no address is known") from self._error
        return self._found


def is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True
