"""-v, -vv and --log-format json: what a run does, request by request, and never a secret."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.fleet.manifests import CLIENT_SECRET, ENVIRON, WEBHOOK_SECRET
from tests.support.fleet.places import APPLY, Place, fleet, place, service
from tests.support.program import DevTenant, Folder, dev_tenant, folder
from tests.support.warm import Done

__all__ = ["dev_tenant", "folder", "place", "service"]

HEAD = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z (info|warning) run=([0-9a-f]{32})( tenant=\S+)?: (.*)")


def folder_of(place: Place, tenants: int = 2, *, missing: int = 0) -> Folder:
    return Folder(place.folder_of(fleet(place.service, tenants, missing=missing)), ENVIRON)


def members(done: Done) -> Iterator[dict]:
    for line in done.err.splitlines():
        yield json.loads(line)


def test_v_logs_phases_tenants_tokens_locks_and_each_request(place: Place):
    work = folder_of(place, missing=1)

    done = work.run(*APPLY, "-v")

    found = [HEAD.fullmatch(line) for line in done.err.splitlines() if " info run=" in line]
    assert all(found)
    text = done.err
    for wanted in (
        r"lock: begun, 2 in all",
        r"tenant=acme-00000: lock taken",
        r"plan: begun, 2 in all",
        r"tenant=acme-00001: plan: tenant begun",
        r"tenant=acme-00001: plan: tenant ended",
        r"tenant=\S+: token received from http://\S+/token, valid for 3600 s",
        r"tenant=acme-00000: POST /like-2/acme-00000/scim/v2/Schemas at 127\.0\.0\.1:\d+: 201, "
        r"\d+ ms, attempt 1, \d+ bytes$",
        r"tenant=acme-00000: department-2: write begun",
        r"tenant=acme-00000: department-2: applied",
        r"tenant=acme-00000: evt_[0-9a-f]+: delivered",
        r": locks released",
        r": deliver: ended",
    ):
        assert re.search(wanted, text, re.M), wanted


@pytest.mark.parametrize(
    "command",
    [
        ("plan",),
        ("doctor", "acme-00000"),
        ("adoption", "acme-00000"),
        ("gate", "acme-00000", "department-2"),
        ("import", "acme-00000", "--out", "imported"),
    ],
)
def test_each_request_to_a_tenant_names_it_in_a_phase(place: Place, command: tuple[str, ...]):
    lines = list(members(folder_of(place).run(*command, "--log-format", "json")))

    requests = [each for each in lines if each.get("event") == "request"]
    assert requests
    assert [each for each in requests if "tenant" not in each] == []
    begun = {each["phase"] for each in lines if each.get("event") == "tenant-begun"}
    assert begun == {command[0]}


def test_the_run_id_of_each_line_is_that_of_the_trail(place: Place):
    work = folder_of(place, missing=1)

    done = work.run(*APPLY, "-v")

    ids = set(re.findall(r"run=([0-9a-f]{32})", done.err))
    assert ids == {record["run_id"] for record in work.audit()}


def test_vv_adds_the_headers_without_what_they_hold(place: Place):
    done = folder_of(place, 1).run("plan", "-vv")

    [line] = [line for line in done.err.splitlines() if "/scim/v2/Schemas?" in line]
    assert "; sent accept: application/scim+json, application/json, authorization: …; came " in line
    assert "content-type: application/scim+json" in line


def test_json_has_an_object_a_line_with_the_run_and_the_tenant(place: Place):
    done = folder_of(place).run("plan", "--log-format", "json")

    found = list(members(done))
    assert len({each["run_id"] for each in found}) == 1
    lists = [each for each in found if each.get("path", "").endswith("/scim/v2/Schemas")]
    assert {each["tenant"] for each in lists} == {"acme-00000", "acme-00001"}
    for each in lists:
        assert (each["event"], each["method"], each["status"], each["attempt"]) == (
            "request", "GET", 200, 1,
        )  # fmt: skip
        assert each["query"] == "startIndex=1&count=100"
        assert each["bytes"] > 1000
        assert each["ms"] >= 0
        assert "response_headers" not in each


def test_json_with_vv_has_headers_as_members(place: Place):
    done = folder_of(place, 1).run("plan", "--log-format", "json", "-vv")

    [request] = [each for each in members(done) if each.get("query")]
    assert request["request_headers"]["authorization"] == "…"
    assert request["response_headers"]["content-type"] == "application/scim+json"


def test_where_the_log_is_json_all_of_standard_error_is(place: Place):
    work = folder_of(place)
    work.edit("desired-state/tenants/acme-00001.yaml", "/token", "/nothing")

    plan = work.run("plan", "--out", "plan.json", "--log-format", "json")
    wrong = work.run("plan", "--tenant", "nobody", "--log-format", "json")
    quiet = work.run("plan", "-q", "--log-format", "json")

    assert plan.code == wrong.code == quiet.code == 1
    said = {each["message"]: each["level"] for each in members(plan)}
    assert said["1 tenant could not be read; the plan says why"] == "error"
    [*_, last] = members(wrong)
    assert (last["level"], last["message"][:22]) == ("error", "nobody fits no tenant;")
    [only] = members(quiet)
    assert only["level"] == "error"


def test_retries_are_logged_with_their_wait_and_reason(dev_tenant: DevTenant):
    dev_tenant.set_faults(server_errors=1)

    done = dev_tenant.folder.run("plan", "-v")

    assert done.code == 0, done.everything
    assert re.search(r"tenant=dev: attempt 2 in \d\.\d s: it answered 503$", done.err, re.M)
    [again] = re.findall(r"Schemas\S* at \S+: 200, \d+ ms, attempt 2,", done.err)
    assert again


def test_a_wait_that_is_requested_is_logged_as_one(dev_tenant: DevTenant):
    dev_tenant.set_faults(too_many_requests=1, retry_after=1)

    done = dev_tenant.folder.run("plan", "--log-format", "json")

    [retry] = [each for each in members(done) if each.get("event") == "retry"]
    assert retry["reason"] == "it answered 429, and asks to wait 1 s"
    assert retry["seconds"] >= 1
    assert retry["attempt"] == 2


@pytest.mark.parametrize("how", [("-vv",), ("-vv", "--log-format", "json")])
def test_no_secret_is_in_a_log(place: Place, how: tuple[str, ...]):
    done = folder_of(place, missing=1).run(*APPLY, *how)

    for secret in (CLIENT_SECRET, WEBHOOK_SECRET, WEBHOOK_SECRET.removeprefix("whsec_")):
        assert secret not in done.err
    assert "Bearer" not in done.err


def test_no_user_is_in_a_log(dev_tenant: DevTenant):
    work = dev_tenant.folder
    dev_tenant.add_user("ann.secretperson")
    work.edit(
        "desired-state/tenants/dev.yaml",
        "spec:\n",
        "spec:\n  canary: {userName: ann.secretperson}\n",
    )

    done = work.run("apply", "--auto-approve", "-vv", RECONCILER_CANARY_USERS="ann.secretperson")

    assert done.code == 0, done.everything
    assert "PATCH /scim/v2/Users/… at" in done.err
    assert "/scim/v2/Users?filter=…" in done.err
    users = [user["id"] for user in dev_tenant.users()]
    assert not [each for each in (*users, "secretperson") if each in done.err]


def test_without_either_option_nothing_of_it_is_shown(place: Place):
    done = folder_of(place).run("plan")

    assert "Schemas" not in done.err
    assert "run=" not in done.err
