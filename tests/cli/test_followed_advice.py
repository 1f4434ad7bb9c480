"""Advice of our messages, followed: what it was given for is over with the next run.

Each row meets a real server on loopback. What a message leaves to other people is not among them.
"""

import re
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from reconciler.domain.dialect import PatchPath
from reconciler.domain.jsontext import Json
from tests.support.advice import (
    IN_SYNC,
    TOKEN,
    URN,
    Bench,
    Row,
    Step,
    assert_helps,
    auth,
    both,
    export,
)
from tests.support.faultserver import Received, Script, in_turn, json_reply, reply
from tests.support.habits import Habits

# ------------------------------------------------------------------------------ settings


def forget(*variables: str) -> Step:
    return lambda b: [b.folder.environ.pop(name) for name in variables]


def secrets_dir(b: Bench) -> None:
    b.options += ["--secrets-dir", "secrets"]


def secret_of(text: str | bytes) -> Step:
    def begin(b: Bench) -> None:
        b.secret_file(text)
        if not b.options:
            secrets_dir(b)

    return begin


def secret_outside(b: Bench) -> None:
    b.spec["auth"]["token"] = {"file": "token"}
    b.folder.write("outside/token", "token-1")
    b.folder.write("secrets/others", "")
    (b.folder.path / "secrets/token").symlink_to("../outside/token")
    secrets_dir(b)


def keep_it_below(b: Bench) -> None:
    (b.folder.path / "secrets/token").unlink()
    b.secret_file("token-1")


def no_secret_file(b: Bench) -> None:
    b.secret_file("")
    (b.folder.path / "secrets/token").unlink()
    secrets_dir(b)


def allowing(listed: str) -> Step:
    return export(RECONCILER_ALLOWED_ORIGINS=listed)


def add_the_origin(b: Bench) -> None:
    """The entry that the message gives, word for word."""
    entry = re.search(r"is right, add (\S+) there", b.run().everything)
    assert entry is not None
    b.folder.environ["RECONCILER_ALLOWED_ORIGINS"] += f" {entry[1]}"


def name_https(b: Bench) -> None:
    b.folder.environ["RECONCILER_ALLOWED_ORIGINS"] = b.spec["baseUrl"].removesuffix("/scim/v2")


SETTINGS = {
    "a variable": Row(forget("ACME_TOKEN"), "Export ACME_TOKEN", export(ACME_TOKEN="token-1")),
    "an empty variable": Row(
        export(ACME_TOKEN=" "), "Export ACME_TOKEN", export(ACME_TOKEN="token-1")
    ),
    "no folder of secrets": Row(
        lambda b: b.secret_file("token-1"), "give --secrets-dir DIR", secrets_dir
    ),
    "no file": Row(no_secret_file, "there is no file token below", secret_of("token-1")),
    "an empty file": Row(secret_of("\n"), "below secrets is empty", secret_of("token-1\r\n")),
    "a file elsewhere": Row(secret_outside, "leaves --secrets-dir secrets", keep_it_below),
    "a file of Windows": Row(
        secret_of("token-1".encode("utf-16")), "is no text in UTF-8", secret_of("\ufefftoken-1")
    ),
    "a file that is too long": Row(
        secret_of("x" * 70_000), "so it is no secret; name the right file", secret_of("token-1")
    ),
    "an origin": Row(allowing("https://x.example.com"), "add http://127.0.0.1:", add_the_origin),
    "an empty list of origins": Row(allowing(""), "add http://127.0.0.1:", add_the_origin),
    "an origin of a pinned tenant": Row(
        allowing("acme=https://x.example.com"), "add acme=http://127.0.0.1:", add_the_origin
    ),
    "an origin of tenants that a glob pins": Row(
        allowing("a*=https://x.example.com"), "add acme=http://127.0.0.1:", add_the_origin
    ),
    "an origin without a scheme": Row(
        allowing("x.example.com"), "write https://HOST or https://HOST:PORT", name_https
    ),
}


# -------------------------------------------------------------------------------- tokens


def asking(check: Callable[[Received, dict[str, str]], str | None], **keys: Json) -> Step:
    """A client of a token endpoint that refuses it by an error code, or gives it the token."""

    def issue(request: Received) -> Script:
        form = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
        error = check(request, form)
        return json_reply({"error": error}, 400) if error else json_reply(TOKEN)

    def begin(b: Bench) -> None:
        b.with_client(**keys)
        b.issues = issue

    return begin


def lacks(error: str, name: str, value: str) -> Callable[[Received, dict[str, str]], str | None]:
    return lambda _, form: None if form.get(name) == value else error


