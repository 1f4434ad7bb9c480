"""`gate`, and `apply --gate DIR`: may HR send these attributes now, and how long is that true."""

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from reconciler.adapters.jsonschemas import check
from tests.support.indexing import APPLY, SECRET, URN, IndexingWorld, indexing_world
from tests.support.program import HR_URN, DevTenant, Folder
from tests.support.warm import Done


@pytest.fixture
def world(tmp_path: Path) -> Iterator[IndexingWorld]:
    with indexing_world(tmp_path) as made:
        yield made


@pytest.fixture
def deployed(world: IndexingWorld) -> IndexingWorld:
    """The world with the extension in it."""
    assert world.folder.run(*APPLY).code == 0
    world.service.requests.clear()
    return world


def gate(world: IndexingWorld, *options: str) -> Done:
    return world.folder.run("gate", "acme", URN, *options)


def in_json(done: Done) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(done.out)
    assert list(check(document, "gate")) == []
    return document


def of(document: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [each for each in document["attributes"] if each["attribute"] == name]
    return dict(found)


def test_gate_says_yes_of_what_is_verified_bound_and_searchable(deployed: IndexingWorld) -> None:
    text, done = gate(deployed), gate(deployed, "--format", "json")

    assert (text.code, done.code) == (0, 0), text.everything
    assert "acme: ready: HR may send this" in text.out
    document = in_json(done)
    assert (document["tenant"], document["ready"], document["reasons"]) == ("acme", True, [])
    names = [each["attribute"] for each in document["attributes"]]
    assert names == ["badge", "desk", "desk.floor"]
    badge = of(document, "badge")
    [created] = [r for r in deployed.folder.audit() if r["event"] == "SCHEMA_EXTENSION_CREATED"]
    assert badge["since"] == badge["lifecycle"]["deployed"] == created["timestamp"]
    assert badge["lifecycle"]["stage"] == "available"
    assert (badge["verified"], badge["bound"], badge["searchable"]) == (True, True, True)
    assert (badge["persisted"], badge["reasons"]) == ("not-tried", [])
    assert {request.split()[0] for request in deployed.service.requests} == {"GET"}


def test_gate_is_about_the_attributes_that_are_named(deployed: IndexingWorld) -> None:
    document = in_json(
        gate(deployed, "--attribute", "DESK.Floor", "--attribute", "badge", "--format", "json")
    )

    assert [each["attribute"] for each in document["attributes"]] == ["desk.floor", "badge"]


def test_gate_says_not_yet_of_an_attribute_that_nobody_declares(deployed: IndexingWorld) -> None:
    done = gate(deployed, "--attribute", "badge", "--attribute", "grade", "--format", "json")

    document = in_json(done)
    assert (done.code, document["ready"]) == (2, False)
    assert of(document, "badge")["ready"]
    grade = of(document, "grade")
    assert grade["reasons"] == ["no manifest declares it for this tenant"]
    assert (grade["lifecycle"], grade["since"], grade["verified"]) == (None, None, False)


@pytest.mark.parametrize("options", [(), ("--attribute", "badge")])
def test_gate_says_not_yet_of_a_urn_that_nobody_declares(
    world: IndexingWorld, options: tuple[str, ...]
) -> None:
    done = world.folder.run("gate", "acme", f"{URN}s", *options, "--format", "json")

    document = in_json(done)
    assert (done.code, document["ready"]) == (2, False)
    reason = f"no manifest gives the tenant {URN}s; did you mean {URN}?"
    held = [*document["reasons"], *(r for a in document["attributes"] for r in a["reasons"])]
    assert held == [reason]
    assert world.service.requests == []


@pytest.mark.parametrize("name", [URN.upper(), "hr", "HR"])
def test_gate_takes_a_urn_in_any_case_and_the_name_of_a_manifest(
    deployed: IndexingWorld, name: str
) -> None:
    done = deployed.folder.run("gate", "acme", name)

    assert done.code == 0, done.everything
    assert done.out.splitlines()[1].split()[:3] == ["hr", "badge", "ready"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bound": False}, "/ResourceTypes does not name the schema for any resource type"),
        ({"delay": 1e9}, "not searchable: the service refuses such a filter with HTTP 400"),
        ({"takes_anything": True}, "a filter on what does not exist as well"),
        ({"without_users": 403}, "not known to be searchable"),
    ],
    ids=str,
)
def test_gate_says_not_yet_and_why(
    deployed: IndexingWorld, change: dict[str, Any], reason: str
) -> None:
    for name, value in change.items():
        setattr(deployed.service, name, value)

    done = gate(deployed, "--attribute", "badge")

    assert done.code == 2, done.everything
    assert "acme: not yet: 1 attribute of 1" in done.out
    assert reason in done.out


