"""The floor plan as data, and the checks that keep it; each check is shown to be able to fail."""

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions

import pytest

from reconciler.cli.commands import COMMANDS
from tests.support.source_tree import HOMES, ROOT, ROWS, Source, modules, names, suite

# These know the domain and the ports, and nothing of each other; only cli knows them all.
STRANGERS = (
    (
        "progress",
        "run_context",
        "parallel",
        "planning",
        "importing",
        "searchable",
        "canary",
        "gating",
        "announcing",
        "recovering",
        "delivering",
        "writing",
        "counting",
        "adopted",
        "applying",
        "fleet",
        "doctor",
    ),
    ("render",),
    ("adapters",),
    ("embedded",),
)


EXEMPTIONS = 20  # comments that silence ruff or mypy, reconciler and tests together

IMPURE_MODULES = (
    "time", "random", "os", "logging", "socket", "subprocess", "secrets", "uuid", "threading",
    "pathlib", "io", "sys", "asyncio", "tempfile", "shutil", "sqlite3", "urllib.request", "http",
    "getpass", "platform", "locale",
)  # fmt: skip
CLOCKS = ("now", "today", "utcnow")
KNOW_DATETIME = (
    "domain.adoption",
    "domain.cadence",
    "domain.canary",
    "domain.fleet_report",
    "domain.fleet_status",
    "domain.freeze",
    "domain.metrics",
    "domain.records",
    "domain.rules.manifests",
    "domain.schedule",
)


Objections = list[str]


# The checks


def home_row(name: str) -> tuple[int, str] | None:
    """Row and entry of a module; the longest entry counts, and only packages hold others."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        entry = ".".join(parts[:end])
        whole = end == len(parts) or entry not in ("domain", "adapters", "reconciler")
        for number, row in enumerate(ROWS):
            if whole and entry in row:
                return number, entry
    return None


def imported(source: Source, known: Iterable[str] = ()) -> Iterator[tuple[str, int]]:
    """What a file imports, wherever in it, as full names with lines."""
    modules = set(known)
    for node in source.nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                inside = whole.removeprefix("reconciler.") in modules
                yield whole if inside else base, node.lineno


def against_rows(source: Source, known: Iterable[str] = ()) -> Objections:
    place = home_row(source.name)
    if place is None:
        return [f"{source.name} has no row"]
    row, entry = place
    found = []
    for target, line in imported(source, known):
        if target.startswith("."):
            found.append(f"{source.name}:{line} imports by a relative name")
        if target.split(".")[0] != "reconciler":
            continue
        other = home_row(target.removeprefix("reconciler."))
        if other is None:
            found.append(f"{source.name}:{line} imports {target}, which has no row")
        elif other[1] != entry and other[0] >= row:
            found.append(f"{source.name}:{line} imports {target} from its own row or below")
    return found


def against_strangers(source: Source, known: Iterable[str] = ()) -> Objections:
    def group(name: str) -> tuple[str, ...] | None:
        return next((g for g in STRANGERS if name.partition(".")[0] in g), None)

    own = group(source.name)
    return [
        f"{source.name}:{line} knows {target}"
        for target, line in imported(source, known)
        if own and (other := group(target.removeprefix("reconciler."))) and other != own
        if target.startswith("reconciler.")
    ]


def against_homes(source: Source) -> Objections:
    found = []
    for target, line in imported(source):
        package = target.split(".")[0]
        if package in sys.stdlib_module_names or package in ("reconciler", "", "_typeshed"):
            continue
        home = HOMES.get(package)
        if home is None:
            found.append(f"{source.name}:{line} imports {package}, which has no home")
        elif source.name != home and not source.name.startswith(home + "."):
            found.append(f"{source.name}:{line} imports {package}, whose home is {home}")
    return found


def dotted(node: ast.expr) -> str:
    """`sys.argv` of its tree; the last part alone where it begins with something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def uses(source: Source) -> Iterator[tuple[str, int]]:
    """Every dotted name that a file reads, calls or imports from a module, with its line."""
    for node in source.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            continue  # a name of one's own, such as a member `exit` of a document
        if isinstance(node, ast.Name | ast.Attribute):
            yield dotted(node), node.lineno
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def used_outside(source: Source, names: Iterable[str], homes: Iterable[str]) -> Objections:
    if any(source.name == home or source.name.startswith(home + ".") for home in homes):
        return []
    forbidden = set(names)
    return [f"{source.name}:{line} uses {n}" for n, line in uses(source) if n in forbidden]


