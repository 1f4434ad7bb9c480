"""Use case: the adoption of a tenant's attributes, counted and held against the trail."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from reconciler.counting import Figure, HolderCount, ResourceFigures
from reconciler.domain.adoption import (
    AdoptionFigure,
    AttributePast,
    CountableSchema,
    Declaration,
    ResourceAdoption,
    Sample,
    SampleHistory,
    SampleKey,
)
from reconciler.domain.deciding import LiveTenant
from reconciler.domain.hearing import Bindings
from reconciler.domain.lifecycle import times_in
from reconciler.domain.manifest import SchemaExtension, Tenant
from reconciler.domain.records import rfc3339
from reconciler.domain.scim import Schema, fold
from reconciler.domain.selection import Selection
from reconciler.errors import TenantError
from reconciler.importing import resource_type_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSubject:
    """What is counted of a tenant: what is live of its extensions, and what no manifest names.

    `bindings` are None where the service lists none: then users may hold whatever is live.
    """

    tenant: Tenant
    extensions: tuple[SchemaExtension, ...]
    live: LiveTenant
    bindings: Bindings | None
    selection: Selection

    def by_type(self, count: HolderCount, since: "_Since") -> dict[str, list[CountableSchema]]:
        """The schemas to count by the resource type whose resources may hold them.

        What the trail has as deployed, and the service has not any more, is among them where no
        page can show that users hold it still.
        """
        found: defaultdict[str, list[CountableSchema]] = defaultdict(list)
        for kind, schema, extension in self._subjects():
            own = count.users.own_schema(kind)
            is_own = own is not None and fold(own) == schema.key
            countable = CountableSchema.of(schema, extension, own=is_own).without(self._hides)
            hidden = partial(count.users.hidden, kind, schema.id)
            gone = (
                each.name
                for each in (extension.schema.attributes if extension else ())
                if schema.attribute(each.name) is None
                and (schema.key, each.key) in since
                and hidden(each.name) is not None
            )
            found[kind].append(countable.with_removed(gone).obstructed(hidden))
        return found

    def unreadable(self) -> Iterable[ResourceAdoption]:
        """Those of the selected extensions whose live schema cannot be read."""
        for extension in self.extensions:
            reason = self.live.unreadable.get(extension.schema.key)
            if reason is not None and self.selection.takes(self.tenant.name, extension):
                yield ResourceAdoption(
                    tenant=self.tenant.name,
                    resource_type=extension.resource_type,
                    error=f"{extension.schema.id}: {reason}",
                )

    def _hides(self, name: str) -> bool:
        """Test whether a service has put one of our credentials into a name."""
        return self.live.redaction.text(name) != name

    def _subjects(self) -> Iterable[tuple[str, Schema, SchemaExtension | None]]:
        named = {extension.schema.key for extension in self.extensions}
        for extension in self.extensions:
            schema = self.live.schemas.get(extension.schema.key)
            if schema is not None and self.selection.takes(self.tenant.name, extension):
                yield extension.resource_type, schema, extension
        for key in sorted(self.live.schemas.keys() - named):
            schema = self.live.schemas[key]
            bound = self.bindings is None or any(key in ids for ids in self.bindings.values())
            is_foreign = self.tenant.dialect.protects(schema.id) or self._hides(schema.id)
            is_ours = bound and not is_foreign
            if not is_ours or not self.selection.takes_unmanaged(schema.id):
                continue
            if (kind := resource_type_of(schema, self.bindings)) is not None:
                yield kind, schema, None


def adoption_of(subject: TenantSubject, count: HolderCount) -> list[ResourceAdoption]:
    """Count all resource types of a tenant; each count is kept before the next is begun."""
    since = _since(subject, count)
    found = list(subject.unreadable())
    for kind, schemas in subject.by_type(count, since).items():
        try:
            figures = count.figures(kind, schemas)
        except TenantError as error:
            found.append(
                ResourceAdoption(tenant=subject.tenant.name, resource_type=kind, error=str(error))
            )
            continue
        found.append(_adoption(subject.tenant.name, figures, since, count))
    return found or [ResourceAdoption(tenant=subject.tenant.name, resource_type=None)]


_Since = Mapping[tuple[str, str], str]


def _adoption(
    tenant: str, figures: ResourceFigures, since: _Since, count: HolderCount
) -> ResourceAdoption:
    kind, now = figures.resource_type, count.clock.now()
    keys = {
        (each.schema_id, each.countable.name): SampleKey(
            tenant=tenant,
            resource_type=kind,
            schema_id=each.schema_id,
            attribute=each.countable.name,
        )
        for each in figures.figures
    }
    histories = count.samples.samples_before(tuple(keys.values()))
    samples = [
        Sample(
            key=keys[each.schema_id, each.countable.name],
            count=each.count,
            measured_at=rfc3339(now),
        )
        for each in figures.figures
        if each.count is not None
    ]
    count.samples.add_samples(samples, ends=(tenant, kind) if figures.over else None)
    attributes = (
        _attribute(
            each,
            histories.get(keys[each.schema_id, each.countable.name]),
            since.get((fold(each.schema_id), fold(each.countable.name))),
            is_over=figures.over,
            now=now,
        )
        for each in figures.figures
    )
    return ResourceAdoption(
        tenant=tenant,
        resource_type=kind,
        total=figures.total,
        attributes=tuple(
            each
            for each in attributes
            # That nobody holds what nobody has declared is as it should be.
            if each.declaration is not Declaration.UNDECLARED
            or each.count is None
            or each.count.holders
        ),
    )


def _attribute(
    figure: Figure,
    history: SampleHistory | None,
    since: str | None,
    *,
    is_over: bool,
    now: datetime,
) -> AdoptionFigure:
    """The adoption of one attribute; while a count is under way its last figure stands in."""
    count, measured_at = figure.count, rfc3339(now)
    before = history.newest if history is not None else None
    if count is None and not is_over and before is not None:
        count, measured_at, before = before.count, before.measured_at, None
    past = AttributePast.of(since, history, count, measured_at)
    return AdoptionFigure(
        schema_id=figure.schema_id,
        name=figure.countable.name,
        declaration=figure.countable.declaration,
        count=count,
        unknown=figure.unknown,
        since=past.since,
        first_value=past.first_value,
        before=before,
        verdict=past.verdict(figure.countable.declaration, count, now),
        measured_at=None if count is None else measured_at,
    )


def _since(subject: TenantSubject, count: HolderCount) -> dict[tuple[str, str], str]:
    """When the trail first has each attribute as deployed, by folded names."""
    desired = [extension.schema for extension in subject.extensions]
    return {
        (key, name): times.first
        for key, course in count.samples.courses(subject.tenant.name, desired).items()
        for name, times in times_in(course).items()
        if times.first is not None
    }
