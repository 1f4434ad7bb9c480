"""What may be meant by a word on the command line that this program does not know.

Read after an error only. Users of Terraform, octoDNS, kubectl, git and gh find their words here.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from reconciler.cli.commands import COMMANDS, Command
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.options import flag_of, options_in
from reconciler.domain.messages import listed, nearest, quoted

T = TypeVar("T")

_ALIKE = 0.65  # of the letters of a word, for what is more than two slips away
_SECRETS = "secrets are in variables or files that a Tenant manifest names"
_LISTED = "the tenants are the truth; `reconciler status` lists them"
_COMMANDS = {
    "delete destroy remove rm": "nothing is ever deleted from a tenant",
    "describe get ls": "`reconciler status` lists the tenants",
    "console": _LISTED,
    "check lint": "`reconciler validate` checks the manifests",
    "create deploy push run up": "`reconciler apply` does that",
    "update": "`reconciler apply` does that, where a manifest says onDrift: update",
    "diff drift preview": "`reconciler plan` shows what differs, `reconciler status` since when",
    "refresh": "`reconciler plan` always reads the tenants",
    "sync": "`reconciler plan`, then `reconciler apply`",
    "dump pull": "`reconciler import TENANT` writes manifests of what is live",
    "generate new scaffold": "`reconciler init` makes a repository that works",
    "edit": "edit the manifests, then `reconciler plan`",
    "rollback undo": "revert the commit of the manifests, then `reconciler plan`",
    "history log logs": "`reconciler audit list` shows what was done",
    "output": "`reconciler status --format json` is for programs",
    "force-unlock unlock": "a lock ends with its process; `apply --lock-timeout` waits for it",
    "test": "`reconciler doctor TENANT` tries a tenant, `reconciler validate` the manifests",
    "workspace": "--tenant GLOB selects tenants",
}
_SENTENCES = {
    "destroy": "nothing is ever deleted from a tenant",
    "doit": "`reconciler apply` writes, `reconciler plan` does not",
    "dry-run refresh-only": "`reconciler plan` writes nothing",
    "insecure": "certificates are always verified; --ca-bundle names others to trust",
    "password secret token": _SECRETS,
    "var var-file": "manifests have no variables",
}
_OPTIONS = {
    "color": ("--no-color",),
    "concurrency j jobs p threads workers": ("--parallelism",),
    "config config-file f file filename": ("--desired-state",),
    "debug log-level trace": ("--verbose",),
    "digest": ("--approve",),
    "directory cwd": ("--chdir",),
    "filter only": ("--tenant", "--target"),
    "json": ("--format json",),
    "k": ("--ca-bundle",),
    "l n name namespace selector t": ("--tenant",),
    "o output": ("--format", "--out"),
    "output-file": ("--out",),
    "read-timeout": ("--read-deadline",),
    "request-timeout": ("--request-deadline",),
    "resource": ("--target",),
    "silent": ("--quiet",),
    "skip": ("--exclude",),
    "timeout": ("--request-deadline", "--read-deadline"),
    "y yes": ("--auto-approve",),
}


def unknown_command(words: Sequence[str]) -> str:
    """The message about words of which the last is no command, and what helps."""
    said = " ".join(words)
    message = f"{quoted(said)} is no command"
    names = {command.name for command in COMMANDS}
    last = words[-1].lower()
    if meant := _of(last, _COMMANDS):
        return f"{message}; {meant}"
    if words[0] == "state" and not nearest(said, sorted(names)):  # Terraform's is another
        return f"{message}; {_LISTED}"
    within = sorted(n for n in names if last in (n, n.split()[-1], n.replace(" ", "-")))
    if within:
        return f"{message}; did you mean {listed(f'`reconciler {name}`' for name in within)}?"
    firsts = {name.split()[0] for name in names}
    near = _near(said, names) or _near(last, firsts)
    return f"{message}; did you mean `reconciler {near}`?" if near else message


def unknown_option(flag: str, prog: str, known: Collection[str]) -> str:
    """The message about an option that is unknown where it stands; `known` are those that are not.

    A value that is given with it is not repeated: it may be a secret.
    """
    message = f"`{prog}` has no option {quoted(flag)[1:-1]}"
    bare = flag.lstrip("-").replace("_", "-").lower()
    exact = f"--{bare}"
    if meant := _of(bare, _SENTENCES):
        return f"{message}; {meant}"
    needs = {flag_of(name): option.need for name, option in options_in(CommonOptions)}
    if exact in needs and exact not in known:
        return f"{message}; it needs no {needs[exact]}"
    having = [f"`{each.name}`" for each in COMMANDS if exact in _flags(each)]
    if having and exact not in known:
        verb = "has" if len(having) == 1 else "have"
        where = " before a command; after it, " if prog == "reconciler" else "; "
        return f"{message}{where}{_some(having)} {verb} it"
    alike = [each for each in _of(bare, _OPTIONS) or () if each.split()[0] in known]
    near = listed(alike) if alike else _near(exact, [e for e in known if len(bare) > 1])
    return f"{message}; did you mean {near}?" if near else message


def unknown_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """The message about a value that is none of those an option or argument takes."""
    near = _near(value, choices)
    hint = f"; did you mean {near}?" if near else ""
    return f"{name}: {quoted(value)} is none of {', '.join(choices)}{hint}"


def surplus_argument(word: str, command: Command) -> str:
    """The message about an argument that a command does not take."""
    message = f"`reconciler {command.name}` takes no further argument {quoted(word)}"
    if word == "help":
        return f"{message}; did you mean `reconciler help {command.name}`?"
    flags = _flags(command)
    meant = "--desired-state" if Path(word).is_dir() else "--tenant"
    return f"{message}; did you mean {meant}?" if meant in flags else message


def _flags(command: Command) -> set[str]:
    declared = options_in(command.load().Options)
    common = (each for each in options_in(CommonOptions) if each[1].need in (None, *command.needs))
    return {flag_of(name) for name, option in (*declared, *common) if not option.positional}


def _of(word: str, table: Mapping[str, T]) -> T | None:
    return next((meant for words, meant in table.items() if word in words.split()), None)


def _some(names: Sequence[str], most: int = 4) -> str:
    rest = len(names) - most
    return listed(names) if rest < 2 else f"{', '.join(names[:most])} and {rest} others"


def _near(word: str, known: Iterable[str]) -> str | None:
    """A known word that is nearly this one, begins with it, or is like it."""
    words = sorted(known)
    if found := nearest(word, words):
        return found
    begun = [each for each in words if len(word) > 3 and each.startswith(word)]
    bare = {each.lstrip("-"): each for each in words}
    alike = get_close_matches(word.lstrip("-"), bare, n=1, cutoff=_ALIKE)
    return min(begun, key=len) if begun else bare[alike[0]] if alike else None
