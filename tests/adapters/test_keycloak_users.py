"""KeycloakUserReader: every user once though others come and go, and nothing but what is asked."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.gateway.reader import ReadDeadline
from reconciler.adapters.keycloak.users import KeycloakUserReader
from reconciler.adopted import TenantSubject
from reconciler.counting import HolderCount
from reconciler.domain.adoption import Count, CountableSchema, CountMethod, Declaration
from reconciler.domain.calibration import Presence
from reconciler.domain.deciding import LiveTenant
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Retired, SchemaExtension
from reconciler.domain.measures import Risk, measures_of
from reconciler.domain.problem import Place
from reconciler.domain.scim import Schema
from reconciler.domain.selection import Selection
from reconciler.errors import AnswerUnreadable, PermissionRefused, TenantError, TenantRefused
from reconciler.measuring import Concerned, Impacts, Measuring
from tests.support.fakes import DIALECT, FakeClock, tenant
from tests.support.faultserver import Received, Script, json_reply, reply
from tests.support.gateway_world import world
from tests.support.keycloak_realm import ADMIN, HR, RealmService, profiled
from tests.support.store_world import opened

CANARY = "c4n4ry-v4lue"
SMALL = replace(DIALECT, page_size=10)


@contextmanager
def reader(
    service: RealmService, *, deadline: float = math.inf, clock: FakeClock | None = None
) -> Iterator[KeycloakUserReader]:
    with world(service, dialect=SMALL, base=ADMIN, clock=clock) as known:
        ends = ReadDeadline.after(deadline, known.clock, option="--count-deadline")
        yield KeycloakUserReader(known.reader._access, HR, deadline=ends)


def realm(number: int, **members: Any) -> RealmService:
    """That many users, every other one of whom holds a code."""
    people = [{"code": [f"{n}"]} if n % 2 else {} for n in range(number)]
    return RealmService(profile=[profiled("code")], people=list(people), **members)


def ids(found: KeycloakUserReader, start: int = 1) -> list[str]:
    return [
        user["id"] for page in found.pages("User", [HR], start=start) for user in page.resources
    ]


def everybody(number: int) -> list[str]:
    return [f"u{n:05}" for n in range(number)]


@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 100])
def test_every_user_comes_once(number: int) -> None:
    service = realm(number)
    with reader(service) as found:
        assert found.total("User") == number
        assert ids(found) == everybody(number)

    assert len(service.queries) <= number // 10 + 1


def test_a_walk_goes_on_where_an_earlier_one_ended() -> None:
    with reader(realm(25)) as found:
        first = next(found.pages("User", [HR]))
        assert first.next_start == 11

        assert len(ids(found, start=11)) == 15
        assert ids(found, start=26) == []


def test_nobody_is_missed_where_users_before_go_while_pages_are_read() -> None:
    service = realm(60)
    with reader(service) as found:
        pages = found.pages("User", [HR])
        seen = [user["id"] for user in next(pages).resources]
        del service.people[2:9]
        seen += [user["id"] for page in pages for user in page.resources]

    assert seen == everybody(60)


def test_nobody_comes_twice_where_users_are_added_while_pages_are_read() -> None:
    service = realm(60)
    with reader(service) as found:
        pages = found.pages("User", [HR])
        seen = [user["id"] for user in next(pages).resources]
        service.people[:0] = [{} for _ in range(7)]
        rest = list(pages)
        seen += [user["id"] for page in rest for user in page.resources]

    assert len(set(seen)) == len(seen) == 60
    assert rest[-1].total == 67


def test_a_list_that_comes_in_another_order_each_time_is_not_read_for_ever() -> None:
    def shuffle(service: RealmService, request: Received) -> None:
        if request.path == f"{ADMIN}/users":
            service.people = service.people[20:] + service.people[:20]

    with reader(realm(50, before=shuffle)) as found:
        with pytest.raises(AnswerUnreadable, match="another order"):
            ids(found)


def test_names_that_differ_by_case_alone_are_none_of_a_schema() -> None:
    profile = [profiled(name) for name in ("Dept", "dept", "code")]
    people = [{"Dept": ["1"], "dept": ["2"], "CODE": ["3"], "code": ["4"]}]
    with reader(RealmService(profile=profile, people=people, policy="ENABLED")) as found:
        [page] = found.pages("User", [HR])
        assert page.resources == [{"id": "u00000", HR: {"code": "4"}}]


def test_nothing_of_a_user_leaves_the_reader_but_what_is_requested() -> None:
    held = {"code": [CANARY], "desk": ["7"], "dotted.name": ["8"]}
    names = ("code", "desk", "dotted.name")
    service = RealmService(profile=[profiled(name) for name in names], people=[held])

    def shown(*attributes: str) -> Json:
        [page] = found.pages("User", attributes)
        [user] = page.resources
        return user

    with reader(service) as found:
        assert shown("id") == {"id": "u00000"}
        assert shown("id", f"{HR}:desk") == {"id": "u00000", HR: {"desk": "7"}}
        assert shown("id", HR) == {"id": "u00000", HR: {"code": CANARY, "desk": "7"}}
        assert shown() == shown("id", HR)


@pytest.mark.parametrize(
    ("values", "many", "shown"),
    [
        (["a"], False, "a"),
        (["a", "b"], False, ["a", "b"]),
        (["a"], True, ["a"]),
        ([""], True, []),
        ([""], False, []),
    ],
)
def test_a_value_is_a_list_where_the_profile_says_so_or_it_is_one(
    values: list[str], many: bool, shown: Json
) -> None:
    code = profiled("code") | {"multivalued": many}
    with reader(RealmService(profile=[code], people=[{"code": values}])) as found:
        [page] = found.pages("User", [HR])
        assert page.resources == [{"id": "u00000", HR: {"code": shown}}]


HIDDEN: Mapping[str, tuple[dict[str, Any], str | None]] = {
    "view": ({"permissions": {"view": ["admin"], "edit": []}}, None),
    "edit": ({"permissions": {"view": [], "edit": ["admin"]}}, None),
    "users alone": ({"permissions": {"view": ["user"], "edit": ["user"]}}, "permissions"),
    "nobody": ({"permissions": {}}, "permissions"),
}


@pytest.mark.parametrize(("members", "reason"), HIDDEN.values(), ids=HIDDEN)
def test_what_no_administrator_may_view_is_hidden(
    members: dict[str, Any], reason: str | None
) -> None:
    with reader(RealmService(profile=[profiled("code") | members])) as found:
        why = found.hidden("User", HR, "code")

    assert (why is None) == (reason is None)
    assert reason is None or reason in (why or "")


@pytest.mark.parametrize("policy", [None, "ENABLED", "ADMIN_VIEW", "ADMIN_EDIT"])
def test_what_the_profile_does_not_declare_is_hidden_without_a_policy(policy: str | None) -> None:
    with reader(RealmService(policy=policy)) as found:
        why = found.hidden("User", HR, "gone")

    assert (why is not None) == (policy is None)
    assert policy is not None or "unmanagedAttributePolicy" in (why or "")


def test_there_is_no_filter_to_count_with() -> None:
    with reader(realm(3)) as found:
        assert found.present("User", HR, "code") == Presence()
        assert found.own_schema("User") is None
        with pytest.raises(TenantRefused, match="no filter"):
            next(found.pages("User", [HR], holding=f"{HR}:code"))


def test_other_resources_than_users_are_refused() -> None:
    with reader(realm(3)) as found:
        for ask in (lambda: found.total("Group"), lambda: next(found.pages("Group", []))):
            with pytest.raises(TenantRefused, match="no other resources"):
                ask()
        assert found.hidden("Group", HR, "code") is None


@pytest.mark.parametrize("roles", [frozenset(), frozenset({"view-realm"})])
def test_a_client_that_may_not_list_users_learns_which_role_it_lacks(
    roles: frozenset[str],
) -> None:
    with reader(realm(3, roles=roles)) as found:
        with pytest.raises(PermissionRefused, match=r"403.*role view-users of realm-management"):
            found.total("User")


def test_a_client_that_may_count_users_and_see_none_learns_which_role_it_lacks() -> None:
    with reader(realm(3, roles=frozenset({"query-users"}))) as found:
        assert found.total("User") == 3
        with pytest.raises(TenantRefused, match=r"none of the 3 users is listed; .*view-users"):
            list(found.pages("User", [HR]))


UNREADABLE = {
    "no number": ("users/count", json_reply([CANARY])),
    "truth for a number": ("users/count", json_reply(value=True)),
    "no list": ("users", json_reply({"error": CANARY})),
    "a list of others": ("users", json_reply([CANARY])),
    "no JSON": ("users", reply(200, CANARY.encode())),
    "no profile": ("users/profile", json_reply({"attributes": CANARY})),
    "an error": ("users", json_reply({"errorMessage": CANARY}, 400)),
}


@pytest.mark.parametrize(("path", "answer"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_answer_is_an_error_that_quotes_nothing(path: str, answer: Script) -> None:
    def other(_: RealmService, request: Received) -> Script | None:
        return answer if request.path == f"{ADMIN}/{path}" else None

    with reader(realm(3, before=other)) as found:
        with pytest.raises(TenantError) as raised:
            list(found.pages("User", [HR]))

    assert isinstance(raised.value, AnswerUnreadable | TenantRefused)
    assert CANARY not in str(raised.value)


def test_a_profile_that_cannot_be_read_is_why_nothing_can_be_shown() -> None:
    def none(_: RealmService, request: Received) -> Script | None:
        return json_reply({}, 403) if request.path.endswith("/profile") else None

    with reader(realm(3, before=none)) as found:
        assert "403" in (found.hidden("User", HR, "code") or "")


def test_a_reader_is_renewed_with_all_of_its_time() -> None:
    clock = FakeClock()
    with reader(realm(3), deadline=5, clock=clock) as found:
        clock.seconds += 6
        with pytest.raises(TenantError, match="--count-deadline"):
            found.total("User")
        assert found.renewed().total("User") == 3


# ------------------------------------------------------------------ counted and measured

LIVE = Schema.from_json(
    {"id": HR, "name": "HR", "attributes": [{"name": n} for n in ("code", "secret", "never")]}
)


def counted(service: RealmService, path: Path, subject: CountableSchema) -> dict[str, Any]:
    """The holders of each attribute, or why they are not known."""
    with opened(path) as store, reader(service) as found:
        clock = FakeClock()
        count = HolderCount(tenant="acme", users=found, samples=store, clock=clock)
        hidden = subject.obstructed(lambda name: found.hidden("User", HR, name))
        figures = count.figures("User", [hidden]).figures
    assert {each.count.method for each in figures if each.count} <= {CountMethod.PAGES}
    return {
        each.countable.name: each.count.holders if each.count else each.unknown for each in figures
    }


def test_holders_are_counted_by_pages_and_what_is_hidden_is_unknown(tmp_path: Path) -> None:
    people: list[Mapping[str, Sequence[str]]] = [
        {"code": ["1"], "secret": ["2"]} if n % 3 == 0 else {} for n in range(35)
    ]
    hidden = profiled("secret") | {"permissions": {"view": ["user"], "edit": ["user"]}}
    service = RealmService(profile=[profiled("code"), hidden, profiled("never")], people=people)

    found = counted(service, tmp_path / "s", CountableSchema.of(LIVE, None))

    assert (found["code"], found["never"]) == (12, 0)
    assert "permissions" in found["secret"]
    assert len(service.queries) <= 3 + 35 // 10 + 1


def test_what_users_hold_beyond_the_profile_is_counted_where_it_is_shown(tmp_path: Path) -> None:
    people: list[Mapping[str, Sequence[str]]] = [{"code": ["1"], "gone": ["2"]}] * 3
    service = RealmService(profile=[profiled("code")], people=people, policy="ADMIN_VIEW")

    found = counted(service, tmp_path / "s", CountableSchema.of(LIVE, None))

    assert found["gone"] == 3


@pytest.mark.parametrize("policy", [None, "ADMIN_VIEW"])
def test_what_is_retired_and_no_longer_declared_is_unknown_where_nobody_sees_it(
    policy: str | None, tmp_path: Path
) -> None:
    extension = SchemaExtension(
        name="hr", place=Place(""), schema=LIVE, retired=(Retired(name="gone", type="string"),)
    )
    people: list[Mapping[str, Sequence[str]]] = [{"gone": ["2"]}] * 3
    service = RealmService(profile=[profiled("code")], people=people, policy=policy)

    found = counted(service, tmp_path / "s", CountableSchema.of(LIVE, extension))

    assert found["gone"] == 3 if policy else "unmanagedAttributePolicy is off" in found["gone"]


def impact(service: RealmService, **attributes: Any) -> tuple[Impacts, int]:
    """What writing these attributes over the live code would do, and how many pages that took."""
    live = {"name": "code", "canonicalValues": ["0", "1", "2", "3"]}
    there = Schema.from_json({"id": HR, "name": "HR", "attributes": [live]})
    wanted = Schema.from_json({"id": HR, "name": "HR", "attributes": [live | attributes]})
    extension = SchemaExtension(name="hr", place=Place(""), schema=wanted)
    concerned = Concerned(change="c", extension=extension, measures=measures_of(there, extension))
    with reader(service) as found:
        made = Measuring(lambda _: found, lambda: None).count(tenant(), [concerned])
    return made, len(service.queries)


def test_a_user_whose_value_is_no_option_any_more_is_counted() -> None:
    people: list[Mapping[str, Sequence[str]]] = [{"code": [f"{n % 4}"]} for n in range(40)]
    service = RealmService(profile=[profiled("code")], people=people)

    found, pages = impact(service, canonicalValues=["0", "1", "2"])

    [measured] = found.measured["c"]
    assert (measured.users, measured.of, measured.risk) == (10, 40, Risk.MANY)
    assert pages == 40 // 10 + 1


def test_users_are_walked_once_though_nobody_holds_a_value() -> None:
    service = RealmService(profile=[profiled("code")], people=[{} for _ in range(40)])

    found, pages = impact(service, canonicalValues=["0"])

    [measured] = found.measured["c"]
    assert (measured.users, measured.risk) == (0, Risk.NONE)
    assert pages == 40 // 10 + 1


def test_the_impact_on_what_no_administrator_may_view_is_unknown_and_says_why() -> None:
    hidden = profiled("code") | {"permissions": {"view": ["user"], "edit": ["user"]}}
    service = RealmService(profile=[hidden], people=[{"code": ["9"]}] * 3)

    found, _ = impact(service, canonicalValues=["0"])

    [measured] = found.measured["c"]
    assert (measured.users, measured.risk) == (None, Risk.UNKNOWN)
    [warning] = found.warnings
    assert "permissions" in warning


@pytest.mark.parametrize("number", [1000, 2000])
def test_a_count_grows_with_the_number_of_users_alone(number: int, tmp_path: Path) -> None:
    service = realm(number)

    assert counted(service, tmp_path / "s", CountableSchema.of(LIVE, None))["code"] == number // 2

    assert len(service.queries) <= number // 10 + 3


@pytest.mark.parametrize("policy", [None, "ADMIN_EDIT"])
def test_what_was_deployed_and_is_gone_from_the_profile_is_unknown_where_nobody_sees_it(
    policy: str | None, tmp_path: Path
) -> None:
    wanted = Schema.from_json(
        {"id": HR, "name": "HR", "attributes": [{"name": n} for n in ("code", "gone", "new")]}
    )
    there = Schema.from_json({"id": HR, "name": "HR", "attributes": [{"name": "code"}]})
    subject = TenantSubject(
        tenant=tenant(),
        extensions=(SchemaExtension(name="hr", place=Place(""), schema=wanted),),
        live=LiveTenant(schemas={there.key: there}),
        bindings=None,
        selection=Selection(),
    )
    service = RealmService(
        profile=[profiled("code")], people=[{"gone": ["1"]}, {"gone": ["2"]}], policy=policy
    )
    with opened(tmp_path / "s") as store, reader(service) as found:
        count = HolderCount(tenant="acme", users=found, samples=store, clock=FakeClock())
        countables = subject.by_type(count, {(there.key, "gone"): "2026-01-01T00:00:00Z"})
        figures = count.figures("User", countables["User"]).figures

    named = {each.countable.name: each for each in figures}
    assert named.keys() == {"code", "gone"}
    assert named["gone"].countable.declaration is Declaration.DECLARED
    if policy is None:
        assert "unmanagedAttributePolicy is off" in (named["gone"].unknown or "")
    else:
        assert named["gone"].count == Count(holders=2, total=2, method=CountMethod.PAGES)
