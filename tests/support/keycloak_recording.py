"""Exchanges with a real Keycloak, recorded by its version, and played again to the program.

`python -m tests.support.keycloak_recording` starts Keycloak, runs the program against it step by
step, and writes RECORDING anew; with `KEYCLOAK_URL` it takes the one that runs there. No secret and
no token is kept, and of a realm not even its name.
"""

import json
import re
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.support.faultserver import Received, Script, json_reply, reply, serving
from tests.support.keycloak import NEWEST, WRITE, Client, Realm, keycloak_of_tests
from tests.support.keycloak_world import declare, folder_of, relaying
from tests.support.program import Folder

RECORDING = Path(__file__).parent / "recordings" / f"keycloak-{NEWEST}.json"
NAME = "acme"
TOKEN = "/protocol/openid-connect/token"
GRADE = {
    "name": "grade",
    "type": "string",
    "caseExact": True,
    "canonicalValues": ["b", "a"],
    "description": "Grade",
    "annotations": {"inputType": "select"},
}
START = {"name": "start", "type": "dateTime"}
SENIOR = {"name": "isSenior", "type": "boolean", "mutability": "readOnly"}
COUNT = {"name": "count", "type": "integer", "validations": {"integer": {"min": 1}}}


@dataclass(frozen=True)
class Step:
    """A call of the program: what is wanted then, and what somebody else does before our PUT."""

    arguments: tuple[str, ...]
    code: int
    wanted: tuple[Mapping[str, Any], ...]
    meanwhile: str | None = None


STEPS = (
    Step(("plan", "--detailed-exitcode"), 2, (GRADE, START)),
    Step(("apply", "--auto-approve"), 0, (GRADE, START)),
    Step(("plan", "--detailed-exitcode"), 0, (GRADE, START)),
    Step(("apply", "--auto-approve"), 3, (GRADE, START, COUNT), meanwhile="theirs"),
    Step(("apply", "--auto-approve"), 0, (GRADE, START, COUNT)),
    Step(
        ("apply", "--auto-approve"),
        3,
        (GRADE, START, {**SENIOR, "selector": {"scopes": ["nosuch"]}}),
    ),
    Step(("apply", "--auto-approve"), 0, ({**GRADE, "canonicalValues": ["a", "b", "c"]}, SENIOR)),
    Step(("plan", "--detailed-exitcode"), 0, (GRADE | {"canonicalValues": ["c", "b", "a"]},)),
)


@dataclass
class Exchange:
    """One request of ours and its answer; `body` is JSON, None of a request for a token."""

    step: int
    method: str
    target: str
    body: Any
    status: int
    answer: Any


def take(folder: Folder, step: Step) -> str:
    """Run one step; the output, which has to have ended as it should."""
    declare(folder, *map(dict, step.wanted))
    done = folder.run(*step.arguments)
    assert done.code == step.code, done.everything
    return done.everything


def record(realm: Realm, client: Client, folder_at: Path) -> list[Exchange]:
    """Run all steps against the realm."""
    exchanges: list[Exchange] = []
    at = 0

    def before(request: Received) -> None:
        name = STEPS[at].meanwhile
        if request.method == "PUT" and name is not None:
            realm.declare({"name": name, "annotations": {}})

    def after(request: Received, status: int, body: bytes) -> None:
        is_token = request.path.endswith(TOKEN)
        answer = {"access_token": "recorded-token", "token_type": "Bearer", "expires_in": 300}
        exchanges.append(
            Exchange(
                step=at,
                method=request.method,
                target=request.target.replace(realm.name, NAME),
                body=json.loads(request.body) if request.body and not is_token else None,
                status=status,
                answer=answer if is_token else json.loads(body),
            )
        )

    with serving(relaying(realm.server.root, before, after)) as relay:
        folder = folder_of(folder_at, realm, client, root=f"http://127.0.0.1:{relay.port}")
        for step in STEPS:
            take(folder, step)
            at += 1
    return exchanges


@dataclass
class Played:
    """A handler that answers as was recorded, and notes each request that was not."""

    exchanges: list[Exchange]
    unknown: list[str] = field(default_factory=list)
    step: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def recorded(cls) -> "Played":
        document = json.loads(RECORDING.read_text())
        return cls([Exchange(**each) for each in document["exchanges"]])

    def __call__(self, request: Received) -> Script:
        is_token = request.path.endswith(TOKEN)
        body = json.loads(request.body) if request.body and not is_token else None
        with self._lock:
            for each in self.exchanges:
                known = (each.step, each.method, each.target, each.body)
                if known == (self.step, request.method, request.target, body):
                    self.exchanges.remove(each)
                    return json_reply(each.answer, each.status)
            self.unknown.append(f"{request.method} {request.target} {json.dumps(body)}")
        return reply(418)

    def remaining(self) -> list[str]:
        """The requests that were recorded and have not come."""
        return [f"{each.method} {each.target}" for each in self.exchanges]


def main() -> None:
    """Write the recording."""
    with keycloak_of_tests() as server, tempfile.TemporaryDirectory() as folder:
        realm = server.realm(events=True)
        exchanges = record(realm, realm.client(*WRITE, "view-events"), Path(folder))
    document = {"keycloak": NEWEST, "exchanges": [asdict(each) for each in exchanges]}
    text = json.dumps(document, indent=1, ensure_ascii=False)
    for number, found in enumerate(dict.fromkeys(_UUID.findall(text))):
        text = text.replace(found, f"00000000-0000-4000-8000-{number:012}")
    RECORDING.parent.mkdir(exist_ok=True)
    RECORDING.write_text(text + "\n")
    sys.stdout.write(f"{len(exchanges)} exchanges in {RECORDING}\n")


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

if __name__ == "__main__":
    main()
