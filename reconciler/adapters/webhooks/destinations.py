"""Destinations: the hosts and addresses to which a webhook may go."""

import re
import socket
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from reconciler.adapters.transport import Permit
from reconciler.domain.loopback import is_loopback_address

# The host is the same to every parser: no user name, backslash, blank, zone or letter that a
# resolver would fold into another.
_PLAIN_URL = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?"
    r"(?:[/?][!-~]*)?"
)
_GIVEN_OUT = ip_network("2000::/3")  # all of IPv6 that has been given out, RFC 4291
_NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        # IANA's special-purpose registries (RFC 6890), whole where they have exceptions
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches this machine
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' NAT, and a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, and a cloud's metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "168.63.129.16/32",  # a cloud's inner services, at an address that looks public
        "2001::/23",  # protocol assignments, among them Teredo
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """The reason why nothing can be sent to a webhook.

    `unset` is True where this environment lacks something, a secret or the list of hosts, that the
    environment of an apply may have.
    """

    reason: str
    unset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules for all webhooks of a run.

    `hosts` are the only ones that get any; None: whatever is public. `proxied` is True where
    requests go through a proxy, which hides the address that is connected to.
    """

    hosts: frozenset[str] | None
    proxied: bool

    def destination(self, url: str, *, loopback_allowed: bool) -> "Destination | Unusable":
        """The destination of a URL, or the reason why nothing may go there; nothing is resolved."""
        parts = _PLAIN_URL.fullmatch(url)
        if parts is None:
            return Unusable(
                reason="its URL is not one that every program reads alike: write https://HOST/PATH"
            )
        host = bare(parts["host"])
        if parts["scheme"].lower() == "http" and not loopback_allowed:
            return Unusable(reason="plain http is only for a tenant on this machine: use https")
        if self.hosts is not None and host not in self.hosts:
            return Unusable(
                reason=f"host {host} is not in RECONCILER_WEBHOOK_HOSTS: "
                "add it if it may get webhooks"
            )
        if self.hosts is None and self.proxied and not loopback_allowed:
            return Unusable(
                reason="behind a proxy its address cannot be checked: "
                f"list host {host} in RECONCILER_WEBHOOK_HOSTS if it may get webhooks",
                unset=True,
            )
        # A listed host may be inside: TLS proves that it is the one that was listed.
        listed = self.hosts is not None
        return Destination(host=host, listed=listed, loopback_allowed=loopback_allowed)


@dataclass(slots=True, kw_only=True)
class Destination:
    """One host, what its address may be, and the address that was denied."""

    host: str
    listed: bool
    loopback_allowed: bool
    denied: str | None = field(default=None, init=False)

    def obstacle(self) -> Unusable | None:
        """The reason why it is known, from where its name leads now, that nothing may go there."""
        if self.listed:
            return None
        try:
            found = socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # perhaps it can be resolved when the webhook is sent
            return None
        if any(self._judge(str(address)) for *_, (address, *_) in found):
            return None
        denial = self.denial()
        return None if denial is None else Unusable(reason=denial)

    def permit(self) -> Permit | None:
        """The check of each address before a byte is sent; None where any will do."""
        return None if self.listed else self._judge

    def _judge(self, address: str) -> bool:
        on_this_machine = self.loopback_allowed and is_loopback_address(address)
        allowed = is_public(address) or on_this_machine
        self.denied = None if allowed else address
        return allowed

    def denial(self) -> str | None:
        """The message where an address was denied."""
        if self.denied is None:
            return None
        return (
            f"host {self.host} is at {self.denied}, which is not public, so nothing was sent: "
            "if that is meant, list the host in RECONCILER_WEBHOOK_HOSTS"
        )


def is_public(address: str) -> bool:
    """Test whether an IP address is one of the open internet, and leads nowhere else."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    # Python's `is_global` lets translated addresses, relays, multicast and some clouds' inner
    # services pass.
    if any(found in network for network in _NOT_PUBLIC):
        return False
    return found.version == 4 or found in _GIVEN_OUT


def bare(host: str) -> str:
    """A host without brackets and final dot, in lower case."""
    return host.strip("[]").rstrip(".").lower()
