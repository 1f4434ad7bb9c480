import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.canary import CanaryResult
from reconciler.domain.diff import Harm, HarmKind
from reconciler.domain.jsontext import canonical
from reconciler.domain.manifest import Manages
from reconciler.domain.records import (
    ENTRY_MEMBERS,
    GENESIS,
    ChainResult,
    Confirmation,
    Entry,
    Event,
    EventType,
    HrEvent,
    Intent,
    Run,
    Status,
    check_chain,
    rfc3339,
    seal,
)
from reconciler.domain.redaction import NO_REDACTION, Redaction
from reconciler.domain.scim import ABSENT, Schema
from reconciler.domain.searching import Found, Searchable, Searched
from reconciler.domain.secret import Secret
from reconciler.domain.shown import shown_schema
from tests.support.strategies import disguise, schema_documents

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RUN = Run(id="run-1", actor="ci", commit="c0ffee")
texts = st.none() | st.text(max_size=8)
entries = st.builds(
    Entry,
    event=st.sampled_from(Event),
    timestamp=st.datetimes(timezones=st.just(UTC)).map(rfc3339),
    status=st.none() | st.sampled_from(Status),
    tenant=texts,
    schema_id=texts,
    attributes_count=st.none() | st.integers(0, 99),
    run_id=st.text(max_size=8),
    actor=st.text(max_size=8),
    latency_ms=st.none() | st.integers(0, 10**6),
    webhook_status=st.none() | st.integers(100, 599),
    detail=texts,
)


def chained(entries: list[Entry]) -> list[dict[str, Any]]:
    """Records as a store gives them back."""
    rows: list[dict[str, Any]] = []
    for seq, entry in enumerate(entries, start=1):
        prev_hash = rows[-1]["hash"] if rows else GENESIS
        rows.append(json.loads(json.dumps(seal(entry, seq=seq, prev_hash=prev_hash).to_json())))
    return rows


chains = st.lists(entries, min_size=1, max_size=5).map(chained)


# The chain


@given(st.lists(entries, max_size=5))
def test_records_sealed_in_turn_make_a_whole_chain(sealed: list[Entry]) -> None:
    rows = chained(sealed)
    head = rows[-1]["hash"] if rows else GENESIS
    assert check_chain(rows) == ChainResult(len(rows), head)


@given(st.data(), chains)
def test_any_edit_of_any_member_is_found_where_it_is(data: st.DataObject, rows: Any) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    member = data.draw(st.sampled_from(sorted(rows[index])))
    old = rows[index][member]
    new = data.draw(
        (st.none() | st.integers() | st.text(max_size=4)).filter(
            lambda value: canonical(value) != canonical(old)
        )
    )
    rows[index][member] = new

    result = check_chain(rows)

    assert result.broken_at == index + 1
    assert result.records == index
    assert result.head == (rows[index - 1]["hash"] if index else GENESIS)


@given(st.data(), chains)
def test_a_deleted_record_is_found_unless_it_was_the_last(data: st.DataObject, rows: Any) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    del rows[index]
    result = check_chain(rows)
    assert result.broken_at == (index + 1 if index < len(rows) else None)


@given(st.data(), st.lists(entries, min_size=2, max_size=5).map(chained))
def test_swapped_records_are_found(data: st.DataObject, rows: Any) -> None:
    one, other = sorted(data.draw(st.permutations(range(len(rows))))[:2])
    rows[one], rows[other] = rows[other], rows[one]
    assert check_chain(rows).broken_at == one + 1


@given(st.data(), chains, entries)
def test_an_inserted_record_is_found_even_where_it_is_well_sealed(
    data: st.DataObject, rows: Any, entry: Entry
) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    prev_hash = rows[index - 1]["hash"] if index else GENESIS
    forged = seal(entry, seq=index + 1, prev_hash=prev_hash).to_json()
    intact = [*rows]
    rows.insert(index, forged)
    result = check_chain(rows)
    assert result.broken_at is not None
    assert result.broken_at >= index + 1
    assert check_chain(intact).broken_at is None


@given(st.data(), chains)
def test_a_repeated_record_is_found(data: st.DataObject, rows: Any) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    rows.insert(index, rows[index])
    assert check_chain(rows).broken_at == index + 2


@given(st.data(), chains)
def test_a_missing_or_added_member_is_found(data: st.DataObject, rows: Any) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    if data.draw(st.booleans()):
        del rows[index][data.draw(st.sampled_from(sorted(rows[index])))]
    else:
        rows[index]["approved_by"] = "nobody"
    assert check_chain(rows).broken_at == index + 1


