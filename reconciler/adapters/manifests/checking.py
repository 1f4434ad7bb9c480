"""Single files, read and checked: their text, their rules, their shape.

One place has one problem: the text's fault before the rule's, the rule's before the shape's, since
the later ones follow from the first.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import chain

from reconciler.adapters.manifest_files import ManifestFile
from reconciler.adapters.manifests.ignores import Ignores
from reconciler.adapters.manifests.quoting import Sources, lines_shown
from reconciler.adapters.manifests.shape import MAX_PROBLEMS, shape_problems
from reconciler.adapters.manifests.tenant_sets import TenantSets
from reconciler.adapters.manifests.texts import Texts
from reconciler.adapters.manifests.values import Declared
from reconciler.adapters.yaml_reader import Document, read
from reconciler.domain.problem import Place, Pointer, Problem, Severity
from reconciler.domain.rules import check_schema
from reconciler.domain.rules.reading import FILE
from reconciler.domain.scim import attributes_in
from reconciler.occurrences import FileChecked, Observe, unobserved


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ReadingLimits:
    """The most that is read: bytes of one file and of all, documents (and files), attributes."""

    file_bytes: int
    total_bytes: int
    documents: int
    attributes: int = sys.maxsize


@dataclass(slots=True, eq=False, repr=False)
class Batch:
    """Some files: each is checked, and let go, before the next one is read.

    `sound` are those without an error, `broken` those of which a text fault may have hidden a part;
    `shown` says of the lines with problems whether they may be shown.
    """

    documents: int = 0
    problems: list[Problem] = field(default_factory=list)
    ignores: Ignores = field(default_factory=Ignores)
    sound: list[ManifestFile] = field(default_factory=list)
    shown: dict[str, Mapping[int, bool]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def sources(self, texts: Texts) -> Sources:
        """The texts with what may be shown of them."""
        return Sources(texts=texts, broken=frozenset(self.broken), shown=self.shown)


def check_files(
    files: Iterable[ManifestFile],
    limits: ReadingLimits,
    declared: Declared | None = None,
    sets: TenantSets | None = None,
    *,
    observe: Observe = unobserved,
) -> Batch:
    """Read and check each file; what those without an error declare is added to `declared`.

    `sets` has the rows of TenantSets, and the names that a dialect may have.
    """
    batch, sets = Batch(), sets or TenantSets()
    ignores = []
    for file in files:
        reading = read(file.data, file.path, most=limits.file_bytes)
        batch.documents += len(reading.documents)
        of_text = list(reading.problems)
        if batch.documents > limits.documents:
            message = f"more than {limits.documents} documents in all; raise --max-documents"
            of_text.append(FILE.problem(Place(file.path), message))
        if len(file.data) > limits.attributes:  # each takes a byte at least
            of_text += _too_many_attributes(reading.documents, limits.attributes)
        broken = _broken_places(of_text) if of_text else set()
        if broken:
            batch.broken.add(file.path)
        found = [*of_text, *_check_file(reading.documents, broken, sets.dialects)]
        notes = Ignores.of({file.path: reading.notes})
        ignores.append(notes)
        sound = not errors_in(notes.unsilenced(found))
        room = limits.documents - batch.documents
        tenants, wrong = sets.fill(reading.documents if sound else (), room)
        batch.documents += len(tenants)
        found += wrong
        batch.problems += found
        if found:
            lines = {problem.place.line for problem in found if problem.place.path == file.path}
            batch.shown[file.path] = lines_shown(reading.documents, lines)
        if not errors_in((*notes.unsilenced(found), *notes.wrong)):
            batch.sound.append(file)
            if declared is not None:
                declared.add((*reading.documents, *tenants), notes)
        if batch.documents > limits.documents:
            break
        observe(FileChecked())
    batch.ignores = Ignores.all(ignores)
    return batch


def _too_many_attributes(documents: Iterable[Document], most: int) -> Iterator[Problem]:
    for document in documents:
        match document.value:
            case {"spec": {"schema": schema}} if attributes_in(schema) > most:
                message = f"more than {most} attributes; raise --max-attributes if that is meant"
                yield FILE.problem(document.place(("spec", "schema"), at_key=True), message)
            case _:
                pass


def errors_in(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The errors among them."""
    return tuple(problem for problem in problems if problem.severity is Severity.ERROR)


def _check_file(
    documents: Iterable[Document], taken: Set[Place], dialects: tuple[str, ...]
) -> list[Problem]:
    """Check the documents of a file, but for the places that are taken."""
    found: list[Problem] = []
    for document in documents:
        # A file full of faults has one cause, and a thousand lines hide what the other files have.
        if len(found) <= MAX_PROBLEMS:
            ruled = [p for p in _rule_problems(document) if p.place not in taken]
            shaped = shape_problems(document, dialects)
            covered = {p.place for p in ruled if _covers_shape(p)} if shaped else set()
            found += sorted({*ruled, *(p for p in shaped if p.place not in taken | covered)})
    return _few(found)


def few_of_each_file(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """No more problems of any file than people read, and that there are more."""
    by_file: dict[str, list[Problem]] = {}
    for problem in problems:
        by_file.setdefault(problem.place.path, []).append(problem)
    return tuple(chain.from_iterable(map(_few, by_file.values())))


def _few(found: list[Problem]) -> list[Problem]:
    if len(found) <= MAX_PROBLEMS:
        return found
    message = "too many faults; the other problems of the file are not shown"
    return [*found[:MAX_PROBLEMS], FILE.problem(found[MAX_PROBLEMS].place, message)]


def _broken_places(problems: Iterable[Problem]) -> set[Place]:
    """The places that cannot be read as a schema, or not in one way only."""
    from reconciler.domain.rules.catalogue import rule_of  # most files can be read

    return {problem.place for problem in problems if rule_of(problem).firm}


def _covers_shape(problem: Problem) -> bool:
    """True where the shape would only say the same of that place again."""
    from reconciler.domain.rules.catalogue import rule_of  # few manifests are out of shape

    return problem.severity is Severity.ERROR or rule_of(problem).covers_shape


def _rule_problems(document: Document) -> tuple[Problem, ...]:
    def locate(_: Place | None, pointer: Pointer, *, at_key: bool) -> Place:
        return document.place(pointer, at_key=at_key)

    match document.value:
        case {"kind": "SchemaExtension", "spec": {"schema": schema, "resourceType": str(kind)}}:
            return check_schema(schema, locate, resource_type=kind)
        case {"kind": "SchemaExtension", "spec": {"schema": schema}}:
            return check_schema(schema, locate)
        case _:
            return ()
