"""A tenant of the plan document → the issue about its drift, and when there is one.

docs/decisions.md, "An issue is open while something is not in sync".
"""

from collections import Counter

from reconciler.domain.documents import TenantDocument
from reconciler.domain.sections import sections
from reconciler.render.fitting import fit
from reconciler.render.markdown_text import code
from reconciler.render.markers import drift_marker, marked
from reconciler.render.phrases import Category, category_of, dated_drifts, drift_text
from reconciler.render.plan_markdown_section import section_lines, section_part

_MOST = 55_000  # bytes of what differs
_OPEN = 500  # lines of it that need no click
_NAMED = 20  # extensions whose drift is named one by one above the details
_CATEGORIES: tuple[tuple[Category, str], ...] = (
    ("create", "not there"),
    ("update", "different, and apply would change it"),
    ("drifted", "different, and left as it is"),
    ("blocked", "wanted, and blocked"),
)
_TOO_LONG = "It is too much for an issue; `reconciler plan --tenant NAME` shows it.\n"
_FOLLOWS = (
    "Put the tenant right, change the manifest, or let `reconciler apply` do what it may. This "
    "issue follows the scheduled plan: it changes when the drift does, and is closed when "
    "there is none."
)


def drifts(tenant: TenantDocument) -> bool:
    """True where something is not as the manifests say; what could not be read proves nothing."""
    drifted = {category for category, _ in _CATEGORIES}
    return any(category_of(change) in drifted for change in tenant["changes"])


def drift_title(tenant: TenantDocument) -> str:
    """The title, which is the same as long as the issue is open."""
    return f"Drift on tenant {tenant['name']}"


def drift_body(tenant: TenantDocument) -> str:
    """The differences of a tenant, with the dates that the audit trail has for them."""
    # The same drift gives the same text, so no time, commit or digest: else each scheduled plan
    # would edit the issue, and everybody who follows it would be told.
    counts = Counter(category_of(change) for change in tenant["changes"])
    parts = [f"{number} {text}" for category, text in _CATEGORIES if (number := counts[category])]
    dated = dated_drifts(tenant).items()
    dates = [f"- {code(urn)}: {code(drift_text(drift))}\n" for urn, drift in dated]
    dates[_NAMED:] = [f"- and {len(dates) - _NAMED} more\n"] if len(dates) > _NAMED else []
    dates += ["\n"] if dates else []
    [section] = sections([tenant])
    lines = section_lines(section, tenant)
    made = section_part(section, lines, room=_MOST, open_lines=_OPEN)
    [details] = fit((made.part,), _MOST).texts
    text = (
        f"{code(tenant['name'])} is not as the manifests say: {'; '.join(parts)}.\n\n"
        f"{''.join(dates)}{details or _TOO_LONG}\n{_FOLLOWS}"
    )
    return marked(drift_marker(tenant["name"]), text)


def ended_body(tenant: str, body: str, *, gone: bool) -> str:
    """The closed issue: why, and below that its text as it was."""
    why = "no manifest names this tenant any more" if gone else "in sync again"
    return marked(drift_marker(tenant), f"**Closed: {why}.**\n\n{body.partition(chr(10))[2]}")
