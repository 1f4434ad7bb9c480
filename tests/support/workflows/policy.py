"""What our workflows have to keep: each rule is a function from a workflow to its objections."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import yaml

from reconciler.cli.commands.apply import Options
from reconciler.cli.options import flag_of, options_in
from reconciler.domain.manifest import Limits

GITHUB = Path(__file__).parents[3] / ".github"
TRIGGERS = {"push", "pull_request", "schedule", "workflow_dispatch"}
WRITES = {"pull-requests", "issues", "security-events"}
OURS = "github.event.pull_request.head.repo.full_name == github.repository"
ALLOWED = {  # by command, the lists that have to be passed on: set to nothing, they allow nothing
    "plan": ("ALLOWED_ORIGINS",),
    "apply": ("ALLOWED_ORIGINS", "WEBHOOK_HOSTS"),
    "webhooks deliver": ("WEBHOOK_HOSTS",),
    "adoption": ("ALLOWED_ORIGINS",),
}
EVIDENCE = ("audit.jsonl", "report.json", "reconciler-emergency-*.jsonl", ".reconciler/state.db*")
COMMIT = re.compile(r"(?:\./\S+|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*)")
TOOL = re.compile(r"(?:bin/reconciler\b|-m reconciler\b)")

Node = Mapping[str, Any]
Objections = list[str]


@dataclass(frozen=True)
class Workflow:
    """One file as text and as data; every scalar stays text, so that `on` is no boolean."""

    text: str

    @cached_property
    def tree(self) -> Node:
        loaded: Node = yaml.load(self.text, Loader=yaml.BaseLoader)
        return loaded

    @property
    def action(self) -> bool:
        return "runs" in self.tree

    @property
    def triggers(self) -> set[str]:
        on = self.tree.get("on", {})
        return {on} if isinstance(on, str) else set(on)

    @property
    def jobs(self) -> dict[str, Node]:
        """The jobs; a composite action is one without a name."""
        return {"": self.tree["runs"]} if self.action else dict(self.tree["jobs"])

    def steps(self) -> Iterator[tuple[str, Node, Node]]:
        """Where it is, the job, the step."""
        for name, job in self.jobs.items():
            for number, step in enumerate(job.get("steps", []), 1):
                yield f"{name} step {number}", job, step


def texts(node: object) -> Iterator[str]:
    """All keys and values of a tree."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from (str(key), *texts(value))
    elif isinstance(node, list):
        for item in node:
            yield from texts(item)


def is_action(step: Node, name: str) -> bool:
    return str(step.get("uses", "")).startswith(name)


def command(step: Node) -> str:
    """The command of the tool that a step runs through our action."""
    return str(step.get("with", {}).get("command", "")) if is_action(step, "./") else ""


def arguments(step: Node) -> list[str]:
    return str(step.get("with", {}).get("args", "")).split()


def writes(job: Node) -> set[str]:
    rights = job.get("permissions", {})
    return {"all"} if isinstance(rights, str) else {k for k, v in rights.items() if v == "write"}


def secret(node: object) -> bool:
    return any(re.search(r"\bsecrets\s*[.\[)]", text) for text in texts(node))


def privileged(job: Node) -> bool:
    """Whether a job has what a pull request's code must not reach."""
    return "environment" in job or bool(writes(job)) or secret(job)


# The fifteen rules


def nothing_is_permitted_at_the_top(workflow: Workflow) -> Objections:
    given = workflow.tree.get("permissions")
    return [] if given == {} else [f"permissions at the top are {given}, not {{}}"]


def publishes(job: Node) -> bool:
    """A job that publishes a page: only on purpose, without a secret, and with no script."""
    return (
        job["permissions"] == {"pages": "write", "id-token": "write"}
        and job.get("environment") == "github-pages"
        and job.get("if") == "vars.RECONCILER_REPORT_PAGE == 'true'"
        and not secret(job)
        and not any("run" in step for step in job["steps"])
    )


