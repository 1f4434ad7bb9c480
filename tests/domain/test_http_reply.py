import pytest

from reconciler.domain.http_reply import (
    Answer,
    Applied,
    Loss,
    Next,
    NoAnswer,
    Verdict,
    judge_read,
    judge_write,
)

CLAIMED, NO, UNKNOWN = Applied.CLAIMED, Applied.NO, Applied.UNKNOWN

# What a status proves about a write, and what to do next; one line for each line of reasoning.
WRITES: list[tuple[range | list[int], Applied, Next]] = [
    (range(100, 200), UNKNOWN, Next.READ),  # no final answer came
    (range(200, 300), CLAIMED, Next.VERIFY),  # a claim, whatever the body says
    (range(300, 400), UNKNOWN, Next.READ),  # never followed on a write
    ([401], NO, Next.RENEW_TOKEN),
    ([408, 425, 429], NO, Next.RETRY),
    ([409], NO, Next.READ),  # somebody has it: equal is adopted, else a conflict
    ([400, 402, 403, 404, 405, 406, 407, 410, 411, 412, 413, 414, 415, 416, 417, 418],
     NO, Next.STOP),
    (range(419, 425), NO, Next.STOP),
    (range(426, 429), NO, Next.STOP),
    (range(430, 500), NO, Next.STOP),
    ([501], NO, Next.STOP),
    ([500, 502, 503, 504], UNKNOWN, Next.READ),
    (range(505, 600), UNKNOWN, Next.READ),
]  # fmt: skip
WRITE_TABLE = {status: Verdict(a, n) for statuses, a, n in WRITES for status in statuses}
READ_TABLE = (
    dict.fromkeys(range(100, 600), Next.STOP)
    | {200: Next.VERIFY, 203: Next.VERIFY, 401: Next.RENEW_TOKEN}
    | dict.fromkeys((408, 425, 429, 500, 502, 503, 504), Next.RETRY)
)
LOSSES = {
    Loss.NOT_SENT: (Verdict(NO, Next.RETRY), Next.RETRY),
    Loss.UNTRUSTED: (Verdict(NO, Next.STOP), Next.STOP),
    Loss.TOO_LONG: (Verdict(UNKNOWN, Next.READ), Next.STOP),
    Loss.LOST: (Verdict(UNKNOWN, Next.READ), Next.RETRY),
}


def answer(status: int, body: bytes = b"{}") -> Answer:
    return Answer(status, {}, body)


def test_every_status_means_what_the_table_says() -> None:
    assert sorted(WRITE_TABLE) == list(range(100, 600))  # the table has no hole and no twin
    assert sum(len(statuses) for statuses, _, _ in WRITES) == 500
    assert {status: judge_write(answer(status)) for status in WRITE_TABLE} == WRITE_TABLE
    assert {status: judge_read(answer(status)) for status in READ_TABLE} == READ_TABLE


def test_every_loss_means_what_the_table_says() -> None:
    assert set(LOSSES) == set(Loss)
    assert {
        loss: (judge_write(NoAnswer(loss, "why")), judge_read(NoAnswer(loss, "why")))
        for loss in Loss
    } == LOSSES


@pytest.mark.parametrize("status", [200, 201, 204, 409, 500])
def test_the_body_of_a_write_changes_nothing(status: int) -> None:
    bodies = (b"", b"{}", b"<html>", b'{"id": ', b"\xff")
    assert len({judge_write(answer(status, body)) for body in bodies}) == 1


@pytest.mark.parametrize("status", [0, 99, 600, 999])
def test_an_unknown_http_status_proves_nothing(status: int) -> None:
    assert judge_write(answer(status)) == Verdict(UNKNOWN, Next.READ)
    assert judge_read(answer(status)) is Next.STOP


def test_a_write_is_never_sent_again_before_it_is_known_that_it_was_not_done() -> None:
    replies = [answer(status) for status in range(100, 600)]
    verdicts = [*map(judge_write, replies), *(judge_write(NoAnswer(x, "")) for x in Loss)]
    assert {v.applied for v in verdicts if v.next in (Next.RETRY, Next.RENEW_TOKEN)} == {NO}
    assert {v.next for v in verdicts if v.applied is UNKNOWN} == {Next.READ}
    assert {v.next for v in verdicts if v.applied is CLAIMED} == {Next.VERIFY}


def test_the_message_of_a_loss_ends_with_what_would_help_where_that_is_known() -> None:
    assert NoAnswer(Loss.NOT_SENT, "refused").message == "refused"
    assert NoAnswer(Loss.NOT_SENT, "refused", advice="try later").message == "refused; try later"
