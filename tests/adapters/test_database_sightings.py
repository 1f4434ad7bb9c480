"""When the trail last has a schema as desired: on both databases, and without touching either."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.database import seen_and_kept
from reconciler.domain.drift import Sighting
from reconciler.domain.records import Entry, Event, Status
from reconciler.errors import StateError, UsageError
from tests.support.postgres import Server
from tests.support.store_world import HR_URN, Place, entry, opened, url_of

KEY = ("acme", HR_URN.lower())


def about(event: Event, status: Status, at: int, *, after: str | None = None) -> Entry:
    """A record about the HR extension of tenant acme, in that minute."""
    return replace(
        entry(event, status, tenant="acme"),
        timestamp=f"2026-01-02T03:{at:02}:00.000Z",
        schema_id=HR_URN,
        before_digest="before",
        after_digest=after,
    )


def when(at: int, fingerprint: str) -> dict[tuple[str, str], Sighting]:
    return {KEY: Sighting(at=f"2026-01-02T03:{at:02}:00.000Z", fingerprint=fingerprint)}


def known(place: Place, *entries: Entry) -> dict[tuple[str, str], Sighting]:
    with opened(place) as store:
        for one in entries:
            store.record(one)
    return dict(seen_and_kept(url_of(place))[0])


SKIPPED, CREATED, UPDATED, ADOPTED = (
    Event.SCHEMA_EXTENSION_SKIPPED,
    Event.SCHEMA_EXTENSION_CREATED,
    Event.SCHEMA_EXTENSION_UPDATED,
    Event.SCHEMA_EXTENSION_ADOPTED,
)


@pytest.mark.parametrize("event", [CREATED, UPDATED, ADOPTED])
@pytest.mark.parametrize("status", [Status.SUCCESS, Status.RECOVERED])
def test_a_verified_schema_has_a_sighting(place: Place, event: Event, status: Status) -> None:
    assert known(place, about(event, status, 1, after="now")) == when(1, "now")


def test_the_last_sighting_counts_whatever_came_after(place: Place) -> None:
    found = known(
        place,
        about(CREATED, Status.SUCCESS, 1, after="first"),
        about(UPDATED, Status.SUCCESS, 2, after="second"),
        about(UPDATED, Status.FAILED, 3),
        about(UPDATED, Status.UNKNOWN, 4),
        replace(about(SKIPPED, Status.SUCCESS, 5), detail="drifted"),
        replace(about(Event.SCHEMA_EXTENSION_BLOCKED, Status.FAILED, 6), detail="incompatible"),
        about(Event.HR_SYNC_COMPLETED, Status.SYNCED, 7, after="x"),
    )

    assert found == when(2, "second")


def test_a_skip_that_found_it_in_sync_counts_with_what_it_found(place: Place) -> None:
    skipped = replace(about(SKIPPED, Status.SUCCESS, 9), detail="in-sync")

    assert known(place, about(CREATED, Status.SUCCESS, 1, after="x"), skipped) == when(9, "before")


def test_sightings_distinguish_tenants_and_schemas_and_ignore_case(place: Place) -> None:
    found = known(
        place,
        about(CREATED, Status.SUCCESS, 1, after="a"),
        replace(about(CREATED, Status.SUCCESS, 2, after="b"), tenant="other"),
        replace(about(CREATED, Status.SUCCESS, 3, after="c"), schema_id="urn:acme:x"),
        replace(about(UPDATED, Status.SUCCESS, 4, after="d"), schema_id=HR_URN.upper()),
    )

    assert {key: one.fingerprint for key, one in found.items()} == {
        KEY: "d",
        ("other", HR_URN.lower()): "b",
        ("acme", "urn:acme:x"): "c",
    }


def test_an_empty_trail_has_no_sighting(place: Place) -> None:
    assert known(place) == {}


@pytest.mark.parametrize("name", ["state.db", "no-folder/state.db"])
def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, name: str) -> None:
    assert seen_and_kept(f"sqlite:///{tmp_path / name}")[0] == {}
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_our_tables_has_no_sighting(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()

    assert seen_and_kept(f"sqlite:///{tmp_path / 'x.db'}")[0] == {}


def test_the_file_and_its_folder_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a folder #&" / "state.db"
    known(path, about(CREATED, Status.SUCCESS, 1, after="x"))

    def state() -> tuple[bytes, int, list[Path]]:
        return path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir())

    before = state()

    assert seen_and_kept(url_of(path))[0] == when(1, "x")
    assert state() == before


def test_sightings_in_the_write_ahead_log_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with opened(path) as store:
        store.record(about(CREATED, Status.SUCCESS, 1, after="x"))

        assert seen_and_kept(url_of(path))[0] == when(1, "x")


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_a_file_that_is_no_database_is_reported(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)

    if content:
        with pytest.raises(StateError, match="is not a SQLite database"):
            seen_and_kept(url_of(path))[0]
    else:
        assert seen_and_kept(url_of(path))[0] == {}


def test_an_impossible_path_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be opened"):
        seen_and_kept(f"sqlite:///{tmp_path}/{'x' * 300}.db")


def test_a_state_url_that_cannot_be_used_is_refused_for_sightings() -> None:
    with pytest.raises(UsageError):
        seen_and_kept("mysql://localhost/x")


def test_a_role_that_may_only_select_is_enough(postgres: Server) -> None:
    url = postgres.schema()
    known(url, about(CREATED, Status.SUCCESS, 1, after="x"))
    schema = url.rpartition("%3D")[2]
    postgres.run(
        f"CREATE ROLE only_{schema} LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO only_{schema}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO only_{schema}",
    )

    assert seen_and_kept(url.replace("//postgres@", f"//only_{schema}@"))[0] == when(1, "x")


def test_a_server_that_is_not_there_is_reported() -> None:
    with pytest.raises(StateError, match="cannot be reached"):
        seen_and_kept("postgresql+psycopg://x@127.0.0.1:1/x")
