"""Revision: one extension before and after, and how rules about such a change are written down."""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, field, replace
from enum import StrEnum
from typing import Self

from reconciler.domain.dialect import Dialect
from reconciler.domain.diff import Alteration, alterations
from reconciler.domain.manifest import ChangeKind, SchemaExtension
from reconciler.domain.problem import Severity
from reconciler.domain.rules.rule import About, Rule
from reconciler.domain.scim import Schema, fold


class Consumer(StrEnum):
    """The one whom a change can break."""

    READER = "READER"  # applications that read values
    WRITER = "WRITER"  # connectors, HR above all, that write them
    STORED = "STORED"  # values that users hold already
    SERVER = "SERVER"  # the service itself, which cannot do it


class MeasureKind(StrEnum):
    """The changes of which live users tell how many they hurt, most by their characteristic."""

    REQUIRED = "required"
    UNIQUENESS = "uniqueness"
    CANONICAL_VALUES = "canonicalValues"
    TYPE = "type"
    PATTERN = "pattern"
    MULTI_VALUED = "multiValued"
    CASE_EXACT = "caseExact"
    REMOVED = "removed"
    RETIRED = "retired"  # removed with a tombstone


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One extension before and after; `after` is None where no manifest is for it any more.

    `dialects` are those of the tenants that are to get it, `alterations` all that is another.
    `personal` are the names that lead to each attribute, or part, that is marked as personal data
    before or after: to take a mark out makes nothing less personal.
    """

    before: SchemaExtension
    after: SchemaExtension | None
    dialects: tuple[Dialect, ...] = ()
    alterations: tuple[Alteration, ...] = field(init=False)
    personal: frozenset[tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        """Find once what is another in the schema; nothing where there is none to compare."""
        found = alterations(self.before.schema, self.after.schema) if self.after else ()
        object.__setattr__(self, "alterations", found)
        marked = {*self.before.personal, *(self.after.personal if self.after else ())}
        names = frozenset(tuple(fold(name).split(".")) for name in marked)
        object.__setattr__(self, "personal", names)

    @classmethod
    def of_live(
        cls, live: Schema | None, after: SchemaExtension, dialects: tuple[Dialect, ...] = ()
    ) -> Self:
        """The revision that writing `after` over the managed view of live is; None: it is absent.

        The URN is one and the same, however it is written; a tombstone makes nothing good.
        """
        was = replace(live or replace(after.schema, attributes=()), id=after.schema.id)
        after = replace(after, retired=())
        return cls(before=replace(after, schema=was), after=after, dialects=dialects)

    def is_personal(self, path: tuple[str, ...]) -> bool:
        """Test whether an attribute or a part is personal data, or a part of what is."""
        folded = tuple(map(fold, path))
        return any(folded[:depth] in self.personal for depth in range(1, len(folded) + 1))


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing in which a change breaks a rule: a message, and what to do instead.

    `path` are the names that lead to the attribute, `member` is what of it is meant.
    """

    path: tuple[str, ...]
    message: str
    recipe: str
    member: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeRule(Rule):
    """A rule about a change, whom it hurts, and what kind of change it finds.

    A rule of the kind `additive` is about nobody's loss: what it finds makes a change neither
    narrowing nor exposing. `counts` is what live users can tell of what it finds. `on_create` says
    that it holds for a new schema too: where nobody has the extension yet, nothing of it can be
    lost.
    """

    check: Callable[[Revision], Iterable[Hit]]
    _: KW_ONLY
    consumers: tuple[Consumer, ...]
    kind: ChangeKind
    counts: MeasureKind | None = None
    on_create: bool = False


class ChangeRuleSet:
    """The rules about changes by id; of one id in the order in which their functions are written.

    They stand in several modules, and reports should not depend on which was read first. A set
    begins with the rules of another.
    """

    def __init__(self, rules: Iterable[ChangeRule] = ()) -> None:
        self._rules = list(rules)

    def rule(
        self,
        id_: str,
        severity: Severity,
        reason: str,
        *,
        consumers: tuple[Consumer, ...],
        kind: ChangeKind,
        counts: MeasureKind | None = None,
        on_create: bool = False,
    ) -> Callable[[Callable[[Revision], Iterable[Hit]]], ChangeRule]:
        """Make a rule of the function below, and one of this set."""

        def join(check: Callable[[Revision], Iterable[Hit]]) -> ChangeRule:
            made = ChangeRule(
                id_,
                severity,
                reason,
                About.CHANGE,
                check,
                consumers=consumers,
                kind=kind,
                counts=counts,
                on_create=on_create,
            )
            insort(self._rules, made, key=lambda rule: rule.id)
            return made

        return join

    def __iter__(self) -> Iterator[ChangeRule]:
        return iter(self._rules)

    def hits(self, revision: Revision) -> Iterator[tuple[ChangeRule, Hit]]:
        """Each hit in the revision with its rule, in the order of the rules."""
        for rule in self._rules:
            for hit in rule.check(revision):
                yield rule, hit
