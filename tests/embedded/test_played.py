"""Every key of a dialect as the built-in tenant plays it, seen by the program and on the wire."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import requests

from reconciler.adapters.dialects import load_dialects
from reconciler.domain.body import create_body, patch_body
from reconciler.domain.dialect import Dialect, Transport
from reconciler.domain.diff import alterations
from reconciler.domain.jsontext import Json
from reconciler.domain.scim import Schema
from reconciler.embedded import DevTenantSetup
from tests.support.embedded_client import USER, Client, TestClock, extension, running
from tests.support.embedded_gateway import gateway
from tests.support.program import ROOT

SHIPPED = load_dialects()
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
URNS = [f"urn:example:2.0:User:Own{number}" for number in range(5)]
LISTS = [
    {"listShape": shape, "paging": paging, "pageSize": size}
    for shape, paging, size in product(
        ("list", "array", "map"), ("none", "index", "cursor"), (3, 100)
    )
    if shape == "list" or paging != "cursor"  # no other form has room for a cursor
]
ADDRESSES: list[dict[str, Json]] = [
    {"trailingSlash": slash, "idEncoding": encoding}
    for slash, encoding in product(("none", "lists", "all"), ("raw", "percent"))
]


def dialect(**capabilities: Json) -> Dialect:
    """The dialect rfc7644 with these keys."""
    return SHIPPED["rfc7644"].overridden(capabilities)


def own(urn: str, *attributes: Json, **members: Json) -> dict[str, Json]:
    return extension(urn, attributes=list(attributes) or [{"name": "code"}], **members)


@contextmanager
def tenant(folder: Path, played: Dialect, clock: TestClock | None = None) -> Iterator[Client]:
    with running(folder, clock or TestClock(), setup=DevTenantSetup(dialect=played)) as client:
        yield client


def drift(client: Client, urn: str, document: Json) -> None:
    """Have a schema there, whatever the service allows."""
    answer = client.session.put(f"{client.root}/_dev/schemas/{urn}", json=document, timeout=10)
    assert answer.status_code == 200, answer.text


def test_the_page_names_every_key_of_a_dialect() -> None:
    page = (ROOT / "docs/dev-tenant.md").read_text()
    keys = json.loads((ROOT / "reconciler/schemas/dialect.json").read_text())["properties"]

    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page, re.M)

    named = [key for row in rows for key in re.findall(r"`(\w+)`", row)]
    assert sorted(set(keys) - {"$schema"}) == sorted(set(named) & set(keys))


# -- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [*LISTS, *ADDRESSES], ids=str)
def test_the_program_reads_a_service_of_any_form(tmp_path: Path, keys: dict[str, Json]) -> None:
    played = dialect(**keys)
    with tenant(tmp_path, played) as client, gateway(client.access, played) as program:
        for urn in URNS:
            drift(client, urn, own(urn))
        live = program.read_all(URNS)
        one, none = program.read(URNS[0]), program.read("urn:example:2.0:User:None")

    assert sorted(live.schemas) == [urn.lower() for urn in URNS]
    assert len(live.ids) == 8
    assert live.warnings == ()
    assert (one is not None, none) == (True, None)


@pytest.mark.parametrize(
    "name", [name for name, shipped in SHIPPED.items() if shipped.transport is Transport.SCIM]
)
def test_the_program_finds_nothing_to_correct_in_a_dialect_that_ships(
    tmp_path: Path, name: str
) -> None:
    played = SHIPPED[name]
    with tenant(tmp_path, played) as client, gateway(client.access, played) as program:
        for urn in URNS:
            drift(client, urn, own(urn))
        live = program.read_all([*URNS, "urn:example:2.0:User:None"])
        bound = program.bindings()

    assert len(live.ids) == 8
    assert live.warnings == ()
    assert bound is not None
    assert {urn.lower() for urn in URNS} <= bound["User"]


@pytest.mark.parametrize(
    "keys", [{"listShape": "map"}, {"paging": "cursor", "pageSize": 1}], ids=str
)
def test_a_schema_is_listed_under_its_id_however_that_was_spelt(
    tmp_path: Path, keys: dict[str, Json]
) -> None:
    played, setup = dialect(**keys), DevTenantSetup(dialect=dialect(**keys), raw=True)
    with running(tmp_path, TestClock(), setup=setup) as client:
        document = {"ID": URNS[0], "NAME": "Own0", "ATTRIBUTES": [{"NAME": "code"}]}
        assert client.send("POST", "/Schemas", document).status_code == 201
        with gateway(client.access, played) as program:
            live = program.read_all(URNS[:1])

    assert (list(live.schemas), live.warnings) == ([URNS[0].lower()], ())


def test_a_single_schema_is_listed_as_itself(tmp_path: Path) -> None:
    played = dialect(listShape="single")
    with tenant(tmp_path, played) as client, gateway(client.access, played) as program:
        before = client.send("GET", "/Schemas").json()
        client.send("POST", "/Schemas", own(URNS[0]))
        after = client.send("GET", "/Schemas").json()
        live = program.read_all(URNS[:2])

    assert (before["id"], after["id"]) == (USER, URNS[0])
    assert list(live.schemas) == [URNS[0].lower()]


def test_a_cursor_leads_through_the_list_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    with tenant(tmp_path, dialect(paging="cursor", pageSize=2)) as client:
        pages = [client.send("GET", "/Schemas", params={"startIndex": 3}).json()]
        while cursor := pages[-1].get("nextCursor"):
            query = {"cursor": cursor, "count": 50}
            pages.append(client.send("GET", "/Schemas", params=query).json())
        wrong = [
            client.send("GET", "/Schemas", params={"cursor": text}) for text in ("x", "eA==", "é")
        ]
        nothing = client.send("GET", "/Schemas", params={"count": 0}).json()

    assert [len(page["Resources"]) for page in pages] == [2, 1]
    assert {page["totalResults"] for page in pages} == {3}
    assert not any("startIndex" in page for page in pages)
    assert {(each.status_code, each.json()["scimType"]) for each in wrong} == {
        (400, "invalidCursor")
    }
    assert (nothing["Resources"], "nextCursor" in nothing) == ([], False)


@pytest.mark.parametrize(
    ("query", "expected"),
    [({}, 2), ({"count": 100}, 2), ({"count": 1}, 1), ({"count": -1}, 0), ({"startIndex": 3}, 1)],
)
def test_a_page_holds_no_more_than_the_service_gives_at_once(
    tmp_path: Path, query: dict[str, int], expected: int
) -> None:
    with tenant(tmp_path, dialect(pageSize=2)) as client:
        page = client.send("GET", "/Schemas", params=query).json()

    assert (len(page["Resources"]), page["totalResults"]) == (expected, 3)


def test_a_service_without_pages_does_not_look_at_what_pages_are_asked(tmp_path: Path) -> None:
    with tenant(tmp_path, dialect(paging="none", pageSize=1)) as client:
        page = client.send("GET", "/Schemas", params={"startIndex": "x", "count": 1}).json()

    assert len(page["Resources"]) == 3


@pytest.mark.parametrize("number", ["x", "1.0", "1_0", "１", "", "+1", " 1"])
@pytest.mark.parametrize("name", ["startIndex", "count"])
def test_a_page_is_asked_by_whole_numbers(tmp_path: Path, name: str, number: str) -> None:
    with tenant(tmp_path, dialect()) as client:
        answer = client.send("GET", "/Schemas", params={name: number})

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")


# -- addresses and media types --------------------------------------------------------------------


def fetched(client: Client, path: str) -> requests.Response:
    return client.session.get(
        client.access.base_url + path, headers=client.headers, allow_redirects=False, timeout=10
    )


@pytest.mark.parametrize(
    ("slash", "path", "redirected"),
    [
        ("none", "/Schemas", False),
        ("lists", "/Schemas", True),
        ("lists", "/Schemas?count=1", True),
        ("lists", "/Users", True),
        ("lists", "/ResourceTypes", True),
        ("lists", "/Schemas/", False),
        ("lists", f"/Schemas/{USER}", False),
        ("all", f"/Schemas/{USER}", True),
        ("all", f"/Schemas/{USER}/", False),
        ("all", "/Users/", False),
    ],
)
def test_an_address_without_its_slash_is_redirected(
    tmp_path: Path, slash: str, path: str, redirected: bool
) -> None:
    with tenant(tmp_path, dialect(trailingSlash=slash)) as client:
        answer = fetched(client, path)
        followed = (
            fetched(client, answer.headers["Location"].removeprefix(client.access.base_url))
            if redirected
            else answer
        )

    assert (answer.status_code == 301) == redirected
    assert followed.status_code == 200


def test_a_service_may_know_urns_in_an_address_by_their_escapes_alone(tmp_path: Path) -> None:
    with tenant(tmp_path, dialect(idEncoding="percent")) as client:
        raw, escaped = (
            fetched(client, f"/Schemas/{urn}") for urn in (USER, USER.replace(":", "%3A"))
        )

    assert (raw.status_code, escaped.status_code) == (404, 200)


@pytest.mark.parametrize(
    ("wanted", "sent", "status"),
    [
        ("application/scim+json", "application/json", 201),
        ("application/scim+json", "application/scim+json; charset=utf-8", 201),
        ("application/scim+json", None, 201),
        ("application/scim+json", "text/plain", 415),
        ("application/json", "application/json;charset=utf-8", 201),
        ("application/json", "application/scim+json", 415),
        ("application/json", None, 201),
    ],
)
def test_a_body_is_of_the_media_type_that_the_service_takes(
    tmp_path: Path, wanted: str, sent: str | None, status: int
) -> None:
    user: Json = {"schemas": [USER], "userName": "ann"}
    with tenant(tmp_path, dialect(contentType=wanted)) as client:
        answers = [
            client.session.post(
                client.access.base_url + path,
                data=json.dumps(body).encode(),
                headers={**client.headers, **({"Content-Type": sent} if sent else {})},
                timeout=10,
            )
            for path, body in (("/Schemas", own(URNS[0])), ("/Users", user))
        ]

    assert [answer.status_code for answer in answers] == [status] * 2
    if status == 415:
        assert {answer.json()["detail"] for answer in answers} == {f"the body has to be {wanted}"}


# -- limits ---------------------------------------------------------------------------------------


def statuses(client: Client, number: int) -> list[int]:
    return [client.send("GET", "/Schemas").status_code for _ in range(number)]


def test_requests_beyond_those_of_a_minute_are_429_and_say_until_when(tmp_path: Path) -> None:
    clock = TestClock()
    with tenant(tmp_path, dialect(requestsPerMinute=10), clock) as client:
        first = statuses(client, 6)
        clock.advance(20)
        second = statuses(client, 5)
        refused = client.send("GET", "/Users")
        clock.advance(40)
        third = statuses(client, 7)

    assert first + second == [200] * 10 + [429]
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "40")
    assert third == [200] * 6 + [429]


def test_a_429_may_stand_for_a_time_that_it_does_not_say(tmp_path: Path) -> None:
    clock = TestClock()
    with tenant(tmp_path, dialect(requestsPerMinute=10, throttledWait=90), clock) as client:
        statuses(client, 10)
        refused = client.send("GET", "/Schemas")
        clock.advance(89)
        still = client.send("GET", "/Schemas")
        clock.advance(1)
        again = client.send("GET", "/Schemas")

    assert (refused.status_code, still.status_code, again.status_code) == (429, 429, 200)
    assert "Retry-After" not in refused.headers


def test_who_brings_no_token_uses_up_no_request(tmp_path: Path) -> None:
    with tenant(tmp_path, dialect(requestsPerMinute=10)) as client:
        for _ in range(20):
            client.raw("GET", "/scim/v2/Schemas")

        assert client.send("GET", "/Schemas").status_code == 200


def test_what_belongs_to_the_service_is_never_written_and_does_not_count(tmp_path: Path) -> None:
    theirs = "urn:example:theirs:User:One"
    played = dialect(protectedPrefixes=["urn:example:theirs:"], extensions=1)
    with tenant(tmp_path, played) as client:
        created = client.send("POST", "/Schemas", own(theirs))
        drift(client, theirs, own(theirs))
        changed = client.send("PUT", f"/Schemas/{theirs}", own(theirs, description="new"))
        mine = [client.send("POST", "/Schemas", own(urn)).status_code for urn in URNS[:2]]

    assert (created.status_code, changed.status_code) == (403, 403)
    assert mine == [201, 400]


# -- writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reads", [0, 1, 3])
def test_a_write_is_shown_by_the_last_of_the_reads_that_wait_for_it(
    tmp_path: Path, reads: int
) -> None:
    hidden = max(0, reads - 1)
    path = f"/Schemas/{URNS[0]}"
    with tenant(tmp_path, dialect(lagReads=reads)) as client:
        client.send("POST", "/Schemas", own(URNS[0]))
        total = client.send("GET", "/Schemas").json()["totalResults"]
        created = [client.send("GET", path).status_code for _ in range(hidden + 1)]
        client.send("PUT", path, own(URNS[0], description="new"))
        listed = client.send("GET", "/Schemas").json()["Resources"][-1]["description"]
        changed = [client.send("GET", path).json()["description"] for _ in range(hidden + 1)]

    old = extension()["description"]
    assert (total, listed) == ((3, old) if hidden else (4, "new"))
    assert created == [404] * hidden + [200]
    assert changed == [old] * hidden + ["new"]


FIRST: list[Json] = [
    {"name": "code", "idcsSearchable": True},
    {"name": "parts", "type": "complex", "subAttributes": [{"name": "value"}]},
]
CHANGED: list[Json] = [
    {"name": "CODE", "required": True, "caseExact": True, "description": "d"},
    {
        "name": "parts",
        "type": "complex",
        "subAttributes": [{"name": "value", "required": True}, {"name": "more", "required": True}],
    },
    {"name": "level", "type": "integer", "required": True},
]


def characteristics(schema: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    sought = ("required", "caseExact", "description", "idcsSearchable")
    code, parts, *new = schema["attributes"]
    every = [code, *parts["subAttributes"], *new]
    return {each["name"]: tuple(each.get(member) for member in sought) for each in every}


@pytest.mark.parametrize("updates", ["put", "patch"])
def test_a_change_that_the_service_ignores_is_taken_and_dropped(
    tmp_path: Path, updates: str
) -> None:
    played = dialect(updates=updates, ignored=["Required", "idcssearchable"])
    body: Json = own(URNS[0], *CHANGED)
    if updates == "patch":
        replace = {"op": "replace", "path": "attributes", "value": CHANGED}
        body = {"schemas": [PATCH], "Operations": [replace]}
    with tenant(tmp_path, played) as client:
        client.send("POST", "/Schemas", own(URNS[0], *FIRST))
        answer = client.send(updates.upper(), f"/Schemas/{URNS[0]}", body)
        live = client.send("GET", f"/Schemas/{URNS[0]}").json()

    assert answer.status_code == 200, answer.text
    assert characteristics(answer.json()) == characteristics(live)
    assert characteristics(live) == {
        "CODE": (False, True, "d", True),
        "value": (False, False, None, None),
        "more": (True, False, None, None),
        "level": (True, False, None, None),
    }


@pytest.mark.parametrize(
    ("immutable", "named"),
    [
        (["required"], "attribute CODE: required"),
        (["CASEEXACT"], "attribute CODE: caseExact"),
        (["idcsSearchable"], "attribute CODE: idcsSearchable"),
        (["type", "multiValued"], None),
    ],
)
def test_a_change_of_what_is_immutable_is_400(
    tmp_path: Path, immutable: list[Json], named: str | None
) -> None:
    with tenant(tmp_path, dialect(immutable=immutable)) as client:
        client.send("POST", "/Schemas", own(URNS[0], *FIRST))
        answer = client.send("PUT", f"/Schemas/{URNS[0]}", own(URNS[0], *CHANGED))

    assert answer.status_code == (400 if named else 200)
    if named:
        assert answer.json()["detail"] == f"{named} cannot be changed"
        assert answer.json()["scimType"] == "mutability"


@pytest.mark.parametrize("raw", [True, False])
def test_members_that_the_service_sets_are_its_own_whatever_was_sent(
    tmp_path: Path, raw: bool
) -> None:
    played = dialect(serverMembers=["idcsTarget"])
    document = {
        "ID": URNS[0],
        "Name": "Own0",
        "Attributes": [{"NAME": "code", "IDCSTARGET": "mine"}, {"name": "level"}],
    }
    setup = DevTenantSetup(dialect=played, raw=raw)
    with running(tmp_path, TestClock(), setup=setup) as client:
        created = client.send("POST", "/Schemas", document)
        live = client.send("GET", f"/Schemas/{URNS[0]}").json()

    assert created.status_code == 201
    attributes = live["Attributes" if raw else "attributes"]
    assert [each["idcsTarget"] for each in attributes] == [
        "idcsTarget of code", "idcsTarget of level"
    ]  # fmt: skip
    assert "IDCSTARGET" not in attributes[0]


@pytest.mark.parametrize("path", ["valuePath", "attrPath"])
def test_the_program_patches_in_the_form_that_the_service_takes(tmp_path: Path, path: str) -> None:
    other = {"valuePath": "attrPath", "attrPath": "valuePath"}[path]
    played = dialect(updates="patch", patchPath=path)
    desired = Schema.from_json(
        own(URNS[0], {"name": "code", "description": "d"}, {"name": "level"}, {"name": "kept"})
    )
    with tenant(tmp_path, played) as client, gateway(client.access, played) as program:
        client.send("POST", "/Schemas", own(URNS[0], {"name": "code"}, {"name": "kept"}))
        live = program.read(URNS[0])
        assert live is not None
        wrong = patch_body(live, desired, dialect(patchPath=other).patch_path)
        client.send("PATCH", f"/Schemas/{URNS[0]}", wrong)
        spoilt = program.read(URNS[0])
        drift(client, URNS[0], own(URNS[0], {"name": "code"}, {"name": "kept"}))
        live = program.read(URNS[0])
        assert live is not None
        result = program.patch(live, patch_body(live, desired, played.patch_path))
        after = program.read(URNS[0])

    assert spoilt is not None
    assert alterations(spoilt, desired) != ()
    assert after is not None, result.message
    assert alterations(after, desired) == ()


def test_by_the_rfc_attributes_are_all_of_them(tmp_path: Path) -> None:
    one: Json = {"op": "replace", "path": "attributes", "value": [{"name": "level"}]}
    twice: Json = {"op": "add", "path": "attributes", "value": [{"name": "LEVEL"}]}
    with tenant(tmp_path, dialect(updates="patch")) as client:
        client.send("POST", "/Schemas", own(URNS[0]))
        path = f"/Schemas/{URNS[0]}"
        replaced = client.send("PATCH", path, {"schemas": [PATCH], "Operations": [one]})
        refused = client.send("PATCH", path, {"schemas": [PATCH], "Operations": [twice]})

    assert [each["name"] for each in replaced.json()["attributes"]] == ["level"]
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("operation", "status", "scim_type"),
    [
        ({"op": "add", "path": "attributes", "value": [{"name": "CODE"}]}, 200, None),
        ({"op": "replace", "path": "attributes", "value": [{"name": "no"}]}, 400, "noTarget"),
        ({"op": "replace", "path": "description", "value": "new"}, 400, "invalidPath"),
        (
            {"op": "replace", "path": 'attributes[name eq "code"]', "value": {"name": "code"}},
            400,
            "invalidPath",
        ),
    ],
)
def test_a_service_that_finds_attributes_by_name_changes_nothing_else(
    tmp_path: Path, operation: Json, status: int, scim_type: str | None
) -> None:
    with tenant(tmp_path, dialect(updates="patch", patchPath="attrPath")) as client:
        client.send("POST", "/Schemas", own(URNS[0]))
        body = {"schemas": [PATCH], "Operations": [operation]}
        answer = client.send("PATCH", f"/Schemas/{URNS[0]}", body)

    assert (answer.status_code, answer.json().get("scimType")) == (status, scim_type)


def test_a_service_without_entity_tags_says_so_and_looks_at_none(tmp_path: Path) -> None:
    played = dialect(etag="none")
    with tenant(tmp_path, played) as client:
        client.send("POST", "/Schemas", own(URNS[0]))
        path, tag = f"/Schemas/{URNS[0]}", {"If-Match": '"other"'}
        updated = client.send("PUT", path, own(URNS[0]), headers=tag)
        config = client.send("GET", "/ServiceProviderConfig").json()
        user = client.send("POST", "/Users", {"schemas": [USER], "userName": "ann"})

    assert updated.status_code == 200
    assert config["etag"] == {"supported": False}
    assert ("ETag" in user.headers, "version" in user.json()["meta"]) == (False, False)


def test_a_static_list_of_resource_types_names_no_extension_of_ours(tmp_path: Path) -> None:
    with tenant(tmp_path, dialect(bindings="unlisted")) as client:
        client.send("POST", "/Schemas", own(URNS[0]))
        client.send("POST", "/Schemas", own("urn:example:2.0:Group:Own"))
        kinds = client.send("GET", "/ResourceTypes").json()["Resources"]
        kinds.append(client.send("GET", "/ResourceTypes/User").json())
        carried = {"schemas": [USER, URNS[0]], "userName": "ann", URNS[0]: {"code": "x"}}
        created = client.send("POST", "/Users", carried)

    bound = [[each["schema"] for each in kind["schemaExtensions"]] for kind in kinds]
    assert bound == [[ENTERPRISE], [], [ENTERPRISE]]
    assert created.status_code == 201


@pytest.mark.parametrize(
    "keys", [*ADDRESSES, {"contentType": "application/json"}, {"etag": "meta.version"}], ids=str
)
@pytest.mark.parametrize("updates", ["put", "patch"])
def test_the_program_creates_and_updates(
    tmp_path: Path, keys: dict[str, Json], updates: str
) -> None:
    played = dialect(updates=updates, **keys)
    first, second = (
        Schema.from_json(own(URNS[0], *attributes))
        for attributes in ([{"name": "code"}], [{"name": "code"}, {"name": "level"}])
    )
    with tenant(tmp_path, played) as client, gateway(client.access, played) as program:
        created = program.create(create_body(first))
        live = program.read(URNS[0])
        assert live == first, created.message
        if updates == "put":
            result = program.replace(live, create_body(second))
        else:
            result = program.patch(live, patch_body(live, second, played.patch_path))
        after = program.read(URNS[0])

    assert after == second, result.message