@pytest.mark.parametrize(
    "value", [float("nan"), "\ud800", b"x", 10**5000], ids=lambda v: type(v).__name__
)
def test_a_value_that_no_record_can_hold_breaks_the_chain_and_not_the_check(value: Any) -> None:
    rows = chained([RUN.entry(Event.RUN_STARTED, NOON)])
    rows[0]["detail"] = value
    result = check_chain(rows)
    assert (result.broken_at, result.reason) == (1, "its content is not what was hashed")


def test_a_whole_chain_ends_at_the_hash_of_its_last_record() -> None:
    rows = chained([RUN.entry(event, NOON) for event in (Event.RUN_STARTED, Event.RUN_COMPLETED)])

    assert check_chain(rows) == ChainResult(2, rows[1]["hash"])
    assert check_chain([]) == ChainResult(0, GENESIS)


def test_a_record_with_a_member_more_is_no_record() -> None:
    rows = chained([RUN.entry(Event.RUN_STARTED, NOON)])
    rows[0]["approved_by"] = "nobody"

    assert check_chain(rows).reason == "its members are not those of a record"


def test_a_chain_of_another_genesis_is_not_ours() -> None:
    rows = [seal(RUN.entry(Event.RUN_STARTED, NOON), seq=1, prev_hash="1" * 64).to_json()]
    assert check_chain(rows).reason == "it does not follow the record before it"


def test_the_first_break_of_the_chain_is_reported_with_its_reason() -> None:
    rows = chained([RUN.entry(event, NOON) for event in (Event.RUN_STARTED, Event.RUN_COMPLETED)])
    rows[1]["detail"] = "edited"
    assert check_chain(rows) == ChainResult(
        1, rows[0]["hash"], broken_at=2, reason="its content is not what was hashed"
    )
    assert check_chain(rows[1:]).reason == "record 2 stands where record 1 should"


def test_the_hash_of_a_known_record_is_the_one_that_anybody_can_compute() -> None:
    """The recipe, with the standard library only: sorted keys, no spaces, no own hash."""
    record = seal(RUN.entry(Event.RUN_STARTED, NOON, Status.SUCCESS), seq=1, prev_hash=GENESIS)
    document = dict(record.to_json())
    claimed = document.pop("hash")
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == claimed == record.hash


def test_a_record_has_every_member_of_the_contract_in_its_order_even_where_it_is_null() -> None:
    document = seal(RUN.entry(Event.RUN_STARTED, NOON), seq=1, prev_hash=GENESIS).to_json()
    assert list(document) == [
        "seq", "event", "timestamp", "status", "tenant", "schema_id", "attributes_count", "change",
        "run_id", "actor", "commit", "plan_digest", "before_digest", "after_digest", "latency_ms",
        "webhook_status", "detail", "prev_hash", "hash",
    ]  # fmt: skip
    assert set(document) == {*ENTRY_MEMBERS, "seq", "prev_hash", "hash"}


@pytest.mark.parametrize(
    ("searchable", "stated"),
    [(Searchable.TRUE, True), (Searchable.FALSE, False), (Searchable.UNKNOWN, "unknown")],
)
def test_optional_members_are_in_the_record_and_under_its_hash_where_they_are_set(
    searchable: Searchable, stated: object
) -> None:
    plain = RUN.entry(Event.RUN_STARTED, NOON)
    full = replace(
        plain,
        searchable=searchable,
        searchable_ms=340,
        canary=(("badge", CanaryResult.PERSISTED), ("grade", CanaryResult.NOT_TRIED)),
        searched=(("badge", searchable),),
    )
    document = seal(full, seq=1, prev_hash=GENESIS).to_json()

    assert document["searchable"] == stated
    assert document["searchable_ms"] == 340
    assert document["canary"] == {"badge": "persisted", "grade": "not-tried"}
    assert document["searched"] == {"badge": stated}
    assert check_chain([document]).broken_at is None
    assert check_chain([{**document, "searchable_ms": 341}]).broken_at == 1
    without = {name: value for name, value in document.items() if name != "canary"}
    assert check_chain([without]).broken_at == 1


def test_an_entry_of_a_run_says_who_and_when() -> None:
    entry = RUN.entry(Event.RUN_COMPLETED, NOON, Status.FAILED)
    stated = {member: value for member, value in entry.to_json().items() if value is not None}
    assert stated == {
        "event": "RUN_COMPLETED",
        "timestamp": "2026-03-01T12:00:00.000Z",
        "status": "FAILED",
        "run_id": "run-1",
        "actor": "ci",
        "commit": "c0ffee",
    }


# What HR is told

DOCUMENT = {
    "id": "urn:example:HR",
    "attributes": [{"name": "payCode", "mutability": "IMMUTABLE"}, {"name": "grade"}],
}


