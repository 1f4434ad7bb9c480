"""The commands by name, in the order of `reconciler --help`; each is a module of this package.

To add a command:
1. Write `NAME.py` here; the first line of its docstring is the help, a full sentence.
2. In it, declare what it takes as fields of a dataclass `Options` (cli/options.py has the kinds).
3. In it, write `run(invocation, options)`, which returns an `Exit`; import what it needs inside.
4. Add it to COMMANDS: its name (`audit list` for a module `audit_list`), where `reconciler --help`
   lists it, an example that works, what it needs of the outside. A new first word to GROUPS.
5. Name the command in docs/overview.md, and test it in `tests/cli/test_NAME.py`.

To add an output format:
1. Add a member to the enum of the command's option (`PlanFormat` in cli/shared_options.py).
2. mypy names each `match` that lacks it; add the case there, with its renderer in `render/`.
3. Name it in docs/overview.md and in CHANGELOG.md, and add a test to `tests/cli/test_NAME.py`.
"""

import importlib
import keyword
import linecache
from dataclasses import dataclass
from enum import StrEnum

from reconciler.cli.options import Need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


class CommandGroup(StrEnum):
    """The headings below which `reconciler --help` lists the commands, in its order."""

    EVERYDAY = "everyday"
    TRAIL = "trail"
    CI = "CI"
    SETTING_UP = "setting up"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Command:
    """A command by its name, one word or two; its module is imported when it is called.

    `example` is the rest of a command line after the name of the program. An option that is about
    what the command does not need is hidden on its page, and unknown after its name.
    """

    name: str
    group: CommandGroup
    example: str
    needs: tuple[Need, ...] = ()
    fills_tenant: bool = False  # the built-in one, in a folder that no option of it names

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
    def locks_files(self) -> bool:
        """Test whether it keeps a store, or may serve the built-in tenant."""
        return self.fills_tenant or Need.STORE in self.needs or Need.SECRETS in self.needs

    @property
    def purpose(self) -> str:
        """The first line of the module, which is not imported: `--help` shows that of all."""
        return linecache.getline(f"{__path__[0]}/{self.module}.py", 1).strip().strip('"')

    def load(self) -> "ModuleType":
        """Import the module: its `Options` and its `run`."""
        return importlib.import_module(f"{__name__}.{self.module}")


_MANIFESTS = (Need.MANIFESTS, Need.DIALECTS)
_TENANTS = (*_MANIFESTS, Need.STORE, Need.SECRETS, Need.NETWORK)
_HR_URN = "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:HRExtension"
COMMANDS = (
    Command("validate", CommandGroup.EVERYDAY, "validate --against main", _MANIFESTS),
    Command("fmt", CommandGroup.EVERYDAY, "fmt --check --diff", (Need.MANIFESTS,)),
    Command("plan", CommandGroup.EVERYDAY, "plan --out plan.json", _TENANTS),
    Command("show", CommandGroup.EVERYDAY, "show plan.json --format markdown"),
    Command("apply", CommandGroup.EVERYDAY, "apply plan.json", _TENANTS),
    Command(
        "status",
        CommandGroup.EVERYDAY,
        "status --max-age 48",
        (*_MANIFESTS, Need.STORE, Need.SECRETS),
    ),
    Command("adoption", CommandGroup.EVERYDAY, "adoption local", _TENANTS),
    Command(
        "migrate",
        CommandGroup.EVERYDAY,
        "migrate local/hr-extension.hrDepartmentCode --to type=integer",
        _MANIFESTS,
    ),
    Command("locks", CommandGroup.TRAIL, "locks", (Need.STORE,)),
    Command("audit list", CommandGroup.TRAIL, "audit list --last 5", (Need.STORE,)),
    Command("audit verify", CommandGroup.TRAIL, "audit verify", (Need.STORE,)),
    Command("audit export", CommandGroup.TRAIL, "audit export --out trail.jsonl", (Need.STORE,)),
    Command("webhooks list", CommandGroup.TRAIL, "webhooks list", (Need.STORE,)),
    Command("webhooks deliver", CommandGroup.TRAIL, "webhooks deliver --now", _TENANTS),
    Command("webhooks replay", CommandGroup.TRAIL, "webhooks replay --given-up", _TENANTS),
    Command(
        "webhooks drop",
        CommandGroup.TRAIL,
        "webhooks drop --tenant acme-old --auto-approve",
        (*_MANIFESTS, Need.STORE),
    ),
    Command("report", CommandGroup.TRAIL, "report --out report.html", (*_MANIFESTS, Need.STORE)),
    Command("gate", CommandGroup.CI, f"gate local \\\n    {_HR_URN}", _TENANTS),
    Command("merge", CommandGroup.CI, "merge 1.json 2.json --out plan.json"),
    Command("comment", CommandGroup.CI, "comment --pr 7 --body plan.md", (Need.NETWORK,)),
    Command("drift-issues", CommandGroup.CI, "drift-issues --plan plan.json", (Need.NETWORK,)),
    Command(
        "init",
        CommandGroup.SETTING_UP,
        "init acme --service sap --forge github",
        (Need.DIALECTS,),
    ),
    Command("demo", CommandGroup.SETTING_UP, "demo", (Need.DIALECTS,), fills_tenant=True),
    Command(
        "import",
        CommandGroup.SETTING_UP,
        "import local --out imported",
        _TENANTS,
    ),
    Command("doctor", CommandGroup.SETTING_UP, "doctor local", _TENANTS),
    Command("explain", CommandGroup.SETTING_UP, "explain spec.auth.clientAuth"),
    Command("schema", CommandGroup.SETTING_UP, "schema manifest", (Need.DIALECTS,)),
    Command("completion", CommandGroup.SETTING_UP, "completion bash"),
    Command(
        "dev-tenant",
        CommandGroup.SETTING_UP,
        "dev-tenant --dialect sap --users 50",
        (Need.DIALECTS, Need.SECRETS),
    ),
    Command("state check", CommandGroup.SETTING_UP, "state check", (Need.STORE,)),
    Command(
        "state move",
        CommandGroup.SETTING_UP,
        "state move --to moved/state.db",
        (Need.STORE,),
    ),
)
GROUPS = {"state": "the store", "audit": "the audit trail", "webhooks": "the outbox of webhooks"}


def help_of_group(group: str, commands: tuple[Command, ...] = COMMANDS) -> str:
    """The help of a group: what it is about, and the commands that are in it."""
    names = ", ".join(c.parts[1] for c in commands if len(c.parts) > 1 and c.parts[0] == group)
    return f"{GROUPS[group]}: {names}" if group in GROUPS else names
