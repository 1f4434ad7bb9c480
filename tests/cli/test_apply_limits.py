"""`apply` against a stale plan and beyond a safety limit: refused before a single write is sent."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.domain.jsontext import Json
from reconciler.embedded import DevTenantAccess, serve
from tests.support.arena import Front, front_of
from tests.support.embedded_client import Client, connected
from tests.support.program import Folder, assert_reported
from tests.support.warm import Done, Order, warm_interpreter

Document = dict[str, Any]
SAVE = ("plan", "--out", "plan.json")
STALE = ("apply", "plan.json")


def urn(name: str) -> str:
    return f"urn:ietf:params:scim:schemas:extension:acme:2.0:User:{name}"


def schema(name: str, *attributes: str, description: str = "as desired") -> Document:
    listed = [{"name": attribute, "type": "string"} for attribute in attributes or ("grade",)]
    return {"id": urn(name), "name": name, "description": description, "attributes": listed}


@dataclass
class Scene:
    """A folder whose manifests are documents, and one tenant behind a front that sees requests."""

    path: Path
    client: Client
    front: Front
    tenants: dict[str, Document] = field(default_factory=dict)
    extensions: dict[str, Document] = field(default_factory=dict)

    def run(self, *arguments: str) -> Done:
        lines = [json.dumps(each) for each in (*self.tenants.values(), *self.extensions.values())]
        (self.path / "desired-state").mkdir(exist_ok=True)
        (self.path / "desired-state/all.yaml").write_text("\n---\n".join(lines) + "\n")
        environ = {
            "PATH": "/usr/bin:/bin",
            "RECONCILER_SECRETS_DIR": str(self.path / "secrets"),
            "RECONCILER_STATE": f"sqlite:///{self.path}/state/state.db",
        }
        done = warm_interpreter().run(Order((arguments,), str(self.path), environ))
        assert "Traceback" not in done.everything, done.everything
        return done

    def tenant(self, name: str, access: DevTenantAccess) -> None:
        self.tenants[name] = {
            "apiVersion": "reconciler/v1",
            "kind": "Tenant",
            "metadata": {"name": name},
            "spec": {
                "dialect": "genesys",
                "baseUrl": f"{self.front.root}/scim/v2",
                "auth": {
                    "type": "oauth2-client-credentials",
                    "tokenUrl": f"{self.front.root}/oauth/token",
                    "clientId": {"file": "id"},
                    "clientSecret": {"file": "secret"},
                },
            },
        }
        for folder in ("secrets", "secrets/other"):
            (self.path / folder).mkdir(exist_ok=True)
            (self.path / folder / "id").write_text(access.client_id.reveal())
            (self.path / folder / "secret").write_text(access.client_secret.reveal())

    def built_in(self, name: str) -> None:
        """Another tenant, which the program brings along."""
        self.tenants[name] = {
            "apiVersion": "reconciler/v1",
            "kind": "Tenant",
            "metadata": {"name": name},
            "spec": {"dialect": "genesys", "baseUrl": f"embedded://{name}"},
        }

    def extension(self, name: str, document: Document, on_drift: str = "update") -> None:
        self.extensions[name] = {
            "apiVersion": "reconciler/v1",
            "kind": "SchemaExtension",
            "metadata": {"name": name},
            "spec": {"onDrift": on_drift, "schema": document},
        }

    def spec(self) -> Document:
        found: Document = self.tenants["acme"]["spec"]
        return found

    def put(self, document: Document) -> None:
        """By hand, behind the program's back."""
        for method, path in (("PUT", f"/Schemas/{document['id']}"), ("POST", "/Schemas")):
            if self.client.send(method, path, document).status_code in (200, 201):
                return
        raise AssertionError(document)

    def live(self) -> list[Json]:
        listed = self.client.send("GET", "/Schemas", params={"count": 100}).json()["Resources"]
        return [each for each in listed if ":acme:" in each["id"]]

    def writes(self) -> int:
        return sum(seen.writes for seen in self.front.seen)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with empty_scene(tmp_path) as made:
        yield made


@contextmanager
def empty_scene(path: Path) -> Iterator[Scene]:
    with (
        serve("dev", path / "tenant") as access,
        connected(access) as client,
        front_of(client.root) as front,
    ):
        made = Scene(path, client, front)
        made.tenant("acme", access)
        yield made


