"""The manifests as values: SchemaExtension, Tenant, and the git state they came from."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import translate
from typing import TYPE_CHECKING

from reconciler.domain.dialect import Dialect
from reconciler.domain.fixed import fitted
from reconciler.domain.jsontext import Json
from reconciler.domain.memo import Memo
from reconciler.domain.problem import Place, Pointer
from reconciler.domain.scim import Schema

if TYPE_CHECKING:  # few tenants have a freeze
    from reconciler.domain.freeze import Freeze


class OnDrift(StrEnum):
    """The answer of an apply to a difference between live and desired."""

    SKIP = "skip"
    UPDATE = "update"


class Manages(StrEnum):
    """The part of a live schema that a manifest manages: all of it, or the attributes it lists."""

    SCHEMA = "schema"
    ATTRIBUTES = "attributes"


class AuthType(StrEnum):
    """The ways to authenticate to a tenant."""

    OAUTH2 = "oauth2-client-credentials"
    BEARER = "bearer"
    HEADER = "header"
    BASIC = "basic"
    NONE = "none"


class ClientAuth(StrEnum):
    """The ways of a client to authenticate to a token endpoint, and their sources.

    RFC 6749 section 2.3.1; RFC 7523 section 2.2; RFC 8705 section 2.
    """

    POST = "post"
    BASIC = "basic"
    PRIVATE_KEY_JWT = "private-key-jwt"
    CERTIFICATE = "tls-client-auth"


class SecretSource(StrEnum):
    """The sources of a secret."""

    ENV = "env"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret by name: a variable, or a file below --secrets-dir. Never the secret itself."""

    source: SecretSource
    name: str
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """`spec.auth` of a Tenant; `credentials` maps clientId, token, certificate … to their secrets.

    `parameters` are more pairs of a token request, in the order sent; a name may recur. `scheme`
    is what stands before the token in the header. `key_id` and `audience` are for the assertion
    that a private key signs; without an audience it is the token URL.
    """

    type: AuthType = AuthType.NONE
    token_url: str | None = None
    client_auth: ClientAuth = ClientAuth.POST
    scopes: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    scheme: str = "Bearer"
    key_id: str | None = None
    audience: str | None = None
    credentials: Mapping[str, SecretRef] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`spec.limits` of a Tenant; None takes the dialect's or the program's default."""

    extensions: int | None = None
    max_creates: int = 10
    max_updates: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """`spec.webhooks[]` of a Tenant; two secrets while one is rotated."""

    url: str
    secrets: tuple[SecretRef, ...]


class ProjectedResource(StrEnum):
    """The resources whose attributes a projection shows."""

    USERS = "users"


@dataclass(frozen=True, slots=True)
class Projection:
    """`spec.projection` of a Tenant: the schema as which its definitions of attributes are shown.

    For a service that keeps them elsewhere than in /Schemas, by the transport of its dialect.
    """

    schema_id: str
    resource: ProjectedResource = ProjectedResource.USERS


MANY = 5.0  # percent of all users
_NOTHING = "(?!)"  # a pattern that fits no name


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """`spec.tenants` of a SchemaExtension: all that is given must hold; nothing selects all."""

    match_labels: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] | None = None
    dialects: tuple[str, ...] | None = None
    _plain: frozenset[str] = field(init=False, repr=False, compare=False)
    _globs: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Plain names are looked up, and all globs are one pattern: both may be thousands.
        globs = [name for name in self.names or () if is_glob(name)]
        object.__setattr__(self, "_plain", frozenset(self.names or ()))
        object.__setattr__(self, "_globs", re.compile("|".join(map(translate, globs)) or _NOTHING))

    def selects(self, tenant: "Tenant") -> bool:
        """Test whether the tenant's labels, name (by glob) and dialect all fit."""
        name, dialect = tenant.name, tenant.dialect.name
        return (
            all(tenant.labels.get(label) == value for label, value in self.match_labels.items())
            and (self.names is None or name in self._plain or bool(self._globs.match(name)))
            and (self.dialects is None or dialect in self.dialects)
        )


