"""`adoption`: how many hold a value of each attribute, kept over runs, and no value kept."""

import csv
import io
import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from reconciler.domain.jsontext import Json
from tests.support.faultserver import FaultServer, Pause, Received, Script, serving
from tests.support.gateway_world import BASE
from tests.support.keycloak_realm import ADMIN, RealmService, manifests, profiled
from tests.support.people import (
    URN,
    PeopleService,
    holding,
    store_users,
    users,
    with_schemas,
)
from tests.support.program import HR_URN, WORK_URN, Folder, assert_reported
from tests.support.store_world import validator

CANARY = "c4n4ry-v4lue"
TENANT = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: acme}}
spec: {{dialect: rfc7644, baseUrl: "{url}", auth: {{type: none}}}}
"""
EXTENSION = f"""\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {{name: hr}}
spec:
  manages: attributes
  retired: [{{name: old, type: string}}]
  schema:
    id: {URN}
    name: HR
    attributes: [{{name: grade, type: string}}, {{name: never, type: string}}]
"""
NAMES = ("grade", "never", "old", "rogue", "spare")
LIVE = {"id": URN, "name": "HR", "attributes": [{"name": name} for name in NAMES]}
OTHER = {"id": "urn:example:2.0:User:Other", "name": "Other", "attributes": [{"name": "x"}]}


def extension(number: int) -> dict[str, Json] | None:
    if number % 5 == 0:
        return None
    return {
        "grade": CANARY if number % 2 else "",
        "old": CANARY if number % 50 == 1 else None,
        "rogue": CANARY if number % 3 == 1 else None,
    }


def people(number: int = 300) -> PeopleService:
    return PeopleService(people=users(number, extension))


@contextmanager
def acme(tmp_path: Path, service: PeopleService) -> Iterator[tuple[Folder, FaultServer]]:
    folder = Folder(tmp_path)
    folder.write("desired-state/hr.yaml", EXTENSION)
    with serving(with_schemas(service, LIVE, OTHER)) as server:
        folder.write("desired-state/acme.yaml", TENANT.format(url=server.url(BASE)))
        yield folder, server


def figures(folder: Folder, *arguments: str) -> dict[str, Json]:
    done = folder.run("adoption", "--format", "json", *arguments)
    assert done.code == 0, done.everything
    document = json.loads(done.out)
    validator("adoption").validate(document)
    [tenant] = document["tenants"]
    return {each["attribute"]: each for each in tenant["attributes"]}


def test_adoption_counts_each_attribute_and_says_what_the_count_means(tmp_path: Path) -> None:
    service = people()
    with acme(tmp_path, service) as (folder, _):
        found = figures(folder)

    assert {name: (each["holders"], each["verdict"]) for name, each in found.items()} == {
        "grade": (holding(service.people, "grade"), "filling"),
        "never": (0, "filling"),
        "old": (holding(service.people, "old"), "orphaned"),
        "rogue": (holding(service.people, "rogue"), "undeclared"),
    }
    assert all(each["of"] == 300 for each in found.values())
    assert found["grade"]["share"] == round(holding(service.people, "grade") / 300, 4)
    assert found["grade"]["trend"] is None
    assert found["grade"]["first_value"] == found["grade"]["measured_at"]


def test_figures_are_written_as_metrics(tmp_path: Path) -> None:
    service = people()
    with acme(tmp_path, service) as (folder, _):
        assert folder.run("adoption", "--metrics", "m.prom").code == 0
        text = (folder.path / "m.prom").read_text()

    samples = (s for family in text_string_to_metric_families(text) for s in family.samples)
    found = {(each.name, each.labels["attribute"]): each for each in samples}
    grade = found["reconciler_adoption_holders", "grade"]
    assert grade.value == holding(service.people, "grade")
    assert (grade.labels["tenant"], grade.labels["schema_id"]) == ("acme", URN)
    assert 0 < found["reconciler_adoption_ratio", "grade"].value < 1
    assert CANARY not in text


def test_figures_are_held_against_those_of_earlier_runs(tmp_path: Path) -> None:
    service = people()
    with acme(tmp_path, service) as (folder, _):
        first = figures(folder)
        for user in service.people[:10]:
            user[URN] = {"grade": CANARY, "never": CANARY}
        second = figures(folder)
        text = folder.run("adoption", "acme").out

    assert second["grade"]["trend"]["direction"] == "up"
    assert second["never"]["trend"] == {
        "direction": "up",
        "holders": 10,
        "since": first["never"]["measured_at"],
    }
    assert second["never"]["first_value"] == second["never"]["measured_at"]
    assert second["grade"]["first_value"] == first["grade"]["first_value"]
    [row] = [line.split() for line in text.splitlines() if line.split()[1:2] == ["never"]]
    assert row[2:6] == ["10", "300", "3.3%", "filling"]


def test_an_attribute_that_nobody_has_filled_for_long_is_never_filled(tmp_path: Path) -> None:
    with acme(tmp_path, people()) as (folder, _):
        figures(folder)
        with closing(sqlite3.connect(folder.path / ".reconciler/state.db")) as store, store:
            store.execute("UPDATE samples SET measured_at = '2020-01-01T00:00:00.000Z'")
        found = figures(folder)

    assert found["never"]["verdict"] == "never filled"
    assert found["never"]["since"] == "2020-01-01T00:00:00.000Z"
    assert found["grade"]["verdict"] == "filling"


def test_a_selection_counts_no_more_than_it_names(tmp_path: Path) -> None:
    with acme(tmp_path, people(20)) as (folder, server):
        assert "grade" in figures(folder, "ac*", "--target", "hr")
        none = folder.run("adoption", "--exclude", "*")
        wrong = folder.run("adoption", "nobody")
        asked = len(server.requests)
        folder.run("adoption", "nobody")

    assert (none.code, wrong.code) == (0, 1)
    assert "nobody fits no tenant" in wrong.err
    assert len(server.requests) == asked


def test_csv_has_a_row_for_each_attribute_and_no_formula(tmp_path: Path) -> None:
    service = replace(people(30), refuses_filters=501)
    formula = {**LIVE, "attributes": [{"name": "grade"}, {"name": "=cmd|' /C calc'!A0"}]}
    for user in service.people:
        user[URN] = {"=cmd|' /C calc'!A0": CANARY}
    folder = Folder(tmp_path)
    folder.write("desired-state/hr.yaml", EXTENSION)
    with serving(with_schemas(service, formula)) as server:
        folder.write("desired-state/acme.yaml", TENANT.format(url=server.url(BASE)))
        done = folder.run("adoption", "--format", "csv")

    rows = list(csv.DictReader(io.StringIO(done.out)))
    found = {row["attribute"]: (row["holders"], row["verdict"]) for row in rows}
    assert found == {
        "grade": ("0", "filling"),
        "'=cmd|' /C calc'!A0": ("30", "undeclared"),
        "old": ("0", ""),
    }
    assert not any(cell.startswith("=") for row in rows for cell in row.values())


def test_a_tenant_that_cannot_be_read_fails_alone_and_the_code_is_1(tmp_path: Path) -> None:
    with acme(tmp_path, people(5)) as (folder, _):
        gone = TENANT.format(url="http://127.0.0.1:1/scim").replace("acme", "gone")
        folder.write("desired-state/gone.yaml", gone)
        done = folder.run("adoption", "--format", "json")
        shown = folder.run("adoption")

    assert (done.code, shown.code) == (1, 1)
    document = json.loads(done.out)
    validator("adoption").validate(document)
    counted, failed = document["tenants"]
    assert len(counted["attributes"]) == 4
    assert failed["resource_type"] is None
    assert "127.0.0.1" in failed["error"] or "connect" in failed["error"]
    assert "error: 1 tenant could not be counted" in done.err
    assert "Tenant gone\n  error: " in shown.out


def test_a_service_that_refuses_its_users_is_an_error_with_a_reason(tmp_path: Path) -> None:
    with acme(tmp_path, replace(people(5), refuses_filters=403, refuses_count=403)) as (folder, _):
        done = folder.run("adoption")

    assert done.code == 1
    assert "error: GET /scim/v2/Users: 403" in done.out
    assert "user0" not in done.everything


def slow(pages: int) -> PeopleService:
    """A service that answers one page in a while, once so many have come."""
    seen = iter(range(10**6))

    def before(service: PeopleService, _: Received) -> Script | None:
        later = int(service.queries[-1].get("startIndex", 0)) > 1
        return (Pause(60),) if later and next(seen) >= pages else None

    return replace(people(990), refuses_filters=501, before=before)


def test_a_count_that_is_killed_goes_on_from_where_it_was(tmp_path: Path) -> None:
    service = slow(4)
    with acme(tmp_path, service) as (folder, _):
        with folder.start("adoption") as process:
            deadline = time.monotonic() + 30
            while service.queries[-1:] != [
                {"startIndex": "501", "count": "100", "attributes": f"id,{URN},{OTHER['id']}"}
            ]:
                assert time.monotonic() < deadline, service.queries[-1:]
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
        service.before = lambda *_: None
        service.queries.clear()
        found = figures(folder)

    assert found["grade"]["holders"] == holding(service.people, "grade")
    assert found["grade"]["of"] == 990
    starts = [int(query["startIndex"]) for query in service.queries if "startIndex" in query]
    assert [start for start in starts if start > 1] == [501, 601, 701, 801, 901]


def test_a_count_that_takes_too_long_is_unknown_and_the_next_run_goes_on(tmp_path: Path) -> None:
    service = slow(4)
    with acme(tmp_path, service) as (folder, _):
        first = folder.run("adoption", "--count-deadline", "4", "--request-deadline", "2")
        service.before = lambda *_: None
        found = figures(folder)

    assert first.code == 0
    [row] = [line.split() for line in first.out.splitlines() if line.split()[1:2] == ["grade"]]
    assert (row[0], row[2:6]) == ("hr", ["-", "-", "-", "unknown"])
    assert "and the next run goes on from there" in first.out
    assert found["grade"]["holders"] == holding(service.people, "grade")


@pytest.mark.parametrize("verbosity", [(), ("-vv", "--log-format", "json")])
def test_no_value_of_any_user_is_in_any_file_log_or_output(
    tmp_path: Path, verbosity: tuple[str, ...]
) -> None:
    service = replace(people(250), refuses_filters=400)
    printed = ""
    with acme(tmp_path, service) as (folder, _):
        for arguments in ((), ("--format", "json"), ("--format", "csv"), ("--sample", "100")):
            printed += folder.run("adoption", *arguments, *verbosity).everything
        service.before = lambda *_: (b"HTTP/1.1 200 OK\r\n\r\n{" + CANARY.encode(),)
        printed += folder.run("adoption", *verbosity).everything

    assert "grade" in printed
    for text in (CANARY, "user1", "u00001"):
        assert text not in printed
        for file in folder.path.rglob("*"):
            assert file.is_dir() or text.encode() not in file.read_bytes(), file


HR, WORK = f'$."{HR_URN}".', f'$."{WORK_URN}".'
_ITEMS = f"FROM resources r, json_each(r.document, '{WORK}assignments') e WHERE json_extract"
COUNTED_BY_SQL = {  # over the tenant's own database, where no code of the program looks
    "hrDepartmentCode": f"FROM resources r WHERE json_extract(document, '{HR}hrDepartmentCode')",
    "isContractor": f"FROM resources r WHERE json_type(document, '{HR}isContractor')",
    "payrollStartDate": f"FROM resources r WHERE json_extract(document, '{HR}payrollStartDate')",
    "assignments": f"FROM resources r WHERE json_extract(document, '{WORK}assignments[0]')",
    "assignments.percentage": f"{_ITEMS}(e.value, '$.percentage')",
    "assignments.kind": f"{_ITEMS}(e.value, '$.kind')",
}


def some_users(number: int) -> Iterator[dict[str, Json]]:
    """Users of the built-in tenant, as its database holds them."""
    random = Random(11)
    core = "urn:ietf:params:scim:schemas:core:2.0:User"
    for n in range(number):
        user: dict[str, Json] = {"schemas": [core], "id": f"{n:08}", "userName": f"user{n}"}
        if random.random() < 0.6:
            held: dict[str, Json] = {"isContractor": random.random() < 0.3}
            if random.random() < 0.5:
                held["hrDepartmentCode"] = CANARY
            user[HR_URN] = held
            user["schemas"].append(HR_URN)
        if random.random() < 0.1:
            more = {"costCenter": CANARY, "percentage": 50}
            user[WORK_URN] = {"assignments": [{"costCenter": CANARY}, more][n % 2 :]}
            user["schemas"].append(WORK_URN)
        yield user


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_ten_thousand_users_of_the_built_in_tenant_are_counted_as_its_database_counts_them(
    folder: Folder,
) -> None:
    assert folder.run("apply", "--auto-approve").code == 0
    database = folder.path / ".reconciler/embedded/local.db"
    store_users(database, some_users(10_000))
    done = folder.run_by((), "adoption", "--format", "json", seconds=240)
    assert done.code == 0, done.everything
    [tenant] = json.loads(done.out)["tenants"]
    found = {each["attribute"]: each for each in tenant["attributes"]}
    with closing(sqlite3.connect(database)) as connection:
        expected = {
            name: connection.execute(f"SELECT count(DISTINCT r.id) {query} IS NOT NULL").fetchone()[
                0
            ]
            for name, query in COUNTED_BY_SQL.items()
        }

    assert {name: found[name]["holders"] for name in expected} == expected
    assert expected["hrDepartmentCode"] > 2000
    assert {each["of"] for each in found.values()} == {tenant["total"]} == {10_000}
    assert "filter" in {each["method"] for each in found.values()}
    assert CANARY not in done.everything
    for file in (folder.path / ".reconciler").glob("*"):
        assert file.is_dir() or CANARY.encode() not in file.read_bytes()


def test_the_users_of_a_projection_are_counted_by_the_api_of_its_service(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {"TOKEN": "token-1"})
    hidden = profiled("badge") | {"permissions": {"view": ["user"], "edit": ["user"]}}
    people = [{"code": ["c4n4ry"]}, {"badge": ["c4n4ry"]}, {}]
    with serving(RealmService(profile=[profiled("code"), hidden], people=people)) as server:
        folder.write("desired-state/acme.yaml", manifests(server.url(ADMIN), "code", "badge"))
        done = folder.run("adoption", "--format", "csv")

    assert_reported(
        done,
        0,
        "acme,User,3,urn:example:hr:2.0:User,code,1,3,0.3333,pages,",
        "lets no administrator view",
    )
    assert "c4n4ry" not in done.everything
