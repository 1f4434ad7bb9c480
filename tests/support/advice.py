"""A bench on which the advice of a message is followed: what it was given for is then over."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.domain.jsontext import Json
from tests.support.faultserver import FaultServer, Received, Script, json_reply, serving
from tests.support.github_stub import State
from tests.support.habits import Habits
from tests.support.program import Folder, assert_reported
from tests.support.service_of_habits import simulated
from tests.support.simulation import Request, SimulatedTenant
from tests.support.sockets import script
from tests.support.warm import Done

URN = "urn:example:2.0:HR"
TOKEN = {"access_token": "token-1"}
CREATED = "applied and verified"
IN_SYNC = "1 in sync"
DELIVER = ("webhooks", "deliver", "--now")
HR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def no_objection(_: Received) -> Script | None:
    return None


@dataclass
class Bench:
    """One tenant, what its manifests and its surroundings say, and the service behind it.

    `objects` answers in the place of the service. Unlike manifests, which are data, all of it is
    changed by the rows.
    """

    folder: Folder
    service: SimulatedTenant
    stack: ExitStack
    spec: dict[str, Json]
    extension: dict[str, Json]
    objects: Callable[[Received], Script | None] = no_objection
    issues: Callable[[Received], Script] = lambda _: json_reply(TOKEN)
    options: list[str] = field(default_factory=list)
    command: tuple[str, ...] = ("apply", "--auto-approve")
    more: dict[str, Json] = field(default_factory=dict)
    kept: list[Json] = field(default_factory=list)
    github: State = field(default_factory=State)

    def handle(self, request: Received) -> Script:
        if request.path == "/token":
            return self.issues(request)
        objection = self.objects(request)
        return self.answer(request, request.target) if objection is None else objection

    def answer(self, request: Received, target: str) -> Script:
        """The service's answer to a request for another target."""
        sent = Request(request.method, target, request.headers, request.body)
        return script(*self.service.respond(sent), elsewhere="")

    def run(self) -> Done:
        tenant = manifest("Tenant", "acme", self.spec)
        self.folder.write("desired-state/acme.json", json.dumps(tenant))
        for name, spec in {"hr": self.extension, **self.more}.items():
            text = json.dumps(manifest("SchemaExtension", name, spec))
            self.folder.write(f"desired-state/{name}.json", text)
        return self.folder.run(*self.command, *self.options)

    def with_client(self, **keys: Json) -> None:
        """Have it ask for its token."""
        self.folder.environ |= {"ACME_ID": "id", "ACME_SECRET": "right"}
        self.spec["auth"] = {
            "type": "oauth2-client-credentials",
            "tokenUrl": self.spec["baseUrl"].replace("/scim/v2", "/token"),
            "clientId": {"env": "ACME_ID"},
            "clientSecret": {"env": "ACME_SECRET"},
            **keys,
        }

    def with_live(self, *attributes: dict[str, Json], **members: Json) -> None:
        """Have the tenant hold the extension already."""
        live = {"id": URN, "name": "HR", "attributes": list(attributes), **members}
        self.service.stored.append(live)

    def can(self, **capabilities: Json) -> None:
        if known := {**self.spec.get("capabilities", {}), **capabilities}:
            self.spec["capabilities"] = known

    @property
    def schema(self) -> dict[str, Json]:
        schema: dict[str, Json] = self.extension["schema"]
        return schema

    def serve(
        self, handler: Callable[[Received], Script], tls: ssl.SSLContext | None = None
    ) -> FaultServer:
        """Another server."""
        return self.stack.enter_context(serving(handler, tls))

    def with_webhook(self, url: str, secret: str = HR_SECRET) -> None:
        """Have HR hear of what is deployed."""
        self.folder.environ["HR_SECRET"] = secret
        self.spec["webhooks"] = [{"url": url, "secret": {"env": "HR_SECRET"}}]

    def applied(self) -> None:
        """Deploy the extension; from here on it is about what has to be delivered."""
        done = self.run()
        assert CREATED in done.everything, done.everything
        self.command = DELIVER

    def secret_file(self, text: str | bytes) -> None:
        """Have the token come from a file that holds this."""
        self.spec["auth"]["token"] = {"file": "token"}
        path = self.folder.write("secrets/token", "")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def manifest(kind: str, name: str, spec: Json) -> dict[str, Json]:
    return {
        "apiVersion": "reconciler/v1", "kind": kind, "metadata": {"name": name}, "spec": spec,
    }  # fmt: skip


@contextmanager
def bench(path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        made = Bench(Folder(path, {"ACME_TOKEN": "token-1"}), simulated(Habits()), stack, {}, {})
        server = made.serve(made.handle)
        made.spec |= {
            "dialect": "rfc7644",
            "baseUrl": server.url("/scim/v2"),
            "auth": {"type": "bearer", "token": {"env": "ACME_TOKEN"}},
        }
        attributes = [{"name": "grade", "type": "string"}]
        made.extension |= {
            "onDrift": "update",
            "schema": {"id": URN, "name": "HR", "attributes": attributes},
        }
        yield made


Step = Callable[[Bench], object]


@dataclass(frozen=True)
class Row:
    """What is wrong, the message, what is done by its advice, and what then comes."""

    begin: Step
    message: str
    follow: Step
    then: str = CREATED


def assert_helps(row: Row, path: Path) -> None:
    """Meet what is wrong in that folder, follow the advice, and see that it is over."""
    with bench(path) as b:
        row.begin(b)
        first = b.run()
        row.follow(b)
        second = b.run()

    assert first.code != 0, first.everything
    assert row.message in first.everything, first.everything
    assert row.message not in second.everything, second.everything
    assert_reported(second, 0, row.then)


def export(**variables: str) -> Step:
    return lambda b: b.folder.environ.update(variables)


def both(*steps: Step) -> Step:
    return lambda b: [step(b) for step in steps]


def auth(**keys: Json) -> Step:
    return lambda b: b.spec["auth"].update(keys)
