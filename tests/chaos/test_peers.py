"""Real services and a real issuer that others wrote: what we promise holds there too."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from reconciler.domain.scim import SCHEMA_URN
from tests.support.peers import Guarded, Scimono
from tests.support.program import ROOT, Folder, assert_reported

pytestmark = pytest.mark.chaos

CUSTOM = "urn:sap:cloud:scim:schemas:extension:custom:2.0"
HR = f"{CUSTOM}:HR"


@pytest.fixture
def empty(tmp_path: Path) -> Folder:
    """A working directory without manifests."""
    (tmp_path / "desired-state").mkdir()
    return Folder(tmp_path)


# ---------------------------------------------------------------------------- SAP's library


@pytest.fixture
def sap(empty: Folder, scimono: Scimono) -> Folder:
    """A folder whose tenant `sap` is the library."""
    empty.write(
        "desired-state/sap.yaml",
        f"""\
apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: sap}}
spec:
  dialect: sap
  baseUrl: {scimono.base_url}
  auth: {{type: none}}
""",
    )
    return empty


def document(urn: str, *names: str) -> dict[str, object]:
    return {
        "schemas": [SCHEMA_URN],
        "id": urn,
        "name": urn.rpartition(":")[2],
        "attributes": [{"name": name, "type": "string"} for name in names],
    }


def want(folder: Folder, name: str, *attributes: str) -> None:
    """A manifest of one extension."""
    lines = "\n".join(f"      - {each}" for each in attributes)
    folder.write(
        f"desired-state/{name.lower()}.yaml",
        f"""\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {{name: {name.lower()}}}
