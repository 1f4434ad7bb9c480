"""A folder becomes Manifests or Problems: whatever lies in it, in whatever order, never a crash."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.jsonschemas import acceptance
from reconciler.adapters.manifests import Loaded, load
from reconciler.domain.dialect import Transport, UpdateStrategy
from reconciler.domain.freeze import FrozenHours, FrozenPeriod, Weekday, frozen_at
from reconciler.domain.manifest import (
    Auth,
    AuthType,
    ClientAuth,
    Limits,
    Manages,
    OnDrift,
    ProjectedResource,
    Projection,
    SecretRef,
    SecretSource,
    Selector,
    Webhook,
)
from reconciler.domain.problem import Place, Severity
from tests.support.pages import page_with
from tests.support.reading import LIMITS

DIALECTS = load_dialects()
SHIPPED = Path(__file__).parents[2] / "desired-state"

TENANT = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: NAME}
spec: {dialect: genesys, baseUrl: "https://NAME.example.com"}
"""
EXTENSION = """\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {name: NAME}
spec:
  schema:
    id: urn:example:NAME
    name: NAME
    attributes: [{name: first}]
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def tenant(name: str) -> str:
    return TENANT.replace("NAME", name)


def extension(name: str) -> str:
    return EXTENSION.replace("NAME", name)


def read(folder: Path, **options: Any) -> Loaded:
    """A folder without what only informs: such a rule may speak of any manifest."""
    loaded = load(folder, dialects=DIALECTS, **{"limits": LIMITS, **options})
    weighty = tuple(p for p in loaded.problems if p.severity is not Severity.INFO)
    return replace(loaded, problems=weighty)


def lines(loaded: Loaded, folder: Path) -> list[str]:
    return [str(problem).replace(f"{folder}/", "") for problem in loaded.problems]


def test_a_tenant_is_read_with_everything_in_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        t_yaml="""\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: acme-prod, labels: {env: prod}}
spec:
  dialect: sap
  baseUrl: https://scim.example.com/v2
  targetSystem: SAP
  auth:
    type: oauth2-client-credentials
    tokenUrl: https://login.example.com/token
    clientAuth: basic
    clientId: {env: ID}
    clientSecret: {file: acme/secret}
    scopes: [a, b]
  limits: {extensions: 5, maxCreates: 1}
  capabilities: {updates: none, types: [string], requestsPerMinute: 60, fixed: {caseExact: true}}
  webhooks:
    - {url: "https://hr.example.com/1", secret: {env: ONE}}
    - url: https://hr.example.com/2
      secret:
        - {env: NEW}
        - {env: OLD}
""",
    )

    loaded = read(tmp_path)

    assert loaded.manifests is not None
    (found,) = loaded.manifests.tenants
    path = str(tmp_path / "t.yaml")
    assert (found.name, found.labels, found.dialect.name) == ("acme-prod", {"env": "prod"}, "sap")
    assert found.place == Place(path, 1, 1)
    assert (found.base_url, found.target_system) == ("https://scim.example.com/v2", "SAP")
    assert found.limits == Limits(extensions=5, max_creates=1, max_updates=3)
    spoken = found.dialect
    assert (spoken.updates, spoken.types) == (UpdateStrategy.NONE, frozenset({"string"}))
    assert (spoken.requests_per_minute, spoken.creates) == (60, True)
    assert spoken.fixed == (("caseExact", True),)
    assert found.projection is None
    assert found.auth == Auth(
        type=AuthType.OAUTH2,
        token_url="https://login.example.com/token",
        client_auth=ClientAuth.BASIC,
        scopes=("a", "b"),
        credentials={
            "clientId": SecretRef(SecretSource.ENV, "ID", Place(path)),
            "clientSecret": SecretRef(SecretSource.FILE, "acme/secret", Place(path)),
        },
    )
    assert found.auth.credentials["clientSecret"].place == Place(path, 13, 19)
    assert found.webhooks == (
        Webhook(
            url="https://hr.example.com/1",
            secrets=(SecretRef(SecretSource.ENV, "ONE", Place(path)),),
        ),
        Webhook(
            url="https://hr.example.com/2",
            secrets=(
                SecretRef(SecretSource.ENV, "NEW", Place(path)),
                SecretRef(SecretSource.ENV, "OLD", Place(path)),
            ),
        ),
    )
    assert [secret.place.line for secret in found.webhooks[1].secrets] == [21, 22]


def test_a_projection_is_read(tmp_path: Path) -> None:
    realm = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: a}
spec:
  dialect: keycloak
  baseUrl: https://id.example.com/admin/realms/staff
  projection: {schemaId: "urn:example:hr", resource: users}
"""
    write(tmp_path, t_yaml=realm)

    loaded = read(tmp_path)

    assert loaded.manifests is not None
    (found,) = loaded.manifests.tenants
    assert found.projection == Projection("urn:example:hr", ProjectedResource.USERS)
    assert found.dialect.transport is Transport.KEYCLOAK


