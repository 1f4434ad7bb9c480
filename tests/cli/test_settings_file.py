"""reconciler.toml: what it sets, what wins over it, and what it never decides."""

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from reconciler.cli.commands import COMMANDS
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.options import flag_of, options_in
from reconciler.cli.settings_file import known_settings
from tests.support.pages import page_with
from tests.support.program import ROOT, Folder, assert_reported
from tests.support.workflows.repository import Repository

FILE = "reconciler.toml"
EXCLUDED = '[selection]\nexclude = ["hr-extension"]\n'
SCHEMA = json.loads((ROOT / "reconciler/schemas/settings.json").read_text())
NEVER = [
    "allowed_origins",
    "webhook_hosts",
    "canary_users",
    "state",
    "proxy",
    "ca_bundle",
    "secrets_dir",
    "desired_state",
    "dialects",
    "auto_approve",
    "approve",
    "force",
    "tenants_from",
    "max_tenants",
    "chdir",
    "allow_empty",
    "allow_breaking",
]


def test_a_format_is_that_of_its_command(folder: Folder):
    folder.write(FILE, '[formats]\nplan = "json"\nvalidate = "sarif"\n')

    assert json.loads(folder.run("plan").out)["format_version"]
    assert json.loads(folder.run("validate").out)["runs"]
    assert folder.run("status").out.count("{") == 0


def test_the_example_of_the_page_about_commands_is_taken(folder: Folder):
    shown = page_with("docs/reference/commands.md", "toml")
    jsonschema.validate(tomllib.loads(shown), SCHEMA)
    folder.edit("desired-state/tenants/local.yaml", "name: local", "name: acme-local")
    folder.edit("desired-state/extensions/hr-extension.yaml", "name: hr-ext", "name: legacy-ext")
    folder.write(FILE, shown)

    plan = folder.run("plan")
    validate = folder.run("validate")

    assert (plan.code, validate.code) == (0, 0), plan.everything + validate.everything
    assert plan.out.startswith("## Plan")
    assert "**excluded**: `legacy-extension`" in plan.out
    for selected in ("--tenant acme-*", "--exclude legacy-*"):
        assert f" selects {selected}\n" in plan.err


def test_an_option_wins_over_its_variable_and_that_over_the_file(folder: Folder):
    folder.write(FILE, '[formats]\nplan = "json"\n')

    assert folder.run("plan").out.startswith("{")
    assert folder.run("plan", RECONCILER_FORMAT="markdown").out.startswith("## Plan")
    by_option = folder.run("plan", "--format", "text", RECONCILER_FORMAT="markdown")
    assert by_option.out.startswith("Tenant local")


def test_a_selection_of_the_file_is_named_with_its_line(folder: Folder):
    folder.write(FILE, f"# ours\n{EXCLUDED}")

    done = folder.run("plan")

    assert "reconciler.toml:3: selection.exclude selects --exclude hr-extension" in done.err
    assert "Plan: 1 to add" in done.out
    other = folder.run("plan", "--exclude", "work-assignments")
    assert "Plan: 1 to add" in other.out
    assert "reconciler.toml" not in other.err


def test_a_saved_plan_keeps_its_own_selection(folder: Folder):
    folder.save_plan()
    folder.write(FILE, EXCLUDED)

    done = folder.run("apply", "plan.json")

    assert (done.code, "2 added" in done.out, "selects" in done.err) == (0, True, False), done.out


@pytest.mark.parametrize(
    ("when", "environ", "coloured"),
    [
        ("always", {}, True),
        ("never", {}, False),
        ("auto", {}, False),
        ("always", {"NO_COLOR": "1"}, False),
        ("always", {"RECONCILER_NO_COLOR": "1"}, False),
        ("never", {"FORCE_COLOR": "1"}, True),
    ],
)
def test_colour_is_what_the_environment_says_or_else_the_file(
    folder: Folder, when: str, environ: dict[str, str], coloured: bool
):
    folder.write(FILE, f'color = "{when}"\n')

    assert ("\x1b[" in folder.run("plan", **environ).out) is coloured


def test_deadlines_and_parallelism_are_taken(folder: Folder):
    folder.write(FILE, "parallelism = 2\n[deadlines]\nrequest = 7\nstate = 9\n")

    done = folder.run("plan")

    assert done.code == 0, done.everything


