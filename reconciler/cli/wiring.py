"""The adapters of a command: gateways, credentials, webhooks and built-in tenants."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Lock, current_thread, main_thread
from typing import TYPE_CHECKING

from reconciler.adapters.clock import StopSignal, SystemClock, install
from reconciler.adapters.gateway import (
    HttpSchemaReader,
    Known,
    SizeLimits,
    TenantAccess,
    Traffic,
)
from reconciler.adapters.oauth2 import Authenticator, Tokens
from reconciler.adapters.retrying import RetryBudget, retrying
from reconciler.adapters.transport import ClientCertificate, Http, HttpOptions, Pool, raise_limit
from reconciler.cli.console import show_last_words
from reconciler.cli.invocation import Invocation
from reconciler.cli.masks import Masks
from reconciler.cli.shared_options import RETRY_DEADLINE, CountingOptions, DeadlineOptions
from reconciler.cli.trust import Trust
from reconciler.domain.manifest import Tenant
from reconciler.domain.memo import Memo
from reconciler.domain.schedule import next_due
from reconciler.domain.scim import fold
from reconciler.domain.tenant_names import TenantNames
from reconciler.errors import Interrupted
from reconciler.occurrences import Observe
from reconciler.planning import Desired, Planner, planner

if TYPE_CHECKING:  # a plan of tenants that are elsewhere does without
    from reconciler.adapters.gateway.reader import Authorization
    from reconciler.adapters.gateway.writer import HttpSchemaWriter
    from reconciler.adapters.keycloak.gateway import KeycloakReader, KeycloakWriter
    from reconciler.adapters.webhooks import WebhookNotifier
    from reconciler.canary import Canary
    from reconciler.domain.outbox import DeliveryResult
    from reconciler.domain.records import Run
    from reconciler.domain.searching import Belief
    from reconciler.embedded import DevTenantAccess
    from reconciler.ports import CanaryLedger, Clock, Retry, UserReader
    from reconciler.searchable import Searching

_AS_TODAY = TenantNames()
EMBEDDED_FOLDER = Path(".reconciler/embedded")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TenantState:
    """The memory of one tenant from the first request of a run to its last; kept small."""

    traffic: Traffic
    retry: Retry
    known: Known = field(default_factory=Known)
    beliefs: dict[str, Belief] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Workbench:
    """The adapters of one command."""

    # Gateways are made when a tenant is opened, and nobody keeps them: a fleet would fill the
    # memory. Connections, tokens and the state of a tenant are the command's
    # (docs/decisions.md, "Connections and tokens belong to a command, not to a tenant").
    desired: Desired
    clock: Clock
    retries: Callable[[], Retry]
    read_deadline: float
    limits: SizeLimits
    max_page: int
    options: HttpOptions
    write_options: HttpOptions
    tokens: Tokens
    trust: Trust
    stop: StopSignal
    run_id: str
    observe: Observe
    states: dict[str, TenantState] = field(default_factory=dict)
    making: Lock = field(default_factory=Lock)  # tenants are opened by several threads
    _run: Memo[Run] = field(init=False, compare=False, repr=False, default_factory=Memo)

    @property
    def run(self) -> Run:
        """The identity of this run, for the audit; a plan needs none."""

        def begun() -> Run:
            from reconciler.domain.records import Run

            actor, commit = self.trust.settings.actor, self.desired.git.commit
            return Run(id=self.run_id, actor=actor, commit=commit)

        return self._run.get(begun)

    def reader(self, tenant: Tenant) -> HttpSchemaReader | KeycloakReader:
        """A gateway that can send nothing but GET and the token request."""
        access = self.connection(tenant)
        if tenant.projection is None:
            return HttpSchemaReader(access)
        from reconciler.adapters.keycloak.gateway import KeycloakReader  # few tenants are shown so

        return KeycloakReader(access, tenant.projection.schema_id)

    def planner(self, counting: CountingOptions | None = None) -> Planner:
        """The way to plan a tenant here; with options of counting, who is concerned is counted."""
        if counting is None:
            return planner(self.desired, self.reader)
        from reconciler.measuring import Measuring  # most plans count nobody

        measuring = Measuring(self.user_readers(counting), self.clock.check)
        return planner(self.desired, self.reader, measuring.with_impact)

    def user_readers(self, options: CountingOptions) -> Callable[[Tenant], UserReader]:
        """The way to the users of each tenant, page by page."""
        seconds = float(options.count_deadline)
        return lambda tenant: self._user_reader(tenant, seconds, "--count-deadline")

    def _user_reader(self, tenant: Tenant, seconds: float, option: str) -> UserReader:
        from reconciler.adapters.gateway.reader import ReadDeadline

        access = self.connection(tenant)
        deadline = ReadDeadline.after(seconds, self.clock, option=option)
        if tenant.projection is not None:
            from reconciler.adapters.keycloak.users import KeycloakUserReader

            return KeycloakUserReader(access, tenant.projection.schema_id, deadline=deadline)
        from reconciler.adapters.gateway.users import HttpUserReader  # most commands count nobody

        return HttpUserReader(access, deadline=deadline)

    def connection(self, tenant: Tenant) -> TenantAccess:
        """The access of a gateway that can send nothing but GET and the token request."""
        with self.making:
            return self._connection(tenant, self.certificate(tenant))

    def certificate(self, tenant: Tenant) -> ClientCertificate | None:
        """The certificate that connections to the tenant and its token endpoint are made with."""
        return self.trust.certificate(tenant, now=self.clock.now())

    def writer(self, tenant: Tenant) -> HttpSchemaWriter | KeycloakWriter:
        """A gateway that may POST, PUT and PATCH as well, or PUT alone where that is all."""
        with self.making:
            certificate = self.certificate(tenant)
            access = self._connection(tenant, certificate)
            options = self._of_tenant(self.write_options, certificate, access.authenticator, tenant)
        if tenant.projection is None:
            from reconciler.adapters.gateway.writer import HttpSchemaWriter  # a plan writes nothing

            writes = Http(options, methods=frozenset({"POST", "PUT", "PATCH"}))
            return HttpSchemaWriter(access, writes)
        from reconciler.adapters.keycloak.gateway import KeycloakWriter

        writes = Http(options, methods=frozenset({"PUT"}))
        return KeycloakWriter(access, tenant.projection.schema_id, writes)

    def searching(self, tenant: Tenant, *, timeout: float, deadline: float) -> Searching:
        """The means to ask a tenant whether attributes are searchable; all ends by the deadline."""
        from reconciler.searchable import Searching

        return Searching(
            clock=self.clock,
            timeout=timeout,
            users=lambda: self._user_reader(tenant, deadline, "--searchable-timeout"),
            belief=lambda users, kind: self._belief(tenant, users, kind),
            observe=self.observe,
        )

    def canary(self, tenant: Tenant, ledger: CanaryLedger, warn: Callable[[str], None]) -> Canary:
        """The means to try values on the tenant's test user, with nothing but GET and PATCH."""
        from reconciler.adapters.gateway.canary_users import HttpCanaryUsers
        from reconciler.adapters.gateway.reader import ReadDeadline
        from reconciler.canary import Canary

        def users() -> HttpCanaryUsers:
            with self.making:
                certificate = self.certificate(tenant)
                access = self._connection(tenant, certificate)
                shown = access.authenticator
                options = self._of_tenant(self.write_options, certificate, shown, tenant)
                writes = Http(options, methods=frozenset({"PATCH"}))
            seconds = self.read_deadline
            deadline = ReadDeadline.after(seconds, self.clock, option="--read-deadline")
            if tenant.projection is not None:
                from reconciler.adapters.keycloak.own_scim import KeycloakCanaryUsers, scim_access

                return KeycloakCanaryUsers(scim_access(access), writes, deadline=deadline)
            return HttpCanaryUsers(access, writes, deadline=deadline)

        name = tenant.canary
        return Canary(
            clock=self.clock,
            tenant=tenant.name,
            user_name=name,
            allowed=name is not None and self.trust.settings.is_canary_user(name),
            users=users,
            ledger=ledger,
            warn=warn,
        )

    def retry(self, tenant: Tenant) -> Retry:
        """The patience with one tenant: another's trouble uses none of it up."""
        with self.making:
            return self._state_of(tenant).retry

    def prepare(self, tenant: Tenant) -> None:
        """Load the libraries by which a built-in tenant takes a write."""
        if tenant.embedded:
            from reconciler.embedded import load_models

            load_models()

    def notifier(self, names: TenantNames = _AS_TODAY) -> WebhookNotifier:
        """The way to HR for every webhook of the selected tenants, by all of their names."""
        from reconciler.adapters.webhooks import WebhookNotifier

        endpoints = self.trust.endpoints(self.desired.tenants()).items()
        return WebhookNotifier(
            {(name, url): to for (tenant, url), to in endpoints for name in names.of(tenant)},
            options=self.write_options,
            allowed_hosts=self.trust.webhook_hosts,
            clock=self.clock,
        )

    def webhook_warnings(self) -> Callable[[Tenant], tuple[str, ...]]:
        """What is wrong with the webhooks of a tenant, for a plan of the selected tenants.

        What is not set here is none of it: an apply may have it.
        """
        if not any(tenant.webhooks and not tenant.embedded for tenant in self.desired.tenants()):
            return lambda _: ()
        notifier = self.notifier()
        return lambda tenant: tuple(
            found.reason for found in notifier.obstacles(tenant, resolve=False) if not found.unset
        )

    def due_again(self, attempts: int, result: DeliveryResult) -> datetime | None:
        """The time at which a delivery that failed so often is tried next; None gives it up."""
        # One that the end of the run may have cut off is due at once.
        if self.stop.number is not None or self.stop.store_failed:
            return self.clock.now()
        return next_due(
            attempts,
            now=self.clock.now(),
            retry_after=result.retry_after,
            random=random.SystemRandom().random,
        )

    def _connection(self, tenant: Tenant, certificate: ClientCertificate | None) -> TenantAccess:
        state = self._state_of(tenant)
        authenticator = Authenticator(self.trust.credentials(tenant, certificate), self.tokens)
        options = self._of_tenant(self.options, certificate, authenticator, tenant)
        return TenantAccess(
            base_url=self.trust.base_url(tenant),
            dialect=tenant.dialect,
            reads=Http(options, methods=frozenset({"GET"})),
            authenticator=authenticator,
            retry=state.retry,
            clock=self.clock,
            traffic=state.traffic,
            known=state.known,
            read_deadline=self.read_deadline,
            limits=self.limits,
        )

    def _of_tenant(
        self,
        options: HttpOptions,
        certificate: ClientCertificate | None,
        authenticator: Authorization,
        tenant: Tenant,
    ) -> HttpOptions:
        return replace(
            options,
            certificate=certificate,
            max_body=self.max_page,
            lifted_by="--max-page-mib",
            redact=lambda text: authenticator.redaction.message(text, own=tenant.base_url),
        )

    def _belief(self, tenant: Tenant, users: UserReader, resource_type: str) -> Belief:
        """What filters are worth: found out once a tenant and run."""
        from reconciler.domain.searching import Belief
        from reconciler.searchable import belief_of

        found = self._state_of(tenant).beliefs
        if tenant.projection is not None:
            return Belief(doubt="the service finds users by equal values alone")
        if resource_type not in found:
            wanted = self.desired.wanted_by(tenant)
            of_type = [e for e in wanted if fold(e.resource_type) == fold(resource_type)]
            found[resource_type] = belief_of(users, resource_type, of_type)
        return found[resource_type]

    def _state_of(self, tenant: Tenant) -> TenantState:
        if tenant.name not in self.states:
            rate = tenant.dialect.requests_per_minute
            self.states[tenant.name] = TenantState(
                traffic=Traffic(clock=self.clock, per_minute=rate, observe=self.observe),
                retry=self.retries(),
            )
        return self.states[tenant.name]


