"""`--shard`: a fleet in parts, each in a process of its own, and `merge` of what they wrote."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fleet.manifests import ENVIRON
from tests.support.fleet.places import Place, fleet, place, service
from tests.support.postgres import Server
from tests.support.program import Folder

__all__ = ["place", "service"]

TENANTS = 12
SHARDS = ("1/3", "2/3", "3/3")


def folder_of(place: Place, *, missing: int = 1) -> Folder:
    path = place.folder_of(fleet(place.service, TENANTS, missing=missing))
    return Folder(path, {**ENVIRON, "RECONCILER_MAX_TENANTS": str(TENANTS)})


def plan_shards(folder: Folder) -> list[str]:
    files = [f"plan-{shard[0]}.json" for shard in SHARDS]
    for shard, file in zip(SHARDS, files, strict=True):
        done = folder.run("plan", "--shard", shard, "--out", file)
        assert done.code == 0, done.everything
    return files


def merge(folder: Folder, *files: str, out: str = "plan.json", code: int = 0) -> str:
    done = folder.run("merge", *files, "--out", out)
    assert done.code == code, done.everything
    return done.err


def names_in(file: Path) -> list[str]:
    return [tenant["name"] for tenant in json.loads(file.read_text())["tenants"]]


def test_the_merged_plans_of_shards_are_the_plan_of_one_run_byte_for_byte(place: Place) -> None:
    folder = folder_of(place)
    folder.environ["RECONCILER_WAVES"] = "1,50%,100%"
    assert folder.run("plan", "--out", "whole.json").code == 0
    files = plan_shards(folder)

    said = merge(folder, *reversed(files))

    assert (folder.path / "plan.json").read_bytes() == (folder.path / "whole.json").read_bytes()
    digest = json.loads((folder.path / "whole.json").read_text())["digest"]
    assert said == f"3 plans of {TENANTS} tenants merged as plan.json; digest {digest}\n"
    parts = [names_in(folder.path / file) for file in files]
    assert all(parts)
    assert sorted(name for part in parts for name in part) == names_in(folder.path / "plan.json")
    assert "This plan is partial: --shard 2/3" in folder.run("show", files[1]).out


def test_what_is_not_whole_is_not_merged(place: Place) -> None:
    folder = folder_of(place)
    files = plan_shards(folder)
    assert folder.run("plan", "--out", "whole.json").code == 0

    assert "no file is shard 2/3" in merge(folder, files[0], files[2], code=1)
    again = folder.path / "again.json"
    again.write_bytes((folder.path / files[0]).read_bytes())
    assert "has tenant" in merge(folder, *files, "again.json", code=1)
    os.mkfifo(folder.path / "pipe.json")
    assert "is no file but a pipe" in merge(folder, *files[:2], "pipe.json", code=1)
    assert "whole.json is not of a shard" in merge(folder, "whole.json", code=1)
    edited = (folder.path / files[0]).read_text().replace("acme-000", "acme-999")
    (folder.path / files[0]).write_text(edited)
    assert "the saved plan was edited" in merge(folder, *files, code=4)
    assert "name the files to merge" in merge(folder, code=1)
    assert not (folder.path / "plan.json").exists()


@pytest.mark.parametrize("part", ["plan", "report"])
def test_a_file_that_is_given_twice_is_not_merged(tmp_path: Path, part: str) -> None:
    (tmp_path / "part.json").write_text(json.dumps({"run": {}} if part == "report" else {}))

    done = Folder(tmp_path).run("merge", "part.json", "part.json", "--out", "whole.json")

    assert (done.code, done.err) == (1, "error: part.json is given 2 times; give each shard once\n")


def test_the_limit_of_a_run_is_that_of_all_shards(place: Place) -> None:
    folder = folder_of(place)
    folder.environ["RECONCILER_MAX_TENANTS"] = "5"
    files = plan_shards(folder)  # each of which changes fewer

    merge(folder, *files)
    merge(Folder(folder.path.parent, folder.environ), "-C", folder.path.name, *files)

    [exceeded] = json.loads((folder.path / "plan.json").read_text())["exceeded_limits"]
    assert f"{TENANTS} changed tenants exceed --max-tenants 5" in exceeded


def test_shards_apply_a_merged_plan_side_by_side(place: Place, postgres: Server) -> None:
    folder = folder_of(place)
    folder.environ["RECONCILER_STATE"] = postgres.url()
    merge(folder, *plan_shards(folder))
    command = [sys.executable, "-m", "reconciler", "apply", "plan.json", "--shard", "job/3",
               "--searchable-timeout", "0"]  # fmt: skip
    running = [
        subprocess.Popen(
            [*command, "--report", f"report-{index}.json"],
            cwd=folder.path,
            env={**folder.environment(), "JOB_COMPLETION_INDEX": str(index)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(3)
    ]
    said = [process.communicate(timeout=100)[0] for process in running]

    assert [process.returncode for process in running] == [0, 0, 0], said
    assert "No changes." in folder.run("plan").out
    reports = [f"report-{index}.json" for index in range(3)]
    assert merge(folder, *reports, out="report.json").startswith("3 reports of 12 tenants merged")
    report = json.loads((folder.path / "report.json").read_text())
    plan = json.loads((folder.path / "plan.json").read_text())
    assert report["run"]["plan_digest"] == plan["digest"]
    assert report["summary"]["applied"] == TENANTS
    assert [tenant["name"] for tenant in report["tenants"]] == names_in(folder.path / "plan.json")
    assert folder.run("audit", "verify").out.startswith("whole")


def test_a_shard_applies_only_what_is_approved_of_all(place: Place, postgres: Server) -> None:
    folder = folder_of(place)
    files = plan_shards(folder)
    merge(folder, *files)

    alone = folder.run("apply", "plan.json", "--shard", "1/3")
    assert alone.code == 1
    assert "apply --shard needs the store that all shards share" in alone.err
    recovering = folder.run("apply", "--recover-only", "--shard", "1/3")
    assert recovering.code == 1
    assert "apply --shard needs the store that all shards share" in recovering.err
    folder.environ["RECONCILER_STATE"] = postgres.url()
    reports = [f"recovered-{shard[0]}.json" for shard in SHARDS]
    for shard, report in zip(SHARDS, reports, strict=True):
        done = folder.run("apply", "--recover-only", "--shard", shard, "--report", report)
        assert done.code == 0, done.everything
    assert merge(folder, *reports, out="recovered.json").startswith("3 reports of")
    part = folder.run("apply", files[0])
    assert part.code == 1
    assert "plan-1.json is the plan of shard 1/3 alone" in part.err
    bare = folder.run("apply", "--auto-approve", "--shard", "1/3")
    assert bare.code == 1
    assert "--max-tenants is about all shards" in bare.err
    waves = folder.run("apply", "plan.json", "--shard", "1/3", "--waves", "1,100%")
    assert waves.code == 1
    assert "no wave is over before the next one begins" in waves.err
    folder.environ["RECONCILER_MAX_TENANTS"] = str(TENANTS - 1)
    many = folder.run("apply", "plan.json", "--shard", "1/3")
    assert many.code == 6
    assert f"{TENANTS} changed tenants exceed --max-tenants {TENANTS - 1}" in many.err
    assert f"Plan: {TENANTS} to add" in folder.run("plan").out


@pytest.mark.parametrize(
    ("shard", "index", "message"),
    [
        ("0/3", None, "I goes from 1 to N, here 3"),
        ("4/3", None, "I goes from 1 to N, here 3"),
        ("1", None, "give I/N"),
        ("1/0", None, "give I/N"),
        ("+1/2", None, "give I/N"),
        ("job/3", None, "needs JOB_COMPLETION_INDEX"),
        ("job/3", "-1", "needs JOB_COMPLETION_INDEX"),
        ("job/3", "3", "has 3 parts, and JOB_COMPLETION_INDEX is 3, counted from 0"),
    ],
)
def test_a_shard_that_is_none_is_refused(
    place: Place, shard: str, index: str | None, message: str
) -> None:
    folder = folder_of(place)
    environ = {} if index is None else {"JOB_COMPLETION_INDEX": index}

    done = folder.run("plan", "--shard", shard, **environ)

    assert done.code == 1
    assert message in done.err


def test_more_shards_than_tenants_leave_some_with_nothing_to_do(place: Place) -> None:
    folder = folder_of(place)
    names: list[str] = []
    for number in range(1, 31):
        done = folder.run("plan", "--format", "json", "--shard", f"{number}/30")
        assert done.code == 0, done.everything
        names += [tenant["name"] for tenant in json.loads(done.out)["tenants"]]

    assert len(names) == len({*names}) == TENANTS
