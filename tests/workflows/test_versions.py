"""`.ci/versions`: what it does with arguments that it does not know."""

import subprocess
from pathlib import Path

import pytest

from tests.support.program import ROOT


@pytest.mark.parametrize("arguments", [(), ("",), ("--help",), ("latest",), ("../lowest", "test")])
def test_versions_takes_lowest_and_newest_and_makes_nothing_for_other_words(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / ".ci").mkdir()
    script = tmp_path / ".ci/versions"
    script.write_bytes((ROOT / ".ci/versions").read_bytes())

    done = subprocess.run(
        ["bash", script, *arguments], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 2
    assert done.stderr == "usage: .ci/versions lowest|newest [TARGET of make…]\n"
    assert list(tmp_path.iterdir()) == [tmp_path / ".ci"]
