"""Users as a strict service takes them: types as they are, null absent, PATCH in any form."""

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.domain.dialect import UpdateStrategy
from reconciler.domain.jsontext import Json
from reconciler.embedded import DevTenantSetup
from reconciler.embedded.schemas_endpoint import PLAIN
from tests.support.embedded_client import HR, USER, Client, TestClock, extension, running

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
VALUES = {
    "text": "string",
    "yes": "boolean",
    "whole": "integer",
    "real": "decimal",
    "moment": "dateTime",
    "data": "binary",
    "link": "reference",
}
WRONG: list[tuple[str, Json]] = [
    ("text", 1), ("text", True), ("text", []), ("text", {"value": "x"}),
    ("yes", "true"), ("yes", "yes"), ("yes", 1), ("yes", 0),
    ("whole", True), ("whole", "7"), ("whole", 7.0), ("whole", 7.5), ("whole", [7]),
    ("real", True), ("real", "1.5"),
    ("moment", 12), ("moment", "-12.12"), ("moment", "2016-03-01"), ("moment", "2016-03-01T12:22"),
    ("moment", "2016-03-01T12:22:00"), ("moment", "2016-02-30T12:22:00Z"),
    ("moment", "2016-03-01 12:22:00Z"), ("moment", "20160301T122200Z"),
    ("whole", 2**63), ("whole", -(2**63) - 1), ("whole", 1e3), ("real", 10**400),
    ("data", "not base64"), ("data", 7), ("data", "YQ"), ("data", "-_-_"), ("data", "YR=="),
    ("link", 7), ("link", ""), ("link", "not a uri"), ("link", "http://["), ("link", "a%2"),
    ("page", "a/b"), ("page", "/a"),
]  # fmt: skip
RIGHT: list[tuple[str, Json]] = [
    ("text", ""), ("yes", False), ("whole", -7), ("whole", 2**62), ("real", 7), ("real", 1.5),
    ("moment", "2016-03-01T12:22:00Z"), ("moment", "2016-03-01T12:22:00.123+05:30"),
    ("data", "YWI="), ("data", "+/+/"), ("link", "https://example.com/a"),
    ("link", "../Users/1"), ("link", "urn:example:a"), ("page", "https://example.com/ä?b#c"),
]  # fmt: skip


def document(name: str, /, **values: Json) -> dict[str, Json]:
    return {"schemas": [USER], "userName": name, **values}


def change(*operations: Json) -> dict[str, Json]:
    return {"schemas": [PATCH], "Operations": list(operations)}


@pytest.fixture
def typed(client: Client) -> Client:
    """A tenant with an extension that has an attribute of each type."""
    attributes: list[Json] = [{"name": name, "type": kind} for name, kind in VALUES.items()]
    parts: list[Json] = [{"name": "value"}, {"name": "level", "type": "integer"}]
    attributes += [
        {"name": "badges", "type": "complex", "multiValued": True, "subAttributes": parts},
        {"name": "tags", "multiValued": True},
        {"name": "page", "type": "reference", "referenceTypes": ["external"]},
    ]
    created = client.send("POST", "/Schemas", extension(attributes=attributes))
    assert created.status_code == 201, created.text
    return client


def added(client: Client, name: str = "ann", /, **values: Json) -> str:
    created = client.send("POST", "/Users", document(name, **values))
    assert created.status_code == 201, created.text
    return f"/Users/{created.json()['id']}"


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_of_another_type_is_refused_however_it_is_written(
    typed: Client, name: str, value: Json
) -> None:
    path = added(typed)
    extended = document("bob", schemas=[USER, HR], **{HR: {name: value}})
    written = [
        typed.send("POST", "/Users", extended),
        typed.send("PUT", path, extended),
        *(
            typed.send("PATCH", path, change({"op": "replace", **operation}))
            for operation in (
                {"path": f"{HR}:{name}", "value": value},
                {"path": HR, "value": {name: value}},
                {"value": {HR: {name: value}}},
                {"value": {f"{HR}:{name}": value}},
            )
        ),
    ]

    assert [answer.status_code for answer in written] == [400] * 6
    for answer in written:
        assert f"{HR}:{name}: " in answer.json()["detail"]
        assert answer.json()["scimType"] == "invalidValue"
    assert typed.send("GET", path).json().keys() == {"schemas", "id", "meta", "userName"}


