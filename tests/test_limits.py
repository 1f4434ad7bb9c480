"""`validate` and `plan` ask the same limits of a service: what one warns of the other blocks."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.manifest_files import ManifestFile
from reconciler.adapters.manifests import Loaded, Trusted, load
from reconciler.domain.blocking import BlockReason
from reconciler.domain.deciding import LiveTenant, plan_tenant
from reconciler.domain.dialect import Dialect
from reconciler.domain.manifest import Manages, Manifests, OnDrift, SchemaExtension, TenantsFrom
from reconciler.domain.plan import Blocked, Change, Create, Skip, SkipReason, Update
from reconciler.domain.scim import AttributeType, Schema
from reconciler.domain.selection import Selection
from tests.support.domain_world import live, planned
from tests.support.reading import LIMITS

URN = "urn:example:hr"
DIALECTS = load_dialects()
TENANT: dict[str, Any] = {
    "apiVersion": "reconciler/v1",
    "kind": "Tenant",
    "metadata": {"name": "acme"},
    "spec": {"dialect": "sap", "baseUrl": "embedded://acme"},
}
EXTENSION = """\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {{name: hr}}
spec:
  onDrift: {drift}
  manages: {manages}
  schema:
    id: urn:example:hr
    name: {name}
    {above}
    attributes:
"""


def names(number: int, first: str = "a") -> list[dict[str, Any]]:
    """So many attributes that every dialect takes."""
    return [column(f"{first}{index:02}") for index in range(number)]


def column(name: str, **members: Any) -> dict[str, Any]:
    return {"name": name, "idcsDisplayName": name, **members}


def parts(number: int) -> dict[str, Any]:
    return column("whole", type="complex", subAttributes=names(number, "p"))


def typed(kind: str) -> dict[str, Any]:
    inside = {"subAttributes": [{"name": "part"}]} if kind == "complex" else {}
    to = {"referenceTypes": ["uri"]} if kind == "reference" else {}
    return column("kind", type=kind, **inside, **to)


class Desk:
    """A folder with one tenant and one extension, validated and planned as the program does."""

    def __init__(self, folder: Path, dialect: str, **capabilities: Any) -> None:
        self.folder, self.dialect = folder, dialect
        spec = TENANT["spec"] | {"dialect": dialect}
        spec |= {"capabilities": capabilities} if capabilities else {}
        (folder / "tenant.json").write_text(json.dumps(TENANT | {"spec": spec}))

    def write(
        self,
        attributes: Iterable[dict[str, Any]],
        *,
        name: str = "hr",
        notes: dict[str, str] | None = None,
        update: bool = False,
        manages: Manages = Manages.SCHEMA,
    ) -> None:
        """`notes` silence a rule: above the member `name` or `attributes`, or an attribute."""
        above = {at: f"# reconciler: ignore {rule} -- tried" for at, rule in (notes or {}).items()}
        head = EXTENSION.format(
            name=name,
            drift="update" if update else "skip",
            manages=manages,
            above=above.get("attributes", ""),
        )
        if "name" in above:
            head = head.replace("    name:", f"    {above['name']}\n    name:")
        lines = [head]
        for attribute in attributes:
            if attribute["name"] in above:
                lines.append(f"      {above[attribute['name']]}\n")
            lines.append(f"      - {json.dumps(attribute)}\n")
        (self.folder / "hr.yaml").write_text("".join(lines))

    @property
    def extension(self) -> SchemaExtension:
        (found,) = self.manifests.extensions
        return found

    @property
    def service(self) -> Dialect:
        return self.manifests.tenants[0].dialect

    @property
    def manifests(self) -> Manifests:
        loaded = load(self.folder, dialects=DIALECTS, limits=LIMITS)
        assert loaded.manifests is not None, loaded.problems
        return loaded.manifests

    def warned(self) -> list[str]:
        """The warnings of `validate`, but those about the notes themselves."""
        problems = load(self.folder, dialects=DIALECTS, limits=LIMITS).problems
        return [p.rule for p in problems if p.severity == "warning"]

    def messages(self) -> list[str]:
        """The messages of `validate`, without the names of tenants."""
        problems = load(self.folder, dialects=DIALECTS, limits=LIMITS).problems
        return [
            p.message.replace(" (tenant acme)", "") for p in problems if p.severity == "warning"
        ]

    def plan(self, *there: dict[str, Any]) -> Change:
        found: LiveTenant = live(*there)
        (change,) = planned([self.extension], found, service=self.service).changes
        return change


@pytest.fixture
def desk(tmp_path: Path) -> Callable[..., Desk]:
    def made(dialect: str, **capabilities: Any) -> Desk:
        return Desk(tmp_path, dialect, **capabilities)

    return made


CREATING = [name for name, dialect in DIALECTS.items() if dialect.creates]
EVERY = sorted(AttributeType)


Case = tuple[str, dict[str, Any], list[dict[str, Any]], str, str | None]


def of_types(name: str) -> Iterator[Case]:
    for kind in EVERY:
        yield name, {}, [typed(kind)], "hr", None if kind in DIALECTS[name].types else "REC-TYPE"


def of_numbers(name: str) -> Iterator[Case]:
    """Of the dialect's own limits and of such as a tenant may set: n - 1, n, n + 1."""
    dialect = DIALECTS[name]
    for most in {3, dialect.attributes or 3}:
        given: dict[str, Any] = {} if most == dialect.attributes else {"attributes": most}
        for number in (most - 1, most, most + 1):
            yield name, given, names(number), "hr", "REC-ATTRIBUTES" if number > most else None
    for most in {3, dialect.sub_attributes or 3}:
        given = {} if most == dialect.sub_attributes else {"subAttributes": most}
        for number in (most - 1, most, most + 1, most + 5):
            yield name, given, [parts(number)], "hr", "REC-PARTS" if number > most else None