def against_speaking(source: Source) -> Objections:
    """Only cli prints, asks, reads arguments and picks exit codes."""
    found = used_outside(source, ("print", "input", "sys.argv", "sys.stdin"), ["cli"])
    ending = ("sys.exit", "exit", "quit", "SystemExit")
    found += used_outside(source, ending, ["cli", "__main__"])
    # The second signal ends the process at once, while cli waits for a request.
    return found + used_outside(source, ("os._exit",), ["adapters.clock"])


WAYS_OUT = (
    "print", "os.write", "sys.stdout.write", "sys.stderr.write", "sys.__stdout__", "sys.__stderr__",
    "logging.StreamHandler", "logging.lastResort", "logging.basicConfig", "warnings.warn",
    "traceback.print_exc", "traceback.print_exception", "traceback.print_stack",
)  # fmt: skip


def against_ways_around(source: Source) -> Objections:
    """Every word goes through the console, which takes from it what a job's runner would obey."""
    return used_outside(source, WAYS_OUT, ["cli.console"])


def against_commanding(source: Source) -> Objections:
    """Only these make what a runner is to obey, and escape what is foreign in it."""
    if source.name in ("cli.console", "cli.validate", "cli.masks"):
        return []
    return [
        f"{source.name}:{line} uses {name}"
        for name, line in uses(source)
        if re.fullmatch(r"(.*\.)?(show_command|console\.commands)", name)
    ]


def against_environment(source: Source) -> Objections:
    names = ("os.environ", "os.getenv", "os.environb", "os.putenv", "os.path.expandvars")
    return used_outside(source, names, ["adapters.settings"])


def against_impurity(source: Source) -> Objections:
    """The domain has no clock, chance, environment, log or outside world."""
    if source.name.split(".")[0] != "domain":
        return []
    banned = (*IMPURE_MODULES, *(() if source.name in KNOW_DATETIME else ("datetime",)))
    found = [
        f"{source.name}:{line} imports {target}"
        for target, line in imported(source)
        if any(target == name or target.startswith(name + ".") for name in banned)
    ]
    clocks = [f"{source.name}:{line} reads a clock" for n, line in uses(source)
              if n.split(".")[-1] in CLOCKS and "." in n]  # fmt: skip
    calls = [
        f"{source.name}:{node.lineno} calls {node.func.id}"
        for node in source.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in ("open", "id", "globals")
    ]
    return found + clocks + calls


def against_catching_all(source: Source) -> Objections:
    found = []
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {dotted(kind) if kind else "" for kind in caught}
            if names & {"", "Exception", "BaseException", "builtins.Exception"}:
                found.append(f"{source.name}:{node.lineno} catches everything")
    return found


# Who may say PATCH (the doctor reads whether a service claims to know it), and who builds its
# body: with add and replace, and nothing that removes. A canary takes
# its own values away from a test user, and knows no schema's address.
PATCHERS = (
    "adapters.gateway.writer", "adapters.gateway.doctor", "writing", "cli.wiring",
    "adapters.gateway.canary_users", "canary",
    "domain.dialect",
)  # fmt: skip
PATCHED = ("domain.body", "adapters.gateway.writer", "writing")


def against_destroying(source: Source) -> Objections:
    """No DELETE in whatever talks to a tenant, PATCH in few places and never to remove anything.

    The built-in tenant is a server, and a comment of ours on GitHub is no tenant's.
    """
    if source.name.split(".")[0] == "embedded" or source.name.startswith("adapters.database"):
        return []
    if source.name in ("adapters.github.rest", "adapters.github.posts"):
        return []
    verbs = {"delete"} if source.name in PATCHERS else {"delete", "patch"}
    texts = [
        f"{source.name}:{node.lineno} says {node.value!r}"
        for node in source.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.lower() in verbs | ({"remove"} if source.name in PATCHED else set())
    ]
    calls = [
        f"{source.name}:{node.lineno} calls {node.func.attr}"
        for node in source.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr.lower() in verbs
    ]
    return texts + calls


def against_sleeping(source: Source) -> Objections:
    """Every wait goes by the Clock, which a signal wakes; time.sleep goes on for what is left."""
    names = [
        f"{source.name}:{line} uses {name}"
        for name, line in uses(source)
        if name in ("time.sleep", "asyncio.sleep", "tenacity.nap", "signal.pause")
    ]
    imports = [
        f"{source.name}:{line} imports {target}"
        for target, line in imported(source)
        if target in ("time.sleep", "tenacity.nap", "tenacity.sleep")
    ]
    return names + imports


