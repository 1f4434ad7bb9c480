"""The rules about changes, SCH001 to SCH017: what each finds, whom it hurts, what to do instead."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from reconciler.domain.compatibility import characteristics as told
from reconciler.domain.compatibility.changes import ChangeRule, Consumer, Hit, Revision
from reconciler.domain.diff import Alteration
from reconciler.domain.manifest import Retired, SchemaExtension
from reconciler.domain.problem import Severity
from reconciler.domain.rules import Demand, excesses
from reconciler.domain.scim import Attribute, fold
from reconciler.domain.words import quoted

Check = Callable[[Revision], Iterator[Hit]]


def _gone(revision: Revision) -> Iterator[Hit]:
    stones = _stones(revision.after)
    came = _came(revision)
    for alteration in revision.alterations:
        was = alteration.before
        if was is None or alteration.after is not None or alteration.member:
            continue
        stone = stones.get(fold(alteration.name))
        if stone is None:
            renamed = _renamed(came[alteration.path[:-1], was.type])
            message = f"attribute {quoted(alteration.name)} is gone{renamed}"
            yield Hit(alteration.path, message, _entomb(alteration.name, was))
        elif stone.type != was.type:
            yield Hit(
                alteration.path,
                f"attribute {quoted(alteration.name)} was {was.type}, and its tombstone says "
                f"{stone.type}",
                _entomb(alteration.name, was),
            )


def _stones(extension: SchemaExtension | None) -> Mapping[str, Retired]:
    """The tombstones by their folded name; of two of one name the first counts."""
    stones = extension.retired if extension else ()
    return {fold(stone.name): stone for stone in reversed(stones)}


def _came(revision: Revision) -> Mapping[tuple[tuple[str, ...], str], list[str]]:
    """The names of new attributes, by what they are part of and their type."""
    came = defaultdict(list)
    for alteration in revision.alterations:
        if alteration.before is None and alteration.member is None and alteration.after:
            came[alteration.path[:-1], alteration.after.type].append(alteration.name)
    return came


def _renamed(came: Sequence[str]) -> str:
    """Whether the one new attribute beside it looks like the same under another name."""
    return f" (renamed to {quoted(came[0])}? a rename loses the values)" if len(came) == 1 else ""


def _entomb(name: str, was: Attribute) -> str:
    return (
        "keep it until nobody reads or writes it, then remember it as "
        f"spec.retired: [{{name: {name}, type: {was.type}}}]"
    )


def _withdrawn(revision: Revision) -> Iterator[Hit]:
    if revision.after is None:
        yield Hit(
            (),
            f"no manifest is for {revision.before.schema.id} ({revision.before.name}) any more: "
            "what is live stays, and nobody watches it",
            "keep the manifest as long as a tenant has the extension",
        )


def _between(member: str, words: told.Words) -> Check:
    """A check of one member of each attribute that stayed: `words` gives message and recipe."""

    def check(revision: Revision) -> Iterator[Hit]:
        for alteration in revision.alterations:
            was, now = alteration.before, alteration.after
            if alteration.member == member and was and now and (found := words((was, now))):
                message = f"{_label(alteration)}: {found[0]}"
                yield Hit(alteration.path, message, found[1], member)

    return check


def _label(alteration: Alteration) -> str:
    return f"attribute {quoted(alteration.name)}"


def _new_and_required(revision: Revision) -> Iterator[Hit]:
    for alteration in revision.alterations:
        now = alteration.after
        if alteration.before is None and alteration.member is None and now and now.required:
            message = f"{_label(alteration)}: new and required"
            yield Hit(alteration.path, message, told.LATER_REQUIRED)


def _another_urn(revision: Revision) -> Iterator[Hit]:
    before, after = revision.before, revision.after
    if after is None:
        return
    if before.schema.key != after.schema.key:
        message = f"the URN was {before.schema.id}: values are known by it"
        recipe = "add a manifest for the new URN beside the old one, and move the values"
        yield Hit((), message, recipe, "id")
    elif before.schema.id != after.schema.id:
        message = f"the URN was written {before.schema.id}: some compare it letter by letter"
        yield Hit((), message, "keep the spelling", "id")
    if before.resource_type != after.resource_type:
        message = f"it extended {before.resource_type} and now extends {after.resource_type}"
        yield Hit((), message, "make another extension for another resource type", "id")


def _reused(revision: Revision) -> Iterator[Hit]:
    after = revision.after
    stones = _stones(after)
    for stone in revision.before.retired:
        back = after.schema.at(stone.name) if after else None
        kept = stones.get(fold(stone.name))
        if after is None:
            message = f"the tombstone of {quoted(stone.name)} ({stone.type}) goes with its manifest"
            yield Hit((), message, "keep the manifest: old values may be stored yet")
        elif back is not None and back.type != stone.type:
            message = f"{quoted(stone.name)} was retired as {stone.type} and is back as {back.type}"
            yield Hit(tuple(stone.name.split(".")), message, "choose a name that was never used")
        elif back is None and (kept is None or kept.type != stone.type):
            message = f"the tombstone of {quoted(stone.name)} ({stone.type}) is gone or another"
            yield Hit((), message, "put it back under spec.retired: old values may be stored yet")


def _of_personal_data(check: Check, *, personal: bool) -> Check:
    """Of what a check finds only that of personal data, by the marks of before too, or the rest."""

    def chosen(revision: Revision) -> Iterator[Hit]:
        marked = {*revision.before.personal, *(revision.after.personal if revision.after else ())}
        names = {tuple(fold(name).split(".")) for name in marked}
        holders = {name[:depth] for name in names for depth in range(1, len(name))}
        for hit in check(revision):
            path = tuple(map(fold, hit.path))
            above = (path[: depth + 1] for depth in range(len(path)))
            if (path in holders or any(part in names for part in above)) is personal:
                yield hit

    return chosen


def _personal_shown(revision: Revision) -> Iterator[Hit]:
    personal = {fold(name) for name in revision.after.personal} if revision.after else set()
    for alteration in revision.alterations:
        new = alteration.after
        if personal and new and alteration.before is None and alteration.member is None:
            for path in _shown(new, alteration.path):
                if fold(".".join(path)) in personal:
                    message = f"attribute {quoted('.'.join(path))}: personal data, returned unasked"
                    recipe = (
                        "check that everybody who reads users may see it, or return it on request"
                    )
                    yield Hit(alteration.path, message, recipe)


def _shown(attribute: Attribute, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The attribute and its parts, as far as they are returned without being asked for."""
    if attribute.returned in ("always", "default"):
        yield path
        for part in attribute.sub_attributes:
            yield from _shown(part, (*path, part.name))


