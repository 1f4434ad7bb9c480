"""The audit trail: every edit behind the program's back is found, and no append breaks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.database import Store
from reconciler.adapters.database.trail import COLUMNS as STORED
from reconciler.domain.records import (
    ENTRY_MEMBERS,
    GENESIS,
    OPTIONAL_MEMBERS,
    AuditRecord,
    Event,
    chain_hash,
    check_chain,
    seal,
)
from reconciler.domain.searching import Searchable
from reconciler.errors import StateError
from tests.support.store_world import (
    AUDIT,
    Place,
    behind_its_back,
    entry,
    full_entry,
    new_place,
    opened,
    refusing,
    rows,
    shape,
    shell,
)

RECORDS = 40
COLUMNS = ("seq", *ENTRY_MEMBERS, *OPTIONAL_MEMBERS, "prev_hash", "hash")
CONTENT = ", ".join(f'"{column}"' for column in COLUMNS[1:])
COUNTED = ("seq", "attributes_count", "latency_ms", "webhook_status", "searchable_ms")
TEXTS = ("'other'", "''", "NULL", "'true '", "'\"true\"'", "'false'", "'{}'", "'null'")
NUMBERS = ("-7", "NULL", "2147483647")
# SQLite keeps any of these in any column.
UNTYPED = ("x'00ff'", "CAST(x'fe' AS TEXT)", "42", "'many'", "1.5", "9e999", "9223372036854775807")


@pytest.fixture(
    scope="module",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)],
)
def trail(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, Place]]:
    """A trail with something in every column; each test puts back what it changes."""
    place = new_place(request, tmp_path_factory.mktemp("trail"))
    with opened(place) as store:
        for number in range(1, RECORDS + 1):
            store.record(full_entry(number))
        yield store, place


@contextmanager
def edited(place: Place, *statements: str) -> Iterator[None]:
    """The table after some SQL that this program did not send; afterwards as it was."""
    with shell(place) as connection:
        connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM audit")
        for statement in statements:
            connection.execute(statement)
        yield
        connection.execute("BEGIN")
        connection.execute("DELETE FROM audit")
        connection.execute("INSERT INTO audit SELECT * FROM kept")
        connection.execute("COMMIT")


def test_the_columns_are_the_members_of_a_record() -> None:
    record = seal(full_entry(), seq=1, prev_hash=GENESIS)

    assert STORED == tuple(record.to_json()) == COLUMNS


def test_an_empty_trail_has_the_head_of_nothing(place: Place) -> None:
    with opened(place) as store:
        assert list(store.records()) == []
        assert store.head() == (0, GENESIS)


def test_records_come_back_as_they_were_sealed(place: Place) -> None:
    expected: list[AuditRecord] = []
    with opened(place) as store:
        for number in (1, 2, 3):
            head = expected[-1].hash if expected else GENESIS
            expected.append(seal(full_entry(number), seq=number, prev_hash=head))
            store.record(full_entry(number))

        assert list(store.records()) == [record.to_json() for record in expected]
        assert store.head() == (3, expected[-1].hash)


@pytest.mark.parametrize("searchable", Searchable)
def test_optional_members_stand_in_the_record_only_where_they_are_set(
    place: Place, searchable: Searchable
) -> None:
    plain = replace(full_entry(), searchable=None, searchable_ms=None, canary=(), searched=())
    with opened(place) as store:
        store.record_all([plain, replace(plain, searchable=searchable)])
        first, second = store.records()

    assert set(OPTIONAL_MEMBERS) & first.keys() == set()
    assert second["searchable"] == {"true": True, "false": False}.get(searchable, "unknown")
    AUDIT.validate(first)
    AUDIT.validate(second)
    hashed = {name: value for name, value in first.items() if name != "hash"}
    assert first["hash"] == chain_hash(hashed)


def test_every_kind_of_record_fits_its_json_schema(place: Place) -> None:
    with opened(place) as store:
        for event in Event:
            delivery = event is Event.HR_SYNC_COMPLETED
            store.record(full_entry() if delivery else entry(event))

        for record in store.records():
            AUDIT.validate(record)
        assert check_chain(store.records()).records == len(Event)


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0},
        {"hash": "0" * 63},
        {"event": "DELETED"},
        {"timestamp": "2026-01-02 03:04:05"},
        {"status": "DONE"},
        {"status": "SUCCESS"},  # a delivery is SYNCED or FAILED
        {"tenant": None},
        {"before_digest": "md5:0"},
        {"latency_ms": -1},
        {"webhook_status": 42},
        {"surplus": 1},
        {"searchable": None},
        {"searchable": "true"},
        {"searchable_ms": -1},
        {"canary": {"hrDepartmentCode": "lost"}},
        {"canary": {}},
        {"searched": {"hrDepartmentCode": "true"}},
        {"searched": {}},
    ],
)
def test_the_json_schema_refuses_what_is_no_record(change: dict[str, object]) -> None:
    record = seal(full_entry(), seq=1, prev_hash=GENESIS).to_json()
    assert AUDIT.is_valid(record)

    assert not AUDIT.is_valid(record | change)


@pytest.mark.parametrize("member", [each for each in COLUMNS if each not in OPTIONAL_MEMBERS])
def test_the_json_schema_misses_every_member(member: str) -> None:
    record = seal(full_entry(), seq=1, prev_hash=GENESIS).to_json()

    assert not AUDIT.is_valid({name: v for name, v in record.items() if name != member})


def test_more_records_than_are_read_at_once_come_in_order(place: Place) -> None:
    with opened(place) as store:
        for number in range(520):
            store.record(replace(entry(), attributes_count=number))

        assert [record["attributes_count"] for record in store.records()] == list(range(520))
        assert check_chain(store.records()).records == 520


def test_several_records_are_appended_in_their_order_with_one_chain(place: Place) -> None:
    with opened(place) as store:
        store.record(full_entry(1))
        store.record_all([full_entry(2), full_entry(3), full_entry(4)])
        store.record_all([])

        assert [r["attributes_count"] for r in store.records()] == [1, 2, 3, 4]
        assert check_chain(store.records()).records == 4


def test_of_several_records_all_are_stored_or_none(place: Place) -> None:
    with opened(place) as store:
        store.record(full_entry(1))
        with (
            refusing(place, "INSERT ON audit", "NEW.seq = 3"),
            pytest.raises(StateError, match="no room for this row"),
        ):
            store.record_all([full_entry(2), full_entry(3)])

        assert check_chain(store.records()).records == 1


def test_the_last_records_come_in_order(place: Place) -> None:
    with opened(place) as store:
        store.record_all([full_entry(number) for number in range(1, 6)])

        assert [r["attributes_count"] for r in store.last_records(2)] == [4, 5]
        assert store.last_records(9) == list(store.records())


def test_a_reader_that_stops_early_holds_nothing(place: Place) -> None:
    with opened(place, busy_timeout=0) as store:
        store.record(entry())
        reader = store.records()
        next(reader)

        store.record(entry())
        assert len(list(reader)) == 1


def test_a_record_with_invalid_text_is_refused_before_anything_is_written(place: Place) -> None:
    with opened(place) as store:
        with pytest.raises(StateError, match=r"RUN_STARTED cannot be written.*not UTF-8"):
            store.record(replace(entry(), actor="\udcff"))

        assert store.head() == (0, GENESIS)


# ------------------------------------------------------------------------- tampering


def test_the_untouched_trail_is_whole(trail: tuple[Store, Place]) -> None:
    store, _ = trail

    result = check_chain(store.records())

    assert (result.records, result.head) == store.head()
    assert result.broken_at is None


@pytest.mark.parametrize("seq", range(1, RECORDS))
def test_a_deleted_record_is_found(trail: tuple[Store, Place], seq: int) -> None:
    store, place = trail
    with edited(place, f"DELETE FROM audit WHERE seq = {seq}"):
        result = check_chain(store.records())

    assert result.broken_at == seq


def test_the_last_record_deleted_is_found_by_its_head(trail: tuple[Store, Place]) -> None:
    store, place = trail
    known = store.head()
    with edited(place, f"DELETE FROM audit WHERE seq = {RECORDS}"):
        result = check_chain(store.records())

    assert result.broken_at is None
    assert result.head != known[1]


@pytest.mark.parametrize("seq", range(2, RECORDS))
def test_a_deletion_that_closes_the_gap_is_found(trail: tuple[Store, Place], seq: int) -> None:
    store, place = trail
    with edited(
        place,
        f"DELETE FROM audit WHERE seq = {seq}",
        f"UPDATE audit SET seq = -(seq - 1) WHERE seq > {seq}",
        "UPDATE audit SET seq = -seq WHERE seq < 0",
    ):
        result = check_chain(store.records())

    assert result.broken_at == seq


@pytest.mark.parametrize("seq", range(1, RECORDS))
def test_two_neighbours_swapped_are_found(trail: tuple[Store, Place], seq: int) -> None:
    store, place = trail
    with edited(
        place,
        f"UPDATE audit SET seq = -1 WHERE seq = {seq}",
        f"UPDATE audit SET seq = {seq} WHERE seq = {seq + 1}",
        f"UPDATE audit SET seq = {seq + 1} WHERE seq = -1",
    ):
        result = check_chain(store.records())

    assert result.broken_at == seq


@pytest.mark.parametrize("seq", range(1, RECORDS, 7))
def test_contents_swapped_under_their_hashes_are_found(
    trail: tuple[Store, Place], seq: int
) -> None:
    store, place = trail
    counted = f"(SELECT attributes_count FROM kept WHERE seq = {2 * seq + 1} - audit.seq)"
    with edited(
        place, f"UPDATE audit SET attributes_count = {counted} WHERE seq IN ({seq}, {seq + 1})"
    ):
        result = check_chain(store.records())

    assert result.broken_at == seq


@pytest.mark.parametrize("seq", [-5, 0, 7, RECORDS // 2, RECORDS, RECORDS + 1, RECORDS + 9])
def test_an_inserted_record_is_found(trail: tuple[Store, Place], seq: int) -> None:
    store, place = trail
    with edited(
        place,
        f"UPDATE audit SET seq = -(seq + 1) - 100 WHERE seq >= {seq} AND {seq} > 0",
        "UPDATE audit SET seq = -(seq + 100) WHERE seq < -100",
        f"INSERT INTO audit (seq, {CONTENT}) SELECT {seq}, {CONTENT} FROM kept WHERE seq = 3",
    ):
        result = check_chain(store.records())

    assert result.broken_at == (1 if seq < 1 else min(seq, RECORDS + 1))


def test_an_inserted_record_with_the_lowest_number_that_can_be_is_found(
    trail: tuple[Store, Place],
) -> None:
    store, place = trail
    lowest = -(2**63) if isinstance(place, Path) else -(2**31)
    inserted = f"INSERT INTO audit (seq, {CONTENT}) SELECT {lowest}, {CONTENT} FROM kept"
    with edited(place, f"{inserted} WHERE seq = 3"):
        result = check_chain(store.records())

    assert result.broken_at == 1


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("seq", [1, RECORDS // 2, RECORDS])
def test_an_edit_of_any_column_is_found(trail: tuple[Store, Place], seq: int, column: str) -> None:
    store, place = trail
    required = not dict(shape(place)["audit"])[column]
    values = [*(NUMBERS if column in COUNTED else TEXTS)]
    if isinstance(place, Path):
        values += [*UNTYPED, f'CAST("{column}" AS BLOB)']
    if column == "seq":
        values = ["-7", "0", "1000"]

    for value in values:
        if value == "NULL" and required:
            continue
        assert found(store, place, f'UPDATE audit SET "{column}" = {value} WHERE seq = {seq}'), (
            value
        )


def found(store: Store, place: Place, edit: str) -> bool:
    """Whether verification of the edited trail fails, one way or the other."""
    with edited(place, edit):
        try:
            return check_chain(store.records()).broken_at is not None
        except StateError as error:  # text that is no UTF-8 cannot even be read
            return "UTF-8" in str(error)


def test_every_single_character_of_a_hash_counts(trail: tuple[Store, Place]) -> None:
    store, place = trail
    for number in range(1, 65):
        flipped = (
            f"substr(hash, 1, {number - 1}) || "
            f"CASE substr(hash, {number}, 1) WHEN 'a' THEN 'b' ELSE 'a' END || "
            f"substr(hash, {number + 1})"
        )
        assert found(store, place, f"UPDATE audit SET hash = {flipped} WHERE seq = 5"), number


def test_an_edit_with_a_fitting_hash_breaks_the_next_record(trail: tuple[Store, Place]) -> None:
    store, place = trail
    prev = rows(place, "SELECT hash FROM audit WHERE seq = 9")[0][0]
    forged = seal(replace(full_entry(10), actor="nobody"), seq=10, prev_hash=prev)
    with edited(place, f"UPDATE audit SET actor = 'nobody', hash = '{forged.hash}' WHERE seq = 10"):
        result = check_chain(store.records())

    assert result.broken_at == 11


def test_a_whole_trail_forged_anew_has_another_head(trail: tuple[Store, Place]) -> None:
    store, place = trail
    known = store.head()
    head, statements = GENESIS, []
    for number in range(1, RECORDS + 1):
        record = seal(replace(full_entry(number), actor="nobody"), seq=number, prev_hash=head)
        statements.append(
            f"UPDATE audit SET actor = 'nobody', prev_hash = '{head}', hash = '{record.hash}' "
            f"WHERE seq = {number}"
        )
        head = record.hash
    with edited(place, *statements):
        result = check_chain(store.records())

    assert result.broken_at is None
    assert result.head != known[1]


def test_appending_after_an_edit_does_not_mend_it(place: Place) -> None:
    with opened(place) as store:
        for number in (1, 2, 3):
            store.record(full_entry(number))
        behind_its_back(place, "UPDATE audit SET status = 'FAILED' WHERE seq = 2")

        store.record(full_entry(4))

        assert check_chain(store.records()).broken_at == 2


def test_a_record_with_the_highest_number_is_reported_as_a_full_trail(place: Place) -> None:
    highest = 2**63 - 1 if isinstance(place, Path) else 2**31 - 1
    with opened(place) as store:
        store.record(entry())
        behind_its_back(place, f"UPDATE audit SET seq = {highest}")

        with pytest.raises(StateError, match=r"is damaged: no number is left|out of range"):
            store.record(entry())

        assert check_chain(store.records()).broken_at == 1
