"""TenantSets: a template and a file of rows → a Tenant for each row, and what is wrong with them.

Every rule of a Tenant holds for what a row makes of the template. A placeholder, `{column}`, may
stand in few values: what a tenant is like stands in the template alone.
"""

import os.path
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.adapters.manifest_files import ManifestFile, is_left_out
from reconciler.adapters.manifests.shape import shape_faults
from reconciler.adapters.yaml_reader import MAX_FAULTS, Document, read
from reconciler.domain.jsontext import Json
from reconciler.domain.messages import SHOWN, suggestion
from reconciler.domain.problem import Place, Pointer, Problem, Severity
from reconciler.domain.rules import Fault
from reconciler.domain.rules.manifests import names_are_given_once
from reconciler.domain.rules.reading import FILE, IDLE_COLUMN, ROWS, SHAPE

NAME = "name"  # the column that has to be there
FORMERLY = "formerly"  # the one that no placeholder takes; where a row has it
COLUMN = "[A-Za-z][A-Za-z0-9_-]*"
IS_VALUE = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RowsFile:
    """A file of rows as it was read: its path, and its bytes or why there are none."""

    path: str
    data: bytes | str


Rows = Mapping[tuple[str, str], RowsFile]
"""Files of rows, by the path of the manifest that names one and by the name that it has there."""

CREDENTIALS = (
    "certificate", "clientId", "clientSecret", "password", "privateKey", "token", "username"
)  # fmt: skip
_PLACEHOLDER = f"{{({COLUMN})}}"
_MISPLACED = (
    "a {column} may stand in baseUrl, tokenUrl, targetSystem, the values of labels, the URLs of "
    "webhooks, and the names of variables and files of secrets, and nowhere else"
)
_STRAY_BRACE = "a brace that belongs to no {column}; write %7B and %7D in a URL"
_DOTS = "would have two dots in a row"

