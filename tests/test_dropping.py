"""What is open under a name that is nobody's any more, ended on purpose: all of it, recorded."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.adapters.database import Store, open_store
from reconciler.domain.outbox import Awaited, RowState
from reconciler.domain.records import Run, check_chain
from reconciler.dropping import Dropping, WhatEnded
from reconciler.errors import TenantLocked
from tests.support.fakes import FakeLocks
from tests.support.runs import context_of
from tests.support.store_world import (
    RECEIVER,
    SECOND,
    adopted,
    event,
    intended,
    intent,
    to_send,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path / 'state.db'}")) as store:
        yield store


def dropping(store: Store, name: str = "old", locks: FakeLocks | None = None) -> Dropping:
    return Dropping(
        context=context_of(store, run=Run(id="run-9", actor="user:test")),
        memory=store,
        locks=locks or FakeLocks(),
        name=name,
    )


def filled(store: Store) -> None:
    for name in ("old", "other"):
        store.intend(intent(tenant=name), intended(name))
        store.adopt(adopted(name), Awaited("a binding"), [RECEIVER])
        for number in range(60):
            what = event(100 * len(name) + number, tenant=name)
            store.adopt(adopted(name), what, [RECEIVER, SECOND])


def test_all_that_is_open_under_a_name_ends_and_nothing_of_another(store: Store) -> None:
    filled(store)

    ended = dropping(store).drop()

    assert ended == WhatEnded(writes=1, webhooks=120, held=1)
    kept = store.kept_names()
    assert (kept.open_writes, kept.pending, kept.held) == (
        {"other": 1},
        {"other": 120},
        {"other": 1},
    )
    assert kept.names == {"other"}
    assert {row.tenant for row in to_send(store)} == {"other"}


def test_each_end_is_in_the_trail_and_the_trail_bears_out_the_store(store: Store) -> None:
    filled(store)

    dropping(store).drop()

    records = [each for each in store.records() if each["run_id"] == "run-9"]
    events = [each["event"] for each in records]
    assert events == ["SCHEMA_EXTENSION_CREATED", *["HR_SYNC_DROPPED"] * 120, "TENANT_DROPPED"]
    assert {each["tenant"] for each in records} == {"old"}
    assert records[-1]["detail"] == "ended on purpose: 1 writes, 120 webhooks, 1 held"
    assert check_chain(store.records()).broken_at is None
    assert list(store.misfits()) == []


def test_what_was_dropped_can_still_be_listed(store: Store) -> None:
    filled(store)

    dropping(store).drop()

    found = [row for row in store.released() if row.tenant == "old"]
    assert {row.state for row in found} == {RowState.GIVEN_UP}
    assert {row.attempts for row in found} == {0}
    assert "given up on purpose" in (found[0].last_detail or "")


def test_dropping_twice_finds_nothing_more(store: Store) -> None:
    filled(store)
    dropping(store).drop()

    assert dropping(store).drop() == WhatEnded(writes=0, webhooks=0, held=0)


def test_what_a_run_is_at_is_not_dropped(store: Store) -> None:
    filled(store)

    with pytest.raises(TenantLocked):
        dropping(store, locks=FakeLocks(taken=frozenset({"old"}))).drop()

    assert store.kept_names().open_writes == {"old": 1, "other": 1}
    assert all(each["run_id"] != "run-9" for each in store.records())