def against_patching(source: Source) -> Objections:
    """Tests hand in fakes; they change nothing behind the back of the code."""
    imports = [
        f"{source.name}:{line} imports {target}"
        for target, line in imported(source)
        if target in ("mock", "unittest.mock", "pytest_mock") or target == "unittest"
    ]
    calls = [
        f"{source.name}:{line} uses {name}"
        for name, line in uses(source)
        if re.fullmatch(r"(monkeypatch|mp|patch)\.(setattr|delattr|setitem|delitem)", name)
    ]
    mocker = [
        f"{source.name}:{node.lineno} takes mocker"
        for node in source.nodes
        if isinstance(node, ast.arg) and node.arg in ("mocker", "class_mocker", "session_mocker")
    ]
    return imports + calls + mocker


def against_shared_tests(source: Source) -> Objections:
    """What several files of tests use lies in tests/support, where it is looked for."""
    return [
        f"{source.name}:{line} imports {target}"
        for target, line in imported(source)
        if target.startswith("tests.") and ".test_" in target
    ]


MARK = re.compile(r"#\s*(noqa\b|type:\s*ignore\b)")
CODED = re.compile(r"#\s*(noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*|type: ignore\[[a-z-]+(, ?[a-z-]+)*\])")
WELL_MARKED = re.compile(CODED.pattern + r"\s*[-—–#(:]+\s*\w.{2,}")


def exemptions(source: Source) -> list[tuple[int, str]]:
    if not MARK.search(source.text):
        return []  # to take a file into tokens is slow
    comments = tokenize.generate_tokens(io.StringIO(source.text).readline)
    return [
        (token.start[0], token.string)
        for token in comments
        if token.type == tokenize.COMMENT and MARK.search(token.string)
    ]


def against_bare_exemptions(source: Source) -> Objections:
    """The reason stands behind the code, or is the whole line above."""
    lines = ["", *source.text.splitlines()]
    return [
        f"{source.name}:{line} {comment} lacks a code or a reason"
        for line, comment in exemptions(source)
        if not WELL_MARKED.search(comment)
        if not (CODED.search(comment) and lines[line - 1].lstrip().startswith("# "))
    ]


def without_opening_sentence(source: Source) -> Objections:
    first = (ast.get_docstring(source.tree) or "").partition("\n")[0]
    return [] if first else [f"{source.name} does not open with what it alone knows"]


# What they are held against


def test_the_tree_is_found() -> None:
    assert {"reconciler", "errors", "domain.scim", "ports", "planning", "__main__"} <= names()
    assert "tests/test_architecture.py" in {source.name for source in suite()}


def test_every_module_has_a_row_and_imports_only_from_rows_above() -> None:
    assert [o for source in modules() for o in against_rows(source, names())] == []


def test_use_cases_render_adapters_and_the_built_in_tenant_do_not_know_each_other() -> None:
    assert [o for source in modules() for o in against_strangers(source, names())] == []


def test_every_third_party_package_has_one_home() -> None:
    assert [o for source in modules() for o in against_homes(source)] == []


def test_only_cli_speaks_and_ends_the_program() -> None:
    assert [o for source in modules() for o in against_speaking(source)] == []


def test_nothing_prints_past_the_console() -> None:
    assert [o for source in modules() for o in against_ways_around(source)] == []


def test_only_annotations_and_masks_are_commands() -> None:
    assert [o for source in modules() for o in against_commanding(source)] == []


def test_only_the_settings_read_the_environment() -> None:
    assert [o for source in modules() for o in against_environment(source)] == []


def test_the_domain_is_pure() -> None:
    assert [o for source in modules() for o in against_impurity(source)] == []


def test_no_module_catches_everything() -> None:
    assert [o for source in (*modules(), *suite()) for o in against_catching_all(source)] == []


def test_no_module_sleeps_but_by_the_clock() -> None:
    assert [o for source in modules() for o in against_sleeping(source)] == []


def test_nothing_that_talks_to_a_tenant_can_delete() -> None:
    assert [o for source in modules() for o in against_destroying(source)] == []


def test_no_test_patches_anything() -> None:
    assert [o for source in suite() for o in against_patching(source)] == []


def test_no_test_imports_from_a_module_of_tests() -> None:
    assert [o for source in suite() for o in against_shared_tests(source)] == []


