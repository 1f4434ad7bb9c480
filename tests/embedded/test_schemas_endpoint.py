"""/Schemas over real HTTP: what a tenant with schema writes answers."""

from pathlib import Path

import pytest

from reconciler.domain.jsontext import Json
from reconciler.embedded import DevTenantSetup, Faults
from tests.support.embedded_client import HR, Client, TestClock, extension, running

CORE = [
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:Group",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
]
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def ids(answer: Json) -> list[str]:
    return [schema["id"] for schema in answer["Resources"]]


def test_a_new_tenant_lists_the_schemas_of_the_rfc(client: Client) -> None:
    answer = client.send("GET", "/Schemas")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
    assert ids(answer.json()) == CORE
    assert answer.json()["totalResults"] == 3


def test_a_schema_that_was_posted_is_listed_after_them_and_read_by_id(client: Client) -> None:
    created = client.send("POST", "/Schemas", extension())

    assert created.status_code == 201
    assert ids(client.send("GET", "/Schemas").json()) == [*CORE, HR]
    assert client.send("GET", f"/Schemas/{HR}").json() == created.json()


def test_creation_answers_with_location_version_and_meta(client: Client) -> None:
    created = client.send("POST", "/Schemas", extension())

    assert created.headers["ETag"] == 'W/"1"'
    assert created.headers["Location"] == f"{client.access.base_url}/Schemas/{HR}"
    assert created.json()["meta"] == {
        "resourceType": "Schema",
        "location": created.headers["Location"],
        "created": "2026-03-04T05:06:07.000Z",
        "lastModified": "2026-03-04T05:06:07.000Z",
        "version": 'W/"1"',
    }
    assert (
        client.session.get(created.headers["Location"], headers=client.headers, timeout=10).json()
        == created.json()
    )


SPARSE = extension(
    vendorFlag={"deep": [1, None, "ü"]},
    attributes=[
        {"type": "String", "name": "a", "x-order": 7, "canonicalValues": [], "description": None},
        {"name": "b", "type": "complex", "subAttributes": [{"name": "c"}]},
    ],
)


def test_a_schema_is_served_with_every_characteristic_and_its_vendor_members(
    client: Client,
) -> None:
    defaults = {
        "multiValued": False,
        "required": False,
        "caseExact": False,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    }

    created = client.send("POST", "/Schemas", SPARSE).json()

    listed = client.send("GET", "/Schemas").json()["Resources"]
    assert listed[-1] == created
    assert created["vendorFlag"] == SPARSE["vendorFlag"]
    assert created["attributes"] == [
        {"name": "a", "type": "string", **defaults, "x-order": 7},
        {
            "name": "b",
            "type": "complex",
            **defaults,
            "subAttributes": [{"name": "c", "type": "string", **defaults}],
        },
    ]
    for schema in listed[:-1]:
        for attribute in schema["attributes"]:
            assert defaults.keys() <= attribute.keys(), attribute


def test_a_raw_tenant_serves_the_document_as_it_was_posted(
    tmp_path: Path, clock: TestClock
) -> None:
    with running(tmp_path, clock, setup=DevTenantSetup(raw=True)) as client:
        client.send("POST", "/Schemas", SPARSE)

        served = client.send("GET", f"/Schemas/{HR}").json()

    meta, schemas = served.pop("meta"), served.pop("schemas")
    assert served == SPARSE
    assert list(served) == list(SPARSE)
    assert list(served["attributes"][0]) == list(SPARSE["attributes"][0])
    assert meta["resourceType"] == "Schema"
    assert schemas == ["urn:ietf:params:scim:schemas:core:2.0:Schema"]


def test_schemas_and_meta_of_the_client_are_kept_and_ignored_in_turn(client: Client) -> None:
    document = extension(schemas=["urn:example:own"], meta={"created": "1999-01-01T00:00:00Z"})

    client.send("POST", "/Schemas", document)

    served = client.send("GET", f"/Schemas/{HR}").json()
    assert served["schemas"] == ["urn:example:own"]
    assert served["meta"]["created"] == "2026-03-04T05:06:07.000Z"


