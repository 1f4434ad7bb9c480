"""The way to a tenant by proxies that others wrote: who is let in, what they refuse, what helps."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from tests.support.faultserver import FaultServer, unused_port
from tests.support.habits import Habits
from tests.support.program import Folder, assert_reported
from tests.support.proxies import CLOSED, Proxy, squid, tinyproxy
from tests.support.service_of_habits import TENANT, served, simulated
from tests.support.transport_world import asking_context, pem_of, server_context
from tests.support.tunnels import tunnelling
from tests.support.warm import Done

pytestmark = pytest.mark.chaos

HOST = "scim.example.com"
HOSTS = dict.fromkeys((HOST, "other.example.com", CLOSED), "127.0.0.1")
PASSWORDS = {
    "at": "p@ss@",
    "colon": "p:a:ss:",
    "percent": "100%25",
    "path": "a/b?c#d",
    "blank": "a b+c",
    "umlauts": "Größe大",
    "secret": "c4n4ry-secret",
}
ENTRY = "secret:c4n4ry-secret"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with squid(PASSWORDS, HOSTS) as running:
        yield running


@dataclass
class World:
    """A tenant behind TLS, by a name that only the proxy knows."""

    folder: Folder
    authority: trustme.CA
    server: FaultServer

    def reach(self, host: str = HOST, port: int | None = None, more: str = "") -> None:
        url = f"https://{host}:{port or self.server.port}/scim/v2"
        text = TENANT.format(dialect="rfc7644", url=url)
        self.folder.write("desired-state/acme.yaml", text.replace("}}", f"}}{more}}}"))

    def plan(self, proxy: str, *options: str) -> Done:
        bundle = ("--ca-bundle", "authority.pem")
        return self.folder.run("plan", "--allow-empty", "--proxy", proxy, *bundle, *options)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    authority = trustme.CA()
    with served(simulated(Habits()), server_context(authority, HOST)) as server:
        made = World(Folder(tmp_path, {"ACME_TOKEN": "token-1"}), authority, server)
        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        made.reach()
        yield made


READ = "No changes."


@pytest.mark.parametrize("user", PASSWORDS)
def test_squid_lets_a_password_in_whatever_signs_it_has(
    world: World, proxy: Proxy, user: str
) -> None:
    written = f"{user}:{quote(PASSWORDS[user], safe='')}"

    assert_reported(world.plan(proxy.url(written)), 0, READ)


def test_squid_sees_the_host_of_a_tenant_and_nothing_that_is_said(
    world: World, proxy: Proxy
) -> None:
    proxy.log.write_text("")
    world.folder.write(
        "desired-state/hr.yaml",
        """\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {name: hr}
