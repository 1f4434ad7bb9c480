"""The figures of adoption in their table, and the counts that are under way."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from reconciler.adapters.database.connections import Question, Row, Step
from reconciler.adapters.database.tables import AS_DESIRED
from reconciler.domain.adoption import Count, CountMethod, Sample, SampleHistory, SampleKey
from reconciler.domain.jsontext import NotJson, canonical, parse
from reconciler.domain.scim import MalformedSchema, Schema
from reconciler.ports import Counting, ProvedSchema

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

_DEPLOYED = """
SELECT i.desired, a.timestamp FROM intents i JOIN audit a ON a.seq = i.settled_by
 WHERE i.tenant = ? AND i.status IN ('SUCCESS', 'RECOVERED') ORDER BY i.id
"""
_FIRST_IN_SYNC = f"""
SELECT timestamp FROM audit WHERE {AS_DESIRED} AND tenant = ? AND schema_id = ?
   AND coalesce(after_digest, before_digest) = ? ORDER BY seq LIMIT 1
"""


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


def append(step: Step, samples: Sequence[Sample], ends: tuple[str, str] | None) -> None:
    """Append figures; the count under way that `ends` names is over."""
    for sample in samples:
        count = sample.count
        values = (count.holders, count.total, count.method.value, sample.measured_at)
        step.defer(_ADD, *_values(sample.key), *values)
    if ends is not None:
        end_counting(step, *ends)


def end_counting(step: Step, tenant: str, resource_type: str) -> None:
    """Forget how far a count has come."""
    step.defer(_END, tenant, resource_type)


def counting_of(tenant: str, resource_type: str) -> Question:
    """The question for the count of a tenant that is under way."""
    return Question(_COUNTING, (tenant, resource_type))


def counting(tenant: str, resource_type: str, rows: Sequence[Row]) -> Counting | None:
    """The answer to `counting_of`; what nobody can read is no count."""
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
    """Keep a count in the place of what is there of it."""
    end_counting(step, kept.tenant, kept.resource_type)
    tallies = canonical(kept.tallies).decode()
    at = (kept.tenant, kept.resource_type, kept.next_start)
    step.defer(_KEEP, *at, tallies, kept.started_at)


def deployments_of(tenant: str) -> Question:
    """The question for what writes of ours have made of a tenant's schemas."""
    return Question(_DEPLOYED, (tenant,))


def deployments(rows: Sequence[Row]) -> tuple[ProvedSchema, ...]:
    """The answer to `deployments_of`; what is no schema any more is left out."""
    found = []
    for desired, at in rows:
        with suppress(NotJson, MalformedSchema):
            found.append(ProvedSchema(Schema.from_json(parse(desired.encode())), at))
    return tuple(found)


def first_in_sync(tenant: str, schema_id: str, fingerprint: str) -> Question:
    """The question for the first record that has a schema of that fingerprint as desired."""
    return Question(_FIRST_IN_SYNC, (tenant, schema_id, fingerprint))


def _values(key: SampleKey) -> tuple[str, str, str, str]:
    return key.tenant, key.resource_type, key.schema_id, key.attribute
