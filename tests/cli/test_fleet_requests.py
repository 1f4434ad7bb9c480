"""What a fleet is asked, counted at its service; and connections within few descriptors."""

import os
import pty
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fleet.manifests import ENVIRON, Fleet
from tests.support.fleet.service import Running, running
from tests.support.program import Folder
from tests.support.warm import Done

UNASKED = ("--searchable-timeout", "0")
APPLY = ("apply", "--auto-approve", "--max-tenants", "1000", *UNASKED)


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with running() as service:
        yield service


@pytest.fixture
def empty(tmp_path: Path, service: Running) -> Folder:
    """A folder without manifests."""
    service.set(reset=True)
    return Folder(tmp_path, dict(ENVIRON))


def run(folder: Folder, fleet: Fleet, *texts: str) -> Done:
    fleet.write(folder.path / "desired-state")
    done = folder.run(*texts)
    assert done.code == 0, done.everything[-3000:]
    return done


def each(service: Running, fleet: Fleet) -> dict[str, int]:
    """The requests of a tenant, which are those of every other."""
    counted = service.counted().tenants
    [found] = {tuple(sorted(counted[name].items())) for name in fleet.names}
    return dict(found)


def test_a_plan_is_a_token_and_the_pages_of_each_tenant(empty: Folder, service: Running):
    fleet = Fleet(origin=service.origin, tenants=5, extensions=4, live=4, page_size=3)

    run(empty, fleet, "plan")

    assert each(service, fleet) == {"token": 1, "list": 3}


def test_a_plan_asks_for_each_extension_that_the_list_lacks(empty: Folder, service: Running):
    fleet = Fleet(origin=service.origin, tenants=5, extensions=4, live=2)

    run(empty, fleet, "plan")

    assert each(service, fleet) == {"token": 1, "list": 1, "by-id": 2}


def test_a_create_adds_a_read_before_it_a_post_and_a_read_after_it(empty: Folder, service: Running):
    fleet = Fleet(origin=service.origin, tenants=5, extensions=4, live=2, webhooks=True)

    run(empty, fleet, *APPLY)

    assert each(service, fleet) == {
        "token": 1,
        "list": 1,
        "by-id": 2 + 2 * 2,
        "create": 2,
        "resource-types": 1,
    }
    assert service.counted().tenants["hr"] == {"webhook": 10}


def test_a_service_without_users_is_asked_once_a_tenant_whether_it_searches(
    empty: Folder, service: Running
):
    fleet = Fleet(origin=service.origin, tenants=5, extensions=4, live=2, webhooks=True)
    silent = run(empty, fleet, *APPLY)
    before = each(service, fleet)
    service.set(reset=True)

    asked = run(empty, fleet, *APPLY[: -len(UNASKED)], "--state", "sqlite:///other.db")

    more = {kind: n - before[kind] for kind, n in each(service, fleet).items() if n > before[kind]}
    assert more == {"by-id": 3, "resource-types": 1}  # what counts as by-id is /Users
    assert asked.out.count("not known to be searchable") == 10
    assert "searchable" not in silent.out


def test_an_apply_with_nothing_to_do_asks_what_a_plan_asks(empty: Folder, service: Running):
    fleet = Fleet(origin=service.origin, tenants=5, extensions=4, live=4)

    run(empty, fleet, *APPLY)

    assert each(service, fleet) == {"token": 1, "list": 1}


def test_an_apply_that_asks_lists_once_to_show_and_once_under_the_lock(
    empty: Folder, service: Running
):
    fleet = Fleet(origin=service.origin, tenants=3, extensions=2, live=1)
    fleet.write(empty.path / "desired-state")

    code, everything = at_a_terminal(empty, "yes\n", "apply", *UNASKED)

    assert code == 0, everything
    assert each(service, fleet) == {
        "token": 1,
        "list": 2,
        "by-id": 2 + 2,
        "create": 1,
        "resource-types": 1,
    }


def at_a_terminal(folder: Folder, answer: str, *texts: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as keyboard:
        process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", *texts],
            cwd=folder.path,
            env={"PATH": os.environ["PATH"], **folder.environ},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        os.close(theirs)
        keyboard.write(answer.encode())
        everything, _ = process.communicate(timeout=60)
    return process.returncode, everything


@pytest.mark.parametrize("texts", [("plan",), APPLY], ids=["plan", "apply"])
def test_tenants_of_one_client_share_its_token(
    empty: Folder, service: Running, texts: tuple[str, ...]
):
    fleet = Fleet(origin=service.origin, tenants=6, extensions=2, live=1, one_client=True)

    run(empty, fleet, *texts)

    assert service.counted().tenants["any"] == {"token": 1}


@pytest.mark.parametrize("texts", [("plan",), APPLY], ids=["plan", "apply"])
def test_two_hundred_tenants_of_one_origin_fit_into_256_descriptors(
    empty: Folder, service: Running, texts: tuple[str, ...]
):
    """With an origin for each they are planned and changed in test_fleet_network."""
    fleet = Fleet(origin=service.origin, tenants=200, extensions=2, live=1, webhooks=True)
    fleet.write(empty.path / "desired-state")
    program = f'ulimit -n 256; exec "{sys.executable}" -m reconciler {" ".join(texts)}'

    done = subprocess.run(
        ["sh", "-c", program],
        cwd=empty.path,
        env={"PATH": os.environ["PATH"], **empty.environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )

    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
    kinds = Counter[str]()
    for name in fleet.names:
        kinds.update(service.counted().tenants[name])
    assert kinds["list"] == 200
    assert service.counted().peak < 100


def test_a_fleet_behind_one_origin_is_reached_over_few_connections(empty: Folder, service: Running):
    fleet = Fleet(origin=service.origin, tenants=30, extensions=2, live=1, webhooks=True)

    run(empty, fleet, *APPLY, "--parallelism", "4")

    assert service.counted().connections <= 2 * 4 + 10  # and those that count here
