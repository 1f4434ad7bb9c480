"""Use case: look at a tenant, and find out whether HR may send its attributes now."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.domain.canary import CanaryResult
from reconciler.domain.gate import SchemaFacts, TenantGate
from reconciler.domain.hearing import holding_type
from reconciler.domain.lifecycle import Course, persisted
from reconciler.domain.manifest import SchemaExtension, Tenant
from reconciler.domain.scim import Schema, fold
from reconciler.domain.searching import Found, Searched
from reconciler.ports import Clock, SchemaReader
from reconciler.searchable import Inquiry, Searching


@dataclass(frozen=True, slots=True, kw_only=True)
class Gating:
    """The means to look at one tenant; it is only read.

    `searching` is None where nobody is to ask whether attributes are searchable. `courses` are what
    the trail has of these schemas, by folded id. `keep` takes what was found of each.
    """

    clock: Clock
    tenant: Tenant
    reader: SchemaReader
    searching: Searching | None
    courses: Callable[[Iterable[Schema]], Mapping[str, Course]]
    keep: Callable[[SchemaFacts, Searched], None] = lambda *_: None

    def look(
        self, extensions: Sequence[SchemaExtension], attributes: Sequence[str] = ()
    ) -> TenantGate:
        """The gate for those attributes of each extension, or for all that it has.

        The extensions are fitted to the tenant. Raises TenantError where it cannot be read, and
        StateError where its trail cannot.
        """
        live = self.reader.read_all([extension.schema.id for extension in extensions])
        bindings = self.reader.bindings() if extensions else None
        courses = self.courses([extension.schema for extension in extensions])
        facts = [
            SchemaFacts(
                tenant=self.tenant,
                extension=extension,
                live=live.schemas.get(extension.schema.key),
                unknown=None
                if (reason := live.unreadable.get(extension.schema.key)) is None
                else f"the schema cannot be read: {reason}",
                bindings=bindings,
                course=courses.get(extension.schema.key, ()),
                persisted=self._persisted(courses.get(extension.schema.key, ())),
                date=f"{self.clock.now():%Y-%m-%d}",
            )
            for extension in extensions
        ]
        found = self._search(facts, attributes)
        gates = [
            gate
            for each in facts
            for gate in each.gates(
                attributes, None if found is None else found.get(each.extension.schema.key, {})
            )
        ]
        reasons = () if gates else ("no manifest gives the tenant an extension",)
        return TenantGate(tenant=self.tenant.name, attributes=tuple(gates), reasons=reasons)

    def _persisted(self, course: Course) -> Mapping[str, CanaryResult] | None:
        """What a canary has found; None where the tenant has none."""
        return None if self.tenant.canary is None else persisted(course)

    def _search(
        self, facts: Iterable[SchemaFacts], attributes: Sequence[str]
    ) -> Mapping[str, Mapping[str, Found]] | None:
        """What is found of each verified attribute, by folded ids and names; None: nobody asks."""
        if self.searching is None:
            return None
        asked: list[tuple[SchemaFacts, Inquiry]] = []
        for each in facts:
            extension, names = each.extension, each.verified(attributes)
            if each.live is not None and names:
                inquiry = Inquiry(
                    schema=each.live,
                    resource_type=holding_type(
                        each.bindings, extension.schema, extension.binding_type
                    ),
                    attributes=names,
                    since=self.clock.monotonic(),
                )
                asked.append((each, inquiry))
        answers = self.searching.search(inquiry for _, inquiry in asked) if asked else ()
        found = {}
        for (each, _), answer in zip(asked, answers, strict=True):
            self.keep(each, answer)
            found[each.extension.schema.key] = {fold(name): one for name, one in answer.found}
        return found
