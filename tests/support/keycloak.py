"""A real Keycloak that the tests start themselves, from its distribution in Maven Central.

It is built once a version, in `~/.cache/reconciler-tests`, which outlives the tree. Where
`KEYCLOAK_URL` names one that runs already, with the administrator `admin` and that password, its
realms are made there: a developer waits for no start.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit

import pytest

from tests.support.faultserver import unused_port

NEWEST = "26.7.3"
OLDER = "26.4.0"
_FEATURES = {NEWEST: ("--features=scim-api",)}  # which older versions do not know
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reconciler-tests"
_PROGRAMS = ("java", "mvn")
_ADMIN = {"KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": "admin"}
_NAMES = count()
_AT_ONCE = 500  # users of one import
READ = ("view-realm", "view-users")
WRITE = ("manage-realm", "view-realm", "view-users")


@dataclass
class Refusal(Exception):
    """An answer of Keycloak that is no success."""

    status: int
    body: str


@dataclass
class Keycloak:
    """A Keycloak; one that the tests have started can be killed and started again."""

    root: str
    home: Path | None = None
    process: "subprocess.Popen[bytes] | None" = None
    _token: tuple[str, float] = field(default=("", 0.0), repr=False)

    def start(self) -> None:
        """Start it with the data it had; returns when it answers."""
        assert self.home is not None
        port = urlsplit(self.root).port
        log = self.home / "log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                ["java", "-Xms64m", "-Xmx512m", "-XX:+ExitOnOutOfMemoryError",
                 "--add-opens=java.base/java.util=ALL-UNNAMED",
                 "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
                 "--add-opens=java.base/java.security=ALL-UNNAMED",
                 "--add-opens=java.base/java.lang=ALL-UNNAMED",
                 f"-Dkc.home.dir={self.home}", f"-Djboss.server.config.dir={self.home}/conf",
                 "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
                 "-Dpicocli.disable.closures=true",
                 "-cp", str(self.home / "lib/quarkus-run.jar"),
                 "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
                 "start", "--optimized", "--cache=local",
                 "--http-enabled=true", "--hostname-strict=false",
                 "--http-host=127.0.0.1", f"--http-port={port}",
                 f"--http-management-port={unused_port()}"],
                cwd=self.home,
                env={**os.environ, **_ADMIN},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )  # fmt: skip
        ends = time.monotonic() + 600
        while not self._answers():
            assert self.process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < ends, log.read_text()[-3000:]
            time.sleep(0.2)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGTERM ends it in order, SIGKILL is as a crash."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(60)
        self.process = None

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request below /admin as the administrator; the JSON that comes, None for none."""
        return _ask(method, f"{self.root}/admin{path}", body, self._admin())

    def realm(self, *, events: bool = False, scim: bool = False, **members: Any) -> "Realm":
        """A new realm; `events` keeps admin events with details, `scim` has its own SCIM on."""
        name = f"r{os.getpid()}-{time.time_ns() % 10**6}-{next(_NAMES)}"
        document = {
            "realm": name,
            "enabled": True,
            "adminEventsEnabled": events,
            "adminEventsDetailsEnabled": events,
            "attributes": {"scimApiEnabled": "true"} if scim else {},
        }
        self.ask("POST", "/realms", document | members)
        return Realm(self, name)

    def _admin(self) -> str:
        token, ends = self._token
        if time.monotonic() > ends:
            form = {"grant_type": "password", "client_id": "admin-cli"}
            who = {"username": "admin", "password": "admin"}
            token = _token(f"{self.root}/realms/master", form | who)
            self._token = token, time.monotonic() + 40
        return token

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.root}/realms/master", timeout=30):
                return True
        except (URLError, ConnectionError, TimeoutError):
            return False


