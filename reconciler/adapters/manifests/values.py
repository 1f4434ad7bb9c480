"""Documents to Tenants and SchemaExtensions; each has passed every check of its own."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.adapters.manifests.ignores import Ignores
from reconciler.adapters.manifests.tenant_sets import CREDENTIALS, TenantRow
from reconciler.adapters.yaml_reader import Document
from reconciler.domain.dialect import Dialect
from reconciler.domain.jsontext import Json, canonical
from reconciler.domain.manifest import (
    MANY,
    Auth,
    AuthType,
    ChangeKind,
    ClientAuth,
    Deprecated,
    Limits,
    Manages,
    Manifests,
    OnDrift,
    ProjectedResource,
    Projection,
    Retired,
    SchemaExtension,
    SecretRef,
    SecretSource,
    Selector,
    Tenant,
    Webhook,
)
from reconciler.domain.problem import Pointer
from reconciler.domain.rules.limits import characteristics_can_be_said
from reconciler.domain.rules.manifests import extensions_are_few_enough
from reconciler.domain.scim import Schema

if TYPE_CHECKING:  # few tenants have a freeze
    from reconciler.domain.freeze import Freeze

_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}
_LIMITS = {"extensions": "extensions", "maxCreates": "max_creates", "maxUpdates": "max_updates"}


class Declared:
    """The values that documents declare; the dialects that they name are among those given."""

    def __init__(self, dialects: Mapping[str, Dialect]) -> None:
        self._dialects = _EffectiveDialects(dialects)
        self._tenants: list[Tenant] = []
        self._extensions: list[SchemaExtension] = []

    def add(self, documents: Iterable[Document | TenantRow], notes: Ignores) -> None:
        """Take what the documents of one file declare, and nothing else of them.

        Of a TenantSet that is its rows, which are given beside it.
        """
        for document in documents:
            match document.value["kind"]:
                case "Tenant":
                    self._tenants.append(_tenant(document, self._dialects, notes))
                case "SchemaExtension" if isinstance(document, Document):
                    self._extensions.append(_extension(document, notes))
                case _:
                    pass

    def manifests(self) -> Manifests:
        """All of it, sorted by name."""
        return Manifests(
            tenants=tuple(sorted(self._tenants, key=lambda t: (t.name, t.place))),
            extensions=tuple(sorted(self._extensions, key=lambda e: (e.name, e.place))),
        )


class _EffectiveDialects:
    """Named dialects with capabilities in them: tenants that say the same share one."""

    def __init__(self, dialects: Mapping[str, Dialect]) -> None:
        self._dialects = dialects
        self._made: dict[tuple[str, bytes], Dialect] = {}

    def of(self, name: str, capabilities: Mapping[str, Json]) -> Dialect:
        if not capabilities:
            return self._dialects[name]
        key = name, canonical(capabilities)
        if key not in self._made:
            self._made[key] = self._dialects[name].overridden(capabilities)
        return self._made[key]


def _tenant(document: Document | TenantRow, dialects: _EffectiveDialects, notes: Ignores) -> Tenant:
    metadata, spec = document.value["metadata"], document.value["spec"]
    return Tenant(
        name=metadata["name"],
        labels=metadata.get("labels", {}),
        place=document.place(),
        dialect=dialects.of(spec["dialect"], spec.get("capabilities", {})),
        base_url=spec["baseUrl"],
        target_system=spec.get("targetSystem"),
        auth=_auth(document, spec.get("auth", {})),
        # JSON Schema counts 1.0 as an integer, so it may come as a float
        limits=Limits(**{_LIMITS[name]: int(n) for name, n in spec.get("limits", {}).items()}),
        webhooks=tuple(
            _webhook(document, index, webhook)
            for index, webhook in enumerate(spec.get("webhooks", ()))
        ),
        canary=spec.get("canary", {}).get("userName"),
        freeze=_freeze(spec["freeze"]) if "freeze" in spec else (),
        formerly=tuple(spec.get("formerly", ())),
        every=_minutes(spec["every"]) if "every" in spec else None,
        wave=int(spec["wave"]) if "wave" in spec else None,
        projection=_projection(spec["projection"]) if "projection" in spec else None,
        takes_any_number=bool(notes.each)
        and notes.silence(extensions_are_few_enough, document.place(("metadata", "name"))),
    )


def _freeze(entries: Iterable[Mapping[str, Json]]) -> "Freeze":
    from reconciler.adapters.manifests.freezes import freeze_of  # few have one

    return freeze_of(entries)


def _projection(projection: Mapping[str, str]) -> Projection:
    return Projection(projection["schemaId"], ProjectedResource(projection["resource"]))


def _minutes(span: str) -> int:
    return int(span[:-1]) * _MINUTES[span[-1]]


def _auth(document: Document | TenantRow, auth: Mapping[str, Any]) -> Auth:
    return Auth(
        type=AuthType(auth.get("type", AuthType.NONE)),
        token_url=auth.get("tokenUrl"),
        client_auth=ClientAuth(auth.get("clientAuth", ClientAuth.POST)),
        scopes=tuple(auth.get("scopes", ())),
        parameters=tuple(
            (name, value)
            for name, values in sorted(auth.get("parameters", {}).items())
            for value in (values if isinstance(values, list) else [values])
        ),
        scheme=auth.get("scheme", "Bearer"),
        key_id=auth.get("keyId"),
        audience=auth.get("assertionAudience"),
        credentials={
            name: _secret(document, ("spec", "auth", name), auth[name])
            for name in CREDENTIALS
            if name in auth
        },
    )


def _secret(
    document: Document | TenantRow, pointer: Pointer, reference: Mapping[str, str]
) -> SecretRef:
    ((source, name),) = reference.items()
    return SecretRef(SecretSource(source), name, document.place(pointer))


def _webhook(document: Document | TenantRow, index: int, webhook: Mapping[str, Json]) -> Webhook:
    pointer: Pointer = ("spec", "webhooks", index, "secret")
    secret = webhook["secret"]
    if isinstance(secret, list):
        secrets = [_secret(document, (*pointer, i), item) for i, item in enumerate(secret)]
    else:
        secrets = [_secret(document, pointer, secret)]
    return Webhook(url=webhook["url"], secrets=tuple(secrets))


def _extension(document: Document, notes: Ignores) -> SchemaExtension:
    metadata, spec = document.value["metadata"], document.value["spec"]
    silenced = notes.silenced_in(document)
    return SchemaExtension(
        name=metadata["name"],
        labels=metadata.get("labels", {}),
        place=document.place(),
        schema=Schema.from_json(spec["schema"]),
        resource_type=spec.get("resourceType", "User"),
        names_resource_type="resourceType" in spec,
        selector=_selector(spec.get("tenants", {})),
        on_drift=OnDrift(spec.get("onDrift", OnDrift.SKIP)),
        on_drift_place=document.place(("spec", "onDrift")) if "onDrift" in spec else None,
        manages=Manages(spec.get("manages", Manages.SCHEMA)),
        retired=tuple(
            Retired(name=stone["name"], type=stone["type"], since=stone.get("since"))
            for stone in spec.get("retired", ())
        ),
        deprecated=tuple(
            Deprecated(
                name=notice["name"],
                since=notice["since"],
                use=notice.get("use"),
                reason=notice.get("reason"),
            )
            for notice in spec.get("deprecated", ())
        ),
        personal=tuple(spec.get("personal", ())),
        owners={ChangeKind(kind): tuple(names) for kind, names in spec.get("owners", {}).items()},
        many=spec.get("risk", {}).get("many", MANY),
        silenced=silenced,
        yields=frozenset(
            (pointer, at_key)
            for rule, pointer, at_key in silenced
            if rule == characteristics_can_be_said.id
        ),
    )


def _selector(tenants: Mapping[str, Any]) -> Selector:
    names, dialects = tenants.get("names"), tenants.get("dialects")
    return Selector(
        match_labels=tenants.get("matchLabels", {}),
        names=None if names is None else tuple(names),
        dialects=None if dialects is None else tuple(dialects),
    )
