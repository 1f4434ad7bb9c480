"""Pages of help, and what is suggested for a word that is unknown."""

import re
import shlex
import signal
from collections.abc import Sequence

import pytest

from reconciler.cli.commands import COMMANDS, Command, CommandGroup
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.options import Heading, Need, flag_of, options_in
from tests.support.applied import query
from tests.support.github_stub import github_stub
from tests.support.program import Folder, assert_reported
from tests.support.workflows.repository import Repository

PARTS = [command.parts for command in COMMANDS]
PAGES = [(), *dict.fromkeys(parts[:1] for parts in PARTS), *(p for p in PARTS if len(p) > 1)]
EACH_COMMAND = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)


def page_of(folder: Folder, *parts: str, columns: int = 80) -> str:
    done = folder.run(*parts, "--help", COLUMNS=str(columns))
    assert (done.code, done.err) == (0, "")
    return done.out


def headings(page: str) -> list[str]:
    return re.findall(r"^(\w[\w ]*):$", page, re.M)


@pytest.mark.parametrize("parts", PAGES, ids=" ".join)
def test_a_page_of_help_opens_with_a_purpose_an_example_and_the_usage(folder: Folder, parts):
    purpose, example, usage, *_ = page_of(folder, *parts).split("\n\n")

    assert re.fullmatch(r"[A-Z].*\.", purpose, re.DOTALL)
    assert example.startswith(f"example:\n  reconciler {' '.join(parts)}".rstrip())
    assert usage.startswith(f"usage: {' '.join(('reconciler', *parts))} ")
    assert usage.count("\n") == 0


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("parts", PAGES, ids=" ".join)
def test_a_page_of_help_fits_the_terminal(folder: Folder, parts: Sequence[str], columns: int):
    page = page_of(folder, *parts, columns=columns)

    _, rest = page.split("usage: ")  # a URN of an example has no place to break
    assert [line for line in page.splitlines() if len(line) > 80 and columns == 80] == []
    assert [
        line for line in rest.splitlines() if len(line) > columns and "  " in line.strip()
    ] == []


def test_a_page_of_help_breaks_no_option_and_no_default(folder: Folder):
    for columns in range(60, 100):
        page = page_of(folder, "apply", columns=columns)
        assert re.search(r"-\n", page) is None
        assert "default:\n" not in page


@EACH_COMMAND
def test_the_options_of_a_page_stand_below_their_headings_in_one_order(
    folder: Folder, command: Command
):
    page = page_of(folder, *command.parts)
    declared = list(options_in(command.load().Options))
    used = {option.heading for _, option in declared if not option.positional}
    arguments = ["arguments"] if any(option.positional for _, option in declared) else []

    *others, common = (str(each) for each in Heading)
    expected = [*arguments, *(each for each in others if each in used), common]
    assert headings(page)[1:] == expected
    for name, option in declared:
        if not option.positional:
            below = page.split(f"\n{option.heading}:\n")[1].split("\n\n")[0]
            begins = r"(^|, ) *" if option.heading is Heading.LIMITS else "^ +"
            assert re.search(rf"{begins}{flag_of(name)}\b", below, re.M), name


def test_a_page_of_help_has_the_limits_with_their_defaults_in_a_sentence(folder: Folder):
    below = page_of(folder, "plan").split("\nlimits:\n")[1].split("\n\n")[0]

    assert below == (
        "  --max-file-kib 256, --max-total-mib 64, --max-documents 20000,\n"
        "  --max-attributes 10000, --max-page-mib 5, --max-tenant-mib 64"
    )


def test_the_overview_lists_each_command_below_its_heading_and_names_the_first(folder: Folder):
    page = page_of(folder)

    assert "\n\nBegin with `reconciler init`." in page

    for group in CommandGroup:
        below = page.split(f"\n{group}:\n")[1].split("\n\n")[0]
        listed = re.findall(r"^  (\S+)", below, re.M)
        firsts = [command.parts[0] for command in COMMANDS if command.group is group]
        assert listed == list(dict.fromkeys(firsts))


@EACH_COMMAND
def test_what_a_command_does_not_need_is_hidden_and_unknown_after_its_name(
    folder: Folder, command: Command
):
    page = page_of(folder, *command.parts)

    for name, option in options_in(CommonOptions):
        shown = option.need is None or option.need in command.needs
        assert (f"  {flag_of(name)} " in page or f", {flag_of(name)} " in page) is shown, name
        if not shown:
            refused = folder.run(*command.parts, flag_of(name), "x")
            what = f"`reconciler {command.name}` has no option {flag_of(name)}"
            assert_reported(refused, 1, f"{what}; it needs no {option.need}")


def test_an_option_before_a_command_that_does_not_need_it_has_no_effect(folder: Folder):
    before = folder.run("--state", "nonsense://", "--proxy", "x", "schema", "plan")

    assert before == folder.run("schema", "plan")
    assert before.code == 0


def test_the_bare_program_prints_its_help(folder: Folder):
    bare = folder.run()

    assert bare == folder.run("--help") == folder.run("help") == folder.run("-h")
    assert bare == folder.run("help", "help")
    assert (bare.code, bare.err) == (0, "")


@pytest.mark.parametrize("parts", [("plan",), ("audit",), ("audit", "list")])
def test_help_of_a_command_is_its_page(folder: Folder, parts: Sequence[str]):
    assert folder.run("help", *parts) == folder.run(*parts, "--help")


