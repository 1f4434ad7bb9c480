"""The rows of a TenantSet: a CSV or JSON file → each row with its cells and where they stand."""

import re
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from json import JSONDecoder, loads

from reconciler.adapters.manifests.tenant_sets import (
    COLUMN,
    FORMERLY,
    IS_VALUE,
    NAME,
    RowsFile,
    few,
    row_name,
)
from reconciler.adapters.yaml_reader import (
    MAX_FAULTS,
    Document,
    Reading,
    Spot,
    Spots,
    read,
    spot_at,
    text_of,
)
from reconciler.domain.jsontext import NotJson, parse
from reconciler.domain.messages import nearest
from reconciler.domain.problem import Place, Problem
from reconciler.domain.rules.reading import FILE, ROWS, TEXT

_COLUMN_WANTED = "the name of a column is letters, digits, _ and -, and begins with a letter"
_MOST_COLUMNS = 1000
_COLUMNS = f"more than {_MOST_COLUMNS} columns; a line ends where the next tenant begins"
_QUOTE = "a quote inside of a cell; put the cell into quotes, and double those in it"
_IS_COLUMN = re.compile(COLUMN)
_VALUE_WANTED = (
    "a value is letters, digits, ., _ and -, begins with a letter or digit, and has no two dots in "
    "a row"
)
# Possessive: what might be given back would take a hundred bytes for each of a cell.
_CELL = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"(?=[,\n]|\Z)|([^",\n]*)(?=[,\n]|\Z)')

_STRING = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:\s*)?')  # of JSON; with the colon behind a name

Cell = tuple[int, str]
"""Where it begins, and its text."""


def read_rows(file: RowsFile, most: int) -> Reading:
    """The rows, each as a document of texts by column, and everything wrong with the file.

    A file of more than `most` rows is refused. No value is repeated in a message, but for names of
    tenants: one may be a secret by mistake.
    """
    data = file.data if isinstance(file.data, bytes) else b""
    text = text_of(data, file.path, most=len(data))
    if isinstance(text, Problem):
        return Reading((), (text,))
    of = _of_json if file.path.endswith(".json") else _of_csv
    reading = of(text, file.path, min(most, sys.maxsize - 1) + 1)
    rows = reading.documents
    for row in rows:
        if row.value.get(FORMERLY) == "":  # most tenants had no other name
            del row.value[FORMERLY]
    if not (rows or reading.problems):
        message = "no rows, so no tenants; take the TenantSet out with its file"
        return Reading((), (ROWS.problem(Place(file.path), message),))
    if len(rows) > most:
        message = "too many documents in all; raise --max-documents"
        return Reading((), (FILE.problem(rows[most].place(), message),))
    faults = few(fault for row in rows for fault in _faults(row))
    return Reading(rows, (*reading.problems, *faults))


def _faults(row: Document) -> Iterator[Problem]:
    if len(row.value) > _MOST_COLUMNS:
        yield ROWS.problem(row.place(), f"{row_name(row)} has more than {_MOST_COLUMNS} columns")
        return
    if NAME not in row.value:
        yield ROWS.problem(row.place(), f"{row_name(row)} lacks the column {NAME}")
    for column, value in row.value.items():
        if not _IS_COLUMN.fullmatch(column):
            yield ROWS.problem(row.place((column,), at_key=True), _COLUMN_WANTED)
            continue
        if not isinstance(value, str):
            message = "must be text; quote it"
        elif not value:
            message = "empty; each row has a value in each column"
        elif not IS_VALUE.fullmatch(value):
            message = _VALUE_WANTED
        else:
            continue
        yield ROWS.problem(row.place((column,)), f"{row_name(row)}, column {column}: {message}")


def _of_json(text: str, path: str, wanted: int) -> Reading:
    """The first rows, as many as are wanted; so with CSV."""
    data = text.encode()
    try:
        value = parse(data)
    except NotJson:
        return Reading((), read(data, path, most=4 * len(data)).problems)
    if not isinstance(value, list):
        message = "rows in JSON are a list of objects: [{…}, {…}]"
        return Reading((), (ROWS.problem(Place(path), message),))
    rows, faults = [], []
    for item, spot in islice(zip(value, _spots(text), strict=False), wanted):
        row = Document(value=item, path=path, spots=spot)
        if isinstance(item, dict):
            rows.append(row)
        else:
            faults.append(ROWS.problem(row.place(), "a row in JSON is an object"))
    return Reading(tuple(rows), tuple(faults[:MAX_FAULTS]))