# ------------------------------------------------------------------------------------ drift


@pytest.fixture
def planned(scene: Scene) -> Scene:
    """One extension to create, one in sync, one to update, one drifted; and their saved plan."""
    scene.extension("missing", schema("Missing"))
    scene.extension("equal", schema("Equal"))
    scene.extension("old", schema("Old", "grade", "level"))
    scene.extension("odd", schema("Odd"), on_drift="skip")
    scene.put(schema("Equal"))
    scene.put(schema("Old", description="as it was"))
    scene.put(schema("Odd", description="as it was"))
    saved = scene.run(*SAVE)
    assert saved.code == 0, saved.everything
    assert "Plan: 1 to add, 1 to change, 0 to destroy." in saved.out
    scene.front.seen = []
    return scene


def somebody_created_it(scene: Scene) -> None:
    scene.put(schema("Missing"))


def somebody_deleted_it(scene: Scene) -> None:
    with closing(sqlite3.connect(scene.path / "tenant/dev.db", isolation_level=None)) as shell:
        removed = shell.execute(
            "DELETE FROM schemas WHERE json_extract(document, '$.name')='Equal'"
        )
        assert removed.rowcount == 1


def somebody_described_it_otherwise(scene: Scene) -> None:
    scene.put(schema("Old", description="edited by hand"))


def somebody_added_an_attribute(scene: Scene) -> None:
    scene.put(schema("Equal", "grade", "byHand"))


def somebody_made_what_was_wanted(scene: Scene) -> None:
    scene.put(schema("Old", "grade", "level"))


def a_manifest_was_edited(scene: Scene) -> None:
    scene.extension("missing", schema("Missing", "grade", "more"))


def a_manifest_was_added(scene: Scene) -> None:
    scene.extension("later", schema("Later"))


def a_manifest_was_taken_away(scene: Scene) -> None:
    del scene.extensions["missing"]


def updates_were_opted_into(scene: Scene) -> None:
    scene.extension("odd", schema("Odd"), on_drift="update")


def a_tenant_was_renamed(scene: Scene) -> None:
    scene.tenants["acme"]["metadata"]["name"] = "acme-prod"


def a_tenant_has_moved(scene: Scene) -> None:
    scene.spec()["baseUrl"] = f"http://localhost:{scene.front.port}/scim/v2"


def a_token_comes_from_elsewhere(scene: Scene) -> None:
    scene.spec()["auth"]["tokenUrl"] = f"http://localhost:{scene.front.port}/oauth/token"


def the_credentials_have_other_names(scene: Scene) -> None:
    scene.spec()["auth"]["clientId"] = {"file": "other/id"}


def a_service_is_said_to_do_less(scene: Scene) -> None:
    scene.spec()["capabilities"] = {"updates": "none"}


def a_dialect_was_changed(scene: Scene) -> None:
    scene.spec()["dialect"] = "rfc7644"


def a_tenant_cannot_be_read(scene: Scene) -> None:
    (scene.path / "secrets/secret").write_text("wrong")


def the_room_is_used_up(scene: Scene) -> None:
    for number in range(7):
        scene.put(schema(f"Other{number}"))


DRIFT = (
    somebody_deleted_it,
    somebody_described_it_otherwise,
    somebody_added_an_attribute,
    a_manifest_was_edited,
    a_manifest_was_added,
    a_manifest_was_taken_away,
    updates_were_opted_into,
    a_tenant_was_renamed,
    a_tenant_has_moved,
    a_token_comes_from_elsewhere,
    the_credentials_have_other_names,
    a_service_is_said_to_do_less,
    a_dialect_was_changed,
    a_tenant_cannot_be_read,
    the_room_is_used_up,
)


@pytest.mark.parametrize("drift", DRIFT)
def test_a_plan_that_has_gone_stale_is_refused_with_a_diff_and_nothing_is_sent(
    planned: Scene, drift: Callable[[Scene], None]
) -> None:
    drift(planned)
    before = planned.live()

    done = planned.run(*STALE, "--force")

    assert done.code == 4, done.everything
    assert "was approved; nothing was written. Plan again and have that approved" in done.err
    if drift is the_credentials_have_other_names:  # the plans read alike
        assert "what differs is how a tenant is reached: its credentials' names" in done.err
    else:
        assert "--- approved\n+++ now\n" in done.err
    assert planned.writes() == 0
    assert planned.live() == before


