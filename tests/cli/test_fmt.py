"""`fmt`: which files it rewrites, what it leaves alone, what it prints and how it ends."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import Folder, assert_reported

UNTIDY = "kind:  Tenant # one\nmetadata: {name:  a}\n"
TIDY = "kind: Tenant  # one\nmetadata: {name: a}\n"


def write(folder: Folder, name: str, text: str = UNTIDY) -> Path:
    path = folder.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_fmt_rewrites_the_manifests_of_the_folder_and_prints_their_names(folder: Folder) -> None:
    untidy = write(folder, "desired-state/deep/a.yml")
    others = [
        write(folder, f"desired-state/{name}")
        for name in ("_example.yaml", "rows.csv", "x.json", ".hidden.yaml")
    ]

    done = folder.run("fmt")

    assert (done.code, done.out, done.err) == (0, "desired-state/deep/a.yml\n", "")
    assert untidy.read_text() == TIDY
    assert {other.read_text() for other in others} == {UNTIDY}
    assert folder.run("fmt").out == ""
    assert folder.run("fmt", "--check").code == 0


def test_fmt_check_writes_nothing_and_ends_with_2(folder: Folder) -> None:
    untidy = write(folder, "desired-state/a.yaml")

    done = folder.run("fmt", "--check")

    assert (done.code, done.out) == (2, "desired-state/a.yaml\n")
    assert done.err == "1 file would change: run `reconciler fmt`\n"
    assert untidy.read_text() == UNTIDY


def test_fmt_takes_files_and_folders_by_name_once_each(folder: Folder) -> None:
    names = ["elsewhere/_a.yaml", "elsewhere/b.yaml", "c.yaml"]
    for name in names:
        write(folder, name)
    write(folder, "desired-state/untouched.yaml")
    write(folder, "elsewhere/d.json", "{ }")

    done = folder.run("fmt", *names, "elsewhere", "elsewhere/d.json", "--check")

    assert (done.code, done.out.splitlines()) == (2, names)


def test_fmt_finds_what_it_is_given_from_the_folder_of_chdir(folder: Folder) -> None:
    write(folder, "below/a.yaml")

    done = folder.run("-C", "below", "fmt", "--check", "a.yaml")

    assert (done.code, done.out) == (2, "below/a.yaml\n")


def test_fmt_diff_shows_what_changes_and_no_line_that_could_hold_a_secret(folder: Folder) -> None:
    write(folder, "x.yaml", "kind:  SchemaExtension\nspec: # all\n    schema: {}\n")
    write(folder, "t.yaml", UNTIDY + "spec:\n    auth: {token:  canary-1}\n    # canary-1\n")

    done = folder.run("fmt", "--diff", "--check", "x.yaml", "t.yaml")

    assert done.out.startswith(
        "x.yaml\n--- x.yaml\n+++ x.yaml\n@@ -1,3 +1,3 @@\n-kind:  SchemaExtension\n-spec: # all\n"
        "-    schema: {}\n+kind: SchemaExtension\n+spec:  # all\n+  schema: {}\n"
    )
    assert "-metadata: {name:  a}\n" in done.out
    assert "+  …\n" in done.out
    assert "canary" not in done.everything


def test_fmt_in_json_has_the_files_and_the_problems(folder: Folder) -> None:
    write(folder, "desired-state/a.yaml")
    write(folder, "desired-state/b.yaml", "a: [\n")

    done = folder.run("fmt", "--format", "json", "--diff")

    document = json.loads(done.out)
    assert done.code == 1
    assert document["data"]["written"] is True
    (changed,) = document["data"]["changed"]
    assert changed["path"] == "desired-state/a.yaml"
    assert changed["diff"].startswith("--- desired-state/a.yaml\n")
    (problem,) = document["diagnostics"]
    assert (problem["path"], problem["line"], problem["rule"]) == (
        "desired-state/b.yaml",
        2,
        "REC-TEXT",
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("desired-state/b.yaml", "a: [\n", "desired-state/b.yaml:2:1: error[REC-TEXT]: "),
        ("desired-state/b.yaml", "a: 1\na: 2\n", "b.yaml:2:1: error[REC-TEXT]: duplicate key 'a'"),
    ],
)
def test_fmt_leaves_alone_what_it_cannot_read_and_does_the_others(
    folder: Folder, name: str, text: str, message: str
) -> None:
    broken = write(folder, name, text)
    untidy = write(folder, "desired-state/c.yaml")

    done = folder.run("fmt")

    assert_reported(done, 1, message)
    assert broken.read_text() == text
    assert untidy.read_text() == TIDY


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "nowhere:1:1: error[REC-FILE]: no such file or folder"),
        ("x.txt", "x.txt:1:1: error[REC-FILE]: no YAML by its name"),
    ],
)
def test_fmt_says_what_it_was_given_in_vain(folder: Folder, name: str, message: str) -> None:
    write(folder, "x.txt")

    assert_reported(folder.run("fmt", name), 1, message)


def test_fmt_keeps_the_mode_of_a_file_and_that_it_is_a_link(folder: Folder) -> None:
    untidy = write(folder, "desired-state/shared/_a.yaml")
    untidy.chmod(0o640)
    link = folder.path / "desired-state/a.yaml"
    link.symlink_to("shared/_a.yaml")

    assert folder.run("fmt").out == "desired-state/a.yaml\n"
    assert link.is_symlink()
    assert untidy.read_text() == TIDY
    assert stat.S_IMODE(untidy.stat().st_mode) == 0o640
    assert list(untidy.parent.iterdir()) == [untidy]


def test_fmt_follows_no_link_out_of_the_folder(folder: Folder) -> None:
    outside = write(folder, "outside.yaml")
    (folder.path / "desired-state").mkdir(exist_ok=True)
    (folder.path / "desired-state/a.yaml").symlink_to(outside)

    assert_reported(folder.run("fmt"), 1, "a link to outside of the folder")
    assert_reported(folder.run("fmt", "desired-state/a.yaml"), 1, "a link to outside of the folder")
    assert outside.read_text() == UNTIDY


def piped(folder: Folder, data: bytes, *arguments: str) -> tuple[int, bytes, str]:
    """The exit code, standard output and standard error of `fmt` with data on standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "fmt", *arguments],
        cwd=folder.path, env=folder.environment(), input=data, capture_output=True, check=False,
        timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.decode()


def test_fmt_lays_out_what_comes_on_standard_input_for_an_editor(folder: Folder) -> None:
    before = UNTIDY.replace("\n", "\r\n").replace("name:  a", "name:  é")
    after = TIDY.replace("name: a", "name: é")

    assert piped(folder, before.encode(), "-") == (0, after.encode(), "")
    assert piped(folder, after.encode(), "-", "--check") == (0, b"", "")
    code, out, err = piped(folder, UNTIDY.encode(), "-", "--check", "--diff")
    assert (code, err) == (2, "<stdin> would change\n")
    assert out.startswith(b"--- <stdin>\n+++ <stdin>\n@@ -1,2 +1,2 @@\n-kind:  Tenant # one\n")
    assert piped(folder, b"a: 1\na: 2\n", "-") == (
        1, b"", "<stdin>:2:1: error[REC-TEXT]: duplicate key 'a'; the first is on line 1\n"
    )  # fmt: skip
    assert not (folder.path / "-").exists()


@pytest.mark.parametrize(
    "arguments", [("-", "desired-state"), ("-", "-"), ("-", "--format", "json")]
)
def test_standard_input_stands_alone(folder: Folder, arguments: tuple[str, ...]) -> None:
    assert_reported(folder.run("fmt", *arguments), 1, "- is standard input, and stands alone")
