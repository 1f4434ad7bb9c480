"""Rules about all manifests of a folder among each other, each of which is well by itself."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from datetime import date
from fnmatch import translate
from ipaddress import IPv6Address

from reconciler.domain.dialect import Dialect, UpdateStrategy
from reconciler.domain.manifest import Manifests, Retired, SchemaExtension, Tenant, is_glob
from reconciler.domain.messages import quoted
from reconciler.domain.problem import Place, Pointer, Severity
from reconciler.domain.rules.rule import SCHEMA_POINTER, About, Fault, RuleSet
from reconciler.domain.scim import Attribute, fold


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ManifestSet:
    """All manifests, and for each extension the tenants that it selects."""

    manifests: Manifests
    targets: tuple[tuple[SchemaExtension, tuple[Tenant, ...]], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Ask each selector about each tenant once: several rules need to know."""
        tenants = self.manifests.tenants
        targets = tuple(
            (extension, tuple(t for t in tenants if extension.selector.selects(t)))
            for extension in self.manifests.extensions
        )
        object.__setattr__(self, "targets", targets)

    @property
    def tenants(self) -> tuple[Tenant, ...]:
        """The tenants, sorted by name."""
        return self.manifests.tenants

    @property
    def extensions(self) -> tuple[SchemaExtension, ...]:
        """The extensions, sorted by name."""
        return self.manifests.extensions

    def by_tenant(self) -> list[tuple[Tenant, list[SchemaExtension]]]:
        """Each tenant with the extensions that are meant for it."""
        wanted = defaultdict(list)  # by place: a name may be given twice by mistake
        for extension, tenants in self.targets:
            for tenant in tenants:
                wanted[tenant.place].append(extension)
        return [(tenant, wanted[tenant.place]) for tenant in self.tenants]

    def by_dialect(self) -> Iterator[tuple[SchemaExtension, Dialect, list[str]]]:
        """Each extension with the dialects of its tenants, and the tenants of each by name."""
        for extension, tenants in self.targets:
            names = defaultdict(list)
            for tenant in tenants:
                names[tenant.dialect].append(tenant.name)
            for dialect, members in sorted(names.items(), key=lambda each: (each[0].name, each[1])):
                yield extension, dialect, members


MANIFEST_RULES: RuleSet[ManifestSet] = RuleSet(About.MANIFESTS)

_NO_DATE = 'not a date; write it as "2026-11-30"'
_BRACKETED = r"(?i)https?://\[([^]]*)\]"


def named(tenants: Iterable[str]) -> str:
    """Tenants for a message: the first three, and how many more."""
    first, *rest = sorted(set(tenants))
    shown = ", ".join([first, *rest[:2]])
    more = f" and {len(rest) - 2} more" if len(rest) > 2 else ""
    return f"tenant{'s' if rest else ''} {shown}{more}"


@MANIFEST_RULES.rule(
    "SCIM-S03",
    Severity.WARNING,
    "URNs that differ by case only are one; RFC 7643 section 10.2.1, RFC 7644 section 3.10",
)
def urns_are_spelt_alike(manifests: ManifestSet) -> Iterator[Fault]:
    first: dict[str, SchemaExtension] = {}
    for extension in sorted(manifests.extensions, key=lambda e: e.place):
        other = first.setdefault(extension.schema.key, extension)
        if other.schema.id != extension.schema.id:
            yield Fault(
                (*SCHEMA_POINTER, "id"),
                f"the same URN as at {other.place}, and written in another case; SCIM takes both "
                "for one: write them alike",
                document=extension.place,
            )


@MANIFEST_RULES.rule("REC-NAME", Severity.ERROR, "metadata.name is unique per kind", firm=True)
def names_are_given_once(manifests: ManifestSet) -> Iterator[Fault]:
    kinds: tuple[Iterable[Tenant | SchemaExtension], ...] = (
        manifests.tenants,
        manifests.extensions,
    )
    for kind in kinds:
        first: dict[str, Place] = {}
        for manifest in sorted(kind, key=lambda m: m.place):
            taken = first.setdefault(manifest.name, manifest.place)
            if taken != manifest.place:
                holder = f"{type(manifest).__name__} at {taken}"
                message = f"the name {manifest.name} is taken by the {holder}"
                yield Fault(("metadata", "name"), message, document=manifest.place)