def of_names(name: str) -> Iterator[Case]:
    dialect = DIALECTS[name]
    plain: dict[str, Any] = {}
    for given in (plain, {"nameEndsUrn": True}):
        ends = bool(given) or dialect.name_ends_urn
        for called in ("hr", "HR", "people"):
            rule = "REC-SCHEMA-NAME" if ends and called == "people" else None
            yield name, given, names(1), called, rule
    for length in (1, 2, 29, 30, 31) if dialect.names else ():
        rule = None if 2 <= length <= 30 else "REC-ATTRIBUTE-NAME"
        yield name, {}, [column("a" * length)], "hr", rule


def of_members(name: str) -> Iterator[Case]:
    bare = {"name": "bare"}
    yield name, {"attributeMembers": ["label"]}, [bare], "hr", "REC-VENDOR-MEMBER"
    yield name, {"attributeMembers": ["label"]}, [bare | {"label": "Bare"}], "hr", None


CASES = [
    case
    for name in CREATING
    for cases in (of_types, of_numbers, of_names, of_members)
    for case in cases(name)
]


@pytest.mark.parametrize(("dialect", "capabilities", "attributes", "name", "rule"), CASES)
def test_plan_blocks_a_create_where_validate_finds_a_limit_exceeded(
    desk, dialect, capabilities, attributes, name, rule
) -> None:
    at = desk(dialect, **capabilities)
    at.write(attributes, name=name)

    change = at.plan()

    if rule is None:
        assert at.warned() == []
        assert isinstance(change, Create)
    else:
        assert at.warned() == [rule]
        assert isinstance(change, Blocked)
        assert change.reason is BlockReason.UNSUPPORTED
        assert at.messages()[0] in change.recipe
        assert f"({rule})" in change.recipe


SILENCED = [
    ("REC-TYPE", {}, [column("photo", type="binary")], "hr", "photo"),
    ("REC-ATTRIBUTES", {}, names(21), "hr", "attributes"),
    ("REC-PARTS", {}, [parts(21)], "hr", "whole"),
    ("REC-ATTRIBUTE-NAME", {}, [column("cost$code")], "hr", "cost$code"),
    ("REC-SCHEMA-NAME", {}, names(1), "people", "name"),
    ("REC-VENDOR-MEMBER", {"attributeMembers": ["label"]}, [column("ab")], "hr", "ab"),
]


@pytest.mark.parametrize(("rule", "capabilities", "attributes", "name", "at"), SILENCED)
def test_an_ignore_note_lifts_a_limit_for_validate_and_plan_alike(
    desk, rule, capabilities, attributes, name, at
) -> None:
    sap = desk("sap", **capabilities)
    sap.write(attributes, name=name)
    assert isinstance(sap.plan(), Blocked)

    sap.write(attributes, name=name, notes={at: rule})

    assert sap.warned() == []
    assert isinstance(sap.plan(), Create)


def test_an_ignore_note_on_one_attribute_lifts_nothing_of_another(desk) -> None:
    sap = desk("sap")
    sap.write([parts(21), column("other", type="complex", subAttributes=names(22, "p"))],
              notes={"whole": "REC-PARTS"})  # fmt: skip

    change = sap.plan()

    assert sap.warned() == ["REC-PARTS"]
    assert isinstance(change, Blocked)
    assert "'other'" in change.recipe
    assert "'whole'" not in change.recipe


