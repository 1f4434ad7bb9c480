"""Check a store: chain, rows, what is open and waits, and the numbers that come next."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import format_choice
from reconciler.cli.shared_options import TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cli.invocation import Invocation
    from reconciler.domain.documents import StateCheckData
    from reconciler.domain.records import ChainResult
    from reconciler.ports import StoreCondition


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `state check`."""

    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)


def run(invocation: Invocation, options: Options) -> int:
    """Print what the store holds, or raise StateError where it is not as it should be."""
    from reconciler.cli.output import output_of
    from reconciler.cli.state_store import read_state
    from reconciler.cli.whole_store import require_condition

    with output_of(invocation, wanted=options.format is TextOrJson.JSON) as output:
        with read_state(invocation) as store:
            condition, chain = require_condition(store, invocation.console)
        if output.wanted:
            output.show(_document(condition, chain))
            return Exit.WELL
    invocation.console.text("".join(f"{line}\n" for line in _lines(condition, chain)))
    return Exit.WELL


def _document(condition: StoreCondition, chain: ChainResult) -> StateCheckData:
    return {
        "format": condition.format_version,
        "records": chain.records,
        "head": chain.head,
        "rows": condition.rows,
        "open_intents": condition.open_intents,
        "webhooks": condition.webhooks,
        "moved_to": condition.moved_to,
    }


def _lines(condition: StoreCondition, chain: ChainResult) -> Iterator[str]:
    from reconciler.render.plain_text import counted, visible

    yield f"whole: {chain.records} records, head {chain.head}"
    yield f"format {condition.format_version}, the numbers that come next are free"
    yield ", ".join(f"{table} {number}" for table, number in condition.rows.items())
    begun = condition.open_intents
    of = ", ".join(f"{visible(tenant)} {number}" for tenant, number in sorted(begun.items()))
    yield counted(sum(begun.values()), "open intent") + (f": {of}" if of else "")
    states = ", ".join(f"{state} {number}" for state, number in condition.webhooks.items())
    yield f"webhooks: {states or 'none'}; events of each tenant from 1 without gaps"
