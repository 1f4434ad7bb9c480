"""What the tests of the store share: both databases, made-up changes, and what a shell sees."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry

from reconciler.adapters.database import Store, open_store
from reconciler.adapters.packaged import schema_text
from reconciler.domain.canary import CanaryResult
from reconciler.domain.jsontext import parse
from reconciler.domain.manifest import Manages
from reconciler.domain.outbox import OutboxRow, RowToSend
from reconciler.domain.records import (
    Entry,
    Event,
    EventType,
    HrEvent,
    Intent,
    Status,
)
from reconciler.domain.scim import ABSENT, Schema
from reconciler.domain.searching import Searchable
from reconciler.ports import Due, Outbox, Wanted
from tests.support.postgres import Server

WHEN = "2026-01-02T03:04:05.678Z"
HR_URN = "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:HRExtension"
HR_DOCUMENT: dict[str, Any] = {
    "id": HR_URN,
    "x-vendor": {"Zebra": 1, "apple": [None, 2.5]},
    "name": "HRExtension",
    "attributes": [
        {"name": "hrDepartmentCode", "type": "String", "caseExact": True, "idcsWidth": 40},
        {"name": "startDate", "type": "dateTime", "mutability": "immutable"},
    ],
}
HR = Schema.from_json(HR_DOCUMENT)
RECEIVER = "https://hr.example.com/api/scim/sync"
SECOND = "https://payroll.example.com/hook"


Place = Path | str  # the file of a store, or the URL of a server's


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a new store may be, on each of the two databases."""
    return new_place(request, tmp_path)


def new_place(request: pytest.FixtureRequest, folder: Path) -> Place:
    """As the parameter of the fixture says that asks."""
    if request.param == "sqlite":
        return folder / "state.db"
    server: Server = request.getfixturevalue("postgres")
    return server.schema()


def url_of(place: Place) -> str:
    return f"sqlite:///{place}" if isinstance(place, Path) else place


@contextmanager
def opened(place: Place, *, busy_timeout: float = 30.0) -> Iterator[Store]:
    with closing(open_store(url_of(place), busy_timeout=busy_timeout)) as store:
        yield store


def entry(
    event: Event = Event.RUN_STARTED, status: Status | None = None, *, tenant: str | None = None
) -> Entry:
    return Entry(
        event=event, timestamp=WHEN, status=status, tenant=tenant, run_id="run-1", actor="ci"
    )


def full_entry(number: int = 1) -> Entry:
    """An entry with something in every member, so that every column can be edited."""
    return Entry(
        event=Event.HR_SYNC_COMPLETED,
        timestamp=WHEN,
        status=Status.SYNCED,
        tenant="acme",
        schema_id=HR_URN,
        attributes_count=number,
        change=f"acme/{number}",
        run_id="run-1",
        actor="ci",
        commit="0" * 40,
        plan_digest="sha256:" + "1" * 64,
        before_digest=ABSENT,
        after_digest=HR.fingerprint(),
        latency_ms=12,
        webhook_status=204,
        detail="delivered ½",
        searchable=Searchable.TRUE,
        searchable_ms=340,
        canary=(("hrDepartmentCode", CanaryResult.PERSISTED), ("startDate", CanaryResult.DROPPED)),
        searched=(("hrDepartmentCode", Searchable.TRUE), ("startDate", Searchable.UNKNOWN)),
    )


def intent(*, tenant: str = "acme", urls: tuple[str, ...] = (RECEIVER, SECOND)) -> Intent:
    return Intent(
        tenant=tenant,
        base_url=f"https://{tenant}.example.com/scim/v2",
        change=f"{tenant}/hr",
        schema_id=HR_URN,
        target_system="Genesys Cloud",
        manages=Manages.SCHEMA,
        desired=HR,
        before=ABSENT,
        live_before=None,
        run_id="run-1",
        commit=None,
        webhooks=urls,
    )


def intended(tenant: str = "acme") -> Entry:
    return _about_hr(Event.SCHEMA_EXTENSION_CREATE_INTENDED, None, tenant)


def created(status: Status = Status.SUCCESS, tenant: str = "acme") -> Entry:
    return _about_hr(Event.SCHEMA_EXTENSION_CREATED, status, tenant)


def adopted(tenant: str = "acme") -> Entry:
    return _about_hr(Event.SCHEMA_EXTENSION_ADOPTED, Status.SUCCESS, tenant)


def _about_hr(event: Event, status: Status | None, tenant: str) -> Entry:
    change = f"{tenant}/hr"
    return replace(entry(event, status, tenant=tenant), schema_id=HR_URN, change=change)


