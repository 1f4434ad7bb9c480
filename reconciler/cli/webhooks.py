"""`webhooks list`: what was announced and what still waits; nothing here reaches the network."""

from reconciler.adapters.database import Delivery
from reconciler.cli.exits import Exit
from reconciler.cli.main import Invocation
from reconciler.cli.state import read_state
from reconciler.domain.documents import WebhookDocument
from reconciler.domain.records import rfc3339
from reconciler.render.document import json_text
from reconciler.render.plain_text import counted, visible


def run(invocation: Invocation) -> int:
    """Print each webhook that was ever released, oldest first."""
    with read_state(invocation) as store:
        deliveries = store.all_deliveries()
    if invocation.arguments.text("format") == "json":
        invocation.console.data(json_text([_document(delivery) for delivery in deliveries]))
        return Exit.WELL
    for delivery in deliveries:
        invocation.console.data(_line(delivery) + "\n")
    if not deliveries:
        invocation.console.say("nothing was announced yet")
    return Exit.WELL


def _document(delivery: Delivery) -> WebhookDocument:
    return {
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


def _line(delivery: Delivery) -> str:
    due = f", due {rfc3339(delivery.due_at)}" if delivery.due_at else ""
    last = f", last answer {delivery.last_status}" if delivery.last_status else ""
    return (
        f"{delivery.state:<9}  {visible(delivery.tenant)}  {visible(delivery.schema_id)}  "
        f"{visible(delivery.event_id)}  to {visible(delivery.url)}  "
        f"({counted(delivery.attempts, 'attempt')}{due}{last})"
    )
