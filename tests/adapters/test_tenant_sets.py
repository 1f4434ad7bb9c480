"""TenantSets: a template and a file of rows are as many Tenants, or a fault has its place."""

import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.manifests import Loaded, load
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import SecretRef, SecretSource, Webhook
from reconciler.domain.problem import Place
from tests.support.reading import LIMITS

DIALECTS = load_dialects()
TEMPLATE: Json = {"dialect": "genesys", "baseUrl": "https://{name}.example.com"}


def written(folder: Path, rows: str | bytes, *, name: str = "rows.csv", **spec: Json) -> Path:
    """A folder with one TenantSet, `set.json`, and its file of rows."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(rows.encode() if isinstance(rows, str) else rows)
    whole = {"rows": name, "template": TEMPLATE, **spec}
    (folder / "set.json").write_text(manifest("TenantSet", "fleet", whole))
    return folder


def manifest(kind: str, name: str, spec: Json) -> str:
    members = {"kind": kind, "metadata": {"name": name}, "spec": spec}
    return json.dumps({"apiVersion": "reconciler/v1", **members})


def read(folder: Path) -> Loaded:
    return load(folder, dialects=DIALECTS, limits=LIMITS)


def lines(folder: Path) -> list[str]:
    return [str(problem).replace(f"{folder}/", "") for problem in read(folder).problems]


def names(folder: Path) -> list[str]:
    loaded = read(folder)
    assert loaded.manifests is not None, loaded.problems
    return [tenant.name for tenant in loaded.manifests.tenants]


def test_a_row_is_a_tenant_with_everything_that_it_fills_in(tmp_path: Path) -> None:
    written(
        tmp_path,
        "name,region,variables\nacme,eu,ACME\nglobex,us,GLOBEX\n",
        labels={"env": "prod", "region": "{region}"},
        template={
            "dialect": "genesys",
            "baseUrl": "https://api.{region}.example.com/{name}",
            "targetSystem": "Genesys {region}",
            "auth": {
                "type": "oauth2-client-credentials",
                "tokenUrl": "https://login.{region}.example.com/token",
                "clientId": {"env": "SHARED_ID"},
                "clientSecret": {"file": "{name}/secret"},
            },
            "webhooks": [
                {"url": "https://hr.example.com/{name}", "secret": {"env": "{variables}_HR"}}
            ],
        },
    )

    loaded = read(tmp_path)

    assert loaded.manifests is not None
    acme, globex = loaded.manifests.tenants
    rows, template = str(tmp_path / "rows.csv"), str(tmp_path / "set.json")
    assert (acme.name, acme.labels) == ("acme", {"env": "prod", "region": "eu"})
    assert (globex.name, globex.base_url) == ("globex", "https://api.us.example.com/globex")
    assert (acme.place, globex.place) == (Place(rows, 2, 1), Place(rows, 3, 1))
    assert acme.system == "Genesys eu"
    assert acme.auth.token_url == "https://login.eu.example.com/token"
    client_id, client_secret = (acme.auth.credentials[n] for n in ("clientId", "clientSecret"))
    assert client_id == SecretRef(SecretSource.ENV, "SHARED_ID", Place(template))
    assert client_id.place.path == template
    assert client_secret == SecretRef(SecretSource.FILE, "acme/secret", Place(rows))
    assert client_secret.place == Place(rows, 2, 1)
    (webhook,) = globex.webhooks
    secret = SecretRef(SecretSource.ENV, "GLOBEX_HR", Place(rows))
    assert webhook == Webhook(url="https://hr.example.com/globex", secrets=(secret,))
    assert webhook.secrets[0].place == Place(rows, 3, 11)


def test_tenants_of_a_set_are_those_of_as_many_manifests(tmp_path: Path) -> None:
    one_by_one = tmp_path / "one by one"
    one_by_one.mkdir()
    for name in ("acme", "globex"):
        spec = {**TEMPLATE, "baseUrl": f"https://{name}.example.com"}
        (one_by_one / f"{name}.json").write_text(manifest("Tenant", name, spec))
    in_a_set = written(tmp_path / "set", '[{"name": "globex"}, {"name": "acme"}]', name="a.json")

    assert read(in_a_set).manifests == read(one_by_one).manifests


@pytest.mark.parametrize(
    "rows",
    [
        "name\nacme\nglobex\n",
        "name\nacme\nglobex",
        "\ufeffname\r\nacme\r\n\r\nglobex\r\n\r\n",
        '"name"\n"acme"\n"globex"',
        "\nname\n\nacme\nglobex\n\n",
    ],
)
def test_rows_in_csv_are_read_however_a_spreadsheet_writes_them(tmp_path: Path, rows: str) -> None:
    assert names(written(tmp_path, rows)) == ["acme", "globex"]


@pytest.mark.parametrize(
    "rows",
    [
        '[{"name": "acme"}, {"name": "globex"}]',
        '\ufeff[\n\t{\n\t\t"name": "acme"\n\t},\n\t{"name" : "\\u0067lobex"}\n]\n',
        '[\r\n{"name":"acme"},{"name":"globex"}]',
    ],
)
def test_rows_in_json_are_read_however_they_are_laid_out(tmp_path: Path, rows: str) -> None:
    assert names(written(tmp_path, rows, name="rows.json")) == ["acme", "globex"]


def test_each_row_in_json_has_its_place(tmp_path: Path) -> None:
    rows = (
        '[{"name": "a",\t"x": "b"}, {"x": "\\"x\\": 1", "name":\n "c"},\n\t{"name": "d", "x": [1]}]'
    )
    written(tmp_path, rows, name="rows.json", labels={"x": "{x}"})

    assert lines(tmp_path) == [
        "rows.json:1:33: error[REC-ROWS]: row c, column x: a value is letters, digits, ., _ and -, "
        "begins with a letter or digit, and has no two dots in a row",
        "rows.json:3:21: error[REC-ROWS]: row d, column x: must be text; quote it",
    ]


VALUE = (
    "a value is letters, digits, ., _ and -, begins with a letter or digit, and has no two dots in "
    "a row"
)
COLUMN = "the name of a column is letters, digits, _ and -, and begins with a letter"


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("", "1:1: error[REC-ROWS]: the first line names the columns, and none is name"),
        ("Name\nacme\n", "1:1: error[REC-ROWS]: the first line names the columns, and none is "
         "name; "
         "rename the column Name, if that is it"),
        ("name\n", "1:1: error[REC-ROWS]: no rows, so no tenants; take the TenantSet out with its "
         "file"),
        ("name,name\na,b\n", "1:6: error[REC-ROWS]: a second column name"),
        ("name;x\na;b\n", f"1:1: error[REC-ROWS]: {COLUMN}; cells are separated by commas"),
        ("name, x\na,b\n", f"1:6: error[REC-ROWS]: {COLUMN}"),
        ("name,\na,b\n", f"1:6: error[REC-ROWS]: {COLUMN}"),
        ("name\na,b\n", "2:1: error[REC-ROWS]: row a has 2 cells, and the header 1"),
        ("name,x\na,\n", "2:3: error[REC-ROWS]: row a, column x: empty; each row has a value in "
         "each "
         "column"),
        ('name,x\na,"b\nc"\n', f"2:3: error[REC-ROWS]: row a, column x: {VALUE}"),
        ('name,x\n"b""c",d\n', f"2:1: error[REC-ROWS]: the row on line 2, column name: {VALUE}"),
        ("name,x\na, b\n", f"2:3: error[REC-ROWS]: row a, column x: {VALUE}"),
        ("name,x\na,b..c\n", f"2:3: error[REC-ROWS]: row a, column x: {VALUE}"),
        ("name,x\na,{name}\n", f"2:3: error[REC-ROWS]: row a, column x: {VALUE}"),
        ("name,x\na,é\n", f"2:3: error[REC-ROWS]: row a, column x: {VALUE}"),
        ("name,x\na,../b\n", f"2:3: error[REC-ROWS]: row a, column x: {VALUE}"),
        ('name\n"a"b\n', "2:1: error[REC-TEXT]: a quote inside of a cell; put the cell into "
         "quotes, "
         "and double those in it"),
        ('name\n"a\n', "2:1: error[REC-TEXT]: a quote inside of a cell; put the cell into quotes, "
         "and "
         "double those in it"),
        ("name\na\rb\n", "2:2: error[REC-TEXT]: a carriage return that ends no line; save the file "
         "with usual line ends"),
        ("name\nAcme\n", "2:1: error[REC-SHAPE]: row Acme, column name: metadata.name: a name is "
         "small "
         "letters, digits and hyphens, begins and ends with a letter or digit, and has at most 63 "
         "of "
         "them"),
        ("name\na\na\n", "3:1: error[REC-NAME]: row a, column name: the name a is taken by the "
         "Tenant "
         "at rows.csv:2"),
        (b"name\n\xff\n", "2:1: error[REC-TEXT]: not UTF-8; save the file as UTF-8"),
        ("name\na\u202e\n", "2:2: error[REC-TEXT]: U+202E, a control, direction or other invisible "
         "character; remove it"),
    ],
)  # fmt: skip
def test_a_fault_of_the_rows_in_csv_has_its_line_and_its_column(
    tmp_path: Path, rows: str | bytes, problem: str
) -> None:
    written(tmp_path, rows)

    errors = [line for line in lines(tmp_path) if "warning" not in line]
    assert errors == [f"rows.csv:{problem}"]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("{}", "1:1: error[REC-ROWS]: rows in JSON are a list of objects: [{…}, {…}]"),
        ("[]", "1:1: error[REC-ROWS]: no rows, so no tenants; take the TenantSet out with its "
         "file"),
        ('["a"]', "1:2: error[REC-ROWS]: a row in JSON is an object"),
        ('[{"name": 7}]', "1:11: error[REC-ROWS]: the row on line 1, column name: must be text; "
         "quote "
         "it"),
        ('[{"name": "a", "x": true}]', "1:21: error[REC-ROWS]: row a, column x: must be text; "
         "quote "
         "it"),
        ('[{"name": "a"},\n {"x": "b"}]', "2:2: error[REC-ROWS]: the row on line 2 lacks the "
         "column "
         "name"),
        ('[{"name": "a", "na me": "b"}]', f"1:16: error[REC-ROWS]: {COLUMN}"),
        ('[{"name": "a", "name": "b"}]', "1:16: error[REC-TEXT]: key 'name' twice in one object"),
        ('[{"name": "a"}', "1:15: error[REC-TEXT]: expecting ',' delimiter"),
    ],
)  # fmt: skip
def test_a_fault_of_the_rows_in_json_has_its_line_and_its_column(
    tmp_path: Path, rows: str, problem: str
) -> None:
    written(tmp_path, rows, name="rows.json")

    errors = [line for line in lines(tmp_path) if "warning" not in line]
    assert errors == [f"rows.json:{problem}"]


MISPLACED = (
    "a {column} may stand in baseUrl, tokenUrl, targetSystem, the values of labels, the URLs of "
    "webhooks, and the names of variables and files of secrets, and nowhere else"
)
OAUTH2 = {
    "type": "oauth2-client-credentials",
    "tokenUrl": "https://login.example.com",
    "clientId": {"env": "ID"},
    "clientSecret": {"env": "SECRET"},
}


@pytest.mark.parametrize(
    "more",
    [
        {"dialect": "{name}"},
        {"auth": {**OAUTH2, "type": "{name}"}},
        {"auth": {**OAUTH2, "scopes": ["a", "{name}"]}},
        {"auth": {**OAUTH2, "parameters": {"audience": "{name}"}}},
        {"auth": {**OAUTH2, "parameters": {"env": "{name}"}}},
        {"auth": {**OAUTH2, "parameters": {"{name}": "a"}}},
        {"auth": {**OAUTH2, "clientSecret": "{name}"}},
        {"auth": {**OAUTH2, "clientSecret": {"{name}": "a"}}},
        {"auth": {"type": "header", "scheme": "{name}", "token": {"env": "A"}}},
        {"canary": {"userName": "{name}"}},
        {"capabilities": {"permissionHint": "ask {name}"}},
        {"limits": {"extensions": "{name}"}},
        {"webhooks": [{"url": "https://a.example.com", "secret": "{name}"}]},
        {"webhooks": [{"url": "https://a.example.com", "secret": ["{name}"]}]},
        {"{name}": "a"},
    ],
    ids=str,
)
def test_a_placeholder_stands_nowhere_else(tmp_path: Path, more: Json) -> None:
    written(tmp_path, "name\nacme\n", template={**TEMPLATE, **more})

    (line,) = lines(tmp_path)

    place, _, message = line.partition(": error[REC-ROWS]: ")
    assert place.startswith("set.json:1:")
    assert message == MISPLACED


def test_a_placeholder_is_no_key_of_a_label(tmp_path: Path) -> None:
    written(tmp_path, "name\nacme\n", labels={"{name}": "a"})

    (line,) = lines(tmp_path)

    assert line.endswith(MISPLACED)


@pytest.mark.parametrize(
    "url", ["https://{name", "https://{}.x", "https://{{name}}.x", "https://a/{a b}"]
)
def test_a_brace_belongs_to_a_placeholder(tmp_path: Path, url: str) -> None:
    written(tmp_path, "name\nacme\n", template={**TEMPLATE, "baseUrl": url})

    (line, *_) = lines(tmp_path)

    assert line.endswith("a brace that belongs to no {column}; write %7B and %7D in a URL")


def test_a_column_that_is_in_no_row_is_an_error_with_what_may_be_meant(tmp_path: Path) -> None:
    written(tmp_path, "name,region\nacme,eu\n", labels={"region": "{regoin}"})

    assert [line.partition("]: ")[2] for line in lines(tmp_path)] == [
        "{region} stands nowhere in the TenantSet; take the column out",
        "the rows have no column regoin; did you mean region?",
    ]


def test_a_row_that_lacks_a_column_of_the_others_is_an_error(tmp_path: Path) -> None:
    rows = '[{"name": "a", "x": "1"}, {"name": "b"}]'
    written(tmp_path, rows, name="rows.json", labels={"x": "{x}"})

    assert lines(tmp_path) == ["rows.json:1:27: error[REC-ROWS]: row b lacks the column x"]


@pytest.mark.parametrize(
    ("template", "value", "columns", "message"),
    [
        ({"baseUrl": "https://{x}y z/"}, "a", "x", "spec.baseUrl: a URL has a host name or "
         "address"),
        ({"baseUrl": "{x}://{name}.example.com"}, "ftp", "x and name", "spec.baseUrl: a URL is"),
        ({"baseUrl": "https://h:{x}/"}, "99999", "x", "spec.baseUrl: a URL has a host name"),
        ({"baseUrl": "https://{x}.example.com/"}, "a.", "x", "would have two dots in a row"),
        ({"auth": {**OAUTH2, "clientId": {"env": "{x}"}}}, "a-b", "x", "spec.auth.clientId.env: "
         "the"),
        ({"auth": {**OAUTH2, "clientId": {"env": "{x}"}}}, "GITHUB_TOKEN", "x",
         "spec.auth.clientId.env: variables named GITHUB_*"),
        ({"auth": {**OAUTH2, "clientId": {"file": "a/{x}.{name}"}}}, "a.", "x and name",
         "would have two dots in a row"),
        ({"auth": {**OAUTH2, "tokenUrl": "https://a.example.com?secret={x}"}}, "a", "x",
         "spec.auth.tokenUrl: no secret in a URL"),
        ({"webhooks": [{"url": "http://{x}/", "secret": {"env": "A"}}]}, "a", "x",
         "spec.webhooks[0].url: a URL is https://HOST"),
    ],
)  # fmt: skip
def test_every_rule_of_a_tenant_holds_for_what_is_filled_in(
    tmp_path: Path, template: Json, value: str, columns: str, message: str
) -> None:
    written(tmp_path, f"name,x\nacme,{value}\n", template={**TEMPLATE, **template})

    found = [line for line in lines(tmp_path) if "warning" not in line]

    several = "s" if " and " in columns else ""
    assert len(found) == 1
    assert f"]: row acme, column{several} {columns}: {message}" in found[0]
    assert found[0].startswith("rows.csv:2:")


def test_a_fault_that_no_row_can_help_stands_in_the_template_once(tmp_path: Path) -> None:
    rows = "name\n" + "".join(f"a{number}\n" for number in range(50))
    written(tmp_path, rows, template={**TEMPLATE, "dialect": "genesis", "targetSytem": "red"})

    assert [line.partition(": error")[2] for line in lines(tmp_path)] == [
        "[REC-SHAPE]: spec.dialect: 'genesis' is not known here; did you mean genesys?",
        "[REC-SHAPE]: unknown key 'targetSytem'; did you mean targetSystem?",
    ]
    assert all(line.startswith("set.json:1:") for line in lines(tmp_path))


def test_what_one_row_makes_wrong_elsewhere_is_a_fault_of_that_row(tmp_path: Path) -> None:
    template = {**TEMPLATE, "baseUrl": "{x}://{name}", "auth": {"type": "none"}}
    written(tmp_path, "name,x\nacme,https\nglobex,embedded\n", template=template)

    assert lines(tmp_path) == [
        "rows.csv:3:1: error[REC-SHAPE]: row globex: spec.auth: the built-in tenant brings its "
        "own; "
        "leave it out"
    ]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("rows.csv", "name,formerly\nglobex,initech\nacme,\n"),
        ("rows.json", '[{"name": "globex", "formerly": "initech"}, {"name": "acme"}]'),
        ("rows.json", '[{"name": "globex", "formerly": "initech"}, '
         '{"name": "acme", "formerly": ""}]'),
    ],
)  # fmt: skip
def test_the_column_formerly_has_the_name_that_a_row_had_where_it_had_one(
    tmp_path: Path, name: str, rows: str
) -> None:
    loaded = read(written(tmp_path, rows, name=name))

    assert loaded.problems == ()
    assert loaded.manifests is not None
    assert [tenant.formerly for tenant in loaded.manifests.tenants] == [(), ("initech",)]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("a,b\nb,\n", "2:3: error[REC-FORMERLY]: row a, column formerly: b is still a tenant, at "
         "rows.csv:3, and keeps what is its own; take that manifest away if it is this tenant"),
        ("a,a\n", "2:3: error[REC-FORMERLY]: row a, column formerly: a is the name that it has "
         "now; leave it out"),
        ("a,x\nb,x\n", "3:3: error[REC-FORMERLY]: row b, column formerly: x is what the tenant at "
         "rows.csv:2 was called; a name was one tenant's, so leave it to one of the two"),
        ("a,X\n", "2:3: error[REC-SHAPE]: row a, column formerly: spec.formerly[0]: a name is "
         "small letters, digits and hyphens, begins and ends with a letter or digit, and has at "
         "most 63 of them"),
        ("a,x y\n", f"2:3: error[REC-ROWS]: row a, column formerly: {VALUE}"),
        ("a,x;y\n", f"2:3: error[REC-ROWS]: row a, column formerly: {VALUE}"),
    ],
)  # fmt: skip
def test_every_rule_of_a_former_name_holds_for_that_of_a_row(
    tmp_path: Path, rows: str, problem: str
) -> None:
    written(tmp_path, f"name,formerly\n{rows}")

    assert lines(tmp_path) == [f"rows.csv:{problem}"]


def test_a_former_name_stands_in_the_rows_or_in_the_template_of_one_row(tmp_path: Path) -> None:
    written(tmp_path, "name,formerly\na,x\n", template={**TEMPLATE, "formerly": ["y"]})
    both = lines(tmp_path)
    written(tmp_path, "name,formerly\na,x\nb,\n", labels={"was": "{formerly}"})

    assert [line.partition("]: ")[2] for line in (*both, *lines(tmp_path))] == [
        "the rows have a column formerly; take it out here",
        "row b lacks the column formerly",
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("missing.csv", "cannot be read: no such file or directory"),
        ("../outside.csv", "outside of the folder of the manifests; put the rows into it"),
        ("link.csv", "a link to outside of the folder; put the file itself here"),
        ("pipe.csv", "no regular file, but a pipe, a device or a link that leads nowhere; remove "
         "it"),
        ("folder.csv", "no regular file, but a pipe, a device or a link that leads nowhere; "
         "remove it"),
        ("_rows.csv", "names that begin with . or _ are left out; give the rows another"),
        (".rows/rows.csv", "names that begin with . or _ are left out; give the rows another"),
    ],
)  # fmt: skip
def test_rows_are_a_regular_file_of_the_folder(tmp_path: Path, rows: str, message: str) -> None:
    folder = tmp_path / "folder"
    written(folder, "name\nacme\n", name="rows.csv")
    (tmp_path / "outside.csv").write_text("name\nacme\n")
    (folder / "link.csv").symlink_to(tmp_path / "outside.csv")
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    (folder / "set.json").write_text(
        manifest("TenantSet", "fleet", {"rows": rows, "template": TEMPLATE})
    )

    path = "../outside.csv" if rows.startswith("..") else rows
    (line,) = lines(folder)
    assert line.startswith("set.json:1:")
    assert line.endswith(f": error[REC-FILE]: {path}: {message}")


@pytest.mark.parametrize("rows", ["/etc/passwd", "rows.yaml", "a\\b.csv", "rows", "", "/a.csv"])
def test_the_name_of_the_rows_says_what_they_are(tmp_path: Path, rows: str) -> None:
    spec = {"rows": rows, "template": TEMPLATE}
    (tmp_path / "set.json").write_text(manifest("TenantSet", "fleet", spec))

    (line,) = lines(tmp_path)

    assert line.endswith(
        "spec.rows: a file of rows is named by a relative path with / that ends in .csv or .json"
    )


def test_the_name_of_the_rows_leads_from_the_manifest_through_the_folder(tmp_path: Path) -> None:
    (tmp_path / "tenants").mkdir()
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows/all.csv").write_text("name\nacme\n")
    spec = {"rows": "../rows/./linked.csv", "template": TEMPLATE}
    (tmp_path / "rows/linked.csv").symlink_to("all.csv")
    (tmp_path / "tenants/set.json").write_text(manifest("TenantSet", "fleet", spec))

    assert names(tmp_path) == ["acme"]


def test_rows_in_json_are_no_manifest_however_large_they_are(tmp_path: Path) -> None:
    rows = json.dumps([{"name": f"tenant-{number}"} for number in range(12_000)], indent=1)
    assert len(rows) > LIMITS.file_bytes
    written(tmp_path, rows, name="a/rows.json")

    loaded = read(tmp_path)

    assert loaded.problems == ()
    assert loaded.files == 1


def test_two_sets_have_two_names_and_two_files(tmp_path: Path) -> None:
    written(tmp_path, "name\nacme\n")
    (tmp_path / "other.csv").write_text("name\nglobex\n")
    same_rows = manifest("TenantSet", "other", {"rows": "rows.csv", "template": TEMPLATE})
    same_name = manifest("TenantSet", "fleet", {"rows": "other.csv", "template": TEMPLATE})
    (tmp_path / "t1.json").write_text(same_rows)
    (tmp_path / "t2.json").write_text(same_name)

    assert [line.partition(": error")[2] for line in lines(tmp_path)] == [
        "[REC-ROWS]: the rows of rows.csv are those of the TenantSet at set.json:1; take others",
        "[REC-NAME]: the name fleet is taken by the TenantSet at set.json:1",
    ]


def test_a_name_is_given_once_among_sets_and_tenants(tmp_path: Path) -> None:
    written(tmp_path, "name\nglobex\nacme\n")
    (tmp_path / "b.csv").write_text("name\nglobex\n")
    spec = {"rows": "b.csv", "template": TEMPLATE}
    (tmp_path / "b.json").write_text(manifest("TenantSet", "other", spec))
    (tmp_path / "a.json").write_text(
        manifest("Tenant", "acme", {**TEMPLATE, "baseUrl": "https://a.b"})
    )

    assert lines(tmp_path) == [
        "rows.csv:2:1: error[REC-NAME]: row globex, column name: the name globex is taken by the "
        "Tenant at b.csv:2",
        "rows.csv:3:1: error[REC-NAME]: row acme, column name: the name acme is taken by the "
        "Tenant "
        "at a.json:1",
    ]


def test_of_a_file_full_of_faults_as_many_are_shown_as_people_read(tmp_path: Path) -> None:
    written(tmp_path, "name\n" + "Acme\n" * 300)
    of_shape = lines(tmp_path)
    written(tmp_path, "name\n" + "-\n" * 300)

    for found in (of_shape, lines(tmp_path)):
        assert len(found) == 101
        assert found[-1] == (
            "rows.csv:102:1: error[REC-FILE]: too many faults; the other problems of the rows are "
            "not shown"
        )


@pytest.mark.parametrize(
    ("name", "rows", "problem"),
    [
        ("rows.csv", "," * 300_000, "1:1001: error[REC-TEXT]: more than 1000 columns"),
        ("rows.csv", "name" + ",-" * 999, "1:206: error[REC-FILE]: too many faults"),
        ("rows.csv", "name\n" + "," * 300_000, "2:1001: error[REC-TEXT]: more than 1000 columns"),
        ("rows.csv", "name\n" + "a\n" * 100_000, "20001:1: error[REC-FILE]: too many documents"),
        ("rows.csv", 'name\n"' + 'a""' * 200_000, "2:1: error[REC-TEXT]: a quote inside of a cell"),
        ("rows.json", f"[{','.join(['{}'] * 100_000)}]", "1:59999: error[REC-FILE]: too many docu"),
        ("rows.json", f"[{','.join(['1'] * 300_000)}]", "1:200: error[REC-ROWS]: a row in JSON is"),
        ("rows.json", json.dumps([{"name": "a"} | {f"c{n}": "-" for n in range(1000)}]),
         "1:2: error[REC-ROWS]: row a has more than 1000 columns"),
    ],
    ids=range(8),
)  # fmt: skip
def test_what_is_far_too_long_is_reported_in_little_memory_and_few_lines(
    tmp_path: Path, name: str, rows: str, problem: str
) -> None:
    written(tmp_path, rows, name=name)
    tracemalloc.start()

    found = lines(tmp_path)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) <= 2 * 101
    assert any(line.startswith(f"{name}:{problem}") for line in found), found[-1]
    assert peak < 100 * 2**20


def test_rows_count_among_the_documents(tmp_path: Path) -> None:
    written(tmp_path, "name\n" + "".join(f"a{n}\n" for n in range(20_000)))

    assert lines(tmp_path) == [
        "rows.csv:20001:1: error[REC-FILE]: too many documents in all; raise --max-documents"
    ]


def test_no_cell_is_repeated_and_no_line_of_the_rows_is_shown(tmp_path: Path) -> None:
    for name, rows in (
        ("rows.csv", "name,token\nacme,s3cr3t!\n"),
        ("rows.json", '[{"name": "acme", "token": "s3cr3t!"}]'),
    ):
        loaded = read(written(tmp_path / name, rows, name=name, labels={"x": "{token}"}))

        assert "s3cr3t" not in "".join(map(str, loaded.problems))
        assert loaded.problems
        assert loaded.sources.lines_of(loaded.problems) == {}


def test_a_selector_selects_rows_by_name_label_and_dialect(tmp_path: Path) -> None:
    written(tmp_path, "name,env\nacme,prod\nglobex,test\n", labels={"env": "{env}"})
    schema = {"id": "urn:example:a", "name": "a", "attributes": [{"name": "a"}]}
    spec = {"schema": schema, "tenants": {"matchLabels": {"env": "prod"}, "names": ["a*"]}}
    (tmp_path / "e.json").write_text(manifest("SchemaExtension", "e", spec))

    manifests = read(tmp_path).manifests

    assert manifests is not None
    (extension,) = manifests.extensions
    assert [extension.selector.selects(tenant) for tenant in manifests.tenants] == [True, False]


CELL = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,8}\Z").filter(lambda text: ".." not in text)


@given(st.dictionaries(st.from_regex(r"\A[a-z][a-z0-9]{0,8}\Z"), CELL, min_size=1, max_size=8))
def test_rows_in_csv_and_json_are_the_same_tenants(
    tmp_path_factory: pytest.TempPathFactory, cells: dict[str, str]
) -> None:
    csv = "name,x\r\n" + "".join(f'{name},"{value}"\r\n' for name, value in cells.items())
    objects = [{"x": value, "name": name} for name, value in cells.items()]
    found = []
    for name, rows in (("rows.csv", csv), ("rows.json", json.dumps(objects, indent="\t"))):
        folder = tmp_path_factory.mktemp("rows")
        found.append(read(written(folder, rows, name=name, labels={"x": "{x}"})).manifests)

    assert found[0] is not None
    assert {tenant.name: tenant.labels["x"] for tenant in found[0].tenants} == cells
    assert found[0] == found[1]
