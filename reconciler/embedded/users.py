"""/Users and all else that scim2-server answers, with every custom schema as an extension."""

import operator
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache, reduce
from hashlib import sha256
from typing import Any

from pydantic import ConfigDict
from scim2_models import (
    EnterpriseUser,
    Extension,
    Group,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    ScimProvider,
    ServiceProviderConfig,
    User,
)
from scim2_models import Schema as SchemaResource
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService

from reconciler.domain.jsontext import Json, canonical, parse
from reconciler.domain.scim import Schema
from reconciler.embedded.store import EmbeddedStore, StoredSchema
from reconciler.embedded.users_storage import UsersStorage
from reconciler.embedded.wire import Reply, Request, scim

_CONFIG = {
    "patch": {"supported": True},
    "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
    "filter": {"supported": True, "maxResults": 1000},
    "changePassword": {"supported": False},
    "sort": {"supported": True},
    "etag": {"supported": True},
    "authenticationSchemes": [
        {
            "type": "oauthbearertoken",
            "name": "OAuth2 client credentials",
            "description": "A bearer token from the token endpoint, RFC 6749 section 4.4",
        }
    ],
}


class UsersEndpoint:
    """Answers for /Users, /Groups, /ResourceTypes and /ServiceProviderConfig."""

    def __init__(self, store: EmbeddedStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._current: tuple[tuple[StoredSchema, ...], ScimHandler] | None = None

    def answer(self, request: Request, base_url: str, path: str) -> Reply:
        """Answer a request whose path, below the base URL, is `path`."""
        handler = self._handler()
        scim_request = ScimRequest(
            method=request.method,
            base_url=base_url,
            path=path,
            query=request.query,
            headers=request.headers,
            body=request.body,
        )
        try:
            response = handler.handle(scim_request)
        except SCIMException as error:
            response = handler.service.error_response(error)
        if response.body is not None:
            return scim(response.status, response.body, response.headers)
        headers = {
            name: value for name, value in response.headers.items() if name != "Content-Type"
        }
        return Reply(status=response.status, headers=headers)

    def _handler(self) -> ScimHandler:
        """The handler for the schemas as they are now; another process may have changed them."""
        schemas = self._store.schemas()
        with self._lock:
            if self._current is None or self._current[0] != schemas:
                provider = provider_of(Schema.from_json(stored.document) for stored in schemas)
                storage = UsersStorage(self._store, provider, self._clock)
                self._current = schemas, ScimHandler(_Service(provider), storage)
            return self._current[1]


class _Service(ScimService):
    """scim2-server's protocol, answering PATCH with the resource as most services do."""

    def patch_response(
        self,
        base_url: str,
        resource: Resource[Any],
        response_parameters: ResponseParameters[Any],
    ) -> ScimResponse:
        return self.replacement_response(base_url, resource, response_parameters)


def check_buildable(schema: Schema) -> None:
    """Raise ValueError for a schema that no user could carry as an extension."""
    _extension(canonical(schema.to_json()))


def provider_of(schemas: Iterable[Schema]) -> ScimProvider:
    """The provider of all that the tenant serves: users and groups, each with its extensions.

    A schema extends groups if a part of its URN is `Group`, else users.
    """
    users: list[type[Extension]] = [EnterpriseUser]
    groups: list[type[Extension]] = []
    for schema in schemas:
        extended = groups if "group" in schema.key.split(":") else users
        extended.append(_extension(canonical(schema.to_json())))
    return ScimProvider(
        models=[User, Group, *users, *groups],
        resource_types=[_resource_type(User, users), _resource_type(Group, groups)],
        config=ServiceProviderConfig.model_validate(_CONFIG),
    )


def _resource_type(resource: Any, extensions: list[type[Extension]]) -> ResourceType:
    extended = resource[reduce(operator.or_, extensions)] if extensions else resource
    return ResourceType.from_resource(extended)


@lru_cache(maxsize=128)
def _extension(document: bytes) -> type[Extension]:
    """The model of one schema; building it is what takes time, so it happens once."""
    schema = parse(document)
    unique = sha256(schema["id"].encode()).hexdigest()[:12]  # two schemas may have one name
    attributes = [_any_reference(attribute) for attribute in schema["attributes"]]
    resource = SchemaResource.model_validate(
        {**schema, "name": f"Extension{unique}", "attributes": attributes}
    )
    return _AnyName.from_schema(resource)


class _AnyName(Extension):
    """An extension whose attributes may be called `modelDumper`, of which pydantic would warn."""

    model_config = ConfigDict(protected_namespaces=())


def _any_reference(attribute: dict[str, Json]) -> dict[str, Json]:
    """The attribute without `referenceTypes`, which scim2-models reads as names of Python types."""
    kept = {member: value for member, value in attribute.items() if member != "referenceTypes"}
    if "subAttributes" in kept:
        kept["subAttributes"] = [_any_reference(sub) for sub in kept["subAttributes"]]
    return kept
