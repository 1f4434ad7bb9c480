"""HTTP as this program speaks it; the one home of requests and urllib3."""

from reconciler.adapters.transport.http import Http
from reconciler.adapters.transport.line import (
    ForbiddenRequest,
    HttpOptions,
    Permit,
    is_loopback_name,
)

__all__ = ["ForbiddenRequest", "Http", "HttpOptions", "Permit", "is_loopback_name"]
