"""The figures of adoption in their table, and the counts that are under way."""

from collections.abc import Iterable, Mapping, Sequence

from reconciler.adapters.database.connections import Question, Row, Step
from reconciler.domain.adoption import Count, CountMethod, Sample, SampleHistory, SampleKey
from reconciler.domain.jsontext import NotJson, canonical, parse
from reconciler.ports import Counting

_KEY = "tenant, resource_type, schema_id, attribute"
_ADD = (
    f"INSERT INTO samples ({_KEY}, holders, total, method, measured_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_OF_KEY = "tenant = ? AND resource_type = ? AND schema_id = ? AND attribute = ?"
_FOUND = "SELECT holders, total, method, measured_at FROM samples WHERE"
_NEWEST = f"{_FOUND} {_OF_KEY} ORDER BY id DESC LIMIT 1"
_FIRST = f"{_FOUND} {_OF_KEY} ORDER BY id LIMIT 1"
_FIRST_VALUE = f"{_FOUND} {_OF_KEY} AND holders > 0 ORDER BY id LIMIT 1"
_COUNTING = (
    "SELECT next_start, tallies, started_at FROM countings WHERE tenant = ? AND resource_type = ?"
)
_END = "DELETE FROM countings WHERE tenant = ? AND resource_type = ?"
_KEEP = (
    "INSERT INTO countings (tenant, resource_type, next_start, tallies, started_at) "
    "VALUES (?, ?, ?, ?, ?)"
)


def histories_of(keys: Iterable[SampleKey]) -> list[Question]:
    """The questions for what is kept of each attribute, three each."""
    return [
        Question(statement, _values(key))
        for key in keys
        for statement in (_FIRST, _FIRST_VALUE, _NEWEST)
    ]


def histories(
    keys: Sequence[SampleKey], answers: Sequence[Sequence[Row]]
) -> dict[SampleKey, SampleHistory]:
    """By attribute, from the answers to `histories_of`."""
    found = {}
    for key, first, with_value, newest in zip(
        keys, answers[::3], answers[1::3], answers[2::3], strict=True
    ):
        for holders, total, method, measured_at in newest:
            count = Count(holders=holders, total=total, method=CountMethod(method))
            found[key] = SampleHistory(
                first_at=first[0][-1],
                first_value=with_value[0][-1] if with_value else None,
                newest=Sample(key=key, count=count, measured_at=measured_at),
            )
    return found


def _of_each(*conditions: str, newest: bool = False) -> Question:
    """The question for the first sample of each attribute, or the newest, straight by an index.

    Each step is four questions, as those of `last_seen.latest` are two.
    """
    way, beyond = ("DESC", "<") if newest else ("ASC", ">")
    columns = _KEY.split(", ")

    def one(depth: int, *more: str) -> str:
        same = (f"s.{column} = p.{column}" for column in columns[:depth])
        order = ", ".join(f"s.{column} {way}" for column in (*columns[depth:], "id"))
        where = " AND ".join((*conditions, *same, *more))
        return f"(SELECT s.id FROM samples s WHERE {where} ORDER BY {order} LIMIT 1)"

    begin = one(0, "s.tenant > ''")
    after = ", ".join(
        one(depth, f"s.{columns[depth]} {beyond} p.{columns[depth]}") for depth in (3, 2, 1, 0)
    )
    return Question(
        f"WITH RECURSIVE each_one (id) AS (SELECT {begin} UNION ALL SELECT coalesce({after}) "
        "FROM each_one JOIN samples p ON p.id = each_one.id) "
        f"SELECT {_KEY}, holders, total, method, measured_at "
        "FROM each_one JOIN samples ON samples.id = each_one.id"
    )


OF_FLEET = (
    _of_each(),
    _of_each("s.holders > 0"),
    _of_each(newest=True),
)


def fleet_histories(answers: Sequence[Sequence[Row]]) -> dict[SampleKey, SampleHistory]:
    """By attribute, from the answers to OF_FLEET."""
    first, with_value, newest = ({row[:4]: row for row in rows} for rows in answers)
    found = {}
    for about, (*_, holders, total, method, measured_at) in newest.items():
        tenant, resource_type, schema_id, attribute = about
        key = SampleKey(
            tenant=tenant, resource_type=resource_type, schema_id=schema_id, attribute=attribute
        )
        count = Count(holders=holders, total=total, method=CountMethod(method))
        found[key] = SampleHistory(
            first_at=first[about][-1],
            first_value=with_value[about][-1] if about in with_value else None,
            newest=Sample(key=key, count=count, measured_at=measured_at),
        )
    return found


def append(step: Step, samples: Sequence[Sample]) -> None:
    """Append figures."""
    for sample in samples:
        count = sample.count
        values = (count.holders, count.total, count.method.value, sample.measured_at)
        step.defer(_ADD, *_values(sample.key), *values)


def end_counting(step: Step, tenant: str, resource_type: str) -> None:
    """Forget how far a count has come."""
    step.defer(_END, tenant, resource_type)


def counting_of(tenant: str, resource_type: str) -> Question:
    """The question for the count of a tenant that is under way."""
    return Question(_COUNTING, (tenant, resource_type))


def counting(tenant: str, resource_type: str, rows: Iterable[Row]) -> Counting | None:
    """The first answer to `counting_of`; what nobody can read is no count."""
    for next_start, tallies, started_at in rows:
        try:
            found = parse(tallies.encode())
        except NotJson:
            return None
        if isinstance(found, Mapping):
            return Counting(
                tenant=tenant,
                resource_type=resource_type,
                next_start=next_start,
                tallies=found,
                started_at=started_at,
            )
    return None


def keep_counting(step: Step, kept: Counting) -> None:
    """Keep a count, where there is none of it."""
    tallies = canonical(kept.tallies).decode()
    at = (kept.tenant, kept.resource_type, kept.next_start)
    step.defer(_KEEP, *at, tallies, kept.started_at)


def _values(key: SampleKey) -> tuple[str, str, str, str]:
    return key.tenant, key.resource_type, key.schema_id, key.attribute
