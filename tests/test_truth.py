"""Whatever fails: summary, exit code, trail, report and tenant say the same, in 64 of 64 cases."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from reconciler.adapters.database import Store, open_store
from reconciler.cli.exits import Exit, meaning
from reconciler.cli.reporting import run_code
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import GitState, Manifests, SchemaExtension
from reconciler.domain.outcome import RunSummary
from reconciler.domain.records import Run, check_chain
from reconciler.domain.selection import Selection
from reconciler.errors import TenantUnavailable
from reconciler.planning import Desired
from reconciler.ports import WriteResult
from reconciler.render.paint import Paint
from reconciler.render.report_document import Ended, report_document
from reconciler.render.summary_text import summary_text
from tests.support.fakes import (
    CREATED,
    LOST,
    NOT_ALLOWED,
    REFUSED,
    START,
    FakeTenant,
    document,
    extension,
    nothing,
    tenant,
)
from tests.support.fakes import (
    Store as Kept,
)
from tests.support.runs import Gateways, fleet_of
from tests.support.store_world import validator

REPORT = validator("report")
CASES = list(product([False, True], repeat=6))


def other(body: dict[str, Json]) -> dict[str, Json]:
    """A service that keeps something else."""
    return body | {"description": "ours is better"}


@dataclass(frozen=True)
class Failure:
    """A way to fail: what is answered and kept, whether reading back fails, how it is told."""

    outcome: str
    answer: WriteResult
    keeps: Kept
    unreadable: bool = False


FAILURES = (
    Failure("not-applied", REFUSED, nothing),
    Failure("unknown", CREATED, nothing),
    Failure("ignored-by-server", CREATED, other),
    Failure("conflict", LOST, other),
    Failure("unknown", LOST, nothing, unreadable=True),
    Failure("not-applied", NOT_ALLOWED, nothing),
)


def rig(one: FakeTenant, failures: list[Failure | None]) -> None:
    """Let the writes that come fail so, or go well."""
    for failure in failures:
        if failure is None:
            one.script.append((CREATED, lambda body: body))
            one.fail_reads.extend([None, None])
        else:
            one.script.append((failure.answer, failure.keeps))
            lost = TenantUnavailable("GET → 503") if failure.unreadable else None
            one.fail_reads.extend([None, lost])


@dataclass
class Told:
    """One run, as each of those who tell of it tells it."""

    summary: RunSummary
    text: str
    code: int
    report: Json
    records: list[dict[str, Json]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path / 'state.db'}")) as opened:
        yield opened


def run(
    store: Store, live: dict[str, FakeTenant], wanted: tuple[SchemaExtension, ...], number: int
) -> Told:
    before = store.head()[0]
    made = Run(id=f"run-{number}", actor="user:test")
    desired = Desired(
        manifests=Manifests(tenants=tuple(tenant(name) for name in live), extensions=wanted),
        selection=Selection(),
        git=GitState(),
    )
    fleet = fleet_of(
        desired,
        Gateways(lambda one: live[one.name]),
        store,
        run=made,
        schedule=lambda attempts, result: START + timedelta(minutes=5),
        parallelism=3,
    )
    summary = fleet.apply(lambda plan: None)
    code = run_code(summary)
    ended = Ended(
        started_at="2026-03-01T12:00:00.000Z",
        ended_at="2026-03-01T12:00:01.000Z",
        code=code,
        meaning=meaning(code),
        error=None,
        head=store.head(),
    )
    return Told(
        summary=summary,
        text=summary_text(summary, paint=Paint()),
        code=code,
        report=report_document(made, ended, summary),
        records=[dict(record) for record in store.records() if record["seq"] > before],
    )


def assert_all_agree(reported: Told, live: dict[str, FakeTenant], expected: dict[str, str]) -> None:
    """`expected`: the outcome of each change, by its id."""
    assert {o.change.subject.id: str(o.kind) for o in reported.summary.outcomes} == expected
    counts = Counter(expected.values())
    _the_text_agrees(reported.text, counts)
    assert reported.code == (Exit.WELL if set(counts) <= {"applied"} else Exit.PARTLY)
    _the_trail_agrees(reported.records, expected, counts)
    _the_report_agrees(reported.report, expected, counts)
    there = {
        f"{name}/{schema.id.rsplit(':', 1)[1]}"
        for name, one in live.items()
        for schema in one.schemas.values()
        if schema.description is None
    }
    assert there == {change for change, outcome in expected.items() if outcome == "applied"}


def _the_text_agrees(text: str, counts: Counter[str]) -> None:
    [line] = [line for line in text.splitlines() if line.startswith("Apply ")]
    found = {kind: int(number) for number, kind in re.findall(r"(\d+) ([a-z-]+)", line)}
    assert found.pop("added") == counts["applied"]
    assert (found.pop("changed"), found.pop("destroyed")) == (0, 0)
    assert found == {kind: number for kind, number in counts.items() if kind != "applied"}
    assert line.startswith("Apply complete!") == (set(counts) <= {"applied"})
    assert f"Webhooks: {counts['applied']} delivered, 0 pending" in text


STATUS = {"applied": "SUCCESS", "unknown": "UNKNOWN"}


def _the_trail_agrees(
    records: list[dict[str, Json]], expected: dict[str, str], counts: Counter[str]
) -> None:
    ended = ("SCHEMA_EXTENSION_CREATED", "SCHEMA_EXTENSION_BLOCKED")
    reported = {r["change"]: (r["status"], r["detail"]) for r in records if r["event"] in ended}
    assert set(reported) == set(expected)
    for change, outcome in expected.items():
        status, detail = reported[change]
        assert status == STATUS.get(outcome, "FAILED")
        assert detail.startswith(outcome)
    synced = [r for r in records if r["event"] == "HR_SYNC_COMPLETED"]
    assert len(synced) == counts["applied"]
    last = records[-1]
    assert last["event"] == "RUN_COMPLETED"
    assert last["status"] == ("SUCCESS" if set(counts) <= {"applied"} else "FAILED")
    assert last["detail"] == ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))


def _the_report_agrees(report: Json, expected: dict[str, str], counts: Counter[str]) -> None:
    assert [error.message for error in REPORT.iter_errors(report)] == []
    changes = [change for one in report["tenants"] for change in one["changes"]]
    assert {change["id"]: change["outcome"] for change in changes} == expected
    assert {kind: n for kind, n in report["summary"].items() if n} == dict(counts)
    assert len(report["deliveries"]["attempts"]) == counts["applied"]
    assert report["exit"]["code"] in (0, 3)
    assert report["finished"] is True


@pytest.mark.thorough
def test_six_tenants_of_which_any_may_fail(store: Store):
    wanted = (extension(document("urn:acme:x"), name="x"),)
    for number, case in enumerate(CASES):
        live = {f"t{number}-{i}": FakeTenant() for i in range(6)}
        chosen = [failure if fails else None for failure, fails in zip(FAILURES, case, strict=True)]
        for one, failure in zip(live.values(), chosen, strict=True):
            rig(one, [failure])

        reported = run(store, live, wanted, number)

        outcomes = [failure.outcome if failure else "applied" for failure in chosen]
        assert_all_agree(reported, live, {f"{n}/x": o for n, o in zip(live, outcomes, strict=True)})
    assert check_chain(store.records()).broken_at is None


@pytest.mark.thorough
def test_six_changes_of_one_tenant_of_which_the_first_that_fails_stops_the_rest(store: Store):
    wanted = tuple(extension(document(f"urn:acme:{n}"), name=n) for n in "abcdef")
    for number, case in enumerate(CASES):
        chosen = [failure if fails else None for failure, fails in zip(FAILURES, case, strict=True)]
        name = f"t{number}"
        live = {name: FakeTenant()}
        rig(live[name], chosen)

        reported = run(store, live, wanted, number)

        expected = {}
        stopped = False
        for letter, failure in zip("abcdef", chosen, strict=True):
            outcome = failure.outcome if failure else "applied"
            expected[f"{name}/{letter}"] = "not-attempted" if stopped else outcome
            stopped = stopped or failure is not None
        assert_all_agree(reported, live, expected)
    assert check_chain(store.records()).broken_at is None
