"""Made-up users for the built-in tenant, the same ones each time."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from reconciler.domain.jsontext import Json
from reconciler.domain.scim import fold
from reconciler.embedded.store import EmbeddedStore
from reconciler.embedded.users import provider_of
from reconciler.embedded.users_storage import UsersStorage

_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_GIVEN = ("Ada", "Blaise", "Chandra", "Dorothy", "Edsger", "Frances", "Grace", "Hedy")
_FAMILY = ("Abara", "Bauer", "Cohen", "Dubois", "Eriksen", "Fujita", "Garcia")
_DEPARTMENTS = ("Sales", "Research", "Finance", "Operations", "Support")


def seed_users(store: EmbeddedStore, clock: Callable[[], datetime], count: int) -> None:
    """Add those of the first `count` made-up users that the tenant lacks, in one transaction."""
    provider = provider_of([])
    storage = UsersStorage(store, provider, clock)
    kind = next(kind for kind in provider.resource_types if kind.name == "User")
    model: Any = provider.model_for(kind)
    with store.transaction():
        there = {fold(document["userName"]) for document in store.resources("user")}
        for number in range(1, count + 1):
            document = _made_up(number)
            if document["userName"] not in there:
                storage.create(kind, model.model_validate(document))


def _made_up(number: int) -> dict[str, Json]:
    given, family = _GIVEN[number % len(_GIVEN)], _FAMILY[number % len(_FAMILY)]
    name = f"user{number:05}@example.com"
    return {
        "schemas": [_USER, _ENTERPRISE],
        "userName": name,
        "name": {"givenName": given, "familyName": family},
        "displayName": f"{given} {family}",
        "active": number % 10 != 0,
        "emails": [{"value": name, "type": "work", "primary": True}],
        _ENTERPRISE: {
            "employeeNumber": str(number),
            "department": _DEPARTMENTS[number % len(_DEPARTMENTS)],
        },
    }
