"""Gate: whether HR may send attributes of a tenant now, and what keeps each of them from it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.domain.canary import CanaryResult
from reconciler.domain.dialect import BindingList
from reconciler.domain.diff import managed_view
from reconciler.domain.hearing import Bindings, is_bound
from reconciler.domain.lifecycle import AttributeStage, Course, Lifecycle, lifecycle, times_in
from reconciler.domain.manifest import SchemaExtension, Tenant
from reconciler.domain.scim import Schema, fold
from reconciler.domain.searching import Found, Searchable, names_in

_UNLISTED = (
    "/ResourceTypes does not say what is bound; where the service never says, write "
    "bindings: unlisted in spec.capabilities"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeGate:
    """One attribute, dotted for a part: what is known of it, and the reasons against it.

    `bound` is None where the service does not say. `since` is when it came there, by the trail;
    None where the trail does not know.
    """

    schema_id: str
    attribute: str
    lifecycle: Lifecycle | None
    verified: bool
    bound: bool | None
    searchable: Searchable
    persisted: CanaryResult
    reasons: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """True where HR may send it."""
        return not self.reasons

    @property
    def since(self) -> str | None:
        """When it came there for the last time, as the trail has it."""
        return None if self.lifecycle is None else self.lifecycle.deployed


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantGate:
    """The gate of a tenant, for the attributes that were asked for.

    `reasons` are those against all of it, where there is no attribute to hold one against.
    """

    tenant: str
    attributes: tuple[AttributeGate, ...]
    reasons: tuple[str, ...] = ()

    @classmethod
    def undeclared(
        cls, tenant: str, urn: str, attributes: Iterable[str], *, reason: str
    ) -> "TenantGate":
        """The gate for a URN that no manifest gives the tenant."""
        gates = tuple(
            AttributeGate(
                schema_id=urn,
                attribute=attribute,
                lifecycle=None,
                verified=False,
                bound=None,
                searchable=Searchable.UNKNOWN,
                persisted=CanaryResult.NOT_TRIED,
                reasons=(reason,),
            )
            for attribute in attributes
        )
        return cls(tenant=tenant, attributes=gates, reasons=() if gates else (reason,))

    @property
    def ready(self) -> bool:
        """True where HR may send all of them."""
        return not self.reasons and all(attribute.ready for attribute in self.attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFacts:
    """All that is known at a moment of one desired schema of a tenant.

    `extension` is the manifest, fitted to the tenant. `live` is None where the schema is absent,
    or nobody can tell, and then `unknown` says why. `bindings` are None where nobody can tell, and
    `unlisted` says why. `persisted` is what a canary found, by folded name, None where the tenant
    has none. `date` is the day, RFC 3339.
    """

    tenant: Tenant
    extension: SchemaExtension
    live: Schema | None
    unknown: str | None = None
    bindings: Bindings | None
    unlisted: str = _UNLISTED
    persisted: Mapping[str, CanaryResult] | None = None
    course: Course = ()
    date: str

    def verified(self, attributes: Iterable[str] = ()) -> tuple[str, ...]:
        """Those of the attributes, or of all that the manifest has, that are live as desired."""
        desired, view = self.extension.schema, self._view()
        names = tuple(attributes) or names_in(desired)
        if view is None:
            return ()
        return tuple(name for name in names if view.at(name) == desired.at(name) is not None)

    def gates(
        self, attributes: Iterable[str], found: Mapping[str, Found] | None
    ) -> tuple[AttributeGate, ...]:
        """The gates of those attributes, or of all that the manifest has.

        `found` has what was found of verified ones by filters, by folded name; None where none
        were to be sent.
        """
        names = tuple(attributes) or names_in(self.extension.schema)
        verified, view, times = frozenset(self.verified(names)), self._view(), times_in(self.course)
        bound = self.bound
        return tuple(
            self._gate(
                name,
                lifecycle(name, self.extension, times, today=self.date),
                bound=bound,
                verified=name in verified,
                is_live=view is not None and view.at(name) is not None,
                found=None if found is None else found.get(fold(name), _NOT_ASKED),
            )
            for name in names
        )

    def _view(self) -> Schema | None:
        if self.live is None:
            return None
        return managed_view(self.live, self.extension.schema, self.extension.manages)

    def _gate(
        self,
        name: str,
        course: Lifecycle | None,
        *,
        bound: bool | None,
        verified: bool,
        is_live: bool,
        found: Found | None,
    ) -> AttributeGate:
        schema = self.extension.schema
        is_declared = schema.at(name) is not None
        persisted = (self.persisted or {}).get(fold(name), CanaryResult.NOT_TRIED)
        if not is_declared:
            reasons = [_undeclared(course)]
        elif not verified:
            reasons = [self._unverified(is_live=is_live)]
        else:
            reasons = list(self._obstacles(bound, found, persisted))
        return AttributeGate(
            schema_id=schema.id,
            attribute=_spelling(schema, name) if is_declared else name,
            lifecycle=course,
            verified=verified,
            bound=bound,
            searchable=(found or _NOT_ASKED).searchable,
            persisted=persisted,
            reasons=tuple(reasons),
        )

    @property
    def bound(self) -> bool | None:
        """Whether users can hold values of it; None where the service does not say."""
        if self.tenant.dialect.bindings is BindingList.UNLISTED:
            return True
        if self.bindings is None:
            return None
        return is_bound(self.bindings, self.extension.schema, self.extension.binding_type)

    def _unverified(self, *, is_live: bool) -> str:
        if self.unknown is not None:
            return self.unknown
        if self.live is None:
            return "the schema is not live"
        return "live differs from the manifest; plan shows how" if is_live else "it is not live"

    def _obstacles(
        self, bound: bool | None, found: Found | None, persisted: CanaryResult
    ) -> Iterator[str]:
        """The reasons against an attribute that is verified."""
        kind = self.extension.binding_type or "any resource type"
        if bound is None:
            yield self.unlisted
        elif not bound:
            yield f"/ResourceTypes does not name the schema for {kind}, so nobody can hold a value"
        if found is not None and found.searchable is not Searchable.TRUE:
            is_known = found.searchable is Searchable.FALSE
            state = "not searchable" if is_known else "not known to be searchable"
            yield f"{state}: {found.reason}"
        if self.persisted is not None and persisted is not CanaryResult.PERSISTED:
            yield f"a value that was written as a test is not known to be kept: {persisted}"


def _undeclared(course: Lifecycle | None) -> str:
    if course is not None and course.stage is AttributeStage.RETIRED:
        since = f" since {course.retired}" if course.retired else ""
        return f"it is retired{since}"
    return "no manifest declares it for this tenant"


def _spelling(schema: Schema, name: str) -> str:
    """The name as the manifest spells it."""
    parts = name.split(".")
    above = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    return ".".join(found.name for each in above if (found := schema.at(each)) is not None)


_NOT_ASKED = Found(searchable=Searchable.UNKNOWN, reason="nobody asked")
