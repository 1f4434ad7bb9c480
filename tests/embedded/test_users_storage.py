"""scim2-server's own contract for a storage, held against ours; what it adds for custom schemas."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scim2_models import ResourceType, ScimFilter, ScimProvider, SearchRequest
from scim2_server.testing import ScimStorageContract

from reconciler.domain.scim import Schema
from reconciler.embedded.schema_rules import accept
from reconciler.embedded.store import EmbeddedStore, open_embedded_store
from reconciler.embedded.users import provider_of
from reconciler.embedded.users_storage import UsersStorage
from tests.support.embedded_client import HR, USER, TestClock, extension


@cache
def _provider(*attributes: str) -> ScimProvider:
    documents = [
        extension(attributes=[{"name": name, "type": kind}])
        for name, _, kind in (attribute.partition(":") for attribute in attributes)
    ]
    return provider_of(Schema.from_json(document) for document in documents)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with open_embedded_store(tmp_path, "contract") as store:
        yield store


class TestContract(ScimStorageContract):
    @pytest.fixture
    def provider(self) -> ScimProvider:
        return _provider()

    @pytest.fixture
    def storage(self, store: EmbeddedStore, provider: ScimProvider) -> UsersStorage:
        return UsersStorage(store, provider, TestClock())


def _user_type(provider: ScimProvider) -> ResourceType:
    return next(kind for kind in provider.resource_types if kind.id == "User")


def _stored_under(store: EmbeddedStore, provider: ScimProvider, document: dict[str, Any]) -> str:
    model: Any = provider.model_for("User")
    storage = UsersStorage(store, provider, TestClock())
    return str(storage.create(_user_type(provider), model.model_validate(document)).id)


urns = st.from_regex(r"urn:[a-zA-Z0-9]{2,5}(:[a-zA-Z0-9][a-zA-Z0-9._-]{0,8}){1,5}", fullmatch=True)
odd_names = ["class", "schema", "copy", "json", "userName", "User", "password", "model_dump", "pr"]
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,7}", fullmatch=True) | st.sampled_from(odd_names)


@pytest.mark.thorough
@settings(max_examples=40, deadline=None)
@example(urn="urn:example:a", name="model_dump", value="x")
@example(urn="urn:example:a", name="Model_Validate_x", value="x")
@given(urn=urns, name=names, value=st.text(min_size=1))
def test_a_value_of_any_accepted_attribute_is_kept_and_counted(
    urn: str, name: str, value: str
) -> None:
    assume(name.lower() not in ("id", "meta", "schemas"))  # common attributes
    schema = accept(extension(urn, name="any", attributes=[{"name": name, "caseExact": True}]))
    provider = provider_of([schema])
    user_type = _user_type(provider)
    model: Any = provider.model_for("User")
    with (
        TemporaryDirectory() as folder,
        open_embedded_store(Path(folder), "any") as store,
        provider,
    ):
        storage = UsersStorage(store, provider, TestClock())
        document = {"schemas": [USER, urn], "userName": "ann", urn: {name: value}}
        identifier = storage.create(user_type, model.model_validate(document)).id
        storage.create(user_type, model.model_validate({"schemas": [USER], "userName": "bob"}))

        kept = storage.get(user_type, str(identifier)).model_dump()
        holders = SearchRequest[model](filter=ScimFilter(f"{urn}:{name} pr"), count=0)

        assert {key.lower(): value for key, value in kept.items()}[urn.lower()] == {name: value}
        assert storage.search([user_type], holders).total == 1


def test_a_user_outlives_the_attribute_it_holds_a_value_of(store: EmbeddedStore) -> None:
    before, after = _provider("grade:string"), _provider("level:string")
    document = {"schemas": [USER, HR], "userName": "ann", HR: {"grade": "A1"}}
    identifier = _stored_under(store, before, document)

    user = UsersStorage(store, after, TestClock()).get(_user_type(after), identifier)

    assert user.model_dump()["userName"] == "ann"
    assert "grade" not in str(user.model_dump())


def test_a_user_outlives_a_change_of_type_that_its_value_does_not_fit(store: EmbeddedStore) -> None:
    before, after = _provider("grade:string"), _provider("grade:integer")
    document = {"schemas": [USER, HR], "userName": "ann", HR: {"grade": "A1"}}
    identifier = _stored_under(store, before, document)

    user = UsersStorage(store, after, TestClock()).get(_user_type(after), identifier)
    again = UsersStorage(store, before, TestClock()).get(_user_type(before), identifier)

    assert user.model_dump()["userName"] == "ann"
    assert HR not in user.model_dump()
    assert again.model_dump()[HR] == {"grade": "A1"}
