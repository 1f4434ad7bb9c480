"""Several processes on one store: one chain without gaps, and nothing lost to a kill."""

import os
import signal
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from reconciler.domain.records import check_chain
from tests.support.store_world import Place, entry, opened

pytestmark = pytest.mark.process

WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.support.store_world import created, event, intended, intent, opened

place, tenant, deeds = sys.argv[1], sys.argv[2], int(sys.argv[3])
sys.stdin.readline()  # the starting shot
with opened(place if '://' in place else Path(place)) as store:
    for number in range(deeds):
        opened_intent = store.intend(intent(tenant=tenant), intended(tenant))
        told = replace(event(tenant=tenant), event_id=f"evt_{tenant}_{number}")
        store.settle(opened_intent, created(tenant=tenant), told)
        print(number, flush=True)  # acknowledged
"""


def writer(place: Place, tenant: str, deeds: int) -> "Popen[str]":
    return Popen(
        [sys.executable, "-c", WRITER, str(place), tenant, str(deeds)],
        stdin=PIPE,
        stdout=PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )


def test_processes_that_start_together_make_one_store_and_one_chain(place: Place) -> None:
    place = place if isinstance(place, str) else place.parent / "new" / "state.db"
    writers = [writer(place, tenant, 20) for tenant in ("acme", "beta", "gamma")]

    for each in writers:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    ends = [each.communicate() for each in writers]

    assert [each.returncode for each in writers] == [0, 0, 0]
    assert all(len(out.split()) == 20 for out, _ in ends)
    with opened(place) as store:
        result = check_chain(store.records())
        assert (result.records, result.broken_at) == (3 * 20 * 4, None)
        deliveries = tuple(store.released())
    for tenant in ("acme", "beta", "gamma"):
        mine = [d.sequence for d in deliveries if d.tenant == tenant]
        assert sorted(mine) == sorted([*range(1, 21), *range(1, 21)])


@pytest.mark.parametrize("after", [1, 2, 5, 9])
def test_a_killed_writer_loses_nothing_that_was_confirmed(place: Place, after: int) -> None:
    process = writer(place, "acme", 10_000)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    for _ in range(after):
        process.stdout.readline()

    process.send_signal(signal.SIGKILL)
    acknowledged = after + len(process.stdout.read().split())  # what readline has read ahead too
    process.communicate()

    with opened(place, busy_timeout=5) as store:
        store.record(entry())  # a server may still end what the killed one had asked for
        assert check_chain(store.records()).broken_at is None
        settled = len(tuple(store.released())) // 2
        begun = len(store.open_intents("acme"))
        assert acknowledged <= settled <= acknowledged + 1
        assert begun <= 1
        assert store.head()[0] == 4 * settled + begun + 1
