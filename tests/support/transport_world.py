"""One request of a transport to a fault server, and the certificate of such a server."""

import ssl

import trustme

from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.http_reply import Reply
from tests.support.faultserver import FaultServer

SHORT = 0.5
ANY = frozenset({"GET", "POST", "PUT"})


def ask(
    server: FaultServer, method: str = "GET", path: str = "/", *, options: HttpOptions | None = None
) -> Reply:
    with Http(options or HttpOptions(deadline=5), methods=ANY) as http:
        body = b"{}" if method != "GET" else None
        return http.send(method, server.url(path), headers={"X-Canary": "c4n4ry"}, body=body)


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context
