"""`--state` as a file: one that cannot be used, and one that goes with its job."""

import json

import pytest

from tests.support.applied import applied, query
from tests.support.program import HR_URN, WORK_URN, DevTenant, Folder, assert_reported

__all__ = ["applied"]

CANARY = "canary-7f3a9c51e2"


WARNING = "warning: this is a CI job and no --state is given"
APPLY = ("apply", "--auto-approve")


@pytest.mark.parametrize("ci", ["true", "1", "yes"])
def test_a_ci_job_that_names_no_store_is_warned(folder: Folder, ci: str) -> None:
    done = folder.run(*APPLY, CI=ci)

    assert done.code == 0, done.everything
    assert WARNING in done.err
    assert "audit trail, the webhooks that wait and what a killed run left open" in done.err
    assert done.out.endswith("Webhooks: 2 delivered, 0 pending.\n")


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        ((), {}),
        ((), {"CI": "false"}),
        ((), {"CI": ""}),
        ((), {"CI": "true", "RECONCILER_STATE": "sqlite:///kept/state.db"}),
        (("--state", "sqlite:///.reconciler/state.db"), {"CI": "true"}),
        (("--quiet",), {"CI": "true"}),
    ],
)
def test_a_ci_job_that_names_its_store_is_not_warned(
    folder: Folder, arguments: tuple[str, ...], environ: dict[str, str]
) -> None:
    done = folder.run(*APPLY, *arguments, **environ)

    assert done.code == 0, done.everything
    assert WARNING not in done.err


def test_a_plan_keeps_no_state_and_warns_of_none(folder: Folder) -> None:
    assert WARNING not in folder.run("plan", CI="true").everything


def test_pending_webhooks_are_named_in_summary_and_report(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    dev_tenant.set_faults(hr_down=True)

    done = folder.run(*APPLY, "--report", "report.json", CI="true")

    pending = json.loads((folder.path / "report.json").read_text())["deliveries"]["pending"]
    assert len(pending) == 2
    assert HR_URN in {waiting["schema_id"] for waiting in pending}
    names = {HR_URN: "hr-extension", WORK_URN: "work-assignments"}
    for waiting in pending:
        about = f"dev/{names[waiting['schema_id']]}"
        named = f"{waiting['event_id']} of {about} to {waiting['url']}"
        assert f"webhook pending: {named}\n" in done.out
    assert "2 pending; they are lost with this disk: run `reconciler webhooks deliver" in done.out

    dev_tenant.set_faults()
    sent = folder.run("webhooks", "deliver", "--now", CI="true")

    assert sent.out == "2 delivered, 0 pending\n"
    assert WARNING in sent.err


def test_on_a_disk_that_stays_the_next_run_tries_again(dev_tenant: DevTenant) -> None:
    dev_tenant.set_faults(hr_down=True)

    done = dev_tenant.folder.run(*APPLY)

    assert "2 pending; the next apply or `reconciler webhooks deliver` tries again." in done.out
    assert "webhook pending" not in done.out


def test_a_state_folder_that_cannot_be_written_stops_before_any_request(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    folder.write("a-file", "")

    done = folder.run("apply", "--auto-approve", "--state", "sqlite:///a-file/state.db")

    assert_reported(done, 1, "a-file", "--state")
    assert dev_tenant.schemas() == []


@pytest.mark.parametrize(
    ("url", "word"),
    [
        (f"postgresql://u:{CANARY}@db/x", "holds a password"),
        ("mysql://db/x", "sqlite:///"),
        ("state.db", "sqlite:///"),
    ],
)
def test_a_state_url_that_cannot_be_used_is_refused_and_not_echoed(folder: Folder, url, word):
    done = folder.run("apply", "--auto-approve", "--state", url)

    assert_reported(done, 1, word)
    assert CANARY not in done.everything


@pytest.mark.parametrize("option", ["--keep-delivered", "--state-deadline"])
def test_the_largest_number_of_days_or_seconds_is_accepted(applied: Folder, option: str) -> None:
    query(applied, "UPDATE outbox SET delivered_at = '1900-01-01T00:00:00.000Z'")

    done = applied.run("webhooks", "deliver", "--keep-delivered", "1000000", option, "999999999")

    assert (done.code, done.err) == (0, "")
    assert applied.run("webhooks", "list", "--state-deadline", "999999999").out
