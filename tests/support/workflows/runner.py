"""Runs a workflow file: its jobs in order, every `run:` as GitHub's runner would, in clean clones.

Only the public actions and the hosts are stand-ins (tests/support/workflows/marketplace.py); what
the YAML says is executed as it stands, with the environment that it gives and no more.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

import yaml

from tests.support.runner_rule import command_of
from tests.support.workflows.expressions import condition, interpolated
from tests.support.workflows.marketplace import ACTIONS, Place, StepFailed
from tests.support.workflows.repository import Repository

_SHELLS = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
_FILES = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH")
_PASSED_ON = re.compile(r"PIP_|SSL_CERT|REQUESTS_CA|https?_proxy$|no_proxy$", re.I)


@dataclass(frozen=True)
class Event:
    """What happened: `ref` and `sha` are those that a checkout takes."""

    name: str
    ref: str
    sha: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    base_ref: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Hub:
    """GitHub as its workflows know it: a repository with its settings, and the API."""

    folder: Path
    repository: Repository  # the bare one that is cloned
    api: str
    name: str
    token: str  # of a job that may write something
    reader: str  # of any other
    variables: dict[str, str] = field(default_factory=dict)
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    ready: Path | None = None  # an environment made from the lock, which a new runner then has
    sarif: list[Any] = field(default_factory=list)
    sites: list[dict[str, bytes]] = field(default_factory=list)  # each as GitHub Pages had it
    history: "list[Run]" = field(default_factory=list)

    def run(
        self, workflow: str, event: Event, before: Mapping[str, Callable[[], object]] | None = None
    ) -> "Run":
        """Run `.github/workflows/NAME.yml` of the event's commit; `before` is called by job."""
        path = f".github/workflows/{workflow}.yml"
        text = self.repository.git("show", f"{event.sha}:{path}")
        run = Run(self, yaml.load(text, Loader=yaml.BaseLoader), event, len(self.history))
        self.history.append(run)
        assert event.name in run.tree["on"], f"{workflow} does not run on {event.name}"
        for name in run.order():
            (before or {}).get(name, lambda: None)()
            run.jobs[name] = run.job(name)
        return run


@dataclass
class Step:
    """How a step went; the log is what a person would read."""

    name: str
    outcome: str
    log: str
    environ: Mapping[str, str]


@dataclass
class Job:
    result: str
    outputs: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)  # that the runner obeyed
    summary: str = ""

    @property
    def log(self) -> str:
        return "\n".join(f"== {step.name}: {step.outcome}\n{step.log}" for step in self.steps)


@dataclass
class Run:
    """One run of a workflow."""

    hub: Hub
    tree: Mapping[str, Any]
    event: Event
    number: int
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.hub.folder / f"run-{self.number}"

    @property
    def results(self) -> dict[str, str]:
        return {name: job.result for name, job in self.jobs.items()}

    @property
    def log(self) -> str:
        return "\n".join(f"#### {name}\n{job.log}" for name, job in self.jobs.items())

    @property
    def summary(self) -> str:
        return "".join(job.summary for job in self.jobs.values())

    @property
    def commands(self) -> set[str]:
        """The names of the commands that its output gave the runner."""
        return {name for job in self.jobs.values() for name, _ in job.commands}

    def artifact(self, name: str) -> Path:
        return self.folder / "artifacts" / name

    def order(self) -> Iterator[str]:
        """The jobs, each after those that it needs."""
        waiting = dict(self.tree["jobs"])
        done: set[str] = set()
        while waiting:
            name = next(n for n, job in waiting.items() if set(_needs(job)) <= done)
            done.add(name)
            del waiting[name]
            yield name

    def job(self, name: str) -> Job:
        job = self.tree["jobs"][name]
        needed = {other: self.jobs[other] for other in _needs(job)}
        contexts = self.contexts(job, needed)
        if not condition(job.get("if", ""), contexts):
            return Job("skipped")
        running = _Running(self, job, self.folder / name, contexts)
        return running.whole()

    def contexts(self, job: Mapping[str, Any], needed: Mapping[str, Job]) -> dict[str, Any]:
        """What expressions of a job can name; secrets are those of its environment alone."""
        event, hub = self.event, self.hub
        token = hub.token if "write" in job["permissions"].values() else hub.reader
        well = all(other.result == "success" for other in needed.values())
        bad = any(other.result == "failure" for other in needed.values())
        return {
            "github": {
                "event": event.payload, "event_name": event.name, "ref": event.ref,
                "sha": event.sha, "base_ref": event.base_ref, "repository": hub.name,
                "server_url": "https://github.example.com", "token": token,
                "run_id": str(self.number), "run_attempt": "1",
            },
            "inputs": event.inputs,
            "vars": hub.variables,
            "secrets": hub.environments.get(job.get("environment", ""), {}),
            "needs": {n: {"result": j.result, "outputs": j.outputs} for n, j in needed.items()},
            "status": {"always": True, "cancelled": False, "success": well, "failure": bad},
        }  # fmt: skip


