"""Manifests of a git ref: what they declare counts, and no rule of today is applied to them."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.adapters.manifest_files import ManifestFile
from reconciler.adapters.manifests.checking import errors_in
from reconciler.adapters.manifests.ignores import Ignores
from reconciler.adapters.manifests.shape import shape_problems
from reconciler.adapters.manifests.tenant_sets import Rows, TenantRow, TenantSets
from reconciler.adapters.manifests.values import Declared
from reconciler.adapters.yaml_reader import MAX_BYTES, Document, read
from reconciler.domain.dialect import Dialect
from reconciler.domain.manifest import Manifests, SchemaExtension, TenantsFrom


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Trusted:
    """The manifest files of a git ref, whose Tenant manifests are to count, and its dialects."""

    source: TenantsFrom
    files: tuple[ManifestFile, ...]
    dialects: Mapping[str, Dialect]
    rows: Rows = field(default_factory=dict)

    def sets(self) -> TenantSets:
        """What fills in its TenantSets."""
        return TenantSets(self.rows, tuple(self.dialects))


def manifests_of(
    files: Iterable[ManifestFile], most: int = MAX_BYTES, rows: Rows | None = None
) -> tuple[Manifests, tuple[str, ...]]:
    """The manifests of another time, and the files that cannot be read as manifests today.

    Only the shape counts: what was let through then may break a rule that came later. Of a dialect
    only the name does, for it may be none today. A file of more than `most` bytes is not read.
    """
    documents: list[Document | TenantRow] = []
    unread = []
    for file, found, _ in _readings(files, TenantSets(rows or {}), most):
        if found is None:
            unread.append(file.path)
        else:
            documents += found
    tenants = (each.value for each in documents if each.value["kind"] == "Tenant")
    names = {tenant["spec"]["dialect"] for tenant in tenants}
    declared = Declared({name: Dialect.of_name(name) for name in names})
    declared.add(documents, Ignores())
    return declared.manifests(), tuple(unread)


def with_tenants_of(
    trusted: Trusted, sets: TenantSets, manifests: Manifests, most: int
) -> tuple[Manifests, Ignores]:
    """The manifests with the tenants of a ref in place of theirs, and the notes of the ref.

    `sets` are those of the ref.
    """
    declared = Declared(trusted.dialects)
    unread = list(trusted.source.unread)
    ignores = []
    for file, documents, notes in _readings(trusted.files, sets, most):
        if documents is None:
            # It stops nothing: docs/decisions.md, "`--tenants-from` takes whole Tenant manifests,
            # and a broken file of the ref stops nothing".
            unread.append(file.path)
        else:
            declared.add(documents, notes)
            ignores.append(notes)
    there = declared.manifests()
    source = replace(trusted.source, unread=tuple(unread))
    mixed = Manifests(
        tenants=there.tenants,
        extensions=tuple(_guarded(each, there.extensions) for each in manifests.extensions),
        tenants_from=source.compared(there.tenants, manifests.tenants),
    )
    return mixed, Ignores.all(ignores)


def _guarded(extension: SchemaExtension, trusted: Iterable[SchemaExtension]) -> SchemaExtension:
    """Add owners and personal data of the ref to those of the folder."""
    # Under another name or URN it is still the same: docs/decisions.md, "A pull request cannot rid
    # itself of its owners".
    for other in trusted:
        if other.name == extension.name or other.schema.key == extension.schema.key:
            extension = extension.guarded_by(other)
    return extension


def _readings(
    files: Iterable[ManifestFile], sets: TenantSets, most: int
) -> Iterator[tuple[ManifestFile, Sequence[Document | TenantRow] | None, Ignores]]:
    """Each file with what it declares; with None where it holds no manifests of today's shape."""
    for file in sets.manifests(files):
        reading = read(file.data, file.path, most=most)
        problems = list(reading.problems)
        for document in reading.documents:
            problems += shape_problems(document, sets.dialects)
        tenants, wrong = sets.fill(() if problems else reading.documents, sys.maxsize)
        documents: tuple[Document | TenantRow, ...] = (*reading.documents, *tenants)
        sound = not (problems or errors_in(wrong))
        yield file, documents if sound else None, Ignores.of({file.path: reading.notes})
