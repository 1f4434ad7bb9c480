"""Rules about attributes that come and go, about URNs, and about what other rules find anew."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set

from reconciler.domain.dialect import Dialect
from reconciler.domain.diff import Alteration
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import ChangeKind, Retired, SchemaExtension
from reconciler.domain.messages import quoted
from reconciler.domain.problem import Severity
from reconciler.domain.rules.changed_members import LATER_REQUIRED, MEMBER_RULES
from reconciler.domain.rules.characteristics import CHARACTERISTIC_RULES
from reconciler.domain.rules.limits import LIMIT_RULES, Demand
from reconciler.domain.rules.revision import (
    ChangeRuleSet,
    Consumer,
    Hit,
    MeasureKind,
    Revision,
)
from reconciler.domain.rules.rule import Fault, Rule
from reconciler.domain.rules.sites import AttributeSite, attribute_sites, names_at
from reconciler.domain.scim import Attribute, Schema, fold

CHANGE_RULES = ChangeRuleSet(MEMBER_RULES)

READER, WRITER, STORED, SERVER = Consumer
EVERYBODY = tuple(Consumer)
EXPOSING, NARROWING, ADDITIVE = ChangeKind


@CHANGE_RULES.rule(
    "SCH001",
    Severity.ERROR,
    "an attribute does not go or change its name without a tombstone",
    consumers=(READER, WRITER, STORED),
    kind=NARROWING,
    counts=MeasureKind.REMOVED,
)
def attributes_leave_tombstones(revision: Revision) -> Iterator[Hit]:
    stones = _stones(revision.after)
    came = _came(revision)
    for alteration in revision.alterations:
        was = alteration.before
        if was is None or alteration.after is not None or alteration.member:
            continue
        name, stone = alteration.name, stones.get(fold(alteration.name))
        recipe = (
            "keep it until nobody reads or writes it, then remember it as "
            f"spec.retired: [{{name: {name}, type: {was.type}}}]"
        )
        if stone is None:
            # A guess, and only where one attribute of that type came: two could both be it.
            new = came[alteration.path[:-1], was.type]
            guess = f" (renamed to {quoted(new[0])}? a rename loses the values)" if new else ""
            renamed = guess if len(new) == 1 else ""
            yield Hit(alteration.path, f"{_label(alteration)} is gone{renamed}", recipe)
        elif stone.type != was.type:
            message = f"{_label(alteration)} was {was.type}, and its tombstone says {stone.type}"
            yield Hit(alteration.path, message, recipe)


def _label(alteration: Alteration) -> str:
    return f"attribute {quoted(alteration.name)}"


def _stones(extension: SchemaExtension | None) -> Mapping[str, Retired]:
    """The tombstones by their folded name; of two of one name the first counts."""
    stones = extension.retired if extension else ()
    return {fold(stone.name): stone for stone in reversed(stones)}


def _new(alteration: Alteration) -> Attribute | None:
    """The attribute that came; None where none did."""
    came = alteration.before is None and alteration.member is None
    return alteration.after if came else None


def _came(revision: Revision) -> Mapping[tuple[tuple[str, ...], str], list[str]]:
    """The names of new attributes, by what they are part of and their type."""
    came = defaultdict(list)
    for alteration in revision.alterations:
        if new := _new(alteration):
            came[alteration.path[:-1], new.type].append(alteration.name)
    return came


@CHANGE_RULES.rule(
    "SCH001",
    Severity.WARNING,
    "an extension that a tenant has keeps a manifest that is for the tenant",
    consumers=(READER, WRITER),
    kind=NARROWING,
)
def manifests_stay(revision: Revision) -> Iterator[Hit]:
    if revision.after is None:
        yield Hit(
            (),
            f"no manifest is for {revision.before.schema.id} ({revision.before.name}) any more: "
            "what is live stays, and nobody watches it",
            "keep the manifest as long as a tenant has the extension",
        )


@CHANGE_RULES.rule(
    "SCH004",
    Severity.ERROR,
    "what is new is optional",
    consumers=(WRITER, STORED),
    kind=NARROWING,
    counts=MeasureKind.REQUIRED,
)
def new_attributes_are_optional(revision: Revision) -> Iterator[Hit]:
    for alteration in revision.alterations:
        new = _new(alteration)
        if new and new.required:
            message = f"{_label(alteration)}: new and required"
            yield Hit(alteration.path, message, LATER_REQUIRED)


@CHANGE_RULES.rule(
    "SCH010",
    Severity.WARNING,
    "new personal data (`spec.personal`) is not shown to everybody without a thought",
    consumers=(READER,),
    kind=EXPOSING,
    on_create=True,
)
def new_personal_data_is_hidden(revision: Revision) -> Iterator[Hit]:
    for alteration in revision.alterations:
        new = _new(alteration)
        if not new or not revision.personal:
            continue
        for path in _shown(new, alteration.path):
            # Of what is personal as a whole its own parts need no message each.
            whole = path[:-1] if path != alteration.path else ()
            if revision.is_personal(path) and not revision.is_personal(whole):
                yield Hit(
                    alteration.path,
                    f"attribute {quoted('.'.join(path))}: personal data, returned unasked",
                    "check that everybody who reads users may see it, or return it on request",
                )


def _shown(attribute: Attribute, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The attribute and its parts, as far as they are returned without being asked for."""
    if attribute.returned in ("always", "default"):
        yield path
        for part in attribute.sub_attributes:
            yield from _shown(part, (*path, part.name))


