"""Impacts of a planned change, and its kinds, which decide who has to approve it."""

from dataclasses import dataclass, replace
from functools import lru_cache

from reconciler.domain.dialect import Dialect
from reconciler.domain.jsontext import canonical
from reconciler.domain.manifest import ChangeKind, SchemaExtension, Silenced
from reconciler.domain.problem import Place, Severity
from reconciler.domain.rules.changes import CHANGE_RULES
from reconciler.domain.rules.revision import Consumer, Revision
from reconciler.domain.scim import Schema


@dataclass(frozen=True, slots=True)
class Impact:
    """One hit of a rule about changes: whom it concerns, and a message."""

    rule: str
    severity: Severity
    consumers: tuple[Consumer, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """A change's kinds, the gravest first, and its impacts in the order of the rules."""

    kinds: tuple[ChangeKind, ...]
    impacts: tuple[Impact, ...]


def assess(live: Schema | None, extension: SchemaExtension, dialect: Dialect | None) -> Assessment:
    """Compare live (its managed view, None where it is absent) with what the manifest wants.

    It is of the kinds of the rules that find something; additive is all that no rule finds to be
    exposing or narrowing.
    """
    if live is not None and live.document:  # what is remembered would hold it, too
        live = replace(live, document={})
    case = _Case(live, extension.schema, extension.personal, extension.silenced, dialect)
    # Notes silence by the place in a document, which an equal one may have in another order.
    order = canonical(extension.schema.document) if extension.silenced else b""
    many = max(len(schema.attributes) for schema in (live or extension.schema, extension.schema))
    assessed = _assess_many if many > _MANY else _assess_few
    return assessed(case, (_spelling(live), _spelling(extension.schema)), order)


@dataclass(frozen=True, slots=True)
class _Case:
    """All that an assessment depends upon, but for how names are spelled."""

    live: Schema | None
    desired: Schema
    personal: tuple[str, ...]
    silenced: frozenset[Silenced]
    dialect: Dialect | None

    def revision(self) -> Revision:
        after = SchemaExtension(
            name="",
            place=_NOWHERE,
            schema=self.desired,
            personal=self.personal,
            silenced=self.silenced,
        )
        return Revision.of_live(self.live, after, (self.dialect,) if self.dialect else ())


_NOWHERE = Place("")


def _spelling(schema: Schema | None) -> tuple[str, ...]:
    attributes = schema.attributes if schema else ()
    return tuple(part.name for a in attributes for part in (a, *a.sub_attributes))


_MANY = 100


def _assess(case: _Case, _names: tuple[tuple[str, ...], ...], _order: bytes) -> Assessment:
    revision = case.revision()
    # Where nobody has the extension yet nothing of it can be lost, and few rules have a say.
    rules = [rule for rule in CHANGE_RULES if case.live is not None or rule.on_create]
    found = [(rule, hit) for rule in rules for hit in rule.check(revision)]
    # The rules decide, so that a plan and `validate --against` never disagree:
    # docs/decisions.md, "Kinds of change, and who approves them".
    grave = [(rule, hit) for rule, hit in found if rule.kind is not ChangeKind.ADDITIVE]
    kinds = {rule.kind for rule, _ in grave}
    touched = {alteration.path for alteration in revision.alterations}
    if case.live is None or touched - {hit.path for _, hit in grave} or not kinds:
        kinds.add(ChangeKind.ADDITIVE)
    return Assessment(
        kinds=tuple(kind for kind in ChangeKind if kind in kinds),
        impacts=tuple(
            Impact(rule.id, rule.severity, rule.consumers, hit.message) for rule, hit in found
        ),
    )


_assess_few = lru_cache(maxsize=256)(_assess)  # many tenants have one case
_assess_many = lru_cache(maxsize=1)(_assess)  # it is asked for several times in a row