def hands_a_release_on(workflow: Workflow, job: Node) -> bool:
    """A job that signs or publishes what a tag has built: nothing of the tree runs in it."""
    if workflow.tree["on"] != {"push": {"tags": ["v*"]}} or secret(job):
        return False
    if any(is_action(step, "actions/checkout") for step in job["steps"]):
        return False
    scripts = [step["run"] for step in job["steps"] if "run" in step]
    match job["permissions"], job.get("environment"):
        case {"id-token": "write", "attestations": "write", **rest}, None:
            return not rest and not scripts
        case {"id-token": "write", **rest}, "release":
            return not rest and not scripts and job.get("if") == "vars.RECONCILER_INDEX == 'true'"
        case {"contents": "write", **rest}, None:
            return not rest and [line.split()[:3] for line in scripts] == [
                ["gh", "release", "create"]
            ]
        case _:
            return False


def a_job_is_permitted_only_what_it_does(workflow: Workflow) -> Objections:
    found = []
    for name, job in workflow.jobs.items():
        rights = job.get("permissions")
        if not isinstance(rights, Mapping):
            found.append(f"{name} does not list its permissions")
            continue
        if publishes(job) or hands_a_release_on(workflow, job):
            continue
        for right, level in rights.items():
            if level != "read" and not (level == "write" and right in WRITES):
                found.append(f"{name} has {right}: {level}")
        if writes(job) and (len(writes(job)) > 1 or "environment" in job or secret(job)):
            found.append(f"{name} may write and has something else too")
    return found


def triggers_run_no_foreign_code_with_our_rights(workflow: Workflow) -> Objections:
    return [f"trigger {name}" for name in sorted(workflow.triggers - TRIGGERS)]


def actions_are_pinned_by_commit(workflow: Workflow) -> Objections:
    used = re.findall(r"^\s*(?:- )?uses:\s*(.*?)\s*$", workflow.text, re.M)
    return [f"uses {name}" for name in used if not COMMIT.fullmatch(name)]


def checkouts_leave_no_credential(workflow: Workflow) -> Objections:
    return [
        f"{where} leaves its credential on the disk"
        for where, _, step in workflow.steps()
        if is_action(step, "actions/checkout")
        and step.get("with", {}).get("persist-credentials") != "false"
    ]


def no_expression_is_pasted_into_a_script(workflow: Workflow) -> Objections:
    return [f"{w}: ${{{{ in run" for w, _, step in workflow.steps() if "${{" in step.get("run", "")]


def secrets_are_only_in_jobs_with_an_environment(workflow: Workflow) -> Objections:
    outside = {key: value for key, value in workflow.tree.items() if key not in ("jobs", "runs")}
    found = ["a secret outside the jobs"] if secret(outside) else []
    return found + [
        f"{name} has a secret and no environment"
        for name, job in workflow.jobs.items()
        if secret(job) and "environment" not in job
    ]


def secrets_are_named_one_by_one(workflow: Workflow) -> Objections:
    found = [f"{name} inherits secrets" for name, j in workflow.jobs.items() if "secrets" in j]
    wholesale = re.compile(r"\bsecrets\b(?!\.[A-Z0-9_]+\b)")
    values = [text for text in texts(workflow.tree) if "${{" in text]
    return found + [f"all secrets at once: {t}" for t in values if wholesale.search(t)]


def runs_with_credentials_are_not_cut_off(workflow: Workflow) -> Objections:
    lasting = any("environment" in job for job in workflow.jobs.values())
    if not lasting or "pull_request" in workflow.triggers:
        return []
    concurrency = workflow.tree.get("concurrency", {})
    found = [] if "${{" not in concurrency.get("group", "${{") else ["runs are not in one group"]
    kept = concurrency.get("cancel-in-progress") == "false"
    return found if kept else [*found, "a newer run cancels this one"]


