"""What a job of GitHub Actions gets from a run: its log, masks, a summary, outputs."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import ROOT, DevTenant, Folder
from tests.support.runner_rule import commands_in, outputs_in
from tests.support.warm import Done


@pytest.fixture
def job(folder: Folder) -> Folder:
    """A folder whose runs are steps of a job."""
    for variable in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        folder.environ[variable] = str(folder.write(variable, ""))
    folder.environ["GITHUB_ACTIONS"] = "true"
    return folder


def outputs(job: Folder) -> dict[str, str]:
    return outputs_in((job.path / "GITHUB_OUTPUT").read_text())


def summary(job: Folder) -> str:
    return (job.path / "GITHUB_STEP_SUMMARY").read_text()


# Outputs and the summary


def test_the_outputs_of_a_plan_have_changes_digest_and_exit_code(job: Folder):
    done = job.run("plan", "--detailed-exitcode", "--markdown", "plan.md")

    digest = done.out.split("Digest: ")[1].strip()
    assert done.code == 2
    assert outputs(job) == {"changes": "2", "digest": digest, "exit-meaning": "out-of-sync"}
    assert summary(job).strip() == (job.path / "plan.md").read_text().strip()


def test_the_job_summary_has_what_a_comment_leaves_out(job: Folder):
    attributes = ", ".join(f"{{name: a{number:04}, type: string}}" for number in range(4000))
    job.write("desired-state/wide.yaml", _EXTENSION.replace("{name: a, type: string}", attributes))

    job.run("plan", "--markdown", "plan.md")

    comment = (job.path / "plan.md").read_text()
    assert "**This is shortened**" in comment
    assert "a3999: string" not in comment
    assert "**This is shortened**" not in summary(job)
    assert summary(job).count(": string\n") >= 4000
    assert len(summary(job).encode()) < 2**20


def test_the_job_summary_of_an_apply_has_each_outcome(job: Folder):
    job.environ["RECONCILER_STATE"] = "sqlite:///state.db"
    job.run("apply", "--auto-approve")

    head = job.audit()[-1]["hash"]
    assert outputs(job)["changes"] == "2"
    assert outputs(job)["digest"].startswith("sha256:")
    assert outputs(job)["exit-meaning"] == "well"
    assert "### Applied" in summary(job)
    assert summary(job).count("**applied** (create)") == 2
    assert f"head `{head}`" in summary(job)
    assert "Webhooks: 2 delivered, 0 pending" in summary(job)


def test_a_run_with_nothing_to_do_says_so(job: Folder):
    for _ in "12":
        job.run("apply", "--auto-approve")

    assert summary(job).count("### Applied\n") == 1
    assert summary(job).count("### Nothing to apply\n") == 1
    assert outputs(job)["changes"] == "0"


def test_the_job_summary_names_failures_and_pending_webhooks(job: Folder, dev_tenant: DevTenant):
    dev_tenant.set_faults(hr_down=True)
    job.run("apply", "--auto-approve")
    waiting = summary(job)
    dev_tenant.set_faults(no_create=True)
    job.write("desired-state/more.yaml", _EXTENSION)
    done = job.run("apply", "--auto-approve")

    assert "2 pending" in waiting
    assert waiting.count("  - pending after 1 attempt: `evt_") == 2
    assert done.code == 3
    assert outputs(job)["exit-meaning"] == "partly"
    assert "### Partly applied" in summary(job)
    assert "**not-applied** (create): `more`, `urn:example:More`" in summary(job)


_EXTENSION = """
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {name: more}
spec: {schema: {id: "urn:example:More", name: More, attributes: [{name: a, type: string}]}}
"""


@pytest.mark.parametrize(
    ("texts", "code", "meaning", "head"),
    [
        (["plan", "--tenant", "nobody", "--desired-state", "nowhere"], 1, "error", "plan: "),
        (["apply"], 1, "error", "apply: "),
        (["apply", "--approve", f"sha256:{'0' * 64}"], 4, "stale", "Refused: the plan is not"),
    ],
)
def test_the_job_summary_names_a_run_that_did_not_begin(
    job: Folder, texts: list[str], code: int, meaning: str, head: str
):
    done = job.run(*texts)

    assert done.code == code, done.everything
    assert outputs(job)["exit-meaning"] == meaning
    assert f"### {head}" in summary(job)


def test_manifests_that_are_wrong_are_in_the_summary_and_stay_in_their_place(job: Folder):
    job.write("desired-state/bad.yaml", 'kind: "`@all` <b> [x](y)"\napiVersion: reconciler/v1\n')

    done = job.run("plan")

    assert done.code == 1
    assert "### plan: problems in the manifests" in summary(job)
    for line in summary(job).splitlines()[2:]:
        assert not line or line.startswith("- `")
        assert line.count("`") in (0, 2)


@pytest.mark.parametrize("variable", ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"])
def test_a_file_that_cannot_be_written_is_a_warning_and_no_more(job: Folder, variable: str):
    done = job.run("plan", "--detailed-exitcode", **{variable: "nowhere/file"})

    assert done.code == 2
    assert f"warning: the file of {variable} cannot be written" in done.err


def test_outputs_are_added_to_what_the_file_holds(job: Folder):
    job.write("GITHUB_OUTPUT", "earlier=1\n")

    job.run("plan")

    assert outputs(job)["earlier"] == "1"
    assert outputs(job)["changes"] == "2"


def test_outside_of_a_job_nothing_is_written(folder: Folder):
    before = {path.name for path in folder.path.iterdir()}

    done = folder.run("plan", "-q")

    assert done.err == ""
    assert {path.name for path in folder.path.iterdir()} - before == {".reconciler"}


# The log

HOSTILE = "::add-mask::x ##[group]y"


@pytest.mark.parametrize(
    "texts",
    [
        ["plan"],
        ["plan", "--format", "json"],
        ["plan", "--format", "markdown"],
        ["plan", "-vv", "--log-format", "json"],
        ["validate"],
        ["validate", "--format", "json"],
        ["validate", "--format", "sarif"],
        ["plan", "--tenant", HOSTILE, "--exclude", f"\n{HOSTILE}"],
        ["plan", "--format", f"\n{HOSTILE}"],
        ["show", f"\n{HOSTILE}"],
        [f"\n  {HOSTILE}"],
        ["--help"],
        ["--version"],
    ],
)
def test_no_line_of_a_log_is_a_command(folder: Folder, texts: list[str]):
    """GITHUB_ACTIONS does not matter: a container in a job may not know where it is."""
    folder.write(
        f"desired-state/{HOSTILE}.yaml",
        _EXTENSION.replace("name: More", f'name: "{HOSTILE}", description: "a\\n{HOSTILE}"'),
    )

    done = folder.run(*texts)

    assert "Traceback" not in done.err
    assert commands_in(done.out) + commands_in(done.err) == []
    if texts == ["plan", "--format", "json"]:
        assert HOSTILE in json.dumps(json.loads(done.out))


def test_log_lines_of_libraries_reach_no_log():
    """Python's last resort would print it as it is, with whatever a server has sent."""
    script = (
        "import logging, sys; from reconciler.cli.logs import set_up_logs; "
        "from reconciler.cli.common_options import CommonOptions; "
        "from reconciler.cli.console import Console; from reconciler.render.paint import Paint; "
        "console = Console(out=sys.stdout, err=sys.stderr, paint=Paint(), quiet=False); "
        "set_up_logs(CommonOptions(verbose=2), console, 'run'); "
        f"logging.getLogger('some.library').error({HOSTILE!r})"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=ROOT, check=True)

    assert (done.stdout, done.stderr) == (b"", b"")