def intent(**changes: Any) -> Intent:
    known: dict[str, Any] = {
        "tenant": "acme",
        "base_url": "https://acme.example.com/scim/v2",
        "change": "acme/hr",
        "schema_id": "urn:example:HR",
        "target_system": "Genesys Cloud",
        "manages": Manages.SCHEMA,
        "desired": Schema.from_json(DOCUMENT),
        "before": ABSENT,
        "live_before": None,
        "run_id": "run-1",
        "commit": "c0ffee",
        "webhooks": ("https://hr.example.com",),
    }
    return Intent(**(known | changes))


def verified(**members: Any) -> Schema:
    return Schema.from_json(DOCUMENT | members)


def test_an_intent_finds_what_is_not_as_it_was_before_the_write() -> None:
    other = {"name": "other", "returned": "never"}
    before = Schema.from_json(DOCUMENT | {"attributes": [{"name": "grade"}, other]})
    after = verified(attributes=[*DOCUMENT["attributes"], other | {"returned": "always"}])
    wrote = intent(live_before=before, manages=Manages.ATTRIBUTES)

    assert [harm.path for harm in wrote.harms(after, NO_REDACTION, server_members=())] == [
        "attributes.other.returned"
    ]
    assert intent().harms(after, NO_REDACTION, server_members=()) == ()


def test_an_intent_explains_members_of_vendors_where_it_was_to_change_a_characteristic() -> None:
    def holding(**members: Any) -> Schema:
        listed = [{"name": "grade", **members}, {"name": "level", "says": 1}]
        return verified(attributes=listed)

    before = holding(mutability="readOnly", says=["user"])
    desired = verified(attributes=[{"name": "grade"}, {"name": "new"}])
    wrote = intent(live_before=before, desired=desired, manages=Manages.ATTRIBUTES)
    after = verified(
        says=2, attributes=[{"name": "grade", "says": ["admin"]}, {"name": "level", "says": 2}]
    )

    found = wrote.harms(after, NO_REDACTION, server_members=())

    assert {harm.path: wrote.explains(harm) for harm in found} == {
        "attributes.grade.says": True,
        "attributes.level.says": False,
    }
    gone = wrote.harms(verified(attributes=[]), NO_REDACTION, server_members=())
    assert not any(map(wrote.explains, gone))
    alike = replace(wrote, live_before=verified(attributes=[{"name": "grade", "says": 1}]))
    unexplained = alike.harms(after, NO_REDACTION, server_members=())
    assert [alike.explains(harm) for harm in unexplained] == [False]
    assert not intent().explains(found[0])


def test_an_intent_that_kept_no_credential_finds_the_same_in_what_shows_it() -> None:
    redaction = Redaction((Secret("s3cret-s3cret"),))
    before = verified(description="of s3cret-s3cret", other=["s3cret-s3cret", 1])
    kept = shown_schema(before, redaction, verified())
    wrote = intent(live_before=kept, desired=verified(), manages=Manages.ATTRIBUTES)

    assert wrote.harms(before, redaction, server_members=()) == ()
    assert [h.path for h in wrote.harms(verified(), redaction, server_members=())] == [
        "description",
        "other",
    ]


def test_an_intent_of_an_older_store_knows_names_alone() -> None:
    wrote = intent(names_before=("grade", "OTHER", "gone"))
    live = verified(attributes=[{"name": "Grade"}, {"name": "other", "returned": "always"}])

    assert wrote.harms(live, NO_REDACTION, server_members=()) == (
        Harm(("attributes", "gone"), HarmKind.GONE),
    )


@pytest.mark.parametrize(
    ("later", "remaining"),
    [(0, 120), (20, 100), (120, 0), (500, 0), (-3600, 120)],
    ids=["at once", "later", "at its end", "after it", "the clock was set back"],
)
def test_a_confirmation_is_waited_for_at_most_as_long_as_it_said(
    later: int, remaining: float
) -> None:
    confirmation = Confirmation(NOON, NOON + timedelta(seconds=120))
    assert confirmation.remaining(NOON + timedelta(seconds=later)) == remaining


META = {"created": "2026-03-01T00:00:00Z", "version": 'W/"1"'}


def event_id(live: Schema, **changes: Any) -> str:
    return intent(**changes).announcement(live, NOON).event_id


def test_the_event_id_of_a_change_is_the_same_when_it_is_announced_again() -> None:
    first = event_id(verified(meta=META))
    assert event_id(verified(meta=META)) == first
    assert event_id(verified(meta=META), run_id="run-2", commit="other") == first
    assert event_id(verified(meta=META | {"lastModified": "later"}), change="acme/x") == first
    assert intent().announcement(verified(meta=META), NOON + timedelta(days=9)).event_id == first
    assert first.startswith("evt_")
    assert len(first) == 36


