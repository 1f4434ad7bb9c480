"""The caller's side of `--dask`: what is sent to a worker, and what is made of how it ends."""

import io
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from reconciler.adapters.settings import Settings
from reconciler.cli.commands.apply import Options
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.console import Console
from reconciler.cli.crew import Crew
from reconciler.cli.desired import desired_of
from reconciler.cli.invocation import Invocation
from reconciler.cli.shared_options import DeadlineOptions, ReadingOptions
from reconciler.cli.tasks import Failure, TaskEnd
from reconciler.cli.wiring import workbench
from reconciler.domain.deciding import plan_tenant
from reconciler.domain.manifest import Tenant
from reconciler.domain.outcome import OutcomeKind
from reconciler.domain.plan import Plan, TenantPlan
from reconciler.domain.selection import Selection
from reconciler.errors import ClusterError, Interrupted, StateError
from reconciler.occurrences import unobserved
from reconciler.progress import Progress
from reconciler.render.paint import Paint
from tests.support.domain_world import live
from tests.support.fleet.manifests import ENVIRON, Fleet

T = TypeVar("T")
R = TypeVar("R")
SECRET = "in-a-file-of-its-own"
SECRETS = {**ENVIRON, "FLEET_CLIENT_ID": "id-of-the-client"}
PROXY = "http://user:pass-of-proxy@127.0.0.1:3128"


@dataclass
class Sent:
    """Workers that keep what they are sent, as bytes, and end as they are told to."""

    ends: Callable[[], TaskEnd] = lambda: TaskEnd(worker="host:1")
    tasks: list[bytes] = field(default_factory=list)

    def call(
        self, function: Callable[[T], R], task: T, *, named: str, waiting: Callable[[], None]
    ) -> R:
        self.tasks.append(pickle.dumps(task))
        end: R = pickle.loads(pickle.dumps(self.ends()))
        return end

    def tell(self, function: Callable[..., None], *arguments: object) -> None:
        raise AssertionError("nobody has to stop")


@dataclass
class Called:
    """A crew for a tenant of a fleet, whose caller has every secret; and what it has shown."""

    crew: Crew
    sent: Sent
    shown: io.StringIO

    @property
    def tenant(self) -> Tenant:
        return self.crew.bench.desired.tenants()[0]

    def planned(self) -> TenantPlan:
        """A plan that creates both extensions."""
        desired = self.crew.bench.desired
        return plan_tenant(
            self.tenant,
            extensions=desired.wanted_by(self.tenant),
            live=live(),
            selection=desired.selection,
        ).without_live()

    def applied(self) -> list[tuple[OutcomeKind, str]]:
        plan = self.planned()
        self.crew.progress.record_plan(Plan(tenants=(plan,)))
        self.crew.apply_one(self.tenant, plan, None)
        outcomes = self.crew.progress.summary((), finished=True).outcomes
        return [(each.kind, each.detail) for each in outcomes]


@pytest.fixture
def called(tmp_path: Path) -> Iterator[Called]:
    fleet = Fleet(origin="http://127.0.0.1:9", tenants=1, extensions=2, live=0, webhooks=True)
    fleet.write(tmp_path / "desired-state")
    manifest = tmp_path / "desired-state/tenants/acme-00000.yaml"
    text = manifest.read_text()
    assert "env: FLEET_CLIENT_SECRET" in text
    manifest.write_text(text.replace("env: FLEET_CLIENT_SECRET", "file: client-secret"))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/client-secret").write_text(SECRET)
    shown, sent = io.StringIO(), Sent()
    invocation = Invocation(
        name="apply",
        run_id="run-1",
        common=CommonOptions(
            desired_state=tmp_path / "desired-state",
            secrets_dir=tmp_path / "secrets",
            proxy=PROXY,
        ),
        settings=Settings({**SECRETS, "RECONCILER_CANARY_USERS": "canary@acme.example"}),
        console=Console(out=None, err=shown, paint=Paint(on=False), quiet=True),
        observe=unobserved,
        observe_traffic=None,
    )
    # In another thread: it takes the signals of the main thread for its own.
    with ThreadPoolExecutor(1) as thread:
        desired = desired_of(invocation, Selection(), ReadingOptions())
        made = workbench(invocation, desired, DeadlineOptions())
        bench = thread.submit(made.__enter__).result()
        bench.trust.credentials(desired.tenants()[0], None)  # all secrets are at hand
        bench.notifier()
        crew = Crew(
            cluster=sent,
            invocation=invocation,
            bench=bench,
            options=Options(),
            progress=Progress(),
            at_once=2,
            sightings={},
            ends=bench.clock.monotonic(),
            head=lambda: (1, "hash"),
        )
        yield Called(crew, sent, shown)
        thread.submit(made.__exit__, None, None, None).result()