def test_a_plan_that_still_holds_is_applied(planned: Scene) -> None:
    done = planned.run(*STALE)

    assert done.code == 0, done.everything
    assert planned.writes() == 2


@pytest.mark.parametrize("done_by_now", [somebody_created_it, somebody_made_what_was_wanted])
def test_of_a_plan_that_is_done_in_part_the_rest_alone_is_written(
    planned: Scene, done_by_now: Callable[[Scene], None]
) -> None:
    done_by_now(planned)

    done = planned.run(*STALE)

    assert done.code == 0, done.everything
    assert planned.writes() == 1


# ----------------------------------------------------------------------------------- limits


def creates(scene: Scene, number: int) -> None:
    scene.spec()["limits"] = {"extensions": 20}
    for each in range(number):
        scene.extension(f"e{each}", schema(f"E{each}"))


def updates(scene: Scene, number: int) -> None:
    creates(scene, number)
    for each in range(number):
        scene.put(schema(f"E{each}", description="as it was"))


def tenants(scene: Scene, number: int) -> None:
    """The built-in ones; the one behind the front is in sync."""
    scene.extension("e", schema("E"))
    scene.put(schema("E"))
    for each in range(number):
        scene.built_in(f"t{each}")


LIMITS = [
    (creates, 10, (), "tenant acme: 11 changes exceed spec.limits.maxCreates: 10;"),
    (updates, 3, (), "tenant acme: 4 changes exceed spec.limits.maxUpdates: 3;"),
    (tenants, 3, ("--max-tenants", "3"), "this run: 4 changed tenants exceed --max-tenants 3"),
]


@pytest.mark.parametrize("beyond", [-1, 0, 1])
@pytest.mark.parametrize(("made", "limit", "options", "reported"), LIMITS)
def test_a_limit_is_shown_by_plan_and_refuses_apply_by_one_more_and_nothing_less(
    scene: Scene,
    made: Callable[[Scene, int], None],
    limit: int,
    options: tuple[str, ...],
    reported: str,
    beyond: int,
) -> None:
    made(scene, limit + beyond)
    before = scene.live()

    planned = scene.run("plan", *options)
    detailed = scene.run("plan", "--detailed-exitcode", *options)
    done = scene.run("apply", "--auto-approve", *options)

    assert (planned.code, detailed.code) == (0, 2), planned.everything
    assert (f"Limit: {reported}" in planned.out) is (beyond == 1)
    if beyond < 1:
        assert done.code == 0, done.everything
        assert done.out.count("applied and verified") == limit + beyond
        return
    assert done.code == 6, done.everything
    assert "a safety limit refuses this plan; nothing was written" in done.err
    assert reported in done.err
    assert "--force" in done.err
    assert scene.writes() == 0
    assert scene.live() == before


def test_fifty_changed_tenants_are_the_default(scene: Scene) -> None:
    scene.extension("e", schema("E"))
    for number in range(50):
        scene.tenants[f"t{number}"] = {
            **scene.tenants["acme"],
            "metadata": {"name": f"t{number}"},
        }

    done = scene.run("apply", "--auto-approve")

    assert done.code == 6, done.everything
    assert "this run: 51 changed tenants exceed --max-tenants 50" in done.err
    assert scene.writes() == 0


def test_apply_refuses_an_exceeded_limit_before_the_first_write(folder: Folder):
    folder.edit(
        "desired-state/tenants/local.yaml",
        "  dialect: genesys\n",
        "  dialect: genesys\n  limits: {maxCreates: 1}\n",
    )

    planned = folder.run("plan")
    refused = folder.run("apply", "--auto-approve")

    assert_reported(planned, 0, "spec.limits.maxCreates: 1")
    assert_reported(refused, 6, "spec.limits.maxCreates: 1", "nothing was written")
    assert_reported(folder.run("apply", "--auto-approve", "--target", "hr-*"), 0, "1 added")
