"""GitHub for one command: its settings, its patience, and a connection that ends with it."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.adapters.clock import StopSignal, SystemClock, install
from reconciler.adapters.github import Posts, Rest
from reconciler.adapters.retrying import retrying
from reconciler.adapters.transport import HttpOptions
from reconciler.cli.invocation import Invocation
from reconciler.cli.shared_options import RequestOptions
from reconciler.occurrences import Occurrence, RetryBegun

_LONGEST_WAIT = 90.0  # seconds; a job is not kept for an hour by a rate limit


@contextmanager
def github_posts(invocation: Invocation, *, permission: str) -> Iterator[Posts]:
    """The comments and issues of this program; raises UsageError where a setting is missing."""
    access = invocation.settings.github()
    stop = StopSignal()
    install(stop)
    clock = SystemClock(stop)
    options = HttpOptions(
        proxy=invocation.common.proxy,
        ca_bundle=invocation.common.ca_bundle,
        deadline=float(RequestOptions().request_deadline),
        remaining=stop.remaining,
        observe=invocation.observe_traffic,
    )

    def observe(occurrence: Occurrence) -> None:
        if isinstance(occurrence, RetryBegun):
            occurrence = occurrence._replace(service="GitHub")
        invocation.observe(occurrence)

    retry = retrying(
        clock=clock,
        random=random.SystemRandom().random,
        cap=_LONGEST_WAIT,
        observe=observe,
    )
    with Rest(access, permission=permission, options=options, retry=retry, clock=clock) as rest:
        yield Posts(rest)
