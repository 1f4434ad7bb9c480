"""Credentials of tenants and webhooks: an origin is checked before its secrets are read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_never
from urllib.parse import urlsplit

from reconciler.adapters.oauth2 import (
    Anonymous,
    BasicCredentials,
    CertifiedClient,
    ClientCredentials,
    Credentials,
    HeaderToken,
    SigningClient,
)
from reconciler.adapters.settings import Settings
from reconciler.adapters.transport import (
    CertificateUnusable,
    ClientCertificate,
    require_certificate,
)
from reconciler.cli.masks import Masks
from reconciler.domain.loopback import is_loopback_url
from reconciler.domain.manifest import (
    AuthType,
    ClientAuth,
    SecretRef,
    SecretSource,
    Tenant,
    Webhook,
)
from reconciler.domain.secret import Secret
from reconciler.errors import SecretUnset, UsageError

if TYPE_CHECKING:  # a plan of tenants that are elsewhere does without
    from reconciler.adapters.webhooks import Endpoint, Unusable
    from reconciler.embedded import DevTenantAccess


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Trust:
    """The secrets of this run, and where each may go. `embedded` is by the NAME of its URL."""

    settings: Settings
    secrets_dir: Path | None
    embedded: "Mapping[str, DevTenantAccess]"
    masks: Masks

    def base_url(self, tenant: Tenant) -> str:
        """The base URL of the tenant: that of a built-in one has its port of today."""
        return self.embedded[tenant.embedded].base_url if tenant.embedded else tenant.base_url

    def certificate(self, tenant: Tenant, *, now: datetime) -> ClientCertificate | None:
        """The tenant's client certificate.

        Raises UsageError where no connection can be made with it, or it may not go there.
        """
        if (ref := tenant.auth.credentials.get("certificate")) is None:
            return None
        from reconciler.adapters.oauth2.certificates import validity

        self._require_pinned(tenant)
        certificate = ClientCertificate(
            pem=self.read(ref),
            file=self.settings.secret_file(ref, secrets_dir=self.secrets_dir),
        )
        named = f"{ref.place}: file {ref.name}"
        try:
            require_certificate(certificate)
            valid = validity(certificate)
        except CertificateUnusable as error:
            raise UsageError(f"{named}: {error}") from error
        if valid is not None and not valid.begins <= now < valid.ends:
            how = "has expired" if now >= valid.ends else "is not valid yet"
            raise UsageError(
                f"{named}: the client certificate {how}: it is valid from "
                f"{valid.begins:%Y-%m-%d %H:%M} to {valid.ends:%Y-%m-%d %H:%M} UTC; renew it, or "
                "compare the clock of this machine"
            )
        return certificate

    def credentials(self, tenant: Tenant, certificate: ClientCertificate | None) -> Credentials:
        """The tenant's credentials, to be shown over connections with that certificate.

        Raises UsageError where one is missing or may not go there.
        """
        if tenant.embedded:
            access = self.embedded[tenant.embedded]
            return ClientCredentials(
                token_url=access.token_url,
                client_id=access.client_id,
                client_secret=access.client_secret,
            )
        self._require_pinned(tenant)
        auth = tenant.auth
        match auth.type:
            case AuthType.NONE:
                return Anonymous()
            case AuthType.BEARER | AuthType.HEADER:
                return HeaderToken(token=self._token(auth.credentials["token"]), scheme=auth.scheme)
            case AuthType.BASIC:
                return BasicCredentials(
                    username=self._secret(tenant, "username"),
                    password=self._secret(tenant, "password"),
                )
            case AuthType.OAUTH2:
                return self._client(tenant, certificate)
            case _:
                assert_never(auth.type)

    def _client(self, tenant: Tenant, certificate: ClientCertificate | None) -> Credentials:
        auth = tenant.auth
        match auth.client_auth:
            case ClientAuth.POST | ClientAuth.BASIC:
                return ClientCredentials(
                    token_url=auth.token_url or "",
                    client_id=self._secret(tenant, "clientId"),
                    client_secret=self._secret(tenant, "clientSecret"),
                    scopes=auth.scopes,
                    parameters=auth.parameters,
                    certificate=certificate,
                    client_auth=auth.client_auth,
                )
            case ClientAuth.PRIVATE_KEY_JWT:
                from reconciler.adapters.oauth2.assertions import require_signing_key

                reference = auth.credentials["privateKey"]
                key = self.read(reference)
                named = f"{reference.place}: {reference.source} {reference.name}"
                require_signing_key(key, named=named)
                return SigningClient(
                    token_url=auth.token_url or "",
                    client_id=self._secret(tenant, "clientId"),
                    scopes=auth.scopes,
                    parameters=auth.parameters,
                    certificate=certificate,
                    private_key=key,
                    key_id=auth.key_id,
                    audience=auth.audience,
                )
            case ClientAuth.CERTIFICATE:
                return CertifiedClient(
                    token_url=auth.token_url or "",
                    client_id=self._secret(tenant, "clientId"),
                    scopes=auth.scopes,
                    parameters=auth.parameters,
                    certificate=certificate,
                )
            case _:
                assert_never(auth.client_auth)

    def endpoints(self, tenants: Iterable[Tenant]) -> "dict[tuple[str, str], Endpoint | Unusable]":
        """The endpoint of each webhook, by tenant and URL of the manifest."""
        return {
            (tenant.name, webhook.url): self._endpoint(tenant, webhook)
            for tenant in tenants
            for webhook in tenant.webhooks
        }

    @property
    def webhook_hosts(self) -> tuple[str, ...] | None:
        """RECONCILER_WEBHOOK_HOSTS, and the built-in receivers, which no manifest can name."""
        listed = self.settings.webhook_hosts
        ours = {urlsplit(access.webhook_url).hostname or "" for access in self.embedded.values()}
        return None if listed is None else (*listed, *sorted(ours))

    def _endpoint(self, tenant: Tenant, webhook: Webhook) -> "Endpoint | Unusable":
        from reconciler.adapters.webhooks import KEY_WANTED, Endpoint, Unusable, signing_key

        if tenant.embedded:
            access = self.embedded[tenant.embedded]
            return Endpoint(
                url=access.webhook_url, secrets=(access.webhook_secret,), loopback_allowed=True
            )
        secrets: list[Secret] = []
        for ref in webhook.secrets:
            try:
                secret = self.read(ref)
            except UsageError as error:
                return Unusable(reason=str(error), unset=isinstance(error, SecretUnset))
            if signing_key(secret) is None:
                name = (
                    f"variable {ref.name}" if ref.source is SecretSource.ENV else f"file {ref.name}"
                )
                return Unusable(reason=f"{ref.place}: what {name} holds is no key; {KEY_WANTED}")
            secrets.append(secret)
        return Endpoint(
            url=webhook.url,
            secrets=tuple(secrets),
            loopback_allowed=is_loopback_url(tenant.base_url),
        )

    def _require_pinned(self, tenant: Tenant) -> None:
        # Before any secret of the tenant is read: whoever may edit its manifest could name another
        # host (docs/decisions.md, "A tenant is pinned to its origins by name").
        what = f"tenant {tenant.name} ({tenant.place})"
        self.settings.require_allowed(tenant.base_url, tenant=tenant.name, what=what)
        if tenant.auth.token_url:
            issuer = f"the token endpoint of {what}"
            self.settings.require_allowed(tenant.auth.token_url, tenant=tenant.name, what=issuer)

    def _token(self, ref: SecretRef) -> Secret:
        token = self.read(ref)
        # It stands in a header as it is, where a line end would begin another header.
        if not re.fullmatch(r"[!-~]+", token.reveal()):
            raise UsageError(
                f"{ref.place}: the token of {ref.source} {ref.name} holds a blank, a line end or a "
                "sign that is not ASCII, and no header can carry that; copy it again"
            )
        return token

    def _secret(self, tenant: Tenant, name: str) -> Secret:
        return self.read(tenant.auth.credentials[name])

    def read(self, ref: SecretRef) -> Secret:
        """The secret, masked; raises UsageError. Whether it may be sent anywhere is not asked."""
        secret = self.settings.secret(ref, secrets_dir=self.secrets_dir)
        # A variable of a job comes from its secrets, which its runner masks already; what stands
        # in a file the runner does not know.
        if ref.source is SecretSource.FILE:
            self.masks(secret)
        return secret