@MANIFEST_RULES.rule(
    "REC-FORMERLY",
    Severity.ERROR,
    "a former name is no tenant's name any more, and one tenant's alone",
    firm=True,
)
def former_names_are_free(manifests: ManifestSet) -> Iterator[Fault]:
    holders = {tenant.name: tenant.place for tenant in manifests.tenants}
    first: dict[str, Place] = {}
    for tenant in sorted(manifests.tenants, key=lambda t: t.place):
        for index, old in enumerate(tenant.formerly):
            claimed = old in first
            taken = first.setdefault(old, tenant.place)
            if old == tenant.name:
                message = f"{old} is the name that it has now; leave it out"
            elif old in holders:
                message = (
                    f"{old} is still a tenant, at {holders[old]}, and keeps what is its own; "
                    "take that manifest away if it is this tenant"
                )
            elif taken != tenant.place:
                message = (
                    f"{old} is what the tenant at {taken} was called; a name was one tenant's, "
                    "so leave it to one of the two"
                )
            elif claimed:
                message = f"{old} stands here twice; write it once"
            else:
                continue
            yield Fault(("spec", "formerly", index), message, document=tenant.place)


@MANIFEST_RULES.rule(
    "REC-URL",
    Severity.ERROR,
    "what stands in brackets in a URL is an IPv6 address; RFC 3986 section 3.2.2",
    firm=True,
)
def addresses_are_addresses(manifests: ManifestSet) -> Iterator[Fault]:
    for tenant in manifests.tenants:
        for pointer, url in _urls(tenant):
            # The JSON Schema holds all else of a URL; what is an address no pattern can say.
            found = re.match(_BRACKETED, url)
            if found and not _is_ipv6(found[1]):
                yield Fault(
                    pointer,
                    f"[{found[1]}] is no IPv6 address; write a name or an address",
                    document=tenant.place,
                )


def _urls(tenant: Tenant) -> Iterator[tuple[Pointer, str]]:
    yield ("spec", "baseUrl"), tenant.base_url
    if tenant.auth.token_url is not None:
        yield ("spec", "auth", "tokenUrl"), tenant.auth.token_url
    for index, webhook in enumerate(tenant.webhooks):
        yield ("spec", "webhooks", index, "url"), webhook.url


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


@MANIFEST_RULES.rule(
    "REC-URN", Severity.ERROR, "a tenant gets a URN from one manifest only", firm=True
)
def urns_are_given_once(manifests: ManifestSet) -> Iterator[Fault]:
    rivals: dict[tuple[Place, Place], list[str]] = defaultdict(list)
    for tenant, extensions in manifests.by_tenant():
        first: dict[str, Place] = {}
        for extension in sorted(extensions, key=lambda e: e.place):
            taken = first.setdefault(extension.schema.key, extension.place)
            if taken != extension.place:
                rivals[taken, extension.place].append(tenant.name)
    for (taken, place), tenants in rivals.items():
        yield Fault(
            (*SCHEMA_POINTER, "id"),
            f"{named(tenants)} would get this URN from {taken} too; narrow spec.tenants of one",
            document=place,
        )


@MANIFEST_RULES.rule(
    "REC-RETIRED", Severity.ERROR, "a retired name does not come back with another type", firm=True
)
def retired_names_stay_away(manifests: ManifestSet) -> Iterator[Fault]:
    for extension in manifests.extensions:
        for index, retired, attribute in _returned(extension):
            if attribute.type != retired.type:
                yield Fault(
                    ("spec", "retired", index),
                    f"{quoted(retired.name)} was retired as {retired.type} and is back as "
                    f"{attribute.type}: old values would be read as new ones; choose another name",
                    document=extension.place,
                )


@MANIFEST_RULES.rule("REC-RETIRED", Severity.WARNING, "what is retired is not listed")
def retired_names_are_gone(manifests: ManifestSet) -> Iterator[Fault]:
    for extension in manifests.extensions:
        for index, retired, attribute in _returned(extension):
            if attribute.type == retired.type:
                yield Fault(
                    ("spec", "retired", index),
                    f"{quoted(retired.name)} is retired and listed; take it out of spec.retired if "
                    "it is back with its old meaning",
                    document=extension.place,
                )


def _returned(extension: SchemaExtension) -> Iterator[tuple[int, Retired, Attribute]]:
    """Each retired name that an attribute has."""
    for index, retired in enumerate(extension.retired):
        if (attribute := extension.schema.at(retired.name)) is not None:
            yield index, retired, attribute


