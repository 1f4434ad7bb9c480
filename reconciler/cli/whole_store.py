"""`audit verify` and `webhooks deliver --resign` have in common what a whole store is."""

from collections.abc import Iterable, Iterator
from itertools import islice

from reconciler.adapters.database import Store
from reconciler.cli.console import Console
from reconciler.domain.documents import AuditDocument
from reconciler.domain.records import GENESIS, ChainResult, check_chain
from reconciler.errors import StateError
from reconciler.ports import StoreCondition
from reconciler.render.plain_text import counted, visible

_SHOWN = 10  # of what does not fit


def require_whole(store: Store, console: Console, head: str | None = None) -> ChainResult:
    """Follow the chain, find the head in it, and hold all else in the store against it.

    Raises StateError for the first place where the chain is broken, a head that is not in it, or
    what it does not bear out, which the console names.
    """
    met = [head == GENESIS]
    result = check_chain(_watching(store.records(), head, met))
    if result.broken_at is not None:
        raise StateError(f"the trail is broken at record {result.broken_at}: {result.reason}")
    if head is not None and not any(met):
        raise StateError(
            f"the trail is whole to record {result.records}, and does not hold the head "
            f"{head}: records are missing at its end, or it is another trail"
        )
    found = list(islice(store.misfits(), _SHOWN + 1))
    for each in found[:_SHOWN]:
        console.complain(visible(each))
    if found:
        more = ", and more" if len(found) > _SHOWN else ""
        raise StateError(
            "the trail is whole, and the store holds what it does not bear out "
            f"({counted(len(found), 'thing')} named above{more}): somebody else has written to it; "
            "find out who, and restore it from a backup"
        )
    return result


def require_condition(store: Store, console: Console) -> tuple[StoreCondition, ChainResult]:
    """Follow the chain as `require_whole` does, and raise StateError for what else is wrong.

    The console names each thing.
    """
    condition = store.condition()
    for each in condition.faults:
        console.complain(visible(each))
    chain = require_whole(store, console)
    if condition.faults:
        raise StateError(
            f"the store {condition.place} is not as it should be: "
            f"{counted(len(condition.faults), 'thing')} named above; the trail is whole"
        )
    return condition, chain


def _watching(
    records: Iterable[AuditDocument], head: str | None, met: list[bool]
) -> Iterator[AuditDocument]:
    """Pass the records on and note where one has the wanted hash; a trail may be long."""
    for record in records:
        if record["hash"] == head:
            met.append(True)
        yield record
