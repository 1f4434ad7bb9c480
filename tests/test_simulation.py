"""Whatever goes wrong, in whatever order: nothing twice, nothing false, and in the end as desired.

`make test` runs a share of the seeds, `make chaos` all of them. A seed that fails says how to run
it again, alone.
"""

import math
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.adapters.gateway.reader import Sender
from reconciler.domain.body import create_body
from reconciler.domain.dialect import ErrorShape, ListShape, Meaning, PatchPath, UpdateStrategy
from reconciler.domain.diff import managed_view
from reconciler.domain.http_reply import Reply
from reconciler.domain.manifest import Manages, OnDrift
from reconciler.domain.outcome import OutcomeKind
from reconciler.domain.scim import Schema, fold
from tests.support.fakes import DIALECT, FakeClock, document, extension
from tests.support.habits import NAMES, Habits, habits
from tests.support.redirects import redirect_trick
from tests.support.replay import command, repeatable
from tests.support.simulation import (
    BASE,
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
from tests.support.sockets import ON_SOCKETS, sockets_between
from tests.support.strategies import TYPES, Document, edits, schema_documents

SHARE, ALL, ON_SOCKETS_AT_MOST = 150, 2000, 4000
CHUNK = 50  # seeds of one test, so that workers share them
KNOWN = (OutcomeKind.APPLIED, OutcomeKind.ADOPTED)
OPEN = (*KNOWN, OutcomeKind.UNKNOWN)


def chunks(first: int, last: int) -> list[range]:
    return [range(begin, min(begin + CHUNK, last)) for begin in range(first, last, CHUNK)]


Between = Callable[[SimulatedTenant], AbstractContextManager[tuple[Sender, str]]]
"""What a client reaches the tenant by, and the base URL there."""


@contextmanager
def nothing_between(tenant: SimulatedTenant) -> Iterator[tuple[Sender, str]]:
    yield tenant, BASE


@repeatable
def schedule(
    seed: int,
    between: Between = nothing_between,
    kinds: frozenset[Fault] = frozenset(Fault),
    often: Fault | None = None,
) -> tuple[Counter[Fault], frozenset[str]]:
    """Two runs with faults, then two without; how often each fault struck, and the habits.

    `often` is one that strikes at every second request that it can strike at.
    """
    random = Random(seed)
    share = random.choice((0.05, 0.15, 0.3, 0.5))
    has = habits(random)
    faulty = True

    def draw(possible: tuple[Fault, ...]) -> Fault | None:
        if faulty and often in possible and random.random() < 0.5:
            return often
        if not faulty or random.random() > share:
            return None
        fault = random.choice([each for each in possible if each in kinds])
        return None if fault is Fault.LATE and not tenant.unique else fault

    tenant = SimulatedTenant(
        clock=FakeClock(), draw=draw, random=random, unique=random.random() < 0.5, habits=has
    )
    with between(tenant) as (sender, base):
        simulation = the_simulation(tenant, sender, base)
        tenant.guard = intended(simulation)
        for number in range(1, 5):
            faulty = number <= 2
            one_run(simulation, number)
        ended_well(simulation)
    return tenant.hits, has.names


OLD = 4  # the schema that is live already; the last of ours, for a failure stops what is after it
WANTED = [document(urn(n), "grade", "level", "site") for n in range(1, OLD + 1)]
DESIRED = {fold(one["id"]): Schema.from_json(one) for one in WANTED}
STUBBORN = fold(urn(OLD))


def the_simulation(tenant: SimulatedTenant, sender: Sender, base: str) -> Simulation:
    """Three schemas to create, and one to change, of which we manage single attributes."""
    random, has = tenant.random, tenant.habits
    old = document(urn(OLD), "grade", "elder")
    old["attributes"][0]["required"] = bool(has.ignores)
    tenant.stored = [old, document(urn(9), "others")]
    if not has.changeable:
        tenant.drifted.add(STUBBORN)
    manages = [Manages.SCHEMA] * (OLD - 1) + [Manages.ATTRIBUTES]
    return Simulation(
        tenant=tenant,
        extensions=tuple(
            extension(one, name=f"x{n}", on_drift=OnDrift.UPDATE, manages=manages[n])
            for n, one in enumerate(WANTED)
        ),
        clock=tenant.clock,
        random=random,
        dialect=replace(
            DIALECT,
            lag_reads=PATIENT,
            page_size=random.choice((2, 100)),
            paging=has.paging_of(random),
            updates=UpdateStrategy.PATCH if has.patches else UpdateStrategy.PUT,
            patch_path=has.patches or PatchPath.VALUE,
            errors=(ErrorShape(means=Meaning.EXISTS, status=400, detail="exists already"),),
        ),
        sender=sender,
        base=base,
    )


def one_run(simulation: Simulation, number: int) -> None:
    tenant = simulation.tenant
    before = set(tenant.ours)
    outcomes = kinds(simulation.run(number))
    there = live(tenant)
    for key, kind in outcomes.items():
        if kind in KNOWN and key not in tenant.drifted:
            assert is_as(DESIRED[key], there[key]), key
    for key in set(tenant.ours) - before - tenant.drifted:  # done, so never called undone
        assert outcomes[key] in OPEN, (key, outcomes[key])
    # What cannot be changed can be made anew, once a fault has dropped it.
    if not tenant.habits.changeable and not tenant.hits[Fault.ATTRIBUTE_DROPPED]:
        assert outcomes.get(STUBBORN) not in KNOWN


def ended_well(simulation: Simulation) -> None:
    tenant, there = simulation.tenant, live(simulation.tenant)
    ids = Counter(fold(one["id"]) for one in tenant.stored)
    assert max(ids.values()) == 1, ids
    assert fold(urn(9)) in ids
    verb = "PATCH" if tenant.habits.patches else "PUT"
    assert {r.split()[0] for r in tenant.requests} <= {"GET", "POST", verb}
    assert len(tenant.requests) < 400
    assert not simulation.journal.open_intents("sim")
    for key in within_reach(tenant):
        assert is_as(DESIRED[key], there[key]), key
    if STUBBORN not in tenant.drifted:
        assert there[STUBBORN].attribute("elder")
        if STUBBORN in tenant.overtaken and (tenant.habits.tags or tenant.habits.patches):
            assert there[STUBBORN].attribute("theirs")
    assert set(tenant.ours) - tenant.drifted <= announced(simulation)


def within_reach(tenant: SimulatedTenant) -> set[str]:
    """What is as desired in the end: where nothing can be changed, what differs stops the rest."""
    stops = min(tenant.drifted, default="~") if not tenant.habits.changeable else "~"
    return {key for key in DESIRED.keys() - tenant.drifted if key < stops}


def is_as(desired: Schema, there: Schema) -> bool:
    """Whether a stored schema is as desired; what the vendor adds of its own does not count."""
    manages = Manages.ATTRIBUTES if desired.key == STUBBORN else Manages.SCHEMA
    return managed_view(there, desired, manages) == desired


def intended(simulation: Simulation) -> Callable[[str], None]:
    def guard(schema_id: str) -> None:
        """Nothing is sent that is not an intent on disk by then."""
        remaining = [i.schema_id for _, i in simulation.journal.open_intents("sim")]
        assert fold(schema_id) in [fold(each) for each in remaining]

    return guard


@pytest.mark.parametrize("seeds", chunks(0, SHARE), ids=str)
def test_a_schedule_of_faults_ends_as_desired_with_nothing_twice_and_nothing_false(
    seeds: range,
) -> None:
    hits: Counter[Fault] = Counter()
    for seed in seeds:
        hits += schedule(seed)[0]
    assert sum(hits.values()) > CHUNK


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_two_thousand_schedules_strike_with_every_kind_of_fault() -> None:
    hits: Counter[Fault] = Counter()
    habits_met: Counter[str] = Counter()
    for seed in range(ALL):
        struck, has = schedule(seed)
        hits += struck
        habits_met.update(has)
    assert {fault: hits[fault] for fault in Fault if hits[fault] < 20} == {}
    assert {name: habits_met[name] for name in NAMES if habits_met[name] < 20} == {}


# --- the same over real sockets -------------------------------------------------------------


KINDS = sorted(ON_SOCKETS)


@repeatable
def schedule_on_sockets(seed: int) -> tuple[Counter[Fault], frozenset[str]]:
    return schedule(seed, sockets_between, ON_SOCKETS, KINDS[seed % len(KINDS)])


def test_the_simulation_agrees_with_real_sockets() -> None:
    hits: Counter[Fault] = Counter()
    for seed in range(5):
        hits += schedule_on_sockets(seed)[0]
    assert sum(hits.values()) > 5


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_every_kind_of_fault_strikes_on_sockets_twenty_times() -> None:
    hits: Counter[Fault] = Counter()
    for seed in range(1000, 1000 + ON_SOCKETS_AT_MOST):
        if hits[KINDS[seed % len(KINDS)]] < 20:
            hits += schedule_on_sockets(seed)[0]
    assert {fault: hits[fault] for fault in KINDS if hits[fault] < 20} == {}


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


@repeatable
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


@repeatable
def page_lies(seed: int) -> None:
    """Every list lies, every read by id is true: only what is absent is created, and soon."""
    random = Random(seed)
    lies = random.sample(ON_LIST, random.randint(1, len(ON_LIST)))

    def draw(possible: tuple[Fault, ...]) -> Fault | None:
        return random.choice(lies) if set(lies) <= set(possible) else None

    clock, size = FakeClock(), random.choice((1, 3, 5, 100))
    has = Habits(shape=random.choice((ListShape.LIST, ListShape.LIST, ListShape.ARRAY)))
    tenant = SimulatedTenant(clock=clock, draw=draw, random=random, unique=False, habits=has)
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
def test_a_lying_list_never_leads_to_a_second_create(seeds: range) -> None:
    for seed in seeds:
        page_lies(seed)


@pytest.mark.chaos
@pytest.mark.parametrize("seeds", chunks(100, 1100), ids=str)
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
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        within: float = math.inf,
    ) -> Reply:
        reply = super().send(method, url, headers=headers, body=body)
        if method == "POST":
            self.stored = [] if self.kept is None else [create_body(Schema.from_json(self.kept))]
        return reply