def attempt(status: Status, http: int | None, tenant: str = "acme") -> Entry:
    tried = entry(Event.HR_SYNC_COMPLETED, status, tenant=tenant)
    return replace(tried, schema_id=HR_URN, latency_ms=7, webhook_status=http, detail="so it went")


def event(number: int = 1, *, tenant: str = "acme") -> HrEvent:
    return HrEvent(
        event_type=EventType.DEPLOYED,
        target_system="Genesys Cloud",
        tenant=tenant,
        schema=HR,
        event_id=f"evt_{number:032x}",
        verified_at=WHEN,
        commit=None,
    )


ALL = Due(None)


def messages(outbox: Outbox, wanted: Wanted = ALL) -> tuple[RowToSend, ...]:
    """All rows that are wanted, with their bytes, in the order of their events."""
    found: list[RowToSend] = []
    for queue in outbox.queues(wanted):
        last = 0
        while rows := outbox.next_rows(queue, wanted, after=last):
            found += rows
            last = rows[-1].row.sequence
    return tuple(sorted(found, key=lambda each: (each.row.sequence, each.row.id)))


def to_send(outbox: Outbox, wanted: Wanted = ALL) -> tuple[OutboxRow, ...]:
    """The same rows, by default all that wait, without their bytes."""
    return tuple(each.row for each in messages(outbox, wanted))


@contextmanager
def shell(place: Place) -> Iterator[Any]:
    """A connection that this program did not make; each statement is committed."""
    if isinstance(place, Path):
        with closing(sqlite3.connect(place, isolation_level=None)) as connection:
            yield connection
    else:
        with closing(psycopg.connect(_for_libpq(place), autocommit=True)) as connection:
            yield connection


def behind_its_back(place: Place, *statements: str) -> None:
    """Edit the store as somebody with a database shell would."""
    with shell(place) as connection:
        for statement in statements:
            connection.execute(statement)


@contextmanager
def refusing(place: Place, when: str, condition: str = "") -> Iterator[None]:
    """Every INSERT or UPDATE ON a table fails, or those that the condition on NEW names."""
    if isinstance(place, Path):
        only = f"WHEN {condition}" if condition else ""
        refusal = "BEGIN SELECT RAISE(ABORT, 'no room for this row'); END"
        made, undone = [f"CREATE TRIGGER refuse BEFORE {when} {only} {refusal}"], ""
    else:
        only = f"WHEN ({condition})" if condition else ""
        body = "BEGIN RAISE EXCEPTION 'no room for this row'; END"
        made = [
            f"CREATE FUNCTION refuse() RETURNS trigger AS $$ {body} $$ LANGUAGE plpgsql",
            f"CREATE TRIGGER refuse BEFORE {when} FOR EACH ROW {only} EXECUTE FUNCTION refuse()",
        ]
        undone = f" ON {when.rsplit(maxsplit=1)[-1]}"
    behind_its_back(place, *made)
    yield
    behind_its_back(place, "DROP TRIGGER refuse" + undone)


def rows(place: Place, query: str) -> list[tuple[Any, ...]]:
    with shell(place) as connection:
        return list(connection.execute(query).fetchall())


Shape = dict[str, list[tuple[str, bool]]]


def shape(place: Place) -> Shape:
    """The tables of a store, with the names of their columns and whether they may be empty."""
    if isinstance(place, Path):
        query = """SELECT t.name, c.name, c."notnull" = 0 FROM sqlite_master t
            JOIN pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY t.name, c.cid"""
    else:
        query = """SELECT table_name, column_name, is_nullable = 'YES'
            FROM information_schema.columns WHERE table_schema = current_schema()
            ORDER BY table_name, ordinal_position"""
    found: Shape = {}
    for table, column, nullable in rows(place, query):
        found.setdefault(table, []).append((column, bool(nullable)))
    return found


def dump(place: Place) -> list[str]:
    """All that the store says."""
    if isinstance(place, Path):
        with closing(sqlite3.connect(place)) as connection:
            return list(connection.iterdump())
    return [
        f"{table}: {row}"
        for table in sorted(shape(place))
        for row in rows(place, f'SELECT * FROM "{table}" ORDER BY 1')
    ]


def _for_libpq(url: str) -> str:
    return url.replace("postgresql+psycopg", "postgresql", 1)


def validator(name: str) -> Draft202012Validator:
    """A validator of one of our JSON Schemas, which looks nothing up elsewhere."""
    schema = parse(schema_text(name).encode())
    Draft202012Validator.check_schema(schema)
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(schema, format_checker=checker, registry=Registry())


AUDIT = validator("audit")
EVENT = validator("event")