def is_glob(name: str) -> bool:
    """Test whether it stands for more names than itself."""
    return any(sign in name for sign in "*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One SCIM service of one customer or environment: where it is and how to talk to it.

    `dialect` is the effective one: the named dialect with the manifest's `spec.capabilities` in it.
    `takes_any_number` says that an ignore note in the manifest lifts the limit of extensions.
    `canary` is the userName of the test user whom values may be written to. `formerly` are names
    that it had before. `every` is after how many minutes `--due` reads it again; None: each time.
    `wave` is the number of the wave in which an apply changes it; None where no manifest says.
    `projection` is None where the service has /Schemas.
    """

    name: str
    place: Place = field(compare=False)
    dialect: Dialect
    base_url: str
    target_system: str | None = None
    auth: Auth = field(default_factory=Auth)
    limits: Limits = field(default_factory=Limits)
    webhooks: tuple[Webhook, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    takes_any_number: bool = False
    canary: str | None = None
    freeze: "Freeze" = ()
    formerly: tuple[str, ...] = ()
    every: int | None = None
    wave: int | None = None
    projection: Projection | None = None

    @property
    def system(self) -> str:
        """The name of its service that webhooks carry."""
        return self.target_system or self.dialect.target_system

    @property
    def embedded(self) -> str | None:
        """NAME of embedded://NAME, the built-in tenant; None for a service elsewhere."""
        scheme, _, name = self.base_url.partition("://")
        return name if scheme == "embedded" else None

    @property
    def known_limit(self) -> int | None:
        """The most extensions that it holds, by its manifest or its dialect; None if not known."""
        own = self.limits.extensions
        return own if own is not None else self.dialect.extensions

    @property
    def extensions_limit(self) -> int | None:
        """The most extensions that are planned for it; None without a limit."""
        return None if self.takes_any_number else self.known_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """`spec.retired[]`: a name that was an attribute's, and may not mean something else one day.

    `name` may be dotted, for a sub-attribute.
    """

    name: str
    type: str
    since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecated:
    """`spec.deprecated[]`: an attribute that is there still, and that nobody should begin to use.

    `name` and `use`, which takes its place, may be dotted. `since` is a date, RFC 3339.
    """

    name: str
    since: str
    use: str | None = None
    reason: str | None = None


class ChangeKind(StrEnum):
    """The kinds of change, by their effect on those who use the schema, the gravest first."""

    EXPOSING = "exposing"  # personal data, or what was hidden, can be read by more
    NARROWING = "narrowing"  # what somebody relies on will not hold any more
    ADDITIVE = "additive"  # something comes, and all that was there stays as it was


Silenced = tuple[str, Pointer, bool]
"""The id of a rule and a place in the manifest, at the key or at the value."""


def _holds(value: Json, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, Mapping) and step in value


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaExtension:
    """One desired schema, and the tenants that should have it.

    `personal` names attributes, with all of their parts, that hold personal data; `attribute.part`
    is a part alone. `owners` are who has to approve a change of each kind, as the manifest writes
    them. `many` is the percentage of users from which on a change hurts many. `on_drift_place` is
    where onDrift is written, None where it is the default. `yields` are the places at which a note
    lets what is fixed on a service count. `request` is the digest of what it puts into a request,
    which plans work out.
    """

    name: str
    place: Place = field(compare=False)
    schema: Schema
    resource_type: str = "User"
    names_resource_type: bool = False
    selector: Selector = field(default_factory=Selector)
    on_drift: OnDrift = OnDrift.SKIP
    on_drift_place: Place | None = field(default=None, compare=False)
    manages: Manages = Manages.SCHEMA
    retired: tuple[Retired, ...] = ()
    deprecated: tuple[Deprecated, ...] = ()
    personal: tuple[str, ...] = ()
    owners: Mapping[ChangeKind, tuple[str, ...]] = field(default_factory=dict)
    many: float = MANY
    labels: Mapping[str, str] = field(default_factory=dict)
    silenced: frozenset[Silenced] = frozenset()
    yields: frozenset[tuple[Pointer, bool]] = frozenset()
    request: Memo[str] = field(init=False, compare=False, repr=False, default_factory=Memo)

    @property
    def binding_type(self) -> str | None:
        """The resource type that has to name it; None, for any, where the manifest names none."""
        return self.resource_type if self.names_resource_type else None

    def silences(self, rule: str, pointer: Pointer, *, at_key: bool) -> bool:
        """True where an ignore note stands for the rule at that place of the manifest."""
        return (rule, *self._written(pointer, at_key=at_key)) in self.silenced

    def fitted_to(self, dialect: Dialect) -> "SchemaExtension":
        """The same without what a service of that dialect sets on its own."""
        meant = self.meant_on(dialect)
        schema = dialect.settable(meant.schema)
        return meant if schema is meant.schema else replace(meant, schema=schema)

    def meant_on(self, dialect: Dialect) -> "SchemaExtension":
        """The extension with what is fixed on a service of that dialect."""
        schema = fitted(self.schema, dialect, self._yields_at)
        return self if schema is self.schema else replace(self, schema=schema)

    def _yields_at(self, at: Pointer) -> bool:
        """Test whether a note lets the service's own value count there in the schema."""
        place = self._written(("spec", "schema", *at), at_key=False)
        return place in self.yields

    def _written(self, pointer: Pointer, *, at_key: bool) -> tuple[Pointer, bool]:
        """The place of the manifest that stands for a pointer, at the key or at the value."""
        value: Json = {"spec": {"schema": self.schema.document}}
        for depth, step in enumerate(pointer):
            # What is not written is pointed at where it would be, as Document.place does.
            if not _holds(value, step):
                return pointer[:depth], True
            value = value[step]
        return pointer, at_key

    def guarded_by(self, trusted: "SchemaExtension") -> "SchemaExtension":
        """The extension with the owners and personal data that a trusted version names as well.

        Its own names come first, as in its file; what the schema no longer has is no name any more.
        Many are no more than there.
        """
        # docs/decisions.md, "A pull request cannot rid itself of its owners"
        trusted_names = (name for name in trusted.personal if self.schema.at(name) is not None)
        named = {
            kind: tuple(dict.fromkeys((*trusted.owners.get(kind, ()), *self.owners.get(kind, ()))))
            for kind in ChangeKind
        }
        return replace(
            self,
            personal=tuple(dict.fromkeys((*self.personal, *trusted_names))),
            owners={kind: owners for kind, owners in named.items() if owners},
            many=min(self.many, trusted.many),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GitState:
    """The commit that the manifests came from; where there is none, `obstacle` says why."""

    commit: str | None = None
    dirty: bool = False
    obstacle: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantsFrom:
    """The git ref whose Tenant manifests count, and how the folder's differ, by name.

    `added` are those that only the folder has, `removed` those that only the ref has.
    `unread` are files of the ref that are no manifests today.
    """

    ref: str
    commit: str
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def compared(self, there: Iterable["Tenant"], here: Iterable["Tenant"]) -> "TenantsFrom":
        """The same ref with the differences of the tenants here from those there, at the ref."""
        trusted, folder = {t.name: t for t in there}, {t.name: t for t in here}
        return replace(
            self,
            changed=tuple(
                sorted(n for n in trusted.keys() & folder.keys() if trusted[n] != folder[n])
            ),
            added=tuple(sorted(folder.keys() - trusted.keys())),
            removed=tuple(sorted(trusted.keys() - folder.keys())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """All of a folder, read and checked; sorted by name, for the order of files means nothing.

    `tenants_from` is set where the tenants are those of a git ref, not of the folder.
    """

    tenants: tuple[Tenant, ...]
    extensions: tuple[SchemaExtension, ...]
    tenants_from: TenantsFrom | None = None

    def desired_for(self, tenant: Tenant) -> tuple[SchemaExtension, ...]:
        """The extensions that the tenant should have, in the order of the URNs."""
        wanted = (e for e in self.extensions if e.selector.selects(tenant))
        return tuple(sorted(wanted, key=lambda e: e.schema.key))