def test_an_ignore_note_of_another_rule_lifts_no_limit(desk) -> None:
    sap = desk("sap")
    sap.write([parts(21)], notes={"whole": "REC-TYPE"})

    assert sap.warned() == ["REC-IGNORE", "REC-PARTS"]
    assert isinstance(sap.plan(), Blocked)


@pytest.mark.parametrize(
    ("capabilities", "attributes", "name"),
    [
        ({"types": EVERY}, [column("photo", type="binary")], "hr"),
        ({"attributes": 21}, names(21), "hr"),
        ({"subAttributes": 21}, [parts(21)], "hr"),
        ({"nameEndsUrn": False}, names(1), "people"),
    ],
)
def test_a_capability_of_the_tenant_lifts_a_limit_for_validate_and_plan_alike(
    desk, capabilities, attributes, name
) -> None:
    plain = desk("sap")
    plain.write(attributes, name=name)
    assert isinstance(plain.plan(), Blocked)
    able = desk("sap", **capabilities)

    assert able.warned() == []
    assert isinstance(able.plan(), Create)


def there(*attributes: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"id": URN, "name": "hr", "attributes": list(attributes), **members}


UPDATES = [
    ({"attributes": 3}, names(3), names(4), "hr", "REC-ATTRIBUTES"),
    ({"attributes": 3}, names(2), names(3), "hr", None),
    ({"subAttributes": 3}, [parts(3)], [parts(4)], "hr", "REC-PARTS"),
    ({"types": ["string"]}, names(1), [*names(1), typed("integer")], "hr", "REC-TYPE"),
    ({"nameEndsUrn": True}, names(1), names(2), "people", "REC-SCHEMA-NAME"),
    ({"attributeMembers": ["label"]}, [], [{"name": "ab"}], "hr", "REC-VENDOR-MEMBER"),
]


@pytest.mark.parametrize(("capabilities", "before", "after", "name", "rule"), UPDATES)
@pytest.mark.parametrize(
    "dialect", [n for n, d in DIALECTS.items() if d.updates != "none" and d.transport == "scim"]
)
def test_plan_blocks_an_update_where_validate_finds_a_limit_exceeded(
    desk, dialect, capabilities, before, after, name, rule
) -> None:
    at = desk(
        dialect, **({"types": EVERY, "attributeMembers": [], "updates": "put"} | capabilities)
    )
    at.write(after, name=name, update=True)

    change = at.plan(there(*before) | {"name": name})

    assert [found for found in at.warned() if found != "SCIM-S05"] == ([rule] if rule else [])
    assert isinstance(change, Blocked if rule else Update)
    if isinstance(change, Blocked):
        assert change.reason is BlockReason.UNSUPPORTED
        assert f"({rule})" in change.recipe


def test_a_live_schema_beyond_a_limit_and_as_desired_is_in_sync(desk) -> None:
    sap = desk("sap")
    sap.write(names(21), update=True)

    change = sap.plan(there(*names(21)))

    assert sap.warned() == ["REC-ATTRIBUTES"]
    assert isinstance(change, Skip)
    assert change.reason is SkipReason.IN_SYNC


def test_drift_beyond_a_limit_is_skipped_and_not_blocked(desk) -> None:
    sap = desk("sap")
    sap.write(names(21))

    change = sap.plan(there(*names(20)))

    assert isinstance(change, Skip)
    assert change.reason is SkipReason.DRIFTED


@pytest.mark.parametrize(("limit", "blocked"), [(4, True), (5, False), (6, False)])
def test_a_limit_counts_the_live_attributes_that_stay_beside_the_managed_ones(
    desk, limit, blocked
) -> None:
    at = desk("rfc7644", attributes=limit)
    at.write([*names(1), column("new")], update=True, manages=Manages.ATTRIBUTES)

    change = at.plan(there(*names(4)))

    assert at.warned() == []
    assert isinstance(change, Blocked) is blocked
    if isinstance(change, Blocked):
        assert "takes 4 in one schema, and these are 5" in change.recipe
        assert "(3 of them only live)" in change.recipe


def test_an_update_that_adds_no_attribute_is_not_blocked_for_what_is_live_already(desk) -> None:
    at = desk("rfc7644", attributes=4)
    at.write([column("a00", description="new")], update=True, manages=Manages.ATTRIBUTES)

    assert isinstance(at.plan(there(*names(6))), Update)


