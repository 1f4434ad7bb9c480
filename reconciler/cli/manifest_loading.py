"""The manifests as every command loads them: all problems at once, warnings shown."""

from collections.abc import Mapping
from dataclasses import replace
from os.path import lexists, realpath
from pathlib import Path, PurePosixPath
from typing import TypeVar

from reconciler.adapters.dialects import MAX_BYTES as DIALECT_BYTES
from reconciler.adapters.dialects import FoundDialects, dialects_of, find_dialects, is_dialect
from reconciler.adapters.git import Git, commit_at, files_at, require_same_repository
from reconciler.adapters.manifest_files import ManifestFile, is_folder, is_manifest
from reconciler.adapters.manifests import Loaded, ReadingLimits, Rows, Trusted, load, rows_named
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.invocation import Invocation
from reconciler.cli.shared_options import ReadingOptions
from reconciler.domain.manifest import Manifests, Tenant, TenantsFrom
from reconciler.domain.messages import suggestion
from reconciler.domain.problem import Severity
from reconciler.errors import ManifestsInvalid, UsageError

T = TypeVar("T")

_KIB, _MIB = 1024, 1024 * 1024


def limits_of(reading: ReadingOptions) -> ReadingLimits:
    """The limits in bytes."""
    return ReadingLimits(
        file_bytes=reading.max_file_kib * _KIB,
        total_bytes=reading.max_total_mib * _MIB,
        documents=reading.max_documents,
        attributes=reading.max_attributes,
    )


def load_desired(
    invocation: Invocation, reading: ReadingOptions, *, tenants_from: str | None = None
) -> Loaded:
    """Load the manifests and find everything wrong with them and with the user's dialects.

    `tenants_from` is a git ref.
    """
    common, limits = invocation.common, limits_of(reading)
    if not is_folder(common.desired_state):
        raise UsageError(_no_folder(common.desired_state))
    dialects = find_dialects(_dialects_folder(common))
    loaded = load(
        common.desired_state,
        dialects={**dialects.by_name, **dialects.stand_ins},
        allow_empty=reading.allow_empty,
        limits=limits,
        trusted=_trusted(invocation, tenants_from, limits),
        observe=invocation.observe,
    )
    if not dialects.problems:
        return loaded
    problems = tuple(sorted((*dialects.problems, *loaded.problems)))
    return replace(loaded, manifests=None, problems=problems)


def _no_folder(folder: Path) -> str:
    named = f"--desired-state {folder}"
    if lexists(folder):
        return f"{named} is no folder; name the one that it is in"
    try:
        where = "" if folder.is_absolute() else f" in {Path.cwd()}"
    except OSError:  # it was removed
        where = ""
    return (
        f"{named}: there is no such folder{where}; name the one that holds the manifests, or make "
        "one with `reconciler init`"
    )


def manifests_at(
    git: Git, folder: Path, ref: str, limits: ReadingLimits
) -> tuple[tuple[ManifestFile, ...], Rows]:
    """The manifest files of a folder as they were at a ref, and the rows of their TenantSets."""
    most = limits.file_bytes
    found = files_at(git, folder, ref, wanted=is_manifest, most=most)
    files = tuple(ManifestFile(path, data) for path, data in found)
    named = rows_named(files, folder)
    paths = {file.path for file in named.values() if isinstance(file.data, bytes)}
    if not paths:
        return files, named

    def is_wanted(path: PurePosixPath) -> bool:
        return str(folder / path) in paths

    contents = dict(files_at(git, folder, ref, wanted=is_wanted, most=limits.total_bytes))
    missing = "there is no such file"
    return files, {
        key: replace(file, data=contents.get(file.path, missing)) if file.path in paths else file
        for key, file in named.items()
    }


def _trusted(invocation: Invocation, ref: str | None, limits: ReadingLimits) -> Trusted | None:
    """The files of a ref; their paths begin with it, as git writes them."""
    # docs/decisions.md, "`--tenants-from` takes whole Tenant manifests, and a broken file of the
    # ref stops nothing"
    if ref is None:
        return None
    common, git = invocation.common, Git.of(invocation.settings.environ)
    folder = common.desired_state
    commit = commit_at(git, folder, ref)  # once: what is read all belongs to one commit
    files, rows = manifests_at(git, folder, commit, limits)
    dialects = _dialects_at(git, common, ref, commit)
    unread = tuple(sorted({problem.place.path for problem in dialects.problems}))
    return Trusted(
        source=TenantsFrom(ref=ref, commit=commit, unread=unread),
        files=tuple(replace(file, path=f"{ref}:{file.path}") for file in files),
        rows={
            (f"{ref}:{path}", name): replace(file, path=f"{ref}:{file.path}")
            for (path, name), file in rows.items()
        },
        dialects=dialects.by_name,
    )


def _dialects_folder(common: CommonOptions) -> Path | None:
    """--dialects. Raises UsageError where its files would be read as manifests too."""
    folder = common.dialects
    if folder is None:
        return None
    # Not resolve(), which raises where links go round
    real, manifests = Path(realpath(folder)), Path(realpath(common.desired_state))
    if real.is_relative_to(manifests):
        below = real.relative_to(manifests)
        if is_manifest(below / "x.json"):
            raise UsageError(
                f"--dialects {folder} is among the manifests of {common.desired_state}, where "
                "each *.json is a manifest; move it out, or begin its name with _"
            )
    return folder


def _dialects_at(git: Git, common: CommonOptions, ref: str, commit: str) -> FoundDialects:
    """The dialects of --tenants-from: a pull request does not change what a tenant is held to."""
    # A folder outside of the repository has no state of that ref, and what leads there may be a
    # link of the pull request: so it is refused (docs/decisions.md, "Dialects of a user").
    folder = _dialects_folder(common)
    if folder is None or not is_folder(folder):  # the latter is a problem of its own
        return dialects_of(())
    require_same_repository(git, folder, common.desired_state, ref)
    files = files_at(git, folder, commit, wanted=is_dialect, most=DIALECT_BYTES)
    return dialects_of(ManifestFile(f"{ref}:{path}", data) for path, data in files)


def require_manifests(
    invocation: Invocation, reading: ReadingOptions, *, tenants_from: str | None = None
) -> Manifests:
    """The manifests; raises ManifestsInvalid with every problem when there is an error.

    What only informs is left to `validate`.
    """
    loaded = load_desired(invocation, reading, tenants_from=tenants_from)
    problems = [problem for problem in loaded.problems if problem.severity is not Severity.INFO]
    if loaded.manifests is None:
        raise ManifestsInvalid(tuple(str(problem) for problem in problems))
    for problem in problems:
        invocation.console.say(str(problem))
    return loaded.manifests


def tenant_named(manifests: Manifests, name: str) -> Tenant:
    """The tenant of that name; raises UsageError, with what may be meant."""
    for tenant in manifests.tenants:
        if name in tenant.formerly:
            raise UsageError(f"the tenant {name} is called {tenant.name} now")
    return named("tenant", name, {tenant.name: tenant for tenant in manifests.tenants})


def named(kind: str, name: str, known: Mapping[str, T]) -> T:
    """What a manifest of that name says; raises UsageError, with what may be meant."""
    if name in known:
        return known[name]
    raise UsageError(f"no manifest is for a {kind} {name!r}; {suggestion(name, known)}")
