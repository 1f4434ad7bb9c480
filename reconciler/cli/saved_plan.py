"""A saved plan, read one tenant at a time: that of a large fleet does not fit into memory.

docs/decisions.md, "A plan is made tenant by tenant, and little of it is kept".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from reconciler.adapters.jsonschemas import check
from reconciler.adapters.spool import Spool, spooling
from reconciler.cli.files import read_document
from reconciler.domain.documents import PlanDocument
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.errors import UsageError

# The lines around the tenants, as `plan --out` writes them; no text of JSON holds a line end.
_BEGIN, _END = b'  "tenants": [\n', (b"  ],\n", b"  ]\n")
_TENANT_BEGINS, _TENANT_ENDS = b"    {\n", (b"    },\n", b"    }\n")
_MOST = 64 * 1024 * 1024  # bytes of one tenant, and of all that is around the tenants
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


def _read_by_lines(path: Path, tenants: Spool) -> Json:
    """All but the tenants, which go to the spool; None where anything is not as we write it."""
    try:
        with path.open("rb") as file:
            around = _around(file, tenants)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if around is None:
        return None
    try:
        document = parse(around)
    except NotJson:
        return None
    if check(document, "plan") or document["tenants"] or tenants.names != sorted(tenants.names):
        return None
    # The tenants are checked one at a time, each as the only one of a plan with little else in it.
    thin = {**document, "approvals": [], "exceeded_limits": []}
    if any(check({**thin, "tenants": [tenant]}, "plan") for tenant in tenants):
        return None
    return document


def _around(file: BinaryIO, tenants: Spool) -> bytes | None:
    """The text of the file with no tenants in it; None where a tenant is not as we write it."""
    around = bytearray()
    while (line := file.readline(_MOST)) and len(around) < _MOST:
        around += line
        if line != _BEGIN:
            continue
        more = False  # whether a comma has promised another tenant
        while (line := file.readline(_MOST)) == _TENANT_BEGINS and more is bool(len(tenants)):
            text = bytearray(line)
            while (line := file.readline(_MOST)) not in _TENANT_ENDS:
                if not line or len(text) > _MOST:
                    return None
                text += line
            more = line == _TENANT_ENDS[0]
            try:
                tenant = parse(bytes(text) + b"}")
            except NotJson:
                return None
            known = len(tenants)
            tenants.add(str(tenant.get("name")), tenant)
            if len(tenants) == known:  # a name twice, of which the spool keeps the last
                return None
        if line not in _END or more:
            return None
        around += line
    return bytes(around) if not line else None


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
