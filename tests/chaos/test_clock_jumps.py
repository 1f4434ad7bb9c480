"""The wall clock jumps by a day while a real apply waits and retries: nothing else changes."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.arena import Answer, Arena, Seen, arena_in, ended, records, urns

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

CHANGES = 5
ASKED = 2  # seconds of Retry-After
DAY = 86400


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with arena_in(tmp_path_factory.mktemp("arena") / "base") as made:
        yield made


@pytest.fixture(scope="module")
def library() -> str:
    """libfaketime, which has to be there: `apt-get install faketime`."""
    assert shutil.which("faketime"), "install faketime: apt-get install faketime"
    found = subprocess.run(
        ["faketime", "-m", "now", "printenv", "LD_PRELOAD"],
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


class Throttle:
    """Two creates of three requests are let through; the first of three comes back later."""

    def __init__(self) -> None:
        self.count = 0
        self.refused: list[float] = []

    def __call__(self, seen: Seen) -> Answer | None:
        if seen.method != "POST" or not seen.path.endswith("/Schemas"):
            return None
        self.count += 1
        if self.count % 3 != 1:
            return None
        self.refused.append(seen.at)
        return 429, {"Retry-After": str(ASKED)}


@pytest.mark.parametrize("sign", ["+", "-"])
@pytest.mark.parametrize("instant", range(10))
def test_a_jump_of_a_day_changes_nothing_but_what_the_records_say(
    arena: Arena, library: str, tmp_path: Path, sign: str, instant: int
):
    folder = arena.fresh(CHANGES)
    throttle = Throttle()
    arena.front.instead = throttle
    arena.front.delay = 0.05
    jump = tmp_path / "faketime"
    jump.write_text("+0")
    folder.environ |= {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(jump),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    begun = time.monotonic()
    process = folder.start("apply", "--auto-approve")
    time.sleep(0.8 + 0.5 * instant)
    jump.write_text(f"{sign}{DAY}")

    done = ended(process, begun, within=60)

    assert done.code == 0, done
    assert arena.live() == urns(CHANGES)
    tokens = [seen for seen in arena.front.seen if "/oauth/" in seen.path]
    assert 1 <= len(tokens) <= 2
    creates = [seen.at for seen in arena.front.seen if seen.path.endswith("/Schemas")]
    for refused in throttle.refused:
        again = min(at for at in creates if at > refused)
        assert again - refused >= ASKED  # no early retry
    assert done.seconds < 40  # and no endless wait
    last = datetime.fromisoformat(records(folder)[-1]["timestamp"]).timestamp()
    assert last - time.time() == pytest.approx(int(f"{sign}{DAY}"), abs=120)  # it did jump
    jump.write_text("+0")
    delivered = folder.run_cold("webhooks", "deliver", "--now")
    assert delivered.code == 0, delivered.everything
    reported = arena.inbox()
    assert sorted(reported) == urns(CHANGES)
    assert all(len(events) == 1 for events in reported.values()), reported
