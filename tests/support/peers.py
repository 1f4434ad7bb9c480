"""Servers and an issuer that others wrote, built from their registries' packages and started here.

`tests/peers` holds what they are built from: lists of exact versions, and a main program for each.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from tests.support.program import ROOT
from tests.support.transport_world import pem_of

PEERS = ROOT / "tests/peers"
BUILT = ROOT / ".peers"


@dataclass(frozen=True)
class Kit:
    """What a peer is built from, with which programs, and how it is started there."""

    folder: str
    programs: tuple[str, ...]
    packages: str  # of Debian, that bring the programs
    build: tuple[str, ...]
    start: tuple[str, ...]


def java_kit(folder: str, *start: str) -> Kit:
    """The jars that a `pom.xml` names, and a main program that `java` itself compiles."""
    return Kit(
        folder=folder,
        programs=("java", "javac", "mvn"),
        packages="default-jdk-headless maven",
        build=(
            "mvn", "--quiet", "--batch-mode",
            "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies",
            "-DoutputDirectory=lib",
        ),
        start=("java", "-cp", "lib/*", *start),
    )  # fmt: skip


SCIMONO = java_kit("scimono", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "Scimono.java")
UNBOUNDID = java_kit("unboundid", "UnboundId.java")
COMPLIANCE = java_kit(
    "compliance",
    "--add-opens", "java.base/java.net=ALL-UNNAMED",
    "--add-opens", "java.base/sun.net.www.protocol.http=ALL-UNNAMED",
    "Compliance.java",
)  # fmt: skip
NODE = Kit(
    folder="node",
    programs=("node", "npm"),
    packages="nodejs npm",
    build=("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"),
    start=("node", "server.mjs"),
)


@contextmanager
def started(kit: Kit, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """The line with which the peer reports that it listens; it ends with the block."""
    home = built(kit)
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(
            kit.start,
            cwd=home,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"{kit.folder} did not start: {(home / 'log').read_text()[-2000:]}"
        yield line
    finally:
        process.kill()
        process.communicate()


def built(kit: Kit) -> Path:
    """The folder of a finished build, made once for each content of the kit's folder."""
    missing = [name for name in kit.programs if shutil.which(name) is None]
    if missing:
        pytest.skip(
            f"NOT TESTED: {kit.folder} needs {' and '.join(missing)}; "
            f"apt-get install -y {kit.packages}"
        )
    sources = sorted((PEERS / kit.folder).iterdir())
    content = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    home = BUILT / f"{kit.folder}-{content[:16]}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "ready").exists():
            for source in sources:
                shutil.copy(source, home)
            done = subprocess.run(
                kit.build, cwd=home, capture_output=True, text=True, check=False, timeout=600
            )
            assert done.returncode == 0, f"{kit.folder}: {done.stdout}{done.stderr}"
            (home / "ready").touch()
    return home


@dataclass(frozen=True)
class Scimono:
    """SAP's library as a service; what somebody else could do to it over HTTP."""

    base_url: str

    def holds(self, urn: str) -> bool:
        with urllib.request.urlopen(f"{self.base_url}/Schemas", timeout=30) as answer:
            return urn in [schema["id"] for schema in json.load(answer)["Resources"]]

    def post(self, document: dict[str, object]) -> None:
        self._send("POST", "/Schemas", document)

    def delete(self, urn: str) -> None:
        self._send("DELETE", f"/Schemas/{urn}", None)

    def _send(self, method: str, path: str, document: object) -> None:
        request = urllib.request.Request(
            self.base_url + path,
            None if document is None else json.dumps(document).encode(),
            {"Content-Type": "application/scim+json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status < 300


@dataclass(frozen=True)
class Guarded:
    """SCIMMY behind oidc-provider, and what its clients have to know, by the name of a file.

    Both are served with TLS too, where clients are asked for certificates.
    """

    root: str
    secure_root: str
    secrets: dict[str, str] = field(repr=False)

    @property
    def base_url(self) -> str:
        return f"{self.root}/scim"

    @property
    def issuer(self) -> str:
        return f"{self.root}/issuer"


@pytest.fixture
def scimono() -> Iterator[Scimono]:
    """A service of its own for each test, without extensions."""
    with started(SCIMONO) as line:
        yield Scimono(f"http://127.0.0.1:{int(line)}/scim")


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """One for all tests of this process: it holds nothing that a test could change."""
    folder = tmp_path_factory.mktemp("certificates")
    certificates = _certificates()
    for name, text in certificates.items():
        (folder / name).write_text(text)
    with started(NODE, {"CERTIFICATES": str(folder)}) as line:
        reported = json.loads(line)
        yield Guarded(
            root=f"http://127.0.0.1:{reported['port']}",
            secure_root=f"https://127.0.0.1:{reported['securePort']}",
            secrets={**certificates, **reported["secrets"]},
        )


def _certificates() -> dict[str, str]:
    """Those of the server and of its clients, one of which nobody else vouches for."""
    authority, own = trustme.CA(), trustme.CA()
    return {
        "authority.pem": authority.cert_pem.bytes().decode(),
        "server.pem": pem_of(authority.issue_cert("127.0.0.1")),
        "certified.pem": pem_of(authority.issue_cert("acme.example.com")),
        "other.pem": pem_of(authority.issue_cert("other.example.com")),
        "self-signed.pem": (own.cert_pem.bytes() + own.private_key_pem.bytes()).decode(),
    }
