"""Who else may echo a credential: HR, GitHub, a proxy, an issuer of tokens; and where it may go."""

import base64
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random, randrange
from shutil import rmtree
from urllib.parse import parse_qs, unquote

import pytest

from reconciler.domain.jsontext import Json
from tests.support.echoes import files, forms, shown_in
from tests.support.faultserver import (
    FaultServer,
    Handler,
    Received,
    Script,
    json_reply,
    reply,
    serving,
)
from tests.support.gateway_world import listed, scim_error
from tests.support.github_stub import BOT, Fault, github_stub
from tests.support.program import Folder

HR = "urn:acme:2.0:User:HR"
TENANT = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: acme}}
spec:
  dialect: rfc7644
  baseUrl: {base}
  auth: {auth}
  webhooks: {webhooks}
---
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {{name: hr}}
spec:
  onDrift: update
  manages: attributes
  schema: {{id: {urn}, attributes: [{{name: grade, type: string, description: of hr}}]}}
"""
BEARER = "{type: bearer, token: {env: ACME_SECRET}}"
CLIENT = (
    "{type: oauth2-client-credentials, tokenUrl: '%s/token', clientId: {env: ACME_NAME}, "
    "clientAuth: %s, %s}"
)
PASSWORD = "p4ss/w0rd +%ü-2c9"


@pytest.fixture
def random() -> Random:
    seed = int(os.environ.get("ECHO_SEED") or randrange(2**32))
    sys.stdout.write(f"ECHO_SEED={seed}\n")
    return Random(seed)


@contextmanager
def tenant(
    folder: Folder, handler: Handler, *, auth: str = BEARER, webhooks: str = "[]", base: str = ""
) -> Iterator[FaultServer]:
    with serving(handler) as server:
        own = server.url("/v2")
        text = TENANT.format(
            base=base or own, auth=auth.replace("%s", server.url(""), 1), webhooks=webhooks, urn=HR
        )
        rmtree(folder.path / "desired-state")
        folder.write("desired-state/acme.yaml", text)
        yield server


def any_form(random: Random, *secrets: str) -> str:
    return random.choice(list(forms(random.choice(secrets))))


def shows(folder: Folder, output: str, *secrets: str) -> list[tuple[str, str]]:
    assert "Traceback" not in output
    return shown_in({"output": output, **files(folder.path)}, secrets)


def everything(folder: Folder, *commands: str) -> str:
    return "\n".join(folder.run(*command.split()).everything for command in commands)


class Holding:
    """A service that holds one schema, and echoes secrets in what others have of it."""

    def __init__(self, random: Random, *secrets: str) -> None:
        self.random = random
        self.secrets = list(secrets)
        self.written: dict[str, Json] = {}
        self.held: Json = None

    def echo(self) -> str:
        return any_form(self.random, *self.secrets)

    def __call__(self, request: Received) -> Script:
        if request.method != "GET":
            return self.write(request)
        if request.path.endswith("/ResourceTypes"):
            return scim_error(404)
        self.held = self.written or self.held or self.schema()
        if HR in unquote(request.path):
            return json_reply(self.held)
        return json_reply(listed([self.held, {"id": f"urn:acme:{self.echo()}"}]))

    def write(self, request: Received) -> Script:
        self.written = json.loads(request.body)
        return json_reply(self.written)

    def schema(self) -> Json:
        other = {"name": "other", "description": self.echo(), "x": self.echo()}
        grade = {"name": "grade", "type": "string", "description": f"by {self.echo()}"}
        return {"id": HR, "name": "HR", "description": self.echo(), "attributes": [grade, other]}


def test_what_is_posted_to_github_shows_no_credential_that_a_tenant_or_github_echoes(
    folder: Folder, random: Random
) -> None:
    secret = "t0ken/of+acme=="
    folder.environ |= {"ACME_SECRET": secret, "GITHUB_STEP_SUMMARY": str(folder.path / "summary")}
    with github_stub() as stub, tenant(folder, Holding(random, secret)):
        folder.environ |= stub.environ()
        outputs = [everything(folder, "plan --out plan.json --markdown plan.md")]
        assert "grade" in (folder.path / "plan.md").read_text()
        for command in ("comment --pr 5 --body plan.md", "drift-issues --plan plan.json"):
            for status in (403, 422):
                echo = any_form(random, BOT)
                headers = {"X-Echo": BOT}
                stub.state.faults.append(
                    Fault("POST", "", status, f"no {echo}", f"or {echo}", headers)
                )
                outputs.append(everything(folder, command))
            done = folder.run(*command.split())
            assert done.code == 0, done.everything
            outputs.append(done.everything)
        posted = json.dumps([stub.state.comments, stub.state.issues], ensure_ascii=False)

    assert stub.state.comments
    assert stub.state.issues
    assert not shows(folder, posted + "\n".join(outputs), secret, BOT)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 410, 429, 500])
def test_a_receiver_that_echoes_its_key_shows_it_nowhere(
    folder: Folder, random: Random, status: int
) -> None:
    key = random.randbytes(24)
    secret = f"whsec_{base64.b64encode(key).decode()}"
    known = [secret, secret.removeprefix("whsec_"), base64.urlsafe_b64encode(key).decode()]
    known += [key.hex(), key.decode("latin-1")]

    def hr(request: Received) -> Script:
        sent = request.headers["webhook-signature"]
        echo = any_form(random, *known[:3])
        headers = {"Retry-After": echo, "Location": f"http://hr.example/{echo}", "ETag": echo}
        body = json.dumps({"detail": [echo, sent, request.headers["webhook-id"]]}).encode()
        return reply(status, body, {"Content-Type": "application/json", **headers})

    class Empty(Holding):
        def __call__(self, request: Received) -> Script:
            if request.method == "GET" and not self.written:
                return scim_error(404) if "urn" in request.path else json_reply(listed([]))
            return super().__call__(request)

    folder.environ |= {"ACME_SECRET": "t0ken-of-acme", "HR_SECRET": secret}
    with serving(hr) as receiver:
        webhooks = f"[{{url: '{receiver.url('/hr')}', secret: {{env: HR_SECRET}}}}]"
        with tenant(folder, Empty(random, "t0ken-of-acme"), webhooks=webhooks):
            output = everything(
                folder,
                "apply --auto-approve --report report.json -vv",
                "webhooks deliver --now --log-format json",
                "webhooks list --format json",
                "audit export",
                "status",
                "report --out report.html",
            )
    assert receiver.requests, output
    assert not shows(folder, output, *known)


def test_a_token_that_was_renewed_is_shown_no_more_than_the_one_after_it(
    folder: Folder, random: Random
) -> None:
    secret = "cl1ent/s3cret+of-acme"
    given: list[str] = []

    class Renewing(Holding):
        def __call__(self, request: Received) -> Script:
            if request.path == "/token":
                given.append(f"t0ken-{len(given)}-{random.randbytes(9).hex()}")
                self.secrets.append(given[-1])
                return json_reply({"access_token": given[-1], "token_type": "Bearer"})
            if request.headers["authorization"] == f"Bearer {given[0]}":
                return scim_error(401, f"{given[0]} has expired")
            return super().__call__(request)

    folder.environ |= {"ACME_SECRET": secret, "ACME_NAME": "hr"}
    auth = CLIENT.replace("%s, %s", "basic, clientSecret: {env: ACME_SECRET}")
    with tenant(folder, Renewing(random, secret), auth=auth):
        for command in ("plan --out plan.json --markdown plan.md -vv", "apply --auto-approve -vv"):
            given.clear()
            output = everything(folder, command)
            assert len(given) > 1, output
            assert not shows(folder, output, secret, *given)
            assert "grade" in output


@pytest.mark.parametrize("end", ["", "\n", "\r\n", " \n\n"])
def test_a_secret_of_a_file_is_hidden_with_its_line_ends_and_without(
    folder: Folder, random: Random, end: str
) -> None:
    class Refusing(Holding):
        def __call__(self, request: Received) -> Script:
            lines = [f"line {number} {self.echo()}" for number in range(5)]
            text = "first\r\n\t" + "\n".join(lines) + f"\n{PASSWORD[:7]}\n {PASSWORD[7:]}\n"
            kind = self.random.choice(("text/plain", "text/html", "application/json"))
            return reply(400, text.encode(), {"Content-Type": kind, "X": "y"})

    folder.write("secrets/password", PASSWORD + end)
    folder.environ |= {"ACME_NAME": "hr"}
    auth = "{type: basic, username: {env: ACME_NAME}, password: {file: password}}"
    for service in (Holding(random, PASSWORD, PASSWORD + end), Refusing(random, PASSWORD + end)):
        with tenant(folder, service, auth=auth):
            output = everything(
                folder,
                "plan --secrets-dir secrets --out plan.json --markdown plan.md -vv",
                "doctor acme --secrets-dir secrets",
                "apply --secrets-dir secrets --auto-approve --log-format json",
            )
        (folder.path / "secrets/password").unlink()
        assert not shows(folder, output, PASSWORD)
        folder.write("secrets/password", PASSWORD + end)


@pytest.mark.parametrize("status", [0, 400, 403, 503])
def test_the_log_and_the_summary_of_a_job_show_no_credential(
    folder: Folder, random: Random, status: int
) -> None:
    class Failing(Holding):
        def write(self, request: Received) -> Script:
            return scim_error(status, self.echo()) if status else super().write(request)

        def __call__(self, request: Received) -> Script:
            if status == 503:
                return scim_error(status, self.echo(), self.echo())
            return super().__call__(request)

    secret = "t0ken/of+acme=="
    job = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder.path / "summary.md")}
    folder.environ |= {"ACME_SECRET": secret, **job}
    with tenant(folder, Failing(random, secret)):
        output = everything(
            folder, "plan", "apply --auto-approve --retry-deadline 1", "apply --auto-approve"
        )
    kept = [line for line in output.splitlines() if not line.startswith("::add-mask::")]
    assert (folder.path / "summary.md").exists() or status == 503, output
    assert not shows(folder, "\n".join(kept), secret)


def test_an_imported_manifest_names_no_resource_type_that_is_a_credential(folder: Folder) -> None:
    secret = "TokenOfAcme"
    schema = {"id": HR, "name": "HR", "attributes": [{"name": "grade", "type": "string"}]}

    def handle(request: Received) -> Script:
        if request.path.endswith("/ResourceTypes"):
            return json_reply(listed([{"name": secret, "schemaExtensions": [{"schema": HR}]}]))
        return json_reply(schema if HR in unquote(request.path) else listed([schema]))

    folder.environ |= {"ACME_SECRET": secret}
    with tenant(folder, handle):
        (folder.path / "desired-state/acme.yaml").write_text(
            (folder.path / "desired-state/acme.yaml").read_text().partition("---")[0]
        )
        output = everything(folder, "import acme")
        written = list((folder.path / "desired-state/extensions").iterdir())
    assert len(written) == 1, output
    assert not shows(folder, output, secret)


def test_a_proxy_that_echoes_its_password_shows_it_nowhere(folder: Folder, random: Random) -> None:
    known = [PASSWORD, f"hr:{PASSWORD}"]

    def proxy(_: Received) -> Script:
        echo = any_form(random, *known).encode()
        return (b"HTTP/1.1 407 No %b\r\nProxy-Authenticate: %b\r\n\r\n%b" % (echo, echo, echo),)

    folder.environ |= {"ACME_SECRET": "t0ken-of-acme"}
    with (
        serving(proxy) as server,
        tenant(folder, Holding(random, "x"), base="https://scim.example.com/v2"),
    ):
        given = server.url("").replace("http://", "http://hr:p4ss%2Fw0rd%20+%25%C3%BC-2c9@")
        output = everything(
            folder,
            f"plan --proxy {given} -vv --out plan.json",
            f"doctor acme --proxy {given}",
            f"apply --auto-approve --proxy {given} --log-format json",
        )
    assert server.requests, output
    assert not shows(folder, output, *known)


def test_an_assertion_that_a_service_echoes_is_shown_nowhere(
    folder: Folder, random: Random
) -> None:
    sent: list[str] = []

    class Issuing(Holding):
        def __call__(self, request: Received) -> Script:
            if request.path == "/token":
                sent.extend(parse_qs(request.body.decode())["client_assertion"])
                self.secrets.append(sent[-1])
                return json_reply({"access_token": "t0ken-of-acme", "token_type": "Bearer"})
            return super().__call__(request)

    folder.write("secrets/key.pem", _key())
    folder.environ |= {"ACME_NAME": "hr"}
    auth = CLIENT.replace("%s, %s", "private-key-jwt, privateKey: {file: key.pem}")
    with tenant(folder, Issuing(random, "t0ken-of-acme"), auth=auth):
        output = everything(
            folder, "plan --secrets-dir secrets --out plan.json --markdown plan.md -vv"
        )
    assert sent, output
    assert "grade" in output
    (folder.path / "secrets/key.pem").unlink()
    assert not shows(folder, output, "t0ken-of-acme", *sent)


@pytest.mark.skipif(sys.platform != "linux", reason="a file without a name is seen in /proc")
def test_the_file_in_which_a_plan_is_kept_holds_no_credential_that_a_tenant_echoes(
    folder: Folder, random: Random
) -> None:
    secret, urn = "t0ken/of+acme==", "urn:acme:2.0:User:Many"
    names = [f"attribute{number}" for number in range(2500)]

    def of_many(description: Callable[[], str]) -> Json:
        attributes = [{"name": each, "description": description()} for each in names]
        return {"id": urn, "description": description(), "attributes": attributes}

    class Many(Holding):
        def __call__(self, request: Received) -> Script:
            if unquote(request.path).endswith(urn) or not request.path.endswith("/Schemas"):
                return scim_error(404)
            return json_reply(listed([of_many(lambda: f"by {self.echo()}")]))

    folder.environ |= {"ACME_SECRET": secret}
    with tenant(folder, Many(random, secret)):
        manifest = {
            "apiVersion": "reconciler/v1",
            "kind": "SchemaExtension",
            "metadata": {"name": "many"},
            "spec": {"schema": of_many(lambda: "as it is desired")},
        }
        folder.write("desired-state/many.json", json.dumps(manifest))
        plan = folder.start("plan")
        assert plan.stdout is not None
        first = plan.stdout.read(1)  # the rest is more than the pipe takes, so the plan waits
        kept = unnamed_files(plan.pid)
        output, errors = plan.communicate(timeout=60)

    assert plan.returncode == 0, errors
    assert names[-1] in kept
    assert "by " in kept
    assert not shows(folder, kept + first + output + errors, secret)


def unnamed_files(process: int) -> str:
    """All that a process has in files that nobody else can open by a name."""
    opened = [each for each in Path(f"/proc/{process}/fd").iterdir() if each.is_symlink()]
    unnamed = [each for each in opened if str(each.readlink()).endswith(" (deleted)")]
    return "".join(each.read_bytes().decode() for each in unnamed)


@pytest.mark.parametrize("status", [0, 400, 409, 500])
def test_the_emergency_export_holds_no_credential_that_a_tenant_echoes(
    folder: Folder, random: Random, status: int
) -> None:
    class Failing(Holding):
        def write(self, request: Received) -> Script:
            with closing(sqlite3.connect(folder.path / ".reconciler/state.db")) as raw, raw:
                raw.execute(
                    "CREATE TRIGGER IF NOT EXISTS refusing BEFORE INSERT ON audit "
                    "BEGIN SELECT RAISE(ABORT, 'no room'); END"
                )
            if status:
                return scim_error(status, f"no {self.echo()}, and no {self.echo()}", self.echo())
            done = super().write(request)
            grade = {"name": "grade", "type": "string", "description": self.echo()}
            self.written |= {"description": self.echo(), "attributes": [grade]}
            return done

    secret = "t0ken/of+acme=="
    folder.environ |= {"ACME_SECRET": secret}
    with tenant(folder, Failing(random, secret)):
        output = everything(folder, "apply --auto-approve --retry-deadline 2 -vv")
    [export] = folder.path.glob("reconciler-emergency-*.jsonl")
    lines = [json.loads(line) for line in export.read_text().splitlines()]
    [outcome] = [line for line in lines if "intent" in line]
    assert outcome["intent"]["sent"]["id"] == HR
    assert outcome["record"]["detail"], output
    assert not shows(folder, output, secret)


def test_what_is_sent_to_hr_shows_no_credential_that_a_tenant_echoes(
    folder: Folder, random: Random
) -> None:
    class Stamping(Holding):
        def write(self, request: Received) -> Script:
            done = super().write(request)
            stamp = {member: self.echo() for member in ("created", "version", "location")}
            self.written |= {"meta": stamp, self.echo(): self.echo()}
            return done

    secret = "t0ken/of+acme=="
    key = "whsec_" + base64.b64encode(random.randbytes(24)).decode()
    folder.environ |= {"ACME_SECRET": secret, "HR_SECRET": key}
    with serving(lambda _: reply(204)) as receiver:
        webhooks = f"[{{url: '{receiver.url('/hr')}', secret: {{env: HR_SECRET}}}}]"
        with tenant(folder, Stamping(random, secret), webhooks=webhooks):
            output = everything(folder, "apply --auto-approve")
    sent = [f"{each.target}{each.headers}{each.body.decode()}" for each in receiver.requests]
    assert any("SCHEMA_EXTENSION_" in each for each in sent), output
    assert not shows(folder, "\n".join((*sent, output)), secret)


def _key() -> str:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
