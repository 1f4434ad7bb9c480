"""Proofs that a run whose store failed has failed closed."""

import json

from reconciler.domain.jsontext import Json
from reconciler.domain.records import Status
from tests.support.crash import (
    World,
    left_by,
)
from tests.support.warm import Done


def require_failed_closed(failing: World, done: Done) -> None:
    """An error with a message; each write of which the tenant knows is recorded or exported.

    As proved, or as unknown where no more was known when the store failed.
    """
    assert done.code in (0, 1), done.everything
    assert "Traceback" not in done.everything, done.everything
    assert done.code == 0 or "error: " in done.err
    known = left_by(failing) + [line["record"] for line in exported(failing, done)]
    proved = {record["schema_id"] for record in known if record["after_digest"]}
    unknown = {record["schema_id"] for record in known if record["status"] == Status.UNKNOWN}
    assert failing.written() <= proved | unknown, done.everything


def require_intents_first(failing: World, done: Done, *, once: bool) -> None:
    """Each request that may change the tenant had its durable intent; none after a failure."""
    made = failing.calls()
    failed = [place for place, call in enumerate(made) if call.injected]
    writes = [place for place, call in enumerate(made) if call.writes_to_tenant]
    trail = failing.trail(copied=True)
    assert len(writes) <= sum(record["event"].endswith("_INTENDED") for record in trail)
    if done.code == 1 and once:
        assert all(place < failed[0] for place in writes), "it went on after the failure"


def exported(failing: World, done: Done) -> list[dict[str, Json]]:
    """The lines of the emergency export, wherever it went; the message has to say where."""
    for folder in (failing.path, failing.path / "tmp"):
        for file in folder.glob("reconciler-emergency-*.jsonl"):
            if f"could not record for certain is in {file}" in done.err:
                assert file.stat().st_mode & 0o077 == 0
                return [json.loads(line) for line in file.read_text().splitlines()]
    return [json.loads(line) for line in done.err.splitlines() if line.startswith('{"record"')]
