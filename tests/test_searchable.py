"""What is new is asked for until the service takes a filter on it, and for a limited time."""

from typing import Any

import pytest

from reconciler.adapters.gateway.users import HttpUserReader
from reconciler.domain.calibration import NONSENSE, Presence
from reconciler.domain.manifest import SchemaExtension
from reconciler.domain.problem import Place
from reconciler.domain.scim import Schema
from reconciler.domain.searching import Belief, Searchable, Searched
from reconciler.errors import StateError
from reconciler.searchable import Inquiry, belief_of
from tests.support.fakes import URN, FakeClock
from tests.support.gateway_world import world
from tests.support.people import URN as PEOPLE
from tests.support.people import PeopleService, users
from tests.support.searches import REFUSED, SILENT, FakeUsers, searching_of

SCHEMA = Schema.from_json(
    {
        "id": URN,
        "attributes": [
            {"name": "badge"},
            {"name": "desk", "type": "complex", "subAttributes": [{"name": "floor"}]},
            {"name": "pin", "returned": "never", "subAttributes": [{"name": "digits"}]},
            {"name": "token", "mutability": "writeOnly"},
        ],
    }
)
TRUE, FALSE, UNKNOWN = Searchable


def inquiry(*names: str, since: float = 0.0) -> Inquiry:
    return Inquiry(schema=SCHEMA, resource_type="User", attributes=names, since=since)


def asked(
    users: FakeUsers, *names: str, timeout: float = 30.0, belief: Belief | None = None
) -> Searched:
    [found] = searching_of(users, timeout=timeout, belief=belief).search([inquiry(*names)])
    return found


def users_of(known: dict[str, float] | None = None, **answers: Presence) -> FakeUsers:
    return FakeUsers(FakeClock(), known=known or {}, answers=answers)


def test_an_attribute_that_is_taken_at_once_is_asked_for_once() -> None:
    users = users_of({"badge": 0.0, "desk.floor": 0.0})

    found = asked(users, "badge", "desk.floor")

    assert (found.searchable, found.ms, found.detail) == (TRUE, 0, None)
    assert users.log == [
        ("User", URN, NONSENSE),
        ("User", URN, "badge"),
        ("User", URN, "desk.floor"),
    ]
    assert users.clock.slept == []


def test_only_what_is_refused_is_asked_for_again_until_it_is_taken() -> None:
    users = users_of({"badge": 0.0, "desk": 3.0})

    found = asked(users, "badge", "desk")

    assert (found.searchable, found.ms) == (TRUE, 3500)
    assert users.clock.slept == [0.5, 1.0, 2.0]
    assert users.names().count("badge") == 1


@pytest.mark.parametrize("timeout", [0.5, 1.0, 2.0, 30.0, 60.0])
def test_what_is_never_taken_is_not_searchable_after_the_timeout(timeout: float) -> None:
    users = users_of({"badge": 0.0})

    found = asked(users, "badge", "desk", timeout=timeout)

    assert found.searchable is FALSE
    assert found.detail == "desk: the service refuses such a filter with HTTP 400"
    assert users.clock.seconds <= timeout
    assert users.clock.seconds >= timeout - 1.0


def test_many_attributes_share_the_time_and_each_is_asked_for_once_at_least() -> None:
    names = [f"a{n}" for n in range(40)]
    one, many = users_of(), users_of()

    asked(one, names[0])
    asked(many, *names)

    assert many.clock.seconds == one.clock.seconds
    assert len(many.log) - 1 == len(names) * (len(one.log) - 1)
    assert set(names) <= set(many.names())


def test_several_changes_wait_together_and_count_from_their_own_verification() -> None:
    users = users_of({"badge": 11.0, "desk": 10.0})
    users.clock.seconds = 10.0

    first, second = searching_of(users).search(
        [inquiry("badge", since=2.0), inquiry("desk", since=9.0)]
    )

    assert (first.searchable, first.ms) == (TRUE, 9500)
    assert (second.searchable, second.ms) == (TRUE, 1000)


