"""Secrets that end: client certificates, and tokens that say when."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.adapters.oauth2.certificates import validity
from reconciler.adapters.oauth2.expiry import end_of_token
from reconciler.adapters.settings import Settings
from reconciler.adapters.transport import ClientCertificate
from reconciler.domain.doctor import Finding, Grade
from reconciler.domain.loopback import is_loopback_url
from reconciler.domain.manifest import SecretRef, Tenant
from reconciler.domain.secret import Secret
from reconciler.errors import UsageError
from reconciler.installation import Extra, way_to

RENEWAL = timedelta(days=30)  # a warning comes so long before the end

NO_ORIGINS = (
    "RECONCILER_ALLOWED_ORIGINS is not set: the credentials of a tenant go wherever its manifest "
    "says, and whoever may edit that could have them sent elsewhere"
)


def expiry_findings(
    tenant: Tenant, read: Callable[[SecretRef], Secret], now: datetime
) -> Iterator[Finding]:
    """When the certificate and the token of a tenant end, as far as they can be read and say it."""
    certificate, token = (tenant.auth.credentials.get(name) for name in ("certificate", "token"))
    if certificate is not None and (pem := _secret(read, certificate)) is not None:
        valid = validity(ClientCertificate(pem=pem, file=Path(certificate.name)))
        if valid is None:
            message = (
                "a client certificate is shown; until when is not known without the extra "
                f"{Extra.JWT}; {way_to(Extra.JWT)}"
            )
            yield Finding("certificate", Grade.UNKNOWN, message)
        else:
            yield _finding("certificate", "our client certificate", valid.ends, now)
    if token is not None and (secret := _secret(read, token)) is not None:
        ends = end_of_token(secret)
        if ends is not None:
            yield _finding("token", "our token", ends, now)


def origins_unset(settings: Settings, tenants: tuple[Tenant, ...]) -> bool:
    """Test whether credentials go elsewhere, and RECONCILER_ALLOWED_ORIGINS is not set."""
    return any(
        settings.origins_of(tenant.name) is None
        for tenant in tenants
        if not tenant.embedded and not is_loopback_url(tenant.base_url)
    )


def _secret(read: Callable[[SecretRef], Secret], ref: SecretRef) -> Secret | None:
    try:
        return read(ref)
    except UsageError:  # this job may have none; where it is needed, another message says so
        return None


def _finding(check: str, what: str, ends: datetime, now: datetime) -> Finding:
    remaining = ends - now
    if remaining <= timedelta():
        message = f"{what} has expired, at {ends:%Y-%m-%d %H:%M} UTC: renew it"
        return Finding(check, Grade.PROBLEM, message)
    message = f"{what} is valid until {ends:%Y-%m-%d %H:%M} UTC"
    if remaining < RENEWAL:
        message = f"{message}, for {remaining.days} more days: renew it"
        return Finding(check, Grade.WARNING, message)
    return Finding(check, Grade.OK, message)
