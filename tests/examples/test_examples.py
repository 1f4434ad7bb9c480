"""Every example beside this file is a test: drop one in, and it is checked.

An example is a file, or a folder of files. It opens with comments (a folder: its first file does)
that say which rules it is about. A valid one names rules that it keeps where it could easily break
them, as `RULE: why`. An invalid one announces the problems that it is about, all that a rule finds
in it, as `line:column: severity[rule]: message`. What a rule that it does not name finds in it is
left out, so that a rule that speaks often needs no other example than its own; only an error that
is not announced fails it, for then nothing else could be said. What is named after a rule about
changes is compared with `before.yaml`, as `validate --against` compares with a git ref.
"""

import re
import shutil
from itertools import takewhile
from pathlib import Path

import pytest

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.manifest_files import ManifestFile
from reconciler.adapters.manifests import load, manifests_of
from reconciler.domain.manifest import Manifests
from reconciler.domain.problem import Problem, Severity
from reconciler.domain.rules.catalogue import CATALOGUE, LEFT_OPEN
from reconciler.domain.rules.comparing import compare
from tests.support.reading import LIMITS

EXAMPLES = Path(__file__).parent
VALID = sorted((EXAMPLES / "valid").iterdir())
INVALID = sorted((EXAMPLES / "invalid").iterdir())

# What has to have an example that breaks it: each id with each of its severities.
BREAKABLE = {(rule.id, str(rule.severity)) for rule in CATALOGUE}
# What has to have one that keeps it: what the RFC leaves open, too.
KEEPABLE = {id_ for id_, _ in BREAKABLE} | {id_ for id_, _ in LEFT_OPEN}

ANNOUNCED = re.compile(r"[^ ]*\d+:\d+: (error|warning|info)\[([A-Z0-9-]+)\]: ")


def loaded(example: Path, folder: Path) -> tuple[Manifests | None, list[Problem]]:
    """What `validate` would find of an example that stands alone in a folder."""
    if example.is_dir():
        shutil.copytree(example, folder / example.name, symlinks=True)
    else:
        shutil.copy(example, folder)
    found = load(folder, dialects=load_dialects(), limits=LIMITS)
    problems = list(found.problems)
    if re.match(r"sch\d{3}-", example.name) and found.manifests is not None:
        file = ManifestFile("before.yaml", (EXAMPLES / "before.yaml").read_bytes())
        before, unread = manifests_of([file])
        assert unread == ()
        problems += compare(before, found.manifests, locate=found.locate)
    return found.manifests, sorted(problems)


def opening(example: Path) -> list[str]:
    """The comments that an example opens with."""
    files = sorted(example.iterdir()) if example.is_dir() else [example]
    first = next(file for file in files if file.is_file() and not file.is_symlink())
    lines = first.read_text(encoding="utf-8").splitlines()
    return [
        line.removeprefix("# ") for line in takewhile(lambda line: line.startswith("# "), lines)
    ]


def kept(example: Path) -> list[str]:
    found = [re.match(r"((?:SCIM|REC)-[A-Z0-9-]+|SCH\d+): \S", line) for line in opening(example)]
    return [match[1] for match in found if match]


def announced(example: Path) -> list[re.Match[str]]:
    found = [ANNOUNCED.match(line) for line in opening(example)]
    return [match for match in found if match]


@pytest.mark.parametrize("example", VALID, ids=lambda path: path.name)
def test_a_valid_example_keeps_the_rules_that_it_names_and_has_no_error(
    example: Path, tmp_path: Path
) -> None:
    manifests, problems = loaded(example, tmp_path)

    assert [p for p in problems if p.severity is Severity.ERROR] == []
    assert [p for p in problems if p.rule in kept(example)] == []
    assert manifests is not None
    assert manifests.tenants


@pytest.mark.parametrize("example", INVALID, ids=lambda path: path.name)
def test_an_invalid_example_has_exactly_the_problems_it_announces_of_the_rules_it_names(
    example: Path, tmp_path: Path
) -> None:
    manifests, problems = loaded(example, tmp_path)

    named = {match[2] for match in announced(example)}
    shown = [str(p).replace(f"{tmp_path}/", "") for p in problems if p.rule in named]
    own = re.compile(rf"^({re.escape(str(tmp_path))}:|{re.escape(example.name)}[:/])")
    assert shown
    assert [own.sub("", line) for line in shown] == opening(example)
    assert (manifests is None) == any(re.search(r": error\[(SCIM|REC)-", line) for line in shown)


def test_there_are_as_many_examples_as_promised() -> None:
    assert len(VALID) + len(INVALID) >= 80


def test_each_rule_is_kept_by_a_valid_example() -> None:
    named = [rule for example in VALID for rule in kept(example)]

    assert KEEPABLE - set(named) == set()
    assert set(named) - KEEPABLE == set()


def test_each_rule_is_broken_by_an_invalid_example_with_each_of_its_severities() -> None:
    found = {(match[2], match[1]) for example in INVALID for match in announced(example)}

    assert BREAKABLE - found == set()