def test_each_change_has_its_own_time_whatever_others_need() -> None:
    slow = [f"a{n}" for n in range(20)]
    users = users_of({**dict.fromkeys(slow, 0.0), "badge": 60.0})
    users.seconds = 2.0

    first, last = searching_of(users).search([inquiry(*slow), inquiry("badge", since=42.0)])

    assert (first.searchable, last.searchable) == (TRUE, TRUE)
    assert users.renewals == [0.0, 42.0]
    assert 60.0 <= users.clock.seconds <= 72.0


@pytest.mark.parametrize("number", [10, 20])
def test_changes_that_are_never_taken_wait_side_by_side(number: int) -> None:
    users, one = users_of(), users_of()
    users.seconds = one.seconds = 0.05

    found = searching_of(users).search([inquiry(f"a{n}") for n in range(number)])
    searching_of(one).search([inquiry("a0")])

    assert {each.searchable for each in found} == {FALSE}
    assert users.clock.seconds <= 30.0 + number * 0.1
    assert len(users.log) == number * len(one.log)


def test_a_change_that_others_left_no_time_is_asked_for_once_more() -> None:
    users = users_of({"badge": 30.0})
    users.seconds = 1.0

    [first, *_] = searching_of(users).search(
        [inquiry("badge"), *(inquiry(*(f"a{n}" for n in range(10))) for _ in range(10))]
    )

    assert first.searchable is TRUE
    assert users.names().count("badge") == 2
    assert users.clock.seconds <= 240.0


@pytest.mark.parametrize("number", [2, 20])
def test_a_service_that_leaves_all_of_a_wait_unanswered_is_not_asked_for_more(number: int) -> None:
    names = [f"a{n}" for n in range(number)]
    answers = dict.fromkeys([NONSENSE, *names], SILENT)
    users = FakeUsers(FakeClock(), answers=answers, seconds=15.0)

    found = searching_of(users).search([inquiry(name) for name in names])

    assert {each.searchable for each in found} == {UNKNOWN}
    assert len({each.detail.partition(": ")[2] for each in found if each.detail}) == 1
    assert users.names() == [NONSENSE, "a0"]


def test_what_is_asked_once_shares_one_time() -> None:
    users = users_of({"badge": 0.0}, desk=SILENT)

    found = searching_of(users, timeout=0.0).search([inquiry("desk"), inquiry("badge")])

    assert [each.searchable for each in found] == [UNKNOWN, TRUE]
    assert users.renewals == []


def test_filters_that_cannot_be_believed_are_not_sent() -> None:
    users = users_of({"badge": 0.0})

    found = asked(users, "badge", belief=Belief(doubt="`userName pr` finds 0 of 9"))

    assert (found.searchable, found.detail) == (UNKNOWN, "badge: `userName pr` finds 0 of 9")
    assert users.log == []
    assert users.clock.slept == []


def test_a_service_that_takes_what_does_not_exist_proves_nothing() -> None:
    users = users_of({NONSENSE: 0.0, "badge": 0.0})

    found = asked(users, "badge")

    assert found.searchable is UNKNOWN
    assert found.detail == (
        "badge: the service takes a filter on what does not exist as well, so that it proves "
        "nothing"
    )
    assert users.clock.slept == []


def test_such_a_service_is_believed_where_a_holder_was_counted_or_a_refusal_ended() -> None:
    counted = asked(users_of({NONSENSE: 0.0, "badge": 0.0}), "badge", belief=Belief(proved=True))
    ended = asked(users_of({NONSENSE: 0.0, "badge": 2.0}), "badge")

    assert (counted.searchable, ended.searchable) == (TRUE, TRUE)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_service_without_users_or_filters_is_not_waited_for(status: int) -> None:
    users = users_of(badge=Presence(refused=status))

    found = asked(users, "badge")

    assert found.searchable is UNKNOWN
    assert found.detail == f"badge: the service refuses such a filter with HTTP {status}"
    assert users.clock.slept == []


