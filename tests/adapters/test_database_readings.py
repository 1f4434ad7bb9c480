"""When each tenant was last read: on both databases, by plans and by applies."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.adapters.database import readings_at
from reconciler.domain.cadence import ReadBy
from tests.support.older_stores import as_version
from tests.support.store_world import Place, opened, url_of

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_plan_counts_for_plans_and_an_apply_for_both(place: Place) -> None:
    with opened(place) as store:
        store.keep_readings(["acme", "globex"], ReadBy.APPLY, NOON)
        store.keep_readings(["acme", "initech"], ReadBy.PLAN, NOON + HOUR)
        by_apply = store.readings_by_apply()

    assert by_apply == {"acme": NOON, "globex": NOON}
    assert readings_at(url_of(place)) == {
        "acme": NOON + HOUR,
        "globex": NOON,
        "initech": NOON + HOUR,
    }


def test_what_was_read_last_counts_even_after_a_clock_that_was_ahead(place: Place) -> None:
    with opened(place) as store:
        store.keep_readings(["acme"], ReadBy.APPLY, NOON + 1000 * HOUR)
        store.keep_readings(["acme"], ReadBy.APPLY, NOON)
        store.keep_readings([], ReadBy.APPLY, NOON)

        assert store.readings_by_apply() == {"acme": NOON}


def test_nothing_is_known_where_there_is_no_store_or_an_older_one(
    place: Place, tmp_path: Path
) -> None:
    with opened(place):
        pass
    as_version(9, place)

    assert readings_at(url_of(place)) == {}
    assert readings_at(f"sqlite:///{tmp_path}/none.db") == {}
