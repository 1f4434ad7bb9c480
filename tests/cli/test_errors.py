"""What a person meets when something is wrong: one message, the right code, never a traceback."""

import fcntl
import json
import os
import re
from pathlib import Path

import pytest

from reconciler.cli.commands import SCHEMA_NAMES
from tests.support.program import HR_URN, DevTenant, Folder, assert_reported

CANARY = "canary-7f3a9c51e2"


@pytest.mark.parametrize(
    ("faults", "code", "words"),
    [
        ({"forbid": True}, 1, ["403", "user-provision:write", "scim:admin", "Integrations"]),
        ({"html": True}, 1, ["HTML page", "spec.baseUrl"]),
        ({"server_errors": 99}, 1, ["503", "run again later"]),
        ({"too_many_requests": 99, "retry_after": 400}, 1, ["429", "400"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_tenant_that_cannot_be_read_is_told_with_what_to_do(
    dev_tenant: DevTenant, faults, code, words
):
    dev_tenant.set_faults(**faults)

    done = dev_tenant.folder.run("plan")

    assert_reported(done, code, "Tenant dev", "not readable", *words)
    assert "1 tenant could not be read" in done.err


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"no_create": True}, ["405", "blocked", "does not allow schemas to be created"]),
        ({"ignore_posts": True}, ["unknown", "the next run looks again"]),
        ({"drop_attribute": "isContractor"}, ["ignored-by-server", "attributes.isContractor"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_write_that_does_not_come_true_ends_partly_and_names_the_manifest_line(
    dev_tenant: DevTenant, faults, words
):
    dev_tenant.set_faults(**faults)

    done = dev_tenant.folder.run("apply", "--auto-approve")

    assert_reported(
        done, 3, "Apply ended partly", "desired-state/extensions/hr-extension.yaml:", *words
    )
    assert "1 not-attempted" in done.out
    assert dev_tenant.inbox() == []


def test_a_lost_answer_is_read_back_and_told_as_applied(dev_tenant: DevTenant):
    dev_tenant.set_faults(drop_after_commit=1)

    done = dev_tenant.folder.run("apply", "--auto-approve")

    assert_reported(done, 0, "Apply complete! Extensions: 2 added")
    assert len(dev_tenant.schemas()) == 2


def test_throttling_is_waited_for(dev_tenant: DevTenant):
    dev_tenant.set_faults(too_many_requests=2, retry_after=1)

    assert_reported(dev_tenant.folder.run("apply", "--auto-approve"), 0, "2 added")


def test_an_unknown_outcome_is_settled_by_the_next_run(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    dev_tenant.set_faults(ignore_posts=True)
    folder.run("apply", "--auto-approve")
    dev_tenant.set_faults()

    done = folder.run("apply", "--auto-approve")

    assert_reported(done, 0, "recovered as not-applied", "2 added")
    assert folder.run("audit", "verify").code == 0


def test_wrong_credentials_are_told_without_being_shown(dev_tenant: DevTenant):
    (dev_tenant.secrets / "dev-client-secret").write_text(CANARY)

    done = dev_tenant.folder.run("plan", "-vv")

    assert_reported(done, 1, "invalid_client", "check clientId and clientSecret")
    assert CANARY not in done.everything


def test_an_unreachable_host_is_told_with_its_address(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    text = (folder.path / "desired-state/tenants/dev.yaml").read_text()
    folder.write("desired-state/tenants/dev.yaml", re.sub(r"127.0.0.1:\d+", "127.0.0.1:1", text))

    done = folder.run("plan")

    assert_reported(done, 1, "POST http://127.0.0.1:1/oauth/token", "refused", "spec.auth.tokenUrl")


def test_a_missing_variable_is_named_with_its_manifest_and_the_other_tenant_goes_on(
    folder: Folder,
):
    text = (folder.path / "desired-state/tenants/_example-genesys.yaml").read_text()
    folder.write("desired-state/tenants/genesys.yaml", text)

    done = folder.run("apply", "--auto-approve", "--tenant", "*")

    assert_reported(done, 1, "is not set", "desired-state/tenants/genesys.yaml:")
    planned = folder.run("plan")
    assert_reported(planned, 1, "Tenant local", "+ create", "not readable", "is not set")


def test_a_token_that_no_header_can_carry_is_told_and_the_other_tenants_go_on(folder: Folder):
    folder.write("desired-state/tenants/sign.yaml", _BEARER)

    done = folder.run("apply", "--auto-approve", TOKEN=f"{CANARY}…")

    assert_reported(done, 3, "desired-state/tenants/sign.yaml:7", "no header can carry that")
    assert_reported(done, 3, "local", "and verified")
    assert CANARY not in done.everything


_BEARER = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: sign}
spec:
  dialect: rfc7644
  baseUrl: https://x.example
  auth: {type: bearer, token: {env: TOKEN}}
"""


def test_a_letter_that_the_terminal_cannot_show_is_an_escape_and_no_crash(folder: Folder):
    folder.edit("desired-state/extensions/hr-extension.yaml", "name: HRExtension", "name: HR…")

    done = folder.run_cold("plan", "--format", "json", PYTHONIOENCODING="ascii")

    assert_reported(done, 0, r"HR\u2026")
    assert json.loads(done.out)["summary"]["create"] == 2


def test_a_folder_whose_name_is_not_utf8_is_told_where_a_file_would_hold_it(folder: Folder):
    (folder.path / "desired-state").rename(folder.path / os.fsdecode(b"d\xff"))
    arguments = ("plan", "--desired-state", os.fsdecode(b"d\xff"))

    printed = folder.run(*arguments, "--format", "json", GITHUB_STEP_SUMMARY="summary.md")
    saved = folder.run(*arguments, "--out", "plan.json")

    assert_reported(printed, 0, r"d\udcff/extensions")
    assert_reported(saved, 1, "plan.json cannot be written", "not UTF-8; rename that")
    assert not list(folder.path.glob("*plan.json*"))


def test_credentials_go_only_where_they_are_allowed(dev_tenant: DevTenant):
    folder = dev_tenant.folder

    refused = folder.run("plan", RECONCILER_ALLOWED_ORIGINS="https://api.mypurecloud.com")
    allowed = folder.run("plan", RECONCILER_ALLOWED_ORIGINS=f"https://x.example,{dev_tenant.root}")

    assert_reported(
        refused, 1, "RECONCILER_ALLOWED_ORIGINS does not list", "no credential was sent"
    )
    assert_reported(allowed, 0, "Plan: 2 to add")


def test_the_built_in_tenant_gets_its_webhooks_whatever_hosts_are_listed(folder: Folder):
    done = folder.run("apply", "--auto-approve", RECONCILER_WEBHOOK_HOSTS="hr.example.com")

    assert_reported(done, 0, "Webhooks: 2 delivered, 0 pending.")


def test_webhooks_go_only_to_listed_hosts(dev_tenant: DevTenant):
    done = dev_tenant.folder.run(
        "apply", "--auto-approve", RECONCILER_WEBHOOK_HOSTS="hr.example.com"
    )

    assert_reported(done, 0, "0 delivered, 2 pending", "RECONCILER_WEBHOOK_HOSTS")
    assert dev_tenant.inbox() == []


def test_a_broken_manifest_shows_every_problem_at_its_line_and_asks_no_tenant(folder: Folder):
    folder.edit("desired-state/tenants/local.yaml", "dialect: genesys", "dialect: genesis")
    folder.edit(
        "desired-state/extensions/hr-extension.yaml", "isContractor, type", "isContractor, tpye"
    )

    for command in (["validate"], ["plan"], ["apply", "--auto-approve"]):
        done = folder.run(*command)
        assert_reported(done, 1, "did you mean genesys?", "'tpye'")
        assert re.search(
            r"^desired-state/tenants/local\.yaml:\d+:\d+: error\[", done.everything, re.M
        )
    assert not (folder.path / ".reconciler/embedded").exists()


def test_an_empty_folder_is_an_error_unless_it_is_meant(folder: Folder):
    (folder.path / "empty").mkdir()

    assert_reported(
        folder.run("plan", "--desired-state", "empty"), 1, "no manifests", "--allow-empty"
    )
    assert_reported(
        folder.run("plan", "--desired-state", "empty", "--allow-empty"), 0, "No tenant was planned."
    )
    assert_reported(folder.run("plan", "--desired-state", "nowhere"), 1, "no such folder")


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


def test_a_plan_that_is_not_today_s_is_refused_with_what_changed(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    folder.run("plan", "--out", "plan.json", "--target", "hr-extension")
    dev_tenant.post({"id": HR_URN, "name": "HRExtension", "attributes": [{"name": "other"}]})

    done = folder.run("apply", "plan.json")

    assert_reported(done, 4, "nothing was written", "-  + create", "+  ! drifted")
    assert len(dev_tenant.schemas()) == 1


def test_a_saved_plan_is_applied_with_its_own_selection(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    saved = folder.run("plan", "--out", "plan.json", "--target", "hr-*")

    done = folder.run("apply", "plan.json")

    assert saved.err == "saved as plan.json; to apply exactly this: reconciler apply plan.json\n"
    assert_reported(done, 0, "1 added")
    assert [schema["id"] for schema in dev_tenant.schemas()] == [HR_URN]
    assert_reported(folder.run("apply", "plan.json", "--tenant", "dev"), 1, "has its own selection")
    assert_reported(folder.run("apply", "plan.json"), 4, "nothing was written")


def test_a_digest_approves_exactly_one_plan(folder: Folder):
    digest = folder.plan()["digest"]

    assert_reported(folder.run("apply", "--approve", "sha256:" + "0" * 64), 4, "was approved")
    assert_reported(folder.run("apply", "--approve", digest), 0, "2 added")
    assert_reported(folder.run("apply", "--approve", digest), 4, "nothing was written")


def test_a_plan_file_with_another_digest_in_it_is_refused(folder: Folder):
    folder.run("plan", "--out", "plan.json")
    saved = json.loads((folder.path / "plan.json").read_text())
    saved["digest"] = "sha256:" + "1" * 64
    folder.write("plan.json", json.dumps(saved))

    assert_reported(folder.run("apply", "plan.json"), 4, "nothing was written")


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "[]", '{"a":1,"a":2}', "\x00"])
def test_a_file_that_is_no_plan_is_told_so(folder: Folder, text):
    folder.write("bad.json", text)

    assert_reported(folder.run("show", "bad.json"), 1, "bad.json is no saved plan")
    assert_reported(folder.run("apply", "bad.json"), 1, "bad.json is no saved plan")


def test_a_missing_plan_file_is_told_so(folder: Folder):
    assert_reported(folder.run("show", "none.json"), 1, "none.json cannot be read")
    assert_reported(
        folder.run("plan", "--out", "no/such/plan.json"), 1, "no/such/plan.json cannot be written"
    )


def test_a_saved_plan_shows_as_it_was_printed(folder: Folder):
    printed = folder.run("plan", "--out", "plan.json")
    as_json = folder.run("plan", "--format", "json")

    assert folder.run("show", "plan.json").out == printed.out
    assert folder.run("show", "plan.json", "--format", "json").out == as_json.out


def test_nobody_to_approve_is_an_error_before_anything_is_asked(dev_tenant: DevTenant):
    done = dev_tenant.folder.run("apply")

    assert_reported(done, 1, "nobody is there to approve", "--auto-approve")
    assert dev_tenant.schemas() == []


def test_a_tenant_that_another_run_holds_is_left_to_it(folder: Folder):
    lock = folder.write(".reconciler/locks/local.lock", "run 7 of user:eve since yesterday\n")
    with lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        done = folder.run("apply", "--auto-approve")

    assert_reported(done, 5, "tenant local is locked by run 7 of user:eve")
    assert_reported(folder.run("apply", "--auto-approve"), 0, "2 added")


def test_a_safety_limit_refuses_before_the_first_write(folder: Folder):
    folder.edit(
        "desired-state/tenants/local.yaml",
        "  dialect: genesys\n",
        "  dialect: genesys\n  limits: {maxCreates: 1}\n",
    )

    planned = folder.run("plan")
    refused = folder.run("apply", "--auto-approve")

    assert_reported(planned, 0, "spec.limits.maxCreates: 1")
    assert_reported(refused, 6, "spec.limits.maxCreates: 1", "nothing was written")
    assert_reported(folder.run("apply", "--auto-approve", "--target", "hr-*"), 0, "1 added")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "COMMAND"),
        (["plna"], "plna"),
        (["plan", "--dry-run"], "--dry-run"),
        (["plan", "--detailed"], "--detailed"),
        (["plan", "--parallelism", "0"], "--parallelism"),
        (["plan", "--parallelism", "many"], "--parallelism"),
        (["plan", "--format", "yaml"], "yaml"),
        (["plan", "--desired-state", ""], "--desired-state: the text is empty"),
        (["plan", "--tenant", ""], "--tenant: the text is empty"),
        (["apply", "--auto-approve", "--approve", ""], "--approve: the text is empty"),
        (["apply", ""], "FILE: the text is empty"),
        (["plan", "--tenant", "nord"], "fits no tenant; there are local"),
        (["plan", "--target", "hr-extensoin"], "did you mean hr-extension?"),
        (["plan", "--exclude", "local/x"], "--exclude local/x fits no extension"),
        (["apply", "--auto-approve", ""], "FILE: the text is empty"),
        (["plan", "--out", ""], "--out: the text is empty"),
        (["plan", "--tenant", "local", "--tenant", ""], "--tenant: the text is empty"),
        (["audit", "verify", "--head", "c45177c6"], "'c45177c6' is no hash of a record"),
        (["apply", "--approve", "x", "y.json"], "y.json"),
        (["audit"], "COMMAND"),
        (["audit", "list"], "no store"),
        (["schema", "users"], "users"),
        (["plan", "--ca-bundle", "none.pem"], "none.pem"),
        (["dev-tenant", "--name", "../x"], "../x"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_usage_error_is_one_message_and_exits_1(folder: Folder, arguments, word):
    done = folder.run(*arguments)

    assert_reported(done, 1, word)
    assert done.err.startswith("error: ")
    assert done.out == ""


def test_an_option_wins_over_its_variable_and_that_over_the_default(folder: Folder):
    by_variable = folder.run("plan", RECONCILER_FORMAT="json")
    by_option = folder.run("plan", "--format", "text", RECONCILER_FORMAT="json")
    wrong = folder.run("plan", RECONCILER_FORMAT="yaml")

    assert by_variable.out.startswith("{")
    assert by_option.out.startswith("Tenant local")
    assert_reported(wrong, 1, "RECONCILER_FORMAT: 'yaml' is none of text, markdown, json")


def test_global_options_stand_before_or_after_the_command(folder: Folder):
    (folder.path / "desired-state").rename(folder.path / "manifests")

    before = folder.run("--desired-state", "manifests", "validate")
    after = folder.run("validate", "--desired-state", "manifests")

    assert before == after
    assert before.code == 0


def test_no_secret_reaches_any_output_or_the_state(dev_tenant: DevTenant):
    folder = dev_tenant.folder
    secrets = [dev_tenant.secret(what) for what in ("client-secret", "webhook-secret")]
    runs = [
        folder.run("plan", "-vv", "--log-format", "json"),
        folder.run("plan", "--format", "json", "--out", "plan.json"),
        folder.run("apply", "--auto-approve", "-vv"),
        folder.run("webhooks", "list", "--format", "json"),
        folder.run("audit", "export"),
        folder.run("audit", "list"),
    ]
    state = b"".join(p.read_bytes() for p in (folder.path / ".reconciler").glob("state.db*"))
    saved = (folder.path / "plan.json").read_bytes()

    for secret in secrets:
        bare = secret.removeprefix("whsec_")
        assert all(bare not in done.everything for done in runs)
        assert bare.encode() not in state + saved


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_each_schema_is_printed(folder: Folder, name):
    done = folder.run("schema", name)

    assert done.code == 0
    assert json.loads(done.out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_exported_record_and_event_is_what_the_published_schemas_say(dev_tenant: DevTenant):
    jsonschema = pytest.importorskip("jsonschema")
    folder = dev_tenant.folder
    dev_tenant.set_faults(hr_down=True)
    folder.run("apply", "--auto-approve")
    dev_tenant.set_faults()
    folder.run("webhooks", "deliver", "--now")
    audit, event = (json.loads(folder.run("schema", name).out) for name in ("audit", "event"))

    for record in folder.audit():
        jsonschema.validate(record, audit)
    for got in dev_tenant.inbox():
        jsonschema.validate(json.loads(got["body"]), event)


def test_validate_needs_no_network_no_state_and_no_extra(folder: Folder):
    done = folder.run("validate")

    assert done.code == 0
    assert done.err == "1 tenant and 2 extensions in 3 files: valid\n"
    assert not Path(folder.path / ".reconciler").exists()
