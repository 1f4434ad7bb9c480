"""Which adapter a tenant gets: its gateway, its credentials, its webhooks, its built-in server."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from reconciler.adapters.clock import StopSignal, SystemClock, install
from reconciler.adapters.gateway import (
    HttpSchemaReader,
    HttpSchemaWriter,
    Known,
    TenantAccess,
    Traffic,
)
from reconciler.adapters.oauth2 import Authenticator, Tokens
from reconciler.adapters.retrying import RetryBudget, retrying
from reconciler.adapters.transport import Http, HttpOptions, Pool, raise_limit
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.console import show_last_words
from reconciler.cli.invocation import Invocation
from reconciler.cli.masks import Masks
from reconciler.cli.shared_options import RETRY_DEADLINE, DeadlineOptions, RequestOptions
from reconciler.cli.trust import Trust
from reconciler.domain.manifest import Tenant
from reconciler.domain.outbox import DeliveryResult
from reconciler.domain.records import Run
from reconciler.domain.schedule import next_due
from reconciler.planning import Desired
from reconciler.ports import Clock, Retry

if TYPE_CHECKING:  # a plan of tenants that are elsewhere does without
    from reconciler.adapters.webhooks import WebhookNotifier
    from reconciler.embedded import DevTenantAccess

EMBEDDED_FOLDER = Path(".reconciler/embedded")


@dataclass(frozen=True, slots=True)
class TenantState:
    """What a run remembers of one tenant from its first request to its last; kept small."""

    traffic: Traffic
    retry: Retry
    known: Known = field(default_factory=Known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """The adapters of one command.

    Gateways are made when a tenant is opened, and nobody keeps them; connections, tokens and what
    is remembered of a tenant are the command's.
    """

    desired: Desired
    run: Run
    clock: Clock
    retries: Callable[[], Retry]
    read_deadline: float
    options: HttpOptions
    tokens: Tokens
    trust: Trust
    stop: StopSignal
    states: dict[str, TenantState] = field(default_factory=dict)
    making: Lock = field(default_factory=Lock)

    def reader(self, tenant: Tenant) -> HttpSchemaReader:
        """A gateway that can send nothing but GET and the token request."""
        with self.making:
            return HttpSchemaReader(self._connection(tenant))

    def connection(self, tenant: Tenant) -> TenantAccess:
        """How a tenant is read; nothing but GET and the token request can be sent by it."""
        with self.making:
            return self._connection(tenant)

    def writer(self, tenant: Tenant) -> HttpSchemaWriter:
        """A gateway that may POST, PUT and PATCH as well."""
        with self.making:
            writes = self._http("POST", "PUT", "PATCH")
            return HttpSchemaWriter(self._connection(tenant), writes)

    def retry(self, tenant: Tenant) -> Retry:
        """The patience with one tenant: another's trouble uses none of it up."""
        with self.making:
            return self._state_of(tenant).retry

    def notifier(self) -> "WebhookNotifier":
        """The way to HR for every webhook of the selected tenants; raises UsageError."""
        from reconciler.adapters.webhooks import WebhookNotifier

        return WebhookNotifier(
            self.trust.endpoints(self.desired.tenants()),
            options=self.options,
            allowed_hosts=self.trust.webhook_hosts,
            clock=self.clock,
        )

    def due_again(self, attempts: int, result: DeliveryResult) -> datetime | None:
        """When a delivery that failed so often is tried next; None gives it up.

        One that the end of the run may have cut off is due at once.
        """
        if self.stop.number is not None or self.stop.store_failed:
            return self.clock.now()
        return next_due(
            attempts,
            now=self.clock.now(),
            retry_after=result.retry_after,
            random=random.SystemRandom().random,
        )

    def _connection(self, tenant: Tenant) -> TenantAccess:
        state = self._state_of(tenant)
        return TenantAccess(
            base_url=self.trust.base_url(tenant),
            dialect=tenant.dialect,
            reads=self._http("GET"),
            authenticator=Authenticator(self.trust.credentials(tenant), self.tokens),
            retry=state.retry,
            clock=self.clock,
            traffic=state.traffic,
            known=state.known,
            read_deadline=self.read_deadline,
        )

    def _state_of(self, tenant: Tenant) -> TenantState:
        if tenant.name not in self.states:
            rate = tenant.dialect.requests_per_minute
            self.states[tenant.name] = TenantState(
                traffic=Traffic(clock=self.clock, per_minute=rate),
                retry=self.retries(),
            )
        return self.states[tenant.name]

    def _http(self, *methods: str) -> Http:
        return Http(self.options, methods=frozenset(methods))


@contextmanager
def workbench(
    invocation: Invocation,
    desired: Desired,
    deadlines: DeadlineOptions,
    stop: StopSignal | None = None,
    *,
    parallelism: int = 1,
    retry_deadline: int = RETRY_DEADLINE,
) -> Iterator[Workbench]:
    """Everything a command needs to reach its tenants; built-in ones run until it ends.

    `stop` is what else may end the run, where there is something besides signals; `parallelism` is
    how many tenants or webhooks are reached at once.
    """
    stop = stop or StopSignal()
    install(stop, show_last_words)
    clock = SystemClock(stop)
    options = _options(invocation.common, deadlines, stop)
    masks = Masks.of_process(invocation.settings)
    raise_limit()

    retries = _retries(retry_deadline, clock)
    with ExitStack() as stack:
        access = _serve(desired, stack)
        # Closed before the servers that it leads to.
        pool = Pool(at_once=parallelism)
        options = replace(options, pool=stack.enter_context(closing(pool)))
        yield Workbench(
            desired=desired,
            run=Run(
                id=os.urandom(16).hex(),
                actor=invocation.settings.actor,
                commit=desired.git.commit,
            ),
            clock=clock,
            retries=retries,
            read_deadline=float(deadlines.read_deadline),
            options=options,
            tokens=Tokens(options=options, retries=retries, clock=clock, tell=masks),
            trust=Trust(
                settings=invocation.settings,
                secrets_dir=invocation.common.secrets_dir,
                embedded=access,
                masks=masks,
            ),
            stop=stop,
        )


def _serve(desired: Desired, stack: ExitStack) -> "dict[str, DevTenantAccess]":
    """The built-in tenants among the selected ones, by the NAME of their URLs."""
    names = [tenant.embedded for tenant in desired.tenants() if tenant.embedded]
    if not names:
        return {}
    from reconciler.embedded import serve

    return {name: stack.enter_context(serve(name, EMBEDDED_FOLDER)) for name in names}


def _options(common: CommonOptions, deadlines: RequestOptions, stop: StopSignal) -> HttpOptions:
    """How to reach the network; a wrong option is told here once, and not by each tenant."""
    options = HttpOptions(
        proxy=common.proxy,
        ca_bundle=common.ca_bundle,
        deadline=float(deadlines.request_deadline),
        remaining=stop.remaining,
        may_send=lambda: not stop.store_failed,
    )
    Http(options, methods=frozenset()).close()
    return options


def _retries(deadline: float, clock: Clock) -> Callable[[], Retry]:
    """Patience, each time with a budget of its own."""
    draw = random.SystemRandom().random  # one for all: each would be two kilobytes
    return lambda: retrying(
        clock=clock,
        random=draw,
        deadline=deadline,
        budget=RetryBudget(),
    )
