"""List what was announced and what still waits."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import choice
from reconciler.cli.shared_options import TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.adapters.database import Delivery
    from reconciler.cli.invocation import Invocation
    from reconciler.domain.documents import WebhookDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `webhooks list`."""

    format: TextOrJson = choice("text or JSON", default=TextOrJson.TEXT)


def run(invocation: Invocation, options: Options) -> int:
    """Print each webhook that was ever released, oldest first."""
    from typing import assert_never

    from reconciler.cli.state import read_state
    from reconciler.render.document import json_text

    with read_state(invocation) as store:
        deliveries = store.all_deliveries()
    match options.format:
        case TextOrJson.JSON:
            invocation.console.data(json_text(list(_documents(deliveries))))
        case TextOrJson.TEXT:
            for line in _lines(deliveries):
                invocation.console.data(line)
            if not deliveries:
                invocation.console.say("nothing was announced yet")
        case _:
            assert_never(options.format)
    return Exit.WELL


def _documents(deliveries: Iterable[Delivery]) -> Iterator[WebhookDocument]:
    from reconciler.domain.records import rfc3339

    for delivery in deliveries:
        yield {
            "event_id": delivery.event_id,
            "tenant": delivery.tenant,
            "schema_id": delivery.schema_id,
            "url": delivery.url,
            "sequence": delivery.sequence,
            "state": delivery.state.value,
            "attempts": delivery.attempts,
            "due_at": rfc3339(delivery.due_at) if delivery.due_at else None,
            "last_status": delivery.last_status,
        }


def _lines(deliveries: Iterable[Delivery]) -> Iterator[str]:
    from reconciler.domain.records import rfc3339
    from reconciler.render.plain_text import counted, visible

    for delivery in deliveries:
        due = f", due {rfc3339(delivery.due_at)}" if delivery.due_at else ""
        last = f", last answer {delivery.last_status}" if delivery.last_status else ""
        yield (
            f"{delivery.state:<9}  {visible(delivery.tenant)}  {visible(delivery.schema_id)}  "
            f"{visible(delivery.event_id)}  to {visible(delivery.url)}  "
            f"({counted(delivery.attempts, 'attempt')}{due}{last})\n"
        )
