"""Reading and checking manifests together: every problem of a run is shown at once.

One place has one problem: the text's fault before the rule's, the rule's before the shape's, since
the later ones follow from the first.
"""

import gc
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.adapters.jsonschemas import check
from reconciler.adapters.manifest_files import ManifestFile, is_folder, read_files, shown
from reconciler.adapters.manifests.ignores import Ignores
from reconciler.adapters.manifests.quoting import Sources, lines_shown
from reconciler.adapters.manifests.texts import Texts
from reconciler.adapters.manifests.values import Declared, extensions_in
from reconciler.adapters.yaml_reader import MAX_BYTES, Document, read
from reconciler.domain.dialect import Dialect, contradictions
from reconciler.domain.manifest import Manifests, SchemaExtension, TenantsFrom
from reconciler.domain.problem import Place, Problem, Severity
from reconciler.domain.rules import Locate, check_manifests, check_schema, rule_of
from reconciler.domain.rules.reading import EMPTY, FILE, SHAPE


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingLimits:
    """How much is read: bytes of one file and of all, documents (and files) in all."""

    file_bytes: int = MAX_BYTES
    total_bytes: int = 64 * 1024 * 1024
    documents: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """The manifest files of a git ref, whose Tenant manifests are to count, and its dialects."""

    source: TenantsFrom
    files: tuple[ManifestFile, ...]
    dialects: Mapping[str, Dialect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a folder holds; `manifests` is None where any problem is an error.

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
    limits: ReadingLimits | None = None,
    trusted: Trusted | None = None,
) -> Loaded:
    """Read and check every manifest below the folder; never raises for what a user wrote.

    Problems are sorted by place. No manifest at all is an error unless `allow_empty`. Of `trusted`
    the Tenant manifests count instead of the folder's, which have to be sound all the same.
    """
    if not is_folder(folder):
        return Loaded(manifests=None, problems=(_no_folder(folder),), files=0, locate=Texts().place)
    most = limits or ReadingLimits()
    files, problems = read_files(
        folder, most=most.file_bytes + 1, total=most.total_bytes, count=most.documents
    )
    declared = Declared(dialects)
    batch = _read_all(files, most, declared, names=tuple(dialects))
    found = [*problems, *batch.problems]
    left = [*batch.ignores.left(found), *batch.ignores.wrong]
    manifests = _with_tenants_of(trusted, declared.manifests(), most)
    there = trusted.files if trusted else ()
    locate = Texts((*batch.sound, *there), most=most.file_bytes).place
    together = check_manifests(manifests, locate)
    together = _errors(together) if _errors(left) else together  # a faulty file may hold what lacks
    left += batch.ignores.left(together)
    if not batch.documents and not left and not allow_empty:
        left.append(_no_manifests(folder))
    if not _errors(left):  # behind an error may hide what a note is about
        left += batch.ignores.idle([*found, *together])
    return Loaded(
        manifests=None if _errors(left) else manifests,
        problems=tuple(sorted(set(left))),
        files=len(files),
        sources=batch.sources(Texts(files, most=most.file_bytes)),
        locate=locate,
    )


def check_text(text: str, path: str, limits: ReadingLimits) -> tuple[Problem, ...]:
    """Everything wrong with one file by itself, as `load` would tell it."""
    batch = _read_all([ManifestFile(path, text.encode())], limits)
    return tuple(sorted({*batch.ignores.left(batch.problems), *batch.ignores.wrong}))


def extensions_of(
    files: Iterable[ManifestFile], most: int = MAX_BYTES
) -> tuple[tuple[SchemaExtension, ...], tuple[str, ...]]:
    """The extensions of another time, and the files that cannot be read as manifests today.

    Only the shape counts: what was let through then may break a rule that came later, and the
    dialect that a tenant had then may have another name today. A file of more than `most` bytes is
    not read.
    """
    documents, unread = _of_another_time(files, most)
    return extensions_in(documents), unread


def _with_tenants_of(
    trusted: Trusted | None, manifests: Manifests, most: ReadingLimits
) -> Manifests:
    """The manifests with the tenants of a ref in place of theirs."""
    if trusted is None:
        return manifests
    names = tuple(trusted.dialects)
    documents, unread = _of_another_time(trusted.files, most.file_bytes, names)
    declared = Declared(trusted.dialects)
    declared.add(documents)
    there = declared.manifests()
    told = replace(trusted.source, unread=(*trusted.source.unread, *unread)).compared(
        there.tenants, manifests.tenants
    )
    guarded = tuple(_guarded(extension, there.extensions) for extension in manifests.extensions)
    return Manifests(tenants=there.tenants, extensions=guarded, tenants_from=told)


def _guarded(extension: SchemaExtension, trusted: Iterable[SchemaExtension]) -> SchemaExtension:
    """A pull request may add owners and personal data; it cannot rid itself of those of the ref."""
    for other in trusted:
        if other.name == extension.name or other.schema.key == extension.schema.key:
            extension = extension.guarded_by(other)
    return extension