def test_every_exemption_has_its_code_and_its_reason_and_their_number_is_bounded() -> None:
    sources = (*modules(), *suite())
    assert [o for source in sources for o in against_bare_exemptions(source)] == []
    assert sum(len(exemptions(source)) for source in sources) <= EXEMPTIONS


def test_every_module_opens_with_a_sentence() -> None:
    assert [o for source in modules() for o in without_opening_sentence(source)] == []


def test_the_tables_name_nothing_that_is_not_there() -> None:
    entries = {entry for row in ROWS for entry in row}
    assert sum(len(row) for row in ROWS) == len(entries)
    assert sorted(entries - names()) == []
    assert sorted(set(HOMES.values()) - names()) == []


def test_every_third_party_package_is_declared_with_its_lowest_version() -> None:
    """What another package brings along comes in any version that this one takes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    lines = (*project["dependencies"], *(line for extra in extras for line in extra))
    declared = {re.split(r"[\[>]", line)[0] for line in lines if ">=" in line}
    found = {
        package: {name.lower().replace("_", "-") for name in names}
        for package, names in packages_distributions().items()
    }
    installed = HOMES.keys() & found.keys()  # an extra may not be
    assert [package for package in sorted(installed) if not declared & found[package]] == []


def test_every_command_has_its_tests() -> None:
    """`audit verify` is in tests/cli/test_audit.py; a large one has more, test_apply_report.py."""
    wanted = {command.parts[0].replace("-", "_") for command in COMMANDS}
    wanted = {f"test_{name}.py" for name in wanted}

    assert sorted(wanted - {path.name for path in (ROOT / "tests/cli").iterdir()}) == []


def test_every_package_has_its_folder_of_tests() -> None:
    packages = {s.name.partition(".")[0] for s in modules() if s.package} - {"reconciler"}

    assert sorted(name for name in packages if not (ROOT / "tests" / name).is_dir()) == []


COSTLY = ("requests", "psycopg", "deepdiff", "jsonschema", "tenacity", "rich", "yaml")


def loaded(report: str) -> set[str]:
    """The top-level packages in what `-X importtime` wrote."""
    lines = (line for line in report.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_pays_for_no_package_that_only_a_command_needs(argument: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "reconciler", argument],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "reconciler" in loaded(done.stderr)
    assert loaded(done.stderr) & set(COSTLY) == set()


# Each check objects to what it is for


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("domain.scim", "from reconciler.domain.plan import Plan"),
        ("domain.scim", "from reconciler.domain import plan"),
        ("domain.scim", "import reconciler.cli.main"),
        ("domain.plan", "def f():\n    from reconciler.planning import plan_fleet"),
        ("domain.diff", "from reconciler.domain.compatibility import obstacles"),
        ("domain.rules.rule", "from reconciler.domain.impact import assess"),
        ("errors", "from reconciler.domain.jsontext import Json"),
        ("ports", "from reconciler.adapters.clock import SystemClock"),
        ("planning", "from reconciler.recovering import Recovery"),
        ("applying", "from reconciler.fleet import Fleet"),
        ("adapters.transport.http", "from reconciler.adapters.retrying import wait"),
        ("adapters.transport.http", "from reconciler.adapters import retrying"),
        ("adapters.oauth2", "from reconciler.adapters.gateway import reader"),
        ("adapters.clock", "from reconciler.adapters.settings import Settings"),
        ("cli.main", "from reconciler.__main__ import main"),
        ("domain.scim", "from .plan import Plan"),
        ("domain.scim", "from . import plan"),
        ("domain.scim", "from reconciler.nowhere import x"),
        ("surprise", ""),
        ("domain.surprise", ""),
        ("adapters.surprise", ""),
    ],
)
def test_an_import_from_the_own_row_or_below_is_objected_to(name: str, text: str) -> None:
    assert len(against_rows(Source(name, text), names())) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("domain.plan", "from reconciler.domain import recipes"),
        ("domain.rules.schema", "from reconciler.domain.rules.rule import Rule"),
        ("adapters.database.store", "from reconciler.adapters.database import engine, trail"),
        ("adapters.gateway.writer", "from reconciler.adapters.transport import Line"),
        ("cli.apply", "from reconciler.embedded.server import Server\nimport json, requests"),
        ("__main__", "from reconciler.cli.main import main"),
        ("cli.main", "from reconciler import __version__"),
    ],
)
def test_an_import_from_above_or_inside_a_package_is_fine(name: str, text: str) -> None:
    assert against_rows(Source(name, text), names()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("planning", "from reconciler.adapters.clock import SystemClock"),
        ("adapters.locks", "from reconciler.planning import Desired"),
        ("adapters.locks", "from reconciler import planning"),
        ("render.plan_text", "from reconciler.fleet import Fleet"),
        ("adapters.git", "import reconciler.render.plain_text"),
        ("embedded.server", "from reconciler.adapters.transport import Line"),
        ("fleet", "from reconciler.embedded.server import Server"),
    ],
)
def test_strangers_that_know_each_other_are_objected_to(name: str, text: str) -> None:
    assert len(against_strangers(Source(name, text), names())) == 1
    assert against_strangers(Source("cli.apply", text), names()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cli.main", "import requests"),
        ("adapters.gateway.reader", "from requests.exceptions import Timeout"),
        ("adapters.transporter", "import urllib3"),
        ("domain.plan", "from deepdiff import DeepDiff"),
        ("adapters.manifests", "def f():\n    import yaml"),
        ("embedded.store", "import psycopg as pg"),
        ("render.plan_text", "import rich"),
    ],
)
def test_a_package_away_from_home_is_objected_to(name: str, text: str) -> None:
    assert len(against_homes(Source(name, text))) == 1


def test_a_package_at_home_and_the_standard_library_are_fine() -> None:
    assert against_homes(Source("adapters.transport.line", "import urllib3.util, ssl")) == []
    assert against_homes(Source("domain.diff", "import json\nfrom deepdiff import DeepDiff")) == []


@pytest.mark.parametrize(
    "text",
    ["print(1)", "import sys\nf(sys.argv)", "from sys import argv", "import sys\nsys.exit(1)",
     "raise SystemExit", "input()", "map(print, x)"],
)  # fmt: skip
def test_speaking_outside_cli_is_objected_to(text: str) -> None:
    assert len(against_speaking(Source("render.plan_text", text))) == 1
    assert against_speaking(Source("cli.console", text)) == []
    assert against_speaking(Source("clip", text)) != []


@pytest.mark.parametrize(
    "text",
    ["print(1)", "import sys\nsys.stderr.write(x)", "from sys import __stdout__",
     "import logging\nlogging.StreamHandler()", "import os\nos.write(2, b'')",
     "import warnings\nwarnings.warn('x')"],
)  # fmt: skip
def test_printing_past_the_console_is_objected_to(text: str) -> None:
    assert len(against_ways_around(Source("cli.main", text))) == 1
    assert against_ways_around(Source("cli.console", text)) == []


@pytest.mark.parametrize(
    "text",
    ["invocation.console.commands(x)", "console.commands(x)",
     "from reconciler.cli.console import show_command"],
)  # fmt: skip
def test_commanding_a_runner_is_objected_to(text: str) -> None:
    assert len(against_commanding(Source("cli.plan", text))) == 1
    assert against_commanding(Source("cli.masks", text)) == []


def test_the_entry_point_may_end_the_program_and_not_print() -> None:
    assert against_speaking(Source("__main__", "import sys\nsys.exit(main())")) == []
    assert len(against_speaking(Source("__main__", "print(1)"))) == 1


@pytest.mark.parametrize(
    "text",
    ["import os\nos.environ['A']", "import os\nos.getenv('A')", "from os import environ",
     "from os import getenv as g", "import os\nx = dict(os.environ)"],
)  # fmt: skip
def test_reading_the_environment_outside_the_settings_is_objected_to(text: str) -> None:
    assert len(against_environment(Source("cli.main", text))) == 1
    assert against_environment(Source("adapters.settings", text)) == []


@pytest.mark.parametrize(
    "text",
    ["import time", "from random import choice", "import os.path", "import logging",
     "import socket", "from subprocess import run", "from datetime import datetime",
     "import http.client", "moment = datetime.now(UTC)", "open('x')", "key = id(name)",
     "from pathlib import Path"],
)  # fmt: skip
def test_an_impure_domain_is_objected_to(text: str) -> None:
    assert len(against_impurity(Source("domain.plan", text))) == 1
    assert against_impurity(Source("adapters.clock", text)) == []


def test_records_may_know_what_a_datetime_is_and_not_what_time_it_is() -> None:
    assert against_impurity(Source("domain.records", "from datetime import datetime")) == []
    assert len(against_impurity(Source("domain.records", "x = datetime.now(UTC)"))) == 1


@pytest.mark.parametrize(
    "caught", ["", " Exception", " BaseException", " (ValueError, Exception)", " Exception as e"]
)
def test_catching_everything_is_objected_to(caught: str) -> None:
    text = f"try:\n    f()\nexcept{caught}:\n    pass"
    assert len(against_catching_all(Source("cli.main", text))) == 1


@pytest.mark.parametrize("text", ["import time\ntime.sleep(1)", "from time import sleep"])
def test_sleeping_past_the_clock_is_objected_to(text: str) -> None:
    assert len(against_sleeping(Source("adapters.clock", text))) == 1


def test_sleeping_by_the_clock_is_fine() -> None:
    assert against_sleeping(Source("writing", "self.clock.sleep(2)")) == []


def test_catching_a_named_error_is_fine() -> None:
    text = "try:\n    f()\nexcept (ValueError, my.Exception_) as e:\n    raise X from e"
    assert against_catching_all(Source("cli.main", text)) == []


@pytest.mark.parametrize(
    "text",
    ["request('DELETE', url)", "METHOD = 'delete'", "session.delete(url)", "session.patch(url)",
     "VERBS = {'PATCH': 1}", "line.send(method='Patch')"],
)  # fmt: skip
def test_a_verb_that_destroys_is_objected_to(text: str) -> None:
    patches = "patch" in text.lower()
    for patcher in ("adapters.gateway.writer", "writing"):
        assert len(against_destroying(Source(patcher, text))) == (0 if patches else 1)
    assert len(against_destroying(Source("adapters.gateway.reader", text))) == 1
    assert len(against_destroying(Source("fleet", text))) == 1
    assert against_destroying(Source("embedded.schemas_endpoint", text)) == []


def test_a_patch_that_removes_is_objected_to() -> None:
    text = "operation = {'op': 'remove', 'path': 'attributes'}"
    assert len(against_destroying(Source("domain.body", text))) == 1
    assert len(against_destroying(Source("adapters.gateway.writer", text))) == 1


@pytest.mark.parametrize(
    "text",
    ["from unittest.mock import patch", "from unittest import mock", "import unittest.mock",
     "import mock", "def test(monkeypatch):\n    monkeypatch.setattr('a.b', 1)",
     "def test(mocker):\n    pass", "def test(monkeypatch):\n    monkeypatch.setitem(d, 'a', 1)"],
)  # fmt: skip
def test_patching_is_objected_to(text: str) -> None:
    assert len(against_patching(Source("tests/test_x.py", text))) == 1


def test_an_import_from_a_module_of_tests_is_objected_to() -> None:
    for text in ("from tests.cli.test_plan import one", "import tests.test_fleet"):
        assert len(against_shared_tests(Source("tests/test_x.py", text))) == 1
    assert (
        against_shared_tests(Source("tests/test_x.py", "from tests.support.world import W")) == []
    )


@pytest.mark.parametrize(
    "comment",
    ["# noqa", "# noqa: S105", "# type: ignore", "# type: ignore[misc]", "# noqa: S105 —",
     "# noqa because", "# type: ignore  # the library has no types"],
)  # fmt: skip
def test_an_exemption_without_code_or_reason_is_objected_to(comment: str) -> None:
    assert len(against_bare_exemptions(Source("x", f"a = 1  {comment}\n"))) == 1


@pytest.mark.parametrize(
    "comment",
    ["# noqa: S105 — a word, no secret", "# noqa: S105, B006 (the point)",
     "# type: ignore[misc]  # that it cannot is the point", "# why, and nothing else"],
)  # fmt: skip
def test_an_exemption_with_code_and_reason_is_fine(comment: str) -> None:
    assert against_bare_exemptions(Source("x", f"a = 1  {comment}\n")) == []
    assert against_bare_exemptions(Source("x", f'a = "{comment[2:]}"\n')) == []


def test_the_reason_of_an_exemption_may_be_the_line_above() -> None:
    assert against_bare_exemptions(Source("x", "# why it is so\na = 1  # noqa: S105\n")) == []
    assert len(against_bare_exemptions(Source("x", "# why it is so\na = 1  # noqa\n"))) == 1
    assert len(against_bare_exemptions(Source("x", "b = 2\na = 1  # noqa: S105\n"))) == 1


def test_a_module_without_an_opening_sentence_is_objected_to() -> None:
    assert len(without_opening_sentence(Source("x", "a = 1"))) == 1
    assert without_opening_sentence(Source("x", '"""What it knows."""')) == []


def test_the_report_of_imports_is_understood() -> None:
    report = "import time: self [us] | cumulative | imported package\n"
    report += "import time:       118 |        118 |   requests.adapters\nnoise requests"
    assert loaded(report) == {"imported package", "requests"}
