"""`apply` by each dialect: a process, real sockets, a service of that kind."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.domain.dialect import PatchPath
from tests.support.faultserver import FaultServer
from tests.support.habits import Habits
from tests.support.program import Folder
from tests.support.service_of_habits import EXTENSION, TENANT, service
from tests.support.warm import Done

ORACLE = "urn:ietf:params:scim:schemas:idcs:extension:custom:User"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, {"ACME_TOKEN": "token-1"})


Apply = Callable[[str, FaultServer, str, str], Done]


@pytest.fixture
def apply(folder: Folder) -> Apply:
    def run(dialect: str, server: FaultServer, urn: str, new: str) -> Done:
        server.requests.clear()
        folder.write(
            "desired-state/acme.yaml", TENANT.format(dialect=dialect, url=server.url("/scim/v2"))
        )
        name = urn.rpartition(":")[2]
        folder.write("desired-state/hr.yaml", EXTENSION.format(urn=urn, name=name, new=new))
        return folder.run("apply", "--auto-approve")

    return run


def writes(server: FaultServer) -> list[str]:
    return [r.method for r in server.requests if r.method != "GET"]


@pytest.mark.parametrize("dialect", ["genesys", "rfc7644"])
def test_post_creates_and_put_changes(apply: Apply, dialect: str) -> None:
    with service(Habits(tags=True)) as server:
        first = apply(dialect, server, "urn:example:2.0:HR", "level")
        created = writes(server)
        second = apply(dialect, server, "urn:example:2.0:HR", "site")
        (put,) = [r for r in server.requests if r.method != "GET"]

    assert (first.code, created) == (0, ["POST"]), first.everything
    assert (second.code, put.method) == (0, "PUT"), second.everything
    assert "gzip" not in put.headers["if-match"]
    names = [each["name"] for each in json.loads(put.body)["attributes"]]
    assert names == ["grade", "level", "site"]  # what the manifest no longer names is left alone


@pytest.mark.parametrize("status", [404, 405, 501])
def test_genesys_without_creates_is_blocked_with_its_reason(apply: Apply, status: int) -> None:
    with service(Habits(creates=status)) as server:
        done = apply("genesys", server, "urn:example:2.0:HR", "level")
        sent = writes(server)

    assert (done.code, sent) == (3, ["POST"]), done.everything
    assert "blocked" in done.out
    assert "this service does not allow schemas to be created" in done.out


def test_sap_is_sent_no_update(apply: Apply) -> None:
    live = {"id": "urn:example:2.0:HR", "name": "HR", "attributes": [{"name": "grade"}]}
    with service(Habits(updates=False), live) as server:
        done = apply("sap", server, "urn:example:2.0:HR", "level")
        sent = writes(server)

    assert (done.code, sent) == (3, []), done.everything
    assert "never delete and recreate" in done.out


def test_oracle_is_patched(apply: Apply) -> None:
    habits = Habits(creates=405, updates=False, patches=PatchPath.ATTRIBUTE, tags=True)
    with service(habits, {"id": ORACLE, "name": "User"}) as server:
        done = apply("oracle", server, ORACLE, "level")
        (patch,) = [r for r in server.requests if r.method != "GET"]

    assert done.code == 0, done.everything
    assert patch.method == "PATCH"
    assert "gzip" not in patch.headers["if-match"]


def test_a_read_only_tenant_is_sent_nothing_and_the_apply_exits_0(apply: Apply) -> None:
    with service(Habits()) as server:
        done = apply("read-only", server, "urn:example:2.0:HR", "level")
        sent = writes(server)

    assert (done.code, sent) == (0, []), done.everything
