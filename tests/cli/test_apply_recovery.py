"""`apply --recover-only`, and every apply: what a run left open is settled, never guessed."""

import json

import pytest

from reconciler.domain.jsontext import Json
from tests.support.arena import Answer, Seen, front_of
from tests.support.program import DevTenant, Folder, assert_reported
from tests.support.store_world import validator

SCHEMA = validator("report")


def report(folder: Folder) -> dict:
    document: dict = json.loads((folder.path / "report.json").read_text())
    assert [error.message for error in SCHEMA.iter_errors(document)] == []
    return document


URN = "urn:acme:2.0:User:HR"
TENANT, EXTENSION = "desired-state/tenants/dev.yaml", "desired-state/hr.yaml"
GRADE = "{name: grade, type: string}"
RECOVER = ("apply", "--recover-only")
IMPATIENT = ("--retry-deadline", "1")  # else what is not shown is waited for


def with_one_extension(folder: Folder) -> None:
    """A manifest that speaks for its own attributes only, in place of those that are shipped."""
    for shipped in folder.path.glob("desired-state/extensions/*.yaml"):
        shipped.unlink()
    text = (
        "apiVersion: reconciler/v1\nkind: SchemaExtension\nmetadata: {name: hr}\nspec:\n"
        "  onDrift: update\n  manages: attributes\n"
        f"  schema: {{id: '{URN}', name: HR, attributes: [{GRADE}]}}\n"
    )
    folder.write(EXTENSION, text)


def named(live: Json, *names: str) -> Json:
    """A live schema with attributes of those names, all alike."""
    return live | {"attributes": [live["attributes"][0] | {"name": name} for name in names]}


def test_an_attribute_of_others_that_vanished_with_the_write_is_a_conflict(dev_tenant: DevTenant):
    """The service does what it was asked, drops what it was not asked about, and falls silent."""
    folder = dev_tenant.folder
    with_one_extension(folder)
    folder.run("apply", "--auto-approve")
    dev_tenant.put(URN, named(dev_tenant.get(URN), "grade", "theirs"))
    reported = len(dev_tenant.inbox())
    folder.edit(EXTENSION, GRADE, f"{GRADE}, {GRADE.replace('grade', 'level')}")

    def careless(seen: Seen) -> Answer | None:
        if seen.method == "PUT":
            dev_tenant.put(URN, named(dev_tenant.get(URN), "grade", "level"))
        return (503, {}) if any(before.method == "PUT" for before in front.seen) else None

    with front_of(dev_tenant.base_url) as front:
        folder.edit(TENANT, dev_tenant.base_url, f"{front.root}/scim/v2")
        front.instead = careless
        cut = folder.run("apply", "--auto-approve", "--retry-deadline", "1")
        front.calm()
        recovered = folder.run(*RECOVER)
        again = folder.run(*RECOVER)

    assert (cut.code, recovered.code, again.code) == (3, 3, 0)
    assert "1 unknown" in cut.out
    assert "what the write was not about is not as before: attributes.theirs gone;" in recovered.out
    assert "nothing was left open" in again.out
    assert len(dev_tenant.inbox()) == reported


def test_an_attribute_of_others_that_a_put_alters_is_a_conflict_that_names_both_values(
    dev_tenant: DevTenant,
):
    """Ours is as desired afterwards; what others have is not what it was."""
    folder = dev_tenant.folder
    with_one_extension(folder)
    folder.run("apply", "--auto-approve")
    ours = dev_tenant.get(URN)
    parts = [{"name": "iban"}, {"name": "bic"}]
    theirs = {"name": "theirs", "type": "complex", "returned": "request", "subAttributes": parts}
    dev_tenant.put(URN, ours | {"attributes": [*ours["attributes"], theirs]})
    reported = len(dev_tenant.inbox())
    folder.edit(EXTENSION, GRADE, f"{GRADE}, {GRADE.replace('grade', 'level')}")

    def simplified(seen: Seen) -> Answer | None:
        if not any(before.method == "PUT" for before in front.seen[:-1]) or front.arrived.is_set():
            return None
        live = dev_tenant.get(URN)
        rest = [each for each in live["attributes"] if each["name"] != "theirs"]
        dev_tenant.put(URN, live | {"attributes": [*rest, {"name": "theirs", "type": "string"}]})
        front.arrived.set()
        return None

    with front_of(dev_tenant.base_url) as front:
        folder.edit(TENANT, dev_tenant.base_url, f"{front.root}/scim/v2")
        front.instead = simplified
        applied = folder.run("apply", "--auto-approve")

    assert applied.code == 3, applied.everything
    assert 'attributes.theirs.type "complex" → "string"' in applied.out
    assert 'attributes.theirs.returned "request" → "default"' in applied.out
    assert "attributes.theirs.subAttributes.bic gone" in applied.out
    ended = [each for each in folder.audit() if each["event"] == "SCHEMA_EXTENSION_UPDATED"]
    assert ended[-1]["status"] == "FAILED"
    assert "attributes.theirs.returned" in ended[-1]["detail"]
    assert len(dev_tenant.inbox()) == reported


