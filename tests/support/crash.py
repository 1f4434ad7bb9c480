"""The harness of the crash matrix: one apply, stopped by strace at any system call it makes.

The tenant and HR live in this process, so that they survive whatever happens to the program.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reconciler.adapters.database import Store, open_store
from reconciler.domain.jsontext import Json
from reconciler.domain.records import check_chain
from reconciler.embedded import DevTenantAccess, serve
from reconciler.errors import StateError
from tests.support.embedded_client import Client, connected
from tests.support.postgres import Server
from tests.support.warm import Done, Order, Warm

WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2")
SYNCS = ("fsync", "fdatasync", "msync", "sync_file_range")
NAMES = ("rename", "renameat", "renameat2", "ftruncate", "unlink", "unlinkat", "link", "linkat")
SOCKETS = ("connect", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg")
CALLS = (*WRITES, *SYNCS, *NAMES, *SOCKETS)

CREATED = ("Alpha", "Beta", "Gamma")
UPDATED = ("Delta", "Epsilon")
APPLY = ("apply", "--auto-approve", "--parallelism", "1")  # one thread: one count of calls

LOOKS = (
    ("plan", "--detailed-exitcode"),
    ("webhooks", "deliver", "--now"),
    ("audit", "verify"),
)


def urn(name: str) -> str:
    return f"urn:ietf:params:scim:schemas:extension:acme:2.0:User:{name}"


WANTED = frozenset(urn(name) for name in (*CREATED, *UPDATED))


@dataclass(frozen=True, order=True)
class Point:
    """The n-th time that the program makes a system call."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call}#{self.number}"

    def kill(self) -> str:
        return f"{self.call}:signal=KILL:when={self.number}"

    def fail(self, error: str, *, for_good: bool = False) -> str:
        return f"{self.call}:error={error}:when={self.number}{'+' if for_good else ''}"


@dataclass(frozen=True)
class Made:
    """One system call as strace has written it down, with the files that its numbers stand for."""

    point: Point
    line: str

    @property
    def concerns_state(self) -> bool:
        """Whether it goes to a file of the state folder."""
        return "/state/" in self.line or "/state>" in self.line

    @property
    def writes_to_tenant(self) -> bool:
        """Whether it is a request that changes the tenant, or may."""
        return re.search(r'"(POST|PUT|PATCH|DELETE) /scim/v2/', self.line) is not None

    @property
    def injected(self) -> bool:
        """Whether strace made it fail."""
        return "(INJECTED)" in self.line


@dataclass(frozen=True)
class World:
    """A folder with five changes to apply, and the tenant and HR that they concern."""

    path: Path
    client: Client
    warm: Warm
    server: Server | None = None
    database: str = ""
    through: int | None = None

    @property
    def url(self) -> str:
        """Where the state is: a file of its own, or a database of its own."""
        if self.server is not None:
            port = self.through or self.server.port
            return replace(self.server, port=port).url(self.database)
        return f"sqlite:///{self.state}/state.db"

    @property
    def state(self) -> Path:
        return self.path / "state"

    def run(self, *arguments: str, under: tuple[str, ...] = ()) -> Done:
        """Run the program to its end, perhaps under another one."""
        done = subprocess.run(
            [*under, sys.executable, "-m", "reconciler", *arguments],
            cwd=self.path,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def finish(self) -> Done:
        """Apply in a fresh process, then look: plan, deliver and verify; 0 where all are."""
        return self._warm(APPLY, *LOOKS)

    def traced(self, *injections: str) -> Done:
        """Apply under strace; the calls are in `calls()` afterwards."""
        injected = (word for each in injections for word in ("-e", f"inject={each}"))
        named = f"trace={','.join('?' + call for call in CALLS)}"
        strace = ("strace", "-f", "-y", "-s", "64", "-e", "signal=none", "-e", named, *injected)
        return self._warm(APPLY, strace=(*strace, "-o", str(self._log)))

    def calls(self) -> tuple[Made, ...]:
        """What the main thread of the last traced run called; git, its child, is left out."""
        lines = self._log.read_text(errors="replace").splitlines()
        counts: Counter[str] = Counter()
        made = []
        for line in lines:
            thread, _, reported = line.partition(" ")
            if thread == lines[0].partition(" ")[0] and (found := re.match(r" *(\w+)\(", reported)):
                counts[found[1]] += 1
                made.append(Made(Point(found[1], counts[found[1]]), reported.strip()))
        return tuple(made)

    @contextmanager
    def store(self, *, copied: bool = False) -> Iterator[Store]:
        """The store, or a copy, so that looking at what a crash left does not mend it."""
        folder = self.state
        if copied:
            folder = self.path / "copy"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self.state, folder)
        store = open_store(f"sqlite:///{folder}/state.db")
        try:
            yield store
        finally:
            store.close()

    def trail(self, *, copied: bool = False) -> list[dict[str, Json]]:
        """The audit records; none where there is no store yet."""
        if self.server is not None:
            self.server.wait_until_idle(self.database)
            return trail_on(self.server.url(self.database))
        if not (self.state / "state.db").exists():
            return []
        with self.store(copied=copied) as store:
            records = [dict(record) for record in store.records()]
        assert check_chain(records).broken_at is None
        return records

    def live(self) -> list[dict[str, Json]]:
        """The extensions that the tenant holds, each as often as it holds it."""
        listed = self.client.send("GET", "/Schemas", params={"count": 100}).json()["Resources"]
        return [schema for schema in listed if schema["id"] in WANTED]

    def written(self) -> set[str]:
        """The ids of those that this program has created or changed."""
        return {s["id"] for s in self.live() if s["description"] == "as desired"}

    def inbox(self) -> list[dict[str, Json]]:
        """What HR has got: one entry for each id and body."""
        found: list[dict[str, Json]] = self.client.raw("GET", "/hr/scim/sync").json()
        return found

    @property
    def _log(self) -> Path:
        return self.path / "calls"

    def _warm(self, *commands: tuple[str, ...], strace: tuple[str, ...] = ()) -> Done:
        return self.warm.run(Order(commands, str(self.path), self._environ, strace))

    @property
    def _environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "RECONCILER_STATE": self.url,
            "RECONCILER_SECRETS_DIR": str(self.path / "secrets"),
            "TMPDIR": str(self.path / "tmp"),
        }


