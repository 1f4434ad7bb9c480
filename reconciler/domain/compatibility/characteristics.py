"""What is told of one characteristic that differs: a message and a recipe, or nothing."""

from collections.abc import Callable

from reconciler.domain.scim import Attribute
from reconciler.domain.words import listed, quoted

Two = tuple[Attribute, Attribute]  # before and after
Told = tuple[str, str] | None
Words = Callable[[Two], Told]


def another_type(two: Two) -> Told:
    """A type that is another."""
    return None if _widens(two) else (_from_to("type", two[0].type, two[1].type), _BESIDE)


def wider_type(two: Two) -> Told:
    """Integer that became decimal."""
    told = _from_to("type", two[0].type, two[1].type)
    return (told, "check that who reads it takes fractions") if _widens(two) else None


def _widens(two: Two) -> bool:
    return (two[0].type, two[1].type) == ("integer", "decimal")


def multi_valued(two: Two) -> Told:
    """One value that became several, or several one."""
    return _from_to("multiValued", _flag(two[0].multi_valued), _flag(two[1].multi_valued)), _BESIDE


def required(two: Two) -> Told:
    """Optional that became required."""
    if two[1].required:
        return "required from now on", LATER_REQUIRED
    return None


def more_unique(two: Two) -> Told:
    """Values that must not repeat any more."""
    told = _from_to("uniqueness", two[0].uniqueness, two[1].uniqueness)
    return (told, "make sure first that no two users hold one value") if _grows(two) else None


def less_unique(two: Two) -> Told:
    """Values that may repeat now."""
    told = _from_to("uniqueness", two[0].uniqueness, two[1].uniqueness)
    recipe = "tell who looks users up by it that there may be several"
    return None if _grows(two) else (told, recipe)


def _grows(two: Two) -> bool:
    return _rank(_UNIQUENESS, two[1].uniqueness) > _rank(_UNIQUENESS, two[0].uniqueness)


def less_mutable(two: Two) -> Told:
    """What can no longer be written, or read."""
    told = _from_to("mutability", two[0].mutability, two[1].mutability)
    recipe = "stop who writes (or, for writeOnly, reads) it first"
    return (told, recipe) if _narrows(two) else None


def more_mutable(two: Two) -> Told:
    """What can be written now."""
    told = _from_to("mutability", two[0].mutability, two[1].mutability)
    return None if _narrows(two) else (told, "")


def _narrows(two: Two) -> bool:
    was, now = _rank(_MUTABILITY, two[0].mutability), _rank(_MUTABILITY, two[1].mutability)
    return now < was or two[1].mutability == "writeOnly"


def never_returned(two: Two) -> Told:
    """What nobody can read any more."""
    told = _from_to("returned", two[0].returned, two[1].returned)
    recipe = "move who reads it elsewhere first"
    return (told, recipe) if two[1].returned == "never" else None


def less_returned(two: Two) -> Told:
    """What is returned only when asked for."""
    narrower = _rank(_RETURNED, two[1].returned) < _rank(_RETURNED, two[0].returned)
    if not narrower or two[1].returned == "never":
        return None
    told = _from_to("returned", two[0].returned, two[1].returned)
    return told, "have who reads it ask for it by name"


def exposed(two: Two) -> Told:
    """What was hidden and is shown."""
    wider = _rank(_RETURNED, two[1].returned) > _rank(_RETURNED, two[0].returned)
    if not wider or two[0].returned not in ("never", "request"):
        return None
    told = _from_to("returned", two[0].returned, two[1].returned)
    return told, "check that everybody who reads users may see it"


def readable(two: Two) -> Told:
    """What could only be written and is returned now."""
    if two[0].mutability != "writeOnly" or two[1].returned == "never":
        return None
    told = _from_to("mutability", two[0].mutability, two[1].mutability)
    return told, "check that everybody who reads users may see it"


def case_exact(two: Two) -> Told:
    """Values that are compared in another way."""
    told = _from_to("caseExact", _flag(two[0].case_exact), _flag(two[1].case_exact))
    return told, "look for values that differ by case only, and for filters that rely on it"


def fewer_values(two: Two) -> Told:
    """Suggested values that are gone."""
    gone = [v for v in two[0].canonical_values if v not in two[1].canonical_values]
    if not gone or not two[1].canonical_values:
        return None
    told = f"canonicalValues lose {listed(quoted(value) for value in gone)}"
    return told, "keep a value that users hold, and say in the description that it is old"


def fewer_references(two: Two) -> Told:
    """Types that nothing may refer to any more."""
    gone = [v for v in two[0].reference_types if v not in two[1].reference_types]
    told = f"referenceTypes lose {listed(quoted(value) for value in gone)}"
    return (told, "keep the type as long as a value refers to it") if gone else None


def _from_to(member: str, was: object, now: object) -> str:
    return f"{member} was {was} and is {now}"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _rank(order: tuple[str, ...], word: str) -> int:
    """How far up; a foreign word ranks lowest, so that leaving it is never called narrower."""
    return order.index(word) if word in order else -1


_UNIQUENESS = ("none", "server", "global")
_MUTABILITY = ("readOnly", "immutable", "readWrite")
_RETURNED = ("never", "request", "default", "always")
_BESIDE = "add an attribute of another name beside it, move the values, then retire this one"
LATER_REQUIRED = (
    "make it optional; require it only when every user has a value and every connector sends it"
)
