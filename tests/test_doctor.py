"""WriteProbe: what a service can do, found out on a schema of our own, recorded like any change."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from reconciler.doctor import PROBE_URN, WriteProbe
from reconciler.domain.dialect import Dialect, PatchPath
from reconciler.domain.doctor import Finding, Grade, TenantFindings
from reconciler.domain.jsontext import Json
from reconciler.domain.records import Event, Status
from reconciler.domain.scim import Schema
from reconciler.errors import Interrupted, TenantLocked, TenantUnavailable
from reconciler.ports import WriteResult
from reconciler.run_context import LAG_PAUSE
from tests.support.fakes import (
    CREATED,
    DIALECT,
    FULL,
    NOT_ALLOWED,
    REFUSED,
    FakeClock,
    FakeLocks,
    FakeTenant,
    MemoryJournal,
    Store,
    as_sent,
    document,
    nothing,
    patience,
    tenant,
)
from tests.support.runs import context_of


def probe(
    service: FakeTenant,
    journal: MemoryJournal | None = None,
    *,
    dialect: Dialect = DIALECT,
    locks: FakeLocks | None = None,
    clock: FakeClock | None = None,
) -> tuple[dict[str, Finding], dict[str, Json]]:
    found = WriteProbe(
        context=context_of(journal or MemoryJournal(), clock=clock),
        tenant=replace(tenant(), dialect=dialect),
        writer=service,
        retry=patience(2),
        locks=locks or FakeLocks(),
    ).probe()
    return {finding.check: finding for finding in found}, learnt_from(found)


def learnt_from(findings: tuple[Finding, ...]) -> dict[str, Json]:
    tenant = TenantFindings(tenant="acme", dialect="x", base_url="", findings=findings)
    return tenant.learnt


def test_a_probe_of_a_capable_service_finds_every_capability() -> None:
    service, journal = FakeTenant(), MemoryJournal()

    found, learnt = probe(service, journal)

    assert learnt == {"creates": True, "updates": "put"}
    assert found["ignored"] == Finding(
        "ignored", Grade.OK, "every characteristic is stored as it was sent"
    )
    assert "added" not in found
    assert PROBE_URN in found["create"].message
    assert "nothing is ever deleted" in found["create"].message
    assert list(service.schemas) == [PROBE_URN.lower()]
    assert journal.events() == [
        Event.RUN_STARTED,
        Event.SCHEMA_EXTENSION_CREATE_INTENDED,
        Event.SCHEMA_EXTENSION_CREATED,
        *[Event.SCHEMA_EXTENSION_UPDATE_INTENDED, Event.SCHEMA_EXTENSION_UPDATED] * 2,
        Event.RUN_COMPLETED,
    ]
    assert journal.waiting() == ()


def test_a_probe_that_is_interrupted_is_recorded_to_its_end() -> None:
    journal = MemoryJournal()

    with pytest.raises(Interrupted):
        probe(FakeTenant(), journal, clock=FakeClock(stopped=True))

    assert journal.events() == [Event.RUN_STARTED, Event.RUN_COMPLETED]
    assert journal.entries[-1].status is Status.FAILED


def test_a_probe_requires_no_value_of_any_user() -> None:
    service = FakeTenant()

    probe(service)

    for each in service.schemas[PROBE_URN.lower()].attributes:
        assert (each.required, each.uniqueness, each.type) == (False, "none", "string")


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


def test_a_probe_finds_how_late_a_service_shows_what_it_has_made() -> None:
    clock = FakeClock()

    found, learnt = probe(FakeTenant(hidden_reads=9), clock=clock)

    assert found["lag"].grade is Grade.NOTE
    assert f"up to {sum(clock.slept):g} s later" in found["lag"].message
    assert learnt["lagReads"] * LAG_PAUSE > sum(clock.slept)
    assert learnt["creates"]
    assert learnt["updates"] == "put"


def test_a_probe_finds_how_late_a_service_shows_a_change() -> None:
    """A change that is late is not taken for one that the service ignores."""
    clock = FakeClock()
    service = FakeTenant()

    def late(body: dict[str, Json]) -> None:
        due = clock.seconds + 7
        clock.after = lambda: service.put(body) if clock.seconds >= due else None

    service.script += [(CREATED, as_sent), (CREATED, late), (CREATED, late)]

    found, learnt = probe(service, clock=clock)

    assert learnt == {"creates": True, "updates": "put", "lagReads": 5}
    assert found["update"].grade is Grade.OK


def test_a_probe_of_a_service_that_shows_all_at_once_learns_no_lag() -> None:
    assert "lag" not in probe(FakeTenant())[0]


def test_a_probe_of_a_service_that_is_known_to_lag_more_learns_nothing_new() -> None:
    found, _ = probe(FakeTenant(hidden_reads=2), dialect=replace(DIALECT, lag_reads=9))

    assert "lag" not in found


def test_a_probe_of_a_service_that_shows_in_its_list_alone_is_found_there() -> None:
    found, learnt = probe(FakeTenant(hidden_reads=10**9, lists_first=True))

    assert learnt == {"creates": True, "updates": "put"}
    assert found["ignored"].grade is Grade.OK


def test_a_probe_finds_the_members_that_a_service_sets_anew_with_each_write() -> None:
    number = iter(range(100))
    service = FakeTenant()

    def stamped(body: dict[str, Json]) -> dict[str, Json]:
        attributes = [each | {"xChanged": next(number)} for each in body["attributes"]]
        return body | {"revision": next(number), "attributes": attributes}

    service.script += [(CREATED, stamped)] * 9

    found, learnt = probe(service, dialect=replace(DIALECT, server_members=("known",)))

    assert learnt["updates"] == "put"
    assert learnt["serverMembers"] == ["known", "revision", "xChanged"]
    assert "revision, xChanged anew with each write" in found["members"].message


# --- which PATCH leaves alone what it does not name -----------------------------------------


@dataclass
class Patched(FakeTenant):
    """A service without PUT. `loses` is what becomes of a PATCH that it takes."""

    loses: Store = as_sent
    unfiltered: bool = False  # follows the RFC, and knows no filters in paths
    refuses: bool = False

    def replace(self, live: Schema, document: Mapping[str, Json]) -> WriteResult:
        self.log.append(f"PUT {live.id}")
        return NOT_ALLOWED

    def patch(self, live: Schema, document: Mapping[str, Json]) -> WriteResult:
        filtered = any("[" in operation["path"] for operation in document["Operations"])
        if self.refuses or (self.unfiltered and filtered):
            return REFUSED
        self.script.append((CREATED, self.loses))
        result = super().patch(live, document)
        self.script.clear()
        return result


def verbs(service: FakeTenant) -> list[str]:
    return [line.split()[0] for line in service.log if not line.startswith("GET")]


def names(service: FakeTenant) -> list[str]:
    return [each.name for each in service.schemas[PROBE_URN.lower()].attributes]


def test_a_service_that_patches_by_the_rfc_is_found_out_and_keeps_the_other_attribute() -> None:
    service = Patched()

    found, learnt = probe(service)
    again = probe(service)[1]

    assert learnt == {"creates": True, "updates": "patch", "patchPath": "valuePath"}
    assert again == {"updates": "patch", "patchPath": "valuePath"}
    assert names(service) == ["probe", "untouched"]
    assert "attributes[name eq" in found["update"].message
    assert verbs(service) == ["POST", "PUT", "PATCH", "PATCH", "PUT", "PATCH"]


def test_a_service_that_patches_as_oracle_does_is_found_out() -> None:
    service = Patched(patches=PatchPath.ATTRIBUTE)

    found, learnt = probe(service)

    assert learnt == {"creates": True, "updates": "patch", "patchPath": "attrPath"}
    assert names(service) == ["probe", "untouched"]
    assert "as Oracle takes it" in found["update"].message


def reworded(body: dict[str, Json]) -> dict[str, Json] | None:
    return {**body, "attributes": [{**a, "description": "same"} for a in body["attributes"]]}


def last_alone(body: dict[str, Json]) -> dict[str, Json] | None:
    return {**body, "attributes": body["attributes"][-1:]}


@pytest.mark.parametrize("loses", [last_alone, reworded])
def test_a_patch_that_takes_others_with_it_is_never_recommended(loses: Store) -> None:
    service = Patched(loses=loses)

    found, learnt = probe(service)

    assert learnt["updates"] == "none"
    assert "patchPath" not in learnt
    assert found["update"].grade is Grade.WARNING
    assert "changes or drops what it does not name" in found["update"].message


def test_a_service_that_only_takes_a_whole_list_is_not_taken_for_oracle() -> None:
    """It follows the RFC but for filters in paths: `replace` at `attributes` leaves one of two."""
    service = Patched(unfiltered=True)

    found, learnt = probe(service)

    assert learnt == {"creates": True, "updates": "none"}
    assert found["update"].grade is Grade.WARNING
    assert "untouched" in found["update"].message


def test_a_probe_of_an_earlier_version_gets_the_second_attribute_first() -> None:
    service = Patched()
    probe(service)
    key = PROBE_URN.lower()
    (held, _) = service.schemas[key].document["attributes"]
    service.put({**service.schemas[key].document, "attributes": [held]})

    found, learnt = probe(service)

    assert found["create"].grade is Grade.NOTE
    assert learnt == {"updates": "patch", "patchPath": "valuePath"}
    assert names(service) == ["probe", "untouched"]


def test_a_patch_refused_in_both_forms_teaches_nothing() -> None:
    service = Patched()
    probe(service)
    service.refuses = True

    found, learnt = probe(service)

    assert (found["update"].grade, learnt) == (Grade.UNKNOWN, {})


@pytest.mark.parametrize("answer", [NOT_ALLOWED, CREATED])
def test_a_service_that_refuses_or_drops_all_changes_has_no_updates(answer) -> None:
    service = FakeTenant()
    probe(service)
    service.script.extend([(answer, nothing)] * 3)

    found, learnt = probe(service)

    assert learnt == {"updates": "none"}
    assert found["update"].grade is Grade.WARNING


# --- what a service accepts and drops -------------------------------------------------------


def keeps(**otherwise: Json) -> Store:
    """A service whose attributes always read so, whatever it is sent; None leaves one out."""

    def store(body: dict[str, Json]) -> dict[str, Json]:
        attributes = [
            {m: v for m, v in {**a, **otherwise}.items() if v is not None}
            for a in body["attributes"]
        ]
        return {**body, "attributes": attributes}

    return store


def stubborn(store: Store) -> FakeTenant:
    return FakeTenant(script=deque([(CREATED, store)] * 9))


DROPS: dict[str, tuple[dict[str, Json], list[str]]] = {
    "one from the start": ({"caseExact": False}, ["caseExact"]),
    "values": ({"canonicalValues": None}, ["canonicalValues"]),
    "more values": ({"canonicalValues": ["one"]}, ["canonicalValues"]),
    "a loosening": ({"mutability": "immutable"}, ["mutability"]),
    "several": ({"caseExact": False, "mutability": "immutable"}, ["caseExact", "mutability"]),
    "in other words": ({"MUTABILITY": "READ_WRITE", "mutability": None}, []),
}


@pytest.mark.parametrize(("otherwise", "dropped"), DROPS.values(), ids=DROPS.keys())
def test_dropped_characteristics_are_learnt_at_every_probe(
    otherwise: dict[str, Json], dropped: list[str]
) -> None:
    service = stubborn(keeps(**otherwise))

    first, learnt = probe(service)
    again, learnt_again = probe(service)

    expected = {"updates": "put"} | ({"ignored": dropped} if dropped else {})
    assert (learnt, learnt_again) == ({"creates": True} | expected, expected)
    for found in (first, again):
        assert found["update"].grade is Grade.OK
        assert found["ignored"].grade is (Grade.WARNING if dropped else Grade.OK)
        assert all(each in found["ignored"].message for each in dropped)


def test_a_service_that_drops_descriptions_still_has_updates() -> None:
    service = stubborn(keeps(description=None))

    _, learnt = probe(service)
    found, learnt_again = probe(service)

    assert learnt == {"creates": True, "updates": "put", "ignored": ["description"]}
    assert learnt_again == {}
    assert found["update"].grade is Grade.UNKNOWN


@pytest.mark.parametrize(
    ("otherwise", "dropped"),
    [
        ({"caseExact": False}, ["caseExact"]),
        ({"mutability": "readWrite"}, ["mutability"]),
        ({}, []),
    ],
)
def test_a_probe_without_updates_learns_dropped_members_from_the_create(
    otherwise: dict[str, Json], dropped: list[str]
) -> None:
    service = FakeTenant(
        script=deque([(CREATED, keeps(**otherwise)), *[(NOT_ALLOWED, nothing)] * 6])
    )

    learnt = [probe(service)[1], probe(service)[1]]

    expected = {"updates": "none"} | ({"ignored": dropped} if dropped else {})
    assert learnt == [{"creates": True} | expected, expected]


def test_learnt_ignored_members_are_added_to_those_of_the_dialect() -> None:
    known = replace(DIALECT, ignored=("type", "caseExact"))

    _, learnt = probe(stubborn(keeps(caseExact=False)), dialect=known)

    assert learnt["ignored"] == ["type", "caseExact"]


def test_a_capability_that_blocks_a_change_does_not_keep_doctor_from_asking_again() -> None:
    service = FakeTenant()
    probe(service)

    found, learnt = probe(service, dialect=replace(DIALECT, ignored=("description", "mutability")))

    assert learnt == {"updates": "put"}
    assert found["ignored"].grade is Grade.OK


def test_vendor_members_that_the_service_drops_or_adds_are_reported() -> None:
    needs = replace(DIALECT, members=("idcsDisplayName",))

    found, learnt = probe(
        stubborn(keeps(idcsDisplayName=None, idcsTargetAttributeName="X")), dialect=needs
    )

    assert learnt["ignored"] == ["idcsDisplayName"]
    assert "idcsTargetAttributeName" in found["added"].message


def test_a_probe_that_vanished_or_cannot_be_read_teaches_nothing_of_what_is_dropped() -> None:
    service = FakeTenant()
    probe(service)
    reads: list[Exception | None] = [None] * 5
    service.fail_reads = deque([*reads, TenantUnavailable("down")])

    found, learnt = probe(service)

    assert learnt == {"updates": "put"}
    assert found["ignored"] == Finding("ignored", Grade.UNKNOWN, "down")


def test_a_refused_permission_teaches_no_capability() -> None:
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
    assert "limit of 10 extensions is reached" in found["create"].message
    assert learnt == {}


def test_a_tenant_that_turns_out_to_be_full_lacks_no_capability() -> None:
    found, learnt = probe(FakeTenant(script=deque([(FULL, nothing)])))

    assert (found["create"].grade, learnt) == (Grade.UNKNOWN, {})


def test_a_tenant_that_is_meant_to_be_read_only_is_not_probed() -> None:
    service, journal = FakeTenant(), MemoryJournal()

    found, learnt = probe(service, journal, dialect=replace(DIALECT, name="read-only"))

    assert (service.log, journal.events(), learnt) == ([], [], {})
    assert "nothing is ever written here" in found["create"].message


def test_a_tenant_that_another_run_holds_is_not_probed() -> None:
    service = FakeTenant()

    with pytest.raises(TenantLocked):
        probe(service, locks=FakeLocks(taken=frozenset({"acme-prod"})))

    assert service.log == []


def test_a_tenant_that_cannot_be_read_is_not_probed() -> None:
    service = FakeTenant(fail_reads=deque([TenantUnavailable("down")]))

    found, learnt = probe(service)

    assert found["create"].message == "not probed: down"
    assert (service.writes(), learnt) == (0, {})
