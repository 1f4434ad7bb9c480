"""The issue of a tenant's drift: nothing that a tenant or a saved plan says leaves its place."""

from itertools import count
from random import Random, randrange

from reconciler.domain.jsontext import Json
from reconciler.render.drift_markdown import drift_body, ended_body
from reconciler.render.markdown_text import code
from tests.support.markdown_world import each, filled, hostile, rich, skeleton
from tests.support.runner_rule import commands_in


def tenants() -> list[Json]:
    """Every kind of tenant; the names are checked before any of them is written about."""
    return [tenant for tenant in rich()["tenants"] if tenant["error"] is None]


def bodies(string: Json) -> list[str]:
    reported = []
    for tenant in tenants():
        body = drift_body(filled(tenant, string) | {"name": tenant["name"]})
        reported += [body, ended_body(tenant["name"], body, gone=False)]
    return reported


def test_hostile_strings_leave_the_frame_of_an_issue_as_it_is():
    seed = randrange(2**32)
    random, numbers = Random(seed), count()
    tame = [skeleton(body) for body in bodies(each(lambda: f"tame{next(numbers)}"))]
    used = 0

    def evil() -> str:
        nonlocal used
        used += 1
        return hostile(random)

    while used < 1000:
        attacked = bodies(each(evil))
        assert [skeleton(body) for body in attacked] == tame, seed
        assert [command for body in attacked for command in commands_in(body)] == []


def test_since_of_drift_stands_in_code():
    [missing] = [tenant for tenant in tenants() if tenant["name"] == "missing"]
    [drift] = missing["drift"]

    stated = f"missing: it was there at {drift['since']}, and creating it brings no values back"
    assert f"- {code(drift['schema_id'])}: {code(stated)}\n" in drift_body(missing)
