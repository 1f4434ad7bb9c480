"""`-` in the place of a file: standard output, which then has that file and nothing else."""

import json

import pytest

from tests.support.program import Folder, assert_reported


def test_plan_out_to_standard_output_is_the_saved_plan_alone(folder: Folder):
    saved = folder.save_plan()

    done = folder.run("plan", "--out", "-")

    assert done.code == 0, done.everything
    assert json.loads(done.out)["digest"] == saved["digest"]
    assert "saved as" not in done.err
    assert not (folder.path / "-").exists()


def test_plan_in_markdown_or_metrics_go_to_standard_output_alone(folder: Folder):
    markdown = folder.run("plan", "--format", "markdown").out

    assert folder.run("plan", "--markdown", "-").out == markdown
    assert folder.run("plan", "--metrics", "-").out.endswith("# EOF\n")


def test_the_page_of_the_fleet_and_the_trail_go_to_standard_output(folder: Folder):
    assert folder.run("apply", "--auto-approve").code == 0

    assert folder.run("audit", "export", "--out", "-").out == folder.run("audit", "export").out
    page = folder.run("report", "--out", "-").out
    assert page.startswith("<!")
    assert page.rstrip().endswith("</html>")
    assert not (folder.path / "-").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--out", "-", "--markdown", "-"),
        ("plan", "--out", "-", "--format", "json"),
        ("apply", "--auto-approve", "--report", "-"),
        ("apply", "--auto-approve", "--metrics", "-"),
        ("status", "--metrics", "-"),
        ("adoption", "--metrics", "-"),
    ],
)
def test_what_would_share_standard_output_is_refused_first(
    folder: Folder, arguments: tuple[str, ...]
):
    done = folder.run(*arguments)

    assert_reported(done, 1, "- is standard output, which has more in it; name a file")
    assert done.out == ""
    assert not (folder.path / ".reconciler").exists()


@pytest.mark.parametrize(
    ("command", "start"),
    [(("plan", "--out"), "{"), (("plan", "--markdown"), "## Plan"), (("report", "--out"), "<!")],
)
def test_standard_output_is_the_same_wherever_the_program_is_sent(
    folder: Folder, command: tuple[str, ...], start: str
):
    above = Folder(folder.path.parent)

    done = above.run("-C", folder.path.name, *command, "-")

    assert done.code == 0, done.everything
    assert done.out.startswith(start)
    assert not (folder.path / "-").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "local", "--out", "-"),
        ("import", "local", "--out", "-", "--verified-at", "2026-11-30"),
        ("migrate", "local/hr-extension.isContractor", "--to", "type=string", "--out", "-"),
        ("apply", "--auto-approve", "--gate", "-"),
        ("init", "-", "--service", "sap", "--forge", "none"),
        ("demo", "-"),
        ("-C", "desired-state", "init", "-", "--service", "sap", "--forge", "none"),
    ],
)
def test_no_folder_is_named_as_standard_output_is(folder: Folder, arguments: tuple[str, ...]):
    done = folder.run(*arguments)

    assert_reported(done, 1, " - is standard output, which takes one file; name a folder")
    assert list(folder.path.rglob("-")) == []
