"""The built-in tenant: SCIM with schema writes, OAuth2 and an HR receiver, on loopback."""

from reconciler.embedded.faults import Faults
from reconciler.embedded.server import DevTenantAccess, DevTenantSetup, load_models, serve

__all__ = ["DevTenantAccess", "DevTenantSetup", "Faults", "load_models", "serve"]
