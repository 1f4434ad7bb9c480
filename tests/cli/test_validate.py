"""`validate`: the same verdict in every format, and what a change would break since a git ref."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from referencing import Registry

from tests.support.git import commit_all_of, git
from tests.support.program import ROOT, Folder, assert_reported

HR = "desired-state/extensions/hr-extension.yaml"
SARIF = Path(__file__).parents[1] / "data/sarif-schema-2.1.0.json"
FORMATS = ("text", "json", "github", "sarif")


@pytest.fixture
def committed(folder: Folder) -> Folder:
    """The shipped manifests, as a first commit."""
    commit_all_of(folder.path)
    return folder


@pytest.mark.parametrize("form", FORMATS)
def test_the_verdict_is_the_same_in_every_format(folder: Folder, form):
    clean = folder.run("validate", "--format", form)
    folder.edit("desired-state/tenants/local.yaml", "dialect: genesys", "dialect: genesis")
    broken = folder.run("validate", "--format", form)

    assert clean.code == 0, clean.everything
    assert_reported(broken, 1, "did you mean genesys?")


@pytest.mark.parametrize("form", FORMATS)
def test_a_breaking_change_ends_with_6_in_every_format(committed: Folder, form):
    against = ("validate", "--against", "HEAD", "--format", form)
    strict = ("validate", "--fail-on", "warning", "--format", form)
    committed.edit(HR, "hrDepartmentCode", "hrDepartment-code")

    codes = [
        committed.run(*arguments).code
        for arguments in (against, (*against, "--allow-breaking"), strict, strict[:1])
    ]

    assert codes == [6, 0, 6, 0]


def test_text_shows_the_line_and_a_caret(folder: Folder):
    folder.edit("desired-state/tenants/local.yaml", "dialect: genesys", "dialect: genesis")

    lines = folder.run("validate").out.splitlines()

    at = next(n for n, line in enumerate(lines) if "REC-SHAPE" in line)
    assert lines[at + 1].endswith("|   dialect: genesis")
    assert lines[at + 2].index("^") == lines[at + 1].index("genesis")


def test_the_manifests_that_ship_are_valid_without_a_word(folder: Folder):
    done = folder.run("validate")

    assert (done.code, done.out) == (0, "")
    assert done.err == "1 tenant and 2 extensions in 3 files: valid\n"


def test_the_examples_are_not_refused_beside_the_manifests_that_ship(folder: Folder):
    for example in (folder.path / "desired-state").rglob("_example-*.yaml"):
        example.rename(example.with_name(example.name.removeprefix("_")))

    done = folder.run("validate")

    assert (done.code, "error" in done.out) == (0, False)
    assert done.err == "6 tenants and 6 extensions in 12 files: valid\n"


def test_a_secret_in_the_wrong_place_is_not_echoed_in_any_format(folder: Folder):
    text = (folder.path / "desired-state/tenants/_example-genesys.yaml").read_text()
    leaked = text.replace("{env: GENESYS_CLIENT_SECRET}", "canary-93aa71")
    folder.write("desired-state/tenants/acme.yaml", leaked)

    for form in FORMATS:
        done = folder.run("validate", "--format", form)
        assert_reported(done, 1, "literal secret")
        assert "canary-93aa71" not in done.everything


def test_sarif_is_what_its_published_schema_says(folder: Folder):
    folder.edit(HR, "type: boolean", "type: bool")

    log = json.loads(folder.run("validate", "--format", "sarif").out)

    schema = json.loads(SARIF.read_text())
    jsonschema.validators.validator_for(schema)(schema, registry=Registry()).validate(log)
    assert log["runs"][0]["results"]


@pytest.mark.parametrize("absolute", [True, False])
def test_code_scanning_and_annotations_find_files_from_the_root_of_the_repository(
    committed: Folder, absolute
):
    note = "    # reconciler: ignore SCIM-S02 -- the service names its extensions so\n"
    committed.edit(HR, note, "")
    below = Folder(committed.path / "sub/deeper")
    below.path.mkdir(parents=True)
    manifests = str(committed.path / "desired-state") if absolute else "../../desired-state"

    sarif = below.run("validate", "--desired-state", manifests, "--format", "sarif")
    github = below.run("validate", "--desired-state", manifests, "--format", "github")

    (run,) = json.loads(sarif.out)["runs"]
    artifacts = [
        result["locations"][0]["physicalLocation"]["artifactLocation"] for result in run["results"]
    ]
    assert {"uri": HR, "uriBaseId": "%SRCROOT%"} in artifacts
    assert "%SRCROOT%" in run["originalUriBaseIds"]
    assert f"::notice file={HR},line=" in github.out


def test_an_annotation_cannot_be_broken_out_of(folder: Folder):
    folder.edit(HR, "name: HRExtension", 'name: "x%0A::error::y"')
    folder.edit(HR, "isContractor, type", '"::set-output, name=a::b", type')

    lines = folder.run("validate", "--format", "github").out.splitlines()

    assert lines
    assert all(
        line.startswith(("::error file=", "::warning file=", "::notice file=")) for line in lines
    )


def test_a_removed_attribute_breaks_and_a_tombstone_remembers_it(committed: Folder):
    text = (committed.path / HR).read_text()
    kept = "".join(line for line in text.splitlines(keepends=True) if "isContractor" not in line)
    committed.write(HR, kept)

    refused = committed.run("validate", "--against", "HEAD")
    meant = committed.run("validate", "--against", "HEAD", "--allow-breaking")
    committed.edit(
        HR, "spec:\n", "spec:\n  retired: [{name: isContractor, type: boolean, since: v2}]\n"
    )
    retired = committed.run("validate", "--against", "HEAD")

    assert_reported(refused, 6, "SCH001", "isContractor", "spec.retired", "READER")
    assert meant.code == 0
    assert "SCH001" not in retired.out, retired.everything


def test_a_new_optional_attribute_breaks_nothing(committed: Folder):
    committed.edit(HR, "    attributes:\n", "    attributes:\n      - {name: grade}\n")

    assert_reported(committed.run("validate", "--against", "HEAD"), 0)


def test_a_file_that_is_large_on_purpose_is_compared_too(committed: Folder):
    rows = [f"      - {{name: filler{n:04}, description: {'x' * 200}}}\n" for n in range(1400)]
    shipped = (committed.path / HR).read_text()
    committed.write(HR, shipped + "".join(rows))
    git(committed.path, "commit", "--quiet", "-am", "large")
    committed.write(HR, shipped + "".join(rows[1:]))

    done = committed.run("validate", "--against", "HEAD", "--max-file-kib", "512")

    assert_reported(done, 6, "SCH001", "filler0000")


def test_a_ref_without_manifests_says_that_nothing_was_compared(committed: Folder):
    (committed.path / "desired-state").rename(committed.path / "manifests")

    done = committed.run("validate", "--against", "HEAD", "--desired-state", "manifests")

    assert_reported(done, 0, "HEAD has no manifests in manifests")


@pytest.mark.parametrize("ref", ["no-such-ref", "--upload-pack=x", ""])
def test_an_unknown_ref_is_reported(committed: Folder, ref):
    assert_reported(committed.run("validate", f"--against={ref}"), 1, ref)


def test_a_finding_is_silenced_with_a_reason_and_not_without(folder: Folder):
    folder.edit(HR, "isContractor, type: boolean", "isContractor, type: boolean, caseExact: true")
    found = folder.run("validate")
    line = next(li for li in (folder.path / HR).read_text().splitlines() if "isContractor" in li)
    folder.edit(HR, line, f"      # reconciler: ignore SCIM-A12 -- the service wants it\n{line}")
    silenced = folder.run("validate")
    folder.edit(HR, " -- the service wants it", "")
    bare = folder.run("validate")

    assert "SCIM-A12" in found.out
    assert "SCIM-A12" not in silenced.out
    assert "reason" in bare.out


def test_without_the_extra_fast_the_same_is_reported():
    """As where jsonschema-rs is not installed: its import is refused."""
    main = "import sys; sys.modules['jsonschema_rs'] = None; from reconciler.__main__ import main; "
    reported = [
        subprocess.run(
            [sys.executable, "-c", f"{code}sys.exit(main())", "validate"],
            cwd=ROOT / "tests",
            env={"PATH": os.environ["PATH"], "RECONCILER_DESIRED_STATE": "examples/invalid"},
            capture_output=True,
            check=False,
            timeout=60,
        )
        for code in (main, main.replace("None", "__import__('jsonschema_rs')"))
    ]

    assert reported[0].returncode == reported[1].returncode == 1
    assert reported[0].stdout == reported[1].stdout
    assert reported[0].stdout.count(b"error[REC-SHAPE]") > 20


def test_a_broken_manifest_shows_every_problem_at_its_line_and_asks_no_tenant(folder: Folder):
    folder.edit("desired-state/tenants/local.yaml", "dialect: genesys", "dialect: genesis")
    folder.edit(
        "desired-state/extensions/hr-extension.yaml", "isContractor, type", "isContractor, tpye"
    )

    for command in (["validate"], ["plan"], ["apply", "--auto-approve"]):
        done = folder.run(*command)
        assert_reported(done, 1, "did you mean genesys?", "'tpye'")
        assert re.search(
            r"^desired-state/tenants/local\.yaml:\d+:\d+: error\[", done.everything, re.M
        )
    assert not (folder.path / ".reconciler/embedded").exists()


def test_an_empty_folder_is_an_error_unless_it_is_meant(folder: Folder):
    (folder.path / "empty").mkdir()

    assert_reported(
        folder.run("plan", "--desired-state", "empty"), 1, "no manifests", "--allow-empty"
    )
    assert_reported(
        folder.run("plan", "--desired-state", "empty", "--allow-empty"), 0, "No tenant was planned."
    )
    assert_reported(
        folder.run("plan", "--desired-state", "nowhere"),
        1,
        "error: --desired-state nowhere: there is no such folder in /",
    )
    file = "desired-state/tenants/local.yaml"
    done = folder.run("plan", "--desired-state", file)
    named = f"error: --desired-state {file} is no folder; name the one that it is in"
    assert_reported(done, 1, named)


def test_validate_needs_no_network_no_state_and_no_extra(folder: Folder):
    done = folder.run("validate")

    assert done.code == 0
    assert done.err == "1 tenant and 2 extensions in 3 files: valid\n"
    assert not Path(folder.path / ".reconciler").exists()
