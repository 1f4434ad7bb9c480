"""`locks`: which run holds which tenant, seen from beside it."""

import json

from reconciler.adapters.locks import FileLocks
from tests.support.applied import applied
from tests.support.lock_world import StoppedClock
from tests.support.program import Folder

__all__ = ["applied"]


def test_locks_shows_who_holds_a_tenant_and_since_when(applied: Folder) -> None:
    idle = applied.run("locks")
    assert (idle.code, idle.out, idle.err) == (0, "", "no run holds a lock\n")
    held = FileLocks(
        applied.path / ".reconciler/locks", holder="run 1 of night-job", clock=StoppedClock()
    )

    with held.hold("dev"):
        text = applied.run("locks").out
        [lock] = applied.output("locks")["data"]["locks"]
        refused = applied.run("apply", "--auto-approve")

    head, line = text.splitlines()
    assert head.split() == ["TENANT", "OF", "HELD", "BY", "SINCE"]
    assert line.startswith("dev     tenant  run 1 of night-job (process ")
    assert line.endswith("  2026-01-02T03:04:05.000Z")
    assert (lock["tenant"], lock["of"]) == ("dev", "tenant")
    assert lock["holder"] in refused.everything
    assert applied.output("locks")["data"]["locks"] == []


def test_locks_before_the_first_apply_are_none(folder: Folder) -> None:
    assert folder.output("locks")["data"] == {"locks": []}
    assert json.loads(folder.run("locks", "--format", "json").out)["command"] == "locks"
    assert not (folder.path / ".reconciler").exists()