def wants_basic(request: Received, _: dict[str, str]) -> str | None:
    sent = request.headers.get("authorization", "")
    return None if b64decode(sent.removeprefix("Basic ")) == b"id:right" else "invalid_client"


def moved_token_url(status: int, body: bytes = b"") -> Step:
    """A token URL that leads elsewhere, to a page or to nothing."""

    def begin(b: Bench) -> None:
        b.with_client()
        headers = {"Location": b.spec["auth"]["tokenUrl"]}
        wrong = b.serve(in_turn(reply(status, body, headers)))
        b.spec["auth"]["tokenUrl"] = wrong.url("/login")

    return begin


def right_token_url(b: Bench) -> None:
    b.spec["auth"]["tokenUrl"] = b.spec["baseUrl"].replace("/scim/v2", "/token")


def long_token(b: Bench) -> None:
    """The token grows with the scopes, and the service takes no longer header."""
    b.with_client(scopes=[f"scope-{number}" for number in range(400)])

    def issue(request: Received) -> Script:
        scopes = parse_qs(request.body.decode())["scope"][0].split()
        return json_reply(TOKEN if len(scopes) < 10 else {"access_token": "x" * 5000})

    b.issues = issue
    b.objects = lambda r: reply(431) if len(r.headers.get("authorization", "")) > 4000 else None


TOKENS = {
    "a wrong secret": Row(
        asking(lacks("invalid_client", "client_secret", "other")),
        "invalid_client; check clientId and its secret",
        export(ACME_SECRET="other"),
    ),
    "a client that is known by its header": Row(
        asking(wants_basic), "clientAuth, and that the client is enabled", auth(clientAuth="basic")
    ),
    "a resource": Row(
        asking(lacks("invalid_target", "resource", "https://api.example.com")),
        "check audience and resource in parameters of spec.auth",
        auth(parameters={"resource": "https://api.example.com"}),
    ),
    "an audience": Row(
        asking(lacks("invalid_request", "audience", "scim")),
        "check clientAuth, scopes and parameters in spec.auth: a field is missing",
        auth(parameters={"audience": "scim"}),
    ),
    "a scope that is missing": Row(
        asking(lacks("invalid_request", "scope", "scim")),
        "check clientAuth, scopes and parameters in spec.auth: a field is missing",
        auth(scopes=["scim"]),
    ),
    "a scope that is one too many": Row(
        asking(lacks("invalid_scope", "scope", "scim"), scopes=["scim", "admin"]),
        "check scopes in spec.auth",
        auth(scopes=["scim"]),
    ),
    "a scope that is not granted": Row(
        asking(lacks("access_denied", "scope", "scim"), scopes=["scim", "admin"]),
        "check scopes and parameters in spec.auth against what was granted",
        auth(scopes=["scim"]),
    ),
    "an address that is none": Row(
        moved_token_url(404), "spec.auth.tokenUrl is probably wrong", right_token_url
    ),
    "an address that has moved": Row(
        moved_token_url(307), "write the final address as spec.auth.tokenUrl", right_token_url
    ),
    "an address of a page": Row(
        moved_token_url(200, b"<html>"),
        "check that spec.auth.tokenUrl is the token endpoint",
        right_token_url,
    ),
    "an address of another service": Row(
        moved_token_url(415, b"{}"),
        "check that spec.auth.tokenUrl is the token endpoint",
        right_token_url,
    ),
    "a long token": Row(long_token, "ask for fewer scopes in spec.auth", auth(scopes=["scope-1"])),
}


# --------------------------------------------------------------------------------- reads


def refusing(when: Callable[[Received], bool], status: int, **headers: str) -> Step:
    def begin(b: Bench) -> None:
        b.objects = lambda request: json_reply({}, status, headers) if when(request) else None

    return begin


def base_url(ending: str) -> Step:
    return lambda b: b.spec.update(baseUrl=b.spec["baseUrl"].replace("/scim/v2", ending))


def below_v9(b: Bench) -> None:
    """The service has moved: what comes to the old address is sent to the new one."""

    def objection(request: Received) -> Script | None:
        if request.path.startswith("/scim/v9/"):
            return b.answer(request, request.target.replace("/scim/v9", "/scim/v2"))
        return reply(308, b"", {"Location": request.target.replace("/scim/v2", "/scim/v9")})

    b.objects = objection


def with_slashes(b: Bench) -> None:
    """A list that is served at an address that ends with a slash alone."""

    def objection(request: Received) -> Script | None:
        if request.path.endswith("/Schemas"):
            return reply(301, b"", {"Location": f"{request.path}/"})
        if request.path.endswith("/Schemas/"):
            return b.answer(request, request.target.replace("/Schemas/", "/Schemas"))
        return None

    b.objects = objection


