"""The files of a git ref: it alone knows how they are read, through git and without a checkout."""

import os
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from reconciler.adapters.git.calls import Git, real
from reconciler.errors import GitRefused, UsageError

_REGULAR = ("100644", "100755")


def commit_at(git: Git, folder: Path, ref: str) -> str:
    """The commit that a ref names; raises UsageError where there is none, no repository or no git.

    A name that stands for two refs is an error too: git would take a tag `origin/main`, which
    whoever may push can make, for the branch of that name (docs/decisions.md, "A name that stands
    for two refs is refused").
    """
    if not ref or ref.startswith("-"):
        raise UsageError(f"{ref!r} is no git ref: a ref does not begin with a hyphen")
    if len(found := _named(git, folder, ref)) > 1:
        raise UsageError(f"{ref!r} stands for {' and '.join(found)}; name one of them in full")
    wanted = ("--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    commit = git.quiet(folder, "rev-parse", *wanted)
    if commit is None or not re.fullmatch(rb"[0-9a-f]{40,64}\n", commit):
        raise UsageError(f"git knows no commit {ref!r} for {folder}: {_advice(git, folder)}")
    return commit.decode().strip()


def _advice(git: Git, folder: Path) -> str:
    """A reason why a repository may lack a commit, and what helps."""
    head = git.quiet(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if head is None and not git(folder, "for-each-ref", "--count=1"):
        return "nothing has been committed yet"
    if git(folder, "rev-parse", "--is-shallow-repository") == b"true\n":
        return "this clone is shallow; fetch all of it (fetch-depth: 0 of a checkout in a workflow)"
    return "name one that is there, or fetch it first"


def files_at(
    git: Git,
    folder: Path,
    ref: str,
    *,
    wanted: Callable[[PurePosixPath], bool],
    most: int,
    only: str = ".",
) -> tuple[tuple[str, bytes], ...]:
    """The wanted regular files below the folder as they were at a ref, each with its path.

    Paths are those of the folder of today; `only` is a file or folder in it, where that is enough.
    A file larger than `most` bytes comes as its first `most + 1`. Raises UsageError where there is
    no such ref, no repository or no git.
    """
    # Without a checkout: none of the ref's filters, hooks or links ever gets to act.
    commit = commit_at(git, folder, ref)
    listed = git(folder, "ls-tree", "-r", "-z", "--full-name", commit, only)
    names = git(folder, "rev-parse", "--show-prefix")
    prefix = names.decode("utf-8", "surrogateescape").rstrip("\n")
    _require_no_link(git, folder, prefix)
    blobs: list[tuple[PurePosixPath, str]] = []
    for line in listed.decode("utf-8", "surrogateescape").split("\0"):
        facts, _, name = line.partition("\t")
        path = PurePosixPath(name.removeprefix(prefix))
        # Links and submodules are no files: what they lead to is not of this ref.
        if facts and facts.split()[0] in _REGULAR and wanted(path):
            blobs.append((path, facts.split()[2]))
    contents = _contents(git, folder, [blob for _, blob in blobs], most)
    return tuple(
        (str(folder / path), content) for (path, _), content in zip(blobs, contents, strict=True)
    )


def require_same_repository(git: Git, folder: Path, other: Path, ref: str) -> None:
    """Raise UsageError where a folder is not in the repository of the other, which has the ref.

    A submodule is another repository too: whoever moves it chooses what is read there.
    """
    problem = (
        f"{folder} is not in the git repository of {other}, so there is none of {ref!r} to read; "
        "keep it there"
    )
    try:
        top = git(folder, "rev-parse", "--show-toplevel")
    except GitRefused as error:
        raise UsageError(f"{problem} ({error})") from error
    if top != git(other, "rev-parse", "--show-toplevel"):
        raise UsageError(problem)


def _require_no_link(git: Git, folder: Path, prefix: str) -> None:
    """Raise UsageError for a link in the place of the folder: it would choose what is read.

    So the way from the top of the repository, as it was written, has to be the one that git sees.
    """
    top = git(folder, "rev-parse", "--show-toplevel")
    written = Path(os.path.normpath(folder.absolute()))  # resolve() would follow the link
    root = Path(os.fsdecode(top.rstrip(b"\n")))
    above = reversed((written, *written.parents))
    ways = (written.relative_to(place) for place in above if real(place) == root)
    if next(ways, None) != Path(prefix):
        raise UsageError(
            f"{folder} is a link to {prefix or 'the top'} in its repository; name the folder itself"
        )


def _named(git: Git, folder: Path, ref: str) -> tuple[str, ...]:
    """The refs that git could take a name for, gitrevisions(7); a suffix is no part of it."""
    name = re.split(r"[~^:]|@\{", ref)[0]
    names = [f"refs/{kind}{name}" for kind in ("", "tags/", "heads/", "remotes/")]
    listed = git(folder, "for-each-ref", "--format=%(refname)", *names)
    return tuple(n for n in listed.decode("utf-8", "surrogateescape").split("\n") if n in names)


def _contents(git: Git, folder: Path, blobs: list[str], most: int) -> list[bytes]:
    # One process for all files: a folder may hold thousands.
    answer = git(folder, "cat-file", "--batch", given="".join(f"{b}\n" for b in blobs).encode())
    contents = []
    rest = memoryview(answer)
    for blob in blobs:
        head, _, _ = bytes(rest[:200]).partition(b"\n")
        size = head.rpartition(b" ")[2]
        if not head.startswith(blob.encode()) or not size.isdigit():
            raise UsageError(f"git has no content of {blob}; fetch the commit whole")
        start, end = len(head) + 1, len(head) + 1 + int(size)
        contents.append(bytes(rest[start : min(end, start + most + 1)]))
        rest = rest[end + 1 :]
    return contents
