"""Searches for users: what `pr` counts, what a projection shows, and which filters are none."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.domain.jsontext import Json
from reconciler.embedded.store import open_embedded_store
from tests.support.embedded_client import HR, USER, Client, TestClock, extension

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ATTRIBUTES: list[Json] = [
    {"name": "code"},
    {"name": "flag", "type": "boolean"},
    {"name": "level", "type": "integer"},
    {"name": "since", "type": "dateTime"},
    {"name": "tags", "multiValued": True},
    {
        "name": "one",
        "type": "complex",
        "subAttributes": [{"name": "x"}, {"name": "y", "type": "boolean"}],
    },
    {
        "name": "many",
        "type": "complex",
        "multiValued": True,
        "subAttributes": [{"name": "value"}, {"name": "level", "type": "integer"}],
    },
    {"name": "shown", "returned": "always"},
    {"name": "hidden", "returned": "never"},
    {"name": "asked", "returned": "request"},
]
USERS: dict[str, dict[str, Json]] = {
    "ann": {
        "code": "A", "flag": False, "level": 0, "since": "2026-01-01T00:00:00Z", "tags": ["x", ""],
        "one": {"x": "1", "y": False}, "many": [{"value": "v", "level": 0}, {"value": "w"}],
        "shown": "s", "hidden": "h", "asked": "a",
    },
    "bob": {"code": "", "tags": [""], "one": {"y": False}, "many": [{"value": "v"}]},
    "cid": {"many": [{}], "one": {}, "tags": []},
    "dan": {"one": {"x": ""}, "level": 7},
    "eve": {},
}  # fmt: skip


@pytest.fixture
def people(client: Client, clock: TestClock) -> Client:
    created = client.send("POST", "/Schemas", extension(attributes=ATTRIBUTES))
    assert created.status_code == 201, created.text
    clock.advance(60)
    for name, values in USERS.items():
        extended = {"schemas": [USER, HR], HR: values} if values else {"schemas": [USER]}
        answer = client.send("POST", "/Users", {"userName": name, **extended})
        assert answer.status_code == 201, answer.text
    return client


def found(client: Client, wanted: str) -> list[str]:
    """The names that a filter finds: by GET, by POST and counted alone."""
    got = client.send("GET", "/Users", params={"filter": wanted})
    assert got.status_code == 200, got.text
    names = sorted(user["userName"] for user in got.json()["Resources"])
    posted = client.send("POST", "/Users/.search", {"schemas": [SEARCH], "filter": wanted})
    counted = client.send("GET", "/Users", params={"filter": wanted, "count": 0}).json()
    assert sorted(user["userName"] for user in posted.json()["Resources"]) == names
    assert (counted["totalResults"], counted["Resources"]) == (len(names), [])
    return names


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("code", ["ann"]),
        ("flag", ["ann"]),
        ("level", ["ann", "dan"]),
        ("tags", ["ann"]),
        ("one", ["ann", "bob"]),
        ("one.x", ["ann"]),
        ("one.y", ["ann", "bob"]),
        ("many", ["ann", "bob"]),
        ("many.value", ["ann", "bob"]),
        ("many.level", ["ann"]),
        ("hidden", ["ann"]),
        ("asked", ["ann"]),
    ],
)
def test_present_is_what_holds_a_value_that_is_not_empty(
    people: Client, path: str, names: list[str]
) -> None:
    assert found(people, f"{HR}:{path} pr") == names
    assert found(people, f"{HR.upper()}:{path.upper()} pr") == names
    assert found(people, f"not ({HR}:{path} pr)") == sorted({*USERS} - {*names})


@pytest.mark.parametrize("path", ["userName", "id", "schemas", "meta.created", f"{USER}:userName"])
def test_what_everybody_has_is_present_for_all(people: Client, path: str) -> None:
    assert found(people, f"{path} pr") == sorted(USERS)


def test_groups_are_present_for_their_members(people: Client) -> None:
    ann = people.send("GET", "/Users", params={"filter": 'userName eq "ann"'}).json()
    member = {"value": ann["Resources"][0]["id"]}
    group = {"schemas": [GROUP], "displayName": "all", "members": [member]}
    assert people.send("POST", "/Groups", group).status_code == 201

    assert found(people, "groups pr") == found(people, "groups.value pr") == ["ann"]


@pytest.mark.parametrize("seconds", [0, 60])
def test_values_that_no_longer_fit_their_schema_are_neither_shown_nor_present(
    people: Client, clock: TestClock, seconds: int
) -> None:
    clock.advance(seconds)
    changed = extension(attributes=[{"name": "code", "type": "integer"}, {"name": "shown"}])
    assert people.send("PUT", f"/Schemas/{HR}", changed).status_code == 200

    shown = people.send("GET", "/Users", params={"attributes": HR}).json()["Resources"]

    assert not any(HR in user for user in shown)
    assert found(people, f"{HR}:shown pr") == []


WHOLE = {
    "code": "A", "flag": False, "level": 0, "since": "2026-01-01T00:00:00Z", "tags": ["x", ""],
    "one": {"x": "1", "y": False}, "many": [{"value": "v", "level": 0}, {"value": "w"}],
    "shown": "s",
}  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "core", "extended"),
    [
        ({"attributes": "id"}, set(), {"shown": "s"}),
        ({"attributes": f"id,{HR}"}, set(), WHOLE),
        ({"attributes": f" ID , {HR.lower()} ,"}, set(), WHOLE),
        ({"attributes": f"{HR}:code,userName"}, {"userName"}, {"shown": "s", "code": "A"}),
        ({"attributes": f"{HR}:one.x"}, set(), {"shown": "s", "one": {"x": "1"}}),
        ({"attributes": f"{HR}:many.level"}, set(), {"shown": "s", "many": [{"level": 0}]}),
        ({"attributes": f"{HR}:asked"}, set(), {"shown": "s", "asked": "a"}),
        ({"attributes": f"{HR}:hidden"}, set(), {"shown": "s"}),
        ({"attributes": "nothing"}, set(), {"shown": "s"}),
        ({"attributes": ","}, {"userName", "meta"}, WHOLE),
        ({"excludedAttributes": HR}, {"userName", "meta"}, {"shown": "s"}),
        ({"excludedAttributes": f"meta,{HR}:shown,id"}, {"userName"}, WHOLE),
        (
            {"excludedAttributes": f"{HR}:many.level,{HR}:one"},
            {"userName", "meta"},
            {**WHOLE, "one": None, "many": [{"value": "v"}, {"value": "w"}]},
        ),
    ],
)
def test_a_projection_shows_what_was_asked_for_and_what_is_always_shown(
    people: Client, parameters: dict[str, str], core: set[str], extended: dict[str, Any]
) -> None:
    query = {"filter": 'userName eq "ann"', **parameters}
    [listed] = people.send("GET", "/Users", params=query).json()["Resources"]
    body: dict[str, Json] = {"schemas": [SEARCH], "FILTER": 'userName eq "ann"'}
    body |= {name.upper(): [text] for name, text in parameters.items()}
    [posted] = people.send("POST", "/Users/.search", body).json()["Resources"]
    read = people.send("GET", f"/Users/{listed['id']}", params=parameters).json()

    assert listed == posted == read
    assert listed.keys() - {"schemas", "id", HR} == core
    assert listed[HR] == {name: value for name, value in extended.items() if value is not None}
    assert listed["schemas"] == [USER, HR]


def test_a_user_without_the_extension_shows_none_of_it(people: Client) -> None:
    query = {"filter": 'userName eq "eve"', "attributes": f"id,{HR}"}

    [listed] = people.send("GET", "/Users", params=query).json()["Resources"]

    assert (listed.keys(), listed["schemas"]) == ({"schemas", "id"}, [USER])


def test_attributes_are_chosen_in_one_way_at_a_time(people: Client) -> None:
    both = {"attributes": "id", "excludedAttributes": "userName"}
    answers = [
        people.send("GET", "/Users", params=both),
        people.send("GET", "/Users/none", params=both),
        people.send("POST", "/.search", {"schemas": [SEARCH], **{n: [v] for n, v in both.items()}}),
    ]

    for answer in answers:
        assert answer.status_code == 400
        detail = "attributes and excludedAttributes cannot both be given"
        assert answer.json()["detail"] == detail


@pytest.mark.parametrize(
    ("comparison", "path"),
    [
        ('active eq "true"', "active"),
        ("active eq 1", "active"),
        (f'{HR}:flag ne "false"', f"{HR}:flag"),
        (f'{HR}:level eq "3"', f"{HR}:level"),
        (f"{HR}:level eq true", f"{HR}:level"),
        (f"{HR}:level eq 3.0", f"{HR}:level"),
        (f'{HR}:since gt "2026"', f"{HR}:since"),
        (f'{HR}:since gt "2026-01-01T00:00:00"', f"{HR}:since"),
        (f"{HR}:since gt 1767225600", f"{HR}:since"),
        ('meta.created gt "2026-01-01"', "meta.created"),
        (f'{HR}:many[level eq "3"]', f"{HR}:many.level"),
        ('emails[primary eq "true"]', "emails.primary"),
        ("userName pr and (emails.primary eq 1 or title pr)", "emails.primary"),
        ("not (active eq 0)", "active"),
    ],
)
def test_a_filter_compares_with_values_of_the_attributes_type(
    people: Client, comparison: str, path: str
) -> None:
    answers = [
        people.send("GET", "/Users", params={"filter": comparison}),
        people.send("POST", "/.search", {"schemas": [SEARCH], "filter": comparison}),
    ]

    for answer in answers:
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")
        assert answer.json()["detail"].startswith(f"filter: {path}: ")


def test_the_filter_of_a_patch_is_held_to_types_too(people: Client) -> None:
    ann = people.send("GET", "/Users", params={"filter": 'userName eq "ann"'}).json()
    path = f"/Users/{ann['Resources'][0]['id']}"

    def removed(selection: str) -> dict[str, Any]:
        operation = {"op": "remove", "path": f"{HR}:many[{selection}].value"}
        body: Json = {"schemas": [PATCH], "Operations": [operation]}
        answer: dict[str, Any] = people.send("PATCH", path, body).json()
        return answer

    assert removed('level eq "0"')["scimType"] == "invalidFilter"
    assert removed("level eq 0")[HR]["many"] == [{"level": 0}, {"value": "w"}]


@pytest.mark.parametrize(
    ("comparison", "names"),
    [
        (f"{HR}:level eq 7", ["dan"]),
        (f"{HR}:level ge 0", ["ann", "dan"]),
        (f"{HR}:flag eq false", ["ann"]),
        (f'{HR}:since eq "2026-01-01T01:00:00+01:00"', ["ann"]),
        (f"{HR}:flag eq null and {HR}:level pr", ["dan"]),
        (f'{HR}:many eq "w"', ["ann"]),
        (f"{HR}:many[level eq 0]", ["ann"]),
    ],
)
def test_a_filter_finds_by_values_of_the_type(
    people: Client, comparison: str, names: list[str]
) -> None:
    assert found(people, comparison) == names


@pytest.mark.parametrize("number", ["1e3", " 1", "1_0", "\uff11", "", "+1", "1.0", "many"])
@pytest.mark.parametrize("name", ["count", "startIndex"])
def test_a_page_of_users_is_asked_by_whole_numbers(people: Client, name: str, number: str) -> None:
    answer = people.send("GET", "/Users", params={name: number})

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert answer.json()["detail"] == f"{name}: a whole number is needed"


@pytest.mark.parametrize("path", ["nothing", "", f"{HR}:nothing", HR.lower() + ":one.z", "emails["])
def test_an_order_is_by_an_attribute_that_is_there(people: Client, path: str) -> None:
    answer = people.send("GET", "/Users", params={"sortBy": path})

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidPath")
    assert answer.json()["detail"] == "sortBy: no schema has such an attribute"


def test_what_a_user_held_is_forgotten_without_a_look_at_all_others(tmp_path: Path) -> None:
    with open_embedded_store(tmp_path, "many") as store, store.transaction() as db:
        steps = db.execute(
            "EXPLAIN QUERY PLAN DELETE FROM unique_values WHERE type = 'user' AND id = 'x'"
        ).fetchall()

    assert [step[-1] for step in steps] == [
        "SEARCH unique_values USING INDEX unique_values_of (type=? AND id=?)"
    ]
