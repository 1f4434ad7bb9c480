"""The page on compatibility names the versions that are really tried."""

import json
import re
from xml.etree import ElementTree

import pytest

from tests.support.peers import PEERS
from tests.support.program import ROOT

PAGE = (ROOT / "docs/compatibility.md").read_text()
NODE = json.loads((PEERS / "node/package.json").read_text())["dependencies"]
MAVEN = {"m": "http://maven.apache.org/POM/4.0.0"}


def java(folder: str) -> dict[str, str]:
    """The version of each artifact that a peer in Java is built from."""
    project = ElementTree.parse(PEERS / folder / "pom.xml")
    return {
        found.findtext("m:artifactId", "", MAVEN): found.findtext("m:version", "", MAVEN)
        for found in project.iterfind(".//m:dependency", MAVEN)
    }


def locked(package: str) -> str:
    found = re.search(rf"^{package}==(\S+)", (ROOT / "requirements-dev.txt").read_text(), re.M)
    assert found is not None
    return found[1]


SCIMONO = java("scimono")
UNBOUNDID = java("unboundid")
COMPLIANCE = java("compliance")


@pytest.mark.parametrize(
    ("row", "versions"),
    [
        (
            "scimono",
            [SCIMONO["scimono-server"], SCIMONO["jersey-hk2"], SCIMONO["jetty-servlet"][:6]],
        ),
        ("SCIMMY", [NODE["scimmy"], NODE["scimmy-routers"], NODE["express"]]),
        ("oidc-provider", [NODE["oidc-provider"]]),
        ("scim2-tester", [locked("scim2-tester")]),
        ("scim2-sdk-client", [UNBOUNDID["scim2-sdk-client"], UNBOUNDID["jersey-client"]]),
        ("compliance suite", [COMPLIANCE["scimono-compliance-tests"]]),
        ("scim-sanity", [locked("scim-sanity")]),
    ],
)
def test_a_service_that_is_tried_has_the_version_that_is_tried(row: str, versions: list[str]):
    line = next(line for line in PAGE.splitlines() if line.startswith("|") and row in line)

    assert "✔" in line
    for version in versions:
        assert version in line


def test_no_other_row_claims_to_be_tried():
    assert PAGE.count("| ✔ |") == 7


def test_the_lock_of_the_peers_pins_each_package_and_names_no_registry():
    lock = json.loads((PEERS / "node/package-lock.json").read_text())
    packages = [found for path, found in lock["packages"].items() if path]

    assert len(packages) > 50
    assert all(re.fullmatch(r"\d+\.\d+\.\d+.*", found["version"]) for found in packages)
    assert all(found["integrity"].startswith("sha512-") for found in packages)
    assert not any("resolved" in found for found in packages)
