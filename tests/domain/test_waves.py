"""Waves: sizes, and how tenants are divided by them and by what manifests say."""

from dataclasses import replace
from random import Random

import pytest

from reconciler.domain.plan import Plan, TenantPlan
from reconciler.domain.waves import Wave, in_waves, wave_sizes
from tests.support.markdown_world import planned as plan_of

TEN: dict[str, int | None] = {f"t{number}": None for number in range(10)}


def numbers(changed: int, text: str) -> list[int]:
    tenants = {f"t{number:03}": None for number in range(changed)}
    return [len(wave.tenants) for wave in in_waves(tenants, wave_sizes(text))]


@pytest.mark.parametrize(
    ("changed", "text", "expected"),
    [
        (50, "1,10%,100%", [1, 4, 45]),
        (50, " 1 , 10% , 100% ", [1, 4, 45]),
        (11, "10%,100%", [2, 9]),  # rounded up
        (3, "10%,100%", [1, 2]),  # at least one
        (3, "1,10%,100%", [1, 2]),  # 10% is the one that is done
        (1, "1,10%,100%", [1]),
        (0, "1,10%,100%", []),
        (30, "10%,100%", [3, 27]),  # no floating point
        (1000, "0.1%,12.5%,100%", [1, 124, 875]),
        (10, "1,5", [1, 4, 5]),  # the rest is a wave
        (10, "1,50", [1, 9]),
        (10, "5,10%,100%", [5, 5]),
        (10, "100%", [10]),
    ],
)
def test_sizes_are_how_many_are_written_when_a_wave_is_over(
    changed: int, text: str, expected: list[int]
) -> None:
    assert numbers(changed, text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is neither a number of tenants nor a share, as 10%"),
        ("1,,100%", "'' is neither"),
        ("0,100%", "'0' is neither"),
        ("0%", "'0%' is neither"),
        ("0.0%", "'0.0%' is neither"),
        ("-1", "'-1' is neither"),
        ("1.5", "'1.5' is neither"),
        ("ten", "'ten' is neither"),
        ("10 %", "'10 %' is neither"),
        ("١", "'١' is neither"),
        ("1e3", "'1e3' is neither"),
        ("1/3%", "'1/3%' is neither"),
        ("9999999", "'9999999' is neither"),
        ("101%", "101% is more than all of them; 100% is the most"),
        ("1,1", "1 is no more than 1, and each has to be more"),
        ("5,3,100%", "3 is no more than 5"),
        ("20%,10%", "10% is no more than 20%"),
        ("100.0%,5", "5 is no more than 100.0%"),
        ("100%,5", "5 is no more than 100%"),
        (",".join(str(number) for number in range(1, 102)), "there are more than 100"),
    ],
)
def test_sizes_that_do_not_grow_or_are_none_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace(".", r"\.")):
        wave_sizes(text)


def test_without_sizes_what_no_manifest_says_comes_last() -> None:
    tenants: dict[str, int | None] = {"a": None, "b": 3, "c": 1, "d": None, "e": 1}

    assert in_waves(tenants) == (
        Wave(1, ("c", "e")),
        Wave(3, ("b",)),
        Wave(4, ("a", "d")),
    )


def test_without_sizes_and_words_of_manifests_all_are_one_wave() -> None:
    assert in_waves(TEN) == (Wave(1, tuple(TEN)),)


def test_what_a_manifest_says_counts_and_the_others_fill_up_the_sizes() -> None:
    tenants = TEN | {"t7": 1, "t8": 2, "t9": 9}

    assert in_waves(tenants, wave_sizes("1,40%,100%")) == (
        Wave(1, ("t7",)),
        Wave(2, ("t0", "t1", "t8")),
        Wave(3, ("t2", "t3", "t4", "t5", "t6")),
        Wave(9, ("t9",)),
    )


def test_a_wave_may_be_larger_than_its_size_by_what_manifests_say() -> None:
    tenants = TEN | {"t7": 1, "t8": 1}

    waves = in_waves(tenants, wave_sizes("1,3"))

    assert [wave.tenants for wave in waves[:2]] == [("t7", "t8"), ("t0",)]
    assert sum(len(wave.tenants) for wave in waves) == 10


def test_each_tenant_is_in_one_wave_and_no_size_is_exceeded_but_by_manifests() -> None:
    seed = Random().randrange(10**6)
    random = Random(seed)
    for _ in range(300):
        tenants = {
            f"t{number}": random.choice((None, None, None, random.randint(1, 6)))
            for number in range(random.randrange(40))
        }
        shares = sorted(random.sample(range(1, 100), random.randrange(4)))
        texts = [*(f"{share}%" for share in shares), "100%"]
        sizes = wave_sizes(",".join(texts)) if random.random() < 0.8 else ()

        waves = in_waves(dict(random.sample(list(tenants.items()), len(tenants))), sizes)

        assert sorted(name for wave in waves for name in wave.tenants) == sorted(tenants), seed
        assert [wave.number for wave in waves] == sorted({wave.number for wave in waves}), seed
        place = {name: wave.number for wave in waves for name in wave.tenants}
        assert all(place[name] == said for name, said in tenants.items() if said is not None), seed
        for number, size in enumerate(sizes, start=1):
            done = sum(wave <= number for wave in place.values())
            filled = any(tenants[n] is None and wave == number for n, wave in place.items())
            assert not filled or done <= size.of(len(tenants)), seed
        free = [place[name] for name in sorted(tenants) if tenants[name] is None]
        assert free == sorted(free), seed


def test_the_waves_of_a_plan_have_what_is_changed_and_what_a_manifest_puts_into_one() -> None:
    def planned(name: str, wave: int | None = None) -> TenantPlan:
        made = plan_of(name)
        return replace(made, tenant=replace(made.tenant, wave=wave))

    changed, canary = planned("changed"), planned("canary", 1)
    in_sync = replace(planned("in-sync", 1), changes=())
    unread = replace(planned("unread"), changes=(), error="503")
    unread_canary = replace(planned("unread-canary", 2), changes=(), error="503")

    assert Plan(tenants=(changed, in_sync, unread)).waves() == ()
    assert Plan(tenants=(changed,), wave_sizes=wave_sizes("1")).waves() == (Wave(1, ("changed",)),)
    assert Plan(tenants=(canary, changed, in_sync, unread, unread_canary)).waves() == (
        Wave(1, ("canary",)),
        Wave(2, ("unread-canary",)),
        Wave(3, ("changed",)),
    )