@pytest.mark.parametrize(
    ("auth", "names"),
    [
        ("{type: bearer, token: {env: A}}", ["token"]),
        ("{type: basic, username: {env: A}, password: {file: b}}", ["password", "username"]),
        ("{type: none}", []),
    ],
)
def test_each_kind_of_credentials_is_read(tmp_path: Path, auth: str, names: list[str]) -> None:
    write(tmp_path, t_yaml=tenant("a").replace('com"}', f'com", auth: {auth}}}'))

    loaded = read(tmp_path)

    assert loaded.manifests is not None
    assert list(loaded.manifests.tenants[0].auth.credentials) == names
    assert loaded.manifests.tenants[0].auth.type == AuthType(auth.split()[1].strip(",}"))


def test_the_freezes_of_the_page_about_manifests_are_read(tmp_path: Path) -> None:
    block = page_with("docs/reference/manifests.md", "yaml").removeprefix("spec:\n")
    head, _, _ = tenant("a").partition("spec:")
    write(tmp_path, t_yaml=f"{head}spec:\n  dialect: sap\n  baseUrl: https://a.example\n{block}")

    loaded = read(tmp_path)

    assert lines(loaded, tmp_path) == []
    assert loaded.manifests is not None
    dates, times, nights, sundays = loaded.manifests.tenants[0].freeze
    assert dates == FrozenPeriod(
        datetime(2026, 12, 19, 23, tzinfo=UTC), datetime(2027, 1, 3, 23, tzinfo=UTC)
    )
    assert times == FrozenPeriod(
        datetime(2026, 11, 30, 17, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC)
    )
    berlin = ZoneInfo("Europe/Berlin")
    days = frozenset((Weekday.FRI, Weekday.SAT))
    assert nights == FrozenHours(days=days, begins=18 * 60, ends=8 * 60, zone=berlin)
    whole_day = FrozenHours(days=frozenset((Weekday.SUN,)), begins=0, ends=24 * 60, zone=berlin)
    assert sundays == whole_day


@pytest.mark.parametrize(
    ("entry", "last"),
    [
        ('{from: "2026-12-20", to: "2026-12-20"}', "2026-12-20T23:59:59Z"),
        ('{from: "2026-12-20", to: "9999-12-31"}', "2999-12-31T23:59:59Z"),
        ('{from: "2026-12-20T00:00:00z", to: "9999-12-31T23:59:59-12:00"}', "2999-12-31T23:59:59Z"),
    ],
)
def test_a_freeze_lasts_to_the_end_of_its_last_date(tmp_path: Path, entry: str, last: str) -> None:
    write(tmp_path, t_yaml=tenant("a").replace('com"}', f'com", freeze: [{entry}]}}'))

    loaded = read(tmp_path)

    assert lines(loaded, tmp_path) == []
    assert loaded.manifests is not None
    freeze = loaded.manifests.tenants[0].freeze
    assert frozen_at(freeze, datetime.fromisoformat(last)) is not None
    assert frozen_at(freeze, datetime(2026, 12, 19, 23, 59, 59, tzinfo=UTC)) is None


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "Factory", "right/UTC", "America"])
def test_a_zone_that_only_this_machine_has_is_none(tmp_path: Path, zone: str) -> None:
    text = tenant("a").replace('com"}', f'com", freeze: [{{days: [sun], zone: {zone}}}]}}')
    write(tmp_path, t_yaml=text)

    (problem,) = read(tmp_path).problems

    assert problem.message.startswith("no name of the IANA time zone database")


