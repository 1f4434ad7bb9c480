"""`apply` of a plan that no longer holds for every tenant: the others are applied."""

import json

import pytest

from reconciler.domain.jsontext import Json
from tests.support.program import HR_URN, DevTenant, Folder, assert_reported

BY_HAND = {"id": HR_URN, "name": "HRExtension", "attributes": [{"name": "byHand"}]}


def built_in(folder: Folder, *names: str) -> None:
    for name in names:
        folder.write(
            f"desired-state/tenants/{name}.yaml",
            f"apiVersion: reconciler/v1\nkind: Tenant\nmetadata: {{name: {name}}}\n"
            f"spec: {{dialect: genesys, baseUrl: embedded://{name}}}\n",
        )


@pytest.fixture
def planned(dev_tenant: DevTenant) -> DevTenant:
    """Tenants dev and local, each with two extensions to create, and their saved plan."""
    built_in(dev_tenant.folder, "local")
    dev_tenant.folder.save_plan()
    return dev_tenant


def digests(plan: Json) -> dict[str, str]:
    return {tenant["name"]: tenant["digest"] for tenant in plan["tenants"]}


def test_a_tenant_that_has_drifted_is_not_attempted_and_the_other_is_applied(
    planned: DevTenant,
) -> None:
    folder = planned.folder
    planned.post(BY_HAND)

    done = folder.run("apply", "plan.json", "--report", "report.json")

    assert_reported(
        done,
        3,
        "dev: not-attempted: its plan is not the one that was approved (- approved, + now)\n",
        "  -  + create: hr-extension  " + HR_URN,
        "  +  ! drifted, left as it is: hr-extension  " + HR_URN,
        "Apply ended partly. Extensions: 2 added, 0 changed, 0 destroyed, 1 not-attempted, "
        "1 tenant not as approved",
    )
    assert [schema["id"] for schema in planned.schemas()] == [HR_URN]
    reported = json.loads((folder.path / "report.json").read_text())
    dev, local = reported["tenants"]
    assert "was approved" in dev["unapproved"]["reason"]
    assert any(HR_URN in line for line in dev["unapproved"]["difference"])
    assert local["unapproved"] is None
    assert "not as approved" in reported["exit"]["meaning"]
    assert_reported(folder.run("apply", "plan.json"), 3, "0 added")


def test_a_tenant_that_does_not_answer_any_more_is_not_attempted(planned: DevTenant) -> None:
    folder = planned.folder
    (planned.secrets / "dev-client-secret").write_text("wrong")

    done = folder.run("apply", "plan.json")

    assert_reported(
        done, 3, "dev: not-attempted: it could not be read", "  +  not readable: ", "2 added"
    )
    assert_reported(folder.run("apply", "plan.json"), 3, "0 added")


def test_a_saved_plan_is_applied_again_to_the_tenant_that_did_not_answer(
    planned: DevTenant,
) -> None:
    folder, secret = planned.folder, planned.secrets / "dev-client-secret"
    right = secret.read_text()
    secret.write_text("wrong")
    assert_reported(folder.run("apply", "plan.json"), 3, "dev: not-attempted: it could not be read")
    secret.write_text(right)

    assert_reported(folder.run("apply", "plan.json"), 0, "2 added")

    assert_reported(folder.run("apply", "plan.json"), 0, "0 added")
    assert len(planned.schemas()) == 2


def test_tenants_that_come_and_go_after_the_plan_are_named(planned: DevTenant) -> None:
    folder = planned.folder
    built_in(folder, "late")
    (folder.path / "desired-state/tenants/local.yaml").unlink()

    done = folder.run("apply", "plan.json")

    assert_reported(
        done,
        3,
        "late: not-attempted: the approved plan does not have it\n",
        "local: not-attempted: the approved plan has it, and no manifest names it now\n",
    )
    assert len(planned.schemas()) == 2


def test_a_selected_tenant_that_is_gone_does_not_stop_the_other(dev_tenant: DevTenant) -> None:
    folder = dev_tenant.folder
    built_in(folder, "local", "other")
    chosen = ("--tenant", "dev", "--tenant", "local", "--target", "local/hr-*", "--target", "dev/*")
    folder.run("plan", "--out", "plan.json", *chosen)
    (folder.path / "desired-state/tenants/local.yaml").unlink()

    done = folder.run("apply", "plan.json")

    assert_reported(done, 3, "local: not-attempted: the approved plan has it", "2 added")
    assert "other" not in done.everything
    assert len(dev_tenant.schemas()) == 2
    (folder.path / "desired-state/tenants/dev.yaml").unlink()
    assert_reported(folder.run("apply", "plan.json"), 4, "nothing was written")


def test_the_whole_digest_stays_all_or_nothing(planned: DevTenant) -> None:
    folder = planned.folder
    digest = json.loads((folder.path / "plan.json").read_text())["digest"]
    planned.post(BY_HAND)

    assert_reported(folder.run("apply", "--approve", digest), 4, "nothing was written")
    assert len(planned.schemas()) == 1


def test_digests_of_tenants_approve_one_at_a_time(planned: DevTenant) -> None:
    folder = planned.folder
    plan = json.loads((folder.path / "plan.json").read_text())
    dev, local = digests(plan)["dev"], digests(plan)["local"]
    shown = folder.run("show", "plan.json")
    for name, digest in (("dev", dev), ("local", local)):
        [line] = [line for line in shown.out.splitlines() if line.startswith(f"  {name} ")]
        assert line.endswith(f"  {digest}")

    one = folder.run("apply", "--approve", f"local={local}")
    assert_reported(one, 3, "not-attempted: no --approve names it", "2 added")
    assert planned.schemas() == []
    assert one.out.count("no --approve names it") == 2  # once for each of its changes

    both = folder.run("apply", "--approve", f"dev={dev}", "--approve", f"local={local}")
    assert_reported(both, 3, "local: not-attempted: its plan now has digest ", "2 added")
    assert len(planned.schemas()) == 2
    stale = folder.run("apply", "--approve", f"dev={dev}")
    assert_reported(stale, 4, "no tenant has the plan that was approved; nothing was written")
    well = digests(json.loads(folder.run("plan", "--format", "json").out))["dev"]
    assert_reported(folder.run("apply", "--approve", f"dev={well}"), 0, "0 added")


def test_digests_come_from_the_environment_too(planned: DevTenant) -> None:
    folder = planned.folder
    found = digests(json.loads((folder.path / "plan.json").read_text()))
    given = ",".join(f"{name}={digest}" for name, digest in found.items())

    done = folder.run("apply", RECONCILER_APPROVE=given)

    assert_reported(done, 0, "4 added")


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        (("locla={}",), "did you mean local?"),
        (("local=sha256:12",), "is no digest"),
        (("{}", "local={}"), "whole plan and digests of tenants"),
        (("dev={}", "--tenant", "local"), "names no tenant of this run; there are local"),
    ],
)
def test_an_approval_that_can_be_none_is_refused_before_a_tenant_is_read(
    planned: DevTenant, given: tuple[str, ...], reported: str
) -> None:
    digest = f"sha256:{'1' * 64}"
    arguments = [
        part
        for each in given
        for part in (
            (each,) if each in ("--tenant", "local") else ("--approve", each.format(digest))
        )
    ]

    done = planned.folder.run("apply", *arguments)

    assert_reported(done, 1, reported)
    assert planned.schemas() == []
