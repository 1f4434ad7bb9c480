"""The SCIM that a realm serves beside its admin API, a preview feature; and a test user there."""

from dataclasses import replace

from reconciler.adapters.gateway.canary_users import HttpCanaryUsers
from reconciler.adapters.gateway.reader import Known, TenantAccess
from reconciler.domain.http_reply import Answer, Reply
from reconciler.errors import TenantRefused
from reconciler.ports import ResourcePage


def scim_access(access: TenantAccess) -> TenantAccess:
    """The access to it: the same realm, token and patience, at another address."""
    root, _, realm = access.base_url.rstrip("/").rpartition("/admin/realms/")
    return replace(
        access,
        base_url=f"{root}/realms/{realm}/scim/v2",
        dialect=replace(access.dialect, content_type="application/scim+json"),
        known=Known(),
    )


def refusal(reply: Reply, access: TenantAccess) -> str | None:
    """The reason why it is closed to us, by any answer of it; None where it is open."""
    match reply:
        case Answer(status=404):
            return "the realm's own SCIM is off (its attribute scimApiEnabled)"
        case Answer(status=401):
            return (
                "the realm's own SCIM does not take the token: give the client an audience mapper "
                f"whose included.custom.audience is {access.base_url}"
            )
        case _:
            return None


class KeycloakCanaryUsers(HttpCanaryUsers):
    """ports.CanaryUsers of a realm whose own SCIM is on; where it is not, nobody is named."""

    def named(self, user_name: str) -> ResourcePage:
        """The users of that userName; raises TenantRefused where it is off, or closed to us."""
        reply, _ = self._get(self._access.at("ServiceProviderConfig"), {})
        if (reason := refusal(reply, self._access)) is not None:
            raise TenantRefused(f"{reason}, and values are tried by SCIM alone")
        return super().named(user_name)
