"""The address of the project: one constant, and what says that it is a placeholder while it is."""

import re
import tomllib
from importlib.metadata import requires

import pytest

from reconciler.installation import ADDRESS, PACKAGE, Extra, address_note, way_to
from tests.support.source_tree import ROOT

PLACES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs",
    "desired-state",
    "reconciler",
    ".github",
)
HOST = re.compile(r"\b\w+\.mypurecloud\.com")


def shipped() -> dict[str, str]:
    """The texts that users read or copy, by path."""
    files = [path for place in PLACES for path in (ROOT / place, *(ROOT / place).rglob("*"))]
    return {
        str(path.relative_to(ROOT)): path.read_text()
        for path in files
        if path.suffix in (".md", ".py", ".yml", ".yaml", ".json") and path.is_file()
    }


def test_a_real_address_is_just_named():
    assert address_note("https://example.com/us/reconciler") == "https://example.com/us/reconciler"


def test_the_placeholder_says_that_it_is_one():
    assert address_note("https://example.com/OWNER/reconciler") == (
        "https://example.com/OWNER/reconciler, where OWNER is a placeholder: the project has no "
        "public address yet"
    )


def test_what_names_the_address_in_prose_or_templates_says_so_while_it_is_a_placeholder():
    naming = {name for name, text in shipped().items() if "OWNER/reconciler" in text}
    silent = {name for name in naming if "placeholder" not in shipped()[name]}

    assert "README.md" in naming
    assert silent == set()


def test_the_code_has_the_address_once():
    code = {name: text for name, text in shipped().items() if name.endswith(".py")}

    assert [name for name, text in code.items() if ADDRESS in text] == [
        "reconciler/installation.py"
    ]


def test_no_text_names_our_package_for_an_index_to_find():
    """Whoever registers the name there would be installed by it."""
    for name, text in shipped().items():
        named = re.findall(rf"install .*{PACKAGE}(?:\[\w+\])?(.{{0,3}})", text)
        assert [after for after in named if after != " @ "] == [], name


def test_the_extras_are_those_of_the_metadata_and_each_brings_something():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert set(declared["optional-dependencies"]) == set(Extra)
    assert all(declared["optional-dependencies"].values())


@pytest.mark.parametrize("extra", Extra)
def test_the_way_to_an_extra_names_its_libraries_and_not_our_package(extra: Extra):
    way = way_to(extra)

    libraries = [line for line in requires(PACKAGE) or () if f"extra == '{extra}'" in line]
    assert libraries
    assert all(line.partition(";")[0] in way for line in libraries)
    assert way.startswith("add it by: ")
    assert PACKAGE not in way


def test_what_shows_a_tenant_of_genesys_names_one_host_for_scim_and_one_for_tokens():
    shown = {name: set(HOST.findall(text)) for name, text in shipped().items()}

    for name in ("docs/overview.md", "docs/first-tenant.md", "docs/pull-requests.md",
                 "desired-state/tenants/_example-genesys.yaml"):  # fmt: skip
        assert shown[name]
    assert {frozenset(hosts) for hosts in shown.values() if hosts} == {
        frozenset({"api.mypurecloud.com", "login.mypurecloud.com"})
    }
