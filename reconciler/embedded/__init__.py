"""The built-in tenant: SCIM with schema writes, OAuth2 and an HR receiver, on loopback."""

from reconciler.embedded.faults import Faults, faults_file
from reconciler.embedded.server import (
    DevTenantAccess,
    DevTenantSetup,
    load_models,
    require_libraries,
    serve,
)

__all__ = [
    "DevTenantAccess",
    "DevTenantSetup",
    "Faults",
    "faults_file",
    "load_models",
    "require_libraries",
    "serve",
]
