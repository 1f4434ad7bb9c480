"""Each dialect through the whole program: a process, real sockets, a service of that kind."""

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from reconciler.domain.dialect import PatchPath
from reconciler.domain.jsontext import Json
from tests.support.fakes import FakeClock
from tests.support.faultserver import FaultServer, Received, Script, serving
from tests.support.habits import Habits
from tests.support.program import Folder
from tests.support.simulation import Request, SimulatedTenant
from tests.support.sockets import script
from tests.support.warm import Done

ORACLE = "urn:ietf:params:scim:schemas:idcs:extension:custom:User"
TENANT = """
apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: acme}}
spec:
  dialect: {dialect}
  baseUrl: {url}
  auth: {{type: bearer, token: {{env: ACME_TOKEN}}}}
"""
EXTENSION = """
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {{name: hr}}
spec:
  onDrift: update
  manages: attributes
  schema:
    id: {urn}
    name: {name}
    attributes:
      - {{name: grade, type: string, idcsDisplayName: Grade}}
      - {{name: {new}, type: string, idcsDisplayName: New}}
"""


@contextmanager
def service(habits: Habits, *stored: Mapping[str, Json]) -> Iterator[FaultServer]:
    with served(simulated(habits, *stored)) as server:
        yield server


def simulated(habits: Habits, *stored: Mapping[str, Json]) -> SimulatedTenant:
    return SimulatedTenant(
        clock=FakeClock(), draw=lambda _: None, random=Random(0), habits=habits,
        stored=[dict(each) for each in stored],
    )  # fmt: skip


@contextmanager
def served(tenant: SimulatedTenant) -> Iterator[FaultServer]:
    def handle(request: Received) -> Script:
        asked = Request(request.method, request.target, request.headers, request.body)
        return script(*tenant.respond(asked), elsewhere="")

    with serving(handle) as server:
        yield server


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
def test_genesys_without_creates_is_told_in_clear_words(apply: Apply, status: int) -> None:
    with service(Habits(creates=status)) as server:
        done = apply("genesys", server, "urn:example:2.0:HR", "level")
        sent = writes(server)

    assert (done.code, sent) == (3, ["POST"]), done.everything
    assert "blocked" in done.out
    assert "this service does not allow schemas to be created" in done.out


def test_sap_is_not_asked_for_an_update(apply: Apply) -> None:
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


@pytest.mark.parametrize("path", PatchPath)
def test_the_patch_that_doctor_finds_to_work_leaves_alone_what_it_does_not_name(
    folder: Folder, path: PatchPath
) -> None:
    theirs = {"name": "theirs", "type": "string", "description": "nobody names it"}
    mine = {
        "name": "grade",
        "type": "string",
        "idcsDisplayName": "Grade",
        "mutability": "immutable",
    }
    live = {"id": "urn:example:2.0:HR", "name": "HR", "attributes": [theirs, mine]}
    tenant = simulated(Habits(updates=False, patches=path, tags=True), live)
    with served(tenant) as server:
        manifest = TENANT.format(dialect="rfc7644", url=server.url("/scim/v2"))
        folder.write("desired-state/acme.yaml", manifest)
        hr = EXTENSION.format(urn="urn:example:2.0:HR", name="HR", new="level")
        folder.write("desired-state/hr.yaml", hr)
        looked = folder.run("doctor", "acme", "--probe-writes", "--write", "learnt.yaml")
        block = textwrap.indent((folder.path / "learnt.yaml").read_text(), "  ")
        folder.write("desired-state/acme.yaml", manifest + block)
        done = folder.run("apply", "--auto-approve")
        again = folder.plan()["summary"]

    assert looked.code == 0, looked.everything
    assert f'  updates: "patch"\n    patchPath: "{path}"' in block
    assert done.code == 0, done.everything
    assert again["in_sync"] == 1
    stored = next(d for d in tenant.stored if d["id"] == live["id"])
    assert theirs in stored["attributes"]
    assert {a["name"] for a in stored["attributes"]} == {"theirs", "grade", "level"}


def test_read_only_is_left_alone_and_that_is_well(apply: Apply) -> None:
    with service(Habits()) as server:
        done = apply("read-only", server, "urn:example:2.0:HR", "level")
        sent = writes(server)

    assert (done.code, sent) == (0, []), done.everything


def test_what_doctor_finds_to_be_dropped_is_blocked_once_the_manifest_says_so(
    folder: Folder,
) -> None:
    live = {
        "id": "urn:example:2.0:HR",
        "name": "HR",
        "attributes": [{"name": "grade", "idcsDisplayName": "Grade", "mutability": "immutable"}],
    }
    with service(Habits(ignores=("mutability",), tags=True), live) as server:
        manifest = TENANT.format(dialect="genesys", url=server.url("/scim/v2"))
        folder.write("desired-state/acme.yaml", manifest)
        hr = EXTENSION.format(urn="urn:example:2.0:HR", name="HR", new="level")
        folder.write("desired-state/hr.yaml", hr)
        looked = folder.run("doctor", "acme", "--probe-writes", "--write", "learnt.yaml")
        before = folder.plan()["tenants"][0]["changes"]
        block = textwrap.indent((folder.path / "learnt.yaml").read_text(), "  ")
        folder.write("desired-state/acme.yaml", manifest + block)
        after = folder.plan()["tenants"][0]["changes"]

    assert looked.code == 0, looked.everything
    assert "accepted and dropped: mutability" in looked.out
    assert '  ignored: ["mutability"]' in block
    assert [c["action"] for c in before] == ["update"]
    assert [(c["action"], c["reason"]) for c in after] == [("blocked", "would-be-ignored")]


def test_doctor_without_probing_sends_nothing_but_get(folder: Folder) -> None:
    with service(Habits(tags=True)) as server:
        manifest = TENANT.format(dialect="genesys", url=server.url("/scim/v2"))
        folder.write("desired-state/acme.yaml", manifest)
        hr = EXTENSION.format(urn="urn:example:2.0:HR", name="HR", new="level")
        folder.write("desired-state/hr.yaml", hr)
        looked = folder.run("doctor", "acme")
        sent = {r.method for r in server.requests}

    assert (looked.code, sent) == (0, {"GET"}), looked.everything