@pytest.mark.parametrize(("name", "value"), RIGHT)
def test_a_value_of_the_type_is_taken(typed: Client, name: str, value: Json) -> None:
    path = added(typed)
    written = [
        typed.send("POST", "/Users", document("bob", schemas=[USER, HR], **{HR: {name: value}})),
        typed.send("PATCH", path, change({"op": "add", "path": f"{HR}:{name}", "value": value})),
    ]

    assert [answer.status_code for answer in written] == [201, 200]


@pytest.mark.parametrize(
    "values",
    [
        {"active": "true"},
        {"emails": {"value": "a@example.com"}},
        {"emails": [{"value": "a@example.com", "primary": "true"}]},
        {"emails": ["a@example.com"]},
        {"name": "Ann"},
        {"name": {"givenName": 7}},
        {"nickname": "a", "nickName": "b"},
        {"favouriteColour": "blue"},
        {"name": {"favouriteColour": "blue"}},
        {ENTERPRISE: "sales"},
        {ENTERPRISE: {"manager": "4711"}},
    ],
)
def test_core_attributes_are_held_to_their_types_too(
    client: Client, values: dict[str, Json]
) -> None:
    answer = client.send("POST", "/Users", document("ann", **values))

    assert answer.status_code == 400
    assert client.send("GET", "/Users").json()["totalResults"] == 0


@pytest.mark.parametrize(
    "address",
    [
        "ann@example.test", "ann@host.local", "ann@localhost", "ann.b+c@sub.example.com",
        "Ann@Example.COM", "ann@m\u00fcnchen.de", "a'b@x-y.example", "a@b",
    ],
)  # fmt: skip
def test_an_email_address_may_be_of_any_domain_and_stays_as_it_was_sent(
    client: Client, address: str
) -> None:
    path = added(client, emails=[{"value": address}])

    assert client.send("GET", path).json()["emails"] == [{"value": address}]


@pytest.mark.parametrize(
    "address",
    [
        "", "ann", "ann@", "@example.com", "a@@b", "a b@c.de", "a@b c", "a..b@c.de", ".a@c.de",
        "a@-b.de", "a@b-.de", "a@b..de", "<a@b.de>", "a@b.de,c@d.de", "a" * 65 + "@b.de",
        "a@" + "b." * 130 + "de",
    ],
)  # fmt: skip
def test_what_is_no_email_address_is_refused_in_our_words(client: Client, address: str) -> None:
    path = added(client)
    written = [
        client.send("POST", "/Users", document("bob", emails=[{"value": address}])),
        client.send("PUT", path, document("ann", emails=[{"value": address}])),
        client.send(
            "PATCH", path, change({"op": "add", "path": "emails", "value": [{"value": address}]})
        ),
    ]

    for answer in written:
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
        detail = "emails[0].value: an e-mail address is needed, not this string"
        assert answer.json()["detail"] == detail