def _contradictory(revision: Revision) -> Iterator[Hit]:
    seen = set()
    for alteration in revision.alterations:
        now = alteration.after
        if now is None or alteration.path in seen or alteration.member == "description":
            continue
        seen.add(alteration.path)
        old = _contradictions(alteration.before) if alteration.before else ()
        for words in _contradictions(now):
            if words not in old:
                recipe = "choose one of the two"
                yield Hit(alteration.path, f"{_label(alteration)}: {words} from now on", recipe)


def _contradictions(attribute: Attribute) -> tuple[str, ...]:
    unique = attribute.uniqueness != "none"
    typed = attribute.type in ("string", "reference", "binary")
    return tuple(
        words
        for words, holds in (
            (
                "writeOnly and yet returned",
                attribute.mutability == "writeOnly" and attribute.returned != "never",
            ),
            ("readOnly and required", attribute.mutability == "readOnly" and attribute.required),
            ("complex and unique", attribute.type == "complex" and unique),
            ("multi-valued and unique", attribute.multi_valued and unique),
            (f"{attribute.type} and caseExact", attribute.case_exact and not typed),
        )
        if holds
    )


def _beyond_limits(revision: Revision) -> Iterator[Hit]:
    after = revision.after
    if after is None:
        return
    for dialect in revision.dialects:
        old = {
            (rule, excess.label): excess.number
            for rule, excess in excesses(Demand(revision.before.schema, dialect))
        }
        for rule, excess in excesses(Demand(after.schema, dialect)):
            known = old.get((rule, excess.label))
            grown = known is None or excess.number > known
            if grown and not after.silences(rule, excess.path, at_key=excess.at_key):
                yield Hit((), excess.message(dialect.target_system), f"see {rule}")


def _hard_for_connectors(revision: Revision) -> Iterator[Hit]:
    for alteration in revision.alterations:
        now, was = alteration.after, alteration.before
        fresh = was is None and alteration.member is None
        top = len(alteration.path) == 1 and (fresh or alteration.member in _SHAPE)
        if top and now and (now.type == "complex" or now.multi_valued):
            kind = "complex" if now.type == "complex" else "multi-valued"
            message = f"{_label(alteration)}: {kind}, which many connectors cannot fill"
            yield Hit(alteration.path, message, "ask those who provision into it (Entra ID cannot)")


_SHAPE = ("type", "multiValued")

_READER, _WRITER, _STORED, _SERVER = Consumer
_ALL = tuple(Consumer)
_ERROR, _WARNING, _INFO = Severity

