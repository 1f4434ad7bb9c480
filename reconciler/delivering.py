"""Use case: send the webhooks that are due; what fails waits, what succeeds is recorded.

Receivers are served in turn and in parallel. What a tenant has to tell one URL is a queue: one
sender holds it at a time, and within it the events of one schema keep their order.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from reconciler.domain.outbox import DeliveryResult, OutboxRow, RowToSend
from reconciler.domain.records import Entry, Event, Status
from reconciler.errors import ReconcilerError, StateError, TenantLocked
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

    Each attempt goes to the run's progress as soon as it is recorded, and so does what was not
    tried.
    """

    context: RunContext
    outbox: Outbox
    notifier: Notifier
    locks: Locks
    schedule: Schedule
    parallelism: int
    tenants: frozenset[str] | None = None

    def deliver(self, *, even_if_not_due: bool = False) -> None:
        """Try once each row that is due. At least once, never in place of a change's outcome."""
        self._send(Due(None if even_if_not_due else self.context.clock.now()))

    def replay(self, event_id: str | None) -> None:
        """Try once more what of an event is over, or all that was given up.

        What fails stays what it was.
        """
        self._send(Over(event_id))

    def _send(self, wanted: Wanted) -> None:
        """All queues that are free; then those that somebody else was sending, read again."""
        queues = [
            queue
            for queue in self.outbox.queues(wanted)
            if self.tenants is None or queue.tenant in self.tenants
        ]
        clock = self.context.clock
        ends = clock.monotonic() + PATIENCE
        locked = _Round(self, wanted, patience=0.0).send(queues)
        while locked:
            first, *_ = locked
            remaining = max(0.0, ends - clock.monotonic())
            locked = _Round(self, wanted, patience=remaining).send(locked)
            if first in locked:  # it was waited for to the end
                break
        for queue, reason in locked.items():
            self.context.progress.record_not_tried(queue.rows, reason)

    def attempt(self, message: RowToSend, *, over: bool) -> "_Tried":
        """Send a row once, and record how that ended."""
        self.context.clock.check()
        row, result = message.row, self.notifier.send(message)
        due = None
        if result.delivered:
            self.outbox.delivered(row, self._entry(result))
        else:
            if not (over or result.gone):
                due = self.schedule(row.attempts + 1, result)
            if due is None and not over:
                detail = f"{result.detail}; given up, only `webhooks replay` sends it"
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
            latency_ms=result.latency_ms,
            webhook_status=result.status,
            detail=f"{result.row.event_id} to {result.row.url}: {result.detail}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """How an attempt ended, and whether its row waits to be tried again."""

    result: DeliveryResult
    is_pending: bool


@dataclass(slots=True, eq=False)
class _Course:
    """A queue that is ours until `lease` is closed; its rows come a few at a time."""

    queue: Queue
    lease: ExitStack
    rows: deque[RowToSend] = field(default_factory=deque)
    last: int = 0  # place in the sequence of the last row that was read
    taken: int = 0
    held_back: int = 0
    is_silent: bool = False  # whether its last request was left without an answer
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
    courses: list[_Course] = field(default_factory=list)
    under_way: int = 0
    answers: bool = False
    is_slow: bool = False
    silences: int = 0
    reason: str = ""

    @property
    def is_given_up(self) -> bool:
        return self.silences >= SILENCES

    @property
    def has_room(self) -> bool:
        if self.answers and not self.silences:
            return True
        at_once = SILENCES if self.is_slow or self.silences else 1
        return self.under_way + self.silences < at_once

    def is_in_doubt(self, course: _Course) -> bool:
        """Whether other queues go first: what this one sent is without an answer."""
        return course.is_silent or (not self.answers and bool(course.under_way))

    def hear(self, result: DeliveryResult) -> None:
        """Note how it took a request; one that was never sent tells nothing."""
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
        self._under_way: dict[Future[_Tried], tuple[_Receiver, _Course, OutboxRow]] = {}
        self._locked: dict[Queue, str] = {}

    def send(self, queues: Iterable[Queue]) -> dict[Queue, str]:
        """Send their rows; those that somebody else holds, with the words to say so."""
        self._receivers = _receivers(queues)
        with ExitStack() as undo, _threads(self._means.parallelism) as start:
            undo.callback(self._release_all)  # after the threads have ended
            while self._begin(start):
                ended, _ = wait(self._under_way, SLOW, return_when=FIRST_COMPLETED)
                for future in ended:
                    self._end(future)
                if not ended:
                    self._ask_once_more()
        return self._locked

    def _begin(self, start: "_Start") -> bool:
        """Give each free thread a row, one receiver after the other; whether any is at work."""
        self._means.context.clock.check()
        passed = 0
        while len(self._under_way) < self._means.parallelism and passed < len(self._receivers):
            receiver = self._receivers[0]
            found = self._next(receiver) if receiver.has_room else None
            if found is not None:
                over = isinstance(self._wanted, Over)
                future = start(partial(self._means.attempt, found[1], over=over))
                course, message = found
                self._under_way[future] = (receiver, course, message.row)
                receiver.under_way += 1
                passed = 0
            elif receiver.under_way:
                passed += 1
            else:
                self._leave(receiver)
                continue
            self._receivers.rotate(-1)
        return bool(self._under_way)

    def _ask_once_more(self) -> None:
        for receiver, _, _ in self._under_way.values():
            receiver.is_slow = True

    def _end(self, future: Future[_Tried]) -> None:
        receiver, course, row = self._under_way.pop(future)
        error = future.exception()
        if error is not None and not isinstance(error, StateError):
            self._means.context.clock.check()  # a signal says more than what it may have caused
        tried = future.result()
        receiver.under_way -= 1
        receiver.hear(tried.result)
        course.is_silent = tried.result.silent
        course.under_way.remove(row.schema_id)
        if tried.is_pending:
            course.undelivered.add(row.schema_id)

    def _next(self, receiver: _Receiver) -> tuple[_Course, RowToSend] | None:
        """A row that may go to a receiver now, and the queue that it is of."""
        while True:
            for course in sorted(receiver.courses, key=receiver.is_in_doubt):
                if receiver.queues and receiver.is_in_doubt(course):
                    break
                if message := self._message_of(course):
                    return course, message
                if not course.under_way:
                    receiver.courses.remove(course)
                    self._close(course)
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
        receiver.courses.append(_Course(queue, lease))

    def _message_of(self, course: _Course) -> RowToSend | None:
        """Its next row, read under the lease: another run may have sent or queued some meanwhile.

        After the last one is sent it is looked for once more.
        """
        while not (message := course.next_message()):
            if course.rows or (course.under_way and course.taken >= course.queue.rows):
                return None
            outbox = self._means.outbox
            course.rows.extend(outbox.next_rows(course.queue, self._wanted, after=course.last))
            if not course.rows:
                return None
            course.last = course.rows[-1].row.sequence
        return message

    def _close(self, course: _Course) -> None:
        course.lease.close()
        if course.held_back:
            reason = f"an earlier one of the same schema to {course.queue.url} was not delivered"
            self._means.context.progress.record_not_tried(course.held_back, reason)

    def _leave(self, receiver: _Receiver) -> None:
        """Nothing more goes to the first receiver; what one that is given up lacks is told."""
        self._receivers.popleft()
        untried = sum(queue.rows for queue in receiver.queues)
        for course in receiver.courses:
            course.lease.close()
            untried += max(0, course.queue.rows - course.taken)
        if untried:
            reason = f"{receiver.origin} was given up for this run: {receiver.reason}"
            self._means.context.progress.record_not_tried(untried, reason)

    def _release_all(self) -> None:
        for receiver in self._receivers:
            for course in receiver.courses:
                course.lease.close()


def _receivers(queues: Iterable[Queue]) -> deque[_Receiver]:
    found: dict[str, _Receiver] = {}
    for queue in queues:
        origin = "/".join(queue.url.split("/", 3)[:3]).lower()
        found.setdefault(origin, _Receiver(origin)).queues.append(queue)
    return deque(found.values())


_Start = Callable[[Callable[[], _Tried]], Future[_Tried]]


@contextmanager
def _threads(number: int) -> Iterator[_Start]:
    """Where work is done; one at a time is done here, and needs no thread."""
    if number == 1:
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
