"""What is known to be wrong with a webhook is an error of its tenant before its first write."""

import json
from collections.abc import Callable

import pytest

from tests.support.program import DevTenant, Folder, assert_reported
from tests.support.receiver import receiving

MANIFEST = "desired-state/tenants/dev.yaml"
APPLY = ("apply", "--auto-approve", "--target", "hr-extension", "--report", "report.json")
GOOD = "whsec_" + "a2tr" * 10 + "a2s="


@pytest.fixture
def tenant(dev_tenant: DevTenant) -> DevTenant:
    """A tenant whose webhook takes its secret from HR_SECRET."""
    dev_tenant.folder.edit(MANIFEST, "{file: dev-webhook-secret}", "{env: HR_SECRET}")
    return dev_tenant


def beside(folder: Folder) -> None:
    folder.write(
        "desired-state/tenants/local.yaml",
        "apiVersion: reconciler/v1\nkind: Tenant\nmetadata: {name: local}\n"
        "spec: {dialect: genesys, baseUrl: embedded://local}\n",
    )


MALFORMED = {
    "no prefix": "a2tr" * 10 + "a2s=",
    "a word": "not-a-secret",
    "no base64": "whsec_" + "?" * 44,
    "too short": "whsec_" + "a2tr" * 5,
    "too long": "whsec_" + "a2tr" * 22,
    "two lines": GOOD[:20] + "\n" + GOOD[20:],
    "another prefix": "WHSEC_" + GOOD[6:],
    "no padding": GOOD.rstrip("="),
}


@pytest.mark.parametrize("secret", MALFORMED.values(), ids=MALFORMED)
def test_a_secret_that_is_no_key_is_an_error_of_its_tenant_and_a_warning_of_plan_and_doctor(
    tenant: DevTenant, secret: str
) -> None:
    folder = tenant.folder
    wrong = "what variable HR_SECRET holds is no key; a webhook secret has to be whsec_ and"

    planned = folder.run("plan", HR_SECRET=secret)
    doctored = folder.run("doctor", "dev", HR_SECRET=secret)
    alone = folder.run(*APPLY, HR_SECRET=secret)

    assert_reported(planned, 0, "warning: webhook http", MANIFEST, wrong)
    assert_reported(doctored, 0, wrong)
    assert_reported(alone, 1, "/hr-extension: not-attempted: webhook http", wrong)
    assert tenant.schemas() == []
    assert tenant.inbox() == []
    assert all(
        secret not in done.everything and secret.removeprefix("whsec_") not in done.everything
        for done in (planned, doctored, alone)
    )
    beside(folder)
    assert_reported(folder.run(*APPLY, HR_SECRET=secret), 3, wrong, "1 added", "1 not-attempted")
    assert tenant.schemas() == []


def test_a_secret_that_is_not_set_stops_its_tenant_and_no_plan_warns_of_it(
    tenant: DevTenant,
) -> None:
    folder = tenant.folder
    beside(folder)

    planned = folder.run("plan", "--format", "json")
    doctored = folder.run("doctor", "dev")
    done = folder.run(*APPLY)

    assert planned.code == 0
    assert [each["warnings"] for each in json.loads(planned.out)["tenants"]] == [[], []]
    assert_reported(doctored, 0, "variable HR_SECRET is not set")
    assert_reported(
        done, 3, "dev/hr-extension: not-attempted", "variable HR_SECRET is not set", "1 added"
    )
    assert tenant.schemas() == []
    assert_reported(folder.run(*APPLY, HR_SECRET=GOOD), 0, "1 added")


def test_a_tenant_with_nothing_to_write_is_well_without_the_secret(tenant: DevTenant) -> None:
    assert_reported(tenant.folder.run(*APPLY, HR_SECRET=GOOD), 0, "1 added")

    assert_reported(tenant.folder.run(*APPLY), 0, "0 added")