def test_an_extension_is_read_with_everything_in_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        t_yaml=tenant("acme-1").replace("acme-1}", "acme-1, labels: {env: prod}}"),
        e_yaml="""\
# a comment
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {name: hr, labels: {domain: hr}}
spec:
  resourceType: Group
  tenants: {matchLabels: {env: prod}, names: [acme-*], dialects: [genesys]}
  onDrift: update
  manages: attributes
  schema:
    id: urn:example:hr
    name: HR
    idcsX: 1
    attributes:
      - {name: b, type: boolean, mutability: immutable}
      - {name: a}
""",
    )

    loaded = read(tmp_path)

    assert loaded.problems == ()
    assert loaded.manifests is not None
    (found,) = loaded.manifests.extensions
    assert (found.name, found.labels, found.resource_type) == ("hr", {"domain": "hr"}, "Group")
    assert found.place == Place(str(tmp_path / "e.yaml"), 2, 1)
    assert found.selector == Selector(
        match_labels={"env": "prod"}, names=("acme-*",), dialects=("genesys",)
    )
    assert (found.on_drift, found.manages) == (OnDrift.UPDATE, Manages.ATTRIBUTES)
    assert [attribute.name for attribute in found.schema.attributes] == ["a", "b"]
    assert found.schema.document["idcsX"] == 1


def test_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    write(tmp_path, t_yaml=tenant("a"), e_yaml=extension("x"))

    loaded = read(tmp_path)

    assert loaded.manifests is not None
    (found,), (wanted,) = loaded.manifests.tenants, loaded.manifests.extensions
    assert (found.auth, found.limits, found.webhooks) == (Auth(), Limits(), ())
    assert (wanted.resource_type, wanted.selector) == ("User", Selector())
    assert (wanted.on_drift, wanted.manages) == (OnDrift.SKIP, Manages.SCHEMA)


def test_files_of_all_suffixes_and_depths_are_read_and_sorted_by_name(tmp_path: Path) -> None:
    write(tmp_path, z__deep__er_yaml=tenant("b"), a_yaml=extension("v") + "---\n" + tenant("c"))
    (tmp_path / "b.yml").write_text(extension("x"))
    document = {
        "apiVersion": "reconciler/v1",
        "kind": "Tenant",
        "metadata": {"name": "a"},
        "spec": {"dialect": "rfc7644", "baseUrl": "http://localhost:1"},
    }
    (tmp_path / "c.json").write_text(json.dumps(document))
    (tmp_path / "notes.txt").write_text("{{{")
    (tmp_path / "d.YAML.bak").write_text("{{{")

    loaded = read(tmp_path)

    assert loaded.problems == ()
    assert loaded.files == 4
    assert loaded.manifests is not None
    assert [t.name for t in loaded.manifests.tenants] == ["a", "b", "c"]
    assert [e.name for e in loaded.manifests.extensions] == ["v", "x"]


def test_names_that_begin_with_a_dot_or_underscore_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, t_yaml=tenant("a"))
    for name in (".git", "_drafts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.yaml").write_text("{{{")
    (tmp_path / "_x.yaml").write_text("{{{")
    (tmp_path / ".x.yaml").write_text("{{{")
    os.mkfifo(tmp_path / "_pipe.yaml")

    loaded = read(tmp_path)

    assert (loaded.files, loaded.problems) == (1, ())


def test_no_manifests_at_all_is_an_error_unless_meant(tmp_path: Path) -> None:
    write(tmp_path, only_yaml="# a comment\n---\n")

    refused, meant = read(tmp_path), read(tmp_path, allow_empty=True)

    assert refused.manifests is None
    assert [(p.rule, p.place) for p in refused.problems] == [("REC-EMPTY", Place(str(tmp_path)))]
    assert "--allow-empty" in refused.problems[0].message
    assert meant.problems == ()
    assert meant.manifests is not None
    assert (meant.manifests.tenants, meant.manifests.extensions) == ((), ())


@pytest.mark.parametrize("allow_empty", [True, False])
@pytest.mark.parametrize("name", ["missing", "file.yaml", "null\0byte", "x" * 300])
def test_a_folder_that_is_none_is_an_error(tmp_path: Path, name: str, allow_empty: bool) -> None:
    write(tmp_path, file_yaml=tenant("a"))

    loaded = read(tmp_path / name, allow_empty=allow_empty)

    assert loaded.manifests is None
    assert [problem.rule for problem in loaded.problems] == ["REC-FILE"]
    assert "--desired-state" in loaded.problems[0].message
    assert str(loaded.problems[0]).isprintable()


