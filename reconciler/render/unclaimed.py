"""Names that the store knows and no manifest here has → a line each, with what a person can do."""

from collections.abc import Iterable, Iterator

from reconciler.domain.tenant_names import UnclaimedName
from reconciler.render.plain_text import counted

_SHOWN = 20  # of names with something open; somebody may look at the wrong folder
_NAMED = 3  # of names with a history alone


def unclaimed_lines(found: Iterable[UnclaimedName]) -> Iterator[str]:
    """A line for each name with something open, then one for all that have a history alone."""
    names = tuple(found)
    left_open = [each for each in names if each.is_open]
    for each in left_open[:_SHOWN]:
        yield f"{each.name}: {each.message}"
    if (more := len(left_open) - _SHOWN) > 0:
        yield f"and {counted(more, 'name')} more with something open: see `reconciler status`"
    if history := history_line(names):
        yield history


def history_line(found: Iterable[UnclaimedName]) -> str:
    """A line for all names that have a history alone; empty where none has."""
    names = [each.name for each in found if not each.is_open]
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        f"the trail has a history of {', '.join(names[:_NAMED])}{more}, and no manifest here has "
        f"{'that name' if len(names) == 1 else 'those names'}: spec.formerly of what the tenant is "
        f"called now carries it on, and `reconciler webhooks drop --tenant {names[0]}` ends it"
    )
