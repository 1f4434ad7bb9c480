"""A canary by the SCIM of a realm: what it keeps of values, or why nothing can be tried."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.domain.canary import CanaryResult
from reconciler.domain.scim import Schema
from tests.support.gateway_world import world
from tests.support.keycloak_canary import tried
from tests.support.keycloak_realm import ADMIN, HR, MAPPED, RealmService, profiled

ATTRIBUTES = [
    {"name": "kept"},
    {"name": "dotted"},
    {"name": "unmapped"},
    {"name": "many", "multiValued": True},
]
SCHEMA = Schema.from_json({"id": HR, "name": "HR", "attributes": ATTRIBUTES})


def realm(**members: Any) -> RealmService:
    """A realm with a user, and those attributes mapped in the ways that people try."""
    mapped = {
        "kept": {MAPPED: f"{HR}:kept"},
        "dotted": {MAPPED: f"{HR}.dotted"},
        "unmapped": {},
        "many": {MAPPED: f"{HR}:many"},
    }
    profile = [profiled(name, annotations=each) for name, each in mapped.items()]
    return RealmService(profile=profile, people=[{}], **members)


def test_a_canary_shows_what_the_own_scim_of_a_realm_keeps(tmp_path: Path) -> None:
    service = realm(scim=True)
    with world(service, base=ADMIN) as known:
        found = tried(known.reader._access, SCHEMA, "n4me-u00000", tmp_path / "s")

    assert dict(found.results) == {
        "kept": CanaryResult.PERSISTED,
        "dotted": CanaryResult.DROPPED,
        "unmapped": CanaryResult.DROPPED,
        "many": CanaryResult.COERCED,
    }
    assert service.people == [{}]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"scim": False}, "scimApiEnabled"),
        ({"scim": True, "audience": False}, "audience mapper whose included.custom.audience is"),
    ],
)
def test_nothing_is_tried_where_the_own_scim_of_a_realm_is_closed(
    members: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with world(realm(**members), base=ADMIN) as known:
        found = tried(known.reader._access, SCHEMA, "n4me-u00000", tmp_path / "s")

    assert found.found == {CanaryResult.NOT_TRIED}
    assert reason in found.detail
