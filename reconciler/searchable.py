"""Use case: after writes, ask a tenant until its filters take what is new, for a limited time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from reconciler.domain.adoption import CountableSchema
from reconciler.domain.calibration import NONSENSE, Calibration, Presence
from reconciler.domain.manifest import SchemaExtension
from reconciler.domain.records import Entry, Event, Status
from reconciler.domain.scim import Mutability, Returned, Schema
from reconciler.domain.searching import Belief, Found, Searchable, Searched
from reconciler.errors import Interrupted, TenantError
from reconciler.occurrences import Observe, WaitBegun, unobserved
from reconciler.ports import Clock, UserReader
from reconciler.run_context import RunContext

_PAUSE = 0.5  # seconds until what is refused is asked for again; twice that after each time
_LONGEST_PAUSE = 8.0
_LAST = 1.0  # seconds before the end of a wait, in which the last answers come
_NO_FILTERS = (404, 405, 501)  # a service without users or filters, whatever the attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """The attributes of a schema to ask for, dotted for parts; at least one.

    `since` is when the schema was verified, by the monotonic clock.
    """

    schema: Schema
    resource_type: str
    attributes: tuple[str, ...]
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Searching:
    """The means to ask one tenant; what is refused is asked for again for `timeout` seconds.

    Those are a change's own: what others need takes nothing from it. `users` makes a reader that
    gives up in time; `belief` says what a calibration has found of the filters on a resource type.
    """

    clock: Clock
    timeout: float
    users: Callable[[], UserReader]
    belief: Callable[[UserReader, str], Belief]
    observe: Observe = unobserved

    def search(self, inquiries: Iterable[Inquiry]) -> tuple[Searched, ...]:
        """The findings of each inquiry, in their order. The end of a run ends it, and is no error.

        Each attribute is asked for once, and again while it is refused. They wait side by side.
        """
        users = self.users()
        asked = [_Asked(inquiry, self.clock, users, self.timeout) for inquiry in inquiries]
        silent = False
        try:
            for each in asked:
                self.clock.check()
                belief = self.belief(users, each.inquiry.resource_type)
                each.begin(Belief(doubt=_NO_ANSWER) if silent else belief)
                silent = silent or each.is_silent
            while waiting := [each for each in asked if each.pending]:
                first = min(waiting, key=lambda each: each.due)
                if (pause := first.due - self.clock.monotonic()) > 0:
                    reason = "the service does not take filters on all that is new yet"
                    self.observe(WaitBegun(pause, reason))
                self.clock.sleep(max(0.0, pause))
                first.ask()
        except Interrupted:
            for each in asked:
                each.end(_CUT_SHORT)
        return tuple(each.searched() for each in asked)


@dataclass(slots=True)
class _Asked:
    """An inquiry, and what was found so far; the seconds of `timeout` begin with its first request.

    `proves` is True where an answer tells an attribute from one that does not exist, `is_silent`
    where all of its time has passed without an answer. `due` is when to ask again.
    """

    inquiry: Inquiry
    clock: Clock
    users: UserReader
    timeout: float
    proves: bool = False
    is_silent: bool = False
    found: dict[str, Found] = field(default_factory=dict)
    pending: list[str] = field(init=False)
    ended: float = field(init=False)
    ends: float = field(init=False)
    due: float = field(init=False)
    pause: float = _PAUSE

    def __post_init__(self) -> None:
        self.pending = list(self.inquiry.attributes)
        self.ended = self.inquiry.since

    def begin(self, belief: Belief) -> None:
        """Find out what answers are worth, and ask once; not where they are worth nothing."""
        if belief.doubt is not None:
            self.end(belief.doubt)
            return
        began = self.clock.monotonic()
        self.ends = began + self.timeout - _LAST
        if self.timeout:
            self.users = self.users.renewed()
        nonsense = self._present(NONSENSE)
        self.proves = belief.proved or nonsense.refused is not None
        self.ask()
        answered = nonsense != Presence() or any(
            e.reason != _NO_ANSWER for e in self.found.values()
        )
        self.is_silent = not answered and 0 < self.timeout <= self.ended - began

    def ask(self) -> None:
        """Ask for what is pending; what is refused stays so as long as there is time."""
        if self.found and self.clock.monotonic() > self.ends + _LAST:
            self.users = (
                self.users.renewed()
            )  # others needed the time, and it is asked for a last time
        refused = []
        for name in self.pending:
            found = self._judge(name, self._present(name))
            if found.searchable is Searchable.FALSE:
                refused.append(name)
            self.found[name] = found
        self.ended = self.clock.monotonic()
        self.pending = refused if self.ended < self.ends else []
        self.due = min(self.ended + self.pause, self.ends)
        self.pause = min(2 * self.pause, _LONGEST_PAUSE)

    def end(self, reason: str) -> None:
        """Leave what is pending as not known, for that reason."""
        unknown = Found(searchable=Searchable.UNKNOWN, reason=reason)
        self.found |= dict.fromkeys(self.pending, unknown)
        self.pending = []

    def searched(self) -> Searched:
        """The findings, in the order of the attributes."""
        found = tuple((name, self.found[name]) for name in self.inquiry.attributes)
        return Searched(found=found, ms=round((self.ended - self.inquiry.since) * 1000))

    def _present(self, name: str) -> Presence:
        return self.users.present(self.inquiry.resource_type, self.inquiry.schema.id, name)

    def _judge(self, name: str, presence: Presence) -> Found:
        if presence.count is not None:
            if self.proves or name in self.found:  # it was refused before
                return Found(searchable=Searchable.TRUE)
            return Found(searchable=Searchable.UNKNOWN, reason=_TAKES_ANY)
        if presence.refused is None:
            # What was refused a moment ago is so still, as far as anybody knows.
            unanswered = Found(searchable=Searchable.UNKNOWN, reason=_NO_ANSWER)
            return self.found.get(name, unanswered)
        refusal = f"the service refuses such a filter with HTTP {presence.refused}"
        if presence.refused in _NO_FILTERS or self._is_hidden(name):
            return Found(searchable=Searchable.UNKNOWN, reason=refusal)
        return Found(searchable=Searchable.FALSE, reason=refusal)

    def _is_hidden(self, name: str) -> bool:
        """True of what is never returned, on which a service may take no filter for good."""
        # docs/decisions.md, "What is never returned is asked for as well"
        parts = name.split(".")
        above = (self.inquiry.schema.at(".".join(parts[: end + 1])) for end in range(len(parts)))
        return any(
            each.returned == Returned.NEVER or each.mutability == Mutability.WRITE_ONLY
            for each in above
            if each is not None
        )


def belief_of(
    users: UserReader, resource_type: str, extensions: Iterable[SchemaExtension]
) -> Belief:
    """Find out what filters are worth, by what all have and by a known holder of an extension.

    Users are read only to see whether one holds a value; none is kept.
    """
    schemas = [CountableSchema.of(extension.schema, extension) for extension in extensions]
    try:
        found = Calibration.of(users, resource_type, schemas)
    except TenantError as error:
        return Belief(doubt=str(error))
    if found.doubt is not None:
        return Belief(doubt=found.doubt)
    for schema in schemas:
        tallies = found.first[schema.schema_id].tallies
        for held in (each for each in schema.countables if tallies.get(each.name)):
            count = users.present(resource_type, schema.schema_id, held.name).count
            if count is None:
                return Belief(doubt=f"`{schema.schema_id}:{held.name} pr` counts no known holder")
            doubt = found.doubt_of_count(schema, held, count)
            return Belief(doubt=doubt, proved=doubt is None)
    return Belief()


def search_entry(context: RunContext, schema: Schema, found: Searched) -> Entry:
    """The record of what was found of attributes of a schema, about no tenant or change yet."""
    return replace(
        context.entry(Event.SCHEMA_EXTENSION_SEARCHED, _STATUSES[found.searchable]),
        schema_id=schema.id,
        attributes_count=len(schema.attributes),
        searchable=found.searchable,
        searched=tuple((name, each.searchable) for name, each in found.found),
        detail=found.detail or "searchable",
    )


_STATUSES = {
    Searchable.TRUE: Status.SUCCESS,
    Searchable.FALSE: Status.FAILED,
    Searchable.UNKNOWN: Status.UNKNOWN,
}
_CUT_SHORT = "the run was to end before it was known"
_NO_ANSWER = "the service gave no answer to such a filter that could be read"
_TAKES_ANY = "the service takes a filter on what does not exist as well, so that it proves nothing"
