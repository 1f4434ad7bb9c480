"""What is meant to hurt ends in an error at its place, in a process that may use little."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from reconciler.domain.jsontext import Json
from tests.support.program import Folder

# What is promised: 256 MiB of address space and two seconds of processor time. What waits for ever
# is cut off by the timeout.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
from reconciler.__main__ import main
sys.exit(main())
"""

LEVELS = range(1, 10)
ALIAS_BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in LEVELS
)
MERGE_BOMB = "m0: &m0 {k: v}\n" + "".join(
    f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}]}}\n" for n in LEVELS
)
CORRECT = """\
apiVersion: reconciler/v1
kind: Tenant
metadata: {name: local}
spec: {dialect: rfc7644, baseUrl: "embedded://local"}
"""


def validated(folder: Path) -> list[str]:
    """What the program says of a folder, within its limits; one line a problem."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "validate", "--desired-state", folder.name],
        cwd=folder.parent,
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, 1), done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """A folder with one sound manifest."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "sound.yaml").write_text(CORRECT)
    return tmp_path / "m"


# Name, content, and the problem in short: Y and J are the files, E is an error[REC-TEXT].
TEXTS: dict[str, tuple[str, bytes, str]] = {
    "brackets": ("x.yaml", b"[" * 100_000, "Y:1:65: E nested deeper"),
    "braces": ("x.yaml", b"{a: " * 50_000, "Y:1:257: E nested deeper"),
    "JSON brackets": ("x.json", b"[" * 100_000, "J:1:65: E nested deeper"),
    "JSON objects": ("x.json", b'{"a":' * 50_000, "J:1:321: E nested deeper"),
    "aliases": ("x.yaml", ALIAS_BOMB.encode(), "Y:1:5: E an anchor"),
    "merge keys": ("x.yaml", MERGE_BOMB.encode(), "E a merge key"),
    "a number": ("x.yaml", b"a: " + b"9" * 5000, "Y:1:4: E a number with"),
    "a JSON number": ("x.json", b"[" + b"9" * 5000 + b"]", "E a number with too many"),
    "an exponent": ("x.json", b"[1e999999]", "E a number out of range"),
    "a surrogate": ("x.yaml", b'a: "\\ud800"', "Y:1:4: E half of a pair"),
    "a JSON surrogate": ("x.json", b'{"a": "\\ud800"}', "E a lone surrogate"),
    "raw surrogates": ("x.yaml", b"a: 1\nb: \xed\xa0\x80\n", "Y:2:1: E not UTF"),
    "right to left": ("x.yaml", "a: 1\nb: x\u202ey\n".encode(), "Y:2:5: E U+202E, a con"),
    "a control": ("x.yaml", b"a: 1\nb: x\x07y\n", "Y:2:5: E U+0007, a con"),
    "a JSON control": ("x.json", b'{"a":\n "\\u001b[2J"}', "J:2:2: error[REC-INVISIBLE]: U+001B"),
    "values": ("x.yaml", b"[" + b"a," * 100_000 + b"]", "E more than 50000 values"),
    "keys": ("x.yaml", b"? " * 100_000, "E a key that is no text"),
    "blanks": ("x.yaml", b"a: x" + b" " * (250 << 10) + b"\n", "Y:1:1: error[REC-SHAPE]"),
    "a large file": ("x.yaml", b"#" * (257 << 10), "Y:1:1: E larger than 256"),
    "faults": ("x.yaml", b"- no\n" * 40_000, "E too many faults"),
    "documents": ("x.yaml", b"--- 1\n" * 40_000, "error[REC-FILE]: more than 20000 documents"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "data", "reported"), TEXTS.values(), ids=TEXTS)
def test_a_hostile_manifest_is_an_error_at_its_place(
    manifests: Path, name: str, data: bytes, reported: str
) -> None:
    (manifests / name).write_bytes(data)

    lines = validated(manifests)

    short = [line.replace(f"m/{name}", "Y" if name.endswith("yaml") else "J") for line in lines]
    assert any(reported in line.replace("error[REC-TEXT]: ", "E ") for line in short), lines[:3]
    assert all(line.isprintable() for line in lines)


EXTENSION = """\
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {{name: hr}}
spec:
  {}
  schema: {{id: "urn:acme:hr", name: hr, attributes: [{}]}}
"""


def listed(texts: Iterable[str]) -> str:
    return f"[{', '.join(texts)}]"


@pytest.mark.parametrize(
    "member",
    [
        "personal: " + listed(f"a{n}" for n in range(4000)),
        "retired: " + listed(f"{{name: r{n}, type: string}}" for n in range(4000)),
    ],
    ids=["personal", "retired"],
)
def test_thousands_of_names_are_found_among_thousands_of_attributes(
    manifests: Path, member: str
) -> None:
    attributes = ", ".join(f"{{name: a{n}}}" for n in range(4000))
    (manifests / "x.yaml").write_text(EXTENSION.format(member, attributes))

    assert validated(manifests) == []


