"""Manifests of a git ref: what they declare counts, and no rule of today is applied to them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from reconciler.adapters.manifest_files import ManifestFile
from reconciler.adapters.manifests.checking import shape_problems
from reconciler.adapters.manifests.ignores import Ignores
from reconciler.adapters.manifests.values import Declared
from reconciler.adapters.yaml_reader import MAX_BYTES, Document, Reading, read
from reconciler.domain.dialect import Dialect
from reconciler.domain.manifest import Manifests, SchemaExtension, TenantsFrom


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """The manifest files of a git ref, whose Tenant manifests are to count, and its dialects."""

    source: TenantsFrom
    files: tuple[ManifestFile, ...]
    dialects: Mapping[str, Dialect]


def manifests_of(
    files: Iterable[ManifestFile], most: int = MAX_BYTES
) -> tuple[Manifests, tuple[str, ...]]:
    """The manifests of another time, and the files that cannot be read as manifests today.

    Only the shape counts: what was let through then may break a rule that came later. Of a dialect
    only the name does, for it may be none today. A file of more than `most` bytes is not read.
    """
    documents: list[Document] = []
    unread = []
    for file, reading in _readings(files, most):
        if reading is None:
            unread.append(file.path)
        else:
            documents += reading.documents
    tenants = (each.value for each in documents if each.value["kind"] == "Tenant")
    names = {tenant["spec"]["dialect"] for tenant in tenants}
    declared = Declared({name: Dialect.of_name(name) for name in names})
    declared.add(documents, Ignores())
    return declared.manifests(), tuple(unread)


def with_tenants_of(trusted: Trusted, manifests: Manifests, most: int) -> tuple[Manifests, Ignores]:
    """The manifests with the tenants of a ref in place of theirs, and the notes of the ref."""
    declared = Declared(trusted.dialects)
    unread = list(trusted.source.unread)
    ignores = []
    for file, reading in _readings(trusted.files, most, tuple(trusted.dialects)):
        if reading is None:
            # It stops nothing: docs/decisions.md, "`--tenants-from` takes whole Tenant manifests,
            # and a broken file of the ref stops nothing".
            unread.append(file.path)
        else:
            notes = Ignores.of({file.path: reading.notes})
            declared.add(reading.documents, notes)
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
    files: Iterable[ManifestFile], most: int, dialects: tuple[str, ...] = ()
) -> Iterator[tuple[ManifestFile, Reading | None]]:
    """Each file with what it holds; with None where it holds no manifests of today's shape."""
    for file in files:
        reading = read(file.data, file.path, most=most)
        faulty = reading.problems or any(shape_problems(d, dialects) for d in reading.documents)
        yield file, None if faulty else reading
