"""What manifests that are each well ask of each other, and of what the dialects can do."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from fnmatch import translate
from ipaddress import IPv6Address

from reconciler.domain.dialect import Dialect, UpdateStrategy
from reconciler.domain.manifest import Manifests, Retired, SchemaExtension, Tenant, is_glob
from reconciler.domain.problem import Place, Problem, Severity
from reconciler.domain.rules.limits import LIMITS, Demand, Limit
from reconciler.domain.rules.rule import SCHEMA_PATH, Fault, Locate, Path, Rule, report
from reconciler.domain.scim import Attribute
from reconciler.domain.words import quoted


@dataclass(frozen=True, slots=True)
class Fleet:
    """All manifests, and for each extension the tenants that it selects."""

    manifests: Manifests
    targets: tuple[tuple[SchemaExtension, tuple[Tenant, ...]], ...]


def check_fleet(manifests: Manifests, locate: Locate) -> tuple[Problem, ...]:
    """What is wrong between the manifests."""
    targets = tuple(
        (extension, tuple(t for t in manifests.tenants if extension.selector.selects(t)))
        for extension in manifests.extensions
    )
    return tuple(sorted(report(FLEET_RULES, Fleet(manifests, targets), locate)))


def _names_are_given_once(fleet: Fleet) -> Iterator[Fault]:
    kinds: tuple[Iterable[Tenant | SchemaExtension], ...] = (
        fleet.manifests.tenants,
        fleet.manifests.extensions,
    )
    for manifests in kinds:
        first: dict[str, Place] = {}
        for manifest in sorted(manifests, key=lambda m: m.place):
            taken = first.setdefault(manifest.name, manifest.place)
            if taken != manifest.place:
                yield Fault(
                    ("metadata", "name"),
                    f"the name {manifest.name} is taken by the {_kind(manifest)} at {taken}",
                    document=manifest.place,
                )


def _kind(manifest: Tenant | SchemaExtension) -> str:
    return type(manifest).__name__


def _addresses_are_addresses(fleet: Fleet) -> Iterator[Fault]:
    for tenant in fleet.manifests.tenants:
        for path, url in _urls(tenant):
            found = _BRACKETED.match(url)
            if found and not _is_ipv6(found[1]):
                yield Fault(
                    path, f"[{found[1]}] is no IPv6 address; write a name or an address",
                    document=tenant.place,
                )  # fmt: skip


def _urls(tenant: Tenant) -> Iterator[tuple[Path, str]]:
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


_BRACKETED = re.compile(r"https?://\[([^]]*)\]", re.IGNORECASE)


def _urns_are_given_once(fleet: Fleet) -> Iterator[Fault]:
    rivals: dict[tuple[Place, Place], list[str]] = defaultdict(list)
    for tenant, extensions in _by_tenant(fleet):
        first: dict[str, Place] = {}
        for extension in sorted(extensions, key=lambda e: e.place):
            taken = first.setdefault(extension.schema.key, extension.place)
            if taken != extension.place:
                rivals[taken, extension.place].append(tenant.name)
    for (taken, place), tenants in rivals.items():
        yield Fault(
            (*SCHEMA_PATH, "id"),
            f"{_named(tenants)} would get this URN from {taken} too; narrow spec.tenants of one",
            document=place,
        )


def _by_tenant(fleet: Fleet) -> list[tuple[Tenant, list[SchemaExtension]]]:
    wanted = defaultdict(list)  # by place: a name may be given twice by mistake
    for extension, tenants in fleet.targets:
        for tenant in tenants:
            wanted[tenant.place].append(extension)
    return [(tenant, wanted[tenant.place]) for tenant in fleet.manifests.tenants]


def _urns_are_spelt_alike(fleet: Fleet) -> Iterator[Fault]:
    first: dict[str, SchemaExtension] = {}
    for extension in sorted(fleet.manifests.extensions, key=lambda e: e.place):
        other = first.setdefault(extension.schema.key, extension)
        if other.schema.id != extension.schema.id:
            yield Fault(
                (*SCHEMA_PATH, "id"),
                f"the same URN as at {other.place}, and written in another case; SCIM takes both "
                "for one: write them alike",
                document=extension.place,
            )


def _selectors_select(fleet: Fleet) -> Iterator[Fault]:
    for extension, tenants in fleet.targets:
        if not tenants:
            yield Fault(
                ("spec", "tenants"),
                f"no tenant is selected: {extension.name} goes nowhere",
                at_key=True,
                document=extension.place,
            )


def _names_select(fleet: Fleet) -> Iterator[Fault]:
    names = {tenant.name for tenant in fleet.manifests.tenants}
    for extension, tenants in fleet.targets:
        for index, glob in enumerate((extension.selector.names or ()) if tenants else ()):
            if not _fits(glob, names):
                yield Fault(
                    ("spec", "tenants", "names", index),
                    f"{quoted(glob)} fits no tenant",
                    document=extension.place,
                )


def _fits(glob: str, names: Set[str]) -> bool:
    """Whether it fits one of them; a plain name is looked up, for there may be thousands."""
    if not is_glob(glob):
        return glob in names
    return any(map(re.compile(translate(glob)).match, names))


def _somebody_can_take_it(fleet: Fleet) -> Iterator[Fault]:
    for extension, tenants in fleet.targets:
        known = [tenant.dialect for tenant in tenants]
        writable = any(d.creates or d.updates is UpdateStrategy.PATCH for d in known)
        if tenants and not writable:
            yield Fault(
                ("spec", "tenants"),
                f"none of its tenants ({_named([t.name for t in tenants])}) lets schemas be "
                f"created: {extension.name} is only watched",
                at_key=True,
                document=extension.place,
            )


def _retired_names_stay_away(fleet: Fleet) -> Iterator[Fault]:
    for extension in fleet.manifests.extensions:
        for index, retired, attribute in _returned(extension):
            if attribute.type != retired.type:
                yield Fault(
                    ("spec", "retired", index),
                    f"{quoted(retired.name)} was retired as {retired.type} and is back as "
                    f"{attribute.type}: old values would be read as new ones; choose another name",
                    document=extension.place,
                )


def _retired_names_are_gone(fleet: Fleet) -> Iterator[Fault]:
    for extension in fleet.manifests.extensions:
        for index, retired, attribute in _returned(extension):
            if attribute.type == retired.type:
                yield Fault(
                    ("spec", "retired", index),
                    f"{quoted(retired.name)} is retired and listed; take it out of spec.retired if "
                    "it is back with its old meaning",
                    document=extension.place,
                )


def _personal_names_exist(fleet: Fleet) -> Iterator[Fault]:
    for extension in fleet.manifests.extensions:
        for index, name in enumerate(extension.personal):
            if extension.schema.at(name) is None:
                yield Fault(
                    ("spec", "personal", index),
                    f"there is no attribute {quoted(name)}; write attribute.part for a part",
                    document=extension.place,
                )


def _returned(extension: SchemaExtension) -> Iterator[tuple[int, Retired, Attribute]]:
    """Each retired name that an attribute has."""
    for index, retired in enumerate(extension.retired):
        if (attribute := extension.schema.at(retired.name)) is not None:
            yield index, retired, attribute


def _within(limit: Limit) -> Callable[[Fleet], Iterator[Fault]]:
    """A limit of a dialect as a rule over all that is meant for tenants of that dialect."""

    def check(fleet: Fleet) -> Iterator[Fault]:
        for extension, dialect, tenants in _by_dialect(fleet):
            for excess in limit(Demand(extension.schema, dialect)):
                yield Fault(
                    excess.path,
                    excess.message(f"{dialect.target_system} ({_named(tenants)})"),
                    excess.at_key,
                    extension.place,
                )

    return check


def _urns_are_not_protected(fleet: Fleet) -> Iterator[Fault]:
    for extension, dialect, tenants in _by_dialect(fleet):
        if dialect.protects(extension.schema.id):
            yield Fault(
                (*SCHEMA_PATH, "id"),
                f"this URN is {dialect.target_system}'s own or an RFC's ({_named(tenants)}), and "
                "is never written; choose one of your own",
                document=extension.place,
            )


def _by_dialect(fleet: Fleet) -> Iterator[tuple[SchemaExtension, Dialect, list[str]]]:
    for extension, tenants in fleet.targets:
        names = defaultdict(list)
        for tenant in tenants:
            names[tenant.dialect].append(tenant.name)
        for dialect, members in sorted(names.items(), key=lambda each: (each[0].name, each[1])):
            yield extension, dialect, members


def _extensions_are_few_enough(fleet: Fleet) -> Iterator[Fault]:
    for tenant, extensions in _by_tenant(fleet):
        limit = tenant.limits.extensions
        if limit is None:
            limit = tenant.dialect.extensions
        number = len(extensions)
        if limit is not None and number > limit:
            yield Fault(
                ("metadata", "name"),
                f"{number} extensions are meant for tenant {tenant.name}, and its limit is {limit}",
                document=tenant.place,
            )


def _named(tenants: Iterable[str]) -> str:
    first, *rest = sorted(set(tenants))
    shown = ", ".join([first, *rest[:2]])
    more = f" and {len(rest) - 2} more" if len(rest) > 2 else ""
    return f"tenant{'s' if rest else ''} {shown}{more}"


FLEET_RULES: tuple[Rule[Fleet], ...] = (
    Rule(
        "SCIM-S03",
        Severity.WARNING,
        "URNs that differ by case only are one; RFC 7643 section 10.2.1, RFC 7644 section 3.10",
        _urns_are_spelt_alike,
    ),
    Rule(
        "REC-NAME",
        Severity.ERROR,
        "metadata.name is unique per kind",
        _names_are_given_once,
        firm=True,
    ),
    Rule(
        "REC-URL",
        Severity.ERROR,
        "what stands in brackets in a URL is an IPv6 address; RFC 3986 section 3.2.2",
        _addresses_are_addresses,
        firm=True,
    ),
    Rule(
        "REC-URN",
        Severity.ERROR,
        "a tenant gets a URN from one manifest only",
        _urns_are_given_once,
        firm=True,
    ),
    Rule(
        "REC-RETIRED",
        Severity.ERROR,
        "a retired name does not come back with another type",
        _retired_names_stay_away,
        firm=True,
    ),
    Rule(
        "REC-RETIRED",
        Severity.WARNING,
        "what is retired is not listed",
        _retired_names_are_gone,
    ),
    Rule(
        "REC-PERSONAL",
        Severity.ERROR,
        "what holds personal data is an attribute",
        _personal_names_exist,
        firm=True,
    ),
    Rule(
        "REC-SELECTOR",
        Severity.WARNING,
        "a manifest selects at least one tenant",
        _selectors_select,
    ),
    Rule("REC-SELECTOR", Severity.WARNING, "each name or glob fits a tenant", _names_select),
    Rule(
        "REC-WATCHED",
        Severity.INFO,
        "one of the tenants lets schemas be created",
        _somebody_can_take_it,
    ),
    *(Rule(id_, Severity.WARNING, reason, _within(limit)) for id_, reason, limit in LIMITS),
    Rule(
        "REC-EXTENSIONS",
        Severity.WARNING,
        "the service holds so many extensions",
        _extensions_are_few_enough,
    ),
    Rule(
        "REC-PROTECTED",
        Severity.WARNING,
        "URNs of vendors and RFCs are never written",
        _urns_are_not_protected,
    ),
)
