"""`--format json` of the commands that change something: one document, also where they fail."""

import json

from reconciler.adapters.jsonschemas import check
from tests.support.applied import applied
from tests.support.program import HR_URN, DevTenant, Folder

__all__ = ["applied"]


def report_of(folder: Folder, *arguments: str, code: int = 0) -> dict:
    done = folder.run("apply", "--format", "json", *arguments)
    assert done.code == code, done.everything
    document: dict = json.loads(done.out)
    assert check(document, "report") == ()
    return document


def test_apply_in_json_prints_the_report_and_nothing_else(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder

    document = report_of(folder, "--auto-approve", "--report", "report.json")

    assert document == json.loads((folder.path / "report.json").read_text())
    assert (document["finished"], document["exit"]["code"]) == (True, 0)
    assert report_of(folder, "--recover-only")["exit"]["code"] == 0


def test_apply_in_json_says_why_it_failed(folder: Folder) -> None:
    unapproved = report_of(folder, code=1)
    assert "--format json shows no plan to approve" in unapproved["exit"]["error"]

    stale = report_of(folder, "--approve", "sha256:" + "0" * 64, code=4)
    assert stale["exit"]["code"] == 4


def test_import_in_json_names_each_manifest_and_whether_it_was_written(
    dev_tenant: DevTenant,
) -> None:
    folder = dev_tenant.folder
    folder.run("apply", "--auto-approve")
    files = sorted((folder.path / "desired-state/extensions").glob("*.yaml"))
    for file in files:
        file.unlink()

    first = folder.output("import", "dev", "--id", HR_URN)["data"]
    [manifest] = first["manifests"]
    assert (first["tenant"], first["written"]) == ("dev", True)
    assert (manifest["action"], manifest["schema_id"]) == ("create", HR_URN)
    written = folder.path / manifest["path"]
    assert written.read_text() == manifest["text"]

    assert folder.output("import", "dev", "--id", HR_URN)["data"]["manifests"] == [
        {**manifest, "action": "unchanged"}
    ]
    written.write_text(manifest["text"].replace("isContractor", "isContract"))
    refused = folder.output("import", "dev", "--id", HR_URN)
    assert refused["data"]["written"] is False
    assert refused["data"]["manifests"][0]["action"] == "update"
    assert "would be overwritten" in refused["diagnostics"][-1]["message"]


def test_deliver_and_replay_in_json_count_what_was_sent(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    dev_tenant.set_faults(hr_down=True)
    folder.run("apply", "--auto-approve")

    failed = folder.output("webhooks", "deliver", "--now")
    data = failed["data"]
    assert (data["delivered"], data["failed"], data["pending"]) == (0, 2, 2)
    assert data["next_due_at"] is not None
    assert [each["severity"] for each in failed["diagnostics"]] == ["error", "error"]
    dev_tenant.set_faults()
    assert folder.output("webhooks", "deliver", "--now")["data"] == {
        "delivered": 2, "failed": 0, "not_tried": 0, "pending": 0, "next_due_at": None,
    }  # fmt: skip
    event = folder.output("webhooks", "list")["data"]["webhooks"][0]["event_id"]
    again = folder.output("webhooks", "replay", event)
    assert (again["command"], again["data"]["delivered"]) == ("webhooks replay", 1)


def test_validate_in_json_has_the_problems_as_diagnostics(folder: Folder) -> None:
    path = next((folder.path / "desired-state/extensions").glob("hr*.yaml"))
    path.write_text(path.read_text().replace("type: dateTime", "type: datetim"))

    document = folder.output("validate")

    errors = [each for each in document["diagnostics"] if each["severity"] == "error"]
    assert len(errors) == document["data"]["problems"]["error"] == 1
    assert errors[0]["path"].endswith(path.name)
    assert errors[0]["line"] > 1
