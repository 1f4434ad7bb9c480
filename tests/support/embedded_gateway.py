"""The program's own reader and writer, against a running built-in tenant."""

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.adapters.gateway import TenantAccess, Traffic
from reconciler.adapters.gateway.writer import HttpSchemaWriter
from reconciler.adapters.oauth2 import Authenticator, ClientCredentials, Tokens
from reconciler.adapters.retrying import retrying
from reconciler.adapters.transport import Http, HttpOptions
from reconciler.domain.dialect import Dialect
from reconciler.embedded import DevTenantAccess
from tests.support.fakes import FakeClock


@contextmanager
def gateway(access: DevTenantAccess, dialect: Dialect) -> Iterator[HttpSchemaWriter]:
    """A writer that takes the tenant for a service of that dialect."""
    clock = FakeClock()
    retry = retrying(clock=clock, random=lambda: 0.0, deadline=30.0)
    options = HttpOptions(deadline=10, max_body=2**20, lifted_by="--max-page-mib")
    tokens = Tokens(options=options, retries=lambda: retry, clock=clock, new_id=lambda: "")
    credentials = ClientCredentials(
        token_url=access.token_url, client_id=access.client_id, client_secret=access.client_secret
    )
    with (
        Http(options, methods=frozenset({"GET"})) as reads,
        Http(options, methods=frozenset({"POST", "PUT", "PATCH"})) as writes,
    ):
        connection = TenantAccess(
            base_url=access.base_url,
            dialect=dialect,
            reads=reads,
            authenticator=Authenticator(credentials, tokens),
            retry=retry,
            clock=clock,
            traffic=Traffic(clock=clock, per_minute=dialect.requests_per_minute),
        )
        yield HttpSchemaWriter(connection, writes)
