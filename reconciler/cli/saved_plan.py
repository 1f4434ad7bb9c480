"""A saved plan, read one change at a time: that of a large fleet does not fit into memory.

docs/decisions.md, "A plan is made tenant by tenant, and little of it is kept".
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from reconciler.adapters.jsonschemas import check
from reconciler.adapters.spool import Items, Spool, spooling
from reconciler.cli.files import read_document
from reconciler.domain.documents import PlanDocument
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.errors import UsageError

# The lines around the tenants and their changes, as `plan --out` writes them; no text of JSON holds
# a line end.
_BEGIN, _END = b'  "tenants": [\n', (b"  ],\n", b"  ]\n")
_TENANT_BEGINS, _TENANT_ENDS = b"    {\n", (b"    },\n", b"    }\n")
_CHANGES_BEGIN = b'      "changes": [\n'
_CHANGE_BEGINS, _CHANGE_ENDS = b"        {\n", (b"        },\n", b"        }\n")
_MOST = 64 * 1024 * 1024  # bytes of one change, and of all that is around the tenants
_WHAT, _RECIPE = "no saved plan", "make a new one with `reconciler plan --out`"


@contextmanager
def saved_plan(path: Path) -> Iterator[PlanDocument]:
    """The document of a saved plan, its `tenants` in a Spool; raises UsageError for another file.

    It is held against its JSON Schema, and trusted for nothing. All of the file has been read when
    the block begins: what it says cannot change any more.
    """
    with spooling() as tenants:
        document = _read_by_lines(path, tenants)
        if document is None:
            document = _read_as_a_whole(path, tenants)
        yield cast(PlanDocument, {**document, "tenants": tenants})


class _LaidOutOtherwise(Exception):
    """The file is not laid out as `plan --out` does."""


def _read_by_lines(path: Path, tenants: Spool) -> Json:
    """All but the tenants, which go to the spool; None where anything is not as we write it."""
    try:
        with path.open("rb") as file:
            document = parse(_around(file, tenants))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (_LaidOutOtherwise, NotJson):
        return None
    if check(document, "plan") or document["tenants"] or tenants.names != sorted(tenants.names):
        return None
    # Each change is checked as the only one of a plan with little else in it.
    thin = {**document, "approvals": [], "exceeded_limits": []}
    thin.pop("waves", None)
    for tenant in tenants:
        if check({**thin, "tenants": [{**tenant, "changes": []}]}, "plan"):
            return None
        alone = {**tenant, "warnings": [], "unmanaged": [], "drift": []}
        for change in tenant["changes"]:
            if check({**thin, "tenants": [{**alone, "changes": [change]}]}, "plan"):
                return None
    return document


def _around(file: BinaryIO, tenants: Spool) -> bytes:
    """The text of the file with no tenants in it; raises _LaidOutOtherwise and NotJson."""
    around = bytearray()
    while (line := file.readline(_MOST)) and len(around) < _MOST:
        around += line
        if line == _BEGIN:
            around += _take_tenants(file, tenants)
    if line:
        raise _LaidOutOtherwise
    return bytes(around)


def _take_tenants(file: BinaryIO, tenants: Spool) -> bytes:
    """Read all tenants into the spool, and give the line after them."""
    more = False  # whether a comma has promised another tenant
    while (line := file.readline(_MOST)) == _TENANT_BEGINS and more is bool(len(tenants)):
        text, last = _until(file, (*_TENANT_ENDS, _CHANGES_BEGIN))
        items: dict[str, Items] = {}
        if last == _CHANGES_BEGIN:
            items["changes"] = tenants.keep(_changes(file))
            rest, last = _until(file, _TENANT_ENDS)
            text += b'"changes": [' + rest
        tenant = parse(b"{%s}" % text)
        known = len(tenants)
        tenants.add_long(str(tenant.get("name")), tenant, items)
        # In one line they are no items, and of a name that comes twice the spool keeps the last.
        if tenant.get("changes") != [] or len(tenants) == known:
            raise _LaidOutOtherwise
        more = last == _TENANT_ENDS[0]
    if line not in _END or more:
        raise _LaidOutOtherwise
    return line


def _changes(file: BinaryIO) -> Iterator[Json]:
    """The changes of a tenant, of which there is one at least; the end of their list comes next."""
    last = _CHANGE_ENDS[0]
    while last == _CHANGE_ENDS[0]:
        if file.readline(_MOST) != _CHANGE_BEGINS:
            raise _LaidOutOtherwise
        text, last = _until(file, _CHANGE_ENDS)
        yield parse(b"{%s}" % text)


def _until(file: BinaryIO, ends: Collection[bytes]) -> tuple[bytes, bytes]:
    """The text before the first line that is one of these, and that line."""
    text = bytearray()
    while (line := file.readline(_MOST)) not in ends:
        text += line
        if not line or len(text) > _MOST:
            raise _LaidOutOtherwise
    return bytes(text), line


def _read_as_a_whole(path: Path, tenants: Spool) -> Json:
    """A plan that somebody has laid out otherwise; raises UsageError, saying what is wrong."""
    document = read_document(path, "plan", _WHAT, _RECIPE)
    tenants.clear()
    for tenant in document["tenants"]:
        tenants.add(tenant["name"], tenant)
    if len(tenants) != len(document["tenants"]):
        raise UsageError(f"{path} is {_WHAT}: it names a tenant twice; {_RECIPE}")
    if tenants.names != sorted(tenants.names):  # its checksum could not tell, made in this order
        raise UsageError(f"{path} is {_WHAT}: its tenants are not in order of name; {_RECIPE}")
    return document
