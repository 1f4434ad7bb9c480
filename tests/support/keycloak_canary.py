"""A canary on a user of a realm, by the realm's own SCIM, whoever serves that."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.adapters.gateway.reader import ReadDeadline, TenantAccess
from reconciler.adapters.keycloak.own_scim import KeycloakCanaryUsers, scim_access
from reconciler.adapters.transport import Http, HttpOptions
from reconciler.canary import Canary
from reconciler.domain.canary import Trial, Tried
from reconciler.domain.scim import Schema
from tests.support.store_world import opened


def tried(access: TenantAccess, schema: Schema, user_name: str, place: Path) -> Tried:
    """What became of a value of each attribute of the schema; nothing may be left."""
    warnings: list[str] = []
    with opened(place) as store, _users(access) as users:
        canary = Canary(
            clock=access.clock,
            tenant="acme",
            user_name=user_name,
            allowed=True,
            users=lambda: users,
            ledger=store,
            warn=warnings.append,
        )
        names = tuple(attribute.name for attribute in schema.attributes)
        [found] = canary.try_all([Trial(schema=schema, names=names)])
        assert not store.canaries()
    assert warnings == []
    return found


@contextmanager
def _users(access: TenantAccess) -> Iterator[KeycloakCanaryUsers]:
    with Http(HttpOptions(deadline=60), methods=frozenset({"PATCH"})) as writes:
        deadline = ReadDeadline.after(300, access.clock, option="--read-deadline")
        yield KeycloakCanaryUsers(scim_access(access), writes, deadline=deadline)