@pytest.mark.parametrize("name", NEVER)
@pytest.mark.parametrize("spelt", ["{0} = {1}\n", "[{0}]\nx = {1}\n", "[selection]\n{0} = {1}\n"])
def test_what_is_trusted_and_what_is_written_is_never_set_by_the_file(
    folder: Folder, name: str, spelt: str
):
    for word in (name, name.replace("_", "-"), name.upper(), f"RECONCILER_{name.upper()}"):
        folder.write(FILE, f"# 1\n{spelt.format(word, 'true')}")
        done = folder.run("validate")
        line = 3 if spelt.startswith("[") else 2
        assert_reported(done, 1, f"{FILE}:{line}: ", f"{word}", "cannot be set here")
        assert "allowed are color or parallelism; in [deadlines] count, read, " in done.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("paralelism = 3\n", "1: paralelism cannot be set here; did you mean parallelism?"),
        ('state = "x"\n', "1: state cannot be set here, only by --state or RECONCILER_STATE"),
        ("\n[formats]\nplna = 1\n", "3: formats.plna cannot be set here; did you mean formats."),
        ('[formats]\nplan = "jsn"\n', "2: formats.plan: 'jsn' is none of text, markdown, json"),
        ("[formats]\nplan = 1\n", "2: formats.plan takes a text: one of text, markdown, json"),
        ('parallelism = "3"\n', "1: parallelism takes a whole number, without quotation marks"),
        ("parallelism = true\n", "1: parallelism takes a whole number"),
        ("parallelism = 1.5\n", "1: parallelism takes a whole number"),
        ("parallelism = 0\n", "1: parallelism: '0' is no whole number from 1 up"),
        ("parallelism = -1\n", "1: parallelism: '-1' is no whole number from 1 up"),
        ('[selection]\ntenant = "x"\n', "2: selection.tenant takes a list of texts"),
        ("[selection]\ntenant = [\n1,\n]\n", "2: selection.tenant takes a list of texts"),
        ('[selection]\ntenant = [""]\n', "2: selection.tenant: the text is empty"),
        ("deadlines = 3\n", "1: deadlines cannot be set here"),
        ('"deadlines.read" = 3\n', "1: deadlines.read cannot be set here"),
        ("deadlines.read.x = 3\n", "1: deadlines.read takes a whole number"),
        ("[trust]\n", "1: trust cannot be set here"),
        ("[[selection]]\n", "1: selection cannot be set here"),
        ("color = true\n", "1: color takes a text: one of auto, always, never"),
        ("a = 1\na = 2\n", " no TOML: Cannot overwrite a value (at line 2, column 6)"),
        ("parallelism =\n", " no TOML: Invalid value (at line 1, column 14)"),
        (f"a = {'9' * 5000}\n", " no TOML that anybody means"),
        (f"a = {'[' * 9000}", " no TOML"),
        (f"# {'x' * 20_000}\n", " more than 16 KiB"),
    ],
)
def test_what_is_wrong_in_the_file_is_shown_at_its_line(folder: Folder, text: str, message: str):
    folder.write(FILE, text)

    assert_reported(folder.run("validate"), 1, f"error: {FILE}:{message}")


def test_the_keys_that_are_allowed_are_listed_where_one_is_not(folder: Folder):
    folder.write(FILE, "parallelism = 0\n")
    assert "allowed are" not in folder.run("validate").err


def test_every_problem_is_shown_at_once_whichever_command_runs(folder: Folder):
    folder.write(FILE, '[formats]\nplan = "x"\nshow = "y"\n[deadlines]\nfoo = 1\n')

    done = folder.run("audit", "list")

    assert done.code == 1
    assert re.findall(r"toml:(\d): (\S+)", done.err) == [
        ("2", "formats.plan:"),
        ("3", "formats.show:"),
        ("5", "deadlines.foo"),
    ]


def test_a_file_of_an_editor_of_windows_is_read(folder: Folder):
    text = "\ufeffparallelism = 2\r\n[formats]\r\nplan = 'json'\r\n"
    (folder.path / FILE).write_bytes(text.encode())

    assert folder.run("plan").out.startswith("{")


@pytest.mark.parametrize("data", [b"\xff\xfe\n", b"a = '\x00'\n"])
def test_bytes_that_are_no_text_are_refused(folder: Folder, data: bytes):
    (folder.path / FILE).write_bytes(data)

    assert_reported(folder.run("validate"), 1, f"error: {FILE}: no ")


