"""The built-in tenant as foreign testers of SCIM services see it: 0 errors but those intended."""

from typing import Any

import pytest
from httpx2 import Client as HttpClient
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server
from scim_sanity.probe.runner import run_probe_api

from reconciler.domain.jsontext import Json
from tests.support.embedded_client import HR, Client, extension

# Writing schemas is what this tenant is for; RFC 7643 section 7 has them read-only.
INTENDED_FOR_TESTER = [("schemas_endpoint_methods", "POST /Schemas returned 400 instead of 405")]
# It adds a member of an invented id. A service may refuse that, and a strict one does.
INTENDED_FOR_SANITY = [("PATCH /Groups/{id} add member", "Expected 200, got 400")]


@pytest.fixture
def tenant(client: Client) -> Client:
    """A tenant with an extension that scim2-tester can fill.

    Its own models refuse what it makes up for dateTime and decimal, and it takes an `add` to many
    values for a replacement of them.
    """
    kinds = {"code": "string", "isContractor": "boolean", "level": "integer", "page": "reference"}
    attributes: list[Json] = [{"name": name, "type": kind} for name, kind in kinds.items()]
    assert client.send("POST", "/Schemas", extension(attributes=attributes)).status_code == 201
    return client


@pytest.mark.timeout(120)
def test_scim2_tester_finds_nothing_but_what_is_intended(tenant: Client) -> None:
    with HttpClient(
        base_url=tenant.access.base_url, headers=tenant.headers, trust_env=False
    ) as http:
        scim = SyncSCIMClient(http)
        scim.discover()
        results = check_server(scim)

    errors = [(each.title, each.reason) for each in results if each.status is Status.ERROR]
    assert errors == INTENDED_FOR_TESTER
    assert sum(each.status is Status.SUCCESS for each in results) > 140
    assert tenant.send("GET", f"/Schemas/{HR}").status_code == 200


@pytest.mark.timeout(120)
def test_scim_sanity_finds_nothing_but_what_is_intended(tenant: Client) -> None:
    token = tenant.headers["Authorization"].removeprefix("Bearer ")

    report: dict[str, Any] = run_probe_api(tenant.access.base_url, token=token)

    failed = [
        (each["name"], each["message"]) for each in report["results"] if each["status"] == "fail"
    ]
    assert failed == INTENDED_FOR_SANITY
    assert report["summary"]["passed"] >= 27