spec: {schema: {id: "urn:example:2.0:HR", name: HR, attributes: [{name: grade, type: string}]}}
""",
    )
    options = ("--proxy", proxy.url(ENTRY), "--ca-bundle", "authority.pem")

    assert_reported(
        world.folder.run("apply", "--auto-approve", *options), 0, "applied and verified"
    )

    lines = proxy.log.read_text().splitlines()
    assert lines
    assert all(f" CONNECT {HOST}:{world.server.port} secret " in line for line in lines)


@pytest.mark.parametrize("wrong", ["", "secret:c4n4ry", "nobody:c4n4ry-secret"])
def test_squid_wants_a_user_and_the_advice_names_the_form(
    world: World, proxy: Proxy, wrong: str
) -> None:
    done = world.plan(proxy.url(wrong))

    name = f"the proxy 127.0.0.1:{proxy.port}"
    assert_reported(done, 1, f"{name} answered 407", "http://USER:PASSWORD@HOST:PORT")
    assert "c4n4ry" not in done.everything
    assert_reported(world.plan(proxy.url(ENTRY)), 0, READ)


def test_squid_refuses_a_host_by_its_rules(world: World, proxy: Proxy) -> None:
    world.reach(CLOSED)

    done = world.plan(proxy.url(ENTRY))

    assert_reported(done, 1, "answered 403, and made no connection", "let this host and port thr")
    assert "spec.baseUrl" not in done.everything


def test_squid_does_not_reach_a_host(world: World, proxy: Proxy) -> None:
    world.reach(port=unused_port())

    done = world.plan(proxy.url(ENTRY))

    assert_reported(done, 1, "answered 503, and made no connection", "it did not reach the host")


def test_a_squid_that_is_not_there_is_named(world: World) -> None:
    port = unused_port()

    done = world.plan(f"http://{ENTRY}@127.0.0.1:{port}")

    assert_reported(done, 1, f"the proxy 127.0.0.1:{port}: the connection was refused", "--proxy")


def test_a_squid_without_tls_is_told_from_one_with_it(world: World, proxy: Proxy) -> None:
    done = world.plan(proxy.url(ENTRY, scheme="https"))

    assert_reported(done, 1, "does not speak TLS", "write http:// in --proxy")


def test_what_is_on_this_machine_is_reached_without_squid(world: World, proxy: Proxy) -> None:
    proxy.log.write_text("")
    with served(simulated(Habits())) as server:
        text = TENANT.format(dialect="rfc7644", url=server.url("/scim/v2"))
        world.folder.write("desired-state/acme.yaml", text)

        assert_reported(world.plan(proxy.url(ENTRY)), 0, READ)

    assert proxy.log.read_text() == ""


# ------------------------------------------------------------------ TLS at the end of the tunnel


def behind(context: ssl.SSLContext, world: World, proxy: Proxy, *options: str) -> Done:
    """A plan of the same tenant behind another certificate."""
    with served(simulated(Habits()), context) as server:
        world.reach(port=server.port, more=", certificate: {file: acme.pem}" if options else "")
        return world.plan(proxy.url(ENTRY), *options)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def test_a_tenant_behind_squid_whose_certificate_has_expired(world: World, proxy: Proxy) -> None:
    begins, ends = NOW - timedelta(days=9), NOW - timedelta(days=2)
    old = world.authority.issue_cert(HOST, not_before=begins, not_after=ends)

    done = behind(context_of(old), world, proxy)

    assert_reported(done, 1, "certificate has expired", "have to renew it")
    assert "the proxy 127.0.0.1" not in done.everything


def test_a_tenant_behind_squid_that_has_another_name(world: World, proxy: Proxy) -> None:
    world.reach("other.example.com")
    done = world.plan(proxy.url(ENTRY))

    assert_reported(done, 1, "'other.example.com'", "check the host of the URL")

    world.reach(HOST)
    assert_reported(world.plan(proxy.url(ENTRY)), 0, READ)


def test_a_tenant_behind_squid_of_an_unknown_authority(world: World, proxy: Proxy) -> None:
    unknown = trustme.CA()
    context = server_context(unknown, HOST)

    done = behind(context, world, proxy)
    unknown.cert_pem.write_to_path(world.folder.path / "authority.pem")
    then = behind(context, world, proxy)

    assert_reported(done, 1, "unable to get local issuer certificate", "--ca-bundle FILE")
    assert_reported(then, 0, READ)


def test_a_tenant_behind_squid_that_demands_a_certificate(world: World, proxy: Proxy) -> None:
    context = asking_context(world.authority, HOST)
    leaf = world.authority.issue_cert("c.example.com", common_name="acme")
    world.folder.write("secrets/acme.pem", pem_of(leaf))

    done = behind(context, world, proxy)
    then = behind(context, world, proxy, "--secrets-dir", "secrets")

    assert_reported(done, 1, "certificate", "spec.auth.certificate")
    assert_reported(then, 0, READ)


# ------------------------------------------------------------------------------- tinyproxy


def test_tinyproxy_refuses_and_lets_in_as_squid_does(world: World) -> None:
    with (
        tunnelling(world.server.port) as beyond,
        tinyproxy("acme", "c4n4ry-1", beyond=beyond.port) as proxy,
    ):
        refused = world.plan(proxy.url("acme:c4n4ry"))
        let_in = world.plan(proxy.url("acme:c4n4ry-1"))
        world.reach(CLOSED)
        closed = world.plan(proxy.url("acme:c4n4ry-1"))

    assert_reported(refused, 1, "answered 401", "http://USER:PASSWORD@HOST:PORT")
    assert "c4n4ry" not in refused.everything
    assert_reported(let_in, 0, READ)
    assert_reported(closed, 1, "answered 403, and made no connection", "let this host and port thr")


def test_tinyproxy_reports_a_host_that_is_not_reached(world: World) -> None:
    with tinyproxy("acme", "c4n4ry", beyond=unused_port()) as proxy:
        done = world.plan(proxy.url("acme:c4n4ry"))

    assert_reported(done, 1, "and made no connection", "it did not reach the host")
