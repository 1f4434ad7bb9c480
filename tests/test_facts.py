"""Facts: all that happens has words, and each name a meaning."""

from typing import get_args

import pytest

from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Create, Subject
from reconciler.facts import Fact, telling
from reconciler.occurrences import (
    ChangeBegun,
    ChangeEnded,
    FileChecked,
    LockRefused,
    LocksReleased,
    LockTaken,
    Occurrence,
    Phase,
    PhaseBegun,
    PhaseEnded,
    RequestEnded,
    RetryBegun,
    TenantBegun,
    TenantEnded,
    TokenReceived,
    WaitBegun,
    WaveBegun,
)
from tests.support.fakes import extension

CHANGE = Create(Subject(tenant="east", extension=extension()))
REQUEST = RequestEnded(
    method="GET",
    url="https://api.example.com/scim/v2/Schemas?count=100",
    seconds=0.0412,
    attempt=2,
    status=200,
    received=1234,
    resent=True,
)

WORDS = [
    (PhaseBegun(Phase.PLAN, 9), "plan: begun, 9 in all"),
    (PhaseEnded(Phase.PLAN), "plan: ended"),
    (TenantBegun(Phase.PLAN, "east"), "plan: tenant begun"),
    (TenantEnded(Phase.PLAN, "east", None), "plan: tenant ended"),
    (TenantEnded(Phase.PLAN, "east", "503"), "plan: tenant failed: 503"),
    (ChangeBegun(CHANGE), "acme: write begun"),
    (ChangeEnded(Outcome(change=CHANGE, kind=OutcomeKind.APPLIED, latency_ms=7)), "acme: applied"),
    (LockTaken("east"), "lock taken"),
    (LockRefused("east", "run 7 has it"), "no lock: run 7 has it"),
    (LocksReleased(), "locks released"),
    (WaveBegun(2, 4), "apply: wave 2 begun, 4 tenants in all"),
    (RetryBegun(2, 1.5, "it answered 503"), "attempt 2 in 1.5 s: it answered 503"),
    (WaitBegun(2.0, "it is late"), "waiting 2.0 s: it is late"),
    (
        TokenReceived("https://id.example.com/token", 3600.0),
        "token received from https://id.example.com/token, valid for 3600 s",
    ),
    (
        TokenReceived("https://id.example.com/token", None),
        "token received from https://id.example.com/token, it does not say for how long",
    ),
    (
        REQUEST,
        "GET /scim/v2/Schemas?count=100 at api.example.com: 200, 41 ms, attempt 2, 1234 bytes",
    ),
    (
        RequestEnded(
            method="GET", url="https://a.example.com/", seconds=1.0, attempt=1, lost="no answer"
        ),
        "GET / at a.example.com: no answer, 1000 ms, attempt 1, 0 bytes",
    ),
]


@pytest.mark.parametrize(("occurrence", "words"), WORDS)
def test_what_happens_is_said_in_words(occurrence: Occurrence, words: str):
    found = telling(occurrence)

    assert found is not None
    assert found.message == words


def test_a_request_has_all_that_is_known_of_it_as_facts():
    found = telling(REQUEST)

    assert found is not None
    assert found.facts == {
        Fact.METHOD: "GET",
        Fact.HOST: "api.example.com",
        Fact.PATH: "/scim/v2/Schemas",
        Fact.QUERY: "count=100",
        Fact.STATUS: 200,
        Fact.MS: 41,
        Fact.ATTEMPT: 2,
        Fact.BYTES_SENT: 0,
        Fact.BYTES: 1234,
        Fact.RESENT: True,
    }


def test_every_occurrence_has_words_but_a_file():
    tried = {type(occurrence) for occurrence, _ in WORDS}
    silent = set(get_args(Occurrence)) - tried

    assert {each.__name__ for each in silent} == {"FileChecked", "DeliveryEnded"}
    assert telling(FileChecked()) is None


def test_names_of_attributes_are_unique_and_have_a_meaning():
    assert len({fact.attribute for fact in Fact}) == len(Fact)
    assert all(fact.meaning for fact in Fact)