@pytest.mark.parametrize("look", [1, 2])
def test_a_confirmed_create_is_not_sent_again_by_the_run_after_a_kill(
    dev_tenant: DevTenant, look: int
):
    """The service answers 201 and shows the schema only after the run was killed."""
    folder = dev_tenant.folder
    with_one_extension(folder)
    dev_tenant.set_faults(lag_reads=4)

    def stalls(seen: Seen) -> bool:
        methods = [each.method for each in front.seen if URN in each.path or each.writes]
        return "POST" in methods[-look - 1 :][:1] and seen.path.endswith(URN)

    with front_of(dev_tenant.base_url) as front:
        folder.edit(TENANT, dev_tenant.base_url, f"{front.root}/scim/v2")
        front.stalls = stalls
        killed = folder.start("apply", "--auto-approve")
        try:
            assert front.arrived.wait(30)
        finally:
            killed.kill()
            killed.communicate(timeout=30)
        posts = [s for s in front.seen if s.method == "POST" and "/Schemas" in s.path]
        front.calm()
        again = folder.run("apply", "--auto-approve")
        posts += [s for s in front.seen if s.method == "POST" and "/Schemas" in s.path]

    assert again.code == 0, again.everything
    assert "recovered as applied" in again.out
    assert len(posts) == 1
    assert len(dev_tenant.inbox()) == 1


def test_a_service_that_shows_in_its_list_alone_is_created_changed_and_recovered(
    dev_tenant: DevTenant,
):
    folder = dev_tenant.folder
    with_one_extension(folder)

    def by_id(seen: Seen) -> Answer | None:
        return (404, {}) if seen.method == "GET" and seen.path.endswith(URN) else None

    with front_of(dev_tenant.base_url) as front:
        folder.edit(TENANT, dev_tenant.base_url, f"{front.root}/scim/v2")
        front.instead = by_id
        made = folder.run("apply", "--auto-approve")
        folder.edit(EXTENSION, GRADE, f"{GRADE}, {GRADE.replace('grade', 'level')}")
        changed = folder.run("apply", "--auto-approve")
        planned = folder.run("plan", "--detailed-exitcode")

    assert_reported(made, 0, "1 added")
    assert_reported(changed, 0, "1 changed")
    assert planned.code == 0, planned.everything


def test_recovery_of_a_tenant_that_moved_names_where_to_look(
    dev_tenant: DevTenant,
):
    folder = dev_tenant.folder
    with_one_extension(folder)
    was, now = dev_tenant.base_url, "http://127.0.0.1:1/scim/v2"  # where nobody would answer
    dev_tenant.set_faults(ignore_posts=True)
    folder.run("apply", "--auto-approve", *IMPATIENT)
    dev_tenant.set_faults()
    folder.edit(TENANT, was, now)

    moved = folder.run(*RECOVER)
    folder.edit(TENANT, now, was)
    done = folder.run("apply", "--auto-approve")

    reported = (
        f"recovered as conflict: the write was addressed to {was}, and the tenant is at {now}"
    )
    assert moved.code == 3, moved.everything
    assert reported in moved.out
    assert f"look at {was}" in moved.out
    assert done.code == 0, done.everything
    assert "1 added" in done.out
    assert "recovered" not in done.out


def test_a_late_write_is_announced_by_the_next_apply(dev_tenant: DevTenant):
    """The service takes the create, its client dies, and it does it after somebody looked."""
    folder = dev_tenant.folder
    with_one_extension(folder)
    dev_tenant.set_faults(ignore_posts=True)
    folder.run("apply", "--auto-approve", *IMPATIENT)
    dev_tenant.set_faults()
    looked = folder.run(*RECOVER)
    dev_tenant.post({"id": URN, "name": "HR", "attributes": [{"name": "grade", "type": "string"}]})

    planned = folder.run("plan", "--detailed-exitcode")
    applied = folder.run("apply", "--auto-approve")
    again = folder.run("apply", "--auto-approve")

    assert "recovered as not-applied" in looked.out
    assert planned.code == 0, planned.everything
    assert applied.code == 0, applied.everything
    assert "dev/hr: announced late: it is as it was wanted, and HR" in applied.out
    assert "announced" not in again.out
    [reported] = dev_tenant.inbox()
    assert json.loads(reported["body"])["event_type"] == "SCHEMA_EXTENSION_DEPLOYED"


def test_an_unknown_outcome_is_settled_by_the_next_run(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    dev_tenant.set_faults(ignore_posts=True)
    folder.run("apply", "--auto-approve", *IMPATIENT)
    dev_tenant.set_faults()

    done = folder.run("apply", "--auto-approve")

    assert_reported(done, 0, "recovered as not-applied", "2 added")
    assert folder.run("audit", "verify").code == 0


def test_recovery_needs_no_approval_and_takes_none(folder: Folder):
    nothing = folder.run("apply", "--recover-only", "--report", "report.json")
    refused = folder.run("apply", "--recover-only", "--approve", "sha256:" + "0" * 64)

    assert nothing.code == 0, nothing.everything
    assert "Recovery complete! Extensions: nothing was left open." in nothing.out
    assert "Plan:" not in nothing.out
    assert report(folder)["run"]["plan_digest"] is None
    assert refused.code == 1
    assert "plans nothing" in refused.err


def test_an_unknown_outcome_is_recovered_and_announced(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    dev_tenant.set_faults(lag_reads=50)
    first = folder.run("apply", "--auto-approve", *IMPATIENT, "--target", "hr-*")
    dev_tenant.set_faults()

    recovered = folder.run("apply", "--recover-only", "--report", "report.json")

    assert first.code == 3
    assert "unknown" in first.out
    assert recovered.code == 0, recovered.everything
    assert len(dev_tenant.schemas()) == 1
    assert report(folder)["tenants"][0]["recovered"][0]["outcome"] == "applied"
    assert "recovered as applied" in recovered.out
    assert len(dev_tenant.inbox()) == 1
