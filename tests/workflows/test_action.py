"""The scripts of the composite action, run by a shell as they stand."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.program import ROOT
from tests.support.warm import Done
from tests.support.workflows.world import environment_of_the_lock

pytestmark = pytest.mark.process
ACTION = ROOT / ".github/actions/reconcile"


class Shell:
    """What a runner gives a step of the action."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        steps = yaml.safe_load((ACTION / "action.yml").read_text())["runs"]["steps"]
        self.scripts = {step["name"]: step["run"] for step in steps if "run" in step}

    def start(self, name: str, **environ: str) -> subprocess.Popen[str]:
        script = self.folder / "script.sh"
        script.write_text(self.scripts[name])
        given = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_ACTION_PATH": str(ACTION),
            **environ,
        }
        return subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.folder,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, name: str, **environ: str) -> Done:
        process = self.start(name, **environ)
        out, err = process.communicate(timeout=60)
        return Done(process.returncode, out, err)

    def reconciler(self, command: str, *arguments: str, stdout: str = "") -> Done:
        return self.run("Run", COMMAND=command, ARGUMENTS="\n".join(arguments), STDOUT=stdout)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """The tool is installed: from the lock, as the file beside the environment says."""
    environment_of_the_lock(tmp_path / "reconciler-venv")
    made = Shell(tmp_path)
    installed = made.run("Install")
    assert installed == Done(0, "", "")
    return made


def test_an_argument_is_a_line_and_nothing_in_it_is_expanded(shell: Shell):
    done = shell.reconciler("schema", "", "$(touch made) `touch made` *")

    assert done.code == 1
    assert "$(touch made) `touch made` *" in done.err
    assert not (shell.folder / "made").exists()


def test_a_command_may_have_two_words_and_its_output_a_file(shell: Shell):
    done = shell.reconciler("schema", "plan", stdout="plan.schema.json")
    verified = shell.reconciler("audit verify")

    assert done == Done(0, "", "")
    assert '"$schema"' in (shell.folder / "plan.schema.json").read_text()
    assert verified.code == 1
    assert "there is no store" in verified.err


def test_the_exit_code_is_that_of_the_tool(shell: Shell):
    assert shell.reconciler("validate", "--fail-on", "never").code == 1
    assert shell.reconciler("schema", "plan").code == 0


def test_modules_beside_the_manifests_are_not_imported(shell: Shell):
    for name in ("reconciler", "yaml", "sitecustomize"):
        (shell.folder / f"{name}.py").write_text("raise SystemExit(99)")

    done = shell.reconciler("schema", "plan")

    assert done.code == 0, done.err


def test_a_signal_reaches_the_tool(shell: Shell):
    process = shell.start("Run", COMMAND="dev-tenant", ARGUMENTS="--port\n0", STDOUT="")
    assert process.stdout is not None
    while "webhook-secret" not in process.stdout.readline():
        assert process.poll() is None

    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "stopped" in err


def test_an_environment_of_another_lock_is_made_anew(shell: Shell):
    """Seen from outside: pip is asked, and refuses a lock whose hashes do not fit."""
    (shell.folder / "reconciler-venv/lock.sha256").write_text("0" * 64 + "  requirements.txt\n")
    other = shell.folder / "a/b/c"
    other.mkdir(parents=True)
    (shell.folder / "requirements.txt").write_text("idna==3.10 --hash=sha256:" + "0" * 64 + "\n")

    done = shell.run("Install", GITHUB_ACTION_PATH=str(other))

    assert done.code != 0
    assert "hash" in done.err.lower()
    assert not (shell.folder / "reconciler-venv/lock.sha256").exists()
