"""What a large tenant takes of memory, beyond what it sends and what its manifests take."""

import json
import sys
from pathlib import Path

import pytest

from reconciler.domain.jsontext import Json
from tests.support.faultserver import Received, Script, json_reply, serving
from tests.support.gateway_world import honest, scim_error, service
from tests.support.program import Folder

ATTRIBUTES = 500
SCHEMAS = 30  # of 100 KB each
BOUND = 64  # MiB, docs/performance.md
# A process counts the memory of whoever starts it as its own peak, so somebody small starts it.
LAUNCHER = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
sys.stderr.write(f"\\n{usage.ru_maxrss / (1024 if sys.platform != 'darwin' else 1024**2)}")
sys.exit(os.waitstatus_to_exitcode(status))
"""
TENANT = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: acme}
spec: {dialect: rfc7644, baseUrl: BASE, auth: {type: none}}
"""
CHARACTERISTICS: dict[str, Json] = {
    "type": "string", "multiValued": False, "required": False, "caseExact": False,
    "mutability": "readWrite", "returned": "default", "uniqueness": "none",
}  # fmt: skip


def document(number: int, description: str, of_each: str = "") -> dict[str, Json]:
    attributes = [
        {"name": f"attribute{each}of{number}", "description": f"{each} of {number}{of_each}"}
        for each in range(ATTRIBUTES)
    ]
    return {
        "id": f"urn:example:schema{number}",
        "name": f"schema{number}",
        "description": description,
        "attributes": [each | CHARACTERISTICS for each in attributes],
    }


def write_manifests(folder: Folder, number: int, on_drift: str = "skip") -> None:
    for each in range(number):
        manifest = {
            "apiVersion": "reconciler/v1",
            "kind": "SchemaExtension",
            "metadata": {"name": f"schema{each}"},
            "spec": {"onDrift": on_drift, "schema": document(each, "as it is desired")},
        }
        folder.write(f"desired-state/{each}.json", json.dumps(manifest))


def peak(folder: Folder, *arguments: str) -> float:
    """The most memory that a command had, in MiB."""
    launcher = (sys.executable, "-I", "-S", "-c", LAUNCHER)
    done = folder.run_by(launcher, *arguments, seconds=300)
    assert done.code == 0, done.err
    return float(done.err.rpartition("\n")[2])


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("managed", "live", "of_each", "commands"),
    [
        (True, "as it is desired", "", ("plan", "doctor")),
        (True, "otherwise", "", ("plan --format json",)),
        (True, "as it is desired", " and more", ("plan --out plan.json --markdown p.md",)),
        (False, "as it is", "", ("import acme",)),
    ],
    ids=["in sync", "drifted", "each attribute drifted", "imported"],
)
def test_a_tenant_takes_little_memory_beyond_what_it_sends(
    tmp_path: Path, managed: bool, live: str, of_each: str, commands: tuple[str, ...]
) -> None:
    beyond: list[float] = []
    for number in (SCHEMAS, 2 * SCHEMAS):
        folder = Folder(tmp_path / str(number))
        if managed:
            write_manifests(folder, number)
        documents = [document(each, live, of_each) for each in range(number)]
        listing = service(honest(documents, most=10))

        def answer(request: Received, listing=listing) -> Script:
            return listing(request) if "startIndex=" in request.target else scim_error(404)

        with serving(answer) as server:
            tenant = TENANT.replace("BASE", server.url("/scim/v2"))
            folder.write("desired-state/tenant.yaml", tenant)
            without = peak(folder, "validate")
            sent = len(json.dumps(documents)) / 1024**2
            beyond += [peak(folder, *each.split()) - without - sent for each in commands]

    for few, many in zip(beyond[: len(commands)], beyond[len(commands) :], strict=True):
        assert many <= BOUND
        assert many - few <= sent


@pytest.mark.timeout(600)
@pytest.mark.parametrize("live", [False, True], ids=["creates", "updates"])
def test_an_apply_keeps_little_of_what_it_has_written(tmp_path: Path, live: bool) -> None:
    beyond: list[float] = []
    for number in (SCHEMAS // 2, SCHEMAS):
        folder = Folder(tmp_path / str(number))
        write_manifests(folder, number, on_drift="update")
        there = {
            each["id"]: each
            for each in (document(n, "as it is desired", " and more") for n in range(number))
        }
        held = there if live else {}

        def answer(request: Received, held=held) -> Script:
            if "/Schemas" not in request.path:
                return scim_error(404)
            if request.method in ("POST", "PUT"):
                written = json.loads(request.body)
                held[written["id"]] = written
                return json_reply(written, 201 if request.method == "POST" else 200)
            return service(honest([*held.values()], most=10), held)(request)

        with serving(answer) as server:
            limits = "limits: {maxCreates: 100, maxUpdates: 100}, "
            text = TENANT.replace("BASE", server.url("/scim/v2")).replace("auth", f"{limits}auth")
            folder.write("desired-state/tenant.yaml", text)
            without = peak(folder, "validate")
            sent = len(json.dumps([*there.values()])) / 1024**2
            beyond.append(peak(folder, "apply", "--auto-approve") - without - sent)
            assert {each["description"] for each in held.values()} == {"as it is desired"}

    assert beyond[1] <= BOUND
    assert beyond[1] - beyond[0] <= 2 * sent
