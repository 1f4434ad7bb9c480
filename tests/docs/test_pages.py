"""Every page can be followed word by word: its commands are run, what they print is compared."""

import random
import re
import signal
from pathlib import Path
from textwrap import indent

import pytest
import yaml

from reconciler.cli.commands import COMMANDS
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.exits import Exit
from reconciler.cli.options import flag_of, options_in
from tests.support.pages import (
    FENCE,
    PAGES,
    STORE,
    TOKEN,
    Command,
    blocks,
    fits,
    others,
    page_with,
    program,
    remains,
    run,
    run_languages,
    stage,
)
from tests.support.program import ROOT, Folder
from tests.support.workflows.policy import RULES, Workflow, read

AS_PRINTED = "if that is right: python -m tests.support.pages {}"
# Of a few commands, and without a server beside them.
SHORT = [
    page
    for page in PAGES
    if 0 < len(program(page)) <= 5
    and not re.search(f"{re.escape(STORE)}|dev-tenant --|{TOKEN}", (ROOT / page).read_text())
]
# What is no command, and the test that reads it.
READ = {
    ("README.md", ""): "a drawing",
    ("docs/architecture.md", "text"): "a drawing",
    ("README.md", "sh"): "tests/install/test_install.py",
    ("docs/install.md", "text"): "tests/install",
    ("docs/overview.md", "yaml"): "test_the_manifests_of_the_overview_are_valid",
    ("docs/reference/manifests.md", "yaml"): "tests/adapters/test_manifests.py",
    ("docs/impact.md", "text"): "tests/cli/test_plan_impact.py",
    ("docs/watching.md", "text"): "tests/docs/test_watching_page.py",
    ("docs/reference/commands.md", "text"): "tests/cli/test_help.py",
    ("docs/reference/commands.md", "toml"): "tests/cli/test_settings_file.py",
    ("docs/rules.md", "yaml"): "test_the_note_of_the_page_about_rules_silences_what_it_names",
    ("docs/scale.md", "text"): "tests/docs/test_scale_page.py",
    ("docs/scale.md", "yaml"): "tests/docs/test_scale_page.py",
    ("docs/dialects.md", "json"): "tests/adapters/test_dialects.py",
    ("docs/dialects.md", "yaml"): "tests/adapters/test_dialects.py",
    ("docs/compatibility.md", "yaml"): "tests/chaos/test_peers.py",
    ("docs/reference/gate.md", "python"): "tests/docs/test_gate_page.py",
    ("docs/services/keycloak.md", "bash"): "tests/chaos/test_keycloak_page.py",
    ("docs/services/keycloak.md", "text"): "tests/chaos/test_keycloak_page.py",
    ("docs/services/keycloak.md", "yaml"): "tests/docs/test_services_pages.py",
    ("docs/services/read-only.md", "yaml"): "tests/docs/test_services_pages.py",
    ("docs/state.md", "sql"): "run by the server of its page",
    ("docs/state.md", "ini"): "tests/adapters/test_database_pooled.py",
    ("docs/renaming.md", "yaml"): "tests/domain/test_tenant_names.py",
    ("docs/scheduled-apply.md", "sql"): "run by the server of its page",
    ("docs/scheduled-apply.md", "text"): "test_the_crontab_names_what_the_page_makes",
    ("docs/scheduled-apply.md", "yaml"): "test_apply_by_the_clock_keeps_the_policy",
    ("docs/pull-requests.md", "yaml"): "tests/workflows/test_pre_commit.py",
}


@pytest.mark.process
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [page for page in PAGES if program(page)])
def test_a_page_prints_what_it_shows_and_leaves_nothing_behind(page: str, tmp_path: Path):
    made = stage(tmp_path)

    with others(page) as instead:
        printed = run(program(page), made.path, made.environ, instead)

    assert wrong(program(page), printed) == [], AS_PRINTED.format(page)
    assert remains(made) == ""


def wrong(page: list[Command], printed: list[str]) -> list[tuple[str, str, str]]:
    """What does not print what is shown of it: the command, what is shown, what it prints."""
    return [
        (command.text, command.shown, said)
        for command, said in zip(page, printed, strict=True)
        if command.shown is not None and not fits(command.shown, said)
    ]


@pytest.mark.process
def test_pages_can_be_followed_in_any_order(tmp_path: Path):
    """Each is run alone above, and leaves no more than its folder; here two share a shell."""
    seed = random.SystemRandom().randrange(2**32)
    first, second = random.Random(seed).sample(SHORT, 2)
    made, both = stage(tmp_path), [*program(first), *program(second)]

    printed = run(both, made.path, made.environ, {})

    assert wrong(both, printed) == [], f"seed {seed}: {first}, then {second}"


