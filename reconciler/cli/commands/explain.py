"""Say what a key of a manifest is for, as `explain spec.auth.clientAuth`."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import format_choice, optional_argument
from reconciler.cli.shared_options import TextOrJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `explain`."""

    key: str | None = optional_argument(
        "its path, as spec.auth or Tenant.spec.owners; left out: the keys of spec"
    )
    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)


def run(invocation: Invocation, options: Options) -> int:
    """Print what the JSON Schema says of the key, for each kind that has it."""
    from reconciler.cli.explain import explain

    explain(invocation, options)
    return Exit.WELL
