"""A tenant that is reached with a client certificate: plan, apply and doctor."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.support.faultserver import FaultServer, in_turn, reply, serving
from tests.support.habits import Habits
from tests.support.program import Folder, assert_reported
from tests.support.service_of_habits import served, simulated
from tests.support.token_world import token
from tests.support.transport_world import asking_context, pem_of

MANIFESTS = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: acme}}
spec:
  dialect: rfc7644
  baseUrl: {tenant}
  auth:
    type: oauth2-client-credentials
    tokenUrl: {issuer}
    clientAuth: tls-client-auth
    clientId: {{env: ACME_CLIENT}}
    certificate: {{file: acme.pem}}
  webhooks:
    - {{url: {hr}, secret: {{env: HR_SECRET}}}}
---
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {{name: hr}}
spec:
  schema:
    id: urn:example:2.0:HR
    name: HR
    attributes: [{{name: grade, type: string}}]
"""
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Arena:
    """A tenant and a token endpoint that demand a certificate, and a receiver that asks for one."""

    authority: trustme.CA
    folder: Folder
    tenant: FaultServer
    issuer: FaultServer
    hr: FaultServer

    def use(self, text: str) -> None:
        self.folder.write("secrets/acme.pem", text)

    def issue(self, name: str = "acme", *, ends: datetime | None = None) -> None:
        begins = NOW - timedelta(days=400)
        leaf = self.authority.issue_cert(
            "c.example.com", common_name=name, not_before=begins, not_after=ends
        )
        self.use(pem_of(leaf))


@contextmanager
def arena(folder: Path) -> Iterator[Arena]:
    authority = trustme.CA()
    demanding = asking_context(authority, "127.0.0.1")
    asking = asking_context(authority, "127.0.0.1", mode=ssl.CERT_OPTIONAL)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    service = simulated(Habits())
    with (
        served(service, demanding) as tenant,
        serving(in_turn(token("token-1")), demanding) as issuer,
        serving(in_turn(reply(204)), asking) as hr,
    ):
        environ = {
            "RECONCILER_CA_BUNDLE": "authority.pem",
            "RECONCILER_SECRETS_DIR": "secrets",
            "ACME_CLIENT": "acme-client",
            "HR_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        }
        home = Folder(folder, environ)
        home.write(
            "desired-state/acme.yaml",
            MANIFESTS.format(
                tenant=tenant.url("/scim/v2"), issuer=issuer.url("/token"), hr=hr.url("/sync")
            ),
        )
        made = Arena(authority, home, tenant, issuer, hr)
        made.issue()
        yield made


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Arena]:
    with arena(tmp_path) as made:
        yield made


def test_tenant_and_token_endpoint_are_shown_the_certificate_and_hr_is_not(acme: Arena) -> None:
    done = acme.folder.run("apply", "--auto-approve")

    assert done.code == 0, done.everything
    assert {request.client for request in acme.issuer.requests} == {"acme"}
    assert {request.client for request in acme.tenant.requests} == {"acme"}
    assert {request.method for request in acme.tenant.requests} == {"GET", "POST"}
    assert [request.client for request in acme.hr.requests] == [None]
    assert acme.folder.run("plan", "--detailed-exitcode").code == 0


def test_an_approval_does_not_hold_for_another_certificate(acme: Arena) -> None:
    assert acme.folder.run("plan", "--out", "plan.json").code == 0
    acme.folder.edit("desired-state/acme.yaml", "acme.pem", "other.pem")
    acme.folder.write("secrets/other.pem", (acme.folder.path / "secrets/acme.pem").read_text())

    done = acme.folder.run("apply", "plan.json")

    assert done.code == 4, done.everything
    assert not any(request.method == "POST" for request in acme.tenant.requests)


@pytest.mark.parametrize(
    ("days", "code", "line"),
    [(45, 0, "ok"), (10, 0, "warning"), (-1, 1, "problem")],
)
def test_doctor_shows_until_when_the_certificate_is_valid(
    acme: Arena, days: int, code: int, line: str
) -> None:
    ends = NOW + timedelta(days=days)
    acme.issue(ends=ends)

    done = acme.folder.run("doctor", "acme")

    assert done.code == code, done.everything
    [shown] = [text for text in done.out.splitlines() if f"{ends:%Y-%m-%d %H:%M} UTC" in text]
    assert line in shown
    assert ("desired-state/acme.yaml:12:" in shown) is (code == 1)
    assert ("acme.pem" in shown) is (code == 1)


@pytest.mark.parametrize("command", ["plan", "apply", "doctor"])
def test_a_file_that_is_no_certificate_is_an_error_of_its_tenant(acme: Arena, command: str) -> None:
    acme.use("-----BEGIN PRIVATE KEY-----\nc4n4ry\n-----END PRIVATE KEY-----\n")
    options = {"plan": (), "apply": ("--auto-approve",), "doctor": ("acme",)}[command]

    done = acme.folder.run(command, *options)

    assert_reported(done, 1, "desired-state/acme.yaml:12:")
    assert "file acme.pem: the file of the client certificate holds no certificate" in (
        " ".join(done.everything.split())
    )
    assert "c4n4ry" not in done.everything
    assert acme.tenant.requests == acme.issuer.requests == []


def test_a_certificate_goes_only_to_origins_that_are_allowed(acme: Arena) -> None:
    done = acme.folder.run("plan", RECONCILER_ALLOWED_ORIGINS="https://elsewhere.example.com")

    assert done.code == 1
    assert "RECONCILER_ALLOWED_ORIGINS" in done.everything
    assert acme.tenant.connections == acme.issuer.connections == 0


def test_a_tenant_that_refuses_the_certificate_is_reported(acme: Arena) -> None:
    leaf = trustme.CA().issue_cert("c.example.com")
    acme.use(pem_of(leaf))

    done = acme.folder.run("plan")

    assert done.code == 1
    assert "the server does not accept our client certificate" in " ".join(done.everything.split())
    assert "check spec.baseUrl" not in done.everything
