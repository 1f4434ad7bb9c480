"""The workflows keep the policy, and each rule of it refuses a workflow that breaks it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.workflows import policy
from tests.support.workflows.policy import GITHUB, OF_ACTIONS, RULES, Rule, Workflow, read

ROOT = Path(__file__).parents[2]
FILES = [str(p.relative_to(GITHUB)) for p in sorted(GITHUB.glob("workflows/*"))]
ACTIONS = [str(p.relative_to(GITHUB)) for p in sorted(GITHUB.glob("actions/*/*"))]

APPLY, PLAN, DRIFT = "workflows/apply.yml", "workflows/plan.yml", "workflows/drift.yml"
VALIDATE, DELIVER = "workflows/validate.yml", "workflows/deliver.yml"
REPORT, RELEASE = "workflows/report.yml", "workflows/release.yml"
ACTION, CI = "actions/reconcile/action.yml", "workflows/ci.yml"

# rule, file, what is changed in it, into what: each makes one mistake
BROKEN = (
    (policy.nothing_is_permitted_at_the_top, PLAN, "permissions: {}\n", ""),
    (policy.nothing_is_permitted_at_the_top, PLAN, "permissions: {}", "permissions: read-all"),
    (policy.a_job_is_permitted_only_what_it_does, DELIVER, "contents: read", "contents: write"),
    (policy.a_job_is_permitted_only_what_it_does, DELIVER, "contents: read", "id-token: write"),
    (policy.a_job_is_permitted_only_what_it_does, PLAN, "contents: read", "issues: write"),
    (policy.a_job_is_permitted_only_what_it_does, DELIVER,
     "permissions:\n      contents: read", "permissions: write-all"),
    (policy.a_job_is_permitted_only_what_it_does, PLAN,
     "    permissions:\n      contents: read\n    steps", "    steps"),
    (policy.a_job_is_permitted_only_what_it_does, REPORT, "REPORT_PAGE == 'true'",
     "REPORT_PAGE != ''"),
    (policy.a_job_is_permitted_only_what_it_does, REPORT, "environment: github-pages",
     "environment: plan"),
    (policy.a_job_is_permitted_only_what_it_does, REPORT, "pages: write # the page",
     "contents: write"),
    (policy.a_job_is_permitted_only_what_it_does, REPORT, "      - name: Publish",
     "      - run: make\n      - name: Publish"),
    (policy.a_job_is_permitted_only_what_it_does, RELEASE, r'tags: \["v\*"\]', "branches: [main]"),
    (policy.a_job_is_permitted_only_what_it_does, RELEASE, "contents: read", "contents: write"),
    (policy.a_job_is_permitted_only_what_it_does, RELEASE, "contents: read", "id-token: write"),
    (policy.a_job_is_permitted_only_what_it_does, RELEASE, "run: gh release create", "run: make x"),
    (policy.a_job_is_permitted_only_what_it_does, RELEASE, "RECONCILER_INDEX == 'true'",
     "RECONCILER_INDEX != ''"),
    (policy.a_job_is_permitted_only_what_it_does, RELEASE, "      - name: Publish",
     "      - run: make\n      - name: Publish"),
    (policy.a_job_is_permitted_only_what_it_does, RELEASE, "attestations: write.*",
     "attestations: write\n      contents: write"),
    (policy.a_job_is_permitted_only_what_it_does, RELEASE, r"\${{ github.token }}",
     "${{ secrets.TOKEN }}"),
    (policy.triggers_run_no_foreign_code_with_our_rights, PLAN,
     "pull_request:", "pull_request_target:"),
    (policy.triggers_run_no_foreign_code_with_our_rights, APPLY,
     "workflow_dispatch:", "issue_comment:"),
    (policy.triggers_run_no_foreign_code_with_our_rights, APPLY,
     "workflow_dispatch:", "workflow_run:"),
    (policy.actions_are_pinned_by_commit, PLAN, r"@[0-9a-f]{40} # v6\S+", "@v6"),
    (policy.actions_are_pinned_by_commit, PLAN, r" # v6.0.2", ""),
    (policy.actions_are_pinned_by_commit, ACTION, r"@[0-9a-f]{40}", "@main"),
    (policy.checkouts_leave_no_credential, PLAN, " +persist-credentials: false\n", ""),
    (policy.checkouts_leave_no_credential, CI, "persist-credentials: false",
     "persist-credentials: true"),
    (policy.no_expression_is_pasted_into_a_script, PLAN, 'test -s "\\$BODY"',
     'test -s "${{ github.head_ref }}"'),
    (policy.no_expression_is_pasted_into_a_script, ACTION, 'read -ra words <<< "\\$COMMAND"',
     "read -ra words <<< '${{ inputs.command }}'"),
    (policy.secrets_are_only_in_jobs_with_an_environment, DRIFT, "    environment: plan\n", ""),
    (policy.secrets_are_only_in_jobs_with_an_environment, PLAN, r"\${{ github.token }}",
     "${{ secrets['GITHUB_TOKEN'] }}"),
    (policy.secrets_are_only_in_jobs_with_an_environment, DELIVER, "permissions: {}",
     "permissions: {}\nenv:\n  KEY: ${{ secrets.KEY }}"),
    (policy.secrets_are_named_one_by_one, APPLY, r"\${{ secrets.HR_WEBHOOK_SECRET }}",
     "${{ toJson(secrets) }}"),
    (policy.secrets_are_named_one_by_one, APPLY, r"\${{ secrets.HR_WEBHOOK_SECRET }}",
     "${{ secrets[matrix.name] }}"),
    (policy.secrets_are_named_one_by_one, DELIVER, "    environment: webhooks",
     "    environment: webhooks\n    secrets: inherit"),
    (policy.runs_with_credentials_are_not_cut_off, APPLY, "in-progress: false",
     "in-progress: true"),
    (policy.runs_with_credentials_are_not_cut_off, APPLY, "group: apply",
     "group: apply-${{ github.sha }}"),
    (policy.runs_with_credentials_are_not_cut_off, DELIVER,
     "concurrency:\n.*\n.*\n", ""),
    (policy.every_job_has_a_timeout_beyond_our_own_deadlines, PLAN, " +timeout-minutes: 10\n", ""),
    (policy.every_job_has_a_timeout_beyond_our_own_deadlines, APPLY, "minutes: 180",
     "minutes: 153"),
    (policy.every_job_has_a_timeout_beyond_our_own_deadlines, APPLY, " 600\n", " 3600\n"),
    (policy.the_tool_takes_the_place_of_its_shell, ACTION, "exec \"\\$RUNNER", '"$RUNNER'),
    (policy.the_tool_takes_the_place_of_its_shell, CI, "exec elsewhere", "elsewhere"),
    (policy.the_tool_takes_the_place_of_its_shell, ACTION,
     r'(exec "\$RUNNER.*)', r"\1\n        ls"),
    (policy.the_tool_comes_from_the_lock_of_a_trusted_branch, ACTION, "--require-hashes ", ""),
    (policy.the_tool_comes_from_the_lock_of_a_trusted_branch, CI, "--require-hashes --no-deps -r",
     "--upgrade --no-deps -r"),
    (policy.the_tool_comes_from_the_lock_of_a_trusted_branch, CI, "--require-hashes --no-deps -r",
     "--require-hashes -r"),
    (policy.the_tool_comes_from_the_lock_of_a_trusted_branch, PLAN, " +ref: main\n", ""),
    (policy.the_tool_comes_from_the_lock_of_a_trusted_branch, PLAN, "ref: main",
     "ref: ${{ github.head_ref }}"),
    (policy.the_tool_comes_from_the_lock_of_a_trusted_branch, PLAN, "path: proposed",
     "clean: true"),
    (policy.the_tool_comes_from_the_lock_of_a_trusted_branch, PLAN, r"uses: \./",
     "uses: ./proposed/"),
    (policy.the_tool_comes_from_the_lock_of_a_trusted_branch, PLAN,
     "      - name: Keep the", "      - run: proposed/hook\n      - name: Keep the"),
    (policy.nothing_is_restored_from_a_cache, ACTION, "python-version:",
     "cache: pip\n        python-version:"),
    (policy.nothing_is_restored_from_a_cache, APPLY,
     "actions/upload-artifact@", "actions/cache@"),
    (policy.evidence_is_kept_however_an_apply_ends, APPLY,
     "(?s)- name: Keep state and audit.*(- name: Hand)", r"\1"),
    (policy.evidence_is_kept_however_an_apply_ends, APPLY, "if: always", "if: success"),
    (policy.evidence_is_kept_however_an_apply_ends, APPLY, " +include-hidden-files: .*\n", ""),
    (policy.evidence_is_kept_however_an_apply_ends, APPLY, "command: audit export",
     "command: audit verify"),
    (policy.every_runner_is_new_and_not_ours, VALIDATE, "ubuntu-latest", "[self-hosted]"),
    (policy.every_runner_is_new_and_not_ours, VALIDATE, "ubuntu-latest", "${{ vars.RUNNER }}"),
    (policy.a_run_trusts_neither_tenants_nor_hosts_of_a_pull_request, PLAN,
     " +--tenants-from\n +origin/main\n", ""),
    (policy.a_run_trusts_neither_tenants_nor_hosts_of_a_pull_request, DRIFT,
     "origin/main", "HEAD"),
    (policy.a_run_trusts_neither_tenants_nor_hosts_of_a_pull_request, PLAN,
     " +RECONCILER_ALLOWED_ORIGINS:.*\n", ""),
    (policy.a_run_trusts_neither_tenants_nor_hosts_of_a_pull_request, APPLY,
     r"\${{ vars.RECONCILER_ALLOWED_ORIGINS }}", "https://api.example.com"),
    (policy.a_run_trusts_neither_tenants_nor_hosts_of_a_pull_request, APPLY,
     " +RECONCILER_WEBHOOK_HOSTS:.*\n", ""),
    (policy.a_run_trusts_neither_tenants_nor_hosts_of_a_pull_request, DELIVER,
     r"\${{ vars.RECONCILER_WEBHOOK_HOSTS }}", "hr.example.com"),
    (policy.a_run_trusts_neither_tenants_nor_hosts_of_a_pull_request, DRIFT,
     "- name: Heartbeat", "- run: exec .venv/bin/reconciler plan\n      - name: Heartbeat"),
    (policy.a_fork_gets_no_environment, PLAN, "    if: github.event.*\n", ""),
    (policy.a_run_by_hand_has_credentials_on_main_alone, APPLY, "    if: github.ref .*\n", ""),
    (policy.a_run_by_hand_has_credentials_on_main_alone, DELIVER, " && github.ref == .*\n", "\n"),
    (policy.a_run_by_hand_has_credentials_on_main_alone, DRIFT, "heads/main", "heads/work"),
    (policy.a_fork_gets_no_environment, PLAN, "full_name == github", "full_name != github"),
)  # fmt: skip


def named(value: object) -> str | None:
    return getattr(value, "__name__", None)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("rule", RULES, ids=named)
def test_every_workflow_keeps_every_rule(name: str, rule: Rule):
    assert rule(read(name)) == []


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("rule", OF_ACTIONS, ids=named)
def test_every_action_keeps_the_rules_for_actions(name: str, rule: Rule):
    assert rule(read(name)) == []


@pytest.mark.parametrize(("rule", "name", "old", "new"), BROKEN)
def test_a_rule_refuses_what_it_is_there_for(rule: Rule, name: str, old: str, new: str):
    text, changes = re.subn(old, new, read(name).text)

    assert changes, "the sample is no longer in the file"
    yaml.safe_load(text)
    assert rule(Workflow(text)) != []


def test_every_rule_has_been_seen_to_refuse():
    assert {named(sample[0]) for sample in BROKEN} == {named(rule) for rule in RULES}


def test_the_workflows_are_those_that_the_policy_is_about():
    assert {Path(name).stem for name in FILES} == {
        "validate", "plan", "apply", "drift", "deliver", "adoption", "report", "release", "ci",
        "chaos", "nightly",
    }  # fmt: skip
    assert ACTIONS == [ACTION]


def test_make_installs_the_lock_as_it_stands():
    """Without --no-deps an older pip takes `coverage[toml]` for something that no line pins."""
    installs = [x for x in (ROOT / "Makefile").read_text().splitlines() if "pip install" in x]

    assert all("--no-deps" in line for line in installs)
    assert [line.split()[-1] for line in installs if "--require-hashes" not in line] == ["."]
    locks = [line.split()[-1] for line in installs if "--require-hashes" in line]
    parts = ("plan", "dev", "release")
    assert locks == [f"requirements-{part}.txt" for part in parts]


def test_lint_refuses_a_workflow_of_a_wrong_shape_or_a_dangerous_one(tmp_path: Path):
    """The checkers of workflows and images that `make lint` runs, as it runs them, on bad ones."""
    recipe = (ROOT / "Makefile").read_text().split("lint: $(READY)")[1].split("\n\n")[0]
    lines = [line.strip().removeprefix("$(BIN)/") for line in recipe.splitlines()[4:]]
    workflow = tmp_path / ".github/workflows/bad.yml"
    action = tmp_path / ".github/actions/bad/action.yml"
    for path in (workflow, action):
        path.parent.mkdir(parents=True)
    workflow.write_text("on: pull_request_target\njobs: {j: {steps: [{run: 'echo $${{ a.b }}'}]}}")
    action.write_text("name: bad\nruns: {using: composite, steps: 7}")
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp\n")

    refused = [
        subprocess.run(
            f"{Path(sys.executable).parent}/{line}",
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            check=False,
        ).returncode
        for line in lines
    ]

    assert [line.split()[0] for line in lines] == [
        *["check-jsonschema"] * 2, "hadolint", "zizmor",
    ]  # fmt: skip
    assert all(refused)


def test_a_rule_of_zizmor_that_is_off_has_its_reason():
    text = (GITHUB / "zizmor.yml").read_text()

    silenced = yaml.safe_load(text)["rules"]

    assert list(silenced) == ["self-repository"]
    assert re.search(r"(?m)^  # .*\n(  # .*\n)*  self-repository:", text)
    assert not [n for n in (*FILES, *ACTIONS) if "zizmor:" in read(n).text]