def test_what_a_job_without_the_secret_recovers_is_announced_by_one_that_has_it(
    tenant: DevTenant,
) -> None:
    folder = tenant.folder
    secret = (tenant.secrets / "dev-webhook-secret").read_text().strip()
    tenant.set_faults(lag_reads=50)
    cut = folder.run(*APPLY, "--retry-deadline", "1", HR_SECRET=secret)
    tenant.set_faults()

    recovered = folder.run("apply", "--recover-only")
    delivered = folder.run("webhooks", "deliver", "--now", HR_SECRET=secret)
    announced = folder.run(*APPLY, HR_SECRET=secret)

    assert_reported(cut, 3, "unknown")
    assert_reported(recovered, 0, "recovered as applied", "the next apply looks again")
    assert_reported(delivered, 0, "0 delivered")
    assert_reported(announced, 0, "1 delivered, 0 pending")
    assert len(tenant.inbox()) == 1


def test_an_approval_does_not_depend_on_the_secret(tenant: DevTenant) -> None:
    folder = tenant.folder
    digest = folder.plan()["digest"]
    folder.save_plan()

    assert_reported(folder.run("apply", "--approve", digest, HR_SECRET="x"), 1, "not-attempted")
    assert_reported(folder.run("apply", "plan.json"), 1, "not-attempted")
    assert_reported(folder.run("apply", "plan.json", HR_SECRET=GOOD), 0, "2 added")


@pytest.mark.parametrize("first", [True, False])
def test_of_two_secrets_each_has_to_be_a_key(tenant: DevTenant, first: bool) -> None:
    folder = tenant.folder
    names = ("NEW", "OLD") if first else ("OLD", "NEW")
    folder.edit(MANIFEST, "{env: HR_SECRET}", f"[{{env: {names[0]}}}, {{env: {names[1]}}}]")

    wrong = folder.run(*APPLY, OLD=GOOD, NEW="not-a-secret")
    unset = folder.run(*APPLY, OLD=GOOD)
    well = folder.run(*APPLY, OLD=GOOD, NEW="whsec_" + "b2tr" * 10 + "b2s=")

    assert_reported(wrong, 1, "what variable NEW holds is no key")
    assert_reported(unset, 1, "variable NEW is not set")
    assert_reported(well, 0, "1 added")


def missing(folder: Folder) -> None:
    """Nothing is done: there is no such file."""


def empty(folder: Folder) -> None:
    folder.write("secrets/hook", " \n")


def two_lines(folder: Folder) -> None:
    folder.write("secrets/hook", GOOD[:20] + "\n" + GOOD[20:])


def too_large(folder: Folder) -> None:
    folder.write("secrets/hook", "whsec_" + "a" * 70_000)


def no_text(folder: Folder) -> None:
    folder.write("secrets/hook", "").write_bytes(b"\xff\xfe")


def a_folder(folder: Folder) -> None:
    folder.write("secrets/hook/inner", GOOD)


@pytest.mark.parametrize(
    ("make", "warns"),
    [
        (missing, False),
        (empty, False),
        (a_folder, False),
        (two_lines, True),
        (too_large, True),
        (no_text, True),
    ],
)
def test_a_file_that_holds_no_key_is_named(
    dev_tenant: DevTenant, make: Callable[[Folder], None], warns: bool
) -> None:
    folder = dev_tenant.folder
    for what in ("client-id", "client-secret"):
        folder.write(f"secrets/dev-{what}", dev_tenant.secret(what))
    folder.environ["RECONCILER_SECRETS_DIR"] = "secrets"
    folder.edit(MANIFEST, "{file: dev-webhook-secret}", "{file: hook}")
    make(folder)

    planned = folder.run("plan")
    done = folder.run(*APPLY)

    assert ("warning: webhook" in planned.out) is warns, planned.everything
    assert_reported(done, 1, "not-attempted: webhook", "file hook")
    assert dev_tenant.schemas() == []
    folder.run("doctor", "dev")


