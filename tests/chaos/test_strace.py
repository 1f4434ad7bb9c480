"""Where nothing can be traced the crash tests fail: they are not skipped, and do not pass."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.program import ROOT

DENIED = "strace: attach: ptrace(PTRACE_SEIZE): Operation not permitted"


def crash_tests_with(tools: Path) -> "subprocess.CompletedProcess[str]":
    """One part of the matrix, in a session of its own that finds no other tools than those."""
    options = ("-p", "no:xdist", "-p", "no:cacheprovider", "-k", "sqlite and tenth_call")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-x", "tests/chaos/test_crash_matrix.py"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_crash_matrix_fails_loudly_without_strace(tmp_path: Path):
    done = crash_tests_with(tmp_path)

    assert done.returncode == 1, done.stdout
    assert "strace is missing, and the crash tests need it" in done.stdout
    assert " passed" not in done.stdout
    assert " skipped" not in done.stdout


def test_the_crash_matrix_fails_loudly_without_ptrace(tmp_path: Path):
    strace = tmp_path / "strace"
    strace.write_text(f'#!/bin/sh\necho "{DENIED}" >&2\nexit 1\n')
    strace.chmod(0o755)

    done = crash_tests_with(tmp_path)

    assert done.returncode == 1, done.stdout
    assert "nothing was tested: allow ptrace" in done.stdout
    assert DENIED in done.stdout
    assert " passed" not in done.stdout
    assert " skipped" not in done.stdout
