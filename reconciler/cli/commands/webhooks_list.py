"""List what was announced and what still waits."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import format_choice
from reconciler.cli.shared_options import TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cli.invocation import Invocation
    from reconciler.domain.documents import WebhookDocument
    from reconciler.domain.outbox import HeldRow, OutboxRow
    from reconciler.render.extension_names import ExtensionNames
    from reconciler.render.layout import Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `webhooks list`."""

    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)


def run(invocation: Invocation, options: Options) -> int:
    """Print each webhook that was ever released, oldest first, and then those that are held."""
    from itertools import chain

    from reconciler.cli.output import output_of
    from reconciler.cli.state_store import state_if_any
    from reconciler.render.extension_names import ExtensionNames
    from reconciler.render.layout import Column

    with (
        output_of(invocation, wanted=options.format is TextOrJson.JSON) as output,
        state_if_any(invocation) as store,
    ):
        rows: Iterator[OutboxRow | HeldRow] = iter(())
        if store is not None:
            rows = chain(store.released(), store.held())
        if output.wanted:
            output.show({"webhooks": map(_document, rows)})
            return Exit.WELL
        names = ExtensionNames()
        cells = (_row(row, names) for row in rows)
        head = (
            Column("STATE"),
            Column("TENANT", keeps=24),
            Column("EXTENSION", keeps=24),
            Column("EVENT", whole=True),
            Column("TO", spare=True),
            Column("TRIES", spare=True),
            Column("DUE", spare=True),
            Column("ANSWER"),
            Column("WAITS FOR", folds=True, keeps=30),
        )
        if not invocation.console.table(head, cells):
            invocation.console.say("nothing was announced yet")
        invocation.console.text(names.foot(invocation.console.paint))
    return Exit.WELL


def _document(row: OutboxRow | HeldRow) -> WebhookDocument:
    from reconciler.domain.outbox import HeldRow

    if isinstance(row, HeldRow):
        return {
            "event_id": None,
            "tenant": row.tenant,
            "schema_id": row.schema_id,
            "url": row.url,
            "sequence": None,
            "state": "held",
            "attempts": 0,
            "due_at": None,
            "last_status": None,
            "waits_for": row.waits_for,
        }
    return {
        "event_id": row.event_id,
        "tenant": row.tenant,
        "schema_id": row.schema_id,
        "url": row.url,
        "sequence": row.sequence,
        "state": row.state.value,
        "attempts": row.attempts,
        "due_at": row.due_at,
        "last_status": row.last_status,
        "waits_for": None,
    }


_COLOURS = {"delivered": "green", "ready": "yellow", "given-up": "red"}


def _row(row: OutboxRow | HeldRow, names: ExtensionNames) -> tuple[Cell, ...]:
    from reconciler.domain.outbox import HeldRow
    from reconciler.render.plain_text import visible

    about = (visible(row.tenant), names.cell_of_change(row.change, row.schema_id))
    if isinstance(row, HeldRow):
        waits_for = f"{visible(row.waits_for)}; the next apply looks again"
        return (("yellow", "held"), *about, "-", visible(row.url), "0", "-", "-", waits_for)
    answer = "-" if row.last_status is None else str(row.last_status)
    return (
        (_COLOURS.get(row.state.value, ""), row.state.value),
        *about,
        visible(row.event_id),
        visible(row.url),
        str(row.attempts),
        row.due_at or "-",
        answer,
        "-",
    )
