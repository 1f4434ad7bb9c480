"""Rules about one characteristic of an attribute that stays and is another afterwards."""

from collections.abc import Callable, Iterable, Iterator

from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import ChangeKind
from reconciler.domain.messages import listed, quoted
from reconciler.domain.problem import Severity
from reconciler.domain.rules.revision import (
    ChangeRuleSet,
    Consumer,
    Hit,
    MeasureKind,
    Revision,
)
from reconciler.domain.scim import Attribute, fold, vendor_values

Advice = tuple[str, str] | None
"""A message and what to do instead; None where nobody is hurt."""

Recipe = str | None
"""What to do instead, which may be nothing; None where nobody is hurt."""

Check = Callable[[Revision], Iterator[Hit]]

MEMBER_RULES = ChangeRuleSet()

READER, WRITER, STORED, SERVER = Consumer
EVERYBODY = tuple(Consumer)
EXPOSING, NARROWING, ADDITIVE = ChangeKind

LATER_REQUIRED = (
    "make it optional; require it only when every user has a value and every connector sends it"
)
_BESIDE = "add an attribute of another name beside it, move the values, then retire this one"
_WHO_MAY_SEE = "check that everybody who reads users may see it"
_UNIQUENESS = ("none", "server", "global")
_MUTABILITY = ("readOnly", "immutable", "readWrite")
PATTERNS = frozenset(("pattern", "regex"))  # members of SCIM-SDK, Okta and WSO2, folded
_RETURNED = ("never", "request", "default", "always")


def changed(member: str) -> Callable[[Callable[[Attribute, Attribute], Advice]], Check]:
    """Make a check of the function below, for each attribute whose characteristic is another."""

    def checking(advise: Callable[[Attribute, Attribute], Advice]) -> Check:
        def check(revision: Revision) -> Iterator[Hit]:
            for alteration in revision.alterations:
                was, now = alteration.before, alteration.after
                if alteration.member == member and was and now and (found := advise(was, now)):
                    message = f"attribute {quoted(alteration.name)}: {found[0]}"
                    yield Hit(alteration.path, message, found[1], member)

        return check

    return checking


def between(member: str) -> Callable[[Callable[[Attribute, Attribute], Recipe]], Check]:
    """Make a check likewise, with the message that names the value before and the one after."""

    def checking(recipe_for: Callable[[Attribute, Attribute], Recipe]) -> Check:
        def advise(was: Attribute, now: Attribute) -> Advice:
            if (recipe := recipe_for(was, now)) is None:
                return None
            before, after = (_value(attribute.to_json()[member]) for attribute in (was, now))
            return f"{member} was {before} and is {after}", recipe

        return changed(member)(advise)

    return checking


def pattern_of(attribute: Attribute) -> str | None:
    """The pattern that a vendor has the values match, None where there is none."""
    members = vendor_values(attribute.vendor)
    found = (value for member, value in members.items() if fold(member) in PATTERNS)
    return next((value for value in found if isinstance(value, str)), None)