@pytest.mark.parametrize(
    ("url", "hosts", "reported"),
    [
        ("https://hr.example.com/sync", "other.example.com", "hr.example.com is not in RECONCILER"),
        ("https://hr.example.com/sync", "", "is not in RECONCILER_WEBHOOK_HOSTS"),
        ("https://10.1.2.3/sync", None, "host 10.1.2.3 is at 10.1.2.3, which is not public"),
        ("https://[fe80::1]/sync", None, "which is not public"),
        ("https://169.254.169.254/sync", None, "which is not public"),
        ("https://167837953/sync", None, "host 167837953 is at 10.1.1.1, which is not public"),
    ],
)
def test_a_url_that_may_not_be_reached_is_an_error_before_the_write(
    tenant: DevTenant, url: str, hosts: str | None, reported: str
) -> None:
    folder = tenant.folder
    folder.edit(MANIFEST, f"{tenant.root}/hr/scim/sync", url)
    environ = {"HR_SECRET": GOOD} | ({} if hosts is None else {"RECONCILER_WEBHOOK_HOSTS": hosts})

    planned = folder.run("plan", **environ)
    doctored = folder.run("doctor", "dev", **environ)
    done = folder.run(*APPLY, **environ)

    # A plan's job need not have the list, and looks no name up.
    assert ("warning: webhook" in planned.out) is (hosts is not None), planned.everything
    assert_reported(doctored, 0, reported)
    assert_reported(done, 1, "not-attempted: webhook", reported)
    assert tenant.schemas() == []


def test_what_was_never_sent_is_no_attempt(tenant: DevTenant) -> None:
    folder = tenant.folder
    with receiving(GOOD) as receiver:
        folder.edit(MANIFEST, f"{tenant.root}/hr/scim/sync", receiver.url)
    applied = folder.run(*APPLY, HR_SECRET=GOOD)
    [before] = folder.output("webhooks", "list")["data"]["webhooks"]
    trail = len(folder.audit())

    with receiving(GOOD, port=receiver.port) as receiver:
        runs = [
            folder.run("webhooks", "deliver", "--now", **environ)
            for environ in (
                {},
                {"HR_SECRET": "not-a-secret"},
                {"HR_SECRET": GOOD, "RECONCILER_WEBHOOK_HOSTS": "hr.example.com"},
            )
        ]
        [after] = folder.output("webhooks", "list")["data"]["webhooks"]
        assert len(folder.audit()) == trail
        sent = folder.run("webhooks", "deliver", "--now", HR_SECRET=GOOD)

    assert (applied.code, before["attempts"]) == (0, 1)
    assert after == before
    for run, reason in zip(
        runs, ("HR_SECRET is not set", "HR_SECRET holds is no key", "is not in"), strict=True
    ):
        assert_reported(run, 1, "1 webhook not tried: dev: to http", reason, "1 pending")
    assert (sent.code, sent.out) == (0, "1 delivered, 0 pending\n")
    assert len(receiver.got) == 1


def test_one_tenants_missing_secret_delivers_what_waits_for_the_others(tenant: DevTenant) -> None:
    folder = tenant.folder
    with receiving(GOOD) as receiver:
        folder.edit(MANIFEST, f"{tenant.root}/hr/scim/sync", receiver.url)
    folder.run(*APPLY, HR_SECRET=GOOD)
    text = (folder.path / MANIFEST).read_text()
    folder.write("desired-state/tenants/twin.yaml", text.replace("name: dev", "name: twin", 1))
    folder.edit("desired-state/tenants/twin.yaml", "{env: HR_SECRET}", "{env: TWIN_SECRET}")

    with receiving(GOOD, port=receiver.port) as receiver:
        done = folder.run("webhooks", "deliver", "--now", HR_SECRET=GOOD)

    assert (done.code, done.out) == (0, "1 delivered, 0 pending\n"), done.everything


def test_one_tenants_missing_client_secret_stops_that_tenant_alone(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    beside(folder)
    folder.edit(MANIFEST, "{file: dev-client-secret}", "{file: none}")

    done = folder.run(*APPLY)

    assert_reported(done, 3, "dev: not readable: ", "there is no file none", "1 added")
    folder.edit(MANIFEST, "{file: dev-webhook-secret}", "{env: HR_SECRET}")
    doctored = folder.run("doctor", "dev", HR_SECRET="not-a-secret")
    assert_reported(doctored, 1, "there is no file none", "what variable HR_SECRET holds is no key")
