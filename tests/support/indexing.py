"""A service that takes filters on what is new only after a while, and HR behind it."""

import json
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from reconciler.domain.scim import fold
from tests.support.faultserver import FaultServer, Received, Script, json_reply, serving
from tests.support.program import Folder
from tests.support.receiver import ReceivingEnd, receiving

SECRET = "whsec_" + "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2g="
URN = "urn:acme:2.0:User:HR"
APPLY = ("apply", "--auto-approve")


@dataclass
class IndexingService:
    """SCIM with `users` users, whose filters know an attribute `delay` seconds after it was made.

    `refuses` has the status of an answer to any filter, `without_users` that of /Users.
    """

    users: int = 3
    delay: float = 0.0
    refuses: int | None = None
    without_users: int | None = None
    takes_anything: bool = False
    bound: bool = True
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: dict[str, float] = field(default_factory=dict)
    filters: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def handle(self, request: Received) -> Script:
        self.requests.append(f"{request.method} {request.path}")
        match request.path.split("/")[1]:
            case "ResourceTypes":
                extensions = [{"schema": each["id"]} for each in self.schemas.values()]
                kind: dict[str, Any] = {"name": "User", "endpoint": "/Users"}
                kind["schemaExtensions"] = extensions if self.bound else []
                return json_reply(_list([kind], 1))
            case "Users":
                return self._users(request)
            case _:
                return self._schemas(request)

    def _schemas(self, request: Received) -> Script:
        key = fold(request.path.removeprefix("/Schemas").lstrip("/").replace("%3A", ":"))
        if request.method in ("POST", "PUT"):
            document = json.loads(request.body)
            self.schemas[fold(document["id"])] = document
            for name in _paths(document):
                self.made.setdefault(name, time.monotonic())
            return json_reply(document, 201 if request.method == "POST" else 200)
        if not key:
            return json_reply(_list(list(self.schemas.values()), len(self.schemas)))
        found = self.schemas.get(key)
        return json_reply({"status": "404"}, 404) if found is None else json_reply(found)

    def _users(self, request: Received) -> Script:
        if self.without_users is not None:
            return json_reply({"status": str(self.without_users)}, self.without_users)
        query = {name: of[0] for name, of in parse_qs(urlsplit(request.target).query).items()}
        if (text := query.get("filter")) is None:
            users = [{"id": f"u{n}", "userName": f"user{n}"} for n in range(self.users)]
            return json_reply(_list(users[: int(query.get("count", 100))], self.users))
        self.filters.append(text)
        if self.refuses is not None:
            return json_reply({"status": str(self.refuses)}, self.refuses)
        path = text.removesuffix(" pr")
        if path == "userName":
            return json_reply(_list([], self.users))
        since = time.monotonic() - self.made.get(fold(path), math.inf)
        if since >= self.delay or self.takes_anything:
            return json_reply(_list([], 0))
        return json_reply({"status": "400", "scimType": "invalidFilter"}, 400)


def _list(resources: list[Any], total: int) -> dict[str, Any]:
    return {"totalResults": total, "Resources": resources}


def _paths(document: dict[str, Any]) -> Iterator[str]:
    for attribute in document["attributes"]:
        name = f"{document['id']}:{attribute['name']}"
        yield fold(name)
        yield from (fold(f"{name}.{part['name']}") for part in attribute.get("subAttributes", ()))


@dataclass
class IndexingWorld:
    """A folder whose tenant `acme` is such a service, and a receiver of its webhooks."""

    folder: Folder
    service: IndexingService
    server: FaultServer
    hr: ReceivingEnd

    def tenant(self, more: str = "", *, hooks: bool = True) -> None:
        """Write the manifest of the tenant."""
        hook = f"  webhooks:\n    - {{url: '{self.hr.url}', secret: {{env: HOOK_SECRET}}}}\n"
        self.folder.write(
            "desired-state/acme.yaml",
            "apiVersion: reconciler/v1\nkind: Tenant\nmetadata: {name: acme}\nspec:\n"
            f"  dialect: rfc7644\n  baseUrl: {self.server.url('')}\n  auth: {{type: none}}\n"
            f"{more}{hook if hooks else ''}",
        )

    def manifest(self, *names: str, more: str = "") -> None:
        """Write an extension with those attributes and a desk that has a floor."""
        listed = "".join(f"      - {{name: {name}}}\n" for name in names)
        self.folder.write(
            "desired-state/hr.yaml",
            "apiVersion: reconciler/v1\nkind: SchemaExtension\nmetadata: {name: hr}\nspec:\n"
            f"  onDrift: update\n{more}  schema:\n    id: {URN}\n    name: HR\n    attributes:\n"
            f"{listed}      - {{name: desk, type: complex, subAttributes: [{{name: floor}}]}}\n",
        )

    def events(self) -> list[dict[str, Any]]:
        """The bodies of the webhooks that came."""
        return [json.loads(got.body) for got in self.hr.got]

    def searched(self) -> list[dict[str, Any]]:
        """The records that say what is searchable."""
        return [record for record in self.folder.audit() if "searchable" in record]


@contextmanager
def indexing_world(path: Path, service: IndexingService | None = None) -> Iterator[IndexingWorld]:
    """The world, with an extension that is not deployed yet."""
    service = service or IndexingService()
    with ExitStack() as stack:
        server = stack.enter_context(serving(service.handle))
        hr = stack.enter_context(receiving(SECRET))
        world = IndexingWorld(Folder(path, {"HOOK_SECRET": SECRET}), service, server, hr)
        world.tenant()
        world.manifest("badge")
        yield world
