"""A token endpoint, and an authenticator that uses it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from reconciler.adapters.oauth2 import (
    Authenticator,
    ClientCredentials,
    Credentials,
    Tokens,
)
from reconciler.adapters.retrying import retrying
from reconciler.adapters.transport import HttpOptions
from reconciler.domain.manifest import ClientAuth
from reconciler.domain.secret import Secret
from tests.support.fakes import FakeClock
from tests.support.faultserver import (
    FaultServer,
    Handler,
    Script,
    json_reply,
    serving,
)

CLIENT_ID = "client:1 ü"

CLIENT_SECRET = "c4n4ry+s%cret&"


def credentials(
    url: str, *, auth: ClientAuth = ClientAuth.POST, scopes: tuple[str, ...] = ()
) -> ClientCredentials:
    return ClientCredentials(
        token_url=url,
        client_id=Secret(CLIENT_ID),
        client_secret=Secret(CLIENT_SECRET),
        scopes=scopes,
        client_auth=auth,
    )


def tokens(
    clock: FakeClock,
    tell: Callable[[Secret], None] = lambda _: None,
    *,
    ca_bundle: Path | None = None,
) -> Tokens:
    return Tokens(
        options=HttpOptions(deadline=5, ca_bundle=ca_bundle),
        retries=lambda: retrying(clock=clock, random=lambda: 0.0),
        clock=clock,
        new_id=map("id-{}".format, count(1)).__next__,
        tell=tell,
    )


@contextmanager
def authenticating(
    whom: Credentials,
    clock: FakeClock | None = None,
    tell: Callable[[Secret], None] = lambda _: None,
) -> Iterator[Authenticator]:
    yield Authenticator(whom, tokens(clock or FakeClock(), tell))


@contextmanager
def meeting(
    handler: Handler,
    clock: FakeClock | None = None,
    *,
    path: str = "/token",
    auth: ClientAuth = ClientAuth.POST,
) -> Iterator[tuple[FaultServer, Authenticator]]:
    """A token endpoint and an authenticator that asks it."""
    with serving(handler) as server:
        whom = credentials(server.url(path), auth=auth)
        with authenticating(whom, clock) as authenticator:
            yield server, authenticator


def token(value: str = "t0k3n", **members: Any) -> Script:
    document = {"access_token": value, "token_type": "bearer", "expires_in": 600, **members}
    return json_reply({name: value for name, value in document.items() if value is not None})


def counting(**members: Any) -> Handler:
    """A token endpoint whose tokens are numbered."""
    numbers = iter(range(1, 1000))
    return lambda _: token(f"t{next(numbers)}", **members)
