"""Variables of the environment: the known ones count, a slip is an error, the others a warning."""

import pytest

from reconciler.adapters.settings import Settings
from reconciler.cli.commands import COMMANDS, dev_tenant
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.given import options_of
from reconciler.cli.options import options_in, variable_of
from tests.support.program import Folder, assert_reported

LISTS = "RECONCILER_ALLOWED_ORIGINS", "RECONCILER_WEBHOOK_HOSTS"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("RECONCILER_ALLOWED_ORIGIN", "RECONCILER_ALLOWED_ORIGINS"),
        ("RECONCILER_ALLOWED_ORGINS", "RECONCILER_ALLOWED_ORIGINS"),
        ("RECONCILER_ALOWED_ORIGIN", "RECONCILER_ALLOWED_ORIGINS"),
        ("RECONCILER_WEBHOOK_HOST", "RECONCILER_WEBHOOK_HOSTS"),
        ("RECONCILER_WEBHOOKS_HOSTS", "RECONCILER_WEBHOOK_HOSTS"),
        ("RECONCILLER_ALLOWED_ORIGINS", "RECONCILER_ALLOWED_ORIGINS"),
        ("RECONCILE_ALLOWED_ORIGINS", "RECONCILER_ALLOWED_ORIGINS"),
        ("RECONILIER_WEBHOOK_HOSTS", "RECONCILER_WEBHOOK_HOSTS"),
        ("RECONCILERALLOWED_ORIGINS", "RECONCILER_ALLOWED_ORIGINS"),
        ("XRECONCILER_STATE", "RECONCILER_STATE"),
        ("reconciler_allowed_origins", "RECONCILER_ALLOWED_ORIGINS"),
        ("RECONCILER_ALLOWED-ORIGINS", "RECONCILER_ALLOWED_ORIGINS"),
        ("RECONCILER_STATEDEADLINE", "RECONCILER_STATE_DEADLINE"),
        ("RECONCILER_MAX_TENANT", "RECONCILER_MAX_TENANTS"),
        ("RECONCILER_TENANTS", "RECONCILER_TENANT"),
        ("RECONCILER_DESIRED_STATES", "RECONCILER_DESIRED_STATE"),
    ],
)
def test_a_variable_that_is_nearly_a_known_one_is_an_error_in_every_command(
    folder: Folder, name: str, meant: str
) -> None:
    text = f"{name} (did you mean {meant}?)"

    for command in (("validate",), ("plan",), ("audit", "list")):
        assert_reported(folder.run(*command, **{name: "x"}), 1, text)


def test_the_value_of_a_variable_under_a_wrong_name_is_not_shown(folder: Folder) -> None:
    done = folder.run("validate", RECONCILER_ALLOWED_ORIGIN="https://canary.example")

    assert "canary" not in done.everything


def test_several_slips_are_shown_at_once(folder: Folder) -> None:
    slips = {"RECONCILER_ALLOWED_ORIGIN": "", "RECONCILER_WEBHOOK_HOST": ""}

    assert_reported(folder.run("validate", **slips), 1, *slips)


def test_a_known_variable_is_no_slip_of_another_one(folder: Folder) -> None:
    """All of them, whichever command runs: `RECONCILER_TENANT` may be set for `plan` alone."""
    for command in COMMANDS:
        classes = (CommonOptions, command.load().Options)
        options = [each for options in classes for each in options_in(options)]
        names = [variable_of(name) for name, option in options if not option.positional]
        done = folder.run("schema", "plan", **dict.fromkeys((*names, *LISTS), ""))

        assert (done.code, done.err) == (0, ""), command


@pytest.mark.parametrize("name", ["RECONCILER_FRONTEND_URL", "RECONCILER_IMAGE_TAG"])
def test_any_other_variable_of_our_name_is_a_warning(folder: Folder, name: str) -> None:
    done = folder.run("schema", "plan", **{name: "x"})

    assert (done.code, done.err) == (
        0, f"warning: {name} is set, and is no option or setting of ours\n",
    )  # fmt: skip
    assert folder.run("schema", "plan", "--quiet", **{name: "x"}).err == ""


@pytest.mark.parametrize(
    "name", ["USER_NAME", "DOCKER_HOST", "CONTAINER_ID", "RECON", "RECONCILER"]
)
def test_other_variables_are_nothing_to_us(folder: Folder, name: str) -> None:
    assert folder.run("schema", "plan", **{name: "x"}).err == ""


def of_a_service(name: str) -> dict[str, str]:
    """What Kubernetes sets in a container for a service of two ports, in its own spelling."""
    ports = {"8080": "TCP", "9000": "UDP"}
    urls = {
        f"{name}_PORT_{port}_{kind}": f"{kind.lower()}://10.96.0.7:{port}"
        for port, kind in ports.items()
    }
    parts = {
        f"{url}_{part}": value
        for url, whole in urls.items()
        for part, value in (
            ("PROTO", whole.split(":")[0]), ("PORT", whole.split(":")[-1]), ("ADDR", "10.96.0.7"),
        )
    }  # fmt: skip
    return {
        f"{name}_SERVICE_HOST": "10.96.0.7",
        f"{name}_SERVICE_PORT": "8080",
        f"{name}_SERVICE_PORT_HTTP": "8080",
        f"{name}_SERVICE_PORT_METRICS_2": "9000",
        f"{name}_PORT": "tcp://10.96.0.7:8080",
        **urls,
        **parts,
    }


@pytest.mark.parametrize(
    "service", ["RECONCILER", "RECONCILER_DEV_TENANT", "RECONCILERS", "RECONCILER_STATE"]
)
def test_what_kubernetes_sets_for_a_service_is_ignored(folder: Folder, service: str) -> None:
    done = folder.run("schema", "plan", **of_a_service(service))

    assert (done.code, done.err) == (0, "")


def test_the_port_of_a_service_is_not_that_of_the_dev_tenant() -> None:
    options = options_of(dev_tenant.Options, {}, Settings(of_a_service("RECONCILER")))
    meant = options_of(dev_tenant.Options, {}, Settings({"RECONCILER_PORT": "9000"}))

    assert (options.port, meant.port) == (dev_tenant.Options().port, 9000)


def test_a_variable_of_the_postgresql_client_is_never_a_secret_of_a_tenant(folder: Folder) -> None:
    folder.edit(
        "desired-state/tenants/local.yaml",
        "baseUrl: embedded://local",
        "baseUrl: https://scim.example.com\n  auth: {type: bearer, token: {env: PGPASSWORD}}",
    )

    done = folder.run("validate", PGPASSWORD="canary")

    assert_reported(done, 1, "RECONCILER_* and PG* are never sent to a tenant")
