"""HTTP as this program speaks it; the one home of requests and urllib3."""

from reconciler.adapters.transport.certificates import (
    CertificateUnusable,
    ClientCertificate,
    require_certificate,
)
from reconciler.adapters.transport.descriptors import raise_limit
from reconciler.adapters.transport.http import Http
from reconciler.adapters.transport.options import (
    ForbiddenRequest,
    HttpOptions,
    Permit,
)
from reconciler.adapters.transport.pool import Pool

__all__ = [
    "CertificateUnusable",
    "ClientCertificate",
    "ForbiddenRequest",
    "Http",
    "HttpOptions",
    "Permit",
    "Pool",
    "raise_limit",
    "require_certificate",
]
