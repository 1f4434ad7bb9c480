"""Loading the manifests the way every command does: all problems at once, warnings told."""

from pathlib import Path

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.git import commit_at, files_at
from reconciler.adapters.manifest_files import ManifestFile, is_manifest
from reconciler.adapters.manifests import Loaded, ReadingLimits, Trusted, load
from reconciler.cli.main import Invocation
from reconciler.domain.manifest import Manifests, TenantsFrom
from reconciler.domain.problem import Severity
from reconciler.errors import ManifestsInvalid

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
    """The manifests and everything wrong with them."""
    return load(
        folder_of(invocation),
        dialects=load_dialects(),
        allow_empty=invocation.arguments.flag("allow_empty"),
        limits=limits_of(invocation),
        trusted=_trusted(invocation),
    )


def _trusted(invocation: Invocation) -> Trusted | None:
    """What --tenants-from names; the paths of its files say whose they are, as git writes it."""
    ref = invocation.arguments.text("tenants_from")
    if ref is None:
        return None
    folder, most = folder_of(invocation), limits_of(invocation).file_bytes
    files = files_at(folder, ref, wanted=is_manifest, most=most)
    return Trusted(
        source=TenantsFrom(ref=ref, commit=commit_at(folder, ref)),
        files=tuple(ManifestFile(f"{ref}:{path}", data) for path, data in files),
    )


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
