"""Probing: what a service can do is found out on a schema of our own, recorded like any change."""

from collections import deque
from dataclasses import replace

import pytest

from reconciler.domain.dialect import Dialect
from reconciler.domain.health import Finding, Grade
from reconciler.domain.jsontext import Json
from reconciler.domain.records import Event, Run
from reconciler.errors import TenantLocked, TenantUnavailable
from reconciler.probing import PROBE_URN, Probing
from tests.fakes import (
    CREATED,
    DIALECT,
    NOT_ALLOWED,
    REFUSED,
    FakeClock,
    FakeLocks,
    FakeTenant,
    MemoryJournal,
    document,
    nothing,
    patience,
    tenant,
)


def probe(
    service: FakeTenant,
    journal: MemoryJournal | None = None,
    *,
    dialect: Dialect = DIALECT,
    locks: FakeLocks | None = None,
) -> tuple[dict[str, Finding], dict[str, Json]]:
    found, learnt = Probing(
        tenant=tenant(),
        dialect=dialect,
        writer=service,
        journal=journal or MemoryJournal(),
        locks=locks or FakeLocks(),
        clock=FakeClock(),
        retry=patience(2),
        run=Run(id="run-1", actor="user:test"),
    ).probe()
    return {finding.check: finding for finding in found}, learnt


def test_a_service_that_does_all_is_found_to() -> None:
    service, journal = FakeTenant(), MemoryJournal()

    found, learnt = probe(service, journal)

    assert learnt == {"creates": True, "updates": "put"}
    assert PROBE_URN in found["create"].words
    assert "nothing is ever deleted" in found["create"].words
    assert list(service.schemas) == [PROBE_URN.lower()]
    assert journal.events() == [
        Event.RUN_STARTED,
        Event.SCHEMA_EXTENSION_CREATE_INTENDED,
        Event.SCHEMA_EXTENSION_CREATED,
        Event.SCHEMA_EXTENSION_UPDATE_INTENDED,
        Event.SCHEMA_EXTENSION_UPDATED,
        Event.RUN_COMPLETED,
    ]
    assert journal.pending() == ()


def test_the_probe_asks_nothing_of_anybody() -> None:
    service = FakeTenant()

    probe(service)

    (attribute,) = service.schemas[PROBE_URN.lower()].attributes
    assert (attribute.required, attribute.uniqueness, attribute.type) == (False, "none", "string")


def test_a_probe_that_is_there_is_changed_again_and_not_made_again() -> None:
    service = FakeTenant()
    probe(service)
    before = service.schemas[PROBE_URN.lower()]

    found, learnt = probe(service)

    assert learnt == {"updates": "put"}
    assert found["create"].grade is Grade.NOTE
    assert service.schemas[PROBE_URN.lower()] != before
    assert [line for line in service.log if line.startswith("POST")] == [f"POST {PROBE_URN}"]


def test_a_service_without_creates_is_found_out_and_keeps_nothing() -> None:
    service = FakeTenant(script=deque([(NOT_ALLOWED, nothing)]))

    found, learnt = probe(service)

    assert learnt == {"creates": False}
    assert found["create"].grade is Grade.WARNING
    assert service.schemas == {}


def test_a_service_that_takes_patches_instead_of_puts_is_found_out() -> None:
    service = FakeTenant()
    probe(service)
    service.script.append((NOT_ALLOWED, nothing))

    _, learnt = probe(service)

    assert learnt == {"updates": "patch"}


@pytest.mark.parametrize("answer", [NOT_ALLOWED, CREATED])
def test_a_service_that_refuses_or_drops_all_changes_has_no_updates(answer) -> None:
    service = FakeTenant()
    probe(service)
    service.script.extend([(answer, nothing)] * 2)

    found, learnt = probe(service)

    assert learnt == {"updates": "none"}
    assert found["update"].grade is Grade.WARNING


def test_what_is_refused_to_us_today_is_no_lack_of_the_service() -> None:
    service = FakeTenant(script=deque([(REFUSED, nothing)]))
    found, learnt = probe(service)
    assert (found["create"].grade, learnt) == (Grade.UNKNOWN, {})

    probe(service)
    service.script.append((REFUSED, nothing))
    found, learnt = probe(service)
    assert (found["update"].grade, learnt) == (Grade.UNKNOWN, {})


def test_a_full_tenant_is_not_probed() -> None:
    service = FakeTenant.holding(*(document(f"urn:x:{n}") for n in range(10)))

    found, learnt = probe(service)

    assert service.writes() == 0
    assert "limit of 10 extensions is reached" in found["create"].words
    assert learnt == {}


def test_a_tenant_that_is_meant_to_be_read_only_is_not_probed() -> None:
    service, journal = FakeTenant(), MemoryJournal()

    found, learnt = probe(service, journal, dialect=replace(DIALECT, name="read-only"))

    assert (service.log, journal.events(), learnt) == ([], [], {})
    assert "nothing is ever written here" in found["create"].words


def test_a_tenant_that_another_run_holds_is_not_probed() -> None:
    service = FakeTenant()

    with pytest.raises(TenantLocked):
        probe(service, locks=FakeLocks(taken=frozenset({"acme-prod"})))

    assert service.log == []


def test_a_tenant_that_cannot_be_read_is_not_probed() -> None:
    service = FakeTenant(fail_reads=deque([TenantUnavailable("down")]))

    found, learnt = probe(service)

    assert found["create"].words == "not probed: down"
    assert (service.writes(), learnt) == (0, {})
