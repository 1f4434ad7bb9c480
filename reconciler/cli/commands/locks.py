"""Show which run holds which tenant, and since when."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import format_choice
from reconciler.cli.shared_options import TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from reconciler.cli.invocation import Invocation
    from reconciler.domain.documents import LockDocument
    from reconciler.ports import HeldLock


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `locks`."""

    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)


def run(invocation: Invocation, options: Options) -> int:
    """Print each lock that is held; takes none itself."""
    from reconciler.cli.output import output_of
    from reconciler.cli.state_store import held_locks
    from reconciler.render.layout import Column
    from reconciler.render.plain_text import visible

    with output_of(invocation, wanted=options.format is TextOrJson.JSON) as output:
        held = held_locks(invocation)
        if output.wanted:
            output.show({"locks": map(_document, held)})
            return Exit.WELL
        rows = (
            (visible(lock.tenant), _of(lock), visible(lock.holder), visible(lock.since or "-"))
            for lock in held
        )
        head = (
            Column("TENANT", keeps=24),
            Column("OF", spare=True),
            Column("HELD BY", folds=True, keeps=30),
            Column("SINCE", whole=True),
        )
        if not invocation.console.table(head, rows):
            invocation.console.say("no run holds a lock")
    return Exit.WELL


def _of(lock: HeldLock) -> Literal["webhooks", "tenant"]:
    return "webhooks" if lock.is_queue else "tenant"


def _document(lock: HeldLock) -> LockDocument:
    return {
        "tenant": lock.tenant,
        "of": _of(lock),
        "holder": lock.holder,
        "since": lock.since,
    }