def test_gate_says_not_yet_of_what_is_not_there_or_is_another(world: IndexingWorld) -> None:
    absent = gate(world, "--attribute", "badge")
    world.folder.run(*APPLY)
    world.service.schemas[URN.lower()]["attributes"][0]["type"] = "boolean"
    other = gate(world, "--attribute", "badge")

    assert (absent.code, other.code) == (2, 2)
    assert "the schema is not live" in absent.out
    assert "live differs from the manifest; plan shows how" in other.out
    assert gate(world, "--attribute", "desk").code == 0  # the others are as desired


def test_gate_does_not_ask_what_it_is_not_to_ask(deployed: IndexingWorld) -> None:
    deployed.service.delay = 1e9
    deployed.service.filters.clear()

    done = gate(deployed, "--not-searchable", "--format", "json")

    assert done.code == 0, done.everything
    assert {each["searchable"] for each in in_json(done)["attributes"]} == {"unknown"}
    assert deployed.service.filters == []


def test_gate_ends_with_1_where_the_tenant_cannot_be_read_or_is_not_known(
    world: IndexingWorld,
) -> None:
    assert world.folder.run("gate", "acne", URN).code == 1
    assert world.folder.run("gate", "acme").code == 1
    world.folder.write("desired-state/other.yaml", _OTHER)
    assert world.folder.run("gate", "*", URN).code == 1
    assert world.folder.run("gate", "other", "urn:acme:2.0:User:HR").code == 1


