"""A service that echoes our credentials, in whatever form and wherever: no output shows them."""

import base64
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, randrange
from urllib.parse import parse_qs, unquote

import pytest

from reconciler.domain.jsontext import Json
from tests.support.echoes import drawn, files, forms, shown_in
from tests.support.faultserver import Received, Script, json_reply, reply, serving
from tests.support.gateway_world import listed, scim_error
from tests.support.program import Folder

HR = "urn:acme:2.0:User:HR"
OTHER = "urn:acme:2.0:User:Other"
EXTENSION = f"""\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {{name: hr}}
spec:
  onDrift: update
  schema:
    id: {HR}
    name: HR
    description: the grade of hr
    attributes:
      - {{name: grade, type: string, description: kept by hr}}
      - {{name: level, type: string}}
"""
TENANT = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: acme}}
spec:
  dialect: rfc7644
  baseUrl: {url}
  auth: {auth}
"""
AUTH = {
    "bearer": "{type: bearer, token: {env: ACME_SECRET}}",
    "basic": "{type: basic, username: {env: ACME_NAME}, password: {env: ACME_SECRET}}",
    "post": "{type: oauth2-client-credentials, tokenUrl: '%s/token', clientId: {env: ACME_NAME}, "
    "clientSecret: {env: ACME_SECRET}}",
}


@dataclass
class Echo:
    """A service that shows in every answer what it was sent, in a form drawn by chance."""

    random: Random
    mood: str
    secrets: list[str] = field(default_factory=list)
    tokens: int = 0
    held: dict[str, Json] = field(default_factory=dict)

    def __call__(self, request: Received) -> Script:
        if request.path == "/token":
            return self._token(request)
        self._note(request.headers.get("authorization", ""))
        if request.method != "GET":
            return self._written(request)
        match self.mood:
            case "pages":
                title = f"<html><title>{'x' * 60} {self._echo()}</title>{self._echo()}</html>"
                return reply(200, title.encode(), {"Content-Type": "text/html"})
            case "refuses":
                return self._refusal()
            case "strange":
                return json_reply({self._echo(): 1, self.secrets[-1]: self._echo()})
            case _:
                return self._read(request.path.rpartition("/")[2])

    def _read(self, what: str) -> Script:
        match what:
            case "ResourceTypes":
                return json_reply(listed([{"name": self._echo(), "schemaExtensions": "x"}]))
            case "ServiceProviderConfig":
                return json_reply({self._echo(): True, "patch": {"supported": self._echo()}})
            case "Schemas":
                return json_reply(listed(self._schemas()), headers={"X-RateLimit-Limit": "77"})
            case _ if HR in unquote(what):
                return json_reply(self._schema(HR))
            case _:
                return self._refusal()

    def _token(self, request: Received) -> Script:
        form = parse_qs(request.body.decode())
        self.secrets += form["client_secret"]
        if self.mood == "no token":
            return json_reply({"error": self._echo(), "error_description": self._echo()}, 401)
        self.tokens += 1
        token = f"t0ken-{self.tokens}-{self.random.randbytes(6).hex()}"
        self.secrets.append(token)
        return json_reply({"access_token": token, "token_type": "Bearer", "x": self._echo()})

    def _note(self, header: str) -> None:
        scheme, _, value = header.partition(" ")
        if value and value not in self.secrets:
            self.secrets.append(value)
            if scheme == "Basic":
                pair = base64.b64decode(value).decode()
                self.secrets += [pair, pair.partition(":")[2]]

    def _echo(self) -> str:
        return self.random.choice(list(forms(self.random.choice(self.secrets))))

    def _refusal(self) -> Script:
        answers = (
            scim_error(400, f"who is {self._echo()}?", self.random.choice(("x", self._echo()))),
            json_reply({"error": {"message": self._echo(), "code": self._echo()}}, 403),
            json_reply({"error": self._echo(), "error_description": self._echo()}, 400),
        )
        return self.random.choice(answers)

    def _written(self, request: Received) -> Script:
        document = json.loads(request.body)
        self.held[document["id"]] = document
        return self._refusal() if self.mood == "refuses writes" else json_reply(document, 201)

    def _schema(self, urn: str) -> dict[str, Json]:
        return {
            "id": urn,
            "name": "HR",
            "description": f"the grade of hr, by {self._echo()}",
            self._echo(): self._echo(),
            "attributes": [
                {"name": "grade", "type": "string", "description": self._echo(), "x": self._echo()},
                {"name": self._echo(), "type": "string", "canonicalValues": [self._echo()]},
                {"name": "level", "type": self._echo(), "required": True},
            ],
        }

    def _schemas(self) -> list[Json]:
        return [
            self._schema(HR),
            self._schema(OTHER),
            self._schema(f"urn:acme:{self._echo()}"),
            {"id": f"urn:acme:broken:{self._echo()}", "attributes": [{"name": 7}]},
            {"id": f"urn:acme:{self._echo()}", "attributes": self._echo()},
            {self._echo(): 1},
        ]


@contextmanager
def echoing(folder: Folder, random: Random, kind: str, mood: str) -> Iterator[tuple[Echo, str]]:
    """The folder with that one tenant; the service and the secret of its manifest."""
    secret = drawn(random)
    if kind == "bearer":
        secret = base64.urlsafe_b64encode(secret.encode()).decode()
    echo = Echo(random, mood)
    with serving(echo) as server:
        auth = AUTH[kind].replace("%s", server.url("")) if kind == "post" else AUTH[kind]
        folder.write("desired-state/hr.yaml", EXTENSION)
        folder.write("desired-state/acme.yaml", TENANT.format(url=server.url("/v2"), auth=auth))
        folder.environ |= {"ACME_NAME": "hr", "ACME_SECRET": secret}
        yield echo, secret


COMMANDS = (
    ("plan", "-vv", "--out", "plan.json", "--markdown", "plan.md"),
    ("plan", "--format", "json"),
    ("plan", "--format", "markdown"),
    ("show", "plan.json"),
    ("apply", "--auto-approve", "--report", "report.json", "-vv"),
    ("apply", "--auto-approve", "--log-format", "json"),
    ("doctor", "acme"),
    ("adoption", "acme"),
    ("doctor", "acme", "--format", "json", "--write", "learnt.yaml"),
    ("doctor", "acme", "--probe-writes"),
    ("import", "acme", "--out", "imported"),
    ("audit", "export"),
    ("audit", "list"),
    ("webhooks", "list"),
)
MOODS = ("echoes", "pages", "refuses", "strange", "refuses writes", "no token")


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("kind", AUTH)
def test_no_output_shows_a_credential_that_a_service_echoes(
    tmp_path: Path, kind: str, mood: str
) -> None:
    seed = int(os.environ.get("ECHO_SEED") or randrange(2**32))
    sys.stdout.write(f"ECHO_SEED={seed}\n")
    folder = Folder(tmp_path)
    with echoing(folder, Random(seed), kind, mood) as (echo, secret):
        for command in COMMANDS:
            echo.secrets.clear()  # a process knows the tokens that it was given itself
            output = folder.run(*command).everything

            texts = {" ".join(command): output, **files(tmp_path)}
            assert not shown_in(texts, {secret, *echo.secrets})
            assert "Traceback" not in output
            if mood == "echoes" and command[0] == "plan":
                assert "the grade of hr" in output