@pytest.mark.parametrize("kind", ["/Users", "/Groups"])
@pytest.mark.parametrize(
    ("schemas", "members", "detail"),
    [
        ([], {HR: {"text": "x"}}, "schemas: {base} is not named"),
        (["{base}"], {HR: {"text": "x"}}, f"schemas: {HR} is not named"),
        (["{base}"], {HR.upper(): {"text": "x"}}, f"schemas: {HR} is not named"),
        (["{base}"], {HR: {}}, f"schemas: {HR} is not named"),
        ([HR], {HR: {"text": "x"}}, "schemas: {base} is not named"),
        (["{base}", "{base}"], {}, "schemas[1]: {base} is named twice"),
        (["{base}", "urn:x"], {}, "schemas[1]: no schema of this resource has this URN"),
        (["urn:x"], {}, "schemas[0]: no schema of this resource has this URN"),
    ],
)
def test_the_schemas_of_a_body_are_those_of_its_values(
    client: Client, kind: str, schemas: list[str], members: dict[str, Json], detail: str
) -> None:
    base = {"/Users": USER, "/Groups": GROUP}[kind]
    mine = HR if base == USER else HR.replace("User", "Group")

    def spelt(text: str) -> str:
        return text.replace("{base}", base).replace(HR, mine).replace(HR.upper(), mine.upper())

    client.send("POST", "/Schemas", extension(mine, attributes=[{"name": "text"}]))
    named: list[Json] = [spelt(each) for each in schemas]
    body = {"userName": "ann"} if base == USER else {"displayName": "all"}
    created = client.send("POST", kind, {**body, "schemas": [base]}).json()["id"]
    body = {"userName": "bob"} if base == USER else {"displayName": "all"}
    sent: dict[str, Json] = {
        **body, "schemas": named, **{spelt(name): value for name, value in members.items()}
    }  # fmt: skip
    for answer in (
        client.send("POST", kind, sent), client.send("PUT", f"{kind}/{created}", sent)
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidSyntax")
        assert answer.json()["detail"] == spelt(detail)


def test_a_schema_that_is_named_may_have_no_values_and_a_patch_names_it_itself(
    typed: Client,
) -> None:
    path = added(typed, schemas=[USER, HR], **{HR: None})

    answer = typed.send("PATCH", path, change({"op": "add", "path": f"{HR}:text", "value": "x"}))

    assert answer.json()["schemas"] == [USER, HR]


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({"userName": None}, "userName"),
        ({HR: {"level": 1}}, f"{HR}:code"),
        ({HR: {"code": "x", "parts": [{"value": "v"}, {}]}}, f"{HR}:parts[1].value"),
    ],
)
def test_a_required_value_that_is_missing_is_named(
    client: Client, values: dict[str, Json], missing: str
) -> None:
    parts: list[Json] = [{"name": "value", "required": True}]
    attributes: list[Json] = [
        {"name": "code", "required": True},
        {"name": "level", "type": "integer"},
        {"name": "parts", "type": "complex", "multiValued": True, "subAttributes": parts},
    ]
    client.send("POST", "/Schemas", extension(attributes=attributes))

    answer = client.send("POST", "/Users", document("ann", schemas=[USER, HR], **values))

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert answer.json()["detail"] == f"{missing}: a value is required"


@pytest.mark.parametrize("kind", ["/Users", "/Groups", "/Schemas"])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"schemas": [7]}'])
def test_a_body_that_is_wrong_is_400_also_where_nothing_is_to_be_changed(
    tmp_path: Path, clock: TestClock, kind: str, method: str, body: bytes
) -> None:
    updates = UpdateStrategy.PATCH if method == "PATCH" else UpdateStrategy.PUT
    setup = DevTenantSetup(dialect=replace(PLAIN, updates=updates))
    with running(tmp_path, clock, setup=setup) as client:
        address = f"{client.access.base_url}{kind}/none"
        answer = client.session.request(
            method, address, data=body, headers=client.headers, timeout=10
        )

    assert answer.status_code == 400


@pytest.mark.parametrize("kind", ["/Users", "/Groups"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "GET"])
def test_a_request_that_is_right_is_404_where_nothing_is(
    client: Client, kind: str, method: str
) -> None:
    whole: dict[str, dict[str, Json]] = {
        "/Users": document("ann"),
        "/Groups": {"schemas": [GROUP], "displayName": "all"},
    }
    operation = change({"op": "replace", "path": "displayName", "value": "x"})
    bodies: dict[str, Json] = {"PUT": whole[kind], "PATCH": operation}

    answer = client.send(method, f"{kind}/none", bodies.get(method), headers={"If-Match": 'W/"1"'})

    assert answer.status_code == 404


def test_null_and_what_only_the_service_writes_are_absent(typed: Client) -> None:
    sent = document(
        "ann",
        id=None,
        externalId=None,
        meta={"created": "never", "resourceType": "Robot"},
        groups=[{"value": "made up"}],
        emails=[{"value": "a@example.com", "type": None}, None],
        nothing=None,
    )

    created = typed.send("POST", "/Users", sent)

    assert created.status_code == 201, created.text
    assert created.json()["emails"] == [{"value": "a@example.com"}]
    assert created.json()["meta"]["resourceType"] == "User"
    assert not {"groups", "externalId", "nothing"} & created.json().keys()