def test_no_answer_is_not_known_and_not_waited_for() -> None:
    users = users_of(badge=SILENT)

    found = asked(users, "badge")

    assert found.searchable is UNKNOWN
    assert users.clock.slept == []


def test_a_lost_answer_after_a_refusal_changes_nothing() -> None:
    users = users_of(badge=REFUSED)
    users.clock.after = lambda: users.answers.update(badge=SILENT)

    found = asked(users, "badge")

    assert found.searchable is FALSE


@pytest.mark.parametrize("name", ["pin", "pin.digits", "token"])
def test_what_is_never_returned_is_asked_for_and_its_refusal_says_nothing(name: str) -> None:
    refused, taken = users_of(), users_of({name: 0.0})

    assert asked(refused, name).searchable is UNKNOWN
    assert refused.clock.slept == []
    assert asked(taken, name).searchable is TRUE


def test_a_signal_ends_the_wait_and_what_was_taken_stays_found() -> None:
    users = users_of({"badge": 0.0})
    users.clock.stop_after = 2

    found = asked(users, "badge", "desk")

    assert [(name, each.searchable) for name, each in found.found] == [
        ("badge", TRUE), ("desk", UNKNOWN),
    ]  # fmt: skip
    assert found.detail == "desk: the run was to end before it was known"


def test_after_a_signal_nothing_is_asked_for() -> None:
    users = users_of({"badge": 0.0})
    users.clock.stopped = True

    assert asked(users, "badge").searchable is UNKNOWN
    assert users.log == []


def test_a_store_that_fails_during_the_wait_ends_the_run() -> None:
    users = users_of()
    users.clock.after = lambda: users.clock.fail(StateError("the disk is full"))

    with pytest.raises(StateError):
        asked(users, "badge")


def test_a_slow_service_is_not_asked_again_after_the_timeout() -> None:
    users = users_of(badge=REFUSED)
    users.seconds = 20.0

    found = asked(users, "badge")

    assert (found.searchable, found.ms) == (FALSE, 40_000)
    assert users.names() == [NONSENSE, "badge"]


# What filters are worth


HR = SchemaExtension(
    name="hr",
    place=Place("hr.yaml"),
    schema=Schema.from_json({"id": PEOPLE, "attributes": [{"name": "grade"}, {"name": "level"}]}),
)


def believed(service: PeopleService) -> Belief:
    with world(service) as made:
        return belief_of(HttpUserReader(made.reader._access), "User", [HR])


def staff(number: int, **lies: Any) -> PeopleService:
    """Every third holds a grade, nobody a level."""
    return PeopleService(
        people=users(number, lambda n: {"grade": "c4n4ry"} if n % 3 == 0 else None), **lies
    )


@pytest.mark.parametrize("lies", [{}, {"knows_names": frozenset({"grade"})}], ids=str)
def test_filters_that_count_a_known_holder_are_proved(lies: dict[str, Any]) -> None:
    assert believed(staff(30, **lies)) == Belief(proved=True)


def test_without_a_holder_or_a_user_nothing_is_proved_and_nothing_speaks_against_it() -> None:
    assert believed(PeopleService(people=users(30, lambda _: None))) == Belief()
    assert believed(PeopleService(people=[])) == Belief()


@pytest.mark.parametrize(
    "lies",
    [
        {"ignores_filters": True},
        {"refuses_filters": 400},
        {"refuses_filters": 501},
        {"urn_filters": False},
        {"urn_filters": 400},
        {"slice_totals": True, "most": 5},
        {"without_totals": True},
        {"refuses_count": 403},
        {"endpoint": "People"},
    ],
    ids=str,
)
def test_filters_that_lie_are_doubted_and_no_value_is_said(lies: dict[str, Any]) -> None:
    found = believed(staff(30, **lies))

    assert found.doubt
    assert not found.proved
    assert "c4n4ry" not in found.doubt