@CHANGE_RULES.rule(
    "SCH014",
    Severity.ERROR,
    "an extension keeps its URN and its resource type",
    consumers=EVERYBODY,
    kind=NARROWING,
)
def urns_stay(revision: Revision) -> Iterator[Hit]:
    before, after = revision.before, revision.after
    if after is None:
        return
    if before.schema.key != after.schema.key:
        message = f"the URN was {before.schema.id}: values are known by it"
        recipe = "add a manifest for the new URN beside the old one, and move the values"
        yield Hit((), message, recipe, "id")
    elif before.schema.id != after.schema.id:
        # The URNs of schemas ignore case (RFC 7644 section 3.10), and clients often do not.
        message = f"the URN was written {before.schema.id}: some compare it letter by letter"
        yield Hit((), message, "keep the spelling", "id")
    if before.resource_type != after.resource_type:
        message = f"it extended {before.resource_type} and now extends {after.resource_type}"
        yield Hit((), message, "make another extension for another resource type", "id")


@CHANGE_RULES.rule(
    "SCH014",
    Severity.ERROR,
    "a retired name does not come back as something else",
    consumers=EVERYBODY,
    kind=NARROWING,
)
def retired_names_are_not_reused(revision: Revision) -> Iterator[Hit]:
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


@CHANGE_RULES.rule(
    "SCH015",
    Severity.WARNING,
    "a change brings nothing that the rules about characteristics warn of",
    consumers=(WRITER, SERVER),
    kind=ADDITIVE,
    on_create=True,
)
def characteristics_go_together(revision: Revision) -> Iterator[Hit]:
    """The characteristic rules over the schema afterwards, without what they found before."""
    # No list of its own: docs/decisions.md, "A change contradicts what the rules about
    # characteristics contradict".
    after = revision.after
    if after is None or not revision.alterations:
        return
    changed = {tuple(map(fold, alteration.path)) for alteration in revision.alterations}
    # Live schemas are written in any spelling, and some characteristics mean nothing, so both are
    # checked as they were understood; the document says where it is written.
    before, now = (
        {(rule.id, site.key) for rule, site, _ in _warnings(schema.to_json(), changed)}
        for schema in (revision.before.schema, after.schema)
    )
    for rule, site, fault in _warnings(after.schema.document, changed):
        silenced = after.silences(rule.id, fault.pointer, at_key=fault.at_key)
        if (rule.id, site.key) in now - before and not silenced:
            member = next((str(step) for step in fault.pointer[len(site.pointer) :]), None)
            yield Hit(site.names, fault.message, f"see {rule.id}", member)


def _warnings(
    document: Mapping[str, Json], changed: Set[tuple[str, ...]]
) -> Iterator[tuple[Rule, AttributeSite, Fault]]:
    """The faults of attributes that changed, and on parts of them; not what only informs."""
    for site in attribute_sites(document):
        if any(site.key[:depth] in changed for depth in range(1, len(site.key) + 1)):
            for rule, fault in CHARACTERISTIC_RULES.faults(site):
                if rule.severity is not Severity.INFO:
                    yield rule, site, fault


@CHANGE_RULES.rule(
    "SCH016",
    Severity.ERROR,
    "a change stays within what the services of its tenants take",
    consumers=(SERVER,),
    kind=ADDITIVE,
)
def limits_are_kept(revision: Revision) -> Iterator[Hit]:
    after = revision.after
    if after is None:
        return
    for dialect in revision.dialects:
        # What was too much before is nobody's fault today, unless it has become more.
        known = {key: fault.number for key, fault in _excesses(revision.before.schema, dialect)}
        for key, fault in _excesses(after.schema, dialect):
            grown = key not in known or fault.number > known[key]
            rule, _ = key
            if grown and not after.silences(rule, fault.pointer, at_key=fault.at_key):
                yield Hit((), fault.message, f"see {rule}")


def _excesses(
    schema: Schema, dialect: Dialect
) -> Iterator[tuple[tuple[str, tuple[str, ...]], Fault]]:
    """Each limit exceeded, by its rule and the names that lead to it."""
    demand = Demand(schema=schema, dialect=dialect, service=dialect.target_system)
    for rule, fault in LIMIT_RULES.faults(demand):
        yield (rule.id, names_at(schema.document, fault.pointer)), fault


@CHANGE_RULES.rule(
    "SCH017",
    Severity.INFO,
    "what is new can be filled by simple connectors",
    consumers=(WRITER,),
    kind=ADDITIVE,
    on_create=True,
)
def connectors_can_fill_it(revision: Revision) -> Iterator[Hit]:
    for alteration in revision.alterations:
        now = alteration.after
        reshaped = _new(alteration) or alteration.member in ("type", "multiValued")
        top = len(alteration.path) == 1
        if now and top and reshaped and (now.type == "complex" or now.multi_valued):
            kind = "complex" if now.type == "complex" else "multi-valued"
            message = f"{_label(alteration)}: {kind}, which many connectors cannot fill"
            yield Hit(alteration.path, message, "ask those who provision into it (Entra ID cannot)")
