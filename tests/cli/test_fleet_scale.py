"""A fleet is linear and light: n tenants beside 2n, by counts that no busy machine can change."""

import pytest

from tests.support.fleet.places import APPLY, Place, fleet, place, service, shares

__all__ = ["place", "service"]


@pytest.mark.parametrize(
    ("texts", "missing"),
    [
        (("plan",), 0),
        (("plan", "--format", "json"), 0),
        (APPLY, 0),
        (APPLY, 1),
        ((*APPLY, "--gate", "hr"), 0),
    ],
    ids=["plan", "plan as JSON", "apply with nothing to do", "apply with creates", "gate"],
)
def test_calls_a_tenant_do_not_grow_with_the_number_of_tenants(
    place: Place, texts: tuple[str, ...], missing: int
):
    one, some, twice = (
        place.count("calls", fleet(place.service, n, missing=missing), *texts, "--parallelism", "1")
        for n in (1, 12, 24)
    )

    few, many = shares(one, some, twice, 12)
    assert many <= 1.15 * few


def test_calls_an_event_do_not_grow_with_the_number_of_events(place: Place):
    def deliver(tenants: int) -> object:
        folder = place.folder_of(fleet(place.service, tenants, missing=1))
        place.service.set(hr=503)
        place.count_in(folder, "memory", *APPLY)
        place.service.set(hr=204)
        return place.count_in(folder, "calls", "webhooks", "deliver", "--now")

    one, some, twice = (deliver(n) for n in (1, 12, 24))

    few, many = shares(one, some, twice, 12)
    assert many <= 1.15 * few


@pytest.mark.parametrize(
    "texts",
    [
        ("plan",),
        ("plan", "--format", "json"),
        ("plan", "--out", "plan.json"),
        APPLY,
        (*APPLY, "--gate", "hr"),
    ],
)
def test_a_tenant_leaves_little_in_memory_when_it_is_done(place: Place, texts: tuple[str, ...]):
    some, twice = (place.count("memory", fleet(place.service, n), *texts) for n in (150, 300))

    assert isinstance(some, int)
    assert isinstance(twice, int)
    assert (twice - some) / 150 <= 100  # KiB a tenant; 16 of them is what its schemas take