@given(st.data(), schema_documents())
def test_the_event_id_does_not_depend_on_spelling(data: st.DataObject, document: Any) -> None:
    other = data.draw(disguise(document))
    plain, disguised = Schema.from_json(document), Schema.from_json(other)
    assert event_id(verified(meta=META), desired=disguised) == (
        event_id(verified(meta=META), desired=plain)
    )


def test_different_changes_have_different_event_ids() -> None:
    ids = [
        event_id(verified(meta=META)),
        event_id(verified(meta=META), tenant="beta"),
        event_id(verified(meta=META), before="sha256:1"),
        event_id(verified(meta=META), desired=Schema.from_json(DOCUMENT | {"description": "d"})),
        event_id(verified(meta=META), desired=Schema.from_json(DOCUMENT | {"id": "urn:other"})),
        event_id(verified(meta=META | {"created": "2026-03-02T00:00:00Z"})),
        event_id(verified(meta=META | {"version": 'W/"2"'})),
        event_id(verified(meta={"version": 'W/"1"'})),
        event_id(verified()),
        event_id(verified(), run_id="run-2"),
    ]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("meta", [None, {}, [], "x", {"created": None}, {"location": "x"}])
def test_an_event_id_without_meta_depends_on_the_run(meta: Any) -> None:
    assert event_id(verified(meta=meta)) == event_id(verified())
    assert event_id(verified(meta=meta)) != event_id(verified(meta=meta), run_id="run-2")


def test_an_event_id_finds_meta_in_any_spelling() -> None:
    assert event_id(verified(Meta={"Created": META["created"], "VERSION": META["version"]})) == (
        event_id(verified(meta=META))
    )


@pytest.mark.parametrize(
    ("before", "event_type"),
    [(ABSENT, EventType.DEPLOYED), ("sha256:1", EventType.UPDATED)],
)
def test_an_event_says_deployed_for_a_create_and_updated_for_an_update(
    before: str, event_type: EventType
) -> None:
    assert intent(before=before).announcement(verified(), NOON).event_type is event_type
    assert intent(before=before).creates is (before == ABSENT)


def reported(event: HrEvent) -> Any:
    return json.loads(event.body(7))


def test_the_event_body_has_the_members_of_the_contract_and_no_more() -> None:
    event = intent().announcement(verified(meta=META), NOON)
    assert reported(event) == {
        "event_type": "SCHEMA_EXTENSION_DEPLOYED",
        "target_system": "Genesys Cloud",
        "extension_id": "urn:example:HR",
        "attributes": [
            {
                "name": "grade",
                "type": "string",
                "mutability": "readWrite",
                "adoption_tracking": True,
            },
            {
                "name": "payCode",
                "type": "string",
                "mutability": "immutable",
                "adoption_tracking": True,
            },
        ],
        "event_id": event.event_id,
        "tenant": "acme",
        "sequence": 7,
        "verified_at": "2026-03-01T12:00:00.000Z",
        "schema_digest": Schema.from_json(DOCUMENT).fingerprint(),
        "commit": "c0ffee",
    }


def test_the_event_body_says_whether_what_is_new_is_searchable_where_somebody_asked() -> None:
    found = Found(searchable=Searchable.FALSE, reason="HTTP 400")
    event = intent().announcement(verified(), NOON)
    searched = replace(event, searched=Searched(found=(("grade", found),), ms=30_000))

    more = {name: of for name, of in reported(searched).items() if name not in reported(event)}
    assert more == {"searchable": False, "searchable_ms": 30_000}


def test_the_event_body_is_the_same_bytes_at_each_try() -> None:
    one = intent().announcement(verified(meta=META), NOON)
    other = intent().announcement(verified(meta=META), NOON)
    assert one.body(1) == other.body(1)
    assert one.body(1) != one.body(2)


def test_a_member_of_the_event_body_without_a_value_is_null() -> None:
    event = intent(commit=None).announcement(verified(), NOON)
    assert "commit" in reported(event)
    assert reported(event)["commit"] is None


# Time


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-03-01T12:00:00.000Z"),
        (datetime(2026, 3, 1, 1, 2, 3, 456_999, tzinfo=UTC), "2026-03-01T01:02:03.456Z"),
        (
            datetime(2026, 3, 1, 1, 0, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            "2026-02-28T19:30:00.000Z",
        ),
        (datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), "2038-01-19T03:14:08.000Z"),
    ],
)
def test_timestamps_are_utc_with_milliseconds(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text


@given(st.integers(10**6, 10**10), st.integers(-14, 14))
def test_a_timestamp_does_not_depend_on_the_zone(seconds: int, hours: int) -> None:
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    later = moment.astimezone(timezone(timedelta(hours=hours)))
    assert rfc3339(later) == rfc3339(moment)
