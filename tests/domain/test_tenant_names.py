"""The names that tenants had: by manifests, by what was recorded, and over several steps."""

from dataclasses import replace

import pytest

from reconciler.domain.drift import Sighting
from reconciler.domain.manifest import Tenant
from reconciler.domain.problem import Place
from reconciler.domain.tenant_names import (
    KeptNames,
    Renaming,
    TenantNames,
    UnclaimedName,
    former_names,
    tenant_names,
    unrecorded,
)
from tests.support.domain_world import dialect


def tenant(name: str, *formerly: str) -> Tenant:
    return Tenant(
        name=name,
        place=Place(f"{name}.yaml"),
        dialect=dialect(),
        base_url="https://scim.example.com",
        formerly=formerly,
    )


def former(*tenants: Tenant, recorded: tuple[tuple[str, str], ...] = ()) -> dict[str, list[str]]:
    names = tenant_names(tenants, [Renaming(*each) for each in recorded])
    return {name: list(old) for name, old in names.former.items()}


def test_a_former_name_is_that_of_the_tenant_whose_manifest_has_it() -> None:
    names = tenant_names([tenant("new", "mid", "old"), tenant("other")], ())

    assert names.of("new") == ("new", "mid", "old")
    assert names.of("other") == ("other",)
    assert [names.current(name) for name in ("old", "mid", "new", "x")] == [
        "new",
        "new",
        "new",
        "x",
    ]
    assert names.old == {"mid", "old"}


def test_what_was_recorded_stays_when_the_manifest_says_it_no_more() -> None:
    assert former(tenant("new"), recorded=(("old", "new"),)) == {"new": ["old"]}


def test_a_name_is_followed_over_several_renamings() -> None:
    recorded = (("old", "mid"),)

    assert former(tenant("new", "mid"), recorded=recorded) == {"new": ["mid", "old"]}
    assert former(tenant("new"), recorded=(*recorded, ("mid", "new"))) == {"new": ["mid", "old"]}


def test_the_name_of_a_tenant_is_never_that_of_another() -> None:
    assert former(tenant("new"), tenant("old"), recorded=(("old", "new"),)) == {}
    assert former(tenant("new", "old"), tenant("old")) == {}


def test_a_tenant_that_got_its_first_name_back_has_both() -> None:
    assert former(tenant("old", "new"), recorded=(("old", "new"),)) == {"old": ["new"]}
    assert former(tenant("old"), recorded=(("old", "new"), ("new", "old"))) == {"old": ["new"]}


def test_a_manifest_counts_before_what_was_recorded() -> None:
    assert former(tenant("new"), tenant("right", "old"), recorded=(("old", "new"),)) == {
        "right": ["old"]
    }


@pytest.mark.parametrize(
    "recorded", [(("a", "b"), ("b", "a")), (("a", "a"),), (("a", "gone"),), (("x", "a"),)]
)
def test_names_that_lead_to_no_tenant_are_nobodys(recorded: tuple[tuple[str, str], ...]) -> None:
    assert former(tenant("new"), recorded=recorded) == {}


def test_a_renaming_is_read_from_its_record_and_nothing_else_is() -> None:
    renaming = Renaming("old", "new")

    assert Renaming.recorded("new", renaming.detail) == renaming
    assert Renaming.recorded("new", "something else") is None
    assert Renaming.recorded("new", None) is None
    assert Renaming.recorded(None, renaming.detail) is None


def test_a_renaming_is_recorded_once_and_anew_where_the_name_has_gone_elsewhere() -> None:
    tenants = (tenant("new", "old"),)

    assert unrecorded(tenants, ()) == (Renaming("old", "new"),)
    assert unrecorded(tenants, [Renaming("old", "new")]) == ()
    assert unrecorded(tenants, [Renaming("old", "new"), Renaming("old", "x")]) == (
        Renaming("old", "new"),
    )


def test_sightings_under_two_names_are_the_later_one() -> None:
    names = TenantNames({"new": ("old",)})
    first, last = (
        Sighting(at="2026-01-01", fingerprint="1"),
        Sighting(at="2026-01-02", fingerprint="2"),
    )
    seen = {("old", "urn:a"): first, ("new", "urn:a"): last, ("old", "urn:b"): first}

    assert names.sightings_today(seen) == {("new", "urn:a"): last, ("new", "urn:b"): first}
    assert names.sightings_today(dict(reversed(seen.items())))["new", "urn:a"] == last
    assert TenantNames().sightings_today(seen) is seen


def test_the_names_before_those_that_a_glob_fits_are_found_over_several_steps() -> None:
    recorded = [Renaming("a", "b"), Renaming("x", "y"), Renaming("b", "c-1")]

    assert former_names(("c-*",), recorded) == ("b", "a")
    assert former_names(("y", "b"), recorded) == ("x", "a")
    assert former_names(("a",), recorded) == ()


def test_rows_are_named_as_today() -> None:
    names = TenantNames({"new": ("old",)})

    assert names.rows_today([("old", 1), ("x", 2)]) == [("new", 1), ("x", 2)]


KEPT = KeptNames(
    names=frozenset({"new", "old", "gone", "history"}),
    renamings=(Renaming("older", "old"),),
    open_writes={"old": 1, "gone": 2, "older": 1},
    pending={"gone": 3},
    held={"elsewhere": 1},
)


def test_names_that_no_manifest_has_or_had_are_unclaimed() -> None:
    assert KEPT.unclaimed([tenant("new", "old")]) == (
        UnclaimedName(name="elsewhere", held=1),
        UnclaimedName(name="gone", open_writes=2, pending=3),
        UnclaimedName(name="history"),
    )


def test_a_history_alone_is_nothing_open() -> None:
    assert [each.is_open for each in KEPT.unclaimed([tenant("new", "old")])] == [True, True, False]
    assert replace(UnclaimedName(name="x"), pending=1).is_open


def test_the_message_of_a_name_has_what_is_open_and_three_ways_out() -> None:
    message = UnclaimedName(name="gone", open_writes=2, held=1).message

    assert message.startswith(
        "no manifest here has this tenant (writes without a known end: 2, webhooks that are held: "
        "1): put its manifest back and run `reconciler apply --recover-only --tenant gone`"
    )
    assert "spec.formerly" in message
    assert message.endswith("`reconciler webhooks drop --tenant gone`")
