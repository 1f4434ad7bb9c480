"""What a fleet asks of its store: statements and transactions, counted and looked at."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace

from tests.support.fleet.places import APPLY, Place, fleet, place, service, shares
from tests.support.fleet.trail import write_trail

__all__ = ["place", "service"]


def test_the_last_records_of_a_long_trail_take_as_many_calls_as_those_of_a_short_one(place: Place):
    folder = place.folder_of(fleet(place.service, 1))
    place.count_in(folder, "memory", *APPLY)

    def listed(records: int) -> object:
        write_trail(folder / ".reconciler/state.db", records)
        return place.count_in(folder, "calls", "audit", "list")

    short, long = listed(1000), listed(2000)

    assert isinstance(short, int)
    assert isinstance(long, int)
    assert long <= 1.05 * short


def test_a_create_takes_three_durable_transactions_and_all_skips_of_a_tenant_one(place: Place):
    def transactions(tenants: int, missing: int) -> int:
        made = replace(fleet(place.service, tenants, missing=missing), webhooks=False)
        statements = place.count("statements", made, *APPLY, "--parallelism", "1")
        assert isinstance(statements, list)
        return sum(1 for each in statements if each.startswith("BEGIN IMMEDIATE"))

    without, with_one = transactions(4, 0), transactions(4, 1)

    assert transactions(8, 0) - without == 4  # of four tenants more
    assert with_one - without == 3 * 4  # intent, confirmation, outcome


def test_the_tenth_change_takes_as_few_statements_as_the_first(place: Place):
    def statements(tenants: int) -> int:
        made = fleet(place.service, tenants, missing=2)
        found = place.count("statements", made, *APPLY, "--parallelism", "1")
        assert isinstance(found, list)
        return len(found)

    one, some, twice = (statements(n) for n in (1, 5, 10))

    few, many = shares(one, some, twice, 5)
    assert many <= 1.15 * few
    # Two changes and their events, and what is looked up and announced for a tenant.
    assert many <= 2 * 30 + 24


def test_no_statement_of_an_apply_goes_through_all_that_was_ever_done(place: Place):
    folder = place.folder_of(fleet(place.service, 2, missing=1))
    statements = place.count_in(folder, "statements", *APPLY)
    assert isinstance(statements, list)
    requested = {s for s in statements if re.match(r"\s*(SELECT|UPDATE|DELETE)\b", s)}
    assert requested

    with closing(sqlite3.connect(folder / ".reconciler/state.db")) as raw:
        plans = {s: raw.execute(f"EXPLAIN QUERY PLAN {s}").fetchall() for s in requested}

    scans = {
        statement: step[-1]
        for statement, steps in plans.items()
        for step in steps
        if re.match(r"SCAN (audit|intents|outbox)\b(?!.* USING (COVERING )?INDEX)", step[-1])
        if "LIMIT 1" not in " ".join(statement.split())
    }
    assert scans == {}
