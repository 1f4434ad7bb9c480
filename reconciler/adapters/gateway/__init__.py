"""A tenant's schemas over HTTP: SCIM as services really speak it, read and written."""

from reconciler.adapters.gateway.reader import HttpSchemaReader, Known, SizeLimits, TenantAccess
from reconciler.adapters.gateway.traffic import Traffic

__all__ = ["HttpSchemaReader", "Known", "SizeLimits", "TenantAccess", "Traffic"]