def _of_another_time(
    files: Iterable[ManifestFile], most: int, names: tuple[str, ...] = ()
) -> tuple[tuple[Document, ...], tuple[str, ...]]:
    """The documents of the files that are manifests today, and the other files."""
    documents: list[Document] = []
    unread = []
    for file in files:
        reading = read(file.data, file.path, most=most)
        if reading.problems or any(_by_shape(d, names) for d in reading.documents):
            unread.append(file.path)
        else:
            documents += reading.documents
    return tuple(documents), tuple(unread)


@dataclass(slots=True)
class _Batch:
    """What was found in some files: each is checked, and let go, before the next one is read.

    `sound` are those without an error, `broken` those of which a text fault may have hidden a part;
    `shown` says of the lines with problems whether they may be shown.
    """

    documents: int = 0
    problems: list[Problem] = field(default_factory=list)
    ignores: Ignores = field(default_factory=lambda: Ignores((), ()))
    sound: list[ManifestFile] = field(default_factory=list)
    shown: dict[str, Mapping[int, bool]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def sources(self, texts: Texts) -> Sources:
        """What was read, for those who show it."""
        return Sources(texts=texts, broken=frozenset(self.broken), shown=self.shown)


def _read_all(
    files: Iterable[ManifestFile],
    most: ReadingLimits,
    declared: Declared | None = None,
    *,
    names: tuple[str, ...] = (),
) -> _Batch:
    """Read and check each file; what those without an error declare is added to `declared`.

    `names` are those that a dialect may have; none: any name.
    """
    batch = _Batch()
    ignores = []
    for file in files:
        reading = read(file.data, file.path, most=most.file_bytes)
        batch.documents += len(reading.documents)
        of_text = list(reading.problems)
        if batch.documents > most.documents:
            words = f"more than {most.documents} documents in all; raise --max-documents"
            of_text.append(FILE.problem(Place(file.path), words))
        if of_text:
            batch.broken.add(file.path)
        found = [*of_text, *_check_file(reading.documents, {p.place for p in of_text}, names)]
        ignores.append(Ignores.of({file.path: reading.notes}))
        batch.problems += found
        if found:
            lines = {problem.place.line for problem in found}
            batch.shown[file.path] = lines_shown(reading.documents, lines)
        if not _errors((*ignores[-1].left(found), *ignores[-1].wrong)):
            batch.sound.append(file)
            if declared is not None:
                declared.add(reading.documents, ignores[-1])
        if batch.documents > most.documents:
            break
    batch.ignores = Ignores.all(ignores)
    return batch


def _errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(problem for problem in problems if problem.severity is Severity.ERROR)


def _no_folder(folder: Path) -> Problem:
    words = "no such folder; name the one that holds the manifests with --desired-state"
    return FILE.problem(Place(shown(folder)), words)


def _no_manifests(folder: Path) -> Problem:
    words = (
        "no manifests: no *.yaml, *.yml or *.json file here holds any, and names that begin with "
        ". or _ are left out; give --allow-empty to mean it"
    )
    return EMPTY.problem(Place(shown(folder)), words)


def _check_file(
    documents: Iterable[Document], taken: Set[Place], names: tuple[str, ...]
) -> list[Problem]:
    """What is wrong with the documents of a file, but for the places that are taken."""
    found: list[Problem] = []
    for document in documents:
        if len(found) <= MAX_PROBLEMS:
            found += _check_one(document, taken, names)
    if len(found) > MAX_PROBLEMS:
        last = found[MAX_PROBLEMS].place
        words = "too many faults; what else is wrong with the file is not told"
        found[MAX_PROBLEMS:] = [FILE.problem(last, words)]
    return found


def _check_one(document: Document, taken: Set[Place], names: tuple[str, ...]) -> list[Problem]:
    ruled = [p for p in _by_rules(document) if p.place not in taken]
    said = {problem.place for problem in ruled if _says_it_all(problem)}
    shaped = [p for p in _by_shape(document, names) if p.place not in taken | said]
    return sorted({*ruled, *shaped})


def _says_it_all(problem: Problem) -> bool:
    """Whether what the shape has to say at that place is the same again."""
    return problem.severity is Severity.ERROR or rule_of(problem).covers_shape


def _by_rules(document: Document) -> tuple[Problem, ...]:
    match document.value:
        case {"kind": "SchemaExtension", "spec": {"schema": schema, "resourceType": str(kind)}}:
            return check_schema(schema, _places_in(document), resource_type=kind)
        case {"kind": "SchemaExtension", "spec": {"schema": schema}}:
            return check_schema(schema, _places_in(document))
        case _:
            return ()


def _places_in(document: Document) -> Locate:
    return lambda _, pointer, *, at_key: document.place(pointer, at_key=at_key)


def _by_shape(document: Document, names: tuple[str, ...]) -> list[Problem]:
    findings = check(document.value, "manifest", most=MAX_PROBLEMS + 1, dialects=names)
    faults = [(finding.path, finding.message, finding.at_key) for finding in findings]
    match document.value:
        case {"kind": "Tenant", "spec": {"capabilities": dict(capabilities)}} if not faults:
            faults = [
                (("spec", "capabilities", *path), message, False)
                for path, message in contradictions(capabilities)
            ]
        case _:
            pass
    return [
        SHAPE.problem(document.place(path, at_key=at_key), message)
        for path, message, at_key in faults
    ]


MAX_PROBLEMS = 500  # of one file