@pytest.mark.parametrize("words", [("-V",), ("version",), ("-q", "--version")])
def test_the_version_is_found_by_each_of_its_names(folder: Folder, words: Sequence[str]):
    assert folder.run(*words) == folder.run("--version")


@pytest.mark.parametrize(
    ("line", "message", "page"),
    [
        ("plna", "'plna' is no command; did you mean `reconciler plan`?", ""),
        ("help pln", "'pln' is no command; did you mean `reconciler plan`?", ""),
        ("valid", "did you mean `reconciler validate`?", ""),
        ("verify", "did you mean `reconciler audit verify`?", ""),
        ("list", "did you mean `reconciler audit list` or `reconciler webhooks list`?", ""),
        ("audit-list", "did you mean `reconciler audit list`?", ""),
        ("audit lst", "'audit lst' is no command; did you mean `reconciler audit list`?", "audit"),
        ("audit plan", "did you mean `reconciler plan`?", "audit"),
        ("destroy", "nothing is ever deleted from a tenant", ""),
        ("get tenants", "`reconciler status` lists the tenants", ""),
        ("diff", "`reconciler plan` shows what differs", ""),
        ("state list", "`reconciler status` lists them", "state"),
        ("state chek", "did you mean `reconciler state check`?", "state"),
        ("check", "`reconciler validate` checks the manifests", ""),
        ("xyzzy", "'xyzzy' is no command\n", ""),
        ("plan --tenants x", "no option --tenants; did you mean --tenant?", "plan"),
        ("apply --auto-aprove", "no option --auto-aprove; did you mean --auto-approve?", "apply"),
        ("apply -auto-approve", "no option -auto-approve; did you mean --auto-approve?", "apply"),
        ("plan -out=p.json", "no option -out; did you mean --out?", "plan"),
        ("plan -verbose", "no option -verbose; did you mean --verbose?", "plan"),
        ("plan --ca_bundle x", "did you mean --ca-bundle?", "plan"),
        ("plan --para 3", "did you mean --parallelism?", "plan"),
        ("plan --dry-run", "`reconciler plan` writes nothing", "plan"),
        ("apply --yes", "did you mean --auto-approve?", "apply"),
        ("plan --json", "did you mean --format json?", "plan"),
        ("plan -o json", "did you mean --format or --out?", "plan"),
        ("apply --impact", "no option --impact; `plan` has it", "apply"),
        ("gate --attribut x", "no option --attribut; did you mean --attribute?", "gate"),
        ("audit list --qqqqq", "`reconciler audit list` has no option --qqqqq\n", "audit list"),
        ("--format json plan", "no option --format before a command; after it, ", ""),
        ("--stat x plan", "`reconciler` has no option --stat; did you mean --state?", ""),
        ("plan --format jsn", "--format: 'jsn' is none of text, markdown, json; did you", "plan"),
        ("schema plans", "NAME: 'plans' is none of manifest, ", "schema"),
        ("plan local", "no further argument 'local'; did you mean --tenant?", "plan"),
        ("plan help", "'help'; did you mean `reconciler help plan`?", "plan"),
        ("gate local", "the following arguments are required: URN", "gate"),
        ("audit", "the following arguments are required: COMMAND", "audit"),
    ],
)
def test_a_wrong_word_is_answered_by_the_right_one_and_the_right_page(
    folder: Folder, line: str, message: str, page: str
):
    done = folder.run(*line.split())

    assert_reported(done, 1, message)
    assert done.err.endswith(f"see `{f'reconciler {page}'.strip()} --help`\n")
    assert done.out == ""


def test_a_value_that_is_given_to_an_unknown_option_is_not_repeated(folder: Folder):
    for line in ("plan --token=hunter2", "plan --client-secret hunter2", "--apikey=hunter2 plan"):
        done = folder.run(*line.split())
        assert done.code == 1
        assert "hunter2" not in done.everything


OF_A_NAME_THAT_IS_GONE = (
    "INSERT INTO samples (tenant, resource_type, schema_id, attribute, holders, total, method, "
    "measured_at) VALUES ('acme-old', 'User', 'urn:x', 'a', 0, 0, 'filter', "
    "'2026-01-01T00:00:00.000Z')"
)


def example_of(page: str) -> list[str]:
    """The words of the example that a page of help opens with, without the program's name."""
    text = page.split("example:\n")[1].partition("\n\nusage: ")[0]
    return shlex.split(text.replace("\\\n", ""))[1:]


@pytest.mark.process
@pytest.mark.timeout(300)
def test_the_example_of_each_page_runs(folder: Folder):
    repository = Repository(folder.path)
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.commit("desired state")
    served = "dev-tenant"
    with github_stub() as github:
        folder.environ |= github.environ()
        for part in ("1", "2"):
            assert folder.run("plan", "--shard", f"{part}/2", "--out", f"{part}.json").code == 0
        for parts in PAGES:
            example = example_of(page_of(folder, *parts))
            if served in parts:
                continue
            if parts == ("webhooks", "drop"):
                query(folder, OF_A_NAME_THAT_IS_GONE)
            done = folder.run(*example)
            assert "Traceback" not in done.err, (example, done.everything)
            assert done.code == 0, (example, done.everything)
            if parts == ("plan",):
                assert folder.run("plan", "--markdown", "plan.md").code == 0

    folder.environ["RECONCILER_PORT"] = "0"
    process = folder.start(*example_of(page_of(folder, served)))
    assert process.stdout is not None
    assert process.stdout.readline() == "apiVersion: reconciler/v1\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_what_a_command_needs_is_about_some_option():
    assert {option.need for _, option in options_in(CommonOptions)} == {None, *Need}
