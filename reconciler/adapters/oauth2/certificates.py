"""The validity of a client certificate, where the extra `jwt` is installed."""

from dataclasses import dataclass
from datetime import datetime

from reconciler.adapters.transport import ClientCertificate


@dataclass(frozen=True, slots=True)
class Validity:
    """The time in which a certificate is valid, in UTC."""

    begins: datetime
    ends: datetime


def validity(certificate: ClientCertificate) -> Validity | None:
    """The validity of the first certificate of the file; None where no library can read it."""
    try:
        from cryptography.x509 import load_pem_x509_certificate
    except ImportError:
        return None
    try:
        first = load_pem_x509_certificate(certificate.pem.reveal().encode())
    except ValueError:  # it is stricter than OpenSSL
        return None
    return Validity(first.not_valid_before_utc, first.not_valid_after_utc)
