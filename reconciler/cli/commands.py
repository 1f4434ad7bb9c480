"""All commands and their options, as data; the modules that run them are imported when called."""

from reconciler.cli.options import Argument, Command, Kind, Option

SCHEMA_NAMES = (
    "manifest", "plan", "report", "audit", "event", "validate", "webhooks", "doctor",
)  # fmt: skip


def _number(flag: str, default: str, metavar: str, meaning: str) -> Option:
    return Option(flag=flag, kind=Kind.NUMBER, default=default, metavar=metavar, help=meaning)


COMMON = (
    Option(
        flag="--desired-state", help="folder of manifests", default="desired-state", metavar="DIR"
    ),
    Option(
        flag="--state",
        help="database URL of audit trail, journal and outbox",
        default="sqlite:///.reconciler/state.db",
        metavar="URL",
    ),
    _number("--state-deadline", "30", "SECONDS", "how long that database has for each answer"),
    Option(flag="--secrets-dir", help="folder for secrets given as {file: NAME}", metavar="DIR"),
    Option(flag="--proxy", help="HTTP proxy; those of the environment are ignored", metavar="URL"),
    Option(flag="--ca-bundle", help="certificates to trust instead of certifi's", metavar="FILE"),
    Option(
        flag="--log-format",
        help="how log lines look on standard error",
        default="text",
        choices=("text", "json"),
    ),
    Option(flag="--verbose", short="-v", kind=Kind.COUNT, help="log more; -vv everything"),
    Option(flag="--quiet", short="-q", kind=Kind.FLAG, help="say only errors and data"),
    Option(flag="--no-color", kind=Kind.FLAG, help="no colours; also NO_COLOR, FORCE_COLOR"),
)

_SELECTION = (
    Option(flag="--tenant", kind=Kind.MANY, metavar="GLOB", help="only these tenants; repeatable"),
    Option(
        flag="--target",
        kind=Kind.MANY,
        metavar="GLOB",
        help="only these extensions, by manifest name, tenant/name or URN; repeatable",
    ),
    Option(
        flag="--exclude",
        kind=Kind.MANY,
        metavar="GLOB",
        help="leave these extensions out; repeatable",
    ),
    Option(
        flag="--parallelism",
        kind=Kind.NUMBER,
        default="16",
        metavar="N",
        help="tenants or webhooks at once; inside a tenant there is one writer",
    ),
)
_SENDERS = Option(
    flag="--parallelism", kind=Kind.NUMBER, default="10", metavar="N", help="webhooks at once"
)
_ALLOW_EMPTY = Option(
    flag="--allow-empty", kind=Kind.FLAG, help="a folder without manifests is meant"
)
_READING = (
    _ALLOW_EMPTY,
    Option(
        flag="--max-file-kib",
        kind=Kind.NUMBER,
        default="256",
        metavar="KIB",
        help="how large a manifest file may be",
    ),
    Option(
        flag="--max-total-mib",
        kind=Kind.NUMBER,
        default="64",
        metavar="MIB",
        help="how large all of them may be together",
    ),
    Option(
        flag="--max-documents",
        kind=Kind.NUMBER,
        default="20000",
        metavar="N",
        help="how many documents they may hold",
    ),
)
_MAX_TENANTS = _number("--max-tenants", "50", "N", "how many tenants one run may change")
_DEADLINE = _number("--request-deadline", "30", "SECONDS", "how long one request may take in all")
_READ_DEADLINE = _number(
    "--read-deadline",
    "120",
    "SECONDS",
    "how long reading one tenant may take in all, its token and retries included",
)
_KEEP_DELIVERED = _number(
    "--keep-delivered", "90", "DAYS", "how long a delivered webhook can be listed and sent again"
)
_PLAN_FORMAT = Option(
    flag="--format",
    choices=("text", "markdown", "json"),
    default="text",
    help="what standard output gets",
)
_JSON = Option(flag="--format", choices=("text", "json"), default="text", help="text or JSON")

