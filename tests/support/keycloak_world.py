"""A tenant on a real Keycloak: a folder for the program, and a relay that sees each request."""

import http.client
import json
import random as chance
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reconciler.adapters.clock import StopSignal, SystemClock
from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.gateway import TenantAccess, Traffic
from reconciler.adapters.keycloak.gateway import KeycloakWriter
from reconciler.adapters.oauth2 import Authenticator, ClientCredentials, Tokens
from reconciler.adapters.retrying import retrying
from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.scim import Schema
from reconciler.domain.secret import Secret
from tests.support.faultserver import Handler, Received, Script, reply
from tests.support.keycloak import Client, Realm
from tests.support.profiles import URN
from tests.support.program import Folder

KEYCLOAK = load_dialects()["keycloak"]
TENANT = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: acme}}
spec:
  dialect: keycloak
  baseUrl: {base_url}
  projection: {{schemaId: "{urn}", resource: users}}
  auth:
    type: oauth2-client-credentials
    tokenUrl: {token_url}
    clientId: {{env: KC_ID}}
    clientSecret: {{env: KC_SECRET}}
"""


def folder_of(path: Path, realm: Realm, client: Client, *, root: str | None = None) -> Folder:
    """A folder with the tenant alone; `root` is where a relay to the server listens."""

    def through(url: str) -> str:
        return url.replace(realm.server.root, root or realm.server.root)

    folder = Folder(path, {"KC_ID": client.id, "KC_SECRET": client.secret})
    addresses = {"base_url": through(realm.admin_url), "token_url": through(realm.token_url)}
    folder.write("desired-state/tenant.yaml", TENANT.format(urn=URN, **addresses))
    return folder


def declare(folder: Folder, *attributes: dict[str, Any]) -> None:
    """Write the manifest of an extension with those attributes, in the place of an earlier one."""
    manifest = {
        "apiVersion": "reconciler/v1",
        "kind": "SchemaExtension",
        "metadata": {"name": "hr"},
        "spec": {
            "manages": "attributes",
            "onDrift": "update",
            "schema": {"id": URN, "attributes": list(attributes)},
        },
    }
    folder.write("desired-state/hr.json", json.dumps(manifest))


def relaying(
    root: str,
    before: Callable[[Received], None] = lambda _: None,
    after: Callable[[Received, int, bytes], None] = lambda _, __, ___: None,
) -> Handler:
    """A handler that hands each request on to the server, with calls before and after it."""

    def handle(request: Received) -> Script:
        before(request)
        upstream = http.client.HTTPConnection(urlsplit(root).netloc, timeout=60)
        kept = {n: v for n, v in request.headers.items() if n not in _OF_A_CONNECTION}
        upstream.request(request.method, request.target, request.body, kept)
        with upstream.getresponse() as answer:
            body = answer.read()
        upstream.close()
        after(request, answer.status, body)
        return reply(answer.status, body, {"Content-Type": answer.getheader("content-type", "")})

    return handle


_OF_A_CONNECTION = ("connection", "content-length", "accept-encoding", "transfer-encoding")


class WatchedWriter(KeycloakWriter):
    """The gateway, and the schema as it was when it was looked at last."""

    seen: Schema | None = None

    def find(self, schema_id: str) -> Schema | None:
        self.seen = super().find(schema_id)
        return self.seen


@contextmanager
def realm_writer(realm: Realm, client: Client) -> Iterator[WatchedWriter]:
    """The gateway of the realm, in this process."""
    clock = SystemClock(StopSignal())
    retry = retrying(clock=clock, random=chance.random, deadline=60.0)
    options = HttpOptions(deadline=60)
    tokens = Tokens(options=options, retries=lambda: retry, clock=clock, new_id=lambda: "")
    credentials = ClientCredentials(
        token_url=realm.token_url,
        client_id=Secret(client.id),
        client_secret=Secret(client.secret),
    )
    with ExitStack() as stack:
        access = TenantAccess(
            base_url=realm.admin_url,
            dialect=KEYCLOAK,
            reads=stack.enter_context(Http(options, methods=frozenset({"GET"}))),
            authenticator=Authenticator(credentials, tokens),
            retry=retry,
            clock=clock,
            traffic=Traffic(clock=clock),
        )
        writes = stack.enter_context(Http(options, methods=frozenset({"PUT"})))
        yield WatchedWriter(access, URN, writes)
