"""The page about many tenants: its workflow keeps the policy, its jobs run as processes."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.support.dask_cluster import dask_process
from tests.support.fleet.manifests import ENVIRON
from tests.support.fleet.places import Place, fleet, place, service
from tests.support.pages import blocks
from tests.support.postgres import Server, free_port
from tests.support.program import Folder
from tests.support.workflows.policy import RULES, Workflow

__all__ = ["place", "service"]

PAGE = "docs/scale.md"
WORKFLOW, JOBS = (text for language, text in blocks(PAGE) if language == "yaml")
PLAN, APPLY, DRIFT = yaml.safe_load(JOBS)["items"]


def test_the_matrix_keeps_the_policy_of_workflows() -> None:
    workflow = Workflow(WORKFLOW)

    assert [objection for rule in RULES for objection in rule(workflow)] == []


def test_the_matrix_names_each_shard_once() -> None:
    jobs = yaml.safe_load(WORKFLOW)["jobs"]
    shards = {
        name: job["strategy"]["matrix"]["shard"] for name, job in jobs.items() if name != "merge"
    }

    assert shards == {"plan": [1, 2, 3, 4], "apply": [1, 2, 3, 4]}
    assert WORKFLOW.count("${{ matrix.shard }}/4\n") == 2
    assert all(f"plan-{n}.json\n" in WORKFLOW for n in shards["plan"])


@pytest.mark.parametrize("version", ["1.31", "1.37"])
@pytest.mark.parametrize("job", [PLAN, APPLY, DRIFT], ids=["plan", "apply", "drift"])
def test_the_jobs_are_valid_for_kubernetes(job: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(job, version, strict=True)

    job["spec"]["unheard"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, version, strict=True)
    del job["spec"]["unheard"]


def pods(job: dict[str, Any], folder: Folder) -> Iterator[subprocess.Popen[str]]:
    """The pods of an Indexed Job, as Kubernetes would start them."""
    spec = job["spec"].get("jobTemplate", job)["spec"]
    assert spec["completionMode"] == "Indexed"
    for index in map(str, range(spec["completions"])):
        [container] = spec["template"]["spec"]["containers"]
        words = [word.replace("$(JOB_COMPLETION_INDEX)", index) for word in container["args"]]
        command = [str(folder.path) if word == "/fleet" else word for word in words]
        yield subprocess.Popen(
            [sys.executable, "-m", "reconciler", *command],
            env={**folder.environment(), "JOB_COMPLETION_INDEX": index},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def require_done(job: dict[str, Any], folder: Folder) -> None:
    running = [*pods(job, folder)]
    said = [process.communicate(timeout=100)[0] for process in running]
    assert {process.returncode for process in running} == {0}, said


@pytest.mark.process
def test_the_jobs_plan_and_apply_a_fleet(place: Place, postgres: Server) -> None:
    path = place.folder_of(fleet(place.service, 9, missing=1))
    folder = Folder(path, {**ENVIRON, "RECONCILER_STATE": postgres.url()})
    require_done(PLAN, folder)
    [merge] = [line.split() for line in JOBS.splitlines() if "reconciler merge" in line]
    command = [word.rstrip(",") for word in merge[2 : merge.index("plan.json,") + 1]]
    assert folder.run(*command).code == 0

    require_done(APPLY, folder)
    require_done(DRIFT, folder)

    assert "No changes." in folder.run("plan").out
    assert all((path / f"drift-{index}.prom").exists() for index in range(4))
    names = [
        tenant["name"]
        for index in range(4)
        for tenant in json.loads((path / f"report-{index}.json").read_text())["tenants"]
    ]
    assert len(names) == len({*names}) == 9


@pytest.mark.process
def test_the_commands_for_a_cluster_run(place: Place, postgres: Server) -> None:
    path = place.folder_of(fleet(place.service, 3, missing=1))
    folder = Folder(path, {**ENVIRON, "RECONCILER_STATE": postgres.url()})
    [text] = (text for language, text in blocks(PAGE) if language == "text")
    with ExitStack() as running:
        for line in text.replace("8786", str(free_port())).splitlines():
            program, *words = shlex.split(line)
            if program == "dask":
                running.enter_context(dask_process(path, *words, environ=folder.environment()))
                continue
            done = folder.run(*words)
            assert done.code == 0, done.everything

    assert "3 added" in done.out