def _spots(text: str) -> Iterator[Spots]:
    """The spots of the items of a list in JSON, and of their members; the text is sound."""
    # The parser of YAML, which gives those of manifests, refuses JSON that is indented by tabs.
    ends = [found.start() for found in re.finditer("\n", text)]

    def spot(at: int) -> int:
        line = bisect_left(ends, at)
        return spot_at(line, at - (ends[line - 1] + 1 if line else 0))

    decoder, begins = JSONDecoder(), re.compile(r"[^\s,]")
    at = text.index("[") + 1
    while (item := begins.search(text, at)) and item[0] != "]":
        start = item.start()
        _, at = decoder.raw_decode(text, start)
        if text[start] == "{":
            names = [found for found in _STRING.finditer(text, start, at) if found[2]]
            keys: dict[str | int, int] = {loads(found[1]): spot(found.start()) for found in names}
            inside: dict[str | int, Spots] = {loads(found[1]): spot(found.end()) for found in names}
            yield Spot(spot(start), keys, inside)
        else:
            yield spot(start)


def _of_csv(text: str, path: str, wanted: int) -> Reading:
    """RFC 4180, with a header: commas, cells in quotes where they have to be, any line ends."""
    records, fault = _records(text.replace("\r\n", "\n"), path, wanted + 1)
    faults = (fault,) if fault else tuple(few(_header_faults(path, records[0] if records else ())))
    if faults:
        return Reading((), faults)
    columns = [cell for _, cell in records[0]]
    heads: dict[str | int, int] = {cell: spot for spot, cell in records[0]}
    rows, uneven = [], []
    for record in records[1:]:
        inside: dict[str | int, Spots] = {}
        value = {}
        for column, (spot, cell) in zip(columns, record, strict=False):
            inside[column], value[column] = spot, cell
        row = Document(value=value, path=path, spots=Spot(record[0][0], heads, inside))
        if len(record) == len(columns):
            rows.append(row)
        else:
            message = f"{row_name(row)} has {len(record)} cells, and the header {len(columns)}"
            uneven.append(ROWS.problem(row.place(), message))
    return Reading(tuple(rows), tuple(uneven[:MAX_FAULTS]))


def _header_faults(path: str, header: Sequence[Cell]) -> Iterator[Problem]:
    columns: set[str] = set()
    for spot, column in header:
        place = Document(value=column, path=path, spots=spot).place()
        if not _IS_COLUMN.fullmatch(column):
            advice = "; cells are separated by commas" if re.search("[;\t]", column) else ""
            yield ROWS.problem(place, f"{_COLUMN_WANTED}{advice}")
        elif column in columns:
            yield ROWS.problem(place, f"a second column {column}")
        columns.add(column)
    named = all(map(_IS_COLUMN.fullmatch, columns))  # else it may be among those that are not
    if named and NAME not in columns:
        meant = nearest(NAME, columns)
        hint = f"; rename the column {meant}, if that is it" if meant else ""
        yield ROWS.problem(
            Place(path), f"the first line names the columns, and none is {NAME}{hint}"
        )


def _records(text: str, path: str, wanted: int) -> tuple[list[list[Cell]], Problem | None]:
    """The cells of the first lines that are not empty, and the place at which they are no CSV."""
    records: list[list[Cell]] = []
    record: list[Cell] = []
    at, line, begin = 0, 0, 0  # the character that is looked at, its line, where that begins
    while at <= len(text) and len(records) < wanted:
        found, spot = _CELL.match(text, at), spot_at(line, at - begin)
        if found is None or len(record) == _MOST_COLUMNS:
            place = Document(value=None, path=path, spots=spot).place()
            return [], TEXT.problem(place, _QUOTE if found is None else _COLUMNS)
        whole = found[0]
        record.append((spot, whole if found[1] is None else found[1].replace('""', '"')))
        if lines := whole.count("\n"):
            line, begin = line + lines, at + whole.rindex("\n") + 1
        at = found.end() + 1
        if text[at - 1 : at] != ",":
            if len(record) > 1 or whole:
                records.append(record)
            record, line, begin = [], line + 1, at
    return records, None