def test_every_problem_of_every_file_is_shown_at_once_in_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_yaml=tenant("a").replace("dialect", "dialekt"),
        b_yaml=extension("x").replace("name: first", "name: first, type: Boolean, required: no"),
        c_yaml="{{",
        d_yaml=tenant("d") + "---\n" + tenant("d"),
    )

    loaded = read(tmp_path)

    assert loaded.manifests is None
    assert lines(loaded, tmp_path) == [
        "a.yaml:4:1: error[REC-SHAPE]: spec lacks dialect",
        "a.yaml:4:8: error[REC-SHAPE]: unknown key 'dialekt'; did you mean dialect?",
        "b.yaml:8:38: error[SCIM-A04]: attribute 'first': 'Boolean' is spelt boolean",
        "b.yaml:8:57: error[REC-TEXT]: no is a word to some YAML readers and a boolean or null to "
        "others; quote it, or write false",
        "c.yaml:1:2: error[REC-TEXT]: a key that is no text; keys are plain strings",
        "d.yaml:8:18: error[REC-NAME]: the name d is taken by the Tenant at d.yaml:1",
    ]


def test_one_place_has_one_problem_the_first_in_the_chain(tmp_path: Path) -> None:
    faults = "name: 1.10, multiValued: no, required: 'yes', mutability: readonly"
    write(tmp_path, e_yaml=extension("x").replace("name: first", faults))

    loaded = read(tmp_path)

    assert [problem.rule for problem in loaded.problems] == [
        "REC-TEXT",
        "REC-TEXT",
        "SCIM-A22",
        "SCIM-A06",
    ]


def test_warnings_alone_do_not_stop_a_run(tmp_path: Path) -> None:
    write(tmp_path, e_yaml=extension("x"))

    loaded = read(tmp_path)

    assert loaded.manifests is not None
    assert [(p.severity, p.rule) for p in loaded.problems] == [(Severity.WARNING, "REC-SELECTOR")]


def test_a_selector_is_not_blamed_while_its_tenant_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, e_yaml=extension("x"), t_yaml=tenant("a").replace("https", "http"))

    assert [problem.rule for problem in read(tmp_path).problems] == ["REC-SHAPE"]


