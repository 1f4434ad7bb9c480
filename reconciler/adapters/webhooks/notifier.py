"""WebhookNotifier: one signed POST, and what a receiver's status means."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.adapters.retrying import requested_wait
from reconciler.adapters.transport import Http, HttpOptions
from reconciler.adapters.webhooks.destinations import Destination, Policy, Unusable, bare
from reconciler.adapters.webhooks.signatures import (
    KEY_WANTED,
    has_seal,
    seal_of,
    signed_headers,
    signing_key,
)
from reconciler.domain.http_reply import Answer, Loss, NoAnswer, Reply
from reconciler.domain.manifest import Tenant
from reconciler.domain.outbox import DeliveryResult, Envelope, OutboxRow, RowToSend
from reconciler.domain.redaction import Redaction
from reconciler.domain.secret import Secret
from reconciler.ports import Clock

_POST = frozenset({"POST"})
_WAIT_AS_ASKED = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The real URL of a webhook, and its secrets: two while one is rotated.

    `loopback_allowed` is for tenants that are on this machine themselves.
    """

    url: str
    secrets: tuple[Secret, ...]
    loopback_allowed: bool = False


class WebhookNotifier:
    """A ports.Notifier over HTTP, and a ports.Seals.

    `endpoints` are found by tenant and the URL of the manifest.
    `allowed_hosts` are the only hosts that get anything; None: whatever is public.
    Raises UsageError where the CA bundle or the proxy of `options` cannot be used.
    """

    def __init__(
        self,
        endpoints: Mapping[tuple[str, str], Endpoint | Unusable],
        *,
        options: HttpOptions,
        allowed_hosts: tuple[str, ...] | None,
        clock: Clock,
    ) -> None:
        Http(options, methods=_POST).close()  # a wrong option is an error now, not at each delivery
        self._endpoints = endpoints
        self._tenants = frozenset(tenant for tenant, _ in endpoints)
        self._options = replace(options, status_alone=True)
        self._policy = Policy(
            hosts=None if allowed_hosts is None else frozenset(map(bare, allowed_hosts)),
            proxied=bool(options.proxy),
        )
        self._clock = clock
        self._looked_up: dict[tuple[str, bool], Unusable | None] = {}

    def send(self, message: RowToSend) -> DeliveryResult:
        """Sign the stored bytes and POST them once. Never raises: a failure is a result too."""
        row = message.row
        endpoint = self._endpoints.get((row.tenant, row.url))
        if endpoint is None:
            elsewhere = row.tenant in self._tenants
            return DeliveryResult(
                row=row,
                delivered=False,
                status=None,
                latency_ms=0,
                detail=_ELSEWHERE if elsewhere else _NOWHERE,
                gone=elsewhere,
            )
        if isinstance(endpoint, Unusable):
            return _unsent(row, endpoint.reason)
        usable = _keys(endpoint)
        if not usable or len(usable) < len(endpoint.secrets):
            return _unsent(row, KEY_WANTED)
        if not has_seal(message.envelope().sealed_content(), message.seal, usable):
            detail = f"{row.event_id} (row {row.id} of the outbox) {_UNPROVED}"
            return replace(_unsent(row, detail), unproved=True)
        destination = self._policy.destination(
            endpoint.url, loopback_allowed=endpoint.loopback_allowed
        )
        if isinstance(destination, Unusable):
            return _unsent(row, destination.reason)
        return self._post(message, endpoint, usable, destination)

    def seal(self, envelope: Envelope) -> str | None:
        """The seal by the first secret of that webhook; None where there is none to be used."""
        keys = _keys(self._endpoints.get((envelope.tenant, envelope.url)))
        return seal_of(envelope.sealed_content(), keys[0]) if keys else None

    def is_sealed(self, message: RowToSend) -> bool:
        """Test whether a row carries the seal by one of the secrets of its webhook."""
        envelope = message.envelope()
        keys = _keys(self._endpoints.get((envelope.tenant, envelope.url)))
        return has_seal(envelope.sealed_content(), message.seal, keys)

    def signed(self, tenant: Tenant, message_id: str, body: bytes) -> Mapping[str, str] | None:
        """The headers that sign a text under the first secret of a tenant's first webhook.

        None where there is no such secret that could be used.
        """
        first = tenant.webhooks[0].url if tenant.webhooks else ""
        keys = _keys(self._endpoints.get((tenant.name, first)))[:1]
        return signed_headers(message_id, body, keys, at=self._clock.now()) if keys else None

    def obstacles(self, tenant: Tenant, *, resolve: bool = True) -> tuple[Unusable, ...]:
        """The webhooks of a tenant to which, as is known already, nothing can be sent.

        `resolve` is whether the names of their hosts are looked up.
        """
        return tuple(
            replace(found, reason=f"webhook {webhook.url}: {found.reason}")
            for webhook in tenant.webhooks
            if (found := self._obstacle(tenant.name, webhook.url, resolve=resolve)) is not None
        )

    def _obstacle(self, tenant: str, url: str, *, resolve: bool) -> Unusable | None:
        endpoint = self._endpoints[tenant, url]
        if isinstance(endpoint, Unusable):
            return endpoint
        found = self._policy.destination(endpoint.url, loopback_allowed=endpoint.loopback_allowed)
        if isinstance(found, Unusable):
            return found
        if not resolve:
            return None
        host = (found.host, found.loopback_allowed)
        if host not in self._looked_up:
            self._looked_up[host] = found.obstacle()
        return self._looked_up[host]

    def _post(
        self, message: RowToSend, endpoint: Endpoint, keys: list[bytes], destination: Destination
    ) -> DeliveryResult:
        headers = signed_headers(message.row.event_id, message.body, keys, at=self._clock.now())
        began = self._clock.monotonic()
        options = self._options
        if options.observe is not None:
            redaction = _redaction(endpoint)
            options = replace(options, redact=lambda text: redaction.text(text, own=endpoint.url))
        with Http(options, methods=_POST, permit=destination.permit()) as http:
            reply = http.send("POST", endpoint.url, headers=headers, body=message.body)
        latency_ms = round((self._clock.monotonic() - began) * 1000)
        return self._result(message.row, reply, latency_ms, destination)

    def _result(
        self, row: OutboxRow, reply: Reply, latency_ms: int, destination: Destination
    ) -> DeliveryResult:
        if isinstance(reply, NoAnswer):
            hung = latency_ms >= self._options.deadline * 1000
            return DeliveryResult(
                row=row,
                delivered=False,
                status=None,
                latency_ms=latency_ms,
                detail=destination.denial() or reply.message,
                unsent=destination.denial() is not None,
                silent=not reply.is_ours and (reply.loss is Loss.NOT_SENT or hung),
            )
        wait = requested_wait(reply, now=self._clock.now())
        return DeliveryResult(
            row=row,
            delivered=200 <= reply.status < 300,
            status=reply.status,
            latency_ms=latency_ms,
            detail=_meaning(reply),
            retry_after=wait if reply.status in _WAIT_AS_ASKED else None,
            gone=reply.status == 410,
        )