def large(b: Bench) -> None:
    description = "x" * 2_000_000
    b.service.stored.append({"id": "urn:example:o", "name": "O", "description": description})
    b.options += ["--max-page-mib", "1"]


def read_it_whole(b: Bench) -> None:
    b.options[-1] = "3"


def many_at_once(request: Received) -> bool:
    return int(parse_qs(request.target.partition("?")[2]).get("count", ["0"])[0]) > 20


def queried(request: Received) -> bool:
    return request.path.endswith("/Schemas") and "count=" in request.target


def as_doctor_says(b: Bench) -> None:
    """The advice is to ask doctor, whose own advice is followed then."""
    found = b.folder.run("doctor", "acme").everything
    advice = re.search(r"write (\w+): (\w+) into spec.capabilities", found)
    assert advice is not None, found
    b.can(**{advice[1]: int(advice[2]) if advice[2].isdigit() else advice[2]})


READS = {
    "a token that has expired": Row(
        export(ACME_TOKEN="token-0"),
        "what spec.auth names is not accepted; check that it is right and not expired",
        export(ACME_TOKEN="token-1"),
    ),
    "an address that is none": Row(
        lambda b: [
            base_url("/scim/v3")(b),
            refusing(lambda r: r.path.startswith("/scim/v3"), 404)(b),
        ],
        "spec.baseUrl is probably wrong",
        lambda b: b.spec.update(baseUrl=b.spec["baseUrl"].replace("/v3", "/v2")),
    ),
    "an address that has moved": Row(below_v9, "/scim/v9 as spec.baseUrl", base_url("/scim/v9")),
    "a slash": Row(
        with_slashes,
        "write trailingSlash: lists into spec.capabilities",
        lambda b: b.can(trailingSlash="lists"),
    ),
    "no query": Row(refusing(queried, 403), "doctor finds that out", as_doctor_says),
    "fewer at once": Row(refusing(many_at_once, 413), "doctor finds that out", as_doctor_says),
    "a long page": Row(large, "allow more with --max-page-mib", read_it_whole),
}


# -------------------------------------------------------------------------------- writes


def posted_as(kind: str) -> Step:
    """A service that takes bodies of one media type alone, and says which."""

    def begin(b: Bench) -> None:
        wrong = {"application/scim+json", "application/json"} - {kind}
        b.can(contentType=wrong.pop())
        b.objects = lambda request: (
            reply(415, b"", {"Accept": kind})
            if request.body and request.headers["content-type"] != kind
            else None
        )

    return begin


def changed_on_a_condition(mode: str) -> Step:
    """A live schema that is changed only with If-Match, which is not sent so far."""

    def begin(b: Bench) -> None:
        b.with_live()
        b.service.habits = Habits(tags=True)
        b.can(etag=mode)
        b.objects = lambda request: (
            reply(428) if request.method == "PUT" and "if-match" not in request.headers else None
        )

    return begin


def weak_tags(b: Bench) -> None:
    """A service that gives weak tags and compares them strongly (RFC 9110 section 8.8.3.2)."""
    b.with_live(meta={"version": 'W/"1"'})
    refusing(lambda r: r.headers.get("if-match", "").startswith("W/"), 412)(b)


def small(most: int) -> Step:
    return refusing(lambda r: r.method == "POST" and len(r.body) > most, 413)


def describe(text: str) -> Step:
    return lambda b: b.schema.update(description=text)


def patched_by_name(b: Bench) -> None:
    b.with_live({"name": "grade", "type": "string", "description": "old"})
    b.schema["attributes"][0]["description"] = "new"
    b.service.habits = Habits(updates=False, patches=PatchPath.ATTRIBUTE)
    b.can(updates="patch")


def as_a_probe_finds(b: Bench) -> None:
    found = b.folder.output("doctor", "acme", "--probe-writes")["data"]
    b.can(**found["tenants"][0]["capabilities"])


WRITES = {
    "another media type": Row(
        posted_as("application/json"),
        "write contentType: application/json into spec.capabilities",
        lambda b: b.can(contentType="application/json"),
    ),
    "the media type of SCIM": Row(
        posted_as("application/scim+json"),
        "write contentType: application/scim+json into spec.capabilities",
        lambda b: b.can(contentType="application/scim+json"),
    ),
    "a condition": Row(
        changed_on_a_condition("none"),
        "write etag: header into spec.capabilities",
        lambda b: b.can(etag="header"),
    ),
    "a condition by the header alone": Row(
        changed_on_a_condition("meta.version"),
        "write etag: header into spec.capabilities",
        lambda b: b.can(etag="header"),
    ),
    "a weak tag": Row(
        weak_tags, "write etag: none into spec.capabilities", lambda b: b.can(etag="none")
    ),
    "a large schema": Row(
        both(describe("x" * 2000), small(1000)), "shorten descriptions", describe("short")
    ),
    "another form of PATCH": Row(
        patched_by_name, "doctor --probe-writes finds that out", as_a_probe_finds
    ),
}


