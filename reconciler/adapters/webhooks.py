"""The way to HR: a webhook signed after Standard Webhooks, posted once, to where it may go.

What it alone knows: signatures, which addresses are public, and what a receiver's status means.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from reconciler.adapters.retrying import asked_wait
from reconciler.adapters.transport import Http, HttpOptions, Permit
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from reconciler.domain.outbox import DeliveryResult, OutboxRow, RowToSend
from reconciler.domain.secret import Secret
from reconciler.ports import Clock

_POST = frozenset({"POST"})
_WAIT_AS_ASKED = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a webhook really goes, and its secrets: two while one is rotated.

    `loopback_allowed` is for tenants that are on this machine themselves.
    """

    url: str
    secrets: tuple[Secret, ...]
    loopback_allowed: bool = False


class WebhookNotifier:
    """A ports.Notifier over HTTP. `endpoints` are found by tenant and the URL of the manifest.

    `allowed_hosts` are the only hosts that get anything; None: whatever is public.
    Raises UsageError where the CA bundle or the proxy of `options` cannot be used.
    """

    def __init__(
        self,
        endpoints: Mapping[tuple[str, str], Endpoint],
        *,
        options: HttpOptions,
        allowed_hosts: tuple[str, ...] | None,
        clock: Clock,
    ) -> None:
        Http(options, methods=_POST).close()  # a wrong option is told now, not at each delivery
        self._endpoints = endpoints
        self._options = options
        self._allowed = None if allowed_hosts is None else frozenset(map(_bare, allowed_hosts))
        self._clock = clock

    def send(self, message: RowToSend) -> DeliveryResult:
        """Sign the stored bytes and POST them once. Never raises: what happened is the result."""
        row = message.row
        endpoint = self._endpoints.get((row.tenant, row.url))
        if endpoint is None:
            return _unsent(
                row,
                "no manifest names this URL for the tenant any more: put it back, "
                "or let the event be given up",
            )
        keys = [signing_key(secret) for secret in endpoint.secrets]
        usable = [key for key in keys if key is not None]
        if not keys or len(usable) < len(keys):
            return _unsent(row, _KEY_WANTED)
        destination = self._destination(endpoint)
        if isinstance(destination, str):
            return _unsent(row, destination)
        return self._post(message, endpoint.url, usable, destination)

    def _destination(self, endpoint: Endpoint) -> "_Destination | str":
        """Where it goes, or why it may not go there."""
        parts = _PLAIN_URL.fullmatch(endpoint.url)
        if parts is None:
            return "its URL is not one that every program reads alike: write https://HOST/PATH"
        host = _bare(parts["host"])
        if parts["scheme"].lower() == "http" and not endpoint.loopback_allowed:
            return "plain http is only for a tenant on this machine: use https"
        if self._allowed is not None and host not in self._allowed:
            return f"host {host} is not in RECONCILER_WEBHOOK_HOSTS: add it if it may get webhooks"
        if self._allowed is None and self._options.proxy and not endpoint.loopback_allowed:
            return (
                "behind a proxy its address cannot be checked: "
                f"list host {host} in RECONCILER_WEBHOOK_HOSTS if it may get webhooks"
            )
        # A listed host may be inside: TLS says that it is the one that was listed.
        listed = self._allowed is not None
        return _Destination(host=host, listed=listed, loopback_allowed=endpoint.loopback_allowed)

    def _post(
        self, message: RowToSend, url: str, keys: list[bytes], destination: "_Destination"
    ) -> DeliveryResult:
        headers = signed_headers(message.row.event_id, message.body, keys, at=self._clock.now())
        began = self._clock.monotonic()
        with Http(self._options, methods=_POST, permit=destination.permit()) as http:
            reply = http.send("POST", url, headers=headers, body=message.body)
        latency_ms = round((self._clock.monotonic() - began) * 1000)
        return self._result(message.row, reply, latency_ms, destination)

    def _result(
        self, row: OutboxRow, reply: Reply, latency_ms: int, destination: "_Destination"
    ) -> DeliveryResult:
        if isinstance(reply, NoAnswer):
            hung = latency_ms >= self._options.deadline * 1000
            return DeliveryResult(
                row=row,
                delivered=False,
                status=None,
                latency_ms=latency_ms,
                detail=destination.denial() or reply.reason,
                silent=reply.advice is None and (reply.loss is Loss.NOT_SENT or hung),
            )
        asked = asked_wait(reply, now=self._clock.now())
        return DeliveryResult(
            row=row,
            delivered=200 <= reply.status < 300,
            status=reply.status,
            latency_ms=latency_ms,
            detail=_meaning(reply),
            retry_after=asked if reply.status in _WAIT_AS_ASKED else None,
            gone=reply.status == 410,
        )


