"""The emergency export: what a failing store cannot keep is kept elsewhere, and only that."""

import json
import threading
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.emergency import EmergencyExport
from reconciler.domain.jsontext import Json
from reconciler.domain.records import Entry, Event, Status
from reconciler.errors import StateError
from tests.support.fakes import START, MemoryJournal, outbox_row
from tests.support.store_world import (
    HR_DOCUMENT,
    HR_URN,
    RECEIVER,
    adopted,
    attempt,
    entry,
    event,
    intended,
    intent,
    to_send,
)


def created() -> Entry:
    """The outcome of the write that `intent()` announces."""
    return replace(
        entry(Event.SCHEMA_EXTENSION_CREATED, Status.SUCCESS, tenant="acme"),
        change="acme/hr",
        schema_id=HR_URN,
        detail="applied",
    )


def failing_after(entries: int, folder: Path) -> EmergencyExport:
    return EmergencyExport(MemoryJournal(full_after=entries), folder)


def read(export: EmergencyExport) -> list[Json]:
    assert export.path is not None
    return [json.loads(line) for line in export.path.read_text().splitlines()]


def test_no_emergency_export_while_the_store_works(tmp_path: Path):
    store = MemoryJournal()
    export = EmergencyExport(store, tmp_path)

    export.record(entry())
    number = export.intend(intent(), intended())
    opened = export.open_intents("acme")
    refused = export.intend(intent(tenant="beta"), intended("beta"))
    export.settle(refused, created(), None)
    history = export.histories("beta")[intent().desired.key]
    assert (history.intent, history.failed) == (refused, False)
    assert export.intents_of([refused])[refused].tenant == "beta"
    assert export.left_open() == {"acme": 1}
    export.settle(number, created(), event(1))
    export.adopt(adopted(), event(2), [RECEIVER])
    first, second, third = to_send(export)
    export.delivered(first, attempt(Status.SYNCED, 204))
    export.failed(second, attempt(Status.FAILED, 503), START)
    export.failed(third, attempt(Status.FAILED, 410), None)
    export.record_all([entry(), entry()])

    assert opened == ((number, intent()),)
    assert len(store.entries) == 11
    assert (export.lines, export.path) == ((), None)
    assert list(tmp_path.iterdir()) == []


def test_an_outcome_that_cannot_be_stored_is_kept_with_the_write_it_is_about(tmp_path: Path):
    export = failing_after(1, tmp_path)
    number = export.intend(intent(), intended())

    with pytest.raises(StateError, match="the disk is full"):
        export.settle(number, created(), event())

    assert export.path == tmp_path / "reconciler-emergency-run-1.jsonl"
    assert read(export) == [
        {
            "record": created().to_json(),
            "intent": {"id": number, "before": "absent", "sent": HR_DOCUMENT},
            "webhook": {"event_id": event().event_id, "verified_at": event().verified_at},
        }
    ]


def test_only_its_owner_may_read_the_file(tmp_path: Path):
    export = failing_after(1, tmp_path)
    number = export.intend(intent(), intended())

    with pytest.raises(StateError):
        export.settle(number, created(), None)

    assert export.path is not None
    assert export.path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_somebody_else_has_put_there_is_not_written_to(tmp_path: Path):
    export = failing_after(1, tmp_path)
    number = export.intend(intent(), intended())
    trap = tmp_path / "reconciler-emergency-run-1.jsonl"
    trap.touch(mode=0o666)

    for _ in range(2):
        with pytest.raises(StateError):
            export.settle(number, created(), None)

    assert trap.read_text() == ""
    assert export.path is not None
    assert export.path.parent != tmp_path
    assert len(read(export)) == 2
    export.path.unlink()


def test_a_store_failure_before_the_first_intent_exports_nothing(tmp_path: Path):
    export = failing_after(0, tmp_path)

    with pytest.raises(StateError, match="the disk is full"):
        export.record(entry())
    with pytest.raises(StateError, match="the disk is full"):
        export.intend(intent(), intended())

    assert export.lines == ()
    assert list(tmp_path.iterdir()) == []