def _needs(job: Mapping[str, Any]) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else list(needs)


class _Running:
    """A job on a machine of its own: nothing is there but what the steps bring."""

    def __init__(
        self, run: Run, job: Mapping[str, Any], folder: Path, contexts: dict[str, Any]
    ) -> None:
        self.run, self.job, self.folder = run, job, folder
        self.made = Job("success")
        self.temp, self.workspace = folder / "temp", folder / "work"
        for path in (self.temp, self.workspace, folder / "home", folder / "tools"):
            path.mkdir(parents=True)
        if run.hub.ready is not None:
            shutil.copytree(run.hub.ready, self.temp / "reconciler-venv", symlinks=True)
        runner = {"temp": str(self.temp), "os": "Linux"}
        self.contexts = {**contexts, "runner": runner, "steps": {}}
        self.path = [os.environ["PATH"]]

    def whole(self) -> Job:
        for step in self.job["steps"]:
            self.contexts["status"] = self.status()
            if condition(step.get("if", ""), self.contexts):
                self.one(step)
        outputs = self.job.get("outputs", {})
        self.made.outputs = {k: interpolated(v, self.contexts) for k, v in outputs.items()}
        return self.made

    def status(self) -> dict[str, bool]:
        well = self.made.result == "success"
        return {"always": True, "cancelled": False, "success": well, "failure": not well}

    def one(self, step: Mapping[str, Any]) -> None:
        name = step.get("name") or step.get("uses") or step["run"]
        environ = self.environ(step, self.contexts)
        outputs: dict[str, str] = {}
        outcome, log = "success", ""
        try:
            outputs, log = self.done(step, environ, self.contexts)
        except StepFailed as failed:
            outcome, log = "failure", str(failed)
            outputs = self.written("GITHUB_OUTPUT")
        self.made.steps.append(Step(name, outcome, log, environ))
        if outcome == "failure" and step.get("continue-on-error") != "true":
            self.made.result = "failure"
        if "id" in step:
            self.contexts["steps"][step["id"]] = {"outputs": outputs, "outcome": outcome}

    def done(
        self, step: Mapping[str, Any], environ: dict[str, str], contexts: Mapping[str, Any]
    ) -> tuple[dict[str, str], str]:
        """Outputs and log of a step; raises StepFailed."""
        if "run" in step:
            return self.script(step, environ, contexts)
        given = {k: interpolated(v, contexts) for k, v in step.get("with", {}).items()}
        used = str(step["uses"])
        if used.startswith("./"):
            return self.composite(self.workspace / used, given, environ)
        self.path.insert(0, ACTIONS[used.partition("@")[0]](given, self.place()).get("PATH", ""))
        return {}, ""

    def composite(
        self, folder: Path, given: Mapping[str, str], environ: dict[str, str]
    ) -> tuple[dict[str, str], str]:
        """An action of the workspace: its steps, with its inputs and what its step hands down."""
        action = yaml.load((folder / "action.yml").read_text(), Loader=yaml.BaseLoader)
        known = action["inputs"]
        assert set(given) <= set(known), f"{folder} has no input {set(given) - set(known)}"
        missing = [k for k, v in known.items() if v.get("required") == "true" and not given.get(k)]
        assert not missing, f"{folder} wants {missing}"
        inputs = {key: value.get("default", "") for key, value in known.items()} | dict(given)
        contexts = {**self.contexts, "inputs": inputs, "steps": {}, "secrets": {}}
        log = ""
        outputs: dict[str, str] = {}
        for step in action["runs"]["steps"]:
            inner = {**environ, "GITHUB_ACTION_PATH": str(folder)}
            inner |= {k: interpolated(v, contexts) for k, v in step.get("env", {}).items()}
            outputs, reported = self.done(step, self.current(inner), contexts)
            contexts["steps"][step.get("id", "")] = {"outputs": outputs}
            log += reported
        promised = {k: interpolated(v["value"], contexts) for k, v in action["outputs"].items()}
        return promised, log

    def script(
        self, step: Mapping[str, Any], environ: dict[str, str], contexts: Mapping[str, Any]
    ) -> tuple[dict[str, str], str]:
        assert "${{" not in step["run"]
        script = self.temp / "script.sh"
        script.write_text(step["run"])
        where = interpolated(step.get("working-directory", "."), contexts)
        for name in _FILES:
            (self.temp / name).write_text("")
        done = subprocess.run(
            [*_SHELLS[step.get("shell")], str(script)],
            cwd=self.workspace / where,
            env=self.current(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,  # by two pipes, as a runner does; to one it is told the secrets
            text=True,
            check=False,
        )
        self.made.summary += (self.temp / "GITHUB_STEP_SUMMARY").read_text()
        log = self.obeyed(done.stdout + done.stderr)
        if done.returncode:
            raise StepFailed(f"{log}\nexit code {done.returncode}")
        return self.written("GITHUB_OUTPUT"), log

    def obeyed(self, output: str) -> str:
        """The log: the runner keeps the lines that mask a secret to itself."""
        lines = output.splitlines()
        found = [command_of(line) for line in lines]
        self.made.commands += [command for command in found if command is not None]
        shown = (command is None or command[0] != "add-mask" for command in found)
        return "\n".join(compress(lines, shown))

    def environ(self, step: Mapping[str, Any], contexts: Mapping[str, Any]) -> dict[str, str]:
        """The variables of a step: the runner's, the workflow's, the job's, its own."""
        event, hub = self.run.event, self.run.hub
        github = {
            "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "ada",
            "GITHUB_API_URL": hub.api, "GITHUB_SERVER_URL": "https://github.example.com",
            "GITHUB_REPOSITORY": hub.name, "GITHUB_EVENT_NAME": event.name,
            "GITHUB_REF": event.ref, "GITHUB_SHA": event.sha, "GITHUB_BASE_REF": event.base_ref,
            "GITHUB_RUN_ID": str(self.run.number), "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_WORKSPACE": str(self.workspace), "RUNNER_TEMP": str(self.temp),
            "GITHUB_EVENT_PATH": str(self.temp / "event.json"),
            **{name: str(self.temp / name) for name in _FILES},
        }  # fmt: skip
        (self.temp / "event.json").write_text(json.dumps(event.payload))
        passed = {k: v for k, v in os.environ.items() if _PASSED_ON.match(k)}
        own = {"HOME": str(self.folder / "home"), "LANG": "C.UTF-8"}
        given: dict[str, str] = {}
        for level in (self.run.tree, self.job, step):
            env = level.get("env", {})
            given |= {key: interpolated(value, contexts) for key, value in env.items()}
        return {**passed, **own, **github, **given}

    def current(self, environ: Mapping[str, str]) -> dict[str, str]:
        return {**environ, "PATH": ":".join(filter(None, self.path))}

    def written(self, name: str) -> dict[str, str]:
        """`NAME=VALUE`, and values of several lines between delimiters."""
        path = self.temp / name
        text = path.read_text() if path.exists() else ""
        pattern = re.compile(r"^([\w-]+)(?:=(.*)|<<(\S+)\n((?:.*\n)*?)\3)$", re.M)
        found = list(pattern.finditer(text))
        rest = pattern.sub("", text).strip()
        assert not rest, f"{name} has lines that the runner refuses: {rest}"
        return {m[1]: m[2] if m[2] is not None else m[4].removesuffix("\n") for m in found}

    def place(self) -> Place:
        event, hub = self.run.event, self.run.hub
        return Place(
            origin=hub.repository.path,
            workspace=self.workspace,
            temp=self.temp,
            tools=self.folder / "tools",
            artifacts=self.run.folder / "artifacts",
            ref=event.ref,
            sha=event.sha,
            uploaded=hub.sarif,
            published=hub.sites,
        )
