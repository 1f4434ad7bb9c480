"""/Users and all else that scim2-server answers, with every custom schema as an extension."""

import operator
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, reduce
from hashlib import sha256
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError, create_model
from scim2_models import (
    CaseExact,
    Context,
    Email,
    EnterpriseUser,
    Extension,
    Group,
    Manager,
    PatchOp,
    Reference,
    Required,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    ScimFilter,
    ScimPolicy,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
    User,
)
from scim2_models import Schema as SchemaResource
from scim2_models.path import (
    CompareOperator,
    Comparison,
    FilterVisitor,
    LogicalExpr,
    Not,
    Present,
    ValuePath,
)
from scim2_server.errors import MethodNotAllowedException
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService
from scim2_server.storage import SearchPage

from reconciler.domain.dialect import BindingList, Dialect, EtagMode
from reconciler.domain.jsontext import Json, canonical, parse
from reconciler.domain.scim import AttributeType, Returned, Schema, fold
from reconciler.embedded.request_values import ResourceForm, search
from reconciler.embedded.store import EmbeddedStore, StoredSchema
from reconciler.embedded.users_storage import UsersStorage
from reconciler.embedded.wire import (
    Refused,
    Reply,
    Request,
    check_media_type,
    read_json,
    scim,
    whole_number,
)

_CONFIG = {
    "patch": {"supported": True},
    "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
    "filter": {"supported": True, "maxResults": 1000},
    "changePassword": {"supported": False},
    "sort": {"supported": True},
    "authenticationSchemes": [
        {
            "type": "oauthbearertoken",
            "name": "OAuth2 client credentials",
            "description": "A bearer token from the token endpoint, RFC 6749 section 4.4",
        }
    ],
}


_DETAILS = {
    "invalidFilter": "the filter cannot be read, or names an attribute that no schema has",
    "uniqueness": "another resource has this value, which is unique",
    "mutability": "what is read-only, required or immutable and set cannot be changed so",
    "invalidSyntax": "the body is not of the form that this request takes",
    "invalidPath": "the path names no attribute that fits here",
    "noTarget": "the path selects no value",
    "invalidValue": "a value is missing, or is not one that the attribute takes",
    403: "this cannot be filtered",
    404: "no resource has this address",
    405: "this method is not supported here",
    412: "the resource has been changed since it was read",
    415: "the body has to be application/scim+json",
    501: "this is not supported",
}


class UsersEndpoint:
    """Answers for /Users, /Groups, /ResourceTypes and /ServiceProviderConfig."""

    def __init__(
        self,
        store: EmbeddedStore,
        clock: Callable[[], datetime],
        core: Iterable[Schema],
        dialect: Dialect,
    ) -> None:
        self._store = store
        self._clock = clock
        self._dialect = dialect
        self._core = {schema.key: schema for schema in core}
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
            raise refusal(error) from error
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
                custom = [Schema.from_json(stored.document) for stored in schemas]
                provider = provider_of(custom, etag=self._dialect.etag is not EtagMode.NONE)
                storage = UsersStorage(self._store, provider, self._clock, schemas)
                known = {**self._core, **{each.key: each for each in custom}}
                service = _Service(provider, known, self._dialect)
                self._current = schemas, _Handler(service, storage)
            return self._current[1]


class _Handler(ScimHandler):
    """scim2-server's handler, which looks at the body of a PUT first, as it does at a PATCH's."""

    def replace(self, request: ScimRequest) -> ScimResponse:
        target = self.service.match(request)
        if not target.me:
            kind = self.service.resource_type_at(str(target.endpoint))
            with self.service.provider:
                self.service.read_replacement(kind, request.body, request.header("Content-Type"))
        return super().replace(request)