def test_every_record_of_what_follows_is_kept_in_order(tmp_path: Path):
    export = failing_after(1, tmp_path)
    export.intend(intent(), intended())
    waiting = outbox_row(url=RECEIVER)
    attempts = [
        lambda: export.record(created()),
        lambda: export.intend(intent(tenant="beta"), intended("beta")),
        lambda: export.adopt(adopted("beta"), event(2, tenant="beta"), [RECEIVER]),
        lambda: export.delivered(waiting, attempt(Status.SYNCED, 204)),
        lambda: export.failed(waiting, attempt(Status.FAILED, 503), None),
    ]

    for attempted in attempts:
        with pytest.raises(StateError):
            attempted()

    events = [line["record"]["event"] for line in read(export)]
    assert events == [
        "SCHEMA_EXTENSION_CREATED",
        "SCHEMA_EXTENSION_CREATE_INTENDED",
        "SCHEMA_EXTENSION_ADOPTED",
        "HR_SYNC_COMPLETED",
        "HR_SYNC_COMPLETED",
    ]
    assert ["intent" in line for line in read(export)] == [True, False, False, False, False]


def test_of_several_records_that_cannot_be_stored_each_is_kept(tmp_path: Path):
    export = failing_after(1, tmp_path)
    export.intend(intent(), intended())

    with pytest.raises(StateError, match="the disk is full"):
        export.record_all([created(), entry(tenant="beta")])

    first, second = read(export)
    assert first["intent"]["sent"] == HR_DOCUMENT
    assert second == {"record": entry(tenant="beta").to_json()}


def test_the_emergency_export_falls_back_to_the_temporary_folder(
    tmp_path: Path,
):
    export = failing_after(1, tmp_path / "missing")
    number = export.intend(intent(), intended())
    run_id = uuid.uuid4().hex

    with pytest.raises(StateError):
        export.settle(number, replace(created(), run_id=run_id), None)

    assert export.path is not None
    assert export.path.name == f"reconciler-emergency-{run_id}.jsonl"
    assert tmp_path not in export.path.parents
    assert len(read(export)) == 1
    export.path.unlink()


def test_the_emergency_export_falls_back_to_the_console(tmp_path: Path):
    export = failing_after(1, tmp_path)
    number = export.intend(intent(), intended())

    with pytest.raises(StateError):  # a name longer than any file system takes
        export.settle(number, replace(created(), run_id="r" * 300), None)

    assert export.path is None
    [line] = export.lines
    assert json.loads(line)["record"]["detail"] == "applied"
    assert line.isascii()


def test_the_emergency_export_follows_no_link(tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    run_id = uuid.uuid4().hex
    (tmp_path / f"reconciler-emergency-{run_id}.jsonl").symlink_to(elsewhere)
    export = failing_after(1, tmp_path)
    number = export.intend(intent(), intended())

    with pytest.raises(StateError):
        export.settle(number, replace(created(), run_id=run_id), None)

    assert not elsewhere.exists()
    assert export.path is not None
    assert export.path.parent != tmp_path
    export.path.unlink()


def test_an_intent_that_is_stored_while_another_tenants_record_is_kept_disturbs_nothing(
    tmp_path: Path,
):
    """Tenants are written in parallel; the store may fail for one and work for the next."""
    store = MemoryJournal()
    export = EmergencyExport(store, tmp_path)
    for tenant in ("east", "west"):
        export.intend(replace(intent(), tenant=tenant), intended())
    elsewhere = threading.Thread(
        target=export.intend, args=(replace(intent(), tenant="north"), intended())
    )

    class Compared(str):  # while it is looked for, the other thread stores its intent
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            if not elsewhere.ident:
                store.full_after = None
                elsewhere.start()
                elsewhere.join(0.2)
            return str.__eq__(self, other)

    store.full_after = len(store.entries)
    with pytest.raises(StateError, match="the disk is full"):
        export.record(replace(created(), tenant=Compared("acme")))
    elsewhere.join(5)

    assert [reported["record"]["tenant"] for reported in read(export)] == ["acme"]
    assert len(export.open_intents("north")) == 1