def every_job_has_a_timeout_beyond_our_own_deadlines(workflow: Workflow) -> Objections:
    found = []
    for name, job in workflow.jobs.items():
        minutes = str(job.get("timeout-minutes", ""))
        if not minutes.isdigit():
            found.append(f"{name} has no timeout")
            continue
        applies = [arguments(step) for step in job["steps"] if command(step) == "apply"]
        if any(int(minutes) * 60 < longest_apply(given) for given in applies):
            found.append(f"{name} may be cut off after {minutes} minutes")
    return found


def longest_apply(given: list[str]) -> float:
    """Seconds that an apply may take by its own deadlines, where tenants have the usual limits."""
    options = {flag_of(name): option.shown for name, option in options_in(Options)}
    options |= dict(pairwise(given))
    lock, tenants, at_once, change, count = (
        int(options[flag] or 0)
        for flag in (
            "--lock-timeout",
            "--max-tenants",
            "--parallelism",
            "--retry-deadline",
            "--count-deadline",
        )
    )
    usual = Limits()
    of_one = count + (usual.max_creates + usual.max_updates) * change
    return lock + ceil(tenants / at_once) * of_one


def the_tool_takes_the_place_of_its_shell(workflow: Workflow) -> Objections:
    found = []
    for where, _, step in workflow.steps():
        lines = [line.strip() for line in step.get("run", "").splitlines() if line.strip()]
        for number, line in enumerate(lines, 1):
            if TOOL.search(line) and not (line.startswith("exec ") and number == len(lines)):
                found.append(f"{where} starts the tool without exec")
    return found


def the_tool_comes_from_the_lock_of_a_trusted_branch(workflow: Workflow) -> Objections:
    found = []
    for where, _, step in workflow.steps():
        script = step.get("run", "").replace("\\\n", " ")
        for line in script.splitlines():
            if not re.search(r"\bpip\S* install\b", line) or "--no-deps dist/" in line:
                continue
            if "--require-hashes" not in line:
                found.append(f"{where} installs without hashes")
            if "--no-deps" not in line:
                found.append(f"{where} lets pip look for what the lock does not name")
    if "pull_request" not in workflow.triggers:
        return found
    for name, job in workflow.jobs.items():
        if privileged(job):
            found += [f"{name}: {what}" for what in foreign_code(job)]
    return found


def foreign_code(job: Node) -> Objections:
    """How code of a pull request could run in a job."""
    checkouts = [s.get("with", {}) for s in job["steps"] if is_action(s, "actions/checkout")]
    found = [
        "the pull request is checked out where the tool is taken from"
        for given in checkouts
        if "path" not in given and given.get("ref") != "main"
    ]
    paths = [given["path"] for given in checkouts if "path" in given]
    for step in job["steps"]:
        local = str(step.get("uses", "")).removeprefix("./")
        if any(local.startswith(path) or path in step.get("run", "") for path in paths):
            found.append("something of the pull request is run")
    if not checkouts and any(is_action(step, "./") for step in job["steps"]):
        found.append("an action without a checkout")
    return found


def nothing_is_restored_from_a_cache(workflow: Workflow) -> Objections:
    return [
        f"{where} restores a cache"
        for where, _, step in workflow.steps()
        if is_action(step, "actions/cache") or any("cache" in key for key in step.get("with", {}))
    ]


def evidence_is_kept_however_an_apply_ends(workflow: Workflow) -> Objections:
    found = []
    for name, job in workflow.jobs.items():
        steps = job.get("steps", [])
        if any(command(step) == "apply" for step in steps):
            kept = [s for s in steps if is_action(s, "actions/upload-artifact")]
            if not any(keeps_evidence(step) for step in kept):
                found.append(f"{name} does not keep state and audit whatever happens")
            if not any(command(s) == "audit export" and s.get("if") == "always()" for s in steps):
                found.append(f"{name} does not export the trail whatever happens")
    return found


def keeps_evidence(step: Node) -> bool:
    given = step["with"]
    hidden = given.get("include-hidden-files") == "true"
    all_there = set(EVIDENCE) <= set(given["path"].split())
    return step.get("if") == "always()" and hidden and all_there