@settings(max_examples=50)
@given(lies())
def test_a_service_that_stores_something_else_is_always_noticed(
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


# --- what there is ---------------------------------------------------------------------------

MODEL: dict[str, tuple[Fault, ...]] = {
    "429 with seconds": (Fault.THROTTLED_SECONDS,),
    "429 with a date": (Fault.THROTTLED_DATE,),
    "429 without a header": (Fault.THROTTLED,),
    "500": (Fault.E500,),
    "502 with a page of HTML": (Fault.E502_HTML,),
    "503 with a date in the past": (Fault.E503_PAST,),
    "504": (Fault.E504,),
    "408": (Fault.TIMED_OUT,),
    "cut before it is sent, amid the headers, amid the body": (
        Fault.NOT_SENT, Fault.LOST_BEFORE, Fault.LOST_HEADERS, Fault.LOST_BODY,
    ),
    "closed before the length that was told": (Fault.SHORT_LENGTH,),
    "closed where no length was told": (Fault.CUT_WHOLE,),
    "slow headers": (Fault.SLOW_HEADERS,),
    "a slow body": (Fault.SLOW_BODY,),
    "a wrong content type": (Fault.WRONG_TYPE,),
    "JSON with twins, NaN or too deep": (Fault.DUPLICATE_KEYS, Fault.NOT_A_NUMBER, Fault.DEEP),
    "compressed, though nobody asked": (Fault.COMPRESSED,),
    "401 until the token is renewed": (Fault.EXPIRED,),
    "403": (Fault.FORBIDDEN,),
    "another writer was faster": (Fault.RACE_EQUAL, Fault.RACE_OTHER, Fault.OVERTAKEN),
    "done, and the answer dropped": (Fault.DONE_DROPPED,),
    "done, and a 5xx": (Fault.DONE_5XX,),
    "201 and not stored, or not all of it": (Fault.NOT_STORED, Fault.ATTRIBUTE_DROPPED),
    "sent to another origin": (Fault.REDIRECT,),
    "pages that lie": ON_LIST,
    "shown late": (Fault.LATE,),
    "stored in other words": (Fault.NORMALISED,),
    "attributes nobody knows": (Fault.VENDOR_MEMBERS,),
    "an update that another one undoes": (Fault.UPDATE_LOST,),
    "refused while a deletion goes on": (Fault.BEING_DELETED,),
}  # fmt: skip


def test_the_fault_model_is_whole_in_the_simulation_and_on_sockets() -> None:
    assert Counter(f for faults in MODEL.values() for f in faults) == Counter(Fault)
    assert [kind for kind, faults in MODEL.items() if not ON_SOCKETS & set(faults)] == []
    assert len(MODEL) >= 24
    assert len(ON_LIST) >= 8


def test_a_seed_that_fails_says_in_one_line_how_to_run_it_again() -> None:
    @repeatable
    def fails(seed: int) -> None:
        assert seed != 7

    fails(6)
    with pytest.raises(AssertionError) as failed:
        fails(7)

    (note,) = failed.value.__notes__
    assert note.endswith(f"-m tests.support.replay {__name__}:fails 7")


@pytest.mark.parametrize("what", [schedule_on_sockets, redirect_trick])
def test_the_line_that_repeats_a_seed_finds_its_schedule(what: Callable[[int], object]) -> None:
    line = shlex.split(command(what, 3))
    done = subprocess.run(
        [sys.executable, *line[1:]],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
