"""Variables of the environment that look like ours: the known, the misspelt, the others."""

from collections.abc import Iterable

from reconciler.adapters.settings import ALLOW_LISTS, Settings
from reconciler.cli.commands import COMMANDS
from reconciler.cli.common_options import CommonOptions
from reconciler.cli.options import options_in, variable_of
from reconciler.domain.messages import distance, nearest
from reconciler.errors import UsageError

_PREFIX = variable_of("")
_PIECES = ("RECO", "NCIL", "ER_")  # of two slips in the prefix, one of its three parts is free
_SLIPS = 2


def variables_without_effect(settings: Settings, options: type) -> tuple[str, ...]:
    """The variables `RECONCILER_*` that mean nothing; raises UsageError for one that is misspelt.

    `options` are those of the command that runs.
    """
    # docs/decisions.md, "A variable that is nearly one of ours is an error"
    ours = [name for name in settings.names if _looks_like_ours(name)]
    unknown = set(ours).difference(ALLOW_LISTS, _variables((CommonOptions, options)))
    if not unknown:
        return ()  # to import all commands, as below, takes longer than most of them
    commands = (command.load().Options for command in COMMANDS)
    known = {*ALLOW_LISTS, *_variables((CommonOptions, *commands))}
    others = sorted(unknown - known)
    slips = {name: meant for name in others if (meant := nearest(name, known, within=_SLIPS))}
    if slips:
        meant = ", ".join(f"{name} (did you mean {known}?)" for name, known in slips.items())
        raise UsageError(f"the environment sets what this program does not know: {meant}")
    return tuple(name for name in others if name.startswith(_PREFIX))


def _looks_like_ours(name: str) -> bool:
    """Test whether the name begins as ours do, case and two slips aside."""
    head = name[: len(_PREFIX) + _SLIPS].upper()
    if not any(piece in head for piece in _PIECES):
        return False
    ends = range(len(_PREFIX) - _SLIPS, len(head) + 1)
    return any(distance(head[:end], _PREFIX, _SLIPS) <= _SLIPS for end in ends)


def _variables(options: Iterable[type]) -> set[str]:
    found = (each for options_class in options for each in options_in(options_class))
    return {variable_of(name) for name, option in found if not option.positional}