class _Service(ScimService):
    """scim2-server's protocol, with strict bodies; PATCH is answered with the resource."""

    def __init__(
        self, provider: ScimProvider, schemas: Mapping[str, Schema], dialect: Dialect
    ) -> None:
        super().__init__(provider)
        self._dialect = dialect
        self._schemas = schemas
        self._forms = {
            kind.name: ResourceForm.of(
                schemas[fold(str(kind.schema_))],
                [schemas[fold(str(each.schema_))] for each in kind.schema_extensions or ()],
            )
            for kind in provider.resource_types
        }
        self._always = [
            f"{schema.id}:{attribute.name}"
            for schema in schemas.values()
            for attribute in schema.attributes
            if attribute.returned == Returned.ALWAYS
        ]

    def decode_body(self, body: bytes, content_type: str | None) -> Json:
        check_media_type(content_type, self._dialect.content_type)
        return read_json(body)

    def read_creation(
        self, resource_type: ResourceType, body: bytes, content_type: str | None
    ) -> Resource[Any]:
        checked = self._checked(resource_type, body, content_type)
        return super().read_creation(resource_type, checked, content_type)

    def read_replacement(
        self, resource_type: ResourceType, body: bytes, content_type: str | None
    ) -> Resource[Any]:
        checked = self._checked(resource_type, body, content_type)
        return super().read_replacement(resource_type, checked, content_type)

    def _checked(self, kind: ResourceType, body: bytes, content_type: str | None) -> bytes:
        """The body of a POST or PUT, held to the types of its attributes; Refused with 400."""
        document = self.decode_body(body, content_type)
        return canonical(self._forms[kind.name].resource(document))

    def read_patch(
        self, resource_type: ResourceType, body: bytes, content_type: str | None
    ) -> "PatchOp[Any]":
        form = self._forms[resource_type.name]
        checked = form.patch(self.decode_body(body, content_type))
        patch = super().read_patch(resource_type, canonical(checked), content_type)
        for operation in patch.operations or ():
            selection, bracket, _ = str(operation.path or "").rpartition("]")
            if bracket:
                _Operands([form]).visit(ScimFilter(selection + bracket).ast)
        return patch

    def read_search_query(
        self, resource_types: list[ResourceType], query: Mapping[str, str]
    ) -> tuple[SearchRequest[Any], Any]:
        for name in ("startIndex", "count"):
            whole_number(query, name)
        return super().read_search_query(resource_types, query)

    def read_search_body(
        self, resource_types: list[ResourceType], body: bytes, content_type: str | None
    ) -> tuple[SearchRequest[Any], Any]:
        return self.read_search(resource_types, search(self.decode_body(body, content_type)))

    def read_search(
        self, resource_types: list[ResourceType], payload: Any
    ) -> tuple[SearchRequest[Any], Any]:
        forms = [self._forms[kind.name] for kind in resource_types]
        order = payload.get("sortBy")
        if order is not None and not any(form.knows(order) for form in forms):
            detail = "sortBy: no schema has such an attribute"
            raise Refused(400, detail, scim_type="invalidPath")
        wanted, position = super().read_search(resource_types, self._projection(payload))
        if wanted.filter is not None:
            _Operands(forms).visit(wanted.filter.ast)
        return wanted, position

    def read_response_parameters(
        self, resource_type: ResourceType, query: Mapping[str, str]
    ) -> ResponseParameters[Any]:
        return super().read_response_parameters(resource_type, self._projection(query))

    def _projection(self, parameters: Mapping[str, Json]) -> dict[str, Json]:
        """The parameters that choose attributes, with what is returned always: RFC 7643 section 7.

        The models know that of an attribute, and leave it out with its extension.
        """
        wanted, unwanted = (
            _names(parameters.get(name)) for name in ("attributes", "excludedAttributes")
        )
        if wanted and unwanted:
            detail = "attributes and excludedAttributes cannot both be given"
            raise Refused(400, detail, scim_type="invalidValue")
        chosen = dict(parameters)
        if wanted:
            chosen["attributes"] = ",".join([*wanted, *self._always])
        if unwanted:
            chosen["excludedAttributes"] = ",".join(self._but_always(unwanted))
        return chosen

    def _but_always(self, unwanted: list[str]) -> Iterator[str]:
        """The names, each extension that returns something always by its other attributes."""
        always = set(map(fold, self._always))
        for name in unwanted:
            schema = self._schemas.get(fold(name))
            members = [f"{name}:{each.name}" for each in schema.attributes] if schema else []
            others = [member for member in members if fold(member) not in always]
            yield from others if len(others) < len(members) else [name]

    def search_response(
        self,
        base_url: str,
        resource_types: list[ResourceType],
        page: SearchPage,
        search_request: SearchRequest[Any],
    ) -> ScimResponse:
        # The library writes its resources a second time, as if nobody had asked for what is
        # returned on request.
        empty = SearchPage(page.total, [])
        listed = super().search_response(base_url, resource_types, empty, search_request)
        resources = [
            self.publish(base_url, resource).model_dump(
                scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=search_request
            )
            for resource in page.resources
        ]
        places: Json = {"itemsPerPage": len(resources), "Resources": resources}
        return replace(listed, body={**(listed.body or {}), **places})

    def patch_response(
        self,
        base_url: str,
        resource: Resource[Any],
        response_parameters: ResponseParameters[Any],
    ) -> ScimResponse:
        return self.replacement_response(base_url, resource, response_parameters)

    def resource_types(self, location: str, query: Mapping[str, str]) -> ScimResponse:
        listed = super().resource_types(location, query)
        for kind in (listed.body or {}).get("Resources", []):
            self._unbind(kind)
        return listed

    def resource_type(
        self, location: str, resource_type_id: str, query: Mapping[str, str]
    ) -> ScimResponse:
        found = super().resource_type(location, resource_type_id, query)
        self._unbind(found.body or {})
        return found

    def _unbind(self, kind: dict[str, Json]) -> None:
        """Leave out the custom extensions of a resource type where the service lists none."""
        bound = kind.get("schemaExtensions")
        if bound and self._dialect.bindings is BindingList.UNLISTED:
            kind["schemaExtensions"] = [
                each for each in bound if each["schema"] == str(EnterpriseUser.__schema__)
            ]