@MANIFEST_RULES.rule(
    "REC-DEPRECATED",
    Severity.ERROR,
    "what is deprecated is an attribute, since a date, and what to use is another one",
    firm=True,
)
def deprecated_names_exist(manifests: ManifestSet) -> Iterator[Fault]:
    for extension in manifests.extensions:
        first: dict[str, int] = {}
        for index, notice in enumerate(extension.deprecated):
            at, key = ("spec", "deprecated", index), fold(notice.name)
            faults = {
                "name": _wrong_name(extension, notice.name),
                "since": None if _is_date(notice.since) else _NO_DATE,
                "use": _wrong_name(extension, notice.use) if notice.use else None,
            }
            if first.setdefault(key, index) != index:
                faults["name"] = f"{quoted(notice.name)} is deprecated above, too; say it once"
            if notice.use and fold(notice.use) == key:
                faults["use"] = f"{quoted(notice.use)} is the deprecated one; name another"
            for member, message in faults.items():
                if message is not None:
                    yield Fault((*at, member), message, document=extension.place)


def _wrong_name(extension: SchemaExtension, name: str) -> str | None:
    if extension.schema.at(name) is not None:
        return None
    return f"there is no attribute {quoted(name)}; write attribute.part for a part"


def _is_date(text: str) -> bool:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return False
    return found.isoformat() == text  # Python reads other forms of ISO 8601 as well


@MANIFEST_RULES.rule(
    "REC-PERSONAL", Severity.ERROR, "what holds personal data is an attribute", firm=True
)
def personal_names_exist(manifests: ManifestSet) -> Iterator[Fault]:
    for extension in manifests.extensions:
        for index, name in enumerate(extension.personal):
            if (message := _wrong_name(extension, name)) is not None:
                yield Fault(("spec", "personal", index), message, document=extension.place)


@MANIFEST_RULES.rule("REC-SELECTOR", Severity.WARNING, "a manifest selects at least one tenant")
def selectors_select(manifests: ManifestSet) -> Iterator[Fault]:
    for extension, tenants in manifests.targets:
        if not tenants:
            yield Fault(
                ("spec", "tenants"),
                f"{extension.name} selects no tenant, so nothing is planned for it",
                at_key=True,
                document=extension.place,
            )


@MANIFEST_RULES.rule("REC-SELECTOR", Severity.WARNING, "each name or glob fits a tenant")
def names_select(manifests: ManifestSet) -> Iterator[Fault]:
    names = {tenant.name for tenant in manifests.tenants}
    for extension, tenants in manifests.targets:
        # Where nothing is selected at all, the rule above has said so.
        for index, glob in enumerate((extension.selector.names or ()) if tenants else ()):
            if not _fits(glob, names):
                yield Fault(
                    ("spec", "tenants", "names", index),
                    f"{quoted(glob)} fits no tenant",
                    document=extension.place,
                )


def _fits(glob: str, names: Set[str]) -> bool:
    """Test whether it fits one of them; a plain name is looked up, for there may be thousands."""
    if not is_glob(glob):
        return glob in names
    return any(map(re.compile(translate(glob)).match, names))


@MANIFEST_RULES.rule("REC-WATCHED", Severity.INFO, "one of the tenants lets schemas be created")
def somebody_can_take_it(manifests: ManifestSet) -> Iterator[Fault]:
    for extension, tenants in manifests.targets:
        known = [tenant.dialect for tenant in tenants]
        writable = any(d.creates or d.updates is UpdateStrategy.PATCH for d in known)
        if tenants and not writable:
            yield Fault(
                ("spec", "tenants"),
                f"none of its tenants ({named([t.name for t in tenants])}) lets schemas be "
                f"created: {extension.name} is only watched",
                at_key=True,
                document=extension.place,
            )


@MANIFEST_RULES.rule("REC-EXTENSIONS", Severity.WARNING, "the service holds so many extensions")
def extensions_are_few_enough(manifests: ManifestSet) -> Iterator[Fault]:
    for tenant, extensions in manifests.by_tenant():
        limit = tenant.known_limit
        number = len(extensions)
        if limit is not None and number > limit:
            yield Fault(
                ("metadata", "name"),
                f"{number} extensions are meant for tenant {tenant.name}, and its limit is {limit}",
                document=tenant.place,
            )


@MANIFEST_RULES.rule(
    "REC-PROTECTED", Severity.WARNING, "URNs of vendors and RFCs are never written"
)
def urns_are_not_protected(manifests: ManifestSet) -> Iterator[Fault]:
    for extension, dialect, tenants in manifests.by_dialect():
        if dialect.protects(extension.schema.id):
            yield Fault(
                (*SCHEMA_POINTER, "id"),
                f"this URN is {dialect.target_system}'s own or an RFC's ({named(tenants)}), and "
                "is never written; choose one of your own",
                document=extension.place,
            )
