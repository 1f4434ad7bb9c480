"""Signatures of webhooks, after Standard Webhooks: keys, the headers of one attempt, seals."""

import base64
import binascii
import hmac
from collections.abc import Iterable
from datetime import datetime

from reconciler.domain.secret import Secret

KEY_WANTED = (
    "a webhook secret has to be whsec_ and the base64 of 24 to 64 random bytes: "
    "echo whsec_$(openssl rand -base64 32)"
)


def signing_key(secret: Secret) -> bytes | None:
    """The bytes of a `whsec_…` secret; None where it is none, or too short to be one."""
    prefix, marker, text = secret.reveal().partition("whsec_")
    if prefix or not marker or not text.isascii():
        return None
    # The reference library would drop what is no base64, and sign with the rest.
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
    digests = (hmac.digest(key, content, "sha256") for key in keys)
    signatures = (base64.b64encode(digest).decode() for digest in digests)
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def seal_of(content: bytes, key: bytes) -> str:
    """The seal of a row of the outbox, by a key that signs nothing else."""
    derived = hmac.digest(key, b"reconciler: seals of the outbox", "sha256")
    return f"v1:{hmac.digest(derived, content, 'sha256').hex()}"


def has_seal(content: bytes, seal: str | None, keys: Iterable[bytes]) -> bool:
    """Test whether it is the seal of the content by one of the keys."""
    given = (seal or "").encode(errors="replace")
    return any(hmac.compare_digest(seal_of(content, key).encode(), given) for key in keys)
