"""Make a repository that works: a tenant, an extension, and what checks and applies them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.cli.exits import Exit
from reconciler.cli.options import optional_choice, optional_file_argument, optional_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation


class Service(StrEnum):
    """The services that there is a start for: the names of their dialects."""

    GENESYS = "genesys"
    SAP = "sap"
    ORACLE = "oracle"
    KEYCLOAK = "keycloak"
    RFC7644 = "rfc7644"


class Forge(StrEnum):
    """The places that run the workflows."""

    GITHUB = "github"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `init`."""

    folder: Path | None = optional_file_argument("where; left out: here")
    service: Service | None = optional_choice("the service of the tenant", of=Service)
    forge: Forge | None = optional_choice("who runs the workflows", of=Forge)
    action: str | None = optional_text(
        "the action that the workflows use, at a commit; left out: they name none yet",
        metavar="OWNER/NAME@COMMIT",
    )


def run(invocation: Invocation, options: Options) -> int:
    """Write what is not there yet; ask for what no option says, where somebody is there."""
    from reconciler.cli.init import init

    init(invocation, options)
    return Exit.WELL
