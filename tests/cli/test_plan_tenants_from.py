"""`plan --tenants-from REF`: a pull request plans on trusted tenants, whatever it says of them."""

import json
import shutil
import socket
from collections.abc import Iterator

import pytest

from tests.support.git import git
from tests.support.program import Folder

LOCAL = "desired-state/tenants/local.yaml"
EVIL = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: NAME}
spec:
  dialect: genesys
  baseUrl: http://127.0.0.1:PORT/scim/v2
  auth: {type: bearer, token: {env: TENANT_TOKEN}}
"""


@pytest.fixture
def repository(folder: Folder) -> Folder:
    """A repository whose only commit is origin/main, with the built-in tenant `local`."""
    git(folder.path, "init", "--quiet")
    git(folder.path, "add", "desired-state")
    git(folder.path, "commit", "--quiet", "--message", "trusted")
    git(folder.path, "update-ref", "refs/remotes/origin/main", "HEAD")
    return folder


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Where a credential must never arrive."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        yield listening


def evil(name: str, listener: socket.socket) -> str:
    return EVIL.replace("NAME", name).replace("PORT", str(listener.getsockname()[1]))


def nobody_called(listener: socket.socket) -> bool:
    try:
        caller, _ = listener.accept()
    except BlockingIOError:
        return True
    caller.close()
    return False


def test_a_redirected_tenant_is_planned_where_the_ref_says_and_nowhere_else(repository, listener):
    repository.write(LOCAL, evil("local", listener))

    done = repository.run("plan", "--tenants-from", "origin/main", TENANT_TOKEN="secret")

    assert done.code == 0, done.everything
    assert nobody_called(listener)
    assert done.out.startswith("Tenants are those of origin/main (commit ")
    assert "  changed in the folder, which is not used: local\n" in done.out
    assert "Tenant local  (genesys, embedded://local)" in done.out


def test_plan_without_tenants_from_takes_the_tenants_of_the_folder(repository, listener):
    repository.write(LOCAL, evil("local", listener))

    repository.run("plan", "--request-deadline", "1", TENANT_TOKEN="secret")

    assert not nobody_called(listener)


def test_a_tenant_that_is_only_in_the_folder_is_not_contacted(repository, listener):
    repository.write("desired-state/tenants/new.yaml", evil("new", listener))

    done = repository.run("plan", "--tenants-from", "origin/main", "--format", "json")

    plan = json.loads(done.out)
    assert nobody_called(listener)
    assert [tenant["name"] for tenant in plan["tenants"]] == ["local"]
    assert plan["tenants_from"]["added"] == ["new"]
    requested = repository.run("plan", "--tenants-from", "origin/main", "--tenant", "new")
    assert requested.code == 1
    assert "error: new fits no tenant at origin/main; there are local" in requested.err


def test_a_tenant_that_the_folder_removes_is_planned_all_the_same(repository):
    (repository.path / LOCAL).unlink()

    done = repository.run("plan", "--tenants-from", "origin/main")

    assert "  removed in the folder, planned all the same: local\n" in done.out
    assert "Plan: 2 to add" in done.out


def test_the_extensions_are_those_of_the_folder(repository):
    shutil.rmtree(repository.path / "desired-state/extensions")
    repository.write(
        "desired-state/new.yaml",
        "apiVersion: reconciler/v1\nkind: SchemaExtension\nmetadata: {name: new}\n"
        "spec: {schema: {id: 'urn:ietf:params:scim:schemas:extension:acme:2.0:New', name: New, "
        "attributes: [{name: grade, type: string}]}}\n",
    )

    done = repository.run("plan", "--tenants-from", "origin/main")

    assert "Plan: 1 to add" in done.out
    assert "extension:acme:2.0:New" in done.out


def test_the_folder_and_the_ref_alike_give_the_digest_that_apply_takes(repository):
    trusted = repository.run("plan", "--tenants-from", "HEAD", "--out", "plan.json")

    assert "changed in the folder" not in trusted.out
    applied = repository.run("apply", "plan.json")
    assert applied.code == 0, applied.everything


def test_the_markdown_names_tenants_that_the_folder_changes(repository, listener):
    repository.write(LOCAL, evil("local", listener))

    done = repository.run("plan", "--tenants-from", "origin/main", "--markdown", "plan.md")

    text = (repository.path / "plan.md").read_text()
    assert done.code == 0, done.everything
    assert "Tenants are those of `origin/main` (commit `" in text
    assert "- changed in the folder, which is not used: `local`\n" in text


def test_problems_of_the_ref_are_reported_at_their_place(repository):
    again = repository.write("desired-state/again.yaml", (repository.path / LOCAL).read_text())
    git(repository.path, "add", "--all")
    git(repository.path, "commit", "--quiet", "--message", "twice")
    again.unlink()

    done = repository.run("plan", "--tenants-from", "HEAD")

    assert done.code == 1
    assert f"HEAD:{LOCAL}:" in done.err
    assert "error[REC-NAME]" in done.err


def test_a_file_of_the_ref_that_cannot_be_read_is_named_and_the_others_are_planned(repository):
    repository.write("desired-state/broken.yaml", "kind: [\n")
    git(repository.path, "add", "--all")
    git(repository.path, "commit", "--quiet", "--message", "broken")
    (repository.path / "desired-state/broken.yaml").unlink()

    done = repository.run("plan", "--tenants-from", "HEAD")

    assert done.code == 0, done.everything
    assert "not planned: HEAD:desired-state/broken.yaml\n" in done.out
    assert "Plan: 2 to add" in done.out


@pytest.mark.parametrize("ref", ["nowhere", "", "-x", "origin/main:desired-state"])
def test_plan_refuses_a_ref_that_names_no_commit(repository, ref):
    done = repository.run("plan", f"--tenants-from={ref}", "--markdown", "plan.md")

    assert done.code == 1
    assert "Traceback" not in done.err
    assert not (repository.path / "plan.md").exists()


@pytest.mark.parametrize("command", ["apply", "validate"])
def test_only_plan_takes_tenants_from_elsewhere(repository, command):
    done = repository.run(command, "--tenants-from", "origin/main")

    assert done.code == 1
    assert f"`reconciler {command}` has no option --tenants-from; `plan` has it" in done.err


def test_a_ref_without_tenants_plans_none_and_says_so(repository):
    git(repository.path, "rm", "--quiet", "-r", "--cached", "desired-state/tenants")
    git(repository.path, "commit", "--quiet", "--message", "no tenants")

    done = repository.run("plan", "--tenants-from", "HEAD")

    assert done.code == 0, done.everything
    assert "only in the folder, not contacted: local" in done.out
    assert "No tenant was planned. Plan: 0 to add" in done.out


def test_a_pull_request_cannot_rid_itself_of_its_owners(repository):
    hr = "desired-state/extensions/hr-extension.yaml"
    owned = "spec:\n  owners: {exposing: ['@acme/privacy']}\n  personal: [payrollStartDate]\n"
    repository.edit(hr, "spec:\n", owned)
    git(repository.path, "commit", "--quiet", "--all", "--message", "owned")
    repository.edit(hr, owned, "spec:\n  owners: {additive: ['@me']}\n")

    done = repository.run("plan", "--tenants-from", "HEAD")

    assert "Must approve what is exposing: @acme/privacy: hr-extension (1 tenant)\n" in done.out
    assert "Must approve what is additive: @me: hr-extension (1 tenant)\n" in done.out
    assert "Must approve what is exposing" not in repository.run("plan").out


def test_an_attribute_with_personal_data_can_be_taken_out(repository):
    hr = "desired-state/extensions/hr-extension.yaml"
    repository.edit(hr, "spec:\n", "spec:\n  personal: [isContractor, payrollStartDate]\n")
    git(repository.path, "commit", "--quiet", "--all", "--message", "personal")
    text = (repository.path / hr).read_text()
    remaining = [line for line in text.splitlines() if "name: payroll" not in line]
    repository.write(hr, "\n".join(remaining).replace(", payrollStartDate]", "]"))

    done = repository.run("plan", "--tenants-from", "HEAD")

    assert done.code == 0, done.everything
    assert "Plan: 2 to add" in done.out
    assert "personal data, returned unasked" in done.out  # of the other one


def test_the_template_and_the_rows_of_a_tenant_set_are_those_of_the_ref(repository, listener):
    fleet = "desired-state/tenants/fleet.yaml"
    template = (
        "apiVersion: reconciler/v1\nkind: TenantSet\nmetadata: {name: fleet}\n"
        'spec: {rows: ROWS, template: {dialect: rfc7644, baseUrl: "embedded://{name}"}}\n'
    )
    repository.write(fleet, template.replace("ROWS", "fleet.csv"))
    repository.write("desired-state/tenants/fleet.csv", "name\nacme\nglobex\n")
    git(repository.path, "add", ".")
    git(repository.path, "commit", "--quiet", "--message", "a fleet")
    port = listener.getsockname()[1]
    evil_template = f'{{dialect: genesys, baseUrl: "http://127.0.0.1:{port}/{{name}}"}}'
    repository.write(
        fleet,
        template.replace("ROWS", "fleet.json").partition("{rows")[0]
        + f"{{rows: fleet.json, template: {evil_template}}}\n",
    )
    repository.write("desired-state/tenants/fleet.json", '[{"name": "acme"}, {"name": "initech"}]')

    done = repository.run("plan", "--tenants-from", "HEAD", "--format", "json")

    plan = json.loads(done.out)
    planned = {each["name"]: each["base_url"] for each in plan["tenants"]}
    named = {name: f"embedded://{name}" for name in ("acme", "globex", "local")}
    assert (done.code, planned) == (0, named)
    source = plan["tenants_from"]
    assert (source["changed"], source["added"]) == (["acme"], ["initech"])
    assert source["removed"] == ["globex"]
    assert nobody_called(listener)


def test_a_tenant_set_of_the_ref_without_its_rows_stops_no_other_tenant(repository):
    fleet = (
        "apiVersion: reconciler/v1\nkind: TenantSet\nmetadata: {name: fleet}\n"
        'spec: {rows: ROWS, template: {dialect: rfc7644, baseUrl: "embedded://{name}"}}\n'
    )
    for name, rows in (("gone", "gone.csv"), ("outside", "../../outside.csv")):
        text = fleet.replace("fleet", name).replace("ROWS", rows)
        repository.write(f"desired-state/tenants/{name}.yaml", text)
    repository.write("outside.csv", "name\nacme\n")
    git(repository.path, "add", ".")
    git(repository.path, "commit", "--quiet", "--message", "fleets without rows")
    git(repository.path, "rm", "--quiet", "-r", "desired-state/tenants/gone.yaml",
        "desired-state/tenants/outside.yaml")  # fmt: skip

    done = repository.run("plan", "--tenants-from", "HEAD", "--format", "json")

    plan = json.loads(done.out)
    assert [each["name"] for each in plan["tenants"]] == ["local"]
    unread = [f"HEAD:desired-state/tenants/{name}.yaml" for name in ("gone", "outside")]
    assert plan["tenants_from"]["unread"] == unread