def test_null_is_absent_in_a_patch_but_for_what_it_unassigns(typed: Client) -> None:
    path = added(typed, nickName="a", title="t")
    nulls = {"id": None, "externalId": None, "meta": None}

    answer = typed.send(
        "PATCH",
        path,
        {
            **change(
                {"op": "replace", "path": None, "value": {"nickName": None, **nulls}},
                {"op": "replace", "path": "title", "value": None},
                {"op": "add", "path": "displayName", "value": "Ann", **nulls},
            ),
            **nulls,
        },
    )

    assert answer.status_code == 200, answer.text
    assert answer.json()["displayName"] == "Ann"
    assert not {"nickName", "title"} & answer.json().keys()


def test_null_is_absent_in_a_search(typed: Client) -> None:
    added(typed)
    nulls = {"id": None, "attributes": None, "sortBy": None, "startIndex": None, "meta": None}

    for path in ("/Users/.search", "/.search"):
        found = typed.send("POST", path, {"schemas": [SEARCH], "filter": "userName pr", **nulls})
        assert (found.status_code, found.json()["totalResults"]) == (200, 1)
    wrong = typed.send("POST", "/Users/.search", {"schemas": [SEARCH], "count": "7"})
    assert wrong.status_code == 400


def test_a_manager_needs_no_reference(client: Client) -> None:
    boss = added(client, "boss").rpartition("/")[2]
    schemas = [USER, ENTERPRISE]

    path = added(client, schemas=schemas, **{ENTERPRISE: {"manager": {"value": boss}}})
    patched = client.send(
        "PATCH",
        path,
        change({"op": "replace", "path": f"{ENTERPRISE}:manager", "value": {"value": boss}}),
    )
    whole = client.send(
        "PATCH",
        path,
        change({"op": "add", "path": f"{ENTERPRISE}:manager.displayName", "value": "Boss"}),
    )

    assert client.send("GET", path).json()[ENTERPRISE] == {"manager": {"value": boss}}
    assert (patched.status_code, whole.status_code) == (200, 400)


@pytest.mark.parametrize("order", [1, -1])
def test_a_path_belongs_to_the_longest_urn_that_it_begins_with(client: Client, order: int) -> None:
    urns = ["urn:example:User", "urn:example:User:More"][::order]
    for urn in urns:
        kind = "integer" if urn.endswith("More") else "string"
        client.send("POST", "/Schemas", extension(urn, attributes=[{"name": "a", "type": kind}]))
    path = added(client)

    answers = [
        client.send("PATCH", path, change({"op": "add", "path": f"{urn}:a", "value": value}))
        for urn in ("urn:example:User", "urn:example:User:More")
        for value in ("1", 1)
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 400, 200]


@pytest.mark.parametrize("spelt", [" {}:whole", "{}:whole ", "{}:whole[]", "{}.whole", "{}:whole."])
def test_a_path_that_is_spelt_in_another_way_is_no_way_around_the_types(
    typed: Client, spelt: str
) -> None:
    operation = {"op": "add", "path": spelt.format(HR), "value": "7"}

    assert typed.send("PATCH", added(typed), change(operation)).status_code == 400


def test_an_extension_may_name_its_schema_within(typed: Client) -> None:
    values = {"schemas": [HR], "text": "x"}
    path = added(typed, schemas=[USER, HR], **{HR: values})

    answer = typed.send(
        "PATCH", path, change({"op": "replace", "path": HR, "value": {**values, "text": "y"}})
    )

    assert (answer.status_code, answer.json()[HR]) == (200, {"text": "y"})


@pytest.mark.parametrize("nothing", [None, "", [], {}, [None], [{}]])
def test_a_remove_with_an_empty_value_removes_the_attribute(typed: Client, nothing: Json) -> None:
    path = added(typed, emails=[{"value": "a@example.com"}], nickName="a")

    answer = typed.send("PATCH", path, change({"op": "remove", "path": "emails", "value": nothing}))

    assert (answer.status_code, "emails" in answer.json()) == (200, False)


