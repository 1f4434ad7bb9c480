"""One tenant of the plan document → its row of the table in Markdown."""

from collections import Counter
from dataclasses import dataclass

from reconciler.domain.documents import Kind, RiskWord, TenantDocument
from reconciler.render.fitting import Cut, Part
from reconciler.render.markdown_text import code
from reconciler.render.phrases import TEST_USER, Category, category_of
from reconciler.render.plan_markdown_section import GRAVE

TABLE_HEAD = (
    "| tenant | add | change | in sync | drifted | blocked | risk | in use | service |\n"
    "| :-- | --: | --: | --: | --: | --: | :-- | --: | :-- |\n"
)
_COLUMNS: tuple[Category, ...] = ("create", "update", "in-sync", "drifted", "blocked")
_WORST_FIRST: tuple[RiskWord, ...] = ("many", "unknown", "some")
_NOT_IN_SYNC: tuple[Category, ...] = ("create", "update", "drifted", "blocked")


@dataclass(frozen=True, slots=True)
class Row:
    """The row of a tenant, and the number of its changes in each category."""

    part: Part
    counts: Counter[Category]


def row(tenant: TenantDocument) -> Row:
    """The tenant's row; one that is in sync goes first when there is too much."""
    # Gone through once: the changes of a large tenant come from a file each time.
    counts, kinds, risks = Counter[Category](), set[Kind](), set[RiskWord]()
    for change in tenant["changes"]:
        counts[category_of(change)] += 1
        kinds.update(change["kinds"])
        risks.update(measure["risk"] for measure in change.get("impact", ()))
    # What is only additive risks nothing.
    worst = [f"users: {each}" for each in _WORST_FIRST if each in risks][:1]
    risk = ", ".join([*(kind for kind in GRAVE if kind in kinds), *worst])
    service = f"{code(tenant['dialect'])}, {code(tenant['base_url'])}"
    if tenant.get("canary"):
        service += f", {TEST_USER}"
    used, limit = tenant["extensions_live"], tenant["extensions_limit"]
    extensions = "" if used is None else str(used) if limit is None else f"{used} of {limit}"
    if tenant["error"] is not None:
        cut, risk = Cut.GRAVE_ROWS, "not readable"
    elif risk or counts["blocked"]:
        cut = Cut.GRAVE_ROWS
    else:
        in_sync = not any(counts[category] for category in _NOT_IN_SYNC)
        cut = Cut.IN_SYNC if in_sync else Cut.ROWS
    text = table_row(code(tenant["name"]), counts, risk, f"{extensions} | {service}")
    return Row(Part(text, {cut: ""}.get), counts)


def table_row(name: str, counts: Counter[Category], risk: str, service: str) -> str:
    """A line of the table; all but the counts has to be safe."""
    numbers = " | ".join(str(counts[column] or "") for column in _COLUMNS)
    return f"| {name} | {numbers} | {risk} | {service or ' | '} |\n"
