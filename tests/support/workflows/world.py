"""A company that uses our workflows: its repository, its people's hands, its tenant and GitHub."""

import hashlib
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.github_stub import BOT, READER, REPOSITORY, State, github_stub
from tests.support.program import ROOT, DevTenant, Folder, started_dev_tenant
from tests.support.workflows.repository import Repository, bare_repository, this_repository
from tests.support.workflows.runner import Event, Hub, Run

TENANT = "desired-state/tenants/acme.yaml"
HR = "desired-state/extensions/hr-extension.yaml"


@dataclass
class PullRequest:
    """A branch that is proposed for main."""

    number: int
    branch: str
    repository: str = REPOSITORY
    labels: list[str] = field(default_factory=list)
    head: str = ""


@dataclass
class Company:
    """What its engineers do by hand, and what GitHub does for them."""

    work: Repository
    hub: Hub
    github: State
    tenant: DevTenant
    pulls: int = 0

    def propose(self, branch: str, *, fork: bool = False) -> PullRequest:
        """Push the files as they are now as a branch, and open a pull request."""
        self.pulls += 1
        repository = "mallory/identity" if fork else REPOSITORY
        pull = PullRequest(number=self.pulls, branch=branch, repository=repository)
        self.push(pull)
        return pull

    def push(self, pull: PullRequest) -> None:
        """Push the files as they are now over what the branch was; GitHub merges it on trial."""
        git = self.work.git
        git("checkout", "--quiet", "-B", pull.branch, "main")
        pull.head = self.work.commit(f"Work on {pull.branch}")
        git("push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{pull.number}/head")
        git("checkout", "--quiet", "--detach", "main")
        git("merge", "--quiet", "--no-ff", "--message", f"Merge #{pull.number}", pull.branch)
        git("push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{pull.number}/merge")
        git("checkout", "--quiet", "main")

    def merge(self, pull: PullRequest) -> Event:
        """Press the button: main moves, and GitHub tells the workflows."""
        git = self.work.git
        git("merge", "--quiet", "--no-ff", "--message", f"Merge #{pull.number}", pull.branch)
        git("push", "--quiet", "origin", "main")
        event = self.on_main("push")
        self.github.merge(pull.number, event.sha)
        return event

    def reviewed(self, workflow: str, pull: PullRequest) -> Run:
        """Run a workflow for a pull request as it is now."""
        ref = f"refs/pull/{pull.number}/merge"
        sha = self.hub.repository.git("rev-parse", ref)
        payload: dict[str, Any] = {
            "number": pull.number,
            "pull_request": {
                "number": pull.number,
                "head": {"sha": pull.head, "repo": {"full_name": pull.repository}},
                "labels": [{"name": name} for name in pull.labels],
            },
        }
        event = Event(name="pull_request", ref=ref, sha=sha, payload=payload, base_ref="main")
        return self.hub.run(workflow, event)

    def on_main(self, name: str, **inputs: object) -> Event:
        sha = self.hub.repository.git("rev-parse", "main")
        self.github.pulls.setdefault(sha, [])
        return Event(name=name, ref="refs/heads/main", sha=sha, inputs=inputs)

    def scheduled(self, workflow: str) -> Run:
        """A workflow whose hour has come."""
        return self.hub.run(workflow, self.on_main("schedule"))

    def started(self, workflow: str, **inputs: object) -> Run:
        """A workflow that a person has started."""
        return self.hub.run(workflow, self.on_main("workflow_dispatch", **inputs))

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.work.path / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def secrets(self) -> set[str]:
        """Every secret that a log must not show."""
        return {value for secrets in self.hub.environments.values() for value in secrets.values()}


@contextmanager
def company(folder: Path, ready: Path | None, *, state: str = "") -> Iterator[Company]:
    """The company on its first day: main has the manifests we ship, and a tenant of its own."""
    work = this_repository(folder / "work")
    bare = bare_repository(folder / "github.git")
    (folder / "tenant").mkdir()
    with github_stub() as stub, started_dev_tenant(Folder(folder / "tenant")) as tenant:
        (work.path / "desired-state/tenants/local.yaml").unlink()
        work.write(TENANT, _manifest(tenant))
        work.commit("Our tenant")
        work.git("remote", "add", "origin", f"file://{bare.path}")
        work.git("push", "--quiet", "origin", "main")
        reading = {
            "GENESYS_CLIENT_ID": tenant.secret("client-id"),
            "GENESYS_CLIENT_SECRET": tenant.secret("client-secret"),
        }
        webhooks = {"HR_WEBHOOK_SECRET": tenant.secret("webhook-secret")}
        hub = Hub(
            folder=folder / "runs", repository=bare, api=stub.url, name=REPOSITORY,
            token=BOT, reader=READER,
            variables={
                "RECONCILER_ALLOWED_ORIGINS": tenant.root,
                "RECONCILER_WEBHOOK_HOSTS": "127.0.0.1 localhost",
                "RECONCILER_STATE": state,
            },
            environments={
                "plan": reading, "production": reading | webhooks, "webhooks": webhooks,
                "adoption": reading,
            },
            ready=ready,
        )  # fmt: skip
        yield Company(work, hub, stub.state, tenant)


def _manifest(tenant: DevTenant) -> str:
    """What `dev-tenant` prints, with secrets as the workflows hand them over."""
    return (
        tenant.manifest.replace("name: dev\n", "name: acme\n")
        .replace("{file: dev-client-id}", "{env: GENESYS_CLIENT_ID}")
        .replace("{file: dev-client-secret}", "{env: GENESYS_CLIENT_SECRET}")
        .replace("{file: dev-webhook-secret}", "{env: HR_WEBHOOK_SECRET}")
    )


def environment_of_the_lock(folder: Path) -> Path:
    """What the action's install step would have left, from packages that are here already.

    The step looks at the hash of the lock and keeps an environment made from it. Another test lets
    it install for real.
    """
    subprocess.run([_python(), "-m", "venv", "--without-pip", folder], check=True)
    lock = hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest()
    (folder / "lock.sha256").write_text(f"{lock}  requirements.txt\n")
    [site] = folder.glob("lib/python*/site-packages")
    (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def _python() -> str:
    return str(getattr(sys, "_base_executable", sys.executable))
