"""A tenant of the plan document → the issue that tells of its drift, and when there is one."""

from reconciler.domain.jsontext import Json
from reconciler.render.fitting import fit
from reconciler.render.markdown_tenant import section
from reconciler.render.markdown_text import code
from reconciler.render.marked import drift_marker, marked
from reconciler.render.phrases import drift_words, kind_of

_MOST = 55_000  # bytes of what differs
_NAMED = 20  # extensions whose drift is told one by one above the details
_KINDS = (
    ("create", "not there"),
    ("update", "different, and apply would change it"),
    ("drifted", "different, and left as it is"),
    ("blocked", "wanted, and blocked"),
)


def drifts(tenant: Json) -> bool:
    """Whether something is not as the manifests say; what could not be read says nothing."""
    return any(_count(tenant, kind) for kind, _ in _KINDS)


def drift_title(tenant: Json) -> str:
    """The same as long as the issue is open."""
    return f"Drift on tenant {tenant['name']}"


def drift_body(tenant: Json) -> str:
    """What differs; the same drift, the same text: no time, no commit, no digest."""
    told = [f"{n} {words}" for kind, words in _KINDS if (n := _count(tenant, kind))]
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


def _known(tenant: Json) -> str:
    """What the audit trail adds: what was done by other hands, and not before when."""
    words = [f"- {code(urn)}: {code(said)}\n" for urn, said in drift_words(tenant).items()]
    more = f"- and {len(words) - _NAMED} more\n" if len(words) > _NAMED else ""
    return "".join([*words[:_NAMED], more, "\n"]) if words else ""


def _count(tenant: Json, kind: str) -> int:
    return sum(1 for change in tenant["changes"] if kind_of(change) == kind)