# The host is the same to every parser: no user name, backslash, blank, zone or letter that a
# resolver would fold into another.
_PLAIN_URL = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?"
    r"(?:[/?][!-~]*)?"
)


def _bare(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _unsent(row: OutboxRow, detail: str) -> DeliveryResult:
    return DeliveryResult(row=row, delivered=False, status=None, latency_ms=0, detail=detail)


def _meaning(answer: Answer) -> str:
    status = answer.status
    if 300 <= status < 400:
        return f"answered {status}, a redirect, which is never followed: name the URL it leads to"
    match status:
        case 401 | 403:
            return f"answered {status}: compare the secret with the receiver's"
        case 410:
            return "answered 410: the receiver wants no more of this"
        case _:
            return f"answered {status}"


# ---------------------------------------------------------------------------- signatures

_KEY_WANTED = (
    "a webhook secret has to be whsec_ and the base64 of 24 to 64 random bytes: "
    "echo whsec_$(openssl rand -base64 32)"
)


def signing_key(secret: Secret) -> bytes | None:
    """The bytes of a `whsec_…` secret; None where it is none, or too short to be one.

    The reference library would drop what is no base64, and sign with what is left.
    """
    prefix, marker, text = secret.reveal().partition("whsec_")
    if prefix or not marker or not text.isascii():
        return None
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    canonical = base64.b64encode(key).decode() == text
    return key if canonical and 24 <= len(key) <= 64 else None


def signed_headers(
    event_id: str, body: bytes, keys: list[bytes], *, at: datetime
) -> dict[str, str]:
    """The headers of one attempt: the same id at each, a fresh timestamp, a signature per key."""
    timestamp = str(int(at.timestamp()))
    content = b".".join((event_id.encode(), timestamp.encode(), body))
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_signature(key, content)}" for key in keys),
    }


def _signature(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.digest(key, content, "sha256")).decode()


# ----------------------------------------------------------------------------- addresses


@dataclass(slots=True, kw_only=True)
class _Destination:
    """One host, what its address may be, and the address that was denied."""

    host: str
    listed: bool
    loopback_allowed: bool
    denied: str | None = field(default=None, init=False)

    def permit(self) -> Permit | None:
        return None if self.listed else self._judge

    def _judge(self, address: str) -> bool:
        allowed = is_public(address) or (self.loopback_allowed and is_loopback(address))
        self.denied = None if allowed else address
        return allowed

    def denial(self) -> str | None:
        if self.denied is None:
            return None
        return (
            f"host {self.host} is at {self.denied}, which is not public, so nothing was sent: "
            "if that is meant, list the host in RECONCILER_WEBHOOK_HOSTS"
        )


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine, plainly: 127.0.0.0/8 or ::1."""
    found = _parsed(address)
    return found is not None and any(found in network for network in _LOOPBACK)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, and leads nowhere else.

    Python's `is_global` lets translated addresses, relays, multicast and some clouds' inner
    services pass. IPv6 is public only within 2000::/3, all that has been given out (RFC 4291).
    """
    found = _parsed(address)
    if found is None or any(found in network for network in _NOT_PUBLIC):
        return False
    return found.version == 4 or found in _GIVEN_OUT


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None


_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_GIVEN_OUT = ip_network("2000::/3")
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