# ------------------------------------------------------------------------------- recipes

NEW = {"name": "level", "type": "string"}
GRADE = {"name": "grade", "type": "string"}
BESIDE = {"id": "urn:example:2.0:HRMore", "name": "HRMore", "attributes": [NEW]}


def live_and_wanted(live: dict[str, Json], wanted: dict[str, Json], **can: Json) -> Step:
    def begin(b: Bench) -> None:
        b.with_live(live)
        b.schema["attributes"] = [wanted]
        b.can(**can)

    return begin


def as_it_is_live(b: Bench) -> None:
    stored = b.service.stored[0]
    b.schema["attributes"] = stored["attributes"]
    b.schema.pop("description", None)
    if "description" in stored:
        b.schema["description"] = stored["description"]


def beside_it(b: Bench) -> None:
    """The old one as it is live, and what is new beside it."""
    as_it_is_live(b)
    b.schema["attributes"] = [*b.schema["attributes"], NEW]


def in_a_new_schema(b: Bench) -> None:
    as_it_is_live(b)
    b.more["more"] = {"schema": BESIDE}


def described_live(b: Bench, **can: Json) -> None:
    b.with_live(GRADE, description="as it is live")
    b.service.habits = Habits(updates=False, patches=PatchPath.ATTRIBUTE)
    b.can(updates="patch", **can)


def attributes_alone(b: Bench) -> None:
    b.schema.pop("description", None)
    b.extension["manages"] = "attributes"


def full(b: Bench) -> None:
    b.spec["limits"] = {"extensions": 1}
    b.service.stored.append({**BESIDE, "id": "urn:example:2.0:Old"})


REQUIRED = {**GRADE, "required": True}
RECIPES = {
    "a URN of an RFC": Row(
        lambda b: b.schema.update(id="urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"),
        "choose one of your own",
        lambda b: b.schema.update(id=URN),
    ),
    "no creates": Row(
        lambda b: b.can(creates=False),
        "have the schema made in the service's own console, then plan again",
        lambda b: b.with_live(GRADE),
        IN_SYNC,
    ),
    "no updates": Row(
        live_and_wanted(GRADE, NEW, updates="none"),
        "bring what is new as an attribute of a new schema",
        in_a_new_schema,
        IN_SYNC,
    ),
    "a description that no PATCH of attributes reaches": Row(
        both(lambda b: described_live(b, patchPath="attrPath"), describe("new")),
        "bring it back to what is live, or leave it out and write manages: attributes",
        as_it_is_live,
        IN_SYNC,
    ),
    "a description that is left out": Row(
        both(lambda b: described_live(b, patchPath="attrPath"), describe("new")),
        "leave it out and write manages: attributes",
        attributes_alone,
        IN_SYNC,
    ),
    "a description that would go": Row(
        described_live, "write the live one into the manifest", as_it_is_live, IN_SYNC
    ),
    "a description that would go, of others": Row(
        described_live, "or write manages: attributes", attributes_alone, IN_SYNC
    ),
    "what is ignored": Row(
        live_and_wanted(REQUIRED, GRADE, ignored=["required"]),
        "bring the manifest back to what is live",
        as_it_is_live,
        IN_SYNC,
    ),
    "what is ignored, in a new attribute": Row(
        live_and_wanted(REQUIRED, GRADE, ignored=["required"]),
        "add a new attribute beside the old one",
        beside_it,
    ),
    "what never changes": Row(
        live_and_wanted(REQUIRED, GRADE, immutable=["required"]),
        "or add a new attribute beside the old one",
        beside_it,
    ),
    "what is not compatible": Row(
        live_and_wanted(GRADE, {"name": "grade", "type": "integer"}),
        "add a new attribute beside the old one and move the values",
        beside_it,
    ),
    "a full tenant": Row(
        full,
        "or raise spec.limits.extensions if the service really allows more",
        lambda b: b.spec.update(limits={"extensions": 2}),
    ),
    "a full tenant that is cleared": Row(
        full,
        "retire one that is not used",
        lambda b: b.service.stored.clear(),
    ),
}


ROWS = {
    f"{name}: {case}": row
    for name, rows in {
        "settings": SETTINGS, "tokens": TOKENS, "reads": READS, "writes": WRITES,
        "recipes": RECIPES,
    }.items()
    for case, row in rows.items()
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_advice_that_is_followed_helps(row: Row, tmp_path: Path) -> None:
    assert_helps(row, tmp_path)
