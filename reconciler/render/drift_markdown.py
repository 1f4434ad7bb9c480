"""A tenant of the plan document → the issue that tells of its drift, and when there is one."""

from reconciler.domain.documents import TenantDocument
from reconciler.render.fitting import fit
from reconciler.render.markdown_tenant import section
from reconciler.render.markdown_text import code
from reconciler.render.marked import drift_marker, marked
from reconciler.render.phrases import Category, category_of, drift_words

_MOST = 55_000  # bytes of what differs
_NAMED = 20  # extensions whose drift is told one by one above the details
_CATEGORIES: tuple[tuple[Category, str], ...] = (
    ("create", "not there"),
    ("update", "different, and apply would change it"),
    ("drifted", "different, and left as it is"),
    ("blocked", "wanted, and blocked"),
)


def drifts(tenant: TenantDocument) -> bool:
    """Whether something is not as the manifests say; what could not be read says nothing."""
    return any(_count(tenant, category) for category, _ in _CATEGORIES)


def drift_title(tenant: TenantDocument) -> str:
    """The same as long as the issue is open."""
    return f"Drift on tenant {tenant['name']}"


def drift_body(tenant: TenantDocument) -> str:
    """What differs; the same drift, the same text: no time, no commit, no digest."""
    told = [f"{n} {text}" for category, text in _CATEGORIES if (n := _count(tenant, category))]
    [shown] = fit((section(tenant),), _MOST).texts
    text = (
        f"{code(tenant['name'])} is not as the manifests say: {'; '.join(told)}.\n\n"
        f"{_known(tenant)}{shown or _ALL_OF_IT}\n{_FOLLOWS}"
    )
    return marked(drift_marker(tenant["name"]), text)


def ended_body(tenant: str, body: str, *, gone: bool) -> str:
    """The last word of an issue, above what it said."""
    why = "no manifest names this tenant any more" if gone else "in sync again"
    return marked(drift_marker(tenant), f"**Closed: {why}.**\n\n{body.partition(chr(10))[2]}")


_ALL_OF_IT = "It is too much for an issue; `reconciler plan --tenant NAME` shows it.\n"
_FOLLOWS = (
    "Put the tenant right, change the manifest, or let `reconciler apply` do what it may. This "
    "issue follows the scheduled plan: it changes when the drift does, and is closed when "
    "there is none."
)


def _known(tenant: TenantDocument) -> str:
    """What the audit trail adds: what was done by other hands, and not before when."""
    words = [f"- {code(urn)}: {code(said)}\n" for urn, said in drift_words(tenant).items()]
    more = f"- and {len(words) - _NAMED} more\n" if len(words) > _NAMED else ""
    return "".join([*words[:_NAMED], more, "\n"]) if words else ""


def _count(tenant: TenantDocument, category: Category) -> int:
    return sum(1 for change in tenant["changes"] if category_of(change) == category)