def test_a_relative_folder_gives_relative_paths(tmp_path: Path) -> None:
    write(tmp_path, sub__t_yaml="{")
    code = (
        "from pathlib import Path\n"
        "from reconciler.adapters.manifests import load\n"
        "from tests.support.reading import LIMITS\n"
        "for folder in ('sub', './sub', '.'):\n"
        "    print(load(Path(folder), dialects={}, limits=LIMITS).problems[0].place.path)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SHIPPED.parent)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["sub/t.yaml", "sub/t.yaml", "sub/t.yaml"]


def fifo(path: Path, _: Path) -> None:
    os.mkfifo(path)


def listener(path: Path, _: Path) -> None:
    here = Path.cwd()
    server = socket.socket(socket.AF_UNIX)
    try:
        os.chdir(path.parent)  # the name of a socket may have 107 characters at most
        server.bind(path.name)
    finally:
        os.chdir(here)
        server.close()


def link_out(path: Path, outside: Path) -> None:
    (outside / "t.yaml").write_text(tenant("outside"))
    path.symlink_to(outside / "t.yaml")


def link_to_device(path: Path, _: Path) -> None:
    path.symlink_to("/dev/zero")


def link_nowhere(path: Path, _: Path) -> None:
    path.symlink_to(path.with_name("nowhere.yaml"))


def link_to_itself(path: Path, _: Path) -> None:
    path.symlink_to(path)


def link_to_fifo(path: Path, _: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def link_to_a_folder(path: Path, outside: Path) -> None:
    (outside / "x.yaml").write_text(tenant("outside"))
    path.symlink_to(outside)


def link_through_an_outer_link(path: Path, outside: Path) -> None:
    (outside / "t.yaml").write_text(tenant("outside"))
    path.with_name("_hop").symlink_to(outside)
    path.symlink_to("_hop/t.yaml")


def unprintable(path: Path, _: Path) -> None:
    path.with_name("evil\n::error::\x1b[31m.yaml").write_text(tenant("b"))


def no_utf8(path: Path, _: Path) -> None:
    Path(os.fsdecode(os.fsencode(path.parent) + b"/\xff.yaml")).write_text(tenant("b"))


STRANGE: list[Callable[[Path, Path], None]] = [
    fifo, listener, link_out, link_to_device, link_nowhere, link_to_itself, link_to_fifo,
    link_to_a_folder, link_through_an_outer_link, unprintable, no_utf8,
]  # fmt: skip


@pytest.mark.parametrize("make", STRANGE, ids=lambda make: make.__name__)
def test_a_pipe_device_or_link_in_the_folder_is_an_error_and_never_read(
    tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    write(folder, good_yaml=tenant("a"))
    make(folder / "strange.yaml", outside)

    loaded = read(folder)

    assert loaded.manifests is None
    assert loaded.files == 1
    assert [problem.rule for problem in loaded.problems] == ["REC-FILE"]
    assert str(loaded.problems[0]).isprintable()


def test_a_link_to_a_regular_file_inside_is_followed(tmp_path: Path) -> None:
    write(tmp_path, _shared__t_yaml=tenant("a"))
    (tmp_path / "linked.yaml").symlink_to("_shared/t.yaml")

    loaded = read(tmp_path)

    assert loaded.problems == ()
    assert loaded.manifests is not None
    assert loaded.manifests.tenants[0].place.path == str(tmp_path / "linked.yaml")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path / "real", t_yaml=tenant("a"))
    (tmp_path / "link").symlink_to("real")

    loaded = read(tmp_path / "link")

    assert loaded.problems == ()
    assert loaded.files == 1


def test_a_huge_sparse_file_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(5 * 2**30)

    loaded = read(tmp_path)

    assert lines(loaded, tmp_path) == [
        "huge.yaml:1:1: error[REC-TEXT]: larger than 256 KiB; "
        "split the file, or raise --max-file-kib"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, secret_yaml=tenant("a"), closed__t_yaml=tenant("b"))
    (tmp_path / "secret.yaml").chmod(0)
    (tmp_path / "closed").chmod(0)

    loaded = read(tmp_path)
    (tmp_path / "closed").chmod(0o700)

    assert lines(loaded, tmp_path) == [
        "closed:1:1: error[REC-FILE]: cannot be listed: permission denied",
        "secret.yaml:1:1: error[REC-FILE]: cannot be read: permission denied",
    ]


def test_a_folder_deeper_than_pythons_stack_is_walked(tmp_path: Path) -> None:
    write(tmp_path, t_yaml=tenant("a"))
    made = [tmp_path / "d"]
    while len(made) < 1200:
        made.append(made[-1] / "d")
    for folder in made:
        folder.mkdir()

    try:
        loaded = read(tmp_path)
    finally:
        for folder in reversed(made):  # pytest's own clean-up would recurse
            folder.rmdir()

    assert loaded.problems == ()
    assert loaded.files == 1


MUTATIONS = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 12), st.binary(max_size=6)),
    min_size=1,
    max_size=4,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300
)
@given(st.sampled_from(["hr-extension.yaml", "work-assignments.yaml"]), MUTATIONS)
def test_a_mutilated_manifest_is_manifests_or_problems(
    tmp_path: Path, name: str, mutations: list[tuple[int, int, bytes]]
) -> None:
    data = (SHIPPED / "extensions" / name).read_bytes()
    for start, length, instead in mutations:
        data = data[:start] + instead + data[start + length :]
    (tmp_path / "m.yaml").write_bytes(data)

    loaded = read(tmp_path)

    errors = [p for p in loaded.problems if p.severity is Severity.ERROR]
    assert (loaded.manifests is None) == bool(errors)
    assert all(str(problem).isprintable() for problem in loaded.problems)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20
)
@given(st.permutations(range(5)))
def test_the_spread_of_manifests_over_files_changes_nothing(
    tmp_path: Path, order: list[int]
) -> None:
    texts = [tenant("a"), tenant("b"), extension("u"), extension("v"), extension("w")]
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    write(tmp_path, one_yaml="---\n".join(texts[index] for index in order[:3]))
    write(tmp_path, sub__two_yaml="---\n".join(texts[index] for index in order[3:]))

    loaded = read(tmp_path)

    assert loaded.problems == ()
    assert loaded.manifests is not None
    assert [t.name for t in loaded.manifests.tenants] == ["a", "b"]
    assert [e.schema.id for e in loaded.manifests.extensions] == [
        "urn:example:u",
        "urn:example:v",
        "urn:example:w",
    ]


def test_the_shipped_manifests_have_no_problem() -> None:
    loaded = read(SHIPPED)

    assert loaded.problems == ()
    assert loaded.manifests is not None
    (local,) = loaded.manifests.tenants
    assert (local.name, local.embedded, local.dialect.name) == ("local", "local", "genesys")
    assert [e.name for e in loaded.manifests.desired_for(local)] == [
        "hr-extension",
        "work-assignments",
    ]


