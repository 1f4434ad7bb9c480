"""Selection: the part of the fleet that a run is about."""

import pytest

from reconciler.domain.selection import Selection, Shard


def test_what_is_not_due_is_not_taken_whatever_fits() -> None:
    chosen = Selection(tenants=("acme-*",), due=frozenset({"acme-1", "other"}))

    assert [name for name in ("acme-1", "acme-2", "other") if chosen.takes_tenant(name)] == [
        "acme-1"
    ]
    assert not Selection(due=frozenset()).takes_tenant("acme")


URN = "urn:example:2.0:User:HR"


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), True),
        (Selection(tenants=("acme",)), True),
        (Selection(targets=("hr",)), False),
        (Selection(targets=("hr", "URN:example:*")), True),
        (Selection(excludes=("hr",)), True),
        (Selection(excludes=("*:hr",)), False),
        (Selection(targets=("*",), excludes=("urn:*",)), False),
    ],
)
def test_a_schema_that_no_manifest_names_is_taken_by_its_urn(
    selection: Selection, taken: bool
) -> None:
    assert selection.takes_unmanaged(URN) is taken


NAMES = [f"acme-{number}" for number in range(2000)]


@pytest.mark.parametrize("count", [1, 2, 3, 16, 1000])
def test_each_tenant_is_in_one_shard(count: int) -> None:
    shards = [Shard(number, count) for number in range(1, count + 1)]

    assert all(sum(shard.takes(name) for shard in shards) == 1 for name in NAMES)


def test_a_shard_is_shown_as_its_option_has_it() -> None:
    assert str(Shard(2, 4)) == "2/4"


def test_shards_are_of_like_size() -> None:
    sizes = [sum(Shard(number, 4).takes(name) for name in NAMES) for number in range(1, 5)]

    assert all(425 < size < 575 for size in sizes)


def test_the_shard_of_a_tenant_depends_on_its_name_alone() -> None:
    # Those of a release stay those of the next: a change here moves tenants between running jobs.
    found = {name: next(n for n in range(1, 5) if Shard(n, 4).takes(name)) for name in NAMES[:8]}

    assert found == {
        "acme-0": 3,
        "acme-1": 3,
        "acme-2": 4,
        "acme-3": 3,
        "acme-4": 4,
        "acme-5": 1,
        "acme-6": 1,
        "acme-7": 3,
    }


def test_a_shard_is_a_part_of_what_the_globs_select() -> None:
    selection = Selection(tenants=("acme-1*",), shard=Shard(1, 2))

    assert {name for name in NAMES if selection.takes_tenant(name)} == {
        name for name in NAMES if name.startswith("acme-1") and Shard(1, 2).takes(name)
    }