def _redaction(endpoint: Endpoint) -> Redaction:
    """The means to take the secrets of a webhook, however they are spelt, out of an answer."""
    texts = [secret.reveal() for secret in endpoint.secrets]
    forms = [*texts, *(text.removeprefix("whsec_") for text in texts)]
    for key in _keys(endpoint):
        forms += [urlsafe_b64encode(key).decode(), key.hex()]
    return Redaction(map(Secret, forms))


def _keys(endpoint: Endpoint | Unusable | None) -> list[bytes]:
    """The usable keys of an endpoint, if it is one."""
    if not isinstance(endpoint, Endpoint):
        return []
    keys = (signing_key(secret) for secret in endpoint.secrets)
    return [key for key in keys if key is not None]


_NOWHERE = (
    "no manifest names this URL for the tenant any more: put it back, or let the event be given up"
)
_ELSEWHERE = (
    "no manifest names this URL for the tenant any more: what no receiver has taken is announced "
    "by the next apply to those that it names, or put it back"
)
_UNPROVED = (
    "does not carry a seal by the secret of this webhook, so nothing was signed or sent; if the "
    "secret was changed, `webhooks deliver --resign` seals anew what the trail knows; if not, "
    "somebody else has written to the store: see `audit verify`"
)


def _unsent(row: OutboxRow, detail: str) -> DeliveryResult:
    return DeliveryResult(
        row=row, delivered=False, status=None, latency_ms=0, detail=detail, unsent=True
    )


def _meaning(answer: Answer) -> str:
    status = answer.status
    if 300 <= status < 400:
        return (
            f"answered {status}, a redirect, which is never followed: name the URL it leads to, "
            "and apply"
        )
    match status:
        case 400 | 401 | 403:
            return f"answered {status}: compare the secret, and the clock, with the receiver's"
        case 404 | 405:
            return f"answered {status}: check the URL, and apply once it is another"
        case 410:
            return "answered 410: the receiver wants no more of this"
        case _:
            return f"answered {status}"
