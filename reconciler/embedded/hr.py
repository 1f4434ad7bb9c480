"""The HR receiver: what an HR system does with our webhooks, after Standard Webhooks."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime

from reconciler.domain.jsontext import Json
from reconciler.domain.secret import Secret
from reconciler.embedded.faults import FaultBox
from reconciler.embedded.store import EmbeddedStore
from reconciler.embedded.wire import Refused, Reply, Request, as_json, not_allowed

_TOLERANCE = 300  # seconds between the sender's clock and ours


class HrReceiver:
    """Keeps each webhook that is signed with our secret, and counts its copies."""

    def __init__(
        self, store: EmbeddedStore, secret: Secret, faults: FaultBox, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._secret = secret
        self._faults = faults
        self._clock = clock

    def sync(self, request: Request) -> Reply:
        """Answer `POST /hr/scim/sync` with 204, 401 or 503; `GET` lists what was kept."""
        if request.method == "GET":
            inbox: list[Json] = [
                {
                    "id": received.id,
                    "timestamp": received.timestamp,
                    "body": received.body.decode("utf-8", "replace"),
                    "copies": received.copies,
                }
                for received in self._store.inbox()
            ]
            return as_json(200, inbox)
        if request.method != "POST":
            raise not_allowed(request, "GET", "POST")
        if self._faults.current.hr_down:
            raise Refused(503, "the HR system is down")
        now = self._clock().timestamp()
        if (timestamp := verified_timestamp(self._secret, request, now=now)) is None:
            raise Refused(401, "the webhook's signature or timestamp is not accepted")
        self._store.receive(request.headers["webhook-id"], timestamp, request.body)
        return Reply(status=204)


def verified_timestamp(secret: Secret, request: Request, *, now: float) -> int | None:
    """The webhook's timestamp, if it is fresh and one of its signatures is ours; else None."""
    identifier = request.headers.get("webhook-id", "")
    timestamp = request.headers.get("webhook-timestamp", "")
    # Longer than any moment that int() is worth asking for: it is quadratic in the digits.
    is_moment = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12
    if not identifier or not is_moment or abs(now - int(timestamp)) > _TOLERANCE:
        return None
    key = b64decode(secret.reveal().removeprefix("whsec_"))
    signed = f"{identifier}.{timestamp}.".encode("latin-1") + request.body
    ours = b"v1," + b64encode(hmac.digest(key, signed, hashlib.sha256))
    theirs = request.headers.get("webhook-signature", "").split()
    # All are compared, so that the time it takes says nothing of which one fits.
    matches = [hmac.compare_digest(ours, one.encode("latin-1")) for one in theirs]
    return int(timestamp) if any(matches) else None
