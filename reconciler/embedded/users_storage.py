"""The way of scim2-server to the users and groups, which an EmbeddedStore holds as documents."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Union, cast
from uuid import uuid4

from pydantic import ValidationError
from scim2_models import (
    AttributeBinding,
    Group,
    GroupMembership,
    Meta,
    NotFoundException,
    Path,
    PreconditionFailedException,
    Reference,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimFilter,
    ScimPolicy,
    ScimProvider,
    SearchRequest,
    Uniqueness,
    UniquenessException,
    User,
)
from scim2_server.storage import ScimStorage, SearchPage
from scim2_server.utils import parametrize

from reconciler.domain.jsontext import Json
from reconciler.domain.scim import fold
from reconciler.embedded.holders import HeldAttribute, held_attribute
from reconciler.embedded.store import EmbeddedStore, Membership, StoredSchema, ValueTaken
from reconciler.embedded.wire import Refused

# A row may hold values of an attribute that its schema no longer has.
_TOLERANT = ScimPolicy(unknown=ScimPolicy.Unknown.ignore)
_FAR = 2**62  # beyond the last of any page, and still an integer to SQLite
_TICK = timedelta(seconds=1)  # the resolution of the times of schemas
_UNIQUE = [Uniqueness.server, Uniqueness.global_]


class UsersStorage(ScimStorage):
    """The resources of a store, read through the models of one provider for these schemas.

    Filters and orders are evaluated in Python, resource by resource: some 10,000 users a second.
    Who holds an attribute at all, as `pr` asks, is seen in the documents: some 100,000 a second.
    """

    def __init__(
        self,
        store: EmbeddedStore,
        provider: ScimProvider,
        clock: Callable[[], datetime],
        schemas: Iterable[StoredSchema] = (),
    ) -> None:
        self._store = store
        self._changed = {each.key: datetime.fromisoformat(each.modified) for each in schemas}
        self._provider = provider
        self._clock = clock

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Read, change and write as one transaction."""
        with self._store.transaction():
            yield

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,  # noqa: ARG002 — all is loaded
    ) -> Resource[Any]:
        return self._stored(resource_type, resource_id)

    def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,  # noqa: ARG002 — only cursors have positions
    ) -> SearchPage:
        start, count = min(search_request.start_index_0 or 0, _FAR), search_request.count
        if len(resource_types) == 1 and not (search_request.filter or search_request.sort_by):
            # A page needs no other row; a filter or an order has to see them all.
            [kind] = resource_types
            limit = -1 if count is None else count
            documents = self._store.resources(_name(kind), offset=start, count=limit)
            total = self._store.count_resources(_name(kind))
            return SearchPage(total, self._loaded(kind, documents))
        if len(resource_types) == 1 and not search_request.sort_by:
            [kind] = resource_types
            if (held := held_attribute(search_request.filter)) is not None:
                documents = [
                    document
                    for document in self._store.resources(_name(kind))
                    if self._holds(kind, document, held)
                ]
                page = documents[start:][:count]
                return SearchPage(len(documents), self._loaded(kind, page))
        found = self._matching(resource_types, search_request.filter)
        falls = (
            search_request.sort_by is not None
            and search_request.sort_order == SearchRequest.SortOrder.descending
        )
        found.sort(key=lambda resource: _order(search_request, resource), reverse=falls)
        return SearchPage(len(found), found[start:][:count])

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        now = self._clock()
        new = resource.model_copy(deep=True)
        new.id = uuid4().hex
        new.meta = Meta(
            resource_type=resource_type.name, created=now, last_modified=now, version='W/"1"'
        )
        return self._load(resource_type, self._save(resource_type, new))

    def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        with self._store.transaction():
            meta = self._expected(resource_type, str(resource.id), expected_version)
            new = resource.model_copy(deep=True)
            version = int(str(meta.version)[3:-1]) + 1  # of W/"1"
            new.meta = meta.model_copy(
                update={"last_modified": self._clock(), "version": f'W/"{version}"'}
            )
            [saved] = self._loaded(resource_type, [self._save(resource_type, new)])
            return saved

    def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        with self._store.transaction():
            self._expected(resource_type, resource_id, expected_version)
            self._leave_groups(resource_id)
            self._store.delete_resource(_name(resource_type), resource_id)

    def _leave_groups(self, identifier: str) -> None:
        """Take a user or group out of the groups that it is a member of."""
        joined = {each.group for each in self._store.memberships() if each.member == identifier}
        kinds = (kind for kind in self._provider.resource_types if _name(kind) == "group")
        for kind, group in product(kinds, sorted(joined)):
            resource: Any = self._stored(kind, group)
            staying = [member for member in resource.members if member.value != identifier]
            resource.members = staying or None
            self.update(kind, resource)

    def _stored(self, resource_type: ResourceType, identifier: str) -> Resource[Any]:
        document = self._store.resource(_name(resource_type), identifier)
        if document is None:
            raise NotFoundException(detail=f"no {resource_type.name} has this id")
        [resource] = self._loaded(resource_type, [document])
        return resource

    def _expected(self, resource_type: ResourceType, identifier: str, version: str | None) -> Meta:
        """The meta of a stored resource, which has to be of that version if one is given."""
        meta = self._stored(resource_type, identifier).meta
        assert meta is not None
        if version not in (None, meta.version):
            raise PreconditionFailedException
        return meta

    def _save(self, resource_type: ResourceType, resource: Resource[Any]) -> dict[str, Json]:
        assert resource.meta is not None
        resource.meta.location = None
        if isinstance(resource, User):
            resource.groups = None  # they are derived
        if isinstance(resource, Group):
            self._check_members(resource)
        document = resource.model_dump()  # the default context: SCIM's names, nothing left out
        try:
            self._store.save_resource(_name(resource_type), document, _unique_values(resource))
        except ValueTaken as error:
            raise UniquenessException(attribute=str(error)) from error
        return document

    def _check_members(self, group: Group) -> None:
        ids = [member.value for member in group.members or ()]
        unknown = self._store.unknown_ids(identifier or "" for identifier in ids)
        for number, identifier in enumerate(ids):
            if (identifier or "") in unknown:
                raise Refused(
                    400,
                    f"members[{number}].value: no user and no group has this id",
                    scim_type="invalidValue",
                )

    def _loaded(
        self, resource_type: ResourceType, documents: list[dict[str, Json]]
    ) -> list[Resource[Any]]:
        """The resources of these documents; users with the groups that they are in."""
        resources = [self._load(resource_type, document) for document in documents]
        if not isinstance(next(iter(resources), None), User):
            return resources
        joined: dict[str, list[Membership]] = {}
        for membership in self._store.memberships():
            joined.setdefault(membership.member, []).append(membership)
        for user in resources:
            if isinstance(user, User) and str(user.id) in joined:
                user.groups = list(_groups(user, joined))
        return resources

    def _load(self, resource_type: ResourceType, document: dict[str, Json]) -> Resource[Any]:
        model = cast(type[Resource[Any]], self._provider.model_for(resource_type))
        try:
            return model.model_validate(document, scim_policy=_TOLERANT)
        except ValidationError:  # a custom schema was replaced by one that the values do not fit
            bare = {name: value for name, value in document.items() if ":" not in name}
            return model.model_validate(bare, scim_policy=_TOLERANT)

    def _holds(self, kind: ResourceType, document: dict[str, Json], held: HeldAttribute) -> bool:
        """Test whether a resource holds the attribute, as `pr` asks: RFC 7644 section 3.4.2.2."""
        if not held.is_in(document):
            return False
        # A document that is older than a schema of its values may not fit it any more.
        changes = (self._changed.get(fold(name)) for name in document if ":" in name)
        modified = datetime.fromisoformat(document["meta"]["lastModified"])
        if all(change is None or modified - change > _TICK for change in changes):
            return True
        return held.is_in(self._load(kind, document).model_dump())

    def _matching(
        self, resource_types: Iterable[ResourceType], wanted: ScimFilter[Any] | None
    ) -> list[Resource[Any]]:
        resources = [
            resource
            for kind in resource_types
            for resource in self._loaded(kind, self._store.resources(_name(kind)))
        ]
        if wanted is None:
            return resources
        if resources and not wanted.models:  # a search at the root comes with an unbound filter
            models = tuple({type(resource): None for resource in resources})
            wanted = parametrize(ScimFilter, Union[models])(str(wanted))  # noqa: UP007 — at run time
        return [resource for resource in resources if wanted.match(resource)]