_OTHER = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: other}
spec: {dialect: rfc7644, baseUrl: "http://127.0.0.1:9/scim", auth: {type: none}}
"""


def test_gate_shows_how_far_an_attribute_has_come(world: IndexingWorld) -> None:
    world.manifest(
        "badge",
        "grade",
        more='  deprecated: [{name: grade, since: "2026-01-01", use: badge}]\n'
        '  retired: [{name: band, type: string, since: "v3"}]\n',
    )
    asked = [f"--attribute={name}" for name in ("badge", "grade", "band")]
    before = in_json(gate(world, *asked, "--format", "json"))
    world.folder.run(*APPLY)
    after = in_json(gate(world, *asked, "--format", "json"))

    def stages(document: dict[str, Any]) -> list[str]:
        return [each["lifecycle"]["stage"] for each in document["attributes"]]

    assert stages(before) == ["declared", "deprecated", "retired"]
    assert stages(after) == ["available", "deprecated", "retired"]
    assert of(after, "grade")["ready"]
    assert of(after, "grade")["lifecycle"]["deprecated"] == "2026-01-01"
    assert of(after, "band")["reasons"] == ["it is retired since v3"]


def test_gate_does_without_a_trail(deployed: IndexingWorld) -> None:
    elsewhere = ("--state", "sqlite:///nowhere.db")
    document = in_json(gate(deployed, *elsewhere, "--format", "json"))

    assert document["ready"]
    assert of(document, "badge")["since"] is None
    assert not (deployed.folder.path / "nowhere.db").exists()


def test_gate_of_the_built_in_tenant_follows_an_apply(folder: Folder) -> None:
    before = folder.run("gate", "local", HR_URN)
    folder.run("apply", "--auto-approve")

    assert (before.code, folder.run("gate", "local", HR_URN).code) == (2, 0)


# apply --gate


def statement(world: IndexingWorld, name: str = "acme", folder: str = "hr") -> dict[str, Any]:
    """The statement about a tenant, once its signature was found to be good."""
    file = world.folder.path / folder / f"{name}.json"
    body = file.read_bytes()
    headers = dict(
        line.split(": ", 1) for line in file.with_name(f"{name}.json.sig").read_text().splitlines()
    )
    assert list(headers) == ["webhook-id", "webhook-timestamp", "webhook-signature"]
    assert headers["webhook-id"].startswith("gate_")
    Webhook(SECRET).verify(body, headers)  # the reference library, as a receiver has it
    document: dict[str, Any] = json.loads(body)
    assert list(check(document, "gate")) == []
    issued, expires = (
        datetime.fromisoformat(document[name]) for name in ("issued_at", "expires_at")
    )
    assert expires - issued == timedelta(hours=26)
    assert abs(issued.timestamp() - int(headers["webhook-timestamp"])) < 5
    return document


def test_apply_writes_for_hr_what_gate_says(world: IndexingWorld) -> None:
    done = world.folder.run(*APPLY, "--gate", "new/hr", "--report", "report.json")

    assert done.code == 0, done.everything
    document = statement(world, folder="new/hr")
    said = in_json(gate(world, "--format", "json"))
    dated = {"issued_at", "expires_at", "plan_digest"}
    assert {name: of for name, of in document.items() if name not in dated} == said
    report = json.loads((world.folder.path / "report.json").read_text())
    assert document["plan_digest"] == report["run"]["plan_digest"]
    assert SECRET not in done.everything


def test_an_apply_with_nothing_to_do_renews_it_and_drift_takes_it_back(
    world: IndexingWorld,
) -> None:
    world.folder.run(*APPLY, "--gate", "hr")
    first = statement(world)
    world.folder.run(*APPLY, "--gate", "hr")
    renewed = statement(world)
    world.service.schemas[URN.lower()]["attributes"][0]["type"] = "boolean"
    world.folder.run(*APPLY, "--gate", "hr")  # nothing that loses values is written

    assert first["ready"]
    assert renewed["ready"]
    assert renewed["issued_at"] > first["issued_at"]
    assert not statement(world)["ready"]


def test_what_no_write_has_searched_for_is_kept_once_by_the_run_that_looks(
    world: IndexingWorld,
) -> None:
    world.folder.run(*APPLY, "--searchable-timeout", "0")
    assert world.searched() == []

    world.folder.run(*APPLY, "--gate", "hr")
    world.folder.run(*APPLY, "--gate", "hr")

    [found] = world.searched()
    assert (found["searchable"], found["tenant"]) == (True, "acme")
    assert found["searched"] == dict.fromkeys(("badge", "desk", "desk.floor"), True)
    assert "searchable_ms" not in found
    world.service.delay = 1e9
    world.folder.run(*APPLY, "--gate", "hr")
    assert [each["searchable"] for each in world.searched()] == [True, False]


def test_what_is_not_bound_is_not_kept_as_searchable(world: IndexingWorld) -> None:
    world.service.bound = False

    world.folder.run(*APPLY, "--gate", "hr")

    assert world.searched() == []
    assert not statement(world)["ready"]


def test_without_a_secret_there_is_no_file_and_the_run_says_so(world: IndexingWorld) -> None:
    world.tenant(hooks=False)

    done = world.folder.run(*APPLY, "--gate", "hr")

    assert done.code == 0, done.everything
    assert list((world.folder.path / "hr").iterdir()) == []
    assert "acme: hr/acme.json is not written, for there is no webhook secret" in done.out


def test_a_tenant_that_cannot_be_read_keeps_what_was_said_until_that_expires(
    world: IndexingWorld,
) -> None:
    world.folder.run(*APPLY, "--gate", "hr")
    first = statement(world)
    world.server.close()

    done = world.folder.run(*APPLY, "--gate", "hr", "--read-deadline", "2")

    assert done.code == 1
    assert statement(world) == first


def test_what_was_said_is_taken_back_before_the_tenant_is_written_to(world: IndexingWorld) -> None:
    world.folder.run(*APPLY, "--gate", "hr")
    world.manifest("badge", "grade")
    world.service.delay = 1e9
    process = world.folder.start(*APPLY, "--gate", "hr")
    while not any("grade" in text for text in world.service.filters):
        assert process.poll() is None
    process.kill()
    process.communicate()

    assert list((world.folder.path / "hr").iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_an_error_before_anything_is_done(
    world: IndexingWorld,
) -> None:
    world.folder.write("file", "")

    refused = world.folder.run(*APPLY, "--gate", "file")

    assert refused.code == 1
    assert "--gate file cannot be written to" in refused.err
    assert world.service.requests == []
    recovered = world.folder.run("apply", "--recover-only", "--gate", "hr")
    assert recovered.code == 1
    assert "leave --gate out" in recovered.err


def test_the_built_in_tenant_signs_with_the_secret_of_its_own_webhook(
    dev_tenant: DevTenant,
) -> None:
    done = dev_tenant.folder.run("apply", "--auto-approve", "--gate", "hr")

    assert done.code == 0, done.everything
    document = json.loads((dev_tenant.folder.path / "hr/dev.json").read_text())
    assert document["ready"]
    assert {each["schema_id"] for each in document["attributes"]} >= {HR_URN}


def test_a_file_is_signed_under_the_first_of_two_secrets(world: IndexingWorld) -> None:
    other = "whsec_" + base64.b64encode(b"the one that comes after it").decode()
    world.folder.environ["NEXT_SECRET"] = other
    manifest = world.folder.path / "desired-state/acme.yaml"
    both = "secret: [{env: HOOK_SECRET}, {env: NEXT_SECRET}]"
    manifest.write_text(manifest.read_text().replace("secret: {env: HOOK_SECRET}", both))

    world.folder.run(*APPLY, "--gate", "hr")

    assert statement(world)["ready"]  # by the first
    signature = (world.folder.path / "hr/acme.json.sig").read_text()
    headers = dict(line.split(": ", 1) for line in signature.splitlines())
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify((world.folder.path / "hr/acme.json").read_bytes(), headers)


# What fails on the way to a file


def with_another(world: IndexingWorld) -> None:
    """A second tenant, beta, of the same service."""
    manifest = (world.folder.path / "desired-state/acme.yaml").read_text()
    world.folder.write("desired-state/beta.yaml", manifest.replace("acme", "beta"))


def test_a_file_that_cannot_be_deleted_keeps_its_tenant_alone_from_being_written(
    world: IndexingWorld,
) -> None:
    with_another(world)
    (world.folder.path / "hr/acme.json").mkdir(parents=True)

    done = world.folder.run(*APPLY, "--gate", "hr", "--report", "report.json")

    assert done.code == 3, done.everything
    assert "hr/acme.json cannot be deleted: Is a directory" in done.everything
    written = [r["tenant"] for r in world.folder.audit() if r["event"].endswith("_CREATED")]
    assert written == ["beta"]
    assert statement(world, "beta")["ready"]
    report = json.loads((world.folder.path / "report.json").read_text())
    found = {t["name"]: [c["outcome"] for c in t["changes"]] for t in report["tenants"]}
    assert found == {"acme": ["not-attempted"], "beta": ["applied"]}


@pytest.mark.parametrize("name", ["acme.json", "acme.json.sig"])
def test_a_file_that_cannot_be_written_is_told_and_undoes_nothing(
    world: IndexingWorld, name: str
) -> None:
    with_another(world)
    world.folder.run(*APPLY)
    (world.folder.path / "hr" / name).mkdir(parents=True)

    done = world.folder.run(*APPLY, "--gate", "hr")

    assert done.code == 1, done.everything
    assert f"acme: nothing new is said to HR: hr/{name} cannot be written" in done.everything
    assert statement(world, "beta")["ready"]
    assert world.folder.audit()[-1]["event"] == "RUN_COMPLETED"
    assert "Apply complete!" in done.out


def test_a_folder_that_takes_no_file_is_told_and_undoes_nothing(world: IndexingWorld) -> None:
    done = world.folder.run(*APPLY, "--gate", "/proc/self/task")

    assert done.code == 1, done.everything
    assert "acme: nothing new is said to HR: /proc/self/task/acme.json cannot be written" in (
        done.everything
    )
    assert world.service.schemas.keys() == {URN.lower()}
    assert "1 delivered" in done.out
