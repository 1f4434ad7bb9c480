"""The end of a token that says it: a JSON Web Token (RFC 7519)."""

import base64
from datetime import UTC, datetime

from reconciler.domain.jsontext import parse
from reconciler.domain.secret import Secret


def end_of_token(token: Secret) -> datetime | None:
    """The time of `exp` (RFC 7519 4.1.4), UTC; None for a token that has none, or is no JWT.

    Nobody checks a signature: it is our own token, and only we are told.
    """
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return None
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        claims = parse(base64.b64decode(padded.encode(), altchars=b"-_", validate=True))
        end = claims.get("exp") if isinstance(claims, dict) else None
        if isinstance(end, int | float) and not isinstance(end, bool):
            return datetime.fromtimestamp(end, tz=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
