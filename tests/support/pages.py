"""The pages of the documentation as programs: their blocks are run in order, by one shell.

A `console` block shows commands after `$ ` with what they print; a line `…` stands for any lines. A
`sh` block is only run. Every command has to end with 0; where a page is about another code, it says
`; echo $?`. `python -m tests.support.pages [PAGE…]` (`make docs`) writes what is really printed.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.git import WHO
from tests.support.github_stub import BOT, github_stub
from tests.support.postgres import started_server
from tests.support.program import ROOT
from tests.support.workflows.repository import (
    Repository,
    bare_repository,
    this_repository,
)

PAGES = (
    "README.md",
    "desired-state/README.md",
    *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md")),
)
RUN = ("console", "sh")
STORE = "postgresql+psycopg://reconciler@db.example.com/reconciler?sslmode=verify-full"
TOKEN = "GITHUB_TOKEN=…"
# At a reader's terminal it is one line, which is gone in the end
PROGRESS = re.compile(
    r"^(?:(?:plan|apply|adoption|doctor|import): \S+ .*\(\d+ of \d+.*\)|"
    r"\S+/\S+: (?:created|updated|there already|Still|[a-z-]+ in) .*)\n",
    re.M,
)
EXPORTED = "compgen -e | grep -vE '^(OLDPWD|GITHUB_API_URL)$' | sort"  # the latter is of a stub
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Command:
    """A command and what the page shows of it; None where it shows nothing."""

    text: str
    shown: str | None


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each fenced block, in order."""
    return FENCE.findall((ROOT / page).read_text())


def page_with(page: str, language: str) -> str:
    """The one block of a page in that language."""
    [text] = [text for found, text in blocks(page) if found == language]
    return text


def commands(language: str, text: str) -> list[Command]:
    if language == "sh":
        return [Command(text, None)]
    found = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.M)
    return [Command(command, shown) for command, shown in found]


def run_languages(page: str) -> tuple[str, ...]:
    """The languages of the blocks that are run; what README installs is tried elsewhere."""
    return ("console",) if page == "README.md" else RUN


def program(page: str) -> list[Command]:
    """All that a reader of the page types."""
    run_here = run_languages(page)
    return [
        c
        for language, text in blocks(page)
        if language in run_here
        for c in commands(language, text)
    ]


def run(
    page: list[Command], folder: Path, environ: Mapping[str, str], instead: Mapping[str, str]
) -> list[str]:
    """What each command prints; one that fails is an error. `instead` stands in for others."""
    notes = folder.parent / "printed"
    notes.mkdir()
    lines = ["trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT", f"{EXPORTED} > {notes}/before"]
    for number, command in enumerate(page):
        text = command.text.rstrip("\n")
        for shown, real in instead.items():
            text = text.replace(shown, real)
        strict = "set -e\n" if command.shown is None else ""
        lines.append(f"{strict}{{ {text}\n}} > {notes}/{number} 2>&1")
        lines.append("code=$?; set +e; [ $code = 0 ] || exit $code")
    lines.append(f"{{ {EXPORTED} | comm -13 {notes}/before -; jobs -p; }} > {notes}/remains")
    script = folder.parent / "page.sh"
    script.write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        ["bash", str(script)], cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, check=False,
        timeout=300,
    )  # fmt: skip
    names = [notes / str(number) for number in range(len(page))]
    printed = [PROGRESS.sub("", path.read_text()) for path in names if path.exists()]
    last = page[len(printed) - 1]
    assert done.returncode == 0, f"exit code {done.returncode}: {last.text}\n{printed[-1]}"
    return printed


def remains(made: "Stage") -> str:
    """What a page that was run has left: variables, processes, files outside of its own folder."""
    shell = (made.path.parent / "printed/remains").read_text()
    return shell + made.repository.git("status", "--porcelain")