class _Operands(FilterVisitor[None]):
    """The values of a filter, held to the types of the attributes that they are compared with."""

    def __init__(self, forms: list[ResourceForm], within: str = "") -> None:
        self._forms = forms
        self._within = within

    def visit_not(self, node: Not) -> None:
        self.visit(node.expr)

    def visit_logical_expr(self, node: LogicalExpr) -> None:
        for term in node.terms:
            self.visit(term)

    def visit_present(self, node: Present) -> None:
        pass

    def visit_comparison(self, node: Comparison) -> None:
        if node.op in (CompareOperator.co, CompareOperator.sw, CompareOperator.ew):
            return
        path = f"{self._within}.{node.attr_path}" if self._within else str(node.attr_path)
        for form in self._forms:
            form.check_operand(path, node.value)

    def visit_value_path(self, node: ValuePath) -> None:
        _Operands(self._forms, str(node.attr_path)).visit(node.val_filter)


def _names(given: Json) -> list[str]:
    """The names of attributes that a query or a body gives."""
    texts = given if isinstance(given, list) else [given or ""]
    return [name for text in texts for part in text.split(",") if (name := part.strip())]


def refusal(error: SCIMException) -> Refused:
    """The refusal that an error of the models or of the protocol stands for, in our own text."""
    allowed = error.allowed if isinstance(error, MethodNotAllowedException) else ()
    detail = _DETAILS.get(error.scim_type) or _DETAILS.get(error.status, "this is refused")
    where = getattr(error, "attribute", None)
    if isinstance(error.__cause__, ValidationError):
        first = error.__cause__.errors(include_url=False, include_input=False)[0]
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        where = "".join(steps).lstrip(".")
    return Refused(
        error.status,
        f"{where}: {detail}" if where else detail,
        scim_type=error.scim_type or None,
        headers={"Allow": ", ".join(allowed)} if allowed else None,
    )


class _AnyManager(Manager):
    """The manager of RFC 7643 section 4.3: `$ref` is recommended, not required."""

    value: Annotated[str | None, Required.false, CaseExact.true] = None
    ref: Annotated[Reference[User[Any]] | None, Required.false] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )


class Enterprise(EnterpriseUser):
    """The enterprise extension whose manager needs no `$ref`."""

    manager: _AnyManager | None = None


class _AnyEmail(Email):
    """An e-mail address as it was sent; its form was looked at before."""

    value: str | None = None


# A class statement could not say it: to mypy a list of subclasses is another type.
Person = create_model("Person", __base__=User, emails=(list[_AnyEmail] | None, None))


def check_buildable(schema: Schema) -> None:
    """Raise ValueError for a schema that no user could carry as an extension."""
    _extension(canonical(schema.to_json()))


def provider_of(schemas: Iterable[Schema], *, etag: bool = True) -> ScimProvider:
    """The provider of all that the tenant serves: users and groups, each with its extensions.

    A schema extends groups if a part of its URN is `Group`, else users.
    """
    users: list[type[Extension]] = [Enterprise]
    groups: list[type[Extension]] = []
    for schema in schemas:
        extended = groups if "group" in schema.key.split(":") else users
        extended.append(_extension(canonical(schema.to_json())))
    return ScimProvider(
        models=[Person, Group, *users, *groups],
        resource_types=[_resource_type(Person, users), _resource_type(Group, groups)],
        config=ServiceProviderConfig.model_validate({**_CONFIG, "etag": {"supported": etag}}),
        policy=ScimPolicy(remove_value_as_filter=ScimPolicy.RemoveValue.apply),
    )


def _resource_type(resource: Any, extensions: list[type[Extension]]) -> ResourceType:
    extended = resource[reduce(operator.or_, extensions)] if extensions else resource
    return ResourceType.from_resource(extended)


@lru_cache(maxsize=128)
def _extension(document: bytes) -> type[Extension]:
    """The model of one schema; building it is what takes time, so it happens once."""
    schema = parse(document)
    unique = sha256(schema["id"].encode()).hexdigest()[:12]  # two schemas may have one name
    attributes = [_as_text(attribute) for attribute in schema["attributes"]]
    resource = SchemaResource.model_validate(
        {**schema, "name": f"Extension{unique}", "attributes": attributes}
    )
    return _AnyName.from_schema(resource)


class _AnyName(Extension):
    """An extension whose attributes may be called `modelDumper`, of which pydantic would warn."""

    model_config = ConfigDict(protected_namespaces=())


def _as_text(attribute: dict[str, Json]) -> dict[str, Json]:
    """The attribute, a reference as text: scim2-models takes no relative one, nor any type."""
    kept = {member: value for member, value in attribute.items() if member != "referenceTypes"}
    if kept["type"] == AttributeType.REFERENCE:
        kept |= {"type": str(AttributeType.STRING), "caseExact": True}
    if "subAttributes" in kept:
        kept["subAttributes"] = [_as_text(sub) for sub in kept["subAttributes"]]
    return kept
