"""`doctor` and `status` before something ends: tokens, certificates, and a list that is not set."""

import base64
import json
import time

import pytest

from reconciler.adapters.jsonschemas import check
from tests.support.program import Folder
from tests.support.service_of_habits import TENANT
from tests.support.warm import Done

DAY = 86_400
ELSEWHERE = "https://scim.example.com/v2"


def folder_of(folder: Folder, url: str, *, days: float | None) -> Folder:
    claims = {"sub": "c4n4ry"} if days is None else {"exp": time.time() + days * DAY + 60}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    home = Folder(folder.path / "home", {"ACME_TOKEN": f"eyJhbGciOiJub25lIn0.{body}.c4n4ry"})
    home.write("desired-state/acme.yaml", TENANT.format(dialect="rfc7644", url=url))
    return home


def status_of(home: Folder, **environ: str) -> tuple[Done, list[str]]:
    document = json.loads(home.run("status", "--format", "json", **environ).out)
    assert check(document, "status") == ()
    warnings: list[str] = document["warnings"]
    return home.run("status", **environ), warnings


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (None, ""),
        (45, ""),
        (10, "for 10 more days: renew it"),
        (-3, "our token has expired, at "),
    ],
)
def test_status_warns_of_a_token_that_ends_soon(
    folder: Folder, days: float | None, expected: str
) -> None:
    home = folder_of(folder, "http://127.0.0.1:9/scim", days=days)

    done, warnings = status_of(home)

    assert [expected in each for each in warnings] == ([True] if expected else [])
    assert ("warning: acme: our token" in done.err) is bool(expected)
    assert "c4n4ry" not in done.everything


def test_status_finds_a_token_in_the_folder_that_an_option_names(folder: Folder) -> None:
    home = folder_of(folder, "http://127.0.0.1:9/scim", days=-3)
    home.edit("desired-state/acme.yaml", "{env: ACME_TOKEN}", "{file: token}")
    home.write("secrets/token", home.environ.pop("ACME_TOKEN"))

    done = home.run("status", "--secrets-dir", "secrets")

    assert "warning: acme: our token has expired, at " in done.err


def test_doctor_shows_when_a_token_ends(folder: Folder) -> None:
    home = folder_of(folder, "http://127.0.0.1:9/scim", days=10)

    [tenant] = home.output("doctor")["data"]["tenants"]

    [found] = [each for each in tenant["findings"] if "more days" in each["words"]]
    assert (found["check"], found["grade"]) == ("token", "warning")
    assert [each for each in tenant["findings"] if "does not expire" in each["words"]] == []


def test_a_list_of_origins_that_is_not_set_is_told_once(folder: Folder) -> None:
    home = folder_of(folder, ELSEWHERE, days=None)
    message = "RECONCILER_ALLOWED_ORIGINS is not set"

    done, warnings = status_of(home)
    assert (done.err.count(message), len(warnings)) == (1, 1)
    assert message in warnings[0]
    assert status_of(home, RECONCILER_ALLOWED_ORIGINS=ELSEWHERE)[1] == []
    looked = home.run("doctor", "--request-deadline", "1", "--read-deadline", "1")
    assert looked.err.count(message) == 1


def test_nothing_is_warned_of_where_all_tenants_are_on_this_machine(folder: Folder) -> None:
    assert status_of(folder)[1] == []


def test_doctor_without_a_name_looks_at_all_tenants(folder: Folder) -> None:
    text = (folder.path / "desired-state/tenants/local.yaml").read_text()
    for name in ("beta", "alpha"):
        folder.write(
            f"desired-state/tenants/{name}.yaml",
            text.replace("name: local", f"name: {name}").replace("//local", f"//{name}"),
        )

    found = folder.output("doctor")["data"]["tenants"]

    assert [each["name"] for each in found] == ["alpha", "beta", "local"]
    refused = folder.run("doctor", "--write", "learnt.yaml")
    assert refused.code == 1
    assert "--write keeps what is learnt of one tenant, and there are 3: name it" in refused.err
