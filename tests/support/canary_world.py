"""A service with a test user, and what it makes of values that are written to it."""

import copy
import json
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from reconciler.domain.scim import fold
from tests.support.faultserver import Received, Script, json_reply, reply
from tests.support.indexing import URN, IndexingService, IndexingWorld, indexing_world

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
TESTER = "canary@acme.example"
PERSON = "person@acme.example"


def user(user_id: str, name: str, **extension: Any) -> dict[str, Any]:
    """A user, with values of the extension where there are some."""
    made: dict[str, Any] = {"schemas": [CORE], "id": user_id, "userName": name}
    if extension:
        made["schemas"].append(URN)
        made[URN] = extension
    return made


@dataclass
class CanaryService(IndexingService):
    """A SCIM service whose users can be changed by PATCH.

    `keep` makes what is stored of a value, None for nothing; `refuses_patch` has the status of the
    answer to any PATCH. `strict` takes no value of a schema that the user does not name; `alone`
    takes one operation at a time. `shows` makes what is shown of a user.
    """

    people: list[dict[str, Any]] = field(
        default_factory=lambda: [user("u 1/a", TESTER), user("u2", PERSON, badge="b7")]
    )
    keep: Callable[[str, Any], Any] = lambda _, value: value
    shows: Callable[[dict[str, Any]], dict[str, Any]] = lambda user: user
    answers: Callable[[Received], Script | None] = lambda _: None
    echoes: bool = False
    refuses_patch: int | None = None
    refuses_schemas: bool = False
    strict: bool = False
    alone: bool = False
    tags: bool = False  # users have entity tags, and PATCH has to name the one of now
    between: Callable[[], None] = lambda: None  # what happens before a PATCH
    forever: bool = False  # what is stored stays
    ignores_filter: bool = False
    patches: list[dict[str, Any]] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    def handle(self, request: Received) -> Script:
        if request.path.startswith("/Users") and request.method != "GET":
            self.writes.append(f"{request.method} {request.path}")
        if (instead := self.answers(request)) is not None:
            return instead
        if request.path.startswith("/Users/"):
            self.requests.append(f"{request.method} {request.path}")
            return self._user(request)
        query = {name: of[0] for name, of in parse_qs(urlsplit(request.target).query).items()}
        found = re.fullmatch(r'userName eq "(.*)"', query.get("filter", ""))
        if request.path == "/Users" and found is not None:
            self.requests.append(f"{request.method} {request.path}")
            named = [
                each
                for each in self.people
                if self.ignores_filter
                or fold(each["userName"]) == fold(json.loads(f'"{found[1]}"'))
            ]
            return json_reply({"totalResults": len(named), "Resources": named})
        return super().handle(request)

    @property
    def tester(self) -> dict[str, Any]:
        return self.people[0]

    def _user(self, request: Received) -> Script:
        user_id = unquote(request.path.removeprefix("/Users/"))
        [found] = [each for each in self.people if each["id"] == user_id]
        if request.method == "GET":
            return json_reply(self.shows(found), headers=self._tag(found))
        document = json.loads(request.body)
        self.patches.append(document)
        self.between()
        tag = self._tag(found).get("ETag")
        if tag != request.headers.get("if-match"):
            status = 412 if "if-match" in request.headers else 428
            return json_reply({"status": str(status)}, status)
        if self.refuses_patch is not None:
            return json_reply({"status": str(self.refuses_patch)}, self.refuses_patch)
        echo = copy.deepcopy(found)
        if not self.carry_out(echo, document["Operations"], keeps=False):
            return json_reply({"status": "400", "scimType": "invalidValue"}, 400)
        if self.echoes:
            return json_reply(echo)
        self.carry_out(found, document["Operations"], keeps=True)
        return reply(204, headers=self._tag(found))

    def _tag(self, found: dict[str, Any]) -> dict[str, str]:
        return {"ETag": f'W/"{zlib.crc32(json.dumps(found).encode())}"'} if self.tags else {}

    def carry_out(self, found: dict[str, Any], operations: list[Any], *, keeps: bool) -> bool:
        """Do it; False where the service does not take that."""
        if self.alone and len(operations) > 1:
            return False
        return all(self._do(found, each, keeps=keeps) for each in operations)

    def _do(self, found: dict[str, Any], operation: dict[str, Any], *, keeps: bool) -> bool:
        path: str = operation["path"]
        value: Any = operation.get("value")
        name = path.removeprefix(f"{URN}:")
        match operation["op"], path:
            case _, "schemas" if self.refuses_schemas:
                return False
            case "add", "schemas":
                found["schemas"] = [*dict.fromkeys([*found["schemas"], *value])]
            case _, "schemas":
                found["schemas"] = value
            case "remove", _:
                if not self.forever:
                    found.get(URN, {}).pop(name, None)
                if not found.get(URN):
                    found.pop(URN, None)
            case _ if self.strict and URN not in found["schemas"]:
                return False
            case _:
                kept = self.keep(name, value) if keeps else value
                if kept is not None:
                    found.setdefault(URN, {})[name] = kept
        return True


@dataclass
class CanaryWorld(IndexingWorld):
    """A world whose tenant names a test user."""

    service: CanaryService

    def results(self) -> list[dict[str, str]]:
        """The results that the trail has, one of each record."""
        return [record["canary"] for record in self.folder.audit() if "canary" in record]

    def under_way(self) -> list[tuple[Any, ...]]:
        """All that the store has of canaries."""
        with closing(sqlite3.connect(self.folder.path / ".reconciler/state.db")) as shell:
            return shell.execute("SELECT tenant, schema_id, attribute FROM canaries").fetchall()


@contextmanager
def canary_world(path: Path) -> Iterator[CanaryWorld]:
    """The world, with an extension that is not deployed yet."""
    with indexing_world(path, CanaryService()) as made:
        service = made.service
        assert isinstance(service, CanaryService)
        world = CanaryWorld(made.folder, service, made.server, made.hr)
        world.folder.environ["RECONCILER_CANARY_USERS"] = f"somebody, {TESTER}"
        world.tenant(f"  canary: {{userName: {TESTER}}}\n")
        yield world
