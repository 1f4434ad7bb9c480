"""History: what this trail has of one schema of a tenant, and so what HR has heard of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from reconciler.domain.outbox import RowState
from reconciler.domain.scim import Schema, fold

Bindings = Mapping[str, frozenset[str]]
"""The folded ids of the extensions of each resource type, by its name and by its id as written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The last write of ours to a schema, its last event, and what waits to be announced.

    `intent` is the number of that write, which is `failed` where nothing has proved it. `created`
    is the place in the trail of the last one that was to create the schema, `announced` that of the
    release of the last event, which is about a schema of that `digest`: 0 and None where there is
    none. `sent` are the URLs of that event, `waits` those of an event to come, each with what it
    waits for.
    """

    intent: int | None = None
    is_open: bool = False
    failed: bool = False
    created: int = 0
    create_failed: bool = False
    announced: int = 0
    digest: str | None = None
    sent: tuple[tuple[str, RowState], ...] = ()
    waits: tuple[tuple[str, str], ...] = ()

    def joined(self, other: "History") -> "History":
        """The history of a schema whose tenant has had another name: of each end the later one."""
        written = max(self, other, key=lambda each: each.intent or 0)
        created = max(self, other, key=lambda each: each.created)
        heard = max(self, other, key=lambda each: each.announced)
        return History(
            intent=written.intent,
            is_open=written.is_open,
            failed=written.failed,
            created=created.created,
            create_failed=created.create_failed,
            announced=heard.announced,
            digest=heard.digest,
            sent=heard.sent,
            waits=(*self.waits, *other.waits),
        )

    @property
    def is_new(self) -> bool:
        """True where HR has heard nothing since a write of ours was to create it."""
        return self.created > self.announced

    def heard(self, urls: Collection[str]) -> str | None:
        """The digest of which HR has heard last, or is about to, at one of today's URLs."""
        reached = any(
            state is RowState.DELIVERED or (state is not RowState.GIVEN_UP and url in urls)
            for url, state in self.sent
        )
        return self.digest if reached and not self.is_new else None

    def is_due(self, digest: str, urls: Collection[str]) -> bool:
        """Test whether what is live with that digest is ours, and HR has not heard of it.

        A webhook that was given up is not sent again by itself: only other URLs may hear of it.
        """
        # docs/decisions.md, "What HR has heard of is its last event"
        is_ours = self.intent is not None or bool(self.waits)
        if self.is_open or not is_ours:
            return False
        if not self.announced or (self.is_new and self.create_failed):
            return True
        if self.digest not in (digest, None):  # None: an older store, which does not know
            return True
        return not any(state is RowState.DELIVERED or url in urls for url, state in self.sent)


def is_bound(bindings: Bindings, schema: Schema, resource_type: str | None) -> bool:
    """Test whether that resource type names the schema, or without one any of them does."""
    kinds = types_of(bindings, schema)
    return bool(kinds) if resource_type is None else fold(resource_type) in map(fold, kinds)


def types_of(bindings: Bindings, schema: Schema) -> tuple[str, ...]:
    """The names and ids of the resource types that name the schema, as written."""
    return tuple(name for name, extensions in bindings.items() if schema.key in extensions)


def holding_type(bindings: Bindings | None, schema: Schema, named: str | None) -> str:
    """The resource type whose resources hold its values: as named, else the first that binds it."""
    listed = types_of(bindings, schema) if bindings is not None else ()
    return named or next(iter(listed), "User")
