"""Loading the manifests the way every command does: all problems at once, warnings told."""

from dataclasses import replace
from pathlib import Path

from reconciler.adapters.dialects import MAX_BYTES as DIALECT_BYTES
from reconciler.adapters.dialects import FoundDialects, dialects_of, find_dialects, is_dialect
from reconciler.adapters.git import commit_at, files_at, require_same_repository
from reconciler.adapters.manifest_files import ManifestFile, is_folder, is_manifest
from reconciler.adapters.manifests import Loaded, ReadingLimits, Trusted, load
from reconciler.cli.main import Invocation
from reconciler.domain.manifest import Manifests, TenantsFrom
from reconciler.domain.problem import Severity
from reconciler.errors import ManifestsInvalid, UsageError

_KIB, _MIB = 1024, 1024 * 1024


def folder_of(invocation: Invocation) -> Path:
    """--desired-state."""
    return Path(invocation.arguments.text("desired_state") or ".")


def limits_of(invocation: Invocation) -> ReadingLimits:
    """--max-file-kib, --max-total-mib and --max-documents."""
    arguments, usual = invocation.arguments, ReadingLimits()
    return ReadingLimits(
        file_bytes=arguments.number("max_file_kib") * _KIB or usual.file_bytes,
        total_bytes=arguments.number("max_total_mib") * _MIB or usual.total_bytes,
        documents=arguments.number("max_documents") or usual.documents,
    )


def load_desired(invocation: Invocation) -> Loaded:
    """The manifests, and everything that is wrong with them and with the user's dialects."""
    dialects = find_dialects(_dialects_folder(invocation))
    loaded = load(
        folder_of(invocation),
        dialects={**dialects.by_name, **dialects.stand_ins},
        allow_empty=invocation.arguments.flag("allow_empty"),
        limits=limits_of(invocation),
        trusted=_trusted(invocation),
    )
    if not dialects.problems:
        return loaded
    problems = tuple(sorted((*dialects.problems, *loaded.problems)))
    return replace(loaded, manifests=None, problems=problems)


def _trusted(invocation: Invocation) -> Trusted | None:
    """What --tenants-from names; the paths of its files say whose they are, as git writes it."""
    ref = invocation.arguments.text("tenants_from")
    if ref is None:
        return None
    folder, most = folder_of(invocation), limits_of(invocation).file_bytes
    commit = commit_at(folder, ref)  # once: what is read all belongs to one commit
    files = files_at(folder, commit, wanted=is_manifest, most=most)
    dialects = _dialects_at(invocation, ref, commit)
    unread = tuple(sorted({problem.place.path for problem in dialects.problems}))
    return Trusted(
        source=TenantsFrom(ref=ref, commit=commit, unread=unread),
        files=tuple(ManifestFile(f"{ref}:{path}", data) for path, data in files),
        dialects=dialects.by_name,
    )


def _dialects_folder(invocation: Invocation) -> Path | None:
    """--dialects. Raises UsageError where its files would be read as manifests too."""
    folder = invocation.arguments.path("dialects")
    if folder is None:
        return None
    real, manifests = folder.resolve(), folder_of(invocation).resolve()
    if real.is_relative_to(manifests):
        below = real.relative_to(manifests)
        if is_manifest(below / "x.json"):
            raise UsageError(
                f"--dialects {folder} is among the manifests of {folder_of(invocation)}, where "
                "each *.json is a manifest; move it out, or begin its name with _"
            )
    return folder


def _dialects_at(invocation: Invocation, ref: str, commit: str) -> FoundDialects:
    """The dialects of --tenants-from: a pull request does not change what a tenant is held to.

    A folder outside of the repository has no state of that ref, and what leads there may be a link
    of the pull request: so it is refused (docs/decisions.md, "Dialects of a user").
    """
    folder = _dialects_folder(invocation)
    if folder is None or not is_folder(folder):  # the latter is a problem of its own
        return dialects_of(())
    require_same_repository(folder, folder_of(invocation), ref)
    files = files_at(folder, commit, wanted=is_dialect, most=DIALECT_BYTES)
    return dialects_of(ManifestFile(f"{ref}:{path}", data) for path, data in files)


def require_manifests(invocation: Invocation) -> Manifests:
    """The manifests; raises ManifestsInvalid with every problem when there is an error.

    What only informs is left to `validate`.
    """
    loaded = load_desired(invocation)
    told = [problem for problem in loaded.problems if problem.severity is not Severity.INFO]
    if loaded.manifests is None:
        raise ManifestsInvalid(tuple(str(problem) for problem in told))
    for problem in told:
        invocation.console.say(str(problem))
    return loaded.manifests