def test_thousands_of_names_are_looked_up_among_hundreds_of_tenants(manifests: Path) -> None:
    names = listed(["local", *(f"n{n}" for n in range(6000))])
    (manifests / "x.yaml").write_text(EXTENSION.format(f"tenants: {{names: {names}}}", "{name: a}"))
    tenants = [CORRECT.replace("local", f"t{n}") for n in range(500)]
    (manifests / "tenants.yaml").write_text("---\n".join(tenants))

    lines = validated(manifests)

    reported = [line for line in lines if ": warning[REC-SELECTOR]: " in line]
    assert len(reported) == 500  # of the 6,000; the rest would hide what other files have
    assert all(line.endswith("fits no tenant") for line in reported)


def test_only_regular_files_of_the_folder_are_opened(manifests: Path) -> None:
    outside = manifests.parent / "outside.yaml"
    outside.write_text("password: canary-51c0")
    os.mkfifo(manifests / "pipe.yaml")
    (manifests / "link.yaml").symlink_to(outside)
    (manifests / "loop.yaml").symlink_to("loop.yaml")
    (manifests / "nowhere.yaml").symlink_to("missing.yaml")
    (manifests / "zero.yaml").symlink_to("/dev/zero")
    (manifests / "up").symlink_to("..")
    (manifests / "to-pipe.yaml").symlink_to("pipe.yaml")
    with (manifests / "sparse.yaml").open("wb") as file:
        file.truncate(5 << 30)

    lines = validated(manifests)

    refused = {line.split(":")[0].removeprefix("m/") for line in lines if ": error[REC-" in line}
    assert refused == {
        "pipe.yaml", "link.yaml", "loop.yaml", "nowhere.yaml", "zero.yaml", "up", "to-pipe.yaml",
        "sparse.yaml",
    }  # fmt: skip
    assert "canary" not in "".join(lines)


def test_a_config_map_is_read_through_its_links(folder: Folder) -> None:
    mounted = folder.path / "mounted"
    (mounted / "..2026_11_24_02_00").mkdir(parents=True)
    (mounted / "..2026_11_24_02_00" / "local.yaml").write_text(CORRECT)
    (mounted / "..data").symlink_to("..2026_11_24_02_00")
    (mounted / "local.yaml").symlink_to("..data/local.yaml")

    done = folder.run("validate", "--desired-state", "mounted")

    assert (done.code, done.out) == (0, "")
    assert done.err == "1 tenant and 0 extensions in 1 file: valid\n"


def test_a_folder_that_is_full_of_small_files_is_read_up_to_its_limits(manifests: Path) -> None:
    for index in range(200):
        (manifests / f"{index}.yaml").write_bytes(b"# " + b"x" * 4000)

    assert validated(manifests) == []


def many(*documents: Json) -> str:
    return "\n---\n".join(map(json.dumps, documents))


def extension_of(attributes: list[Json], **spec: Json) -> Json:
    schema = {"id": "urn:acme:2.0:User:HR", "name": "HR", "attributes": attributes}
    return {
        "apiVersion": "reconciler/v1",
        "kind": "SchemaExtension",
        "metadata": {"name": "hr"},
        "spec": {**spec, "schema": schema},
    }


def test_a_schema_with_more_attributes_than_are_allowed_names_the_option(folder: Folder) -> None:
    parts = [{"name": f"p{number}", "type": "string"} for number in range(3)]
    whole = extension_of([{"name": "whole", "type": "complex", "subAttributes": parts}])
    folder.write("desired-state/many.yaml", many(whole))

    refused = folder.run("validate", "--max-attributes", "3")

    assert refused.code == 1
    assert "error[REC-FILE]: more than 3 attributes; raise --max-attributes" in refused.out
    assert "--max-attributes" not in folder.run("validate").everything


def test_of_many_equal_faults_no_more_are_shown_than_people_read(folder: Folder) -> None:
    personal = [f"p{number}" for number in range(2000)]
    alone = extension_of([{"name": "grade", "type": "string"}], personal=personal)
    folder.write("desired-state/many.yaml", many(alone))

    shown = folder.run("validate").out

    assert shown.count("error[REC-PERSONAL]") == 500
    assert "too many faults; the other problems of the file are not shown" in shown


def test_many_manifests_of_one_name_are_found_in_one_pass(folder: Folder) -> None:
    twins = [extension_of([{"name": "grade", "type": "string"}]) for _ in range(1500)]
    folder.write("desired-state/many.yaml", many(*twins))

    shown = folder.run("validate", "--max-file-kib", "10000").out

    assert "error[REC-NAME]: the name hr is taken" in shown
    assert "too many faults" in shown
