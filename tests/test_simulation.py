"""Whatever goes wrong, in whatever order: nothing twice, nothing false, and in the end as desired.

`make test` runs a share of the seeds, `make chaos` all of them. To run one that failed:
`pytest "tests/test_simulation.py" -k "schedule and 1234" -m ""` or call `schedule(1234)`.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.domain.answer import Reply
from reconciler.domain.body import create_body
from reconciler.domain.diff import managed_view
from reconciler.domain.manifest import Manages, OnDrift
from reconciler.domain.outcome import OutcomeKind
from reconciler.domain.scim import Schema, fold
from tests.fakes import DIALECT, FakeClock, document, extension
from tests.simulation import (
    ON_LIST,
    PATIENT,
    Fault,
    SimulatedTenant,
    Simulation,
    announced,
    kinds,
    live,
    urn,
)
from tests.strategies import TYPES, Document, edits, schema_documents

SHARE, ALL = 150, 2000
CHUNK = 50  # seeds of one test, so that workers share them
KNOWN = (OutcomeKind.APPLIED, OutcomeKind.ADOPTED)
OPEN = (*KNOWN, OutcomeKind.UNKNOWN)


def chunks(first: int, last: int) -> list[range]:
    return [range(begin, min(begin + CHUNK, last)) for begin in range(first, last, CHUNK)]


def schedule(seed: int) -> Counter[Fault]:
    """Two runs with faults, then two without; returns how often each fault struck."""
    random = Random(seed)
    clock = FakeClock()
    share = random.choice((0.05, 0.15, 0.3, 0.5))
    faulty = True

    def draw(possible: tuple[Fault, ...]) -> Fault | None:
        if not faulty or random.random() > share:
            return None
        fault = random.choice(possible)
        return None if fault is Fault.LATE and not tenant.unique else fault

    tenant = SimulatedTenant(clock=clock, draw=draw, random=random, unique=random.random() < 0.5)
    old = document(urn(0), "grade")
    tenant.stored = [old, document(urn(9), "theirs")]
    wanted = [document(urn(n), "grade", "level", "site") for n in range(4)]
    simulation = Simulation(
        tenant=tenant,
        extensions=tuple(
            extension(one, name=f"x{n}", on_drift=OnDrift.UPDATE) for n, one in enumerate(wanted)
        ),
        clock=clock,
        random=random,
        dialect=replace(DIALECT, lag_reads=PATIENT, page_size=random.choice((2, 100))),
    )
    desired = {fold(one["id"]): Schema.from_json(one) for one in wanted}
    tenant.guard = intended(simulation)

    for number in range(1, 5):
        faulty = number <= 2
        before = set(tenant.ours)
        summary = simulation.run(number)
        outcomes = kinds(summary)
        there = live(tenant)
        for key, kind in outcomes.items():
            if kind in KNOWN and key not in tenant.drifted:
                assert is_as(desired[key], there[key]), (seed, key)
        for key in set(tenant.ours) - before - tenant.drifted:  # done, so never called undone
            assert outcomes[key] in OPEN, (seed, key, outcomes[key])

    ids = Counter(fold(one["id"]) for one in tenant.stored)
    assert max(ids.values()) == 1, (seed, ids)
    assert fold(urn(9)) in ids
    assert {r.split()[0] for r in tenant.requests} <= {"GET", "POST", "PUT"}, seed
    assert len(tenant.requests) < 400, seed
    assert not simulation.journal.open_intents("sim"), seed
    for key in desired.keys() - tenant.drifted:
        assert is_as(desired[key], live(tenant)[key]), (seed, key)
    told = announced(simulation)
    assert set(tenant.ours) - tenant.drifted <= told, seed
    return tenant.hits


def is_as(desired: Schema, there: Schema) -> bool:
    """Whether a stored schema is as desired; what the vendor adds of its own does not count."""
    return managed_view(there, desired, Manages.SCHEMA) == desired


def intended(simulation: Simulation) -> Callable[[str], None]:
    def guard(schema_id: str) -> None:
        """Nothing is sent that is not an intent on disk by then."""
        left = [i.schema_id for _, i in simulation.journal.open_intents("sim")]
        assert fold(schema_id) in [fold(each) for each in left]

    return guard


@pytest.mark.parametrize("seeds", chunks(0, SHARE), ids=str)
def test_a_schedule_of_faults_ends_as_desired_with_nothing_twice_and_nothing_false(
    seeds: range,
) -> None:
    hits: Counter[Fault] = Counter()
    for seed in seeds:
        hits += schedule(seed)
    assert sum(hits.values()) > CHUNK


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_two_thousand_schedules_strike_with_every_kind_of_fault() -> None:
    hits: Counter[Fault] = Counter()
    for seed in range(ALL):
        hits += schedule(seed)
    assert {fault: hits[fault] for fault in Fault if hits[fault] < 20} == {}


def test_requests_are_few_and_counted() -> None:
    """What is unchanged costs its pages; a create a GET, the POST and a GET, and planning it one.

    What resource types there are is asked once for all creates of a run.
    """
    clock, random = FakeClock(), Random(0)
    tenant = SimulatedTenant(clock=clock, draw=lambda _: None, random=random)
    wanted = tuple(extension(document(urn(n)), name=f"x{n}") for n in range(2))
    simulation = Simulation(tenant=tenant, extensions=wanted, clock=clock, random=random)

    simulation.run(1)
    made = tenant.requests.copy()
    tenant.requests.clear()
    simulation.run(2)

    each = [f"GET {urn(n)}" for n in range(2)]
    writes = [line for get in each for line in (get, "POST /", get)]
    assert made == ["GET /", *each, *writes, "GET scim/v2/ResourceTypes"]
    assert tenant.requests == ["GET /"]


def loses_answers(seed: int) -> SimulatedTenant:
    """A service that loses 40 % of its answers after it did what was asked, 30 % are HTML."""
    random = Random(seed)

    def draw(possible: tuple[Fault, ...]) -> Fault | None:
        if Fault.DONE_DROPPED not in possible:
            return None
        chance = random.random()
        if chance < 0.4:
            return Fault.DONE_DROPPED
        return Fault.WRONG_TYPE if chance < 0.7 else None

    return SimulatedTenant(clock=FakeClock(), draw=draw, random=random, unique=False)


def lost_answers(seed: int, number: int) -> None:
    tenant = loses_answers(seed)
    simulation = Simulation(
        tenant=tenant,
        extensions=tuple(extension(document(urn(n)), name=f"x{n}") for n in range(number)),
        clock=tenant.clock,
        random=tenant.random,
        dialect=replace(DIALECT, lag_reads=1),
    )

    summary = simulation.run()

    assert Counter(kinds(summary).values()) == {OutcomeKind.APPLIED: number}, seed
    assert len(tenant.stored) == len(live(tenant)) == number, seed
    assert tenant.hits[Fault.DONE_DROPPED] > number / 4


def test_a_lost_answer_makes_nothing_twice_and_is_not_called_a_failure() -> None:
    lost_answers(1, 500)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(20))
def test_ten_thousand_creates_of_which_four_in_ten_lose_their_answer(seed: int) -> None:
    lost_answers(seed, 500)


# --- pages ---------------------------------------------------------------------------------


def page_lies(seed: int) -> None:
    """Every list lies, every read by id is true: only what is absent is created, and soon."""
    random = Random(seed)
    lies = random.sample(ON_LIST, random.randint(1, len(ON_LIST)))

    def draw(possible: tuple[Fault, ...]) -> Fault | None:
        return random.choice(lies) if set(lies) <= set(possible) else None

    clock, size = FakeClock(), random.choice((1, 3, 5, 100))
    tenant = SimulatedTenant(clock=clock, draw=draw, random=random, unique=False)
    there = random.randint(0, 12)
    tenant.stored = [document(urn(n)) for n in range(there)]
    wanted = sorted(random.sample(range(16), random.randint(1, 6)))
    simulation = Simulation(
        tenant=tenant,
        extensions=tuple(extension(document(urn(n)), name=f"x{n}") for n in wanted),
        clock=clock,
        random=random,
        dialect=replace(DIALECT, page_size=size),
    )

    summary = simulation.run()

    absent = sorted(fold(urn(n)) for n in wanted if n >= there)
    assert sorted(tenant.ours) == absent, seed
    assert sorted(kinds(summary)) == absent, seed
    pages = sum(1 for request in tenant.requests if request == "GET /")
    assert pages <= 2 * (there // size + 1) + 10, seed


@pytest.mark.parametrize("seeds", chunks(0, 100), ids=str)
def test_a_list_that_lies_makes_nobody_create_what_is_there(seeds: range) -> None:
    for seed in seeds:
        page_lies(seed)


@pytest.mark.chaos
@pytest.mark.parametrize("seeds", chunks(100, 1000), ids=str)
def test_a_thousand_lists_that_lie(seeds: range) -> None:
    for seed in seeds:
        page_lies(seed)


# --- lies about what was stored ------------------------------------------------------------


@st.composite
def lies(draw: st.DrawFn) -> tuple[Document, Document | None]:
    """What is asked for, and what a lying service keeps of it: another schema, or nothing."""
    wanted = draw(schema_documents(most=3))
    assume(wanted["attributes"])
    if draw(st.integers(0, 5)) == 0:
        return wanted, None
    kept = draw(edits(wanted)).document
    return wanted, {**kept, "id": wanted["id"]}


def told_apart(wanted: Document, kept: Document | None) -> None:
    clock, random = FakeClock(), Random(0)
    liar = Liar(clock=clock, draw=lambda _: None, random=random, kept=kept)
    desired = Schema.from_json(wanted)
    assume(kept is None or Schema.from_json(kept) != desired)
    simulation = Simulation(
        tenant=liar,
        extensions=(extension(wanted),),
        clock=clock,
        random=random,
        dialect=replace(DIALECT, types=frozenset(TYPES), protected_prefixes=()),
    )

    summary = simulation.run()

    (kind,) = kinds(summary).values()
    assert kind in (OutcomeKind.IGNORED_BY_SERVER, OutcomeKind.UNKNOWN)
    assert (kind is OutcomeKind.UNKNOWN) is (kept is None)
    assert announced(simulation) == set()


@dataclass
class Liar(SimulatedTenant):
    """Says 201 and keeps something else."""

    kept: Document | None = None

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> Reply:
        reply = super().send(method, url, headers=headers, body=body)
        if method == "POST":
            self.stored = [] if self.kept is None else [create_body(Schema.from_json(self.kept))]
        return reply


@settings(max_examples=50)
@given(lies())
def test_a_service_that_keeps_something_else_is_always_noticed(
    lie: tuple[Document, Document | None],
) -> None:
    told_apart(*lie)


@pytest.mark.chaos
@settings(max_examples=500)
@given(lies())
def test_five_hundred_services_that_keep_something_else(
    lie: tuple[Document, Document | None],
) -> None:
    told_apart(*lie)