def test_a_recipe_names_the_first_limits_and_counts_the_others(desk) -> None:
    sap = desk("sap")
    sap.write([column(f"b${index}") for index in range(9)])

    change = sap.plan()

    assert isinstance(change, Blocked)
    assert change.recipe.count("(REC-ATTRIBUTE-NAME)") == 3
    assert "and 6 more" in change.recipe
    assert len(sap.warned()) == 9


def test_a_type_in_another_case_is_no_type_that_the_service_lacks(desk) -> None:
    sap = desk("sap")
    document = there({"name": "ab", "type": "DATE_TIME"})
    wanted = replace(sap_extension(sap), schema=Schema.from_json(document))

    (change,) = planned([wanted], service=sap.service).changes

    assert isinstance(change, Create)


def sap_extension(desk: Desk) -> SchemaExtension:
    desk.write(names(1))
    return desk.extension


def test_schemas_that_are_equal_and_written_in_another_order_are_distinguished(desk) -> None:
    """Planning asks once for each schema; an equal one may have its findings elsewhere."""
    sap = desk("sap")
    sap.write([column("b$"), column("ab")], notes={"b$": "REC-ATTRIBUTE-NAME"})
    first = sap.plan()
    sap.write([column("ab"), column("b$")], notes={"b$": "REC-ATTRIBUTE-NAME"})
    second = sap.plan()
    sap.write([column("ab"), column("b$")], notes={"ab": "REC-ATTRIBUTE-NAME"})
    third = sap.plan()

    assert [isinstance(change, Create) for change in (first, second, third)] == [True, True, False]


def test_a_note_lifts_a_limit_of_an_update_too(desk) -> None:
    at = desk("rfc7644", attributes=3)
    at.write(names(4), update=True, notes={"attributes": "REC-ATTRIBUTES"})

    change = at.plan(there(*names(3)))

    assert at.extension.on_drift is OnDrift.UPDATE
    assert isinstance(change, Update)
    assert "SCH016" not in [impact.rule for impact in change.subject.assessment().impacts]


def tenant_of_one(*, noted: bool) -> str:
    """A Tenant that may hold one extension, and perhaps a note that it takes more."""
    note = "  # reconciler: ignore REC-EXTENSIONS -- the service took more\n" if noted else ""
    return (
        f"apiVersion: reconciler/v1\nkind: Tenant\nmetadata:\n{note}  name: acme\n"
        "spec: {dialect: sap, baseUrl: 'embedded://acme', limits: {extensions: 1}}\n"
    )


def write_extensions(folder: Path, number: int) -> None:
    for index in range(number):
        manifest = EXTENSION.format(drift="skip", manages="schema", name=f"hr{index}", above="")
        manifest = manifest.replace("name: hr}", f"name: hr{index}}}")
        manifest = manifest.replace("urn:example:hr", f"urn:example:hr{index}")
        (folder / f"{index}.yaml").write_text(f"{manifest}      - {{name: ab}}\n")


def created(loaded: Loaded) -> list[bool]:
    assert loaded.manifests is not None, loaded.problems
    (acme,) = loaded.manifests.tenants
    extensions = loaded.manifests.extensions
    plan = plan_tenant(acme, extensions=extensions, live=live(), selection=Selection())
    return [isinstance(change, Create) for change in plan.changes]


@pytest.mark.parametrize(("number", "noted"), [(1, False), (2, False), (2, True)])
def test_a_note_at_the_tenant_lifts_its_limit_of_extensions(
    tmp_path: Path, number: int, noted: bool
) -> None:
    (tmp_path / "tenant.yaml").write_text(tenant_of_one(noted=noted))
    write_extensions(tmp_path, number)

    loaded = load(tmp_path, dialects=DIALECTS, limits=LIMITS)

    exceeded = number > 1 and not noted
    assert [p.rule for p in loaded.problems] == (["REC-EXTENSIONS"] if exceeded else [])
    assert created(loaded) == [True, not exceeded][:number]


@pytest.mark.parametrize("noted", [False, True])
def test_with_tenants_of_a_ref_the_note_of_the_ref_counts(tmp_path: Path, noted: bool) -> None:
    (tmp_path / "tenant.yaml").write_text(tenant_of_one(noted=not noted))
    write_extensions(tmp_path, 2)
    there = ManifestFile("main:tenant.yaml", tenant_of_one(noted=noted).encode())
    source = TenantsFrom(ref="main", commit="1" * 40)

    loaded = load(
        tmp_path,
        dialects=DIALECTS,
        trusted=Trusted(source=source, files=(there,), dialects=DIALECTS),
        limits=LIMITS,
    )

    assert ("REC-EXTENSIONS" in [p.rule for p in loaded.problems]) is not noted
    assert created(loaded) == [True, noted]
