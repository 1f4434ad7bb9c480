"""A folder of files to Manifests: it alone knows how a document becomes a Tenant or an extension.

Every problem of a run is shown at once, and one place has one: the text's fault before the rule's,
the rule's before the shape's, since the later ones follow from the first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.adapters.jsonschemas import check
from reconciler.adapters.manifest_files import is_folder, read_files, shown
from reconciler.adapters.yaml_reader import MAX_BYTES, Document, read
from reconciler.domain.dialect import Dialect
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import (
    Auth,
    AuthType,
    ClientAuth,
    Limits,
    Manages,
    Manifests,
    OnDrift,
    Place,
    Problem,
    SchemaExtension,
    SecretRef,
    SecretSource,
    Selector,
    Severity,
    Tenant,
    Webhook,
)
from reconciler.domain.rules import check_fleet, check_schema
from reconciler.domain.scim import Schema

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a folder holds; `manifests` is None where any problem is an error."""

    manifests: Manifests | None
    problems: tuple[Problem, ...]
    files: int


def load(folder: Path, *, dialects: Mapping[str, Dialect], allow_empty: bool = False) -> Loaded:
    """Read and check every manifest below the folder; never raises for what a user wrote.

    Problems are sorted by place. No manifest at all is an error unless `allow_empty`.
    """
    if not is_folder(folder):
        return Loaded(manifests=None, problems=(_no_folder(folder),), files=0)
    files, problems = read_files(folder, most=MAX_BYTES + 1)
    readings = [read(file.data, file.path) for file in files]
    documents = [document for reading in readings for document in reading.documents]
    texts = [problem for reading in readings for problem in reading.problems]
    found = [*problems, *texts, *_check_each(documents, {p.place for p in texts})]
    faulty = {problem.place.path for problem in found if problem.severity is Severity.ERROR}
    sound = [document for document in documents if document.path not in faulty]
    manifests = _manifests(sound)
    together = check_fleet(manifests, dialects, _Locator(sound))
    if faulty:  # what is missing may stand in a file that cannot be used yet: errors only
        together = tuple(p for p in together if p.severity is Severity.ERROR)
    found += together
    if not documents and not found and not allow_empty:
        found.append(_no_manifests(folder))
    failed = any(problem.severity is Severity.ERROR for problem in found)
    return Loaded(
        manifests=None if failed else manifests,
        problems=tuple(sorted(set(found))),
        files=len(files),
    )


def _no_folder(folder: Path) -> Problem:
    words = "no such folder; name the one that holds the manifests with --desired-state"
    return Problem(Place(shown(folder)), Severity.ERROR, "REC-FILE", words)


def _no_manifests(folder: Path) -> Problem:
    words = (
        "no manifests: no *.yaml, *.yml or *.json file here holds any, and names that begin with "
        ". or _ are left out; give --allow-empty to mean it"
    )
    return Problem(Place(shown(folder)), Severity.ERROR, "REC-EMPTY", words)


class _Locator:
    """Finds places in documents, each known by the place where it begins."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = {document.place(): document for document in documents}

    def __call__(self, document: Place | None, path: Steps, *, at_key: bool) -> Place:
        known = self._documents
        holder = known[document] if document is not None else next(iter(known.values()))
        return holder.place(path, at_key=at_key)


def _check_each(documents: Iterable[Document], taken: set[Place]) -> list[Problem]:
    found: list[Problem] = []
    for document in documents:
        ruled = [p for p in _by_rules(document) if p.place not in taken]
        places = taken | {problem.place for problem in ruled}
        found += ruled + [p for p in _by_shape(document) if p.place not in places]
    return found


def _by_rules(document: Document) -> tuple[Problem, ...]:
    match document.value:
        case {"kind": "SchemaExtension", "spec": {"schema": schema}}:
            return check_schema(schema, _Locator([document]))
        case _:
            return ()


def _by_shape(document: Document) -> list[Problem]:
    return [
        Problem(
            document.place(finding.path, at_key=finding.at_key),
            Severity.ERROR,
            "REC-SHAPE",
            finding.message,
        )
        for finding in check(document.value, "manifest")
    ]


def _manifests(documents: Iterable[Document]) -> Manifests:
    """Build the values; every document has passed every check of its own."""
    tenants = [_tenant(d) for d in documents if d.value["kind"] == "Tenant"]
    extensions = [_extension(d) for d in documents if d.value["kind"] == "SchemaExtension"]
    return Manifests(
        tenants=tuple(sorted(tenants, key=lambda t: (t.name, t.place))),
        extensions=tuple(sorted(extensions, key=lambda e: (e.name, e.place))),
    )


def _tenant(document: Document) -> Tenant:
    metadata, spec = document.value["metadata"], document.value["spec"]
    return Tenant(
        name=metadata["name"],
        labels=metadata.get("labels", {}),
        place=document.place(),
        dialect=spec["dialect"],
        base_url=spec["baseUrl"],
        target_system=spec.get("targetSystem"),
        auth=_auth(document, spec.get("auth", {})),
        limits=_limits(spec.get("limits", {})),
        webhooks=tuple(
            _webhook(document, index, webhook)
            for index, webhook in enumerate(spec.get("webhooks", ()))
        ),
    )


def _auth(document: Document, auth: Mapping[str, Any]) -> Auth:
    return Auth(
        type=AuthType(auth.get("type", AuthType.NONE)),
        token_url=auth.get("tokenUrl"),
        client_auth=ClientAuth(auth.get("clientAuth", ClientAuth.POST)),
        scopes=tuple(auth.get("scopes", ())),
        credentials={
            name: _secret(document, ("spec", "auth", name), auth[name])
            for name in _CREDENTIALS
            if name in auth
        },
    )


def _secret(document: Document, path: Steps, reference: Mapping[str, str]) -> SecretRef:
    ((source, name),) = reference.items()
    return SecretRef(SecretSource(source), name, document.place(path))


def _limits(limits: Mapping[str, Any]) -> Limits:
    words = {"extensions": "extensions", "maxCreates": "max_creates", "maxUpdates": "max_updates"}
    given = {words[name]: int(number) for name, number in limits.items()}
    return Limits(**given)


def _webhook(document: Document, index: int, webhook: Mapping[str, Json]) -> Webhook:
    path: Steps = ("spec", "webhooks", index, "secret")
    secret = webhook["secret"]
    if isinstance(secret, list):
        secrets = [_secret(document, (*path, i), item) for i, item in enumerate(secret)]
    else:
        secrets = [_secret(document, path, secret)]
    return Webhook(url=webhook["url"], secrets=tuple(secrets))


def _extension(document: Document) -> SchemaExtension:
    metadata, spec = document.value["metadata"], document.value["spec"]
    return SchemaExtension(
        name=metadata["name"],
        labels=metadata.get("labels", {}),
        place=document.place(),
        schema=Schema.from_json(spec["schema"]),
        resource_type=spec.get("resourceType", "User"),
        selector=_selector(spec.get("tenants", {})),
        on_drift=OnDrift(spec.get("onDrift", OnDrift.SKIP)),
        manages=Manages(spec.get("manages", Manages.SCHEMA)),
    )


def _selector(tenants: Mapping[str, Any]) -> Selector:
    names, dialects = tenants.get("names"), tenants.get("dialects")
    return Selector(
        match_labels=tenants.get("matchLabels", {}),
        names=None if names is None else tuple(names),
        dialects=None if dialects is None else tuple(dialects),
    )


_CREDENTIALS = ("clientId", "clientSecret", "token", "username", "password")
