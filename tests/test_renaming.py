"""A tenant under a new name: what the store keeps under the old one is carried on, and recorded."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from reconciler.adapters.database import Store, open_store
from reconciler.domain.manifest import GitState, Manifests, Tenant
from reconciler.domain.outcome import OutcomeKind, RunSummary
from reconciler.domain.records import Event, Run, Status, check_chain
from reconciler.domain.scim import Schema
from reconciler.domain.selection import Selection
from reconciler.domain.tenant_names import UnclaimedName, unrecorded
from reconciler.fleet import Fleet
from reconciler.planning import Desired
from tests.support.fakes import (
    CREATED,
    START,
    FakeLocks,
    FakeTenant,
    Receiver,
    answered,
    document,
    extension,
    nothing,
    patience,
    tenant,
)
from tests.support.runs import NEWER, Gateways, fleet_of
from tests.support.store_world import rows

OLD_HOST = "https://old.example.com/scim/v2"
REFUSED = answered(503, "503")


@dataclass
class Place:
    """One service and one store; each run has manifests of its own."""

    path: Path
    store: Store
    live: FakeTenant = field(default_factory=FakeTenant)
    receiver: Receiver = field(default_factory=Receiver)
    locks: FakeLocks = field(default_factory=FakeLocks)
    runs: int = 0

    def fleet(self, *tenants: Tenant, selection: Selection | None = None) -> Fleet:
        self.runs += 1
        names = self.store.carry_on(tenants)
        recorded = unrecorded(tenants, self.store.renamings())
        return fleet_of(
            Desired(
                manifests=Manifests(tenants=tenants, extensions=(extension(),)),
                selection=selection or Selection(),
                git=GitState(commit="c0ffee"),
            ),
            Gateways(lambda _: self.live, patience(2)),
            self.store,
            run=Run(id=f"run-{self.runs}", actor="user:test", commit="c0ffee"),
            notifier=self.receiver,
            locks=self.locks,
            schedule=lambda attempts, result: START,
            names=names,
            renamed=[each for each in recorded if self.store.kept_of([each.old])],
            kept=self.store.kept_names,
        )

    def apply(self, *tenants: Tenant, selection: Selection | None = None) -> RunSummary:
        return self.fleet(*tenants, selection=selection).apply(lambda plan: None)

    def events(self, tenant: str) -> list[str]:
        found = (each for each in self.store.records() if each["tenant"] == tenant)
        return [each["event"] for each in found]


def called(name: str, *formerly: str, base_url: str = OLD_HOST, hook: str = NEWER) -> Tenant:
    return replace(tenant(name, hooks=(hook,)), base_url=base_url, formerly=formerly)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    path = tmp_path / "state.db"
    with closing(open_store(f"sqlite:///{path}")) as store:
        yield Place(path, store)


def with_an_open_write(place: Place) -> None:
    """A run of the old name has written, and does not know what came of it."""
    place.live.script = deque([(CREATED, nothing)])
    place.apply(called("old"))
    assert len(place.store.open_intents("old")) == 1
    place.live.put(document())


def whole(place: Place) -> None:
    assert check_chain(place.store.records()).broken_at is None
    assert list(place.store.misfits()) == []


def test_an_open_write_is_settled_under_the_new_name_and_announced(place: Place) -> None:
    with_an_open_write(place)

    summary = place.apply(called("new", "old"))

    assert [(r.tenant, r.kind) for r in summary.recovered] == [("new", OutcomeKind.APPLIED)]
    assert summary.complete
    assert summary.unclaimed == ()
    assert place.store.left_open() == {}
    [message] = place.receiver.got
    assert message.row.tenant == "new"
    assert b'"tenant":"new"' in message.body
    assert [e for e in place.events("new") if e != "SCHEMA_EXTENSION_SEARCHED"][:3] == [
        "TENANT_RENAMED",
        "SCHEMA_EXTENSION_CREATED",
        "HR_SYNC_QUEUED",
    ]
    whole(place)


def test_a_renaming_is_recorded_once_and_holds_when_the_manifest_says_it_no_more(
    place: Place,
) -> None:
    place.apply(called("old"))
    for _ in range(2):
        place.apply(called("new", "old"))

    assert place.events("new").count("TENANT_RENAMED") == 1
    assert place.apply(called("new")).unclaimed == ()
    assert place.store.histories("new")[Schema.from_json(document()).key].intent == 1


def test_nothing_is_recorded_of_a_former_name_that_the_store_does_not_know(place: Place) -> None:
    place.apply(called("new", "old"))

    assert "TENANT_RENAMED" not in place.events("new")


def test_a_pending_event_is_delivered_once_and_with_its_bytes_under_the_new_name(
    place: Place,
) -> None:
    place.receiver.answers = deque([REFUSED])
    assert place.apply(called("old")).deliveries.pending == 1

    summary = place.apply(called("new", "old"))

    assert summary.deliveries.pending == 0
    first, second = place.receiver.got
    assert (first.body, first.row.event_id) == (second.body, second.row.event_id)
    assert summary.recovered == ()  # HR has heard of it: nothing is announced anew
    whole(place)


def test_places_in_the_order_of_events_go_on_under_the_new_name(place: Place) -> None:
    place.apply(called("old"))
    place.live.schemas.clear()

    place.apply(called("new", "old"))

    assert [message.row.sequence for message in place.receiver.got] == [1, 2]


def test_what_waits_under_the_old_name_is_sent_before_what_is_new(place: Place) -> None:
    place.receiver.answers = deque([REFUSED])
    place.apply(called("old"))
    place.live.schemas.clear()

    place.apply(called("new", "old"))

    assert [message.row.tenant for message in place.receiver.got[1:]] == ["old", "new"]


def test_over_two_renamings_all_is_carried_on(place: Place) -> None:
    with_an_open_write(place)
    place.locks.taken = frozenset({"mid"})
    place.apply(called("mid", "old"))
    place.locks.taken = frozenset()

    summary = place.apply(called("new", "mid", "old"))

    assert [(r.tenant, r.kind) for r in summary.recovered] == [("new", OutcomeKind.APPLIED)]
    whole(place)


def test_a_renaming_is_followed_from_the_trail_to_the_newest_name(place: Place) -> None:
    with_an_open_write(place)
    place.apply(called("mid", "old"))
    place.live.script = deque([(CREATED, nothing)])
    place.live.schemas.clear()

    place.apply(called("new", "mid"))
    place.live.put(document())
    summary = place.apply(called("new"))

    assert [(r.tenant, r.kind) for r in summary.recovered] == [("new", OutcomeKind.APPLIED)]
    assert summary.unclaimed == ()
    whole(place)


@pytest.mark.parametrize("taken", ["old", "new"])
def test_a_run_of_either_name_keeps_the_other_from_the_tenant(place: Place, taken: str) -> None:
    place.apply(called("old"))
    place.live.schemas.clear()
    place.locks.taken = frozenset({taken})

    summary = place.apply(called("new", "old"))

    assert summary.locked == {"new": f"tenant {taken} is locked by run 7"}
    assert place.live.schemas == {}
    assert "TENANT_RENAMED" not in place.events("new")


def test_locks_of_all_names_are_taken_in_one_order(place: Place) -> None:
    place.apply(called("a"), called("m"))
    place.locks.requests.clear()

    place.apply(called("b", "z"), called("m", "a"))

    assert [name for name, _ in place.locks.requests if name][:4] == ["a", "b", "m", "z"]


def test_an_open_write_to_another_place_is_shown_and_left_open(place: Place) -> None:
    with_an_open_write(place)
    place.live = FakeTenant()

    summary = place.apply(called("new", "old", base_url="https://new.example.com/scim/v2"))

    assert place.store.left_open() == {"old": 1}
    assert summary.recovered == ()
    [warning] = summary.warnings
    assert f"it was addressed to {OLD_HOST} while the tenant was called old" in warning
    assert "`reconciler webhooks drop --tenant old` ends it" in warning
    assert [outcome.kind for outcome in summary.outcomes] == [OutcomeKind.APPLIED]


def test_an_open_write_of_a_tenant_that_keeps_its_name_is_settled_as_before(place: Place) -> None:
    with_an_open_write(place)

    summary = place.apply(called("old", base_url="https://new.example.com/scim/v2"))

    assert [r.kind for r in summary.recovered] == [OutcomeKind.CONFLICT]
    assert place.store.left_open() == {}


def test_what_no_manifest_has_is_named_with_what_is_open_of_it(place: Place) -> None:
    with_an_open_write(place)

    summary = place.apply(called("other"))

    assert summary.unclaimed == (UnclaimedName(name="old", open_writes=1),)


def test_a_tenant_that_is_not_selected_is_not_removed(place: Place) -> None:
    place.apply(called("old"), called("other"))

    only_other = Selection(tenants=("other",))
    summary = place.apply(called("old"), called("other"), selection=only_other)

    assert (summary.unclaimed, summary.left_open) == ((), ())


@pytest.mark.parametrize(("glob", "found"), [("n*", ()), ("*", (UnclaimedName(name="old"),))])
def test_a_history_is_named_where_the_run_takes_its_name(
    place: Place, glob: str, found: tuple[UnclaimedName, ...]
) -> None:
    place.apply(called("old"))

    summary = place.apply(called("new"), selection=Selection(tenants=(glob,)))

    assert summary.unclaimed == found


def test_the_record_says_who_has_renamed_it_and_when(place: Place) -> None:
    place.apply(called("old"))

    place.apply(called("new", "old"))

    [record] = (r for r in place.store.records() if r["event"] == Event.TENANT_RENAMED)
    assert (record["tenant"], record["detail"]) == ("new", "formerly old")
    assert (record["status"], record["run_id"], record["commit"]) == (
        Status.SUCCESS,
        "run-2",
        "c0ffee",
    )
    assert rows(place.path, "SELECT count(*) FROM intents WHERE tenant = 'old'") == [(1,)]


def test_what_an_apply_finds_or_makes_is_kept_whole(place: Place) -> None:
    place.apply(called("old"))
    place.apply(called("old"))

    digest = Schema.from_json(document()).fingerprint()
    assert rows(place.path, "SELECT digest, manages FROM schemas") == [(digest, "schema")]
    assert {look.digest for look in place.store.looks("old")} == {digest}