def test_a_remove_with_values_removes_those_alone(typed: Client) -> None:
    path = added(
        typed, emails=[{"value": "a@example.com"}, {"value": "b@example.com"}], nickName="a"
    )
    of_many = {"op": "remove", "path": "emails", "value": [{"value": "a@example.com"}]}
    of_one = {"op": "Remove", "path": "nickName", "value": "whatever it is"}

    answer = typed.send("PATCH", path, change(of_many, of_one))

    assert answer.status_code == 200, answer.text
    assert answer.json()["emails"] == [{"value": "b@example.com"}]
    assert "nickName" not in answer.json()
    unclear = typed.send("PATCH", path, change({**of_many, "value": "b@example.com"}))
    assert unclear.status_code == 400
    filtered = {"op": "remove", "path": 'emails[value sw "b"]', "value": [{"value": "other"}]}
    assert "emails" not in typed.send("PATCH", path, change(filtered)).json()


def test_a_value_that_a_filter_selects_may_come_in_an_array_of_one(typed: Client) -> None:
    path = added(typed, emails=[{"value": "a@example.com", "type": "home"}])
    new = {"value": "b@example.com", "type": "home"}

    answer = typed.send(
        "PATCH", path, change({"op": "replace", "path": 'emails[type eq "home"]', "value": [new]})
    )

    assert (answer.status_code, answer.json()["emails"]) == (200, [new])


@pytest.mark.parametrize(
    "body",
    [
        [], "text", {}, {"schemas": [PATCH]}, change(), change("add"), change({}),
        change({"op": 7, "path": "title"}), change({"op": "move", "path": "title"}),
        change({"op": "add", "path": 7, "value": "x"}), change({"op": "add", "path": "title"}),
        change({"op": "add", "path": "title", "value": None}),
        change({"op": "remove"}), change({"op": "add", "value": "x"}),
        change({"op": "add", "path": "nothing", "value": "x"}),
        change({"op": "add", "path": "name.nothing", "value": "x"}),
        change({"op": "add", "path": "emails[", "value": "x"}),
        change({"op": "add", "value": {"nothing": "x"}}),
        change({"op": "replace", "path": 'emails[type eq "none"]', "value": {"value": "x"}}),
        change({"op": "replace", "path": "id", "value": "x"}),
        {**change({"op": "remove", "path": "title"}), "extra": 1},
    ],
)  # fmt: skip
def test_a_patch_that_is_none_is_400_without_the_text_of_a_library(
    client: Client, body: Json
) -> None:
    answer = client.send("PATCH", added(client), body)

    assert answer.status_code == 400, answer.text
    assert not foreign(answer.json()["detail"])


def foreign(detail: str) -> bool:
    """True where a text is not ours: a capital, a full stop, an address or a word of theirs."""
    theirs = ("pydantic", "http", "Input", "Extra", "Field", "permitted", "model")
    text = detail.rpartition(": ")[2]
    return text[:1].isupper() or detail.endswith(".") or any(word in detail for word in theirs)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/Users", []),
        ("POST", "/Users", {}),
        ("POST", "/Users", {"schemas": [USER]}),
        ("POST", "/Users", {"schemas": ["urn:example:none"], "userName": "x"}),
        ("POST", "/Users", {"schemas": [USER], "userName": "TAKEN"}),
        ("POST", "/Users", document("x", emails=[{"primary": True}, {"primary": True}])),
        ("POST", "/Groups", {"schemas": [GROUP]}),
        ("POST", "/Users/.search", {"schemas": [SEARCH], "filter": "userName eq"}),
        ("POST", "/Users/.search", {"schemas": [SEARCH], "sortOrder": "up", "sortBy": "userName"}),
        ("POST", "/Users/.search", {"schemas": [SEARCH], "unknown": 1}),
        ("GET", "/Users?filter=nothing%20eq%201", None),
        ("GET", "/Users?count=many", None),
        ("GET", "/Users?attributes=a&excludedAttributes=b", None),
        ("GET", "/ResourceTypes?filter=a", None),
        ("GET", "/ResourceTypes/None", None),
        ("GET", "/Users/none", None),
        ("GET", "/None", None),
        ("GET", "/Me", None),
        ("DELETE", "/Users", None),
        ("POST", "/Bulk", {}),
    ],
)
def test_no_refusal_has_the_text_of_a_library(
    client: Client, method: str, path: str, body: Json
) -> None:
    added(client, "taken")

    answer = client.send(method, path, body)

    assert 400 <= answer.status_code <= 501
    assert answer.json()["status"] == str(answer.status_code)
    assert not foreign(answer.json()["detail"]), answer.text