def every_runner_is_new_and_not_ours(workflow: Workflow) -> Objections:
    return [
        f"{name} runs on {job.get('runs-on')}"
        for name, job in workflow.jobs.items()
        if not re.fullmatch(r"ubuntu-(latest|\d\d\.\d\d)", str(job.get("runs-on", "")))
    ]


# What the issue asks for beside them


def a_run_trusts_neither_tenants_nor_hosts_of_a_pull_request(workflow: Workflow) -> Objections:
    found = []
    for where, job, step in workflow.steps():
        if "environment" in job and TOOL.search(step.get("run", "")):
            found.append(f"{where} runs the tool beside credentials, where this rule cannot see it")
        for allowed in ALLOWED.get(command(step), ()):
            name = f"RECONCILER_{allowed}"
            if step.get("env", {}).get(name) != f"${{{{ vars.{name} }}}}":
                found.append(f"{where} does not pass {name} on")
        pairs = set(pairwise(arguments(step)))
        if command(step) == "plan" and ("--tenants-from", "origin/main") not in pairs:
            found.append(f"{where} takes tenants from the working tree")
    return found


def a_fork_gets_no_environment(workflow: Workflow) -> Objections:
    if "pull_request" not in workflow.triggers:
        return []
    return [
        f"{name} has an environment, for forks too"
        for name, job in workflow.jobs.items()
        if "environment" in job and job.get("if") != OURS
    ]


def a_run_by_hand_has_credentials_on_main_alone(workflow: Workflow) -> Objections:
    if "workflow_dispatch" not in workflow.triggers:
        return []
    return [
        f"{name} may be run for any branch"
        for name, job in workflow.jobs.items()
        if "environment" in job and not on_main(workflow, job)
    ]


def on_main(workflow: Workflow, job: Node) -> bool:
    """Whether a job runs on main alone, or after one that does."""
    before = job.get("needs", [])
    before = [before] if isinstance(before, str) else before
    conditions = [str(one.get("if", "")) for one in (job, *(workflow.jobs[b] for b in before))]
    return any("github.ref == 'refs/heads/main'" in condition for condition in conditions)


Rule = Callable[[Workflow], Objections]
RULES: tuple[Rule, ...] = (
    nothing_is_permitted_at_the_top,
    a_job_is_permitted_only_what_it_does,
    triggers_run_no_foreign_code_with_our_rights,
    actions_are_pinned_by_commit,
    checkouts_leave_no_credential,
    no_expression_is_pasted_into_a_script,
    secrets_are_only_in_jobs_with_an_environment,
    secrets_are_named_one_by_one,
    runs_with_credentials_are_not_cut_off,
    every_job_has_a_timeout_beyond_our_own_deadlines,
    the_tool_takes_the_place_of_its_shell,
    the_tool_comes_from_the_lock_of_a_trusted_branch,
    nothing_is_restored_from_a_cache,
    evidence_is_kept_however_an_apply_ends,
    every_runner_is_new_and_not_ours,
    a_run_trusts_neither_tenants_nor_hosts_of_a_pull_request,
    a_fork_gets_no_environment,
    a_run_by_hand_has_credentials_on_main_alone,
)
# An action has neither triggers nor permissions, a runner or a timeout of its own.
OF_ACTIONS: tuple[Rule, ...] = (
    actions_are_pinned_by_commit,
    checkouts_leave_no_credential,
    no_expression_is_pasted_into_a_script,
    secrets_are_only_in_jobs_with_an_environment,
    secrets_are_named_one_by_one,
    the_tool_takes_the_place_of_its_shell,
    the_tool_comes_from_the_lock_of_a_trusted_branch,
    nothing_is_restored_from_a_cache,
)


def read(name: str) -> Workflow:
    """A workflow or action of ours, by its path below .github."""
    return Workflow((GITHUB / name).read_text())