def test_every_page_with_commands_begins_in_a_folder_of_its_own():
    begun = {}
    for page in filter(program, PAGES):
        typed = "\n".join(command.text for command in program(page))
        found = re.match(r"reconciler demo(?: --empty)?(?: (\S+))?\n", typed)
        assert found, page
        begun[page] = (found[1] or "reconciler-demo").partition("/")[0]

    assert len({*begun.values()}) == len(begun)
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/try-*/", "/reconciler-demo/"} <= {*ignored}
    assert {name for name in begun.values() if not name.startswith("try-")} == {"reconciler-demo"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_nothing_to_paste_that_removes_files(page: str):
    pasted = "\n".join(text for _, text in blocks(page))

    assert (
        re.findall(r"(?<![\w-])(?:rm|rmdir|unlink|shred)\s.*|git clean.*|--force.*", pasted) == []
    )


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_block_that_no_test_runs(page: str):
    run_here = run_languages(page)
    found = {(page, language) for language, _ in blocks(page) if language not in run_here}

    assert found <= READ.keys()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_block_that_is_not_seen(page: str):
    """Indented, by another sign, or of a language with a sign in its name."""
    signs = re.findall(r"^[ >\t]*(?:`{3,}|~{3,})", (ROOT / page).read_text(), re.M)

    assert len(signs) == 2 * len(blocks(page))


def test_no_test_is_named_for_a_block_that_is_gone():
    found = {(page, language) for page in PAGES for language, _ in blocks(page)}

    assert READ.keys() <= found


def test_every_journey_has_its_page_and_the_readme_leads_there():
    readme = (ROOT / "README.md").read_text()

    for name in ("first-tenant", "pull-requests", "scheduled-apply", "adopting", "exit-codes"):
        assert program(f"docs/{name}.md")
        assert f"](docs/{name}.md)" in readme


def test_the_page_about_exit_codes_has_a_row_and_a_section_for_each():
    text = (ROOT / "docs/exit-codes.md").read_text()
    expected = {*map(int, Exit), 128 + signal.SIGINT, 128 + signal.SIGTERM}

    for told in (r"^\| ([\d, ]+) \|", r"^## ([\d and]+): "):
        assert {
            int(n) for one in re.findall(told, text, re.M) for n in re.findall(r"\d+", one)
        } == (expected)


@pytest.mark.parametrize(
    ("shown", "printed", "fit"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("a\nb\n", "a\n", False),
        ("", "a\n", False),
        ("", "", True),
        ("…\nc\n", "a\nb\nc\n", True),
        ("a\n…\n", "a\nb\nc\n", True),
        ("a\n…\nc\n", "a\nb\nd\n", False),
        ("took 3 ms at 127.0.0.1:1\n", "took 99 ms at 127.0.0.1:2\n", True),
        (f"Digest: sha256:{'a' * 64}\n", f"Digest: sha256:{'b' * 64}\n", False),
        (f"at 127.0.0.1:1 sha256:{'a' * 64}\n", f"at 127.0.0.1:2 sha256:{'b' * 64}\n", True),
    ],
)
def test_a_page_is_compared_with_what_its_commands_print(shown: str, printed: str, fit: bool):
    assert fits(shown, printed) is fit


def test_a_command_that_fails_fails_its_page(tmp_path: Path):
    made = stage(tmp_path)
    page = program("docs/exit-codes.md")[:1]

    with pytest.raises(AssertionError, match="exit code 1"):
        run([*page, *map(type(page[0]), ["false"], [""])], made.path, made.environ, {})


def test_apply_by_the_clock_keeps_the_policy():
    added = page_with("docs/scheduled-apply.md", "yaml")
    text = read("workflows/apply.yml").text

    scheduled = Workflow(text.replace("on:\n", added, 1))

    assert "schedule" in scheduled.triggers
    assert "push" in scheduled.triggers
    assert [objection for rule in RULES for objection in rule(scheduled)] == []
    assert yaml.safe_load(scheduled.text)


def test_the_crontab_names_what_the_page_makes():
    lines = page_with("docs/scheduled-apply.md", "text").splitlines()
    made = "".join(text for language, text in blocks("docs/scheduled-apply.md") if language == "sh")

    assert f"RECONCILER_STATE={STORE}" in lines
    [line] = [line for line in lines if "=" not in line]
    assert re.fullmatch(r"([\d*,/-]+ ){5} ?\S+/nightly", line)
    assert "chmod +x nightly" in made


def test_the_note_of_the_page_about_rules_silences_what_it_names(folder: Folder):
    shown = indent(page_with("docs/rules.md", "yaml"), "      ")
    loud = "\n".join(line for line in shown.splitlines() if "reconciler: ignore" not in line)
    name = "desired-state/extensions/hr-extension.yaml"
    head, found, _ = (folder.path / name).read_text().partition("    attributes:\n")
    assert found

    folder.write(name, f"{head}{found}{loud}\n")
    told = folder.run("validate")
    folder.write(name, f"{head}{found}{shown}")
    silent = folder.run("validate")

    assert "SCIM-A12" in told.out
    assert "SCIM-A12" not in silent.out
    assert silent.code == 0, silent.everything


@pytest.mark.parametrize("page", PAGES)
def test_a_command_within_a_sentence_is_one_that_the_program_knows(page: str):
    words = {command.parts: command for command in COMMANDS}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    prose = FENCE.sub("", (ROOT / page).read_text())

    for said in re.findall(r"`(?:\.venv/bin/)?reconciler ([^`]+)`", prose):
        first, *rest = said.split()
        command = words.get((first, *rest[:1])) or words.get((first,))
        declared = (CommonOptions, command.load().Options) if command else (CommonOptions,)
        known = {flag_of(name) for options in declared for name, _ in options_in(options)}
        known.add("--help")
        assert command or said in ("--help", "COMMAND --help"), said
        assert {word for word in said.split() if word.startswith("-")} <= known, said
    for target in re.findall(r"`make ([a-z]+)", prose):
        assert target in targets
