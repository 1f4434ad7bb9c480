"""A fleet and its network: what one tenant costs the process, and what it takes from the others."""

import itertools
import json
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.support.faultserver import Pause, Received, Script, json_reply, reply, serving
from tests.support.fleet.manifests import ENVIRON, Fleet
from tests.support.fleet.service import running
from tests.support.gateway_world import listed, paging, schema
from tests.support.program import Folder
from tests.support.warm import Done

TENANT = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: {name}}}
spec:
  dialect: rfc7644
  baseUrl: {base}
  auth: {{type: bearer, token: {{env: TOKEN}}}}
"""


def tenants_at(path: Path, bases: list[str]) -> Folder:
    """A folder of tenants t0, t1 …, that desires nothing of them."""
    folder = Folder(path, {"TOKEN": "c4n4ry"})
    for number, base in enumerate(bases):
        name = f"t{number}"
        folder.write(f"desired-state/{name}.yaml", TENANT.format(name=name, base=base))
    return folder


def unreadable(folder: Folder, *options: str) -> dict[str, str]:
    """Why tenants could not be read by a plan."""
    plan = json.loads(folder.run("plan", "--format", "json", *options).out)
    return {tenant["name"]: tenant["error"] for tenant in plan["tenants"] if tenant["error"]}


def limited(folder: Folder, descriptors: int, *arguments: str) -> Done:
    """The program with so many file descriptors, soft and hard limit alike."""
    launcher = ("sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh")
    return folder.run_by(launcher, *arguments, seconds=100)


def test_a_fleet_in_which_every_tenant_is_busy_once_is_read_whole(tmp_path: Path) -> None:
    """Ordinary throttling of many is no sickness of any."""
    requested: Counter[str] = Counter()
    lock = threading.Lock()

    def handle(request: Received) -> Script:
        with lock:
            requested[request.path] += 1
            first = requested[request.path] == 1
        if first:
            return json_reply({}, 429, {"Retry-After": "0"})
        return json_reply(listed([]))

    with serving(handle) as server:
        folder = tenants_at(tmp_path, [server.url(f"/t{n}/scim/v2") for n in range(60)])
        failed = unreadable(folder, "--parallelism", "30")

    assert failed == {}
    assert set(requested.values()) == {2}


def test_two_hundred_tenants_are_planned_with_256_descriptors(tmp_path: Path) -> None:
    """Each on an origin of its own, so that nothing is shared."""
    with ExitStack() as running:
        servers = [
            running.enter_context(serving(lambda _: json_reply(listed([])))) for _ in range(200)
        ]
        folder = tenants_at(tmp_path, [server.url("/scim/v2") for server in servers])
        plan = limited(folder, 256, "plan", "--format", "json")

    assert plan.code == 0, plan.err
    assert [tenant["error"] for tenant in json.loads(plan.out)["tenants"]] == [None] * 200


OAUTH = """\
  auth:
    type: oauth2-client-credentials
    tokenUrl: {token_url}
    clientId: {{env: TOKEN}}
    clientSecret: {{env: TOKEN}}
"""


def test_two_hundred_tenants_are_changed_with_256_descriptors_and_no_request_too_many(
    tmp_path: Path,
) -> None:
    """Each on an address of its own; the store, the locks and the report are open as well."""
    with running(hosts=200) as service:
        fleet = Fleet(origin=service.origin, tenants=200, extensions=2, live=1, origins=200)
        fleet.write(tmp_path / "desired-state")
        folder = Folder(tmp_path, dict(ENVIRON))
        apply = ("apply", "--auto-approve", "--max-tenants", "200", "--report", "report.json")
        done = limited(folder, 256, *apply, "--searchable-timeout", "0")
        counted = service.counted()

    assert done.code == 0, done.err
    assert "Extensions: 200 added" in done.out
    each = {"token": 1, "list": 1, "by-id": 3, "create": 1, "resource-types": 1}
    assert [one for one in counted.tenants.values() if one != each] == []
    assert len(counted.tenants) == 200


def test_tenants_of_one_issuer_and_client_ask_for_one_token_over_shared_connections(
    tmp_path: Path,
) -> None:
    def handle(request: Received) -> Script:
        if request.path == "/token":
            return json_reply({"access_token": "c4n4ry-token", "expires_in": 600})
        return json_reply(listed([]))

    with serving(handle) as server:
        folder = tenants_at(tmp_path, [server.url(f"/t{n}/scim/v2") for n in range(100)])
        for manifest in (tmp_path / "desired-state").iterdir():
            written = manifest.read_text().partition("  auth:")[0]
            manifest.write_text(written + OAUTH.format(token_url=server.url("/token")))
        failed = unreadable(folder, "--parallelism", "8")

    assert failed == {}
    assert Counter(request.path == "/token" for request in server.requests) == {True: 1, False: 100}
    assert server.connections <= 8


def test_tenants_that_accept_no_token_do_not_have_one_issued_for_each_of_them(
    tmp_path: Path,
) -> None:
    issued = itertools.count()

    def handle(request: Received) -> Script:
        if request.path == "/token":
            return json_reply({"access_token": f"c4n4ry-{next(issued)}", "expires_in": 600})
        return reply(401) if request.path.startswith("/no") else json_reply(listed([]))

    with serving(handle) as server:
        places = [f"/{'no' if n % 2 else 'yes'}{n}/scim/v2" for n in range(80)]
        folder = tenants_at(tmp_path, [server.url(place) for place in places])
        for manifest in (tmp_path / "desired-state").iterdir():
            written = manifest.read_text().partition("  auth:")[0]
            manifest.write_text(written + OAUTH.format(token_url=server.url("/token")))
        failed = unreadable(folder, "--parallelism", "4")

    assert len(failed) == 40
    assert len([request for request in server.requests if request.path == "/token"]) <= 8


def test_a_tenant_that_pages_slowly_fails_alone_and_is_reported_of_the_option(
    tmp_path: Path,
) -> None:
    """One schema a page, and a second before each."""

    def handle(request: Received) -> Script:
        if request.path.startswith("/t1/"):
            start, _ = paging(request)
            page = listed([schema(start)], totalResults=100, startIndex=start)
            return (Pause(1.0), *json_reply(page))
        return json_reply(listed([]))

    with serving(handle) as server:
        folder = tenants_at(tmp_path, [server.url(f"/t{n}/scim/v2") for n in range(5)])
        failed = unreadable(folder, "--read-deadline", "2")

    assert set(failed) == {"t1"}
    assert "longer than 2 s in all" in failed["t1"]
    assert "--read-deadline" in failed["t1"]
