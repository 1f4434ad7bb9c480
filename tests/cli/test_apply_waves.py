"""`--waves`, `spec.wave` and `--stop-after`: a few tenants before many, also after a kill."""

import json
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.fleet.manifests import ENVIRON, Fleet
from tests.support.fleet.places import service
from tests.support.fleet.service import Running
from tests.support.program import Folder

__all__ = ["service"]

TENANTS = 8
WAVES = ("--waves", "1,50%,100%")
BEGUN, ENDED = "SCHEMA_EXTENSION_CREATE_INTENDED", "SCHEMA_EXTENSION_CREATED"


@pytest.fixture
def fleet(tmp_path: Path, service: Running) -> Folder:
    service.set(reset=True, delay=0.0)
    made = Fleet(origin=service.origin, tenants=TENANTS, extensions=1, live=0)
    made.write(tmp_path / "desired-state")
    return Folder(tmp_path, dict(ENVIRON))


def say(fleet: Folder, number: int, **spec: object) -> None:
    """Add to the spec of a tenant."""
    [path] = fleet.path.glob(f"desired-state/tenants/acme-{number:05}.*")
    lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in spec.items())
    path.write_text(path.read_text().replace("spec:\n", f"spec:\n{lines}", 1))


def by_tenant(fleet: Folder, event: str) -> dict[str, list[int]]:
    """The numbers of the records of an event, by the last digit of the tenant."""
    found = defaultdict(list)
    for record in fleet.audit():
        if record["event"] == event:
            found[record["tenant"][-1]].append(record["seq"])
    return found


def test_a_plan_shows_the_waves_and_a_saved_one_is_applied_in_them(fleet: Folder) -> None:
    say(fleet, 7, wave=1)
    text = fleet.run("plan", *WAVES, "--out", "plan.json", "--markdown", "plan.md")
    saved = json.loads((fleet.path / "plan.json").read_text())

    assert "  1: 1 tenant: acme-00007\n  2: 3 tenants: acme-00000, acme-00001, acme-" in text.out
    assert "1: `acme-00007`; 2: `acme-00000`, `acme-" in (fleet.path / "plan.md").read_text()
    assert saved["waves"]["sizes"] == ["1", "50%", "100%"]
    assert [len(wave["tenants"]) for wave in saved["waves"]["waves"]] == [1, 3, 4]

    other = fleet.run("apply", "plan.json", "--waves", "2,100%")
    done = fleet.run("apply", "plan.json", "--report", "report.json")

    assert (other.code, done.code) == (1, 0), done.err
    assert "the saved plan has waves of its own, 1,50%,100%; leave --waves out" in other.err
    begun, ended = by_tenant(fleet, BEGUN), by_tenant(fleet, ENDED)
    for before, after in (("7", "012"), ("012", "3456")):
        last = max(number for name in before for number in ended[name])
        assert last < min(number for name in after for number in begun[name])
    report = json.loads((fleet.path / "report.json").read_text())
    assert [tenant["wave"] for tenant in report["tenants"]] == [2, 2, 2, 3, 3, 3, 3, 1]


def test_a_tenant_that_is_not_applied_keeps_the_next_wave_from_beginning(fleet: Folder) -> None:
    say(fleet, 5, wave=1, freeze=[{"from": "2026-01-01", "to": "9999-12-31"}])
    fleet.run("plan", "--out", "plan.json")

    stopped = fleet.run("apply", "plan.json")
    passed = fleet.run("apply", "plan.json", "--stop-after", "2")

    assert stopped.code == 3
    assert "wave 2 did not begin: acme-00005 was not applied in full before it" in stopped.out
    assert "0 added, 0 changed, 0 destroyed, 8 not-attempted" in stopped.out
    assert passed.code == 3
    assert "7 added, 0 changed, 0 destroyed, 1 not-attempted" in passed.out
    assert "5" not in by_tenant(fleet, BEGUN)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--waves", "5,3"), "--waves 5,3: 3 is no more than 5, and each has to be more"),
        (("--waves", "0%"), "--waves 0%: '0%' is neither a number of tenants nor a share"),
        (("--stop-after", "2"), "--stop-after counts tenants that fail in a wave, and there are"),
        (("--stop-after", "0"), "--stop-after"),
    ],
)
def test_waves_that_make_no_sense_are_refused(
    fleet: Folder, options: tuple[str, ...], message: str
) -> None:
    done = fleet.run("apply", "--auto-approve", *options)

    assert (done.code, message in done.err) == (1, True), done.err
    assert not done.out


def test_a_run_that_was_killed_in_a_wave_is_finished_by_the_next(
    fleet: Folder, service: Running
) -> None:
    service.set(delay=0.3)
    with fleet.start("apply", "--auto-approve", *WAVES) as process:
        ends = time.monotonic() + 60
        while sum(kinds.get("create", 0) for kinds in service.counted().tenants.values()) < 2:
            assert time.monotonic() < ends, "no second wave has begun"
            time.sleep(0.02)
        process.kill()
        process.communicate(timeout=60)
    service.set(delay=0.0)
    killed = service.counted().tenants

    resumed = fleet.run("apply", "--auto-approve", *WAVES)

    assert not any(killed[f"acme-0000{number}"].get("create") for number in range(4, TENANTS))
    assert resumed.code == 0, resumed.everything
    created = [kinds.get("create") for _, kinds in sorted(service.counted().tenants.items())]
    assert created[0] == 1
    assert fleet.run("plan", "--detailed-exitcode").code == 0
    begun, ended = by_tenant(fleet, BEGUN), by_tenant(fleet, ENDED)
    assert sorted(begun) == sorted(ended) == [str(number) for number in range(TENANTS)]


def test_a_run_that_was_killed_between_two_waves_has_written_the_first_and_nothing_else(
    fleet: Folder, service: Running
) -> None:
    service.set(delay=0.3)
    with fleet.start("apply", "--auto-approve", *WAVES) as process:
        assert process.stderr is not None
        while "wave 2 begins, 3 tenants" not in process.stderr.readline():
            assert process.poll() is None, "no second wave has begun"
        process.kill()
        process.communicate(timeout=60)
    service.set(delay=0.0)
    killed = service.counted().tenants
    begun, ended = by_tenant(fleet, BEGUN), by_tenant(fleet, ENDED)

    resumed = fleet.run("apply", "--auto-approve", *WAVES)

    assert [name for name, kinds in killed.items() if kinds.get("create")] == ["acme-00000"]
    assert (sorted(begun), sorted(ended)) == (["0"], ["0"])
    assert resumed.code == 0, resumed.everything
    assert "apply: wave 1 begins, 1 tenant\n" in resumed.err
    created = [kinds.get("create") for _, kinds in sorted(service.counted().tenants.items())]
    assert created == [1] * TENANTS
