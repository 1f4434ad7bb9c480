"""The floor plan as data, and the sources that it is held against."""

import ast
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]

# A module imports only from rows above its own. A name stands for a package's modules too, and
# those may import each other.
ROWS = (
    ("reconciler", "errors", "installation"),
    ("domain", "domain.jsontext", "domain.secret", "domain.recipes", "domain.problem",
     "domain.documents", "domain.loopback", "domain.memo", "domain.patterns", "domain.foreign",
     "domain.freeze"),
    ("domain.scim", "domain.http_reply", "domain.doctor", "domain.redaction",
     "domain.outbox", "domain.sections", "domain.waves"),
    ("domain.dialect", "domain.messages", "domain.drift", "domain.hearing", "domain.shown",
     "domain.values", "domain.searching"),
    ("domain.fixed",),
    ("domain.manifest", "domain.canary"),
    ("domain.diff", "domain.body", "domain.schedule", "domain.cadence", "domain.selection",
     "domain.lifecycle", "domain.adoption", "domain.explaining", "domain.tenant_names",
     "domain.verified"),
    ("domain.rules", "domain.compatibility", "domain.calibration", "domain.gate"),
    ("domain.blocking", "domain.impact", "domain.measures"),
    ("domain.plan",),
    ("domain.outcome", "domain.approvals", "domain.deciding", "domain.migration",
     "domain.merging"),
    ("domain.records",),
    ("domain.fleet_status", "domain.record_filter"),
    ("domain.metrics",),
    ("domain.fleet_report",),
    ("ports", "occurrences"),
    ("progress", "parallel", "private_files", "facts"),
    ("run_context",),
    ("searchable", "canary"),
    ("announcing",),
    ("planning", "importing", "recovering", "delivering", "writing", "measuring",
     "gating", "counting", "dropping"),
    ("applying",),
    ("fleet", "doctor", "adopted"),
    ("render",),
    (
        "adapters", "adapters.transport", "adapters.retrying", "adapters.statuses",
        "adapters.clock", "adapters.packaged", "adapters.metrics", "adapters.traces",
        "adapters.yaml_reader", "adapters.git", "adapters.settings", "adapters.settings_file",
        "adapters.emergency", "adapters.spool", "adapters.cluster",
        "adapters.locks", "adapters.database", "adapters.manifest_files",
    ),
    ("adapters.jsonschemas", "adapters.oauth2", "adapters.yaml_writer"),
    ("adapters.yaml_editor", "adapters.yaml_layout"),
    (
        "adapters.dialects", "adapters.manifests", "adapters.gateway", "adapters.webhooks",
        "adapters.github",
    ),
    ("adapters.keycloak",),
    ("embedded",),
    ("cli",),
    ("__main__",),
)  # fmt: skip

HOMES = {
    "cryptography": "adapters.oauth2",
    "deepdiff": "domain.diff",
    "distributed": "adapters.cluster",
    "jsonschema": "adapters.jsonschemas",
    "jsonschema_rs": "adapters.jsonschemas",
    "jinja2": "render.report_html",
    "jwt": "adapters.oauth2.assertions",
    "prometheus_client": "adapters.metrics",
    "opentelemetry": "adapters.traces",
    "psycopg": "adapters.database.postgresql",
    "pydantic": "embedded",  # the validation errors of scim2_models are its
    "referencing": "adapters.jsonschemas",
    "requests": "adapters.transport",
    "rfc8785": "domain.jsontext",
    "rich": "cli.live_line",
    "ruamel": "adapters.yaml_layout",
    "scim2_models": "embedded",
    "scim2_server": "embedded",
    "shtab": "cli.completion",
    "tenacity": "adapters.retrying",
    "urllib3": "adapters.transport",
    "yaml": "adapters.yaml_reader",
}


@dataclass(frozen=True)
class Source:
    """One file: its module name below `reconciler`, or its path for a test, and its text."""

    name: str
    text: str
    package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All of the tree, gone through once: that takes longer than what is looked for in it."""
        return tuple(ast.walk(self.tree))


@cache
def modules() -> tuple[Source, ...]:
    """Every module of the package, named below `reconciler`."""
    base = ROOT / "reconciler"
    found = []
    for path in sorted(base.rglob("*.py")):
        parts = path.relative_to(base).with_suffix("").parts
        package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if package else parts) or "reconciler"
        found.append(Source(name, path.read_text(encoding="utf-8"), package))
    return tuple(found)


@cache
def suite() -> tuple[Source, ...]:
    return tuple(
        Source(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "tests").rglob("*.py"))
    )


def names() -> set[str]:
    return {source.name for source in modules()}
