"""Every file beside this one is a test: drop one in, and it is checked.

The first comments of an invalid example are its problems, all of them, as
`line:column: severity[rule]: message`.
"""

from itertools import takewhile
from pathlib import Path

import pytest

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.manifests import Loaded, load
from reconciler.domain.manifest import Severity

EXAMPLES = Path(__file__).parent
VALID = sorted((EXAMPLES / "valid").iterdir())
INVALID = sorted((EXAMPLES / "invalid").iterdir())


def load_alone(example: Path, folder: Path) -> Loaded:
    (folder / example.name).write_bytes(example.read_bytes())
    return load(folder, dialects=load_dialects())


@pytest.mark.parametrize("example", VALID, ids=lambda path: path.name)
def test_a_valid_example_has_no_error_and_no_warning(example: Path, tmp_path: Path) -> None:
    loaded = load_alone(example, tmp_path)

    assert [p for p in loaded.problems if p.severity is not Severity.INFO] == []
    assert loaded.manifests is not None
    assert loaded.manifests.tenants


@pytest.mark.parametrize("example", INVALID, ids=lambda path: path.name)
def test_an_invalid_example_has_exactly_the_problems_it_announces(
    example: Path, tmp_path: Path
) -> None:
    lines = example.read_text(encoding="utf-8").splitlines()
    announced = [line.removeprefix("# ") for line in takewhile(lambda x: x.startswith("# "), lines)]

    loaded = load_alone(example, tmp_path)

    shown = [str(problem).replace(f"{tmp_path}/", "") for problem in loaded.problems]
    assert announced
    assert [line.removeprefix(f"{example.name}:") for line in shown] == announced
    assert (loaded.manifests is None) == any(": error[" in line for line in shown)


def test_there_are_examples_of_both_kinds() -> None:
    assert len(VALID) >= 8
    assert len(INVALID) >= 30