CHANGE_RULES: tuple[ChangeRule, ...] = (
    ChangeRule(
        "SCH001",
        _ERROR,
        (_READER, _WRITER, _STORED),
        "an attribute does not go or change its name without a tombstone",
        _gone,
    ),
    ChangeRule(
        "SCH001",
        _WARNING,
        (_READER, _WRITER),
        "an extension that tenants have keeps its manifest",
        _withdrawn,
    ),
    ChangeRule("SCH002", _ERROR, _ALL, "a type stays", _between("type", told.another_type)),
    ChangeRule(
        "SCH002",
        _WARNING,
        (_READER,),
        "integer may become decimal",
        _between("type", told.wider_type),
    ),
    ChangeRule(
        "SCH003",
        _ERROR,
        _ALL,
        "one value stays one value, several stay several",
        _between("multiValued", told.multi_valued),
    ),
    ChangeRule(
        "SCH004",
        _ERROR,
        (_WRITER, _STORED),
        "what was optional stays optional",
        _between("required", told.required),
    ),
    ChangeRule("SCH004", _ERROR, (_WRITER, _STORED), "what is new is optional", _new_and_required),
    ChangeRule(
        "SCH005",
        _ERROR,
        (_WRITER, _STORED),
        "values that may repeat may go on to; users' values would decide, and are not looked at",
        _between("uniqueness", told.more_unique),
    ),
    ChangeRule(
        "SCH006",
        _WARNING,
        (_READER,),
        "values that were unique stay unique",
        _between("uniqueness", told.less_unique),
    ),
    ChangeRule(
        "SCH007",
        _ERROR,
        (_READER, _WRITER),
        "what could be written and read can be",
        _between("mutability", told.less_mutable),
    ),
    ChangeRule(
        "SCH008",
        _INFO,
        (_READER,),
        "what did not change may begin to",
        _between("mutability", told.more_mutable),
    ),
    ChangeRule(
        "SCH009",
        _ERROR,
        (_READER,),
        "what was returned is not hidden",
        _between("returned", told.never_returned),
    ),
    ChangeRule(
        "SCH009",
        _WARNING,
        (_READER,),
        "what was returned unasked goes on to be",
        _between("returned", told.less_returned),
    ),
    ChangeRule(
        "SCH010",
        _ERROR,
        (_READER,),
        "personal data (`spec.personal`) that was hidden is not shown",
        _of_personal_data(_between("returned", told.exposed), personal=True),
    ),
    ChangeRule(
        "SCH010",
        _ERROR,
        (_READER,),
        "personal data that could only be written is not shown",
        _of_personal_data(_between("mutability", told.readable), personal=True),
    ),
    ChangeRule(
        "SCH010",
        _WARNING,
        (_READER,),
        "what was hidden is not shown to everybody without a thought",
        _of_personal_data(_between("returned", told.exposed), personal=False),
    ),
    ChangeRule(
        "SCH010",
        _WARNING,
        (_READER,),
        "what could only be written is not shown to everybody without a thought",
        _of_personal_data(_between("mutability", told.readable), personal=False),
    ),
    ChangeRule(
        "SCH010",
        _WARNING,
        (_READER,),
        "new personal data (`spec.personal`) is not shown to everybody without a thought",
        _personal_shown,
    ),
    ChangeRule(
        "SCH011",
        _WARNING,
        (_READER, _STORED),
        "values are compared as before",
        _between("caseExact", told.case_exact),
    ),
    ChangeRule(
        "SCH012",
        _WARNING,
        (_WRITER, _STORED),
        "values that were suggested go on to be",
        _between("canonicalValues", told.fewer_values),
    ),
    ChangeRule(
        "SCH013",
        _ERROR,
        (_READER,),
        "what could be referred to can be",
        _between("referenceTypes", told.fewer_references),
    ),
    ChangeRule(
        "SCH014", _ERROR, _ALL, "an extension keeps its URN and its resource type", _another_urn
    ),
    ChangeRule(
        "SCH014", _ERROR, _ALL, "a retired name does not come back as something else", _reused
    ),
    ChangeRule(
        "SCH015",
        _ERROR,
        (_WRITER, _SERVER),
        "a change brings no characteristics that contradict each other",
        _contradictory,
    ),
    ChangeRule(
        "SCH016",
        _ERROR,
        (_SERVER,),
        "a change stays within what the services of its tenants take",
        _beyond_limits,
    ),
    ChangeRule(
        "SCH017",
        _INFO,
        (_WRITER,),
        "what is new can be filled by simple connectors",
        _hard_for_connectors,
    ),
)