@contextmanager
def workbench(
    invocation: Invocation,
    desired: Desired,
    deadlines: DeadlineOptions,
    stop: StopSignal | None = None,
    *,
    parallelism: int = 1,
    retry_deadline: int = RETRY_DEADLINE,
    max_attributes: int = sys.maxsize,
) -> Iterator[Workbench]:
    """Everything a command needs to reach its tenants; built-in ones run until it ends.

    `stop` is what else may end the run, where there is something besides signals; `parallelism` is
    how many tenants or webhooks are reached at once.
    """
    stop = stop or StopSignal()
    if current_thread() is main_thread():  # signals of a worker are not its tasks'
        install(stop, lambda number: show_last_words(number, wrote=stop.wrote))
    clock = SystemClock(stop)
    masks = Masks.of_process(invocation.settings)
    raise_limit()
    draw = random.SystemRandom().random  # one for all tenants: each would be two kilobytes

    def retry() -> Retry:
        deadline = float(retry_deadline)
        return retrying(
            clock=clock,
            random=draw,
            deadline=deadline,
            budget=RetryBudget(),
            observe=invocation.observe,
        )

    with ExitStack() as stack:
        embedded = _serve(desired, invocation.common.folder, stack)
        # Entered after the built-in servers, so that it is closed before them: it leads there.
        pool = stack.enter_context(closing(Pool(at_once=parallelism)))
        options = HttpOptions(
            proxy=invocation.common.proxy,
            ca_bundle=invocation.common.ca_bundle,
            deadline=float(deadlines.request_deadline),
            remaining=stop.remaining,
            # docs/decisions.md, "After a write of the store has failed no request leaves"
            may_send=stop.admit,
            pool=pool,
            observe=invocation.observe_traffic,
        )
        # A wrong --proxy or --ca-bundle is an error of the command here, not of each tenant later.
        Http(options, methods=frozenset()).close()
        bench = Workbench(
            desired=desired,
            clock=clock,
            retries=retry,
            read_deadline=float(deadlines.read_deadline),
            limits=SizeLimits(tenant_mib=deadlines.max_tenant_mib, attributes=max_attributes),
            max_page=deadlines.max_page_mib * 1024 * 1024,
            options=options,
            write_options=replace(options, may_send=stop.admit_write),
            tokens=Tokens(
                options=options,
                retries=retry,
                clock=clock,
                new_id=lambda: os.urandom(16).hex(),
                tell=masks,
            ),
            trust=Trust(
                settings=invocation.settings,
                secrets_dir=invocation.common.secrets_dir,
                embedded=embedded,
                masks=masks,
            ),
            stop=stop,
            run_id=invocation.run_id,
            observe=invocation.observe,
        )
        try:
            yield bench
        except Interrupted as error:  # by now every thread has ended
            raise Interrupted(error.signal, wrote=stop.wrote) from error


def _serve(desired: Desired, folder: Path, stack: ExitStack) -> dict[str, DevTenantAccess]:
    """Start the built-in tenants among the selected ones; by the NAME of their URLs."""
    names = [tenant.embedded for tenant in desired.tenants() if tenant.embedded]
    if not names:
        return {}  # without the extra `demo` there is no server to import
    from reconciler.embedded import serve

    return {name: stack.enter_context(serve(name, folder / EMBEDDED_FOLDER)) for name in names}
