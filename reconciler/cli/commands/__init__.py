"""The commands by name, in the order of `reconciler --help`; each is a module of this package.

To add a command:
1. Write `NAME.py` here; the first line of its docstring is the help, a full sentence.
2. In it, declare what it takes as fields of a dataclass `Options` (cli/options.py has the kinds).
3. In it, write `run(invocation, options)`, which returns an `Exit`; import what it needs inside.
4. Add the name to COMMANDS, `audit list` for a module `audit_list`; a new first word to GROUPS.
5. Name the command in the README, and test it in `tests/cli/test_NAME.py`.

To add an output format:
1. Add a member to the enum of the command's option (`PlanFormat` in cli/shared_options.py).
2. mypy names each `match` that lacks it; add the case there, with its renderer in `render/`.
3. Name it in the README and in CHANGELOG.md, and add a test to `tests/cli/test_NAME.py`.
"""

import importlib
import keyword
import linecache
from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True, slots=True)
class Command:
    """A command by its name, one word or two; its module is imported when it is called.

    `network` says that it reaches tenants, or GitHub.
    """

    name: str
    network: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the name: the group, if it is in one, and its name there."""
        return tuple(self.name.split())

    @property
    def module(self) -> str:
        """The name of its module in this package: `audit list` is in audit_list."""
        name = self.name.replace(" ", "_").replace("-", "_")
        return f"{name}_" if keyword.iskeyword(name) else name

    @property
    def help(self) -> str:
        """The first line of the module, which is not imported: `--help` shows that of all."""
        first = linecache.getline(f"{__path__[0]}/{self.module}.py", 1).strip().strip('".')
        return first[:1].lower() + first[1:]

    def load(self) -> "ModuleType":
        """Import the module: its `Options` and its `run`."""
        return importlib.import_module(f"{__name__}.{self.module}")


COMMANDS = (
    Command("validate"),
    Command("plan", network=True),
    Command("show"),
    Command("apply", network=True),
    Command("import", network=True),
    Command("gate", network=True),
    Command("migrate"),
    Command("status"),
    Command("report"),
    Command("locks"),
    Command("audit list"),
    Command("audit verify"),
    Command("audit export"),
    Command("webhooks list"),
    Command("webhooks deliver", network=True),
    Command("webhooks replay", network=True),
    Command("comment", network=True),
    Command("drift-issues", network=True),
    Command("doctor", network=True),
    Command("adoption", network=True),
    Command("explain"),
    Command("schema"),
    Command("dev-tenant"),
)
GROUPS = {"audit": "the audit trail", "webhooks": "the outbox of webhooks"}


def help_of_group(group: str, commands: tuple[Command, ...] = COMMANDS) -> str:
    """The help of a group: what it is about, and the commands that are in it."""
    names = ", ".join(c.parts[1] for c in commands if len(c.parts) > 1 and c.parts[0] == group)
    return f"{GROUPS[group]}: {names}" if group in GROUPS else names