def test_no_secret_of_the_caller_is_in_what_a_worker_is_sent(called: Called):
    crew, tenant = called.crew, called.tenant

    crew.plan_one(tenant)
    crew.recover_one(tenant)
    crew.apply_one(tenant, called.planned(), 1)
    crew.deliver_one(tenant)

    assert len(called.sent.tasks) == 4
    for task in called.sent.tasks:
        assert b"FLEET_WEBHOOK_SECRET" in task  # the name of a secret is
        assert b"canary@acme.example" in task  # as are the lists of what is allowed
        for secret in (*SECRETS.values(), SECRET, "pass-of-proxy"):
            assert secret.encode() not in task


def test_changes_of_a_task_that_was_lost_are_unknown(called: Called):
    def lost() -> TaskEnd:
        raise ClusterError("4 workers ended one after the other", lost=True)

    called.sent.ends = lost

    assert called.applied() == [
        (OutcomeKind.UNKNOWN, "4 workers ended one after the other"),
        (OutcomeKind.UNKNOWN, "4 workers ended one after the other"),
    ]


def test_changes_of_a_task_that_nobody_took_are_not_attempted(called: Called):
    def refused() -> TaskEnd:
        raise ClusterError("no worker")

    called.sent.ends = refused

    assert {kind for kind, _ in called.applied()} == {OutcomeKind.NOT_ATTEMPTED}


def test_a_worker_that_is_set_up_wrongly_fails_its_tenant_with_its_name(called: Called):
    called.sent.ends = lambda: TaskEnd(
        worker="host:1", failure=Failure.SETUP, message="X is not set", complaints="look\nthere\n"
    )

    assert called.applied() == [
        (OutcomeKind.NOT_ATTEMPTED, "worker host:1: X is not set"),
        (OutcomeKind.NOT_ATTEMPTED, "worker host:1: X is not set"),
    ]
    assert called.crew.plan_one(called.tenant).error == "worker host:1: X is not set"
    assert "worker host:1: look\nworker host:1: there\n" in called.shown.getvalue()


def test_a_store_that_fails_a_worker_ends_the_run(called: Called):
    called.sent.ends = lambda: TaskEnd(
        worker="host:1", failure=Failure.STORE, message="the store is full"
    )

    with pytest.raises(StateError, match="worker host:1: the store is full"):
        called.applied()


def test_what_a_worker_had_begun_when_the_run_was_stopped_is_unknown(called: Called):
    called.sent.ends = lambda: TaskEnd(
        worker="host:1", failure=Failure.STOPPED, message="interrupted by signal 2"
    )

    with pytest.raises(Interrupted):
        called.applied()
    outcomes = called.crew.progress.summary((), finished=False).outcomes
    assert {each.kind for each in outcomes} == {OutcomeKind.UNKNOWN}
    assert called.crew.bench.stop.wrote


def test_a_failed_recovery_or_delivery_of_a_worker_is_told(called: Called):
    called.sent.ends = lambda: TaskEnd(
        worker="host:1", failure=Failure.SETUP, message="it is locked"
    )

    called.crew.recover_one(called.tenant)
    called.crew.deliver_one(called.tenant)

    summary = called.crew.progress.summary((), finished=True)
    assert summary.misconfigured == {"acme-00000": "worker host:1: it is locked"}
    [not_tried] = summary.deliveries.not_tried
    assert not_tried.reason == "acme-00000: worker host:1: it is locked"