def _name(resource_type: ResourceType) -> str:
    return fold(str(resource_type.name))


def _groups(user: User[Any], joined: Mapping[str, list[Membership]]) -> Iterator[GroupMembership]:
    """The groups of a user: those that name it first, then those that name one of its groups."""
    seen: set[str] = set()
    reached = [str(user.id)]
    for member in reached:  # grows while it is walked
        for each in joined.get(member, ()):
            if each.group not in seen:
                seen.add(each.group)
                reached.append(each.group)
                yield GroupMembership(
                    value=each.group,
                    ref=Reference[Group](f"Groups/{each.group}"),
                    display=each.display,
                    type="direct" if member == user.id else "indirect",
                )


def _order(search_request: SearchRequest[Any], resource: Resource[Any]) -> tuple[bool, Any, str]:
    """Ascending: by value, those without one last, then by id (RFC 7644 section 3.4.2.3)."""
    value = search_request.sort_value(resource)
    return value is None, "" if value is None else value, str(resource.id)


def _unique_values(resource: Resource[Any]) -> list[tuple[str, str]]:
    """(URN of the attribute, value) for what no other resource may have."""
    paths = parametrize(Path, type(resource)).iter_paths(
        include_subattributes=False, uniqueness=_UNIQUE
    )
    found = []
    for binding in (cast(AttributeBinding, path.resolve()) for path in paths):
        path = parametrize(Path, type(resource))(binding.urn)
        # As the attribute compares: two spellings of a text without case are one value.
        value = binding.comparable(path.get(resource, strict=False))
        if value is not None:
            found.append((binding.urn, repr(value)))
    return found