Fill = Callable[[Mapping[str, str]], Json]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Template:
    """A TenantSet without its rows: the Tenant that they fill in, whose name is a placeholder too.

    `texts` are its values that have placeholders.
    """

    document: Document
    tenant: Json
    texts: Mapping[Pointer, str]
    fill: Fill

    @classmethod
    def of(cls, document: Document) -> "Template":
        """The template that a document has, whose shape is that of a TenantSet."""
        spec = document.value["spec"]
        labels = {"labels": spec["labels"]} if "labels" in spec else {}
        metadata = {"name": f"{{{NAME}}}", **labels}
        tenant = {
            **document.value,
            "kind": "Tenant",
            "metadata": metadata,
            "spec": spec["template"],
        }
        values = ((at, text) for at, text, at_key in _texts(tenant) if not at_key)
        texts = {
            at: text for at, text in values if _may_be_filled(at) and re.search(_PLACEHOLDER, text)
        }
        return cls(document, tenant, texts, _fill(tenant, texts) or (lambda _: tenant))

    def columns(self, pointer: Pointer) -> tuple[str, ...]:
        """The columns that a value of the Tenant takes; none where it is the same for each row."""
        return tuple(re.findall(_PLACEHOLDER, self.texts.get(pointer, "")))

    def place(self, pointer: Pointer, *, at_key: bool = False) -> Place:
        """Find in the TenantSet what a pointer to one of its Tenants means."""
        match pointer:
            case ("metadata", "labels", *steps):
                return self.document.place(("spec", "labels", *steps), at_key=at_key)
            case ("spec", *steps):
                return self.document.place(("spec", "template", *steps), at_key=at_key)
            case _:
                return self.document.place()

    def problems(self) -> Iterator[Problem]:
        """Placeholders where none may stand, and braces that make none."""
        for pointer, text, at_key in _texts(self.tenant):
            if not at_key and _may_be_filled(pointer):
                if re.search("[{}]", re.sub(_PLACEHOLDER, "", text)):
                    yield ROWS.problem(self.place(pointer), _STRAY_BRACE)
            elif re.search(_PLACEHOLDER, text):
                yield ROWS.problem(self.place(pointer, at_key=at_key), _MISPLACED)

    def column_problems(self, rows: Sequence[Document]) -> Iterator[Problem]:
        """Columns that the rows or one of them lack, and those that the template does not take."""
        first = {column: row for row in reversed(rows) for column in row.value}
        known = {column: row.place((column,), at_key=True) for column, row in first.items()}
        if FORMERLY in first and FORMERLY in self.tenant["spec"]:
            place = self.place(("spec", FORMERLY), at_key=True)
            yield ROWS.problem(place, f"the rows have a column {FORMERLY}; take it out here")
        taken = {column: pointer for pointer in self.texts for column in self.columns(pointer)}
        for column, pointer in taken.items():
            if column not in known:
                message = f"the rows have no column {column}; {suggestion(column, known)}"
                yield ROWS.problem(self.place(pointer), message)
        for column, place in known.items():
            if column not in taken and column != FORMERLY:
                message = f"{{{column}}} stands nowhere in the TenantSet; take the column out"
                yield IDLE_COLUMN.problem(place, message)
        needed = [column for column in taken if column in known]
        for row, column in ((r, c) for r in rows for c in needed if c not in r.value):
            yield ROWS.problem(row.place(), f"{row_name(row)} lacks the column {column}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TenantRow:
    """A row and the document of its Tenant, which stands half there and half in the template."""

    value: Json
    row: Document
    template: Template

    def place(self, pointer: Pointer = (), *, at_key: bool = False) -> Place:
        """Find a pointer: the cell that is in the value, or in the name of the secret there."""
        if not pointer:
            return self.row.place()
        for filled in (pointer, (*pointer, "env"), (*pointer, "file")):
            if columns := self.columns(filled):
                return self.row.place((columns[0],))
        return self.template.place(pointer, at_key=at_key)

    def columns(self, pointer: Pointer) -> tuple[str, ...]:
        """The columns that a value of the Tenant takes; none where the template has all of it."""
        is_former = pointer[:2] == ("spec", FORMERLY) and FORMERLY in self.row.value
        return (FORMERLY,) if is_former else self.template.columns(pointer)

    def cell(self, *columns: str) -> str:
        """The row, and the columns of it, for a message."""
        named = f", column{'s' if len(columns) > 1 else ''} {' and '.join(columns)}"
        return f"{row_name(self.row)}{named if columns else ''}"

    def dotted(self) -> Iterator[Fault]:
        """The values that have two dots in a row, though no cell has: they could lead elsewhere."""
        for pointer, text in self.template.texts.items():
            if ".." in text.format_map(self.row.value):
                yield Fault(pointer, _DOTS)


@dataclass(slots=True, eq=False, repr=False)
class TenantSets:
    """The TenantSets of a folder or a ref, each with its file of rows.

    `dialects` are the names that a dialect may have; none: any name.
    """

    rows: Rows = field(default_factory=dict)
    dialects: tuple[str, ...] = ()
    _templates: dict[str, tuple[Template, RowsFile]] = field(default_factory=dict)
    _names: dict[str, Place] = field(default_factory=dict)

    def manifests(self, files: Iterable[ManifestFile]) -> tuple[ManifestFile, ...]:
        """The files that are no rows."""
        paths = {file.path for file in self.rows.values()}
        return tuple(file for file in files if file.path not in paths)

    def fill(
        self, documents: Iterable[Document], most: int
    ) -> tuple[list[TenantRow], list[Problem]]:
        """The tenants of each TenantSet whose rows are there, at most so many, and its problems."""
        tenants: list[TenantRow] = []
        problems: list[Problem] = []
        for document in documents:
            match document.value:
                case {"kind": "TenantSet", "spec": {"rows": rows}}:
                    if file := self.rows.get((document.path, rows)):
                        filled, found = self._fill(document, file, max(0, most - len(tenants)))
                        tenants += filled
                        problems += found
                case _:
                    pass
        return tenants, problems

    def find(self, path: str) -> Mapping[Place, TenantRow]:
        """The tenants of a sound file of rows by where each begins; none of another file."""
        if path not in self._templates:
            return {}
        from reconciler.adapters.manifests.rows import read_rows

        template, file = self._templates[path]
        rows = read_rows(file, sys.maxsize).documents
        return {tenant.place(): tenant for tenant in _filled(template, rows)}

    def _fill(
        self, document: Document, file: RowsFile, most: int
    ) -> tuple[list[TenantRow], list[Problem]]:
        from reconciler.adapters.manifests.rows import read_rows  # most folders have none

        name, at = document.value["metadata"]["name"], document.place()
        if (holder := self._names.setdefault(name, at)) != at:
            message = f"the name {name} is taken by the TenantSet at {holder}"
            return [], [names_are_given_once.problem(document.place(("metadata", "name")), message)]
        if file.path in self._templates:
            other = self._templates[file.path][0].document.place()
            message = f"the rows of {file.path} are those of the TenantSet at {other}; take others"
            return [], [ROWS.problem(document.place(("spec", "rows")), message)]
        if isinstance(file.data, str):
            where = document.place(("spec", "rows"))
            return [], [FILE.problem(where, f"{file.path}: {file.data}")]
        template = Template.of(document)
        self._templates[file.path] = template, file
        reading = read_rows(file, most)
        problems = [*reading.problems, *template.problems()]
        if reading.documents:
            problems += few(template.column_problems(reading.documents))
        if any(problem.severity is Severity.ERROR for problem in problems):
            return [], problems
        tenants = _filled(template, reading.documents)
        return tenants, [*problems, *few(self._problems(tenants))]

    def _problems(self, tenants: Iterable[TenantRow]) -> Iterator[Problem]:
        for index, tenant in enumerate(tenants):
            of_template = False
            for fault in (*tenant.dotted(), *shape_faults(tenant.value, self.dialects)):
                columns = tenant.columns(fault.pointer)
                message = f"{tenant.cell(*columns)}: {fault.message}"
                if columns:
                    yield SHAPE.problem(tenant.place(fault.pointer), message)
                elif index:
                    yield SHAPE.problem(tenant.place(), message)
                else:  # as it would be of every row
                    of_template = True
                    place = tenant.template.place(fault.pointer, at_key=fault.at_key)
                    yield SHAPE.problem(place, fault.message)
            if of_template:
                return


def few(problems: Iterable[Problem]) -> Iterator[Problem]:
    """As many of a file of rows as people read, and that there are more."""
    for number, problem in enumerate(problems):
        if number == MAX_FAULTS:
            message = "too many faults; the other problems of the rows are not shown"
            yield FILE.problem(problem.place, message)
            return
        yield problem


def row_name(row: Document) -> str:
    """The row for a message: by the name of its tenant; where that is none, by its line."""
    name = row.value.get(NAME)
    if isinstance(name, str) and len(name) <= SHOWN and IS_VALUE.fullmatch(name):
        return f"row {name}"
    return f"the row on line {row.place().line}"


def rows_named(files: Iterable[ManifestFile], folder: Path) -> Rows:
    """The files of rows that TenantSets among the files name, not read, or why none ever will be.

    Names are relative to the file that has them, and lead to files below the folder.
    """
    found: dict[tuple[str, str], RowsFile] = {}
    for file in files:
        # All else would be parsed twice. Only an escape can spell the kind in another way.
        if b"TenantSet" in file.data or b"\\" in file.data:
            for document in read(file.data, file.path, most=len(file.data)).documents:
                match document.value:
                    case {"kind": "TenantSet", "spec": {"rows": str(rows)}}:
                        found[file.path, rows] = _rows_file(folder, file.path, rows)
                    case _:
                        pass
    return found


def _rows_file(folder: Path, manifest: str, rows: str) -> RowsFile:
    below = Path(os.path.normpath(Path(manifest).relative_to(folder).parent / rows))
    path = str(folder / below)
    if below.is_absolute() or ".." in below.parts:
        return RowsFile(path, "outside of the folder of the manifests; put the rows into it")
    if is_left_out(below):
        return RowsFile(path, "names that begin with . or _ are left out; give the rows another")
    return RowsFile(path, b"")


def _filled(template: Template, rows: Iterable[Document]) -> list[TenantRow]:
    return [TenantRow(_tenant(template, row.value), row, template) for row in rows]


def _tenant(template: Template, cells: Mapping[str, str]) -> Json:
    tenant = template.fill(cells)
    if FORMERLY in cells:
        return {**tenant, "spec": {**tenant["spec"], FORMERLY: [cells[FORMERLY]]}}
    return tenant


def _texts(value: Json, at: Pointer = ()) -> Iterator[tuple[Pointer, str, bool]]:
    """Each text in a value with its pointer; keys too, which are marked."""
    match value:
        case str():
            yield at, value, False
        case dict():
            for key, member in value.items():
                yield (*at, key), key, True
                yield from _texts(member, (*at, key))
        case list():
            for index, item in enumerate(value):
                yield from _texts(item, (*at, index))
        case _:
            pass


def _may_be_filled(pointer: Pointer) -> bool:
    match pointer:
        case ("metadata", "name") | ("metadata", "labels", _):
            return True
        case ("spec", "baseUrl" | "targetSystem") | ("spec", "auth", "tokenUrl"):
            return True
        case ("spec", "auth", credential, "env" | "file"):
            return credential in CREDENTIALS
        case ("spec", "webhooks", _, "url") | ("spec", "webhooks", _, "secret", "env" | "file"):
            return True
        case ("spec", "webhooks", _, "secret", _, "env" | "file"):
            return True
        case _:
            return False


def _fill(value: Json, texts: Mapping[Pointer, str], at: Pointer = ()) -> Fill | None:
    """What makes of a value that of a row; None where it is the same for each."""
    if at in texts:
        return texts[at].format_map
    match value:
        case dict():
            fills = {key: _fill(member, texts, (*at, key)) for key, member in value.items()}
        case list():
            fills = {index: _fill(item, texts, (*at, index)) for index, item in enumerate(value)}
        case _:
            return None
    made = [(key, fill) for key, fill in fills.items() if fill is not None]
    if not made:
        return None

    def fill_in(cells: Mapping[str, str]) -> Json:
        filled = value.copy()
        for key, fill in made:
            filled[key] = fill(cells)
        return filled

    return fill_in