def test_only_a_regular_file_beside_the_manifests_is_read(folder: Folder, tmp_path: Path):
    secret = tmp_path / "elsewhere" / "secret"
    secret.parent.mkdir()
    secret.write_text("hunter2 = 1\n")
    inside = folder.path / "inside"
    inside.mkdir()
    (folder.path / "desired-state").rename(inside / "desired-state")
    (inside / FILE).symlink_to(secret)

    linked = folder.run("-C", "inside", "validate")
    assert_reported(linked, 1, f"error: inside/{FILE}: a link to outside of the folder")
    assert "hunter2" not in linked.err
    (inside / FILE).unlink()
    (inside / FILE).mkdir()
    assert_reported(folder.run("-C", "inside", "validate"), 1, f"error: inside/{FILE}: ")


def test_the_file_lies_beside_the_folder_of_manifests_wherever_that_is(folder: Folder):
    (folder.path / "a").mkdir()
    (folder.path / "desired-state").rename(folder.path / "a/manifests")
    folder.write(f"a/{FILE}", "wrong = 1\n")

    for line in ("--desired-state a/manifests", "-C a --desired-state manifests"):
        assert_reported(folder.run(*line.split(), "validate"), 1, f"error: a/{FILE}:1: wrong")
    folder.write(f"a/manifests/{FILE}", "never = 'read'\n")
    (folder.path / f"a/{FILE}").unlink()
    assert folder.run("--desired-state", "a/manifests", "validate").code == 0


def test_with_tenants_from_a_ref_the_file_is_that_of_the_ref(folder: Folder):
    repository = Repository(folder.path)
    repository.git("init", "--quiet", "--initial-branch", "main")
    folder.write(FILE, '[selection]\nexclude = ["work-assignments"]\n')
    repository.commit("trusted")
    folder.write(FILE, '[selection]\nexclude = ["*"]\n')

    here = folder.run("plan")
    trusted = folder.run("plan", "--tenants-from", "main")

    assert "Plan: 0 to add" in here.out
    assert "Plan: 1 to add" in trusted.out
    assert f"main:{FILE}:2: selection.exclude selects --exclude work-assignments" in trusted.err
    (folder.path / FILE).unlink()
    repository.commit("nothing is set")
    folder.write(FILE, "what = 'a pull request brings'\n")
    assert "Plan: 2 to add" in folder.run("plan", RECONCILER_TENANTS_FROM="main").out


def test_a_wrong_file_of_the_ref_is_named_by_the_ref(folder: Folder):
    repository = Repository(folder.path)
    repository.git("init", "--quiet", "--initial-branch", "main")
    folder.write(FILE, "wrong = 1\n")
    repository.commit("trusted")
    (folder.path / FILE).unlink()

    done = folder.run("plan", "--tenants-from", "main")

    assert_reported(done, 1, f"error: main:{FILE}:1: wrong cannot be set here")


def test_a_folder_at_the_top_of_its_repository_has_no_settings_of_a_ref(folder: Folder):
    repository = Repository(folder.path / "desired-state")
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.commit("trusted")
    folder.write(FILE, EXCLUDED)

    assert "Plan: 2 to add" in folder.run("plan", "--tenants-from", "main").out


def test_the_json_schema_holds_what_the_program_takes(folder: Folder):
    page = (ROOT / "docs/reference/commands.md").read_text()
    example = page.partition("```toml\n")[2].partition("```")[0]
    folder.write(FILE, example)
    done = folder.run("validate")

    assert done.code == 0, done.everything
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert list(validator.iter_errors(tomllib.loads(example))) == []
    for wrong in ('state = "x"', "parallelism = 0", '[formats]\nplan = "x"', "[trust]"):
        assert list(validator.iter_errors(tomllib.loads(wrong))), wrong


def test_every_format_has_a_key():
    for command in COMMANDS:
        for name, option in options_in(command.load().Options):
            if name == "format":
                assert option.key == "formats.COMMAND", command.name


def test_no_key_is_of_an_option_that_decides_what_is_trusted_or_written():
    declared = (CommonOptions, *(command.load().Options for command in COMMANDS))
    keyed = {name for options in declared for name, o in options_in(options) if o.key}

    assert keyed.isdisjoint(NEVER)
    tables = {key[0] for key, _ in known_settings()}
    assert tables == {"color", "parallelism", "formats", "deadlines", "selection"}
    assert {flag_of(name) for name in keyed if name.endswith("_deadline")} == {
        "--state-deadline",
        "--request-deadline",
        "--read-deadline",
        "--count-deadline",
        "--retry-deadline",
    }