@contextmanager
def world(
    path: Path, warm: Warm, server: Server | None = None, through: int | None = None
) -> Iterator[World]:
    """Three schemas to create and two to update, in a tenant that runs until the block ends.

    The state is a file, or a new database on the server where one is given, which the program
    may reach by another port than we do.
    """
    path.mkdir(exist_ok=True)
    with serve("dev", path / "tenant") as access, connected(access) as client:
        for name in UPDATED:
            answer = client.send("POST", "/Schemas", document(name, "as before"))
            assert answer.status_code == 201, answer.text
        secrets = path / "secrets"
        secrets.mkdir()
        (path / "tmp").mkdir()
        (secrets / "id").write_text(access.client_id.reveal())
        (secrets / "secret").write_text(access.client_secret.reveal())
        (secrets / "webhook").write_text(access.webhook_secret.reveal())
        manifests = path / "desired-state"
        manifests.mkdir()
        (manifests / "all.yaml").write_text(
            "---\n".join(json.dumps(each, indent=1) + "\n" for each in _manifests(access))
        )
        yield World(path, client, warm, server, server.new() if server else "", through)


def trail_on(url: str) -> list[dict[str, Json]]:
    try:
        store = open_store(url, create=False)
    except StateError:
        return []
    with closing(store):
        records = [dict(record) for record in store.records()]
    assert check_chain(records).broken_at is None
    return records


def document(name: str, description: str) -> dict[str, Json]:
    return {
        "id": urn(name),
        "name": name,
        "description": description,
        "attributes": [{"name": "grade", "type": "string"}],
    }


def _manifests(access: DevTenantAccess) -> Iterator[dict[str, Json]]:
    yield {
        "apiVersion": "reconciler/v1",
        "kind": "Tenant",
        "metadata": {"name": "dev"},
        "spec": {
            "dialect": "genesys",
            "baseUrl": access.base_url,
            "auth": {
                "type": "oauth2-client-credentials",
                "tokenUrl": access.token_url,
                "clientId": {"file": "id"},
                "clientSecret": {"file": "secret"},
            },
            "webhooks": [{"url": access.webhook_url, "secret": {"file": "webhook"}}],
        },
    }
    for name in (*CREATED, *UPDATED):
        yield {
            "apiVersion": "reconciler/v1",
            "kind": "SchemaExtension",
            "metadata": {"name": name.lower()},
            "spec": {"onDrift": "update", "schema": document(name, "as desired")},
        }


def left_by(killed: World) -> list[dict[str, Json]]:
    """The trail after a crash; nothing is in the tenant that it does not name."""
    trail = killed.trail(copied=True)
    intended = {r["schema_id"] for r in trail if r["event"].endswith("_INTENDED")}
    assert killed.written() <= intended
    return trail


def require_finished(killed: World, remaining: list[dict[str, Json]]) -> None:
    """One more run, and all is as if nothing had happened."""
    done = killed.finish()

    assert done.code == 0, done.everything
    trail = killed.trail()
    assert trail[: len(remaining)] == remaining
    proved = [record["schema_id"] for record in trail if record["after_digest"]]
    assert sorted(proved) == sorted(WANTED)
    assert sorted(schema["id"] for schema in killed.live()) == sorted(WANTED)
    assert killed.written() == WANTED
    inbox = killed.inbox()
    assert len({reported["id"] for reported in inbox}) == len(WANTED)
    assert sorted(json.loads(reported["body"])["extension_id"] for reported in inbox) == sorted(
        WANTED
    )


def require_strace() -> None:
    """Fail, loudly, where system calls cannot be traced: what is not tested is not promised."""
    if shutil.which("strace") is None:
        pytest.fail("strace is missing, and the crash tests need it: apt-get install -y strace")
    done = subprocess.run(
        ["strace", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.fail(
            "strace may not trace here, so nothing was tested: allow ptrace "
            f"(docker run --cap-add SYS_PTRACE). strace says: {done.stderr.strip()}"
        )
