"""The options of the way to the network."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.adapters.transport.certificates import ClientCertificate
from reconciler.adapters.transport.names import Resolve, addresses_of
from reconciler.occurrences import Observe

if TYPE_CHECKING:
    from reconciler.adapters.transport.pool import Pool

Permit = Callable[[str], bool]
"""Asked with the IP address that was really connected to, before a byte is sent."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class HttpOptions:
    """The way to the network; times in seconds, sizes in bytes.

    `lifted_by` is the option by which a body may be longer than `max_body`, if there is one.
    With `status_alone` no body is given, so that none spoils an answer.
    `deadline` bounds a whole request, `connect_timeout` each address that is tried. The proxy is
    for https only; `ca_bundle` stands in for the public authorities. `certificate` is shown to
    servers that ask for one, never to a proxy. `remaining` gives the seconds that the run still
    has; from when it is finite nothing but GET leaves, and at 0 all is cut. Once `may_send` is
    false nothing leaves at all, and what is under way may end. `resolve` gives the addresses of a
    host; the deadline holds for it too. `observe` gets each request as it ends, with what `redact`
    leaves of texts that came from outside. `pool` has the connections that are shared with others,
    and whoever made it closes it; without one an Http has its own.
    """

    proxy: str | None = field(default=None, repr=False)  # its URL may hold a password
    ca_bundle: Path | None = None
    certificate: ClientCertificate | None = None
    deadline: float = 30.0
    connect_timeout: float = 10.0
    max_body: int = 5 * 1024 * 1024
    lifted_by: str = ""
    status_alone: bool = False
    remaining: Callable[[], float] = lambda: math.inf
    may_send: Callable[[], bool] = lambda: True
    resolve: Resolve = addresses_of
    observe: Observe | None = None
    redact: Callable[[str], str] = str
    pool: "Pool | None" = None


class ForbiddenRequest(AssertionError):
    """A mistake in this program: a request that its Http was built to be unable to send."""
