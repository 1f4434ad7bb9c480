"""Use case: send the webhooks that are due; what fails waits, what succeeds is recorded.

Receivers are served in turn and in parallel. The webhooks of a tenant for one URL are a queue: one
sender holds it at a time, and within it the events of one schema keep their order.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from reconciler.domain.outbox import GIVEN_UP, DeliveryResult, OutboxRow, RowToSend
from reconciler.domain.records import Entry, Event, Status
from reconciler.errors import ReconcilerError, StateError, TenantLocked
from reconciler.occurrences import DeliveryEnded, Phase, about, in_phase
from reconciler.ports import (
    Due,
    Locks,
    Notifier,
    Outbox,
    Over,
    Queue,
    Wanted,
)
from reconciler.run_context import RunContext

Schedule = Callable[[int, DeliveryResult], datetime | None]  # attempts so far → due again, or never

PATIENCE = 30.0  # seconds in all to wait for queues that somebody else is sending
SILENCES = 2  # requests in a row that a receiver may leave without an answer
SLOW = 1.0  # seconds without any answer, after which a receiver gets a second request all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivering:
    """The means to drain the outbox; `tenants` whose rows are tried, None for every row.

    What waits under one of the `former` names of tenants goes first. Each attempt goes to the run's
    progress as soon as it is recorded, and so does what was not tried.
    """

    context: RunContext
    outbox: Outbox
    notifier: Notifier
    locks: Locks
    schedule: Schedule
    parallelism: int
    tenants: frozenset[str] | None = None
    former: frozenset[str] = frozenset()

    def deliver(self, *, even_if_not_due: bool = False) -> None:
        """Try once each row that is due. At least once, never in place of a change's outcome."""
        self._send(Due(None if even_if_not_due else self.context.clock.now()))

    def replay(self, event_id: str | None) -> None:
        """Try once more what of an event is over, or all that was given up.

        What fails stays what it was.
        """
        self._send(Over(event_id))

    def _send(self, wanted: Wanted) -> None:
        """Send all queues that are free; then those that somebody else was sending, read again."""
        queues = [
            queue
            for queue in self.outbox.queues(wanted)
            if self.tenants is None or queue.tenant in self.tenants
        ]
        ends = self.context.clock.monotonic() + PATIENCE
        older = [queue for queue in queues if queue.tenant in self.former]
        newer = [queue for queue in queues if queue.tenant not in self.former]
        with in_phase(self.context.observe, Phase.DELIVER, sum(queue.rows for queue in queues)):
            for each in filter(None, (older, newer)):
                self._send_queues(each, wanted, ends)

    def _send_queues(self, queues: Iterable[Queue], wanted: Wanted, ends: float) -> None:
        locked = _Round(self, wanted, patience=0.0).send(queues)
        while locked:
            first, *_ = locked
            remaining = max(0.0, ends - self.context.clock.monotonic())
            locked = _Round(self, wanted, patience=remaining).send(locked)
            if first in locked:  # it was waited for to the end
                break
        for queue, reason in locked.items():
            self.context.progress.record_not_tried(queue.rows, reason)

    def attempt(self, message: RowToSend, *, over: bool) -> "_Tried":
        """Send a row once, and record how that ended."""
        self.context.clock.check()
        row = message.row
        with about(row.tenant):
            result = self.notifier.send(message)
            self.context.observe(DeliveryEnded(result))
        if result.unsent:
            reason = f"{row.tenant}: to {row.url}: {result.detail}"
            self.context.progress.record_not_tried(1, reason)
            return _Tried(result=result, is_pending=not result.unproved)
        due = None
        if result.delivered:
            self.outbox.delivered(row, self._entry(result))
        else:
            if not (over or result.gone):
                due = self.schedule(row.attempts + 1, result)
            if due is None and not over:  # nothing else says that it will not be tried again
                detail = f"{result.detail}; {GIVEN_UP}, only `webhooks replay` sends it"
                result = replace(result, detail=detail)
            self.outbox.failed(row, self._entry(result), due)
        self.context.progress.record_attempt(result)
        return _Tried(result=result, is_pending=due is not None)

    def _entry(self, result: DeliveryResult) -> Entry:
        status = Status.SYNCED if result.delivered else Status.FAILED
        return replace(
            self.context.entry(Event.HR_SYNC_COMPLETED, status),
            tenant=result.row.tenant,
            schema_id=result.row.schema_id,
            change=result.row.change,
            latency_ms=result.latency_ms,
            webhook_status=result.status,
            detail=f"{result.row.event_id} to {result.row.url}: {result.detail}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """An attempt that is over; `is_pending` is True where its row waits to be tried again."""

    result: DeliveryResult
    is_pending: bool


@dataclass(slots=True, eq=False)
class _OpenQueue:
    """A queue that is ours until `lease` is closed; its rows come a few at a time."""

    queue: Queue
    lease: ExitStack
    rows: deque[RowToSend] = field(default_factory=deque)
    last: int = 0  # place in the sequence of the last row that was read
    taken: int = 0
    held_back: int = 0
    is_silent: bool = False  # its last request was left without an answer
    under_way: set[str] = field(default_factory=set)  # ids of schemas, as in the next
    undelivered: set[str] = field(default_factory=set)

    def next_message(self) -> RowToSend | None:
        """The first row that no other of its schema keeps waiting."""
        for message in tuple(self.rows):
            schema_id = message.row.schema_id
            if schema_id in self.undelivered:
                self.rows.remove(message)
                self.held_back += 1
            elif schema_id not in self.under_way:
                self.rows.remove(message)
                self.taken += 1
                self.under_way.add(schema_id)
                return message
        return None


@dataclass(slots=True, eq=False)
class _Receiver:
    """One origin with all queues to it; `silences` since it last answered.

    Its first answer is waited for, and where that takes long one more request is sent: so one that
    hangs keeps few threads, and the run hardly longer than one deadline. That request is of
    another queue, if there is one: it may be one tenant's path alone that hangs.
    """

    origin: str
    queues: deque[Queue] = field(default_factory=deque)
    opened: list[_OpenQueue] = field(default_factory=list)
    under_way: int = 0
    answers: bool = False
    is_slow: bool = False
    silences: int = 0
    reason: str = ""

    @property
    def has_room(self) -> bool:
        if self.answers and not self.silences:
            return True
        at_once = SILENCES if self.is_slow or self.silences else 1
        return self.under_way + self.silences < at_once

    def is_in_doubt(self, ours: _OpenQueue) -> bool:
        """Test whether other queues go first: a request of this one is without an answer."""
        return ours.is_silent or (not self.answers and bool(ours.under_way))

    def note(self, result: DeliveryResult) -> None:
        """Note how it took a request; one that was never sent shows nothing."""
        if result.silent:
            self.silences += 1
            self.reason = result.detail
        elif result.status is not None:
            self.answers, self.silences = True, 0


class _Round:
    """One pass over some queues, steered by one thread; others send and record."""

    def __init__(self, means: Delivering, wanted: Wanted, *, patience: float) -> None:
        """`patience` is how many seconds to wait for the first queue, where it is taken."""
        self._means = means
        self._wanted = wanted
        self._patience = patience
        self._receivers: deque[_Receiver] = deque()
        self._under_way: dict[Future[_Tried], tuple[_Receiver, _OpenQueue, OutboxRow]] = {}
        self._locked: dict[Queue, str] = {}

    def send(self, queues: Iterable[Queue]) -> dict[Queue, str]:
        """Send their rows; the queues that somebody else holds, each with a message."""
        self._receivers = _receivers(queues)
        with ExitStack() as undo, _threads(self._means.parallelism) as start:
            undo.callback(self._release_all)  # after the threads have ended
            while self._begin(start):
                ended, _ = wait(self._under_way, SLOW, return_when=FIRST_COMPLETED)
                for future in ended:
                    self._end(future)
                if not ended:
                    for receiver, _, _ in self._under_way.values():
                        receiver.is_slow = True
        return self._locked

    def _begin(self, start: "_Start") -> bool:
        """Give each free thread a row, one receiver after the other; False where none works."""
        self._means.context.clock.check()
        passed = 0
        while len(self._under_way) < self._means.parallelism and passed < len(self._receivers):
            receiver = self._receivers[0]
            found = self._next(receiver) if receiver.has_room else None
            if found is not None:
                ours, message = found
                over = isinstance(self._wanted, Over)
                future = start(partial(self._means.attempt, message, over=over))
                self._under_way[future] = (receiver, ours, message.row)
                receiver.under_way += 1
                passed = 0
            elif receiver.under_way:
                passed += 1
            else:
                self._leave(receiver)
                continue
            self._receivers.rotate(-1)
        return bool(self._under_way)

    def _end(self, future: Future[_Tried]) -> None:
        receiver, ours, row = self._under_way.pop(future)
        error = future.exception()
        if error is not None and not isinstance(error, StateError):
            self._means.context.clock.check()  # a signal says more than what it may have caused
        tried = future.result()
        receiver.under_way -= 1
        receiver.note(tried.result)
        ours.is_silent = tried.result.silent
        ours.under_way.remove(row.schema_id)
        if tried.is_pending:
            ours.undelivered.add(row.schema_id)

    def _next(self, receiver: _Receiver) -> tuple[_OpenQueue, RowToSend] | None:
        """A row that may go to a receiver now, and the queue that it is of."""
        progress = self._means.context.progress
        while True:
            for ours in sorted(receiver.opened, key=receiver.is_in_doubt):
                if receiver.queues and receiver.is_in_doubt(ours):
                    break
                if message := self._message_of(ours):
                    return ours, message
                if not ours.under_way:
                    receiver.opened.remove(ours)
                    ours.lease.close()
                    if ours.held_back:
                        url = ours.queue.url
                        reason = f"an earlier one of the same schema to {url} was not delivered"
                        progress.record_not_tried(ours.held_back, reason)
            if not receiver.queues:
                return None
            self._open(receiver)

    def _open(self, receiver: _Receiver) -> None:
        """Take its next queue, unless somebody else holds it."""
        queue = receiver.queues.popleft()
        lease = ExitStack()
        held = self._means.locks.hold_queue(queue.tenant, queue.url, patience=self._patience)
        self._patience = 0.0
        try:
            lease.enter_context(held)
        except TenantLocked as error:
            self._locked[queue] = str(error)
            return
        receiver.opened.append(_OpenQueue(queue, lease))

    def _message_of(self, ours: _OpenQueue) -> RowToSend | None:
        """The next row of a queue; after the last one is sent there is one more look."""
        # Rows are read under the lease: another run may have sent or queued some meanwhile.
        while not (message := ours.next_message()):
            if ours.rows or (ours.under_way and ours.taken >= ours.queue.rows):
                return None
            outbox = self._means.outbox
            ours.rows.extend(outbox.next_rows(ours.queue, self._wanted, after=ours.last))
            if not ours.rows:
                return None
            ours.last = ours.rows[-1].row.sequence
        return message

    def _leave(self, receiver: _Receiver) -> None:
        """Send nothing more to the first receiver; where it is given up, note what it lacks."""
        self._receivers.popleft()
        untried = sum(queue.rows for queue in receiver.queues)
        for ours in receiver.opened:
            ours.lease.close()
            untried += max(0, ours.queue.rows - ours.taken)
        if untried:
            reason = f"{receiver.origin} was given up for this run: {receiver.reason}"
            self._means.context.progress.record_not_tried(untried, reason)

    def _release_all(self) -> None:
        for receiver in self._receivers:
            for ours in receiver.opened:
                ours.lease.close()


def _receivers(queues: Iterable[Queue]) -> deque[_Receiver]:
    found: dict[str, _Receiver] = {}
    for queue in queues:
        origin = "/".join(queue.url.split("/", 3)[:3]).lower()
        found.setdefault(origin, _Receiver(origin)).queues.append(queue)
    return deque(found.values())


_Start = Callable[[Callable[[], _Tried]], Future[_Tried]]


@contextmanager
def _threads(number: int) -> Iterator[_Start]:
    """The way to start work in so many threads."""
    if number == 1:  # docs/decisions.md, "One tenant at a time needs no threads"
        yield _done_here
        return
    with ThreadPoolExecutor(max_workers=number) as pool:
        yield pool.submit


def _done_here(work: Callable[[], _Tried]) -> Future[_Tried]:
    future: Future[_Tried] = Future()
    try:
        future.set_result(work())
    except ReconcilerError as error:
        future.set_exception(error)
    return future
