"""Client certificates: the identity that a connection is made with (RFC 8705)."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from reconciler.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A file with a certificate, those of its authorities and its private key, and its text.

    OpenSSL reads the file; the text tells two identities apart.
    """

    file: Path
    pem: Secret


class CertificateUnusable(Exception):
    """A file that no connection can be made with; the message repeats nothing of it."""


def require_certificate(certificate: ClientCertificate) -> None:
    """Raise CertificateUnusable where no connection can be made with it."""
    load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)


def load_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Have the connections of a context show it. Raises CertificateUnusable."""
    text = certificate.pem.reveal()
    if "CERTIFICATE-----" not in text:
        raise CertificateUnusable(
            f"the file of the client certificate holds no certificate; {_WANTED}"
        )
    if "PRIVATE KEY-----" not in text:
        raise CertificateUnusable(
            f"the file of the client certificate holds no private key; {_WANTED}"
        )
    try:
        context.load_cert_chain(certificate.file, password=_refuse_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CertificateUnusable(
                "the private key is not that of the client certificate, which comes first in its "
                "file, before those of its authorities"
            ) from error
        why = f" ({error.reason.lower().replace('_', ' ')})" if error.reason else ""
        raise CertificateUnusable(
            f"the client certificate or its key is damaged, or too weak for TLS{why}"
        ) from error
    except OSError as error:
        raise CertificateUnusable(
            f"the client certificate cannot be read: {error.strerror}"
        ) from error
    # TLS 1.3: some servers look at the path first, and then ask who we are (RFC 8446, 4.2.6).
    context.post_handshake_auth = True


_WANTED = "it wants the certificate, those of its authorities and its private key, in PEM form"


def _refuse_passphrase() -> str:
    """Raise, for OpenSSL would ask on the terminal."""
    raise CertificateUnusable(
        "the private key of the client certificate has a passphrase; give it without one"
    )