def fits(shown: str, printed: str) -> bool:
    """Whether the page shows what is printed, but for what differs from run to run."""
    parts = [re.escape(part) for part in re.split(r"(?m)^…\n?", steady(shown) + "\n")]
    return re.fullmatch(r"(?:.*\n)*".join(parts), steady(printed) + "\n") is not None


def steady(text: str) -> str:
    """Without times, ports, hashes and the names that they make."""
    anywhere = "127.0.0.1:" in text  # then a digest covers the port
    for pattern, word in (
        (r"\d+ ms", "N ms"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"\b\d{4}-\d\d-\d\d\b", "DATE"),
        (r"127\.0\.0\.1:\d+", "PORT"),
        (r"\b[0-9a-f]{40}\b|(?<=  )[0-9a-f]{12}\b", "COMMIT"),
        (r"sha256:[0-9a-f]{64}" if anywhere else r"$^", "DIGEST"),
        (r"(?<!sha256:)\b[0-9a-f]{64}\b|evt_[0-9a-f]{32}", "HASH"),
    ):
        text = re.sub(pattern, word, text)
    return text.strip()


@dataclass(frozen=True)
class Stage:
    """A clone of this repository as a newcomer has it, and the environment of his shell."""

    repository: Repository
    environ: dict[str, str]

    @property
    def path(self) -> Path:
        return self.repository.path


def stage(folder: Path) -> Stage:
    """With a virtual environment that is made already, and a remote `origin` of its own."""
    clone = this_repository(folder / "clone")
    bare = bare_repository(folder / "origin.git")
    clone.git("remote", "add", "origin", f"file://{bare.path}")
    clone.git("push", "--quiet", "--set-upstream", "origin", "main")
    (clone.path / ".git/info/exclude").write_text(".venv\n")
    (clone.path / ".venv").symlink_to(sys.prefix)
    for name in ("requirements-dev.txt", "requirements-plan.txt", "pyproject.toml"):
        os.utime(clone.path / name, (0, 0))
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    kept["PATH"] = f"{clone.path}/.venv/bin:{kept['PATH']}"
    kept["LOGNAME"] = "ann"
    # Unbuffered, so that both outputs come in the order in which a terminal shows them.
    return Stage(clone, {**kept, **WHO, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"})


@contextmanager
def others(page: str) -> Iterator[dict[str, str]]:
    """A PostgreSQL server and a GitHub where the page speaks of them, by what it calls them."""
    with ExitStack() as undo:
        instead = {}
        if STORE in (ROOT / page).read_text():
            server = undo.enter_context(started_server())
            for language, text in blocks(page):
                if language == "sql":
                    server.run(*text.strip().splitlines())
            instead[STORE] = server.url("reconciler", user="reconciler")
        if TOKEN in (ROOT / page).read_text():
            stub = undo.enter_context(github_stub())
            instead[TOKEN] = f"GITHUB_TOKEN={BOT} GITHUB_API_URL={stub.url}"
        yield instead


def filled(page: str, printed: list[str]) -> str:
    """The page with what was printed, where it shows something else."""
    rest, run_here = iter(printed), run_languages(page)

    def fill(found: re.Match[str]) -> str:
        language, text = found[1], found[2]
        if language not in run_here:
            return found[0]
        reported = []
        for command in commands(language, text):
            stated = next(rest)
            if command.shown is None or fits(command.shown, stated):
                reported.append(
                    command.text if language == "sh" else f"$ {command.text}\n{command.shown}"
                )
            else:
                reported.append(f"$ {command.text}\n{stated}")
        return f"```{language}\n{''.join(reported)}```"

    return FENCE.sub(fill, (ROOT / page).read_text())


def main() -> None:
    """Write what is really printed into the pages that are named, else into all."""
    for page in sys.argv[1:] or filter(program, PAGES):
        with tempfile.TemporaryDirectory() as folder, others(page) as instead:
            made = stage(Path(folder))
            printed = run(program(page), made.path, made.environ, instead)
        (ROOT / page).write_text(filled(page, printed))


if __name__ == "__main__":
    main()
