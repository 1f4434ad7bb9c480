"""What HR is told and when: processes, a service of its own ways, and the reference receiver."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.domain.scim import fold
from tests.support.faultserver import FaultServer, Received, Script, json_reply, serving
from tests.support.program import Folder
from tests.support.receiver import ReceivingEnd, receiving

SECRET = "whsec_" + "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2g="
URN = "urn:acme:2.0:User:HR"
LISTED = "/ResourceTypes to name it for a resource type"
APPLY = ("apply", "--auto-approve")


@dataclass
class Service:
    """A tenant that keeps what it is sent, but for descriptions where `trims`.

    `kinds` are the resource types that it lists, or the status that says that it lists none.
    """

    kinds: list[Any] | int = 404
    trims: bool = False
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def bind(self, *names: str) -> None:
        extensions = [{"schema": URN.upper(), "required": False}]
        self.kinds = [{"name": name, "schemaExtensions": extensions} for name in names]

    def handle(self, request: Received) -> Script:
        self.requests.append(f"{request.method} {request.path}")
        if request.path == "/ResourceTypes":
            if isinstance(self.kinds, int):
                return json_reply({"status": str(self.kinds)}, self.kinds)
            return json_reply({"totalResults": len(self.kinds), "Resources": self.kinds})
        key = fold(request.path.removeprefix("/Schemas").lstrip("/").replace("%3A", ":"))
        if request.method in ("POST", "PUT"):
            document = json.loads(request.body)
            if self.trims:
                document = {m: v for m, v in document.items() if m != "description"}
            self.schemas[fold(document["id"])] = document
            return json_reply(document, 201 if request.method == "POST" else 200)
        if not key:
            live = list(self.schemas.values())
            return json_reply({"totalResults": len(live), "Resources": live})
        found = self.schemas.get(key)
        return json_reply({"status": "404"}, 404) if found is None else json_reply(found)


@dataclass
class World:
    folder: Folder
    service: Service
    server: FaultServer
    hr: ReceivingEnd

    def tenant(self, *urls: str, more: str = "") -> None:
        hooks = "".join(
            f"\n    - {{url: '{url}', secret: {{env: HOOK_SECRET}}}}"
            for url in urls or [self.hr.url]
        )
        self.folder.write(
            "desired-state/acme.yaml",
            "apiVersion: reconciler/v1\nkind: Tenant\nmetadata: {name: acme}\nspec:\n"
            f"  dialect: rfc7644\n  baseUrl: {self.server.url('')}\n  auth: {{type: none}}\n"
            f"{more}  webhooks:{hooks}\n",
        )

    def manifest(self, *names: str, description: str = "", resource_type: str = "") -> None:
        self.folder.write(
            "desired-state/hr.yaml",
            "apiVersion: reconciler/v1\nkind: SchemaExtension\nmetadata: {name: hr}\nspec:\n"
            + (f"  resourceType: {resource_type}\n" if resource_type else "")
            + f"  schema:\n    id: {URN}\n    name: HR\n"
            + (f"    description: {description}\n" if description else "")
            + "    attributes:\n"
            + "".join(f"      - {{name: {name}, type: string}}\n" for name in names),
        )

    def events(self) -> list[str]:
        return [json.loads(got.body)["event_type"].rpartition("_")[2] for got in self.hr.got]

    def listed(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.folder.output("webhooks", "list")["data"]["webhooks"]
        return listed


@contextmanager
def world_in(path: Path) -> Iterator[World]:
    service = Service()
    with ExitStack() as stack:
        server = stack.enter_context(serving(service.handle))
        hr = stack.enter_context(receiving(SECRET))
        world = World(Folder(path, {"HOOK_SECRET": SECRET}), service, server, hr)
        world.tenant()
        world.manifest("grade")
        yield world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_in(tmp_path) as made:
        yield made


def test_apply_holds_an_event_until_a_resource_type_binds_and_then_releases_it(world: World):
    world.service.kinds = [{"name": "User", "schemaExtensions": []}]

    first = world.folder.run(*APPLY, "--report", "report.json")
    held = world.listed()
    shown = world.folder.run("webhooks", "list")
    delivered = world.folder.run("webhooks", "deliver", "--now")
    unbound, before = world.folder.run(*APPLY), list(world.events())
    world.service.bind("User")
    bound, after = world.folder.run(*APPLY), list(world.events())
    again = world.folder.run(*APPLY)

    assert (first.code, unbound.code, bound.code, again.code) == (0, 0, 0, 0), first.everything
    line = f"webhook held: acme/hr to {world.hr.url}: it waits for {LISTED}; the next apply"
    assert line in first.out
    assert line in unbound.out
    assert "0 delivered, 0 pending, 1 held." in first.out
    [report] = json.loads((world.folder.path / "report.json").read_text())["deliveries"]["held"]
    assert report["waits_for"] == LISTED
    assert (held[0]["state"], held[0]["waits_for"], held[0]["event_id"]) == ("held", LISTED, None)
    assert f"  {LISTED}; the next apply looks again\n" in shown.out
    assert delivered.code == 0
    assert (before, after) == ([], ["DEPLOYED"])
    assert "acme/hr: announced late: it is as it was wanted" in bound.out
    assert "recovered" not in bound.out
    assert "held" not in bound.out + again.out
    assert [(row["state"], row["waits_for"]) for row in world.listed()] == [("delivered", None)]
    assert world.events() == ["DEPLOYED"]
    trail = map(json.loads, world.folder.run("audit", "export").out.splitlines())
    assert [r["event"] for r in trail if r["after_digest"]] == ["SCHEMA_EXTENSION_CREATED"]
    assert world.folder.run("audit", "verify").code == 0


@pytest.mark.parametrize("kinds", [[], 404, 501, 403], ids=["an empty list", "404", "501", "403"])
def test_apply_announces_at_once_where_no_resource_types_are_listed(world: World, kinds: Any):
    world.service.kinds = kinds

    done = world.folder.run(*APPLY)

    assert done.code == 0
    assert world.events() == ["DEPLOYED"]


def test_apply_never_asks_a_service_whose_list_is_static(world: World):
    world.service.kinds = [{"name": "User"}]
    world.tenant(more="  capabilities: {bindings: unlisted}\n")

    world.folder.run(*APPLY, "--searchable-timeout", "0")

    assert world.events() == ["DEPLOYED"]
    assert "GET /ResourceTypes" not in world.service.requests


@pytest.mark.parametrize(
    ("named", "events"), [("", ["DEPLOYED"]), ("User", []), ("Group", ["DEPLOYED"])]
)
def test_apply_wants_the_resource_type_that_the_manifest_names(
    world: World, named: str, events: list[str]
):
    world.service.bind("Group")
    world.manifest("grade", resource_type=named)

    world.folder.run(*APPLY)

    assert world.events() == events


def test_apply_announces_what_was_ignored_once_the_manifest_says_what_is_kept(world: World):
    world.service.trims = True
    world.manifest("grade", description="Pay data")
    ignored = world.folder.run(*APPLY)
    world.manifest("grade")
    planned, before = world.folder.run("plan"), list(world.events())

    mended = world.folder.run(*APPLY)
    again = world.folder.run(*APPLY)

    assert (ignored.code, planned.code, mended.code, again.code) == (3, 0, 0, 0)
    assert (before, world.events()) == ([], ["DEPLOYED"])
    assert "it is as it was wanted, and HR had not heard of it" in mended.out
    trail = world.folder.run("audit", "export").out.splitlines()
    adopted = [r for r in map(json.loads, trail) if r["event"] == "SCHEMA_EXTENSION_ADOPTED"]
    assert [(r["status"], r["change"]) for r in adopted] == [("SUCCESS", "acme/hr")]


def test_apply_announces_drift_that_the_manifest_takes_over_once(world: World):
    world.folder.run(*APPLY)
    world.service.schemas[fold(URN)]["attributes"].append({"name": "theirs", "type": "string"})
    drifted = world.folder.run(*APPLY)
    world.manifest("grade", "theirs")

    for _ in range(2):
        world.folder.run(*APPLY)

    assert "drifted" in drifted.out
    assert world.events() == ["DEPLOYED", "UPDATED"]


def test_apply_announces_nothing_of_what_an_empty_store_finds_in_place(world: World):
    world.folder.run(*APPLY)

    world.folder.run(*APPLY, RECONCILER_STATE="sqlite:///other.db")

    assert world.events() == ["DEPLOYED"]


def test_two_applies_at_once_announce_once(world: World):
    world.service.trims = True
    world.manifest("grade", description="Pay data")
    world.folder.run(*APPLY)
    world.manifest("grade")

    runs = [world.folder.start(*APPLY, "--lock-timeout", "30") for _ in range(2)]

    for run in runs:
        run.communicate(timeout=60)
    assert [run.returncode for run in runs] == [0, 0]
    assert world.events() == ["DEPLOYED"]


def test_what_hr_has_heard_of_stays_known_when_old_webhooks_are_emptied(world: World):
    world.folder.run(*APPLY)

    for _ in range(2):
        world.folder.run(*APPLY, "--keep-delivered", "0")

    assert world.events() == ["DEPLOYED"]