def _value(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _step(order: tuple[str, ...], was: str, now: str) -> int:
    """Upwards or downwards; a foreign word ranks lowest, so that leaving it is not narrower."""
    before, after = (order.index(word) if word in order else -1 for word in (was, now))
    return after - before


def _widens(was: Attribute, now: Attribute) -> bool:
    return (was.type, now.type) == ("integer", "decimal")


@MEMBER_RULES.rule(
    "SCH002",
    Severity.ERROR,
    "a type stays",
    consumers=EVERYBODY,
    kind=NARROWING,
    counts=MeasureKind.TYPE,
)
@between("type")
def type_stays(was: Attribute, now: Attribute) -> Recipe:
    return None if _widens(was, now) else _BESIDE


@MEMBER_RULES.rule(
    "SCH002",
    Severity.WARNING,
    "integer may become decimal",
    consumers=(READER,),
    kind=NARROWING,
    counts=MeasureKind.TYPE,
)
@between("type")
def integer_becomes_decimal(was: Attribute, now: Attribute) -> Recipe:
    return "check that who reads it takes fractions" if _widens(was, now) else None


@MEMBER_RULES.rule(
    "SCH003",
    Severity.ERROR,
    "one value stays one value, several stay several",
    consumers=EVERYBODY,
    kind=NARROWING,
    counts=MeasureKind.MULTI_VALUED,
)
@between("multiValued")
def several_stay_several(_was: Attribute, _now: Attribute) -> Recipe:
    return _BESIDE


@MEMBER_RULES.rule(
    "SCH004",
    Severity.ERROR,
    "what was optional stays optional",
    consumers=(WRITER, STORED),
    kind=NARROWING,
    counts=MeasureKind.REQUIRED,
)
@changed("required")
def optional_stays_optional(_: Attribute, now: Attribute) -> Advice:
    return ("required from now on", LATER_REQUIRED) if now.required else None


@MEMBER_RULES.rule(
    "SCH005",
    Severity.ERROR,
    "values that may repeat may go on to; users' values would decide, and are not looked at",
    consumers=(WRITER, STORED),
    kind=NARROWING,
    counts=MeasureKind.UNIQUENESS,
)
@between("uniqueness")
def values_go_on_to_repeat(was: Attribute, now: Attribute) -> Recipe:
    if _step(_UNIQUENESS, was.uniqueness, now.uniqueness) <= 0:
        return None
    return "make sure first that no two users hold one value"


@MEMBER_RULES.rule(
    "SCH006",
    Severity.WARNING,
    "values that were unique stay unique",
    consumers=(READER,),
    kind=NARROWING,
)
@between("uniqueness")
def unique_stays_unique(was: Attribute, now: Attribute) -> Recipe:
    if _step(_UNIQUENESS, was.uniqueness, now.uniqueness) > 0:
        return None
    return "tell who looks users up by it that there may be several"


def _locks(was: Attribute, now: Attribute) -> bool:
    """True where it can be written, or read, by fewer."""
    return _step(_MUTABILITY, was.mutability, now.mutability) < 0 or now.mutability == "writeOnly"


@MEMBER_RULES.rule(
    "SCH007",
    Severity.ERROR,
    "what could be written and read can be",
    consumers=(READER, WRITER),
    kind=NARROWING,
)
@between("mutability")
def writable_stays_writable(was: Attribute, now: Attribute) -> Recipe:
    return "stop who writes (or, for writeOnly, reads) it first" if _locks(was, now) else None


@MEMBER_RULES.rule(
    "SCH008",
    Severity.INFO,
    "what did not change may begin to",
    consumers=(READER,),
    kind=ADDITIVE,
)
@between("mutability")
def fixed_may_change(was: Attribute, now: Attribute) -> Recipe:
    return None if _locks(was, now) else ""


@MEMBER_RULES.rule(
    "SCH009",
    Severity.ERROR,
    "what was returned is not hidden",
    consumers=(READER,),
    kind=NARROWING,
)
@between("returned")
def returned_stays_returned(_was: Attribute, now: Attribute) -> Recipe:
    return "move who reads it elsewhere first" if now.returned == "never" else None


@MEMBER_RULES.rule(
    "SCH009",
    Severity.WARNING,
    "what was returned unasked goes on to be",
    consumers=(READER,),
    kind=NARROWING,
)
@between("returned")
def returned_by_default_stays_so(was: Attribute, now: Attribute) -> Recipe:
    if _step(_RETURNED, was.returned, now.returned) >= 0 or now.returned == "never":
        return None
    return "have who reads it ask for it by name"


@between("returned")
def _shows(was: Attribute, now: Attribute) -> Recipe:
    """Something that was hidden is shown."""
    wider = _step(_RETURNED, was.returned, now.returned) > 0
    return _WHO_MAY_SEE if wider and was.returned in ("never", "request") else None


@between("mutability")
def _unlocks(was: Attribute, now: Attribute) -> Recipe:
    """Something that could only be written is returned now."""
    return _WHO_MAY_SEE if was.mutability == "writeOnly" and now.returned != "never" else None


def _of_personal_data(revision: Revision, hits: Iterable[Hit]) -> Iterator[tuple[Hit, bool]]:
    """Each hit, and whether it is about personal data, a part of it, or what has it as a part."""
    holders = {name[:depth] for name in revision.personal for depth in range(1, len(name))}
    for hit in hits:
        holds = tuple(map(fold, hit.path)) in holders
        yield hit, holds or revision.is_personal(hit.path)


@MEMBER_RULES.rule(
    "SCH010",
    Severity.ERROR,
    "personal data (`spec.personal`) that was hidden is not shown",
    consumers=(READER,),
    kind=EXPOSING,
)
def personal_data_stays_hidden(revision: Revision) -> Iterator[Hit]:
    return (hit for hit, personal in _of_personal_data(revision, _shows(revision)) if personal)


@MEMBER_RULES.rule(
    "SCH010",
    Severity.ERROR,
    "personal data that could only be written is not shown",
    consumers=(READER,),
    kind=EXPOSING,
)
def personal_data_stays_unreadable(revision: Revision) -> Iterator[Hit]:
    return (hit for hit, personal in _of_personal_data(revision, _unlocks(revision)) if personal)


@MEMBER_RULES.rule(
    "SCH010",
    Severity.WARNING,
    "what was hidden is not shown to everybody without a thought",
    consumers=(READER,),
    kind=EXPOSING,
)
def hidden_stays_hidden(revision: Revision) -> Iterator[Hit]:
    return (hit for hit, personal in _of_personal_data(revision, _shows(revision)) if not personal)


@MEMBER_RULES.rule(
    "SCH010",
    Severity.WARNING,
    "what could only be written is not shown to everybody without a thought",
    consumers=(READER,),
    kind=EXPOSING,
)
def unreadable_stays_unreadable(revision: Revision) -> Iterator[Hit]:
    found = _of_personal_data(revision, _unlocks(revision))
    return (hit for hit, personal in found if not personal)


@MEMBER_RULES.rule(
    "SCH011",
    Severity.WARNING,
    "values are compared as before",
    consumers=(READER, STORED),
    kind=NARROWING,
    counts=MeasureKind.CASE_EXACT,
)
@between("caseExact")
def compared_as_before(_was: Attribute, _now: Attribute) -> Recipe:
    return "look for values that differ by case only, and for filters that rely on it"


@MEMBER_RULES.rule(
    "SCH012",
    Severity.WARNING,
    "values that were suggested go on to be",
    consumers=(WRITER, STORED),
    kind=NARROWING,
    counts=MeasureKind.CANONICAL_VALUES,
)
@changed("canonicalValues")
def suggested_stays_suggested(was: Attribute, now: Attribute) -> Advice:
    kept = frozenset(now.canonical_values)
    gone = [value for value in was.canonical_values if value not in kept]
    if not kept or not (gone or not was.canonical_values):
        return None
    if gone:
        message = f"canonicalValues lose {listed(quoted(value) for value in gone)}"
    else:
        values = listed(quoted(value) for value in now.canonical_values)
        message = f"canonicalValues were any, and are {values}"
    return message, "keep a value that users hold, and say in the description that it is old"


@MEMBER_RULES.rule(
    "SCH013",
    Severity.ERROR,
    "what could be referred to can be",
    consumers=(READER,),
    kind=NARROWING,
)
@changed("referenceTypes")
def references_stay_open(was: Attribute, now: Attribute) -> Advice:
    gone = [kind for kind in was.reference_types if kind not in now.reference_types]
    if not gone:
        return None
    message = f"referenceTypes lose {listed(quoted(kind) for kind in gone)}"
    return message, "keep the type as long as a value refers to it"


@MEMBER_RULES.rule(
    "SCH018",
    Severity.WARNING,
    "what a vendor's pattern let through it goes on to",
    consumers=(WRITER, STORED),
    kind=NARROWING,
    counts=MeasureKind.PATTERN,
)
def patterns_let_through(revision: Revision) -> Iterator[Hit]:
    for alteration in revision.alterations:
        was, now = alteration.before, alteration.after
        if was and now and fold(alteration.member or "") in PATTERNS and pattern_of(now):
            message = f"attribute {quoted(alteration.name)}: another {alteration.member}"
            recipe = "look for values that it does not let through"
            yield Hit(alteration.path, message, recipe, alteration.member)