GROUPS = {
    "audit": "the audit trail: list, verify, export",
    "webhooks": "the outbox: list, deliver",
}
COMMANDS = (
    Command(
        words=("validate",),
        help="check the manifests, offline",
        module="validate",
        options=(
            *_READING,
            Option(
                flag="--against",
                metavar="REF",
                help="also find what breaks those who use what the manifests of a git ref declare",
            ),
            Option(
                flag="--allow-breaking",
                kind=Kind.FLAG,
                help="breaking changes are meant: show them, and do not count them",
            ),
            Option(
                flag="--fail-on",
                choices=("error", "warning"),
                default="error",
                help="exit 6 for warnings too",
            ),
            Option(
                flag="--format",
                choices=("text", "json", "github", "sarif"),
                default="text",
                help="what standard output gets; github: workflow commands for annotations",
            ),
        ),
    ),
    Command(
        words=("plan",),
        help="read the tenants and show what apply would do; changes nothing",
        module="plan",
        network=True,
        options=(
            *_SELECTION,
            Option(
                flag="--tenants-from",
                metavar="REF",
                help="take the Tenant manifests from this git ref, the others from the folder: "
                "a pull request then cannot send credentials elsewhere",
            ),
            _MAX_TENANTS,
            Option(flag="--out", metavar="FILE", help="save the JSON plan, for apply and show"),
            Option(
                flag="--markdown",
                metavar="FILE",
                help="write the plan for a pull request, at most 60,000 bytes",
            ),
            _PLAN_FORMAT,
            Option(
                flag="--detailed-exitcode",
                kind=Kind.FLAG,
                help="exit 2 when something is not in sync",
            ),
            *_READING,
            _DEADLINE,
            _READ_DEADLINE,
        ),
    ),
    Command(
        words=("show",),
        help="print a saved plan, stale or not",
        module="show",
        arguments=(Argument(name="file", help="what plan --out saved"),),
        options=(_PLAN_FORMAT,),
    ),
    Command(
        words=("apply",),
        help="plan again, have it approved, apply, verify, record and announce",
        module="apply",
        network=True,
        arguments=(
            Argument(
                name="file",
                help="a saved plan: refused unless today's plan has the same digest",
                optional=True,
            ),
        ),
        options=(
            *_SELECTION,
            Option(flag="--approve", metavar="DIGEST", help="the digest that was approved"),
            Option(flag="--auto-approve", kind=Kind.FLAG, help="do not ask"),
            _MAX_TENANTS,
            Option(
                flag="--force",
                kind=Kind.FLAG,
                help="lift --max-tenants, maxCreates and maxUpdates; the approval stays needed",
            ),
            Option(
                flag="--recover-only",
                kind=Kind.FLAG,
                help="settle what earlier runs left open, deliver what is due, write nothing",
            ),
            _KEEP_DELIVERED,
            Option(
                flag="--lock-timeout",
                kind=Kind.NUMBER_OR_ZERO,
                default="0",
                metavar="SECONDS",
                help="how long to wait in all for locks that another run holds",
            ),
            Option(
                flag="--report",
                metavar="FILE",
                help="write a JSON report of the run, also when it fails or is interrupted",
            ),
            *_READING,
            _DEADLINE,
            _READ_DEADLINE,
            Option(
                flag="--retry-deadline",
                kind=Kind.NUMBER,
                default="120",
                metavar="SECONDS",
                help="how long one change may be tried in all",
            ),
        ),
    ),
    Command(
        words=("import",),
        help="write manifests of a tenant's live extensions; a plan after it is empty",
        module="imports",
        network=True,
        arguments=(Argument(name="tenant", help="whose: the name of a Tenant manifest"),),
        options=(
            Option(flag="--id", metavar="URN", help="only this extension"),
            Option(
                flag="--out",
                metavar="DIR",
                help="where to; left out: extensions/ in the folder of manifests",
            ),
            Option(flag="--full", kind=Kind.FLAG, help="write defaults out too"),
            Option(flag="--force", kind=Kind.FLAG, help="overwrite files that say something else"),
            *_READING,
            _DEADLINE,
            _READ_DEADLINE,
        ),
    ),
    Command(
        words=("audit", "list"),
        help="the newest records, as a table",
        module="audit",
        options=(
            Option(
                flag="--last", kind=Kind.NUMBER, default="20", metavar="N", help="how many records"
            ),
        ),
    ),
    Command(
        words=("audit", "verify"),
        help="follow the hash chain from the first record to the last",
        module="audit",
        options=(
            Option(
                flag="--head",
                metavar="HASH",
                help="a hash noted earlier that must still be in the trail: finds truncation",
            ),
        ),
    ),
    Command(
        words=("audit", "export"),
        help="all records, one JSON object a line",
        module="audit",
        options=(Option(flag="--out", metavar="FILE", help="write a file, whole or not at all"),),
    ),
    Command(
        words=("webhooks", "list"),
        help="what was announced and what still waits",
        module="webhooks",
        options=(_JSON,),
    ),
    Command(
        words=("webhooks", "deliver"),
        help="send what is due",
        module="sending",
        network=True,
        options=(
            Option(flag="--now", kind=Kind.FLAG, help="ignore the schedule"),
            _KEEP_DELIVERED,
            _SENDERS,
            _DEADLINE,
        ),
    ),
    Command(
        words=("webhooks", "replay"),
        help="send again, once, what was delivered or given up, under the same id",
        module="sending",
        network=True,
        arguments=(
            Argument(name="event", optional=True, help="its id, as `webhooks list` shows it"),
        ),
        options=(
            Option(flag="--given-up", kind=Kind.FLAG, help="all that were given up"),
            _SENDERS,
            _DEADLINE,
        ),
    ),
    Command(
        words=("comment",),
        help="the one comment of a pull request on GitHub: posted, updated, closed after the merge",
        module="comment",
        network=True,
        options=(
            Option(flag="--pr", kind=Kind.NUMBER, metavar="N", help="the pull request"),
            Option(flag="--commit", metavar="SHA", help="the pull request that was merged as this"),
            Option(flag="--body", metavar="FILE", help="what it says: a plan in Markdown"),
            Option(
                flag="--report",
                metavar="FILE",
                help="what became of the plan: what apply --report wrote",
            ),
            Option(
                flag="--key",
                default="plan",
                metavar="NAME",
                help="which comment, where a pull request has several",
            ),
        ),
    ),
    Command(
        words=("drift-issues",),
        help="one issue on GitHub for each tenant with drift: opened, updated and closed",
        module="drift_issues",
        network=True,
        options=(Option(flag="--plan", metavar="FILE", help="what plan --out saved"),),
    ),
    Command(
        words=("doctor",),
        help="look at a tenant: token, permission, what it can do; read-only unless told otherwise",
        module="doctor",
        network=True,
        arguments=(Argument(name="tenant", help="its name, or a glob"),),
        options=(
            Option(
                flag="--probe-writes",
                kind=Kind.FLAG,
                help="also create and change a scratch extension, which is never deleted",
            ),
            Option(
                flag="--write",
                metavar="FILE",
                help="keep what was learnt as a capabilities block for the manifest",
            ),
            _JSON,
            *_READING,
            _DEADLINE,
            _READ_DEADLINE,
        ),
    ),
    Command(
        words=("schema",),
        help="print a JSON Schema",
        module="schema",
        arguments=(
            Argument(
                name="name",
                help="of what",
                choices=SCHEMA_NAMES,
            ),
        ),
    ),
    Command(
        words=("dev-tenant",),
        help="run the built-in tenant as a server of its own, on loopback",
        module="dev_tenant",
        options=(
            Option(
                flag="--port",
                kind=Kind.NUMBER_OR_ZERO,
                default="8765",
                metavar="N",
                help="loopback port; 0 takes a free one",
            ),
            Option(flag="--name", default="dev", metavar="NAME", help="which store it keeps"),
        ),
    ),
)