spec:
  schema:
    id: {CUSTOM}:{name}
    name: {name}
    description: What the HR system knows
    attributes:
{lines}
""",
    )


DEPARTMENT = "{name: departmentCode, type: string, caseExact: true, returned: always}"
SINCE = "{name: since, type: dateTime, mutability: immutable}"


def test_scimono_without_an_extension_is_found_well(sap: Folder):
    assert_reported(sap.run("doctor", "sap"), 0)


def test_an_import_from_scimono_makes_an_empty_plan(sap: Folder, scimono: Scimono):
    scimono.post(document(HR, "departmentCode", "since"))
    scimono.post(document(f"{CUSTOM}:Work", "desk"))

    assert_reported(sap.run("import", "sap"), 0)

    assert_reported(sap.run("validate", "--fail-on", "warning"), 0)
    assert_reported(sap.run("plan", "--detailed-exitcode"), 0, "2 in sync")


def test_a_create_on_scimono_is_verified_and_makes_an_empty_plan(sap: Folder):
    want(sap, "HR", DEPARTMENT, SINCE)

    assert_reported(sap.run("apply", "--auto-approve"), 0, "sap/hr: applied and verified")

    assert_reported(sap.run("plan", "--detailed-exitcode"), 0, "1 in sync")
    assert_reported(sap.run("doctor", "sap"), 0, "hr is bound to User")


def test_the_writes_of_scimono_are_probed(sap: Folder):
    done = sap.run("doctor", "sap", "--probe-writes")

    assert_reported(done, 0, "schemas can be created", "schemas cannot be changed")


def test_drift_behind_our_back_on_scimono_is_told(sap: Folder, scimono: Scimono):
    want(sap, "HR", DEPARTMENT, SINCE)
    assert sap.run("apply", "--auto-approve").code == 0

    scimono.delete(HR)

    assert_reported(sap.run("plan", "--detailed-exitcode"), 2, "missing")

    scimono.post(document(HR, "departmentCode"))

    assert_reported(sap.run("plan", "--detailed-exitcode"), 2, "changed out of band", "since")


def test_a_run_that_is_killed_over_scimono_is_finished_by_the_next(sap: Folder, scimono: Scimono):
    want(sap, "HR", DEPARTMENT, SINCE)
    want(sap, "Work", DEPARTMENT)
    with sap.start("apply", "--auto-approve") as killed:
        while killed.poll() is None and not scimono.holds(HR):
            time.sleep(0.001)
        killed.kill()

    assert_reported(sap.run("apply", "--auto-approve"), 0)

    assert_reported(sap.run("plan", "--detailed-exitcode"), 0, "2 in sync")
    assert_reported(sap.run("audit", "verify"), 0)


def test_what_scimono_refuses_is_told_in_its_own_words(sap: Folder):
    want(sap, "HR", "{name: emergencyContactPhoneNr, type: string}")

    done = sap.run("apply", "--auto-approve")

    reason = 'not-applied: POST /scim/Schemas: 400: "The attribute value "emergencyContactPhoneNr"'
    assert_reported(done, 3, reason)


def test_a_urn_that_scimono_finds_malformed_blocks_this_one_alone(sap: Folder):
    want(sap, "EmployeeMasterDataHR26", DEPARTMENT)
    want(sap, "HR", DEPARTMENT)

    done = sap.run("apply", "--auto-approve")

    assert_reported(done, 3, "blocked (unreadable)", "sap/hr: applied and verified")


def test_the_page_on_compatibility_has_the_limits_of_this_scimono(sap: Folder, scimono: Scimono):
    page = (ROOT / "docs/compatibility.md").read_text()
    block = page.partition("```yaml\n")[2].partition("```")[0]
    sap.edit("desired-state/sap.yaml", "  dialect: sap\n", block)
    names = [chr(ord("a") + number) * 19 for number in range(20)]
    want(sap, "A" * 19, *[f"{{name: {name}, type: string}}" for name in names[:19]])

    assert_reported(sap.run("validate", "--fail-on", "warning"), 0)
    assert_reported(sap.run("apply", "--auto-approve"), 0, "applied and verified")

    for refused in (("B" * 20, "aa"), ("C" * 19, *names), ("D" * 19, "a" * 20)):
        with pytest.raises(HTTPError, match="400"):
            scimono.post(document(f"{CUSTOM}:{refused[0]}", *refused[1:]))


def test_the_21st_schema_of_scimono_is_blocked_before_it_is_asked(sap: Folder, scimono: Scimono):
    for number in range(20):
        scimono.post(document(f"{CUSTOM}:Old{number:02}", "desk"))
    want(sap, "HR", DEPARTMENT)

    assert_reported(sap.run("apply", "--auto-approve"), 3, "extension-limit")


def test_scimono_s_own_limit_is_told_in_its_own_words(sap: Folder, scimono: Scimono):
    """It deducts its own six schemas from ours, so the 27th is the first that it refuses."""
    for number in range(26):
        scimono.post(document(f"{CUSTOM}:Old{number:02}", "desk"))
    sap.edit("desired-state/sap.yaml", "auth:", "limits: {extensions: 30}\n  auth:")
    want(sap, "HR", DEPARTMENT)

    done = sap.run("apply", "--auto-approve")

    assert_reported(done, 3, "not-applied", "Custom schema maximum count reached!")


# ------------------------------------------------------------------ SCIMMY and oidc-provider

POST = "{clientAuth: post, clientId: {file: id-post}, clientSecret: {file: secret}"
CLIENTS = {
    "post": POST,
    "basic": "{clientAuth: basic, clientId: {file: id-basic}, clientSecret: {file: secret}",
    "RS256": "{clientAuth: private-key-jwt, clientId: {file: id-RS256}, privateKey: {file: RS256}",
    "ES256": "{clientAuth: private-key-jwt, clientId: {file: id-ES256}, privateKey: {file: ES256}",
}


def ask_as(folder: Folder, peer: Guarded, client: str, *more: str) -> None:
    """A tenant `scimmy` whose token the issuer gives to that client, asked with those keys."""
    folder.environ["RECONCILER_SECRETS_DIR"] = str(folder.path / "secrets")
    for name, secret in peer.secrets.items():
        folder.write(f"secrets/{name}", secret)
    keys = ", ".join([client, "type: oauth2-client-credentials", *more])
    folder.write(
        "desired-state/scimmy.yaml",
        f"""\
apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: scimmy}}
spec:
  dialect: read-only
  baseUrl: {peer.base_url}
  auth: {keys}, tokenUrl: "{peer.issuer}/token"}}
""",
    )


CERTIFIED = {
    name: f"{{clientAuth: tls-client-auth, clientId: {{file: id-{name}}}, "
    f"certificate: {{file: {name}.pem}}"
    for name in ("certified", "self-signed")
}
BOUND = "{clientId: {file: id-bound}, clientSecret: {file: secret}"


def ask_with(folder: Folder, peer: Guarded, client: str, *more: str) -> None:
    """The same over TLS, at the addresses for clients that show certificates."""
    ask_as(folder, peer, client, "scopes: [scim:read]", resource(peer), *more)
    folder.environ["RECONCILER_CA_BUNDLE"] = "secrets/authority.pem"
    folder.edit(
        "desired-state/scimmy.yaml", f"baseUrl: {peer.root}", f"baseUrl: {peer.secure_root}"
    )
    folder.edit(
        "desired-state/scimmy.yaml", f"{peer.issuer}/token", aliases(peer)["token_endpoint"]
    )


def aliases(peer: Guarded) -> dict[str, str]:
    """What the issuer itself says of such addresses, RFC 8705 section 5."""
    with urlopen(f"{peer.issuer}/.well-known/openid-configuration", timeout=30) as answer:
        found: dict[str, str] = json.load(answer)["mtls_endpoint_aliases"]
    return found


def resource(peer: Guarded) -> str:
    return f'parameters: {{resource: "{peer.base_url}"}}'


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_oidc_provider_gives_each_kind_of_client_its_token(
    empty: Folder, guarded: Guarded, client: str
):
    ask_as(empty, guarded, client, "scopes: [scim:read]", resource(guarded))

    assert_reported(empty.run("doctor", "scimmy"), 0, "given, and valid for 120 s")


def test_oidc_provider_takes_an_assertion_with_key_id_and_audience(empty: Folder, guarded: Guarded):
    named = ("keyId: ES256", f'assertionAudience: "{guarded.issuer}"')
    ask_as(empty, guarded, CLIENTS["ES256"], "scopes: [scim:read]", resource(guarded), *named)

    assert_reported(empty.run("doctor", "scimmy"), 0, "given, and valid for 120 s")


def test_an_assertion_of_another_key_is_told_as_oidc_provider_says_it(
    empty: Folder, guarded: Guarded
):
    ask_as(empty, guarded, CLIENTS["RS256"], "scopes: [scim:read]", resource(guarded))
    empty.write("secrets/RS256", guarded.secrets["ES256"])

    assert_reported(empty.run("doctor", "scimmy"), 1, "invalid_client")


def test_a_scope_that_oidc_provider_does_not_grant_is_told(empty: Folder, guarded: Guarded):
    ask_as(empty, guarded, POST, "scopes: [scim:read, scim:nope]", resource(guarded))

    assert_reported(empty.run("doctor", "scimmy"), 0, "given without scim:nope")


def test_a_token_of_oidc_provider_without_its_resource_is_refused(empty: Folder, guarded: Guarded):
    ask_as(empty, guarded, POST, "scopes: [scim:read]")

    assert_reported(
        empty.run("plan", "--tenant", "scimmy", "--allow-empty"), 1, "token for another resource"
    )


def test_a_wrong_secret_is_told_as_oidc_provider_says_it(empty: Folder, guarded: Guarded):
    ask_as(empty, guarded, POST, "scopes: [scim:read]", resource(guarded))
    empty.write("secrets/secret", "wrong-one")

    done = empty.run("doctor", "scimmy")

    assert_reported(done, 1, "invalid_client")
    assert "wrong-one" not in done.everything


@pytest.mark.parametrize("client", CERTIFIED.values(), ids=CERTIFIED)
def test_oidc_provider_binds_a_token_to_the_certificate_of_its_client(
    empty: Folder, guarded: Guarded, client: str
):
    ask_with(empty, guarded, client)

    assert_reported(empty.run("doctor", "scimmy"), 0, "given, and valid for 120 s")
    assert_reported(empty.run("import", "scimmy"), 0)
    assert_reported(empty.run("plan", "--detailed-exitcode"), 0, "1 in sync")


def test_a_client_with_a_secret_has_its_token_bound_to_its_certificate(
    empty: Folder, guarded: Guarded
):
    ask_with(empty, guarded, BOUND, "certificate: {file: other.pem}")

    assert_reported(empty.run("doctor", "scimmy"), 0, "given, and valid for 120 s")


def test_a_bound_token_is_of_no_use_without_its_certificate(empty: Folder, guarded: Guarded):
    ask_with(empty, guarded, BOUND, "certificate: {file: other.pem}")
    empty.edit("desired-state/scimmy.yaml", guarded.secure_root + "/scim", guarded.base_url)

    done = empty.run("plan", "--allow-empty")

    assert_reported(done, 1, "token of another certificate")


@pytest.mark.parametrize(
    ("client", "other"),
    [("certified", "other"), ("certified", "self-signed"), ("self-signed", "certified")],
)
def test_the_certificate_of_another_is_refused_as_oidc_provider_says_it(
    empty: Folder, guarded: Guarded, client: str, other: str
):
    ask_with(empty, guarded, CERTIFIED[client])
    empty.edit("desired-state/scimmy.yaml", f"{client}.pem", f"{other}.pem")

    done = empty.run("plan", "--allow-empty")

    assert_reported(done, 1, "invalid_client; check clientId and its secret, key or certificate")


def test_a_token_url_that_asks_for_no_certificate_is_told_with_what_to_write(
    empty: Folder, guarded: Guarded
):
    ask_with(empty, guarded, CERTIFIED["certified"])
    alias = aliases(guarded)["token_endpoint"]
    empty.edit("desired-state/scimmy.yaml", alias, f"{guarded.issuer}/token")

    assert_reported(
        empty.run("plan", "--allow-empty"), 1, "invalid_client", "mtls_endpoint_aliases"
    )

    empty.edit("desired-state/scimmy.yaml", f"{guarded.issuer}/token", alias)
    assert_reported(empty.run("plan", "--allow-empty"), 0)


def test_an_import_from_scimmy_makes_an_empty_plan(empty: Folder, guarded: Guarded):
    ask_as(empty, guarded, POST, "scopes: [scim:read]", resource(guarded))

    assert_reported(empty.run("import", "scimmy"), 0)

    assert_reported(empty.run("validate", "--fail-on", "warning"), 0)
    assert_reported(empty.run("plan", "--detailed-exitcode"), 0, "1 in sync")


def test_what_scimmy_lacks_is_blocked(empty: Folder, guarded: Guarded):
    ask_as(empty, guarded, POST, "scopes: [scim:read]", resource(guarded))
    want(empty, "HR", DEPARTMENT)

    assert_reported(empty.run("apply", "--auto-approve"), 0, "unsupported")


# ------------------------------------------------------------------------ where tools are missing


def test_services_that_cannot_be_built_are_skipped_loudly(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", "-m", "chaos",
         "-k", "import_from", __file__],
        cwd=ROOT, env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert "NOT TESTED: scimono needs java and javac and mvn; apt-get install" in done.stdout
    assert "NOT TESTED: node needs node and npm; apt-get install -y nodejs npm" in done.stdout
    assert "2 skipped" in done.stdout