@dataclass(frozen=True)
class Client:
    """A client with a service account."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Realm:
    """A realm, and what an administrator does in it behind our back."""

    server: Keycloak
    name: str

    @property
    def admin_url(self) -> str:
        """What a manifest has as `baseUrl`."""
        return f"{self.server.root}/admin/realms/{self.name}"

    @property
    def scim_url(self) -> str:
        return f"{self.server.root}/realms/{self.name}/scim/v2"

    @property
    def token_url(self) -> str:
        return f"{self.server.root}/realms/{self.name}/protocol/openid-connect/token"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request below the realm's admin address as the administrator."""
        return self.server.ask(method, f"/realms/{self.name}{path}", body)

    def profile(self) -> Any:
        """The whole user profile."""
        return self.ask("GET", "/users/profile")

    def declare(self, *attributes: Mapping[str, Any], **members: Any) -> None:
        """Add attributes to the profile, or put them in the place of those of their names."""
        profile = self.profile()
        named = {each["name"]: each for each in profile["attributes"]}
        named |= {each["name"]: each for each in map(_writable, attributes)}
        self.ask("PUT", "/users/profile", profile | {"attributes": [*named.values()]} | members)

    def undeclare(self, *names: str) -> None:
        """Take attributes out of the profile; the values of users stay."""
        profile = self.profile()
        rest = [each for each in profile["attributes"] if each["name"] not in names]
        self.ask("PUT", "/users/profile", profile | {"attributes": rest})

    def client(self, *roles: str, client_id: str = "reconciler", scim: bool = False) -> Client:
        """A new client whose service account has those roles of `realm-management`.

        With `scim` its tokens are good for the realm's own SCIM as well.
        """
        audience = {"included.custom.audience": self.scim_url, "access.token.claim": "true"}
        mapper = {
            "name": "scim",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": audience,
        }
        client = Client(client_id, f"secret-of-{self.name}-{client_id}")
        document = {
            "clientId": client.id,
            "secret": client.secret,
            "serviceAccountsEnabled": True,
            "standardFlowEnabled": False,
            "protocolMappers": [mapper] if scim else [],
        }
        self.ask("POST", "/clients", document)
        [own] = self.ask("GET", f"/clients?clientId={client_id}")
        account = self.ask("GET", f"/clients/{own['id']}/service-account-user")
        self._grant(account["id"], roles)
        return client

    def add_users(
        self,
        number: int,
        attributes: Callable[[int], Mapping[str, Sequence[str]]] = lambda _: {},
        *,
        start: int = 0,
    ) -> None:
        """Import users `user-00000` and so on with these values; no profile judges them."""
        for first in range(start, start + number, _AT_ONCE):
            users = [
                {
                    "username": f"user-{each:05}",
                    "email": f"user-{each:05}@example.org",
                    "firstName": "First",
                    "lastName": "Last",
                    "enabled": True,
                    "attributes": attributes(each),
                }
                for each in range(first, min(first + _AT_ONCE, start + number))
            ]
            self.ask("POST", "/partialImport", {"ifResourceExists": "FAIL", "users": users})

    def user(self, name: str) -> Any:
        """A user as the administrator sees it, by the whole of its userName."""
        query = urlencode({"username": name, "exact": "true"})
        [found] = self.ask("GET", f"/users?{query}")
        return self.ask("GET", f"/users/{found['id']}")

    def token(self, client: Client) -> str:
        """A token of a client of our own."""
        form = {"grant_type": "client_credentials", "client_id": client.id}
        return _token(
            f"{self.server.root}/realms/{self.name}", form | {"client_secret": client.secret}
        )

    def ask_as(self, client: Client, method: str, path: str, body: Any = None) -> Any:
        """Send a request below the realm's admin address as a client."""
        return _ask(method, f"{self.admin_url}{path}", body, self.token(client))

    def ask_scim(self, client: Client, method: str, path: str, body: Any = None) -> Any:
        """Send a request below the address of the realm's own SCIM as a client."""
        return _ask(method, f"{self.scim_url}{path}", body, self.token(client))

    def _grant(self, user_id: str, roles: Sequence[str]) -> None:
        if not roles:
            return
        [management] = self.ask("GET", "/clients?clientId=realm-management")
        known = {
            each["name"]: each for each in self.ask("GET", f"/clients/{management['id']}/roles")
        }
        path = f"/users/{user_id}/role-mappings/clients/{management['id']}"
        self.ask("POST", path, [known[role] for role in roles])


@contextmanager
def started_keycloak(version: str = NEWEST, data: Path | None = None) -> Iterator[Keycloak]:
    """A Keycloak of its own on a free port; it ends with the block.

    `data` is the folder of another version's data, which is taken over and moved on.
    """
    built = built_keycloak(version)
    home = Path(tempfile.mkdtemp(prefix="reconciler-keycloak-"))
    try:
        for name in ("lib", "conf", "providers", "themes"):
            (home / name).symlink_to(built / name)
        if data is not None:
            shutil.copytree(data, home / "data")
        server = Keycloak(f"http://127.0.0.1:{unused_port()}", home)
        try:
            server.start()
            yield server
        finally:
            if server.process is not None:
                server.stop(signal.SIGKILL)
    finally:
        shutil.rmtree(home)


def built_keycloak(version: str) -> Path:
    """The folder of a distribution that has been built for `start --optimized`, once a version."""
    if missing := [name for name in _PROGRAMS if shutil.which(name) is None]:
        pytest.skip(
            f"NOT TESTED: Keycloak needs {' and '.join(missing)}; "
            "apt-get install -y default-jdk-headless maven"
        )
    home = _CACHE / f"keycloak-{version}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with (_CACHE / f"keycloak-{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
                _build(version, Path(folder)).rename(home)
    return home


@contextmanager
def keycloak_of_tests() -> Iterator[Keycloak]:
    """The one that is named, or else one of its own."""
    if running := os.environ.get("KEYCLOAK_URL"):
        yield Keycloak(running.rstrip("/"))
        return
    with started_keycloak() as server:
        yield server


@pytest.fixture(scope="session")
def keycloak() -> Iterator[Keycloak]:
    """One for all tests of this process; each makes realms of its own."""
    with keycloak_of_tests() as server:
        yield server


def _build(version: str, folder: Path) -> Path:
    artifact = f"org.keycloak:keycloak-quarkus-dist:{version}:zip"
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
    maven = ["mvn", "--quiet", "--batch-mode"]
    _run([*maven, f"{plugin}:get", f"-Dartifact={artifact}", "-Dtransitive=false"])
    _run([*maven, f"{plugin}:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"])
    with zipfile.ZipFile(folder / f"keycloak-quarkus-dist-{version}.zip") as archive:
        archive.extractall(folder)
    home = folder / f"keycloak-{version}"
    features = _FEATURES.get(version, ())
    _run(["sh", f"{home}/bin/kc.sh", "build", "--db=dev-file", *features])
    return home


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


def _writable(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """An attribute that administrators may see and write, unless it says otherwise itself."""
    return {"permissions": {"view": ["admin"], "edit": ["admin"]}} | dict(attribute)


def _token(issuer: str, form: Mapping[str, str]) -> str:
    url = f"{issuer}/protocol/openid-connect/token"
    with urllib.request.urlopen(url, urlencode(form).encode(), timeout=60) as answer:
        return str(json.load(answer)["access_token"])


def _ask(method: str, url: str, body: Any, token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read()
    except HTTPError as error:
        with error:
            raise Refusal(error.code, error.read().decode()) from error
    return json.loads(text) if text else None