@pytest.mark.parametrize(
    "spelt", [HR, HR.replace(":", "%3A"), HR.upper(), HR.lower(), HR.replace(":", "%3a")]
)
def test_an_id_is_found_however_its_colons_and_letters_are_written(
    client: Client, spelt: str
) -> None:
    client.send("POST", "/Schemas", extension())

    answer = client.send("GET", f"/Schemas/{spelt}")

    assert answer.status_code == 200
    assert answer.json()["id"] == HR


@pytest.mark.parametrize("urn", CORE)
def test_a_core_schema_can_be_read_and_neither_created_nor_replaced(
    client: Client, urn: str
) -> None:
    assert client.send("GET", f"/Schemas/{urn}").json()["id"] == urn
    assert client.send("POST", "/Schemas", extension(urn)).status_code == 409
    refused = client.send("PUT", f"/Schemas/{urn}", extension(urn))
    assert (refused.status_code, refused.json()["scimType"]) == (400, "mutability")


def test_an_unknown_schema_is_404_with_a_scim_error(client: Client) -> None:
    answer = client.send("GET", "/Schemas/urn:example:nothing")

    assert answer.status_code == 404
    assert answer.json()["schemas"] == [ERROR]
    assert answer.json()["status"] == "404"


# -- paging ---------------------------------------------------------------------------------------


def test_pages_of_any_size_put_together_are_the_whole_list(client: Client) -> None:
    for number in range(4):
        client.send("POST", "/Schemas", extension(f"urn:example:{number}"))
    whole = ids(client.send("GET", "/Schemas").json())

    for count in range(1, 9):
        seen: list[str] = []
        while len(seen) < len(whole):
            params = {"startIndex": len(seen) + 1, "count": count}
            page = client.send("GET", "/Schemas", params=params).json()
            assert page["totalResults"] == 7
            assert page["startIndex"] == len(seen) + 1
            assert page["itemsPerPage"] == len(page["Resources"]) <= count
            seen += ids(page)
        assert seen == whole


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"startIndex": 0}, CORE),
        ({"startIndex": -5, "count": 1}, CORE[:1]),
        ({"startIndex": 3}, CORE[2:]),
        ({"startIndex": 4}, []),
        ({"count": 0}, []),
        ({"count": -1}, []),
        ({"count": 100}, CORE),
    ],
)
def test_paging_follows_the_rfc_at_its_edges(
    client: Client, params: dict[str, str | int], expected: list[str]
) -> None:
    page = client.send("GET", "/Schemas", params=params).json()

    assert ids(page) == expected
    assert page["totalResults"] == 3


def test_a_start_index_that_is_no_number_is_400(client: Client) -> None:
    answer = client.send("GET", "/Schemas", params={"startIndex": "first"})

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")


def test_a_filter_is_403(client: Client) -> None:
    answer = client.send("GET", "/Schemas", params={"filter": 'name eq "User"'})

    assert answer.status_code == 403


# -- creating -------------------------------------------------------------------------------------


@pytest.mark.parametrize("urn", [HR, HR.upper(), HR.lower()])
def test_a_second_schema_of_one_id_is_409_uniqueness(client: Client, urn: str) -> None:
    client.send("POST", "/Schemas", extension())

    answer = client.send("POST", "/Schemas", extension(urn, description="another"))

    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    served = client.send("GET", f"/Schemas/{HR}").json()
    assert served["description"] == "Automated HR integration extension"


def test_the_eleventh_extension_is_400_and_says_why(client: Client) -> None:
    for number in range(10):
        answer = client.send("POST", "/Schemas", extension(f"urn:example:{number}"))
        assert answer.status_code == 201

    refused = client.send("POST", "/Schemas", extension("urn:example:10"))
    known = client.send("POST", "/Schemas", extension("urn:example:9"))

    assert refused.status_code == 400
    assert "maximum count of 10" in refused.json()["detail"]
    assert known.status_code == 409
    assert client.send("GET", "/Schemas").json()["totalResults"] == 13


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b'{"id": 1, "id": 2}', b"\xff", b"NaN"])
def test_a_body_that_is_no_json_is_400_invalid_syntax(client: Client, body: bytes) -> None:
    client.send("POST", "/Schemas", extension())
    for method, path in (("POST", "/Schemas"), ("PUT", f"/Schemas/{HR}")):
        answer = client.session.request(
            method, client.access.base_url + path, data=body, headers=client.headers, timeout=10
        )
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidSyntax")


