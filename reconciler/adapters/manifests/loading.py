"""A folder, read and checked as a whole: every problem of a run is shown at once."""

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.adapters.manifest_files import (
    TOO_LARGE,
    ManifestFile,
    is_folder,
    read_file,
    read_files,
    shown,
)
from reconciler.adapters.manifests.another_time import Trusted, with_tenants_of
from reconciler.adapters.manifests.checking import (
    ReadingLimits,
    check_files,
    errors_in,
    few_of_each_file,
)
from reconciler.adapters.manifests.ignores import Ignores
from reconciler.adapters.manifests.quoting import Sources
from reconciler.adapters.manifests.tenant_sets import Rows, TenantSets, rows_named
from reconciler.adapters.manifests.texts import Texts
from reconciler.adapters.manifests.values import Declared
from reconciler.domain.dialect import Dialect
from reconciler.domain.manifest import Manifests, Tenant
from reconciler.domain.problem import Place, Problem
from reconciler.domain.rules import Locate, check_manifests
from reconciler.domain.rules.reading import EMPTY, FILE
from reconciler.occurrences import Observe, Phase, in_phase, unobserved

_NO_FOLDER = "no such folder; name the one that holds the manifests with --desired-state"
_NO_MANIFESTS = (
    "no manifests: no *.yaml, *.yml or *.json file here holds any, and names that begin with "
    ". or _ are left out; give --allow-empty to mean it"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Loaded:
    """A folder as it was read; `manifests` is None where any problem is an error.

    `locate` finds what is written in the files that are sound, `sources` gives source lines.
    """

    manifests: Manifests | None
    problems: tuple[Problem, ...]
    files: int
    locate: Locate
    sources: Sources = field(default_factory=Sources)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """No search for garbage: what is read stays, and to look through it takes a fifth of a run."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@_no_collecting()
def load(
    folder: Path,
    *,
    dialects: Mapping[str, Dialect],
    allow_empty: bool = False,
    limits: ReadingLimits,
    trusted: Trusted | None = None,
    observe: Observe = unobserved,
) -> Loaded:
    """Read and check every manifest below the folder; never raises for what a user wrote.

    Problems are sorted by place. No manifest at all is an error unless `allow_empty`. Of `trusted`
    the Tenant manifests count instead of the folder's, which have to be sound all the same.
    """
    at = Place(shown(folder))
    if not is_folder(folder):
        problem = FILE.problem(at, _NO_FOLDER)
        return Loaded(manifests=None, problems=(problem,), files=0, locate=Texts().place)
    files, problems = read_files(
        folder, most=limits.file_bytes + 1, total=limits.total_bytes, count=limits.documents
    )
    declared = Declared(dialects)
    sets = TenantSets(_rows(files, folder, limits), tuple(dialects))
    own = sets.manifests(files)
    with in_phase(observe, Phase.MANIFESTS, len(own)):
        batch = check_files(own, limits, declared, sets, observe=observe)
    found = [*problems, *batch.problems]
    remaining = [*batch.ignores.unsilenced(found), *batch.ignores.wrong]
    manifests = declared.manifests()
    trusted_files, trusted_sets = (trusted.files, trusted.sets()) if trusted else ((), TenantSets())
    notes = batch.ignores
    if trusted is not None:
        manifests, of_ref = with_tenants_of(trusted, trusted_sets, manifests, limits.file_bytes)
        notes = Ignores.all((notes, of_ref))
    sound = (*batch.sound, *trusted_files)
    texts = Texts(sound, (sets, trusted_sets), most=limits.file_bytes)
    together = check_manifests(manifests, texts.place)
    if errors_in(remaining):  # a faulty file may hold what the others lack
        together = errors_in(together)
    remaining += map(texts.of_row, few_of_each_file(notes.unsilenced(together)))
    if not batch.documents and not remaining and not allow_empty:
        remaining.append(EMPTY.problem(at, _NO_MANIFESTS))
    if not errors_in(remaining):  # behind an error may hide what a note is about
        remaining += batch.ignores.idle([*found, *together])
    return Loaded(
        manifests=None if errors_in(remaining) else manifests,
        problems=tuple(sorted(set(remaining))),
        files=len(own),
        sources=batch.sources(Texts(files, most=limits.file_bytes)),
        locate=texts.place,
    )


def _rows(files: Sequence[ManifestFile], folder: Path, limits: ReadingLimits) -> Rows:
    """The rows that TenantSets of the folder name, read; no file may lie outside of it."""
    root = os.path.realpath(folder)
    remaining = limits.total_bytes - sum(len(file.data) for file in files)
    rows = {}
    for key, file in rows_named(files, folder).items():
        data = (
            file.data
            if isinstance(file.data, str)
            else read_file(Path(file.path), root, remaining + 1)
        )
        remaining -= 0 if isinstance(data, str) else len(data)
        rows[key] = replace(file, data=TOO_LARGE if remaining < 0 else data)
    return rows


def check_text(text: str, path: str, limits: ReadingLimits, tenant: Tenant) -> tuple[Problem, ...]:
    """Check one file of extensions of a tenant by itself, as `load` would."""
    declared = Declared({})
    batch = check_files([ManifestFile(path, text.encode())], limits, declared)
    manifests = Manifests(tenants=(tenant,), extensions=declared.manifests().extensions)
    together = check_manifests(manifests, Texts(batch.sound, most=limits.file_bytes).place)
    found = (*batch.problems, *(p for p in together if p.place.path == path))
    return tuple(sorted({*batch.ignores.unsilenced(found), *batch.ignores.wrong}))
