"""Calls of git: a fixed program in an environment of ours, never in a folder's own repository."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from reconciler.errors import GitRefused, UsageError

_TIMEOUT = 60
_OURS = {
    "LC_ALL": "C",  # its messages in the language of ours
    "GIT_OPTIONAL_LOCKS": "0",  # `status` would write to the index
    "GIT_NO_REPLACE_OBJECTS": "1",  # the content of a commit is what its hash says
    "GIT_DISCOVERY_ACROSS_FILESYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Git:
    """The program git. Of the environment neither a repository nor a setting counts.

    But for one: who owns a repository that may be read, `safe.directory`.
    """

    environ: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Git as it is called where the environment is this one."""
        # docs/decisions.md, "git is called in an environment of ours"
        bare = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
        given = {name: value for name, value in environ.items() if name.startswith("GIT_CONFIG")}
        trusted = _safe_directories({**bare, **given}) if given else ()
        return cls({**bare, **_OURS, **_trusting(trusted)})

    def __call__(self, folder: Path, *arguments: str, given: bytes = b"") -> bytes:
        """The output of git; raises GitRefused with its message where it refuses.

        Raises UsageError where a folder on the way up to the work tree passes for a repository.
        """
        found = self.quiet(folder, *arguments, given=given)
        if found is None:
            raise GitRefused("git refuses, and does not say why")
        return found

    def quiet(self, folder: Path, *arguments: str, given: bytes = b"") -> bytes | None:
        """The same; None where git refuses without a message."""
        _require_no_pretender(folder)
        done = _run(("git", "-C", str(folder), *arguments), self.environ, given)
        if done.returncode == 0:
            return done.stdout
        if text := _message(done.stderr):
            raise GitRefused(f"git says: {text}")
        return None


def real(path: Path) -> Path:
    """The path without links; where they go round, as far as it leads."""
    return Path(os.path.realpath(path))  # Path.resolve() raises there


def _run(
    command: tuple[str, ...], environ: Mapping[str, str], given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 — a fixed program and values that are no options, no shell
            command, env=environ, input=given, capture_output=True, check=False, timeout=_TIMEOUT
        )
    except FileNotFoundError as error:
        raise GitRefused("git is not installed, or not on PATH") from error
    except OSError as error:
        raise GitRefused(f"git cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise GitRefused(f"git did not end within {_TIMEOUT} s") from error


def _message(stderr: bytes) -> str:
    """The message of git on one line; a URL in it may hold a password."""
    text = " ".join(stderr.decode("utf-8", "backslashreplace").split())
    return re.sub(r"(?<=://)[^/@\s]*@", "", text.removeprefix("fatal: ").removeprefix("error: "))


def _safe_directories(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The values of safe.directory, in order, where an environment has settings of git."""
    # No repository is looked at: what may be read is not for it to say.
    command = ("git", "config", "--null", "--get-all", "safe.directory")
    try:
        listed = _run(command, {**environ, "GIT_DIR": os.devnull}).stdout
    except GitRefused:
        return ()  # the call that needs it says so
    return tuple(listed.decode("utf-8", "surrogateescape").split("\0")[:-1])


def _trusting(directories: tuple[str, ...]) -> Mapping[str, str]:
    """Variables by which git trusts those directories and no others, git-config(1)."""
    values = ("", *directories) if directories else ()  # the empty one takes back all before it
    named = {f"GIT_CONFIG_KEY_{number}": "safe.directory" for number in range(len(values))}
    given = {f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(values)}
    return {"GIT_CONFIG_COUNT": str(len(values)), **named, **given}


def _require_no_pretender(folder: Path) -> None:
    """Raise UsageError where git would take a folder's committed files for a bare repository.

    It would name its own refs (`origin/main` too), and its own `config` names programs to run. git
    looks for `.git` first, which no commit can hold (docs/decisions.md, "git never runs in a
    repository that a folder's files make up").
    """
    there = real(folder)
    for place in (there, *there.parents):
        if os.path.lexists(place / ".git"):
            return
        if all(any(os.path.lexists(place / name) for name in names) for names in _REPOSITORY):
            raise UsageError(
                f"{place} passes for a git repository of its own, whose settings could run "
                "programs; remove HEAD from it"
            )


_REPOSITORY = (("HEAD",), ("refs", "commondir"))  # what git looks for, gitrepository-layout(5)
