"""Where credentials and webhooks may go: tenant, origin, issuer and plan belong together."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.program import DevTenant, Folder, assert_reported, started_dev_tenant
from tests.support.warm import Done

EXTENSION = """\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {name: hr}
spec:
  schema:
    id: urn:acme:2.0:User:HR
    name: HR
    attributes: [{name: grade, type: string}]
"""
OWN = ("url", "issuer", "credentials", "plan")


@dataclass
class Twins:
    """Two tenants that look alike, each a service of its own with credentials of its own."""

    acme: DevTenant
    beta: DevTenant
    base: Path
    made: int = 0
    plans: dict[str, Path] = field(default_factory=dict)

    def of(self, name: str) -> DevTenant:
        return self.acme if name == "acme" else self.beta

    def folder(self, **manifests: str) -> Folder:
        self.made += 1
        folder = Folder(self.base / f"run-{self.made}")
        folder.write("desired-state/hr.yaml", EXTENSION)
        for name, text in manifests.items():
            folder.write(f"desired-state/{name}.yaml", text)
        for name in ("acme", "beta"):
            for what in ("client-id", "client-secret", "webhook-secret"):
                folder.write(f"secrets/{name}-{what}", self.of(name).secret(what))
        folder.environ["RECONCILER_SECRETS_DIR"] = "secrets"
        return folder

    def manifest(self, name: str, *, url: str, issuer: str, credentials: str) -> str:
        """A Tenant manifest of that name, each part of it one of the twins'."""
        return (
            "apiVersion: reconciler/v1\nkind: Tenant\n"
            f"metadata: {{name: {name}}}\nspec:\n  dialect: genesys\n"
            f"  baseUrl: {self.of(url).base_url}\n"
            "  auth:\n    type: oauth2-client-credentials\n"
            f"    tokenUrl: {self.of(issuer).root}/oauth/token\n"
            f"    clientId: {{file: {credentials}-client-id}}\n"
            f"    clientSecret: {{file: {credentials}-client-secret}}\n"
        )

    def plan_of(self, name: str) -> Path:
        """A saved plan of a tenant as it should be."""
        if name not in self.plans:
            right = self.manifest(name, url=name, issuer=name, credentials=name)
            folder = self.folder(tenant=right)
            saved = folder.run("plan", "--out", "plan.json")
            assert saved.code == 0, saved.everything
            self.plans[name] = folder.path / "plan.json"
        return self.plans[name]

    def pins(self) -> str:
        return f"acme={self.acme.root} beta={self.beta.root}"

    def writes(self) -> int:
        return len(self.acme.schemas()) + len(self.beta.schemas())


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    base = tmp_path_factory.mktemp("twins")
    homes = [Folder(base / name) for name in ("acme-home", "beta-home")]
    for home in homes:
        home.path.mkdir()
    with started_dev_tenant(homes[0]) as acme, started_dev_tenant(homes[1]) as beta:
        yield Twins(acme, beta, base)


def other(name: str) -> str:
    return "beta" if name == "acme" else "acme"


def combinations() -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in ("acme", "beta"):
        for number in (1, 2, 3):
            for swapped in itertools.combinations(OWN, number):
                yield name, swapped


def attempt(twins: Twins, name: str, swapped: tuple[str, ...], **environ: str) -> Done:
    """Approve a plan, perhaps of the other tenant; apply it with manifests that are swapped."""
    parts = {part: other(name) if part in swapped else name for part in OWN}
    approved = twins.plan_of(parts.pop("plan"))
    folder = twins.folder(tenant=twins.manifest(name, **parts))
    return folder.run("apply", str(approved), **environ)


@pytest.mark.parametrize(("name", "swapped"), list(combinations()))
def test_nothing_is_written_where_url_issuer_credentials_and_plan_do_not_belong_together(
    twins: Twins, name: str, swapped: tuple[str, ...]
) -> None:
    done = attempt(twins, name, swapped, RECONCILER_ALLOWED_ORIGINS=twins.pins())

    assert done.code == 4, done.everything
    assert twins.writes() == 0


@pytest.mark.parametrize("approval", ["--auto-approve", "plan"])
@pytest.mark.parametrize("name", ["acme", "beta"])
def test_a_tenant_that_is_wholly_another_one_is_refused_even_with_its_approval(
    twins: Twins, name: str, approval: str
) -> None:
    """All that the manifest says fits together, and it is not who its name says."""
    there = other(name)
    folder = twins.folder(tenant=twins.manifest(name, url=there, issuer=there, credentials=there))
    if approval == "plan":  # planned where nothing was pinned
        assert folder.run("plan", "--out", "plan.json").code == 0
        approval = "plan.json"

    done = folder.run("apply", approval, RECONCILER_ALLOWED_ORIGINS=twins.pins())

    assert done.code == (1 if approval == "--auto-approve" else 4), done.everything
    assert "RECONCILER_ALLOWED_ORIGINS does not list for it" in done.everything
    assert twins.writes() == 0


@pytest.mark.parametrize("swapped", [("issuer",), ("credentials",), ("url",)])
def test_without_pins_a_service_refuses_who_it_does_not_know(
    twins: Twins, swapped: tuple[str, ...]
) -> None:
    parts = {part: "beta" if part in swapped else "acme" for part in OWN[:3]}
    folder = twins.folder(tenant=twins.manifest("acme", **parts))

    done = folder.run("apply", "--auto-approve")

    assert done.code == 1, done.everything
    assert twins.writes() == 0


def test_credentials_go_only_where_they_are_allowed(dev_tenant: DevTenant):
    folder = dev_tenant.folder

    refused = folder.run("plan", RECONCILER_ALLOWED_ORIGINS="https://api.mypurecloud.com")
    allowed = folder.run("plan", RECONCILER_ALLOWED_ORIGINS=f"https://x.example,{dev_tenant.root}")

    assert_reported(
        refused, 1, "RECONCILER_ALLOWED_ORIGINS does not list", "no credential was sent"
    )
    assert_reported(allowed, 0, "Plan: 2 to add")


def test_the_built_in_tenant_gets_its_webhooks_whatever_hosts_are_listed(folder: Folder):
    done = folder.run("apply", "--auto-approve", RECONCILER_WEBHOOK_HOSTS="hr.example.com")

    assert_reported(done, 0, "Webhooks: 2 delivered, 0 pending.")


@pytest.mark.parametrize("listed", ["hr.example.com", "", " ,"])
def test_webhooks_go_only_to_listed_hosts(dev_tenant: DevTenant, listed: str):
    done = dev_tenant.folder.run("apply", "--auto-approve", RECONCILER_WEBHOOK_HOSTS=listed)

    assert_reported(done, 1, "2 not-attempted", "RECONCILER_WEBHOOK_HOSTS")
    assert dev_tenant.schemas() == []
    assert dev_tenant.inbox() == []


def test_no_secret_reaches_any_output_or_the_state(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    secrets = [dev_tenant.secret(what) for what in ("client-secret", "webhook-secret")]
    runs = [
        folder.run("plan", "-vv", "--log-format", "json"),
        folder.run("plan", "--format", "json", "--out", "plan.json"),
        folder.run("apply", "--auto-approve", "-vv"),
        folder.run("webhooks", "list", "--format", "json"),
        folder.run("audit", "export"),
        folder.run("audit", "list"),
    ]
    state = b"".join(p.read_bytes() for p in (folder.path / ".reconciler").glob("state.db*"))
    saved = (folder.path / "plan.json").read_bytes()

    for secret in secrets:
        bare = secret.removeprefix("whsec_")
        assert all(bare not in done.everything for done in runs)
        assert bare.encode() not in state + saved