def test_annotations_are_commands_and_only_those_that_are_meant(folder: Folder):
    folder.write(f"desired-state/{HOSTILE}.yaml", f'kind: "{HOSTILE}"\n')

    done = folder.run("validate", "--format", "github")

    found = commands_in(done.out)
    assert found
    assert {name for name, _ in found} <= {"error", "notice"}
    assert len(found) == len(done.out.splitlines())


# Masks


def masked(done: Done) -> list[str]:
    """What the runner was told to black out; nothing of that may be said anywhere else."""
    reported = [data for name, data in commands_in(done.err) if name == "add-mask"]
    rest = [line for line in done.err.splitlines() if not line.startswith("::add-mask::")]
    assert not [secret for secret in reported if secret in done.out + "\n".join(rest)]
    return reported


def test_secrets_of_files_and_tokens_are_masked_and_json_stays_json(
    job: Folder, dev_tenant: DevTenant
):
    done = job.run("plan", "--format", "json")

    reported = masked(done)
    json.loads(done.out)
    assert dev_tenant.secret("client-id") in reported
    assert dev_tenant.secret("client-secret") in reported
    assert len(reported) == len(set(reported)) >= 3  # the access token too, of which only we know


def test_webhook_secrets_are_masked_whole_and_without_their_prefix(
    job: Folder, dev_tenant: DevTenant
):
    reported = masked(job.run("apply", "--auto-approve"))

    secret = dev_tenant.secret("webhook-secret")
    assert secret in reported
    assert secret.removeprefix("whsec_") in reported


def test_values_derived_from_a_variable_are_masked(job: Folder):
    job.write("desired-state/tenants/local.yaml", _BASIC)

    done = job.run("plan", USER_NAME="someone", PASS_WORD="pa55 word")

    reported = masked(done)
    assert reported[0] == base64.b64encode(b"someone:pa55 word").decode()
    assert not [form for form in reported if "pa55" in form]


_BASIC = """
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: local}
spec:
  dialect: rfc7644
  baseUrl: http://127.0.0.1:9/scim
  auth: {type: basic, username: {env: USER_NAME}, password: {env: PASS_WORD}}
"""


def test_each_line_of_a_secret_is_masked(job: Folder):
    job.write("desired-state/tenants/local.yaml", _BASIC.replace("{env: PASS", "{file: PASS"))
    (job.path / "secrets").mkdir()
    Path(job.path / "secrets/PASS_WORD").write_text('first line%\nsecond "line"\nab\n')

    done = job.run("plan", "--secrets-dir", "secrets", USER_NAME="someone")

    reported = masked(done)
    assert {"first line%", "first+line%25", 'second "line"', 'second \\"line\\"'} <= set(reported)
    assert "ab" not in reported  # would black out half the log


@pytest.mark.parametrize("value", ["", "1", "TRUE", "false"])
def test_a_secret_is_printed_nowhere_but_in_a_job(job: Folder, dev_tenant: DevTenant, value: str):
    done = job.run("plan", GITHUB_ACTIONS=value)

    assert done.code == 0
    assert dev_tenant.secret("client-secret") not in done.everything
    assert "add-mask" not in done.everything


@pytest.mark.parametrize("merged", [False, True])
def test_nothing_is_printed_where_a_file_or_another_program_would_get_it(
    job: Folder, dev_tenant: DevTenant, merged: bool
):
    log = job.run_into("build.log", "plan", merged=merged)

    assert "Digest: " in log
    assert dev_tenant.secret("client-secret") not in log
    assert "add-mask" not in log
