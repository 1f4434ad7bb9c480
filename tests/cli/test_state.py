"""A CI job's disk goes with the job: what is lost with it is said, and what waits is named."""

import json

import pytest

from tests.support.program import HR_URN, DevTenant, Folder

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
def test_whoever_has_decided_where_the_store_is_hears_nothing(
    folder: Folder, arguments: tuple[str, ...], environ: dict[str, str]
) -> None:
    done = folder.run(*APPLY, *arguments, **environ)

    assert done.code == 0, done.everything
    assert "warning" not in done.err


def test_a_plan_keeps_no_state_and_warns_of_none(folder: Folder) -> None:
    assert WARNING not in folder.run("plan", CI="true").everything


def test_what_waits_is_named_in_the_summary_and_in_the_report(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    dev_tenant.set_faults(hr_down=True)

    done = folder.run(*APPLY, "--report", "report.json", CI="true")

    pending = json.loads((folder.path / "report.json").read_text())["deliveries"]["pending"]
    assert len(pending) == 2
    assert HR_URN in {waiting["schema_id"] for waiting in pending}
    for waiting in pending:
        named = f"{waiting['event_id']} of dev: {waiting['schema_id']} to {waiting['url']}"
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