def test_the_shipped_extension_is_the_tutorials() -> None:
    loaded = read(SHIPPED)

    assert loaded.manifests is not None
    schema = loaded.manifests.extensions[0].schema
    assert schema.id == "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:HRExtension"
    assert {a.name: (a.type, a.case_exact, a.mutability) for a in schema.attributes} == {
        "hrDepartmentCode": ("string", True, "readWrite"),
        "isContractor": ("boolean", False, "readWrite"),
        "payrollStartDate": ("dateTime", False, "immutable"),
    }


@pytest.mark.parametrize("example", sorted(SHIPPED.glob("tenants/_*.yaml")), ids=lambda p: p.stem)
def test_the_shipped_examples_of_a_service_are_sound_once_they_are_renamed(
    example: Path, tmp_path: Path
) -> None:
    tenant = Path(shutil.copy(example, tmp_path / example.name.removeprefix("_")))
    extension = SHIPPED / "extensions" / example.name
    if not extension.exists():
        extension = SHIPPED / "extensions/hr-extension.yaml"
    shutil.copy(extension, tmp_path / "extension.yaml")

    loaded = read(tmp_path)

    assert [p for p in loaded.problems if p.severity is Severity.ERROR] == []
    assert loaded.manifests is not None
    [found] = loaded.manifests.tenants
    assert tenant.stem == f"example-{found.dialect.name}"
    own = "extension" if found.dialect.name == "genesys" else found.dialect.name
    assert [each.name for each in loaded.manifests.desired_for(found)] == [f"hr-{own}"]


def test_every_service_has_a_shipped_example_of_a_tenant() -> None:
    examples = {path.stem.removeprefix("_example-") for path in SHIPPED.glob("tenants/_*.yaml")}

    assert examples == {"genesys", "keycloak", "oracle", "rfc7644", "sap"}
    for path in SHIPPED.glob("extensions/_*.yaml"):
        assert (SHIPPED / "tenants" / path.name).exists()


def test_every_shipped_manifest_tells_editors_its_schema() -> None:
    for path in sorted(SHIPPED.rglob("*.yaml")):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        relative = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / relative).resolve() == SHIPPED.parent / (
            "reconciler/schemas/manifest.json"
        )


def test_validating_does_not_pay_for_what_it_does_not_use() -> None:
    code = (
        "import sys, reconciler.adapters.manifests, reconciler.adapters.dialects\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    imported = set(done.stdout.split())
    dear = {"requests", "urllib3", "psycopg", "deepdiff", "tenacity", "rich"}
    assert not imported & dear
    assert "yaml" in imported


def test_printing_a_schema_does_not_pay_for_jsonschema() -> None:
    code = (
        "import sys\nfrom reconciler.adapters.packaged import schema_text\n"
        "assert schema_text('manifest').startswith('{')\n"
        "print('jsonschema' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def peak_of(folder: Path, number: int) -> tuple[int, int]:
    """The most memory that it took to load so many manifests, and how large their files are."""
    folder.mkdir()
    characteristics = "type: string, mutability: readWrite, returned: default, uniqueness: none"
    attributes = "".join(f"      - {{name: attribute{n}, {characteristics}}}\n" for n in range(30))
    for n in range(number):
        head = f"apiVersion: reconciler/v1\nkind: SchemaExtension\nmetadata: {{name: e{n}}}\n"
        schema = f"spec:\n  schema:\n    id: urn:x:e{n}\n    name: e{n}\n    attributes:\n"
        (folder / f"{n}.yaml").write_text(head + schema + attributes)
    tracemalloc.start()
    try:
        assert load(folder, dialects=load_dialects(), limits=LIMITS).manifests
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return peak, sum(file.stat().st_size for file in folder.iterdir())


def test_a_manifest_takes_a_few_times_the_memory_of_its_text(tmp_path: Path) -> None:
    """Not where each of its values stands, nor each of its keywords once more."""
    assert acceptance.validator("manifest")  # imported once, after the first hundred documents
    peak_of(tmp_path / "warm", 1)
    less, smaller = peak_of(tmp_path / "a", 30)
    more, larger = peak_of(tmp_path / "b", 60)

    assert (more - less) / (larger - smaller) < 6
