"""docs/architecture.md: its walks are how the program goes, its laws all that are tested."""

import re
import subprocess
import sys

import pytest

from tests.support.program import ROOT, Folder
from tests.support.source_tree import names

TEXT = (ROOT / "docs/architecture.md").read_text()
LAWS = TEXT.partition("\n## Laws\n")[2].partition("\n## ")[0]
WALKS = ["A manifest", "A live schema", "An event"]


def walk(title: str) -> str:
    return TEXT.partition(f"\n### {title}\n")[2].partition("\n##")[0]


@pytest.mark.process
@pytest.mark.parametrize("title", WALKS)
def test_a_walk_of_the_architecture_page_is_how_the_program_goes(folder: Folder, title: str):
    text = walk(title)
    steps = re.findall(r"^\d+\. `([\w.]+)`", text, re.M)
    [command] = re.findall(r"by `reconciler (\w+)`", text)
    for before in re.findall(r"<!-- after: (.*?) -->", text):
        assert folder.run(*before.split()).code == 0

    approved = ["--auto-approve"] if command == "apply" else []
    noted = folder.path / "noted"
    subprocess.run(
        [sys.executable, "-m", "tests.support.trace", noted, command, *approved],
        cwd=folder.path,
        env=folder.environment({"PYTHONPATH": str(ROOT)}),
        capture_output=True,
        check=True,
        timeout=100,
    )

    calls = iter(noted.read_text().splitlines())
    assert len(steps) > 8
    assert [step for step in steps if step not in calls] == []  # each is looked for after the last


def test_every_code_name_of_the_architecture_page_exists():
    modules = names()
    prose = TEXT.partition("<!-- rooms -->")[0]
    named = set(re.findall(r"`((?:domain|adapters|render|cli|embedded)\.[\w.]+)`", prose))
    found = {
        name
        for name in named
        if any(name == module or name.startswith(f"{module}.") for module in modules)
    }

    assert len(named) > 40
    assert named - found == set()


def test_the_architecture_page_names_every_law():
    defined = {
        (path.name, match[1], match[2])
        for path in (ROOT / "tests").rglob("test_*.py")
        for match in re.finditer(
            r"^def (test_\w+)\(.*?\).*?:\n((?:    .*\n|\n)+)", path.read_text(), re.M
        )
    }
    laws = {
        name
        for file, name, body in defined
        if file in ("test_architecture.py", "test_words.py") and re.search(r"\bmodules\(\)", body)
    }
    listed = set(re.findall(r"`(test_\w+)`", LAWS))

    assert listed <= {name for _, name, _ in defined}
    assert laws - listed <= {
        "test_the_tree_is_found",
        "test_every_code_name_in_the_glossary_exists",
    }