@pytest.mark.parametrize("document", [[], "text", 7, {}, {"id": HR}, extension(attributes={})])
def test_a_document_that_is_no_schema_is_400(client: Client, document: Json) -> None:
    answer = client.send("POST", "/Schemas", document)

    assert answer.status_code == 400
    assert answer.json()["status"] == "400"
    assert client.send("GET", "/Schemas").json()["totalResults"] == 3


# -- replacing ------------------------------------------------------------------------------------


def test_a_replacement_counts_the_version_up_and_keeps_the_time_of_creation(
    client: Client, clock: TestClock
) -> None:
    client.send("POST", "/Schemas", extension())
    clock.advance(60)

    replaced = client.send("PUT", f"/Schemas/{HR}", extension(description="changed"))

    assert replaced.status_code == 200
    assert replaced.headers["ETag"] == 'W/"2"'
    assert replaced.json()["description"] == "changed"
    assert replaced.json()["meta"]["created"] == "2026-03-04T05:06:07.000Z"
    assert replaced.json()["meta"]["lastModified"] == "2026-03-04T05:07:07.000Z"
    assert client.send("GET", f"/Schemas/{HR}").json() == replaced.json()


@pytest.mark.parametrize(
    ("tag", "status"),
    [('W/"1"', 200), ('"1"', 200), ('"0", W/"1"', 200), ("*", 200), ('W/"2"', 412), ("1", 412)],
)
def test_a_replacement_happens_only_if_the_version_matches(
    client: Client, tag: str, status: int
) -> None:
    client.send("POST", "/Schemas", extension())

    answer = client.send(
        "PUT", f"/Schemas/{HR}", extension(description="new"), headers={"If-Match": tag}
    )

    assert answer.status_code == status
    served = client.send("GET", f"/Schemas/{HR}").json()
    assert (served["description"] == "new") == (status == 200)


def test_a_replacement_never_creates(client: Client) -> None:
    answer = client.send("PUT", f"/Schemas/{HR}", extension())

    assert answer.status_code == 404
    assert client.send("GET", "/Schemas").json()["totalResults"] == 3


def test_a_replacement_cannot_change_the_id(client: Client) -> None:
    client.send("POST", "/Schemas", extension())

    answer = client.send("PUT", f"/Schemas/{HR}", extension("urn:example:other"))

    assert (answer.status_code, answer.json()["scimType"]) == (400, "mutability")


def test_a_replacement_that_is_no_schema_leaves_the_old_one(client: Client) -> None:
    created = client.send("POST", "/Schemas", extension()).json()

    answer = client.send("PUT", f"/Schemas/{HR}", extension(attributes=[]))

    assert answer.status_code == 400
    assert client.send("GET", f"/Schemas/{HR}").json() == created


# -- what is not offered --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/Schemas", "GET, POST"),
        ("PATCH", "/Schemas", "GET, POST"),
        ("DELETE", "/Schemas", "GET, POST"),
        ("POST", f"/Schemas/{HR}", "GET, PUT"),
        ("PATCH", f"/Schemas/{HR}", "GET, PUT"),
        ("DELETE", f"/Schemas/{HR}", "GET, PUT"),
    ],
)
def test_other_verbs_are_405_and_name_those_that_are_allowed(
    client: Client, method: str, path: str, allowed: str
) -> None:
    client.send("POST", "/Schemas", extension())

    answer = client.send(method, path, extension())

    assert answer.status_code == 405
    assert answer.headers["Allow"] == allowed
    assert client.send("GET", f"/Schemas/{HR}").status_code == 200


def test_a_created_schema_is_seen_by_a_second_server_on_the_same_store(
    tmp_path: Path, clock: TestClock
) -> None:
    with running(tmp_path, clock) as one, running(tmp_path, clock, Faults()) as two:
        one.send("POST", "/Schemas", extension())

        served = two.send("GET", f"/Schemas/{HR}").json()

        assert served["meta"]["location"].startswith(two.access.base_url)
        assert two.send("POST", "/Schemas", extension()).status_code == 409
