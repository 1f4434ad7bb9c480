"""The files as they were read, taken apart once more where somebody asks what stands where.

Kept for every value of every manifest, that would be most of the memory of a run, and hardly one is
asked for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from reconciler.adapters.manifest_files import ManifestFile
from reconciler.adapters.manifests.tenant_sets import TenantRow, TenantSets
from reconciler.adapters.yaml_reader import MAX_BYTES, Document, read
from reconciler.domain.problem import Place, Pointer, Problem

_AT_HAND = 8  # files: what is looked up in one is looked up in a row


class Texts:
    """The bytes of files by path, and their documents on demand."""

    def __init__(
        self,
        files: Iterable[ManifestFile] = (),
        sets: Iterable[TenantSets] = (),
        *,
        most: int = MAX_BYTES,
    ) -> None:
        self._files: Mapping[str, bytes] = {file.path: file.data for file in files}
        self._sets = tuple(sets)
        self._most = most
        self.documents: Callable[[str], tuple[Document, ...]] = lru_cache(_AT_HAND)(self._read)
        self._cells = lru_cache(_AT_HAND)(self._by_cell)
        self._beginning = lru_cache(_AT_HAND)(self._by_place)

    def data(self, path: str) -> bytes:
        """Nothing of a file that was not read."""
        return self._files.get(path, b"")

    def place(self, document: Place | None, pointer: Pointer, *, at_key: bool) -> Place:
        """Find a pointer in the document that begins at a place; None: in the first of all."""
        if document is None:
            document = next(d.place() for file in self._files for d in self.documents(file))
        return self._beginning(document.path)[document].place(pointer, at_key=at_key)

    def of_row(self, problem: Problem) -> Problem:
        """The problem; where it is about the cell of a TenantSet, with its row and column."""
        found = self._cells(problem.place.path).get(problem.place)
        return problem if found is None else replace(problem, message=f"{found}: {problem.message}")

    def _by_cell(self, path: str) -> Mapping[Place, str]:
        """The cells of a file of rows, as messages name them."""
        tenants = self._tenants(path)
        return {t.row.place((c,)): t.cell(c) for t in tenants.values() for c in t.row.value}

    def _by_place(self, path: str) -> Mapping[Place, Document | TenantRow]:
        """The documents of a file by where each begins; a file may hold thousands."""
        if tenants := self._tenants(path):
            return tenants
        return {document.place(): document for document in self.documents(path)}

    def _tenants(self, path: str) -> Mapping[Place, TenantRow]:
        """The tenants of a file of rows, by where each begins."""
        return next(filter(None, (each.find(path) for each in self._sets)), {})

    def _read(self, path: str) -> tuple[Document, ...]:
        return read(self.data(path), path, most=self._most).documents
