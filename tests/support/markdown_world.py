"""Plan documents of every kind, and what a CommonMark parser makes of their Markdown."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from random import Random

from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.domain.deciding import LiveTenant, plan_tenant
from reconciler.domain.drift import Drift, DriftKind
from reconciler.domain.freeze import Frozen
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import ChangeKind, GitState, Limits, OnDrift, TenantsFrom
from reconciler.domain.measures import Measured, Risk
from reconciler.domain.plan import Plan, TenantPlan
from reconciler.domain.rules.revision import MeasureKind
from reconciler.domain.scim import Schema
from reconciler.domain.selection import Selection
from reconciler.render.plan_document import plan_document
from tests.support.fakes import START, URN, document, extension, tenant

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

# What a plan or a report says in words of ours, or in words that its JSON Schema lists.
OURS = ("digest", "checksum", "format_version", "action", "reason", "live_fingerprint", "kind",
        "kinds", "rule", "severity", "consumers", "outcome", "plan_digest", "hash")  # fmt: skip


def planned(name: str = "acme-prod", *live: dict, extensions=None, limits=None) -> TenantPlan:
    schemas = [Schema.from_json(one) for one in live]
    return plan_tenant(
        replace(tenant(name), limits=limits or Limits()),
        extensions=extensions or [extension()],
        live=LiveTenant(schemas={schema.key: schema for schema in schemas}),
        selection=Selection(),
    )


def tenants() -> dict[str, TenantPlan]:
    """A tenant of every kind, by what is the matter with it."""
    update = extension(document(URN, "grade", "level", description="new"), on_drift=OnDrift.UPDATE)
    personal = replace(
        extension(document(URN, "birthDate")),
        personal=("birthDate",),
        owners={ChangeKind.EXPOSING: ("@acme/privacy",), ChangeKind.ADDITIVE: ("@acme/hr",)},
    )
    return {
        "create": planned("create"),
        "in sync": planned("in-sync", document(), document("urn:acme:other")),
        "drifted": planned("drifted", document(URN, "other", description="old")),
        "blocked": planned("blocked", limits=Limits(extensions=0)),
        "incompatible": planned("incompatible", document(URN, "other"), extensions=[update]),
        "update": planned("update", document(description="old"), extensions=[update]),
        "limited": planned("limited", limits=Limits(max_creates=0)),
        "warned": replace(planned("warned", document()), warnings=("it said something odd",)),
        "frozen": replace(planned("frozen", document()), frozen=Frozen(START)),
        "risky": planned("risky", extensions=[personal]),
        "missing": replace(planned("missing"), drift=(_drift(DriftKind.MISSING),)),
        "changed": replace(
            planned("changed", document(URN, "other", description="old")),
            drift=(_drift(DriftKind.CHANGED),),
        ),
        "outdated": replace(
            planned("outdated", document(URN, "other", "birthDate"), extensions=[personal]),
            drift=(_drift(DriftKind.OUTDATED),),
        ),
        "hurting": with_impact("hurting", Risk.MANY),
        "uncounted": with_impact("uncounted", Risk.UNKNOWN),
        "unreadable": TenantPlan(tenant=tenant("unreadable"), error="no answer"),
    }


def with_impact(name: str, risk: Risk) -> TenantPlan:
    """A tenant with a change that hurts users."""
    plan = planned(name, document(URN, "other"))
    known = risk is not Risk.UNKNOWN
    found = Measured(
        path="other",
        kind=MeasureKind.REMOVED,
        users=3 if known else None,
        of=40 if known else None,
        risk=risk,
    )
    return replace(plan, impact={plan.changes[0].subject.id: (found,)})


def _drift(kind: DriftKind) -> Drift:
    return Drift(kind=kind, schema_id=URN, since="2026-01-02T03:04:05.678Z")


def rich() -> Json:
    """A plan with everything in it."""
    plan = Plan(
        tenants=tuple(tenants().values()),
        git=GitState(commit="c0ffee", dirty=True),
        tenants_from=TenantsFrom(
            ref="origin/main",
            commit="c" * 40,
            changed=("create",),
            added=("new",),
            removed=("old",),
            unread=("odd.yaml",),
        ),
        selection=Selection(tenants=("*",), excludes=("x*", "y*")),
    )
    return plan_document(plan)


def fleet(number: int, kinds: Iterable[str], *, attributes: int = 1, apart: bool = False) -> Json:
    """A plan for so many tenants, of those kinds in turn; `apart`: no two have a change alike."""
    names = [f"a{n:03}" for n in range(attributes)]
    wanted = extension(document(URN, *names))
    models = {**tenants(), "create": planned("create", extensions=[wanted])}
    chosen = [models[kind] for kind in kinds]
    plans = (_numbered(chosen[n % len(chosen)], n) for n in range(number))
    made: Json = plan_document(Plan(tenants=tuple(plans), max_tenants=number))
    for line, one in enumerate(made["tenants"] if apart else ()):
        for change in one["changes"]:
            change["source"]["line"] = line
    return made


def _numbered(plan: TenantPlan, number: int) -> TenantPlan:
    error = None if plan.error is None else f"no answer {number}"
    return replace(renamed(plan, f"t{number:05}"), error=error)


def renamed(plan: TenantPlan, name: str) -> TenantPlan:
    """The same plan for a tenant of another name."""
    changes = tuple(
        replace(each, subject=replace(each.subject, tenant=name)) for each in plan.changes
    )
    impact = plan.impact and {
        f"{name}/{id_.partition('/')[2]}": found for id_, found in plan.impact.items()
    }
    tenant = replace(plan.tenant, name=name)
    return replace(plan, tenant=tenant, changes=changes, impact=impact)


def filled(value: Json, string: Callable[[str], str], member: str = "") -> Json:
    """The document with another string wherever it holds one that is not ours."""
    if isinstance(value, str):
        return value if member in OURS else string(value)
    if isinstance(value, list):
        return [filled(item, string, member) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, string, key) for key, item in value.items()}
    return value


def tokens(markdown: str) -> Iterator[Token]:
    """What the parser finds, blocks and what is in them."""
    for token in PARSER.parse(markdown):
        yield token
        yield from token.children or ()


def skeleton(markdown: str) -> list[tuple]:
    """Everything that is parsed, but what code holds; of a diff the signs its lines begin with."""
    return [
        (token.type, token.tag, token.nesting, token.markup, token.info, _frame(token))
        for token in tokens(markdown)
    ]


def _frame(token: Token) -> str:
    match token.type:
        case "code_inline" | "inline":
            return ""
        case "fence" if token.info != "diff":
            return ""
        case "fence":
            lines = token.content.split("\n")  # a long one goes on below
            return "".join(line[:1] for line in lines if line[1:8] != "     \u21b3 ")
        case "html_block":
            return re.sub(r"<code>[^<>]*</code>", "<code></code>", token.content)
        case _:
            return token.content


FRAGMENTS = (
    "`", "``", "```", "~~~", "```\n</details>", "\\", "\\`", "|", "\\|", "||", "\n", "\n\n", "\r",
    "@acme", "@acme/team", "#1", "GH-1", "acme/repo#1",
    "deadbeefcafe1234567890deadbeefcafe12345678", "https://evil.example", "www.evil.example",
    "mailto:a@b.example", "<a@b.example>", "[x](https://evil.example)",
    "![x](https://evil.example/x.png)", "[x]: https://evil.example", "<script>", "</summary>",
    "</details>", "</code>", "<!-- marker -->", "-->", "<![CDATA[", "<?php",
    "<img src=x onerror=y>", "&#64;acme", "&lt;", "&", "**", "__", "~~", "$`x`$", "$$", ":tada:",
    "# head", "> quote", "- item", "1. one", "---", "===", "[^1]", "[ ]", "    ", "\t", "\u2028",
    "\u202e", "\u200d", "\x00", "\x1b[31m", "\ufeff", "é", "名", "🎉", "::error::", "##[error]",
    "%0A", "+ ", "- ", "! ", "@@ -1 +1 @@", '"', "'", "{{", "${{ secrets.X }}", "word", " ",
)  # fmt: skip


def each(made: Callable[[], str]) -> Callable[[str], str]:
    """Another string for each that is different, so that what was the same stays the same."""
    known: dict[str, str] = {}

    def string(original: str) -> str:
        while original not in known:
            new = made()
            if new not in known.values():
                known[original] = new
        return known[original]

    return string


def hostile(random: Random) -> str:
    """A string that would like to be something else; one in ten is anything at all."""
    if random.random() < 0.1:
        return "".join(
            chr(random.choice(_code_points(random))) for _ in range(random.randint(0, 9))
        )
    return "".join(random.choices(FRAGMENTS, k=random.randint(1, 7)))


def _code_points(random: Random) -> tuple[int, ...]:
    return random.randrange(128), random.randrange(0xD800), random.randrange(0xE000, 0x110000)
