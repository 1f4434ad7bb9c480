"""The manifests as every command loads them: all problems at once, warnings shown."""

from pathlib import Path

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.git import commit_at, files_at
from reconciler.adapters.manifest_files import ManifestFile, is_manifest
from reconciler.adapters.manifests import Loaded, ReadingLimits, Trusted, load
from reconciler.cli.invocation import Invocation
from reconciler.cli.shared_options import ReadingOptions
from reconciler.domain.manifest import Manifests, TenantsFrom
from reconciler.domain.problem import Severity
from reconciler.errors import ManifestsInvalid

_KIB, _MIB = 1024, 1024 * 1024


def limits_of(reading: ReadingOptions) -> ReadingLimits:
    """The limits in bytes."""
    return ReadingLimits(
        file_bytes=reading.max_file_kib * _KIB,
        total_bytes=reading.max_total_mib * _MIB,
        documents=reading.max_documents,
    )


def load_desired(
    invocation: Invocation, reading: ReadingOptions, *, tenants_from: str | None = None
) -> Loaded:
    """Load the manifests and find everything wrong with them; `tenants_from` is a git ref."""
    folder, limits = invocation.common.desired_state, limits_of(reading)
    return load(
        folder,
        dialects=load_dialects(),
        allow_empty=reading.allow_empty,
        limits=limits,
        trusted=_trusted(folder, tenants_from, limits.file_bytes),
    )


def _trusted(folder: Path, ref: str | None, most: int) -> Trusted | None:
    """The files of a ref; their paths say so, as git writes it."""
    if ref is None:
        return None
    files = files_at(folder, ref, wanted=is_manifest, most=most)
    return Trusted(
        source=TenantsFrom(ref=ref, commit=commit_at(folder, ref)),
        files=tuple(ManifestFile(f"{ref}:{path}", data) for path, data in files),
    )


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
