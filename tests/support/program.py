"""A folder with manifests, the program as a process in it, and a dev-tenant beside it."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.adapters.jsonschemas import check
from reconciler.domain.jsontext import Json
from tests.support.warm import Done, Order, warm_interpreter

ROOT = Path(__file__).parents[2]
HR_URN = "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:HRExtension"
WORK_URN = "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:WorkAssignments"


@dataclass
class Folder:
    """A working directory of the program."""

    path: Path
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, **environ: str) -> Done:
        """Run the program to its end; no terminal, and an environment of our own."""
        environment = self.environment(environ)
        return warm_interpreter().run(Order((arguments,), str(self.path), environment))

    def run_cold(self, *arguments: str, **environ: str) -> Done:
        """The same in an interpreter of its own, for what is decided as it starts."""
        return self.run_by((), *arguments, environ=environ)

    def run_by(
        self,
        launcher: Sequence[str],
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        seconds: int = 60,
    ) -> Done:
        """The same, started by another program, from which it inherits what that has set."""
        done = subprocess.run(
            [*launcher, sys.executable, "-m", "reconciler", *arguments],
            cwd=self.path,
            env=self.environment(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def run_into(self, log: str, *arguments: str, merged: bool) -> str:
        """Run it with both streams kept: in one file, or (merged) through one pipe to another."""
        redirected = f"2>&1 | tee {log} > /dev/null" if merged else f"> {log} 2>> {log}"
        command = shlex.join([sys.executable, "-m", "reconciler", *arguments])
        subprocess.run(
            ["sh", "-c", f"{command} {redirected}"],
            cwd=self.path,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )
        return (self.path / log).read_text()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the program and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=self.path,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, **self.environ, **(more or {})}

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.path / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def audit(self) -> list[dict]:
        done = self.run("audit", "export")
        assert done.code == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    def plan(self) -> Json:
        return json.loads(self.run("plan", "--format", "json").out)

    def output(self, *arguments: str) -> Json:
        """What the command prints with `--format json`: an envelope, held against its schema."""
        document = json.loads(self.run(*arguments, "--format", "json").out)
        assert check(document, "output") == ()
        return document

    def save_plan(self, *arguments: str) -> Json:
        """Save a plan as plan.json; return what it says."""
        done = self.run("plan", "--out", "plan.json", *arguments)
        assert done.code == 0, done.everything
        return json.loads((self.path / "plan.json").read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with the manifests that this repository ships."""
    shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")
    return Folder(tmp_path)


@dataclass
class DevTenant:
    """A dev-tenant process; what a hand could do to it over HTTP."""

    folder: Folder
    manifest: str
    secrets: Path

    @property
    def base_url(self) -> str:
        found = re.search(r"baseUrl: (\S+)", self.manifest)
        assert found is not None
        return found[1]

    @property
    def root(self) -> str:
        return self.base_url.removesuffix("/scim/v2")

    def secret(self, what: str) -> str:
        return (self.secrets / f"dev-{what}").read_text()

    def set_faults(self, **faults: object) -> None:
        self._send("PUT", f"{self.root}/_dev/faults", faults, {})

    def inbox(self) -> Json:
        return self._send("GET", f"{self.root}/hr/scim/sync", None, {})

    def get(self, urn: str) -> Json:
        return self._scim("GET", f"/Schemas/{urn}", None)

    def put(self, urn: str, document: dict) -> None:
        self._scim("PUT", f"/Schemas/{urn}", document)

    def post(self, document: dict) -> None:
        self._scim("POST", "/Schemas", document)

    def drift(self, urn: str, document: dict) -> None:
        """Change a schema behind the back of all, whatever the dialect allows."""
        self._send("PUT", f"{self.root}/_dev/schemas/{urn}", document, {})

    def users(self) -> list[dict]:
        return list(self._scim("GET", "/Users?count=100", None)["Resources"])

    def add_user(self, name: str) -> None:
        document = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name}
        self._scim("POST", "/Users", document)

    def count_users(self) -> int:
        return int(self._scim("GET", "/Users?count=0", None)["totalResults"])

    def schemas(self) -> list[dict]:
        listed = self._scim("GET", "/Schemas?count=100", None)["Resources"]
        return [schema for schema in listed if ":genesys:2.0:" in schema["id"]]

    def token(self) -> str:
        form = (
            f"grant_type=client_credentials&client_id={self.secret('client-id')}"
            f"&client_secret={self.secret('client-secret')}"
        )
        request = urllib.request.Request(f"{self.root}/oauth/token", form.encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(json.load(answer)["access_token"])

    def _scim(self, method: str, path: str, body: Json) -> Json:
        headers = {"Authorization": f"Bearer {self.token()}"}
        return self._send(method, self.base_url + path, body, headers)

    def _send(self, method: str, url: str, body: object, headers: dict[str, str]):
        data = None if body is None else json.dumps(body).encode()
        headers = {**headers, "Content-Type": "application/scim+json"}
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@pytest.fixture
def dev_tenant(folder: Folder) -> Iterator[DevTenant]:
    """`reconciler dev-tenant` on a free port, and its manifest in place of the built-in tenant."""
    with started_dev_tenant(folder) as tenant:
        (folder.path / "desired-state/tenants/local.yaml").unlink()
        folder.write("desired-state/tenants/dev.yaml", tenant.manifest)
        folder.environ["RECONCILER_SECRETS_DIR"] = str(tenant.secrets)
        yield tenant


@contextmanager
def started_dev_tenant(folder: Folder, *options: str) -> Iterator[DevTenant]:
    process = folder.start("dev-tenant", "--port", "0", *options)
    try:
        manifest = _read_until(process, "webhook-secret")
        yield DevTenant(folder, manifest, folder.path / ".reconciler/secrets")
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)
        assert "Traceback" not in err, err
        assert process.returncode == 0


def assert_reported(done: Done, code: int, *texts: str) -> None:
    """The exit code, every text, and no traceback."""
    assert done.code == code, done.everything
    for text in texts:
        assert text in done.everything
    assert "Traceback" not in done.everything


def _read_until(process: subprocess.Popen[str], mark: str) -> str:
    lines = ""
    assert process.stdout is not None
    while mark not in lines:
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        lines += line
    return lines
