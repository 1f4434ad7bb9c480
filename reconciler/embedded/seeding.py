"""The first schemas and users of a built-in tenant; users are made up, the same ones each time."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciler.domain.jsontext import Json
from reconciler.domain.records import rfc3339
from reconciler.domain.scim import Schema, fold
from reconciler.embedded.store import EmbeddedStore, StoredSchema, open_embedded_store
from reconciler.embedded.users import provider_of
from reconciler.embedded.users_storage import UsersStorage

_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_GIVEN = ("Ada", "Blaise", "Chandra", "Dorothy", "Edsger", "Frances", "Grace", "Hedy")
_FAMILY = ("Abara", "Bauer", "Cohen", "Dubois", "Eriksen", "Fujita", "Garcia")
_DEPARTMENTS = ("Sales", "Research", "Finance", "Operations", "Support")


Held = Callable[[int], dict[str, Json]]


def fill(
    folder: Path,
    name: str,
    clock: Callable[[], datetime],
    *,
    schemas: Iterable[Mapping[str, Json]],
    users: int,
    held: Held,
) -> None:
    """Give the built-in tenant of that name these schemas, and made-up users who hold values."""
    with open_embedded_store(folder, name) as store, store.transaction():
        now = rfc3339(clock())
        for document in schemas:
            key = Schema.from_json(document).key
            store.save_schema(
                StoredSchema(key=key, document={**document}, created=now, modified=now, version=1)
            )
        seed_users(store, clock, users, held)


def _nothing(_: int) -> dict[str, Json]:
    return {}


def seed_users(
    store: EmbeddedStore, clock: Callable[[], datetime], count: int, held: Held = _nothing
) -> None:
    """Add those of the first `count` made-up users that the tenant lacks, in one transaction.

    `held` says what the user of a number holds of custom schemas, by their URNs.
    """
    provider = provider_of(Schema.from_json(stored.document) for stored in store.schemas())
    storage = UsersStorage(store, provider, clock)
    kind = next(kind for kind in provider.resource_types if kind.name == "User")
    model: Any = provider.model_for(kind)
    with store.transaction():
        there = {fold(document["userName"]) for document in store.resources("user")}
        for number in range(1, count + 1):
            document = _made_up(number, held(number))
            if document["userName"] not in there:
                storage.create(kind, model.model_validate(document))


def _made_up(number: int, held: dict[str, Json]) -> dict[str, Json]:
    given, family = _GIVEN[number % len(_GIVEN)], _FAMILY[number % len(_FAMILY)]
    name = f"user{number:05}@example.com"
    return {
        "schemas": [_USER, _ENTERPRISE, *held],
        "userName": name,
        "name": {"givenName": given, "familyName": family},
        "displayName": f"{given} {family}",
        "active": number % 10 != 0,
        "emails": [{"value": name, "type": "work", "primary": True}],
        _ENTERPRISE: {
            "employeeNumber": str(number),
            "department": _DEPARTMENTS[number % len(_DEPARTMENTS)],
        },
        **held,
    }
