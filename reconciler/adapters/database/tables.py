"""The tables of the store, and the version of their shape.

Only types and rules that SQLite and PostgreSQL share; {id} and {bytes} are what each calls a
number that it gives itself, and a text of bytes. Moments are text, UTC, RFC 3339 with
milliseconds: they sort as they follow each other, and an export shows them as they are.
"""

import re

FORMAT_VERSION = 10  # counts up with each change of the tables; see migrations

META = """
CREATE TABLE meta (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name)
)
"""

# The last four are empty in records that have no such member; since version 8, `searched` since 9.
AUDIT = """
CREATE TABLE audit (
    seq INTEGER NOT NULL,
    event TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    status TEXT,
    tenant TEXT,
    schema_id TEXT,
    attributes_count INTEGER,
    change TEXT,
    run_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    "commit" TEXT,
    plan_digest TEXT,
    before_digest TEXT,
    after_digest TEXT,
    latency_ms INTEGER,
    webhook_status INTEGER,
    detail TEXT,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    searchable TEXT,
    searchable_ms INTEGER,
    canary TEXT,
    searched TEXT,
    PRIMARY KEY (seq)
)
"""

# `desired` is the document as written, JSON; `status` how the outcome's record says that it
# ended; `base_url` where the tenant was, since version 3. `live_before` is the document of the
# schema that was live, NULL where none was; of versions 3 to 5 a JSON list of the names of its
# attributes. `confirmed_at` is when the service answered that the schema is made, `confirmed_until`
# how long it is waited for; since version 6.
INTENTS = """
CREATE TABLE intents (
    id {id} NOT NULL,
    run_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    change TEXT NOT NULL,
    schema_id TEXT NOT NULL,
    target_system TEXT NOT NULL,
    manages TEXT NOT NULL,
    desired TEXT NOT NULL,
    "before" TEXT NOT NULL,
    "commit" TEXT,
    state TEXT NOT NULL,
    created_at TEXT NOT NULL,
    created_by INTEGER NOT NULL,
    settled_at TEXT,
    settled_by INTEGER,
    status TEXT,
    base_url TEXT,
    live_before TEXT,
    confirmed_at TEXT,
    confirmed_until TEXT,
    PRIMARY KEY (id),
    CHECK (manages IN ('schema', 'attributes')),
    CHECK (state IN ('open', 'settled')),
    CHECK ((state = 'settled') = (settled_by IS NOT NULL)),
    FOREIGN KEY(created_by) REFERENCES audit (seq),
    FOREIGN KEY(settled_by) REFERENCES audit (seq)
)
"""

# What was adopted without an intent has no intent_id. What may be sent is whole; what was never
# verified has no bytes that could be sent. `delivered_at` (since version 4) is empty again once a
# delivered row was pruned: its body is empty then, and that it was announced stays known.
# Since version 5: `schema_digest` is that of the event, so that what HR has heard of stays known,
# and `waits_for` what the event of a verified change waits for while it is held. Since version 7:
# `released_by` is the record that this row was queued, `ended_by` the one that it was delivered or
# given up, and `seal` an HMAC, empty where the secret was not at hand.
OUTBOX = """
CREATE TABLE outbox (
    id {id} NOT NULL,
    intent_id INTEGER,
    tenant TEXT NOT NULL,
    url TEXT NOT NULL,
    schema_id TEXT NOT NULL,
    state TEXT NOT NULL,
    event_id TEXT,
    sequence INTEGER,
    body {bytes},
    released_by INTEGER,
    attempts INTEGER NOT NULL,
    due_at TEXT,
    last_status INTEGER,
    last_detail TEXT,
    delivered_at TEXT,
    schema_digest TEXT,
    waits_for TEXT,
    ended_by INTEGER,
    seal TEXT,
    PRIMARY KEY (id),
    CHECK (state IN ('held', 'ready', 'delivered', 'void', 'given-up')),
    CHECK ((state IN ('held', 'void')) = (event_id IS NULL)
        AND (event_id IS NULL) = (sequence IS NULL)
        AND (event_id IS NULL) = (body IS NULL)
        AND (event_id IS NULL) = (released_by IS NULL)),
    CHECK ((state = 'ready') = (due_at IS NOT NULL)),
    UNIQUE (url, event_id),
    FOREIGN KEY(intent_id) REFERENCES intents (id),
    FOREIGN KEY(released_by) REFERENCES audit (seq)
)
"""

# Who holds which tenant, where a server keeps the locks; since version 2.
HOLDERS = """
CREATE TABLE holders (
    tenant TEXT NOT NULL,
    holder TEXT NOT NULL,
    process INTEGER NOT NULL,
    host TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (tenant)
)
"""

# Figures of adoption, appended; since version 8. `total` is how many resources were looked at.
SAMPLES = """
CREATE TABLE samples (
    id {id} NOT NULL,
    tenant TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    schema_id TEXT NOT NULL,
    attribute TEXT NOT NULL,
    holders INTEGER NOT NULL,
    total INTEGER NOT NULL,
    method TEXT NOT NULL,
    measured_at TEXT NOT NULL,
    PRIMARY KEY (id),
    CHECK (method IN ('filter', 'pages', 'sample'))
)
"""

# A count by pages that is under way, as far as it has come: `tallies` are numbers, as JSON, and no
# value of anybody. Since version 8.
COUNTINGS = """
CREATE TABLE countings (
    tenant TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    next_start INTEGER NOT NULL,
    tallies TEXT NOT NULL,
    started_at TEXT NOT NULL,
    PRIMARY KEY (tenant, resource_type)
)
"""

# Attributes of the test user that a canary is being written to; since version 8.
CANARIES = """
CREATE TABLE canaries (
    tenant TEXT NOT NULL,
    schema_id TEXT NOT NULL,
    attribute TEXT NOT NULL,
    started_at TEXT NOT NULL,
    PRIMARY KEY (tenant, schema_id, attribute)
)
"""

# Schemas that were verified, whole, by their fingerprint; since version 10.
SCHEMAS = """
CREATE TABLE schemas (
    digest TEXT NOT NULL,
    manages TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (digest, manages, resource_type),
    CHECK (manages IN ('schema', 'attributes'))
)
"""

# When each tenant with a cadence was last read, and by which command; since version 10.
READINGS = """
CREATE TABLE readings (
    tenant TEXT NOT NULL,
    command TEXT NOT NULL,
    read_at TEXT NOT NULL,
    PRIMARY KEY (tenant, command),
    CHECK (command IN ('plan', 'apply'))
)
"""

# What says that a schema is as desired: a skip says its reason, the others that they succeeded.
AS_DESIRED = (
    "(event IN ('SCHEMA_EXTENSION_CREATED', 'SCHEMA_EXTENSION_UPDATED', 'SCHEMA_EXTENSION_ADOPTED')"
    " AND status IN ('SUCCESS', 'RECOVERED')"
    " OR event = 'SCHEMA_EXTENSION_SKIPPED' AND detail = 'in-sync')"
)
# What says that it is not: what was not looked at, because it was excluded, says nothing.
NOT_AS_DESIRED = (
    "(event IN ('SCHEMA_EXTENSION_CREATED', 'SCHEMA_EXTENSION_UPDATED', 'SCHEMA_EXTENSION_ADOPTED')"
    " AND status NOT IN ('SUCCESS', 'RECOVERED') OR event = 'SCHEMA_EXTENSION_BLOCKED'"
    " OR event = 'SCHEMA_EXTENSION_SKIPPED' AND detail = 'drifted')"
)

# What was recorded of the names of tenants.
OF_NAMES = "event IN ('TENANT_RENAMED', 'TENANT_DROPPED')"

# For each query of a table that grows; a test reads the planner's answer.
INDEXES_OF_4 = (
    f"CREATE INDEX audit_as_desired ON audit (tenant, schema_id, seq) WHERE {AS_DESIRED}",
    "CREATE INDEX audit_verified ON audit (tenant, seq) WHERE after_digest IS NOT NULL",
    "CREATE INDEX intents_open ON intents (tenant, id) WHERE state = 'open'",
    "CREATE INDEX intents_of_schema ON intents (tenant, schema_id, id)",
    "CREATE INDEX outbox_by_state ON outbox (state)",
    "CREATE INDEX outbox_sequence ON outbox (tenant, sequence)",
    "CREATE INDEX outbox_ready ON outbox (tenant, url, sequence) WHERE state = 'ready'",
    "CREATE INDEX outbox_event ON outbox (event_id)",
    "CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL",
)
INDEXES_OF_5 = (
    "CREATE INDEX intents_creating ON intents (tenant, schema_id, id) WHERE \"before\" = 'absent'",
    "CREATE INDEX outbox_of_schema ON outbox (tenant, schema_id, sequence) "
    "WHERE event_id IS NOT NULL",
    "CREATE INDEX outbox_waiting ON outbox (tenant, id) WHERE waits_for IS NOT NULL",
)
INDEXES_OF_8 = (
    "CREATE INDEX audit_canary ON audit (tenant, seq) WHERE canary IS NOT NULL",
    "CREATE INDEX audit_searched ON audit (tenant, seq) WHERE searchable IS NOT NULL",
    "CREATE INDEX samples_newest ON samples (tenant, resource_type, schema_id, attribute, id)",
    "CREATE INDEX samples_held ON samples (tenant, resource_type, schema_id, attribute, id) "
    "WHERE holders > 0",
    f"CREATE INDEX audit_not_as_desired ON audit (tenant, schema_id, seq) WHERE {NOT_AS_DESIRED}",
    "CREATE INDEX audit_timed ON audit (event, seq) WHERE latency_ms IS NOT NULL",
    "CREATE INDEX audit_run_completed ON audit (status, seq) WHERE event = 'RUN_COMPLETED'",
)
INDEXES_OF_10 = (f"CREATE INDEX audit_names ON audit (seq) WHERE {OF_NAMES}",)

ALL = (
    META,
    AUDIT,
    INTENTS,
    OUTBOX,
    HOLDERS,
    SAMPLES,
    COUNTINGS,
    CANARIES,
    SCHEMAS,
    READINGS,
    *INDEXES_OF_4,
    *INDEXES_OF_5,
    *INDEXES_OF_8,
    *INDEXES_OF_10,
)
# Their names, by what they are called in SQL.
NAMES = {
    kind: frozenset(name for _, what, name, *_ in map(str.split, ALL) if what == kind.upper())
    for kind in ("table", "index")
}
_TABLES = {text.split()[2]: text for text in ALL if text.lstrip().startswith("CREATE TABLE")}
_COLUMN = re.compile(r'^    "?(\w+)"? (?:TEXT|INTEGER|\{\w+\})', re.MULTILINE)
# The columns of each table and those of its key; a table comes after those that it refers to.
COLUMNS = {name: tuple(_COLUMN.findall(text)) for name, text in _TABLES.items()}
KEYS = {
    name: tuple(re.findall(r"\w+", text.partition("PRIMARY KEY (")[2].partition(")")[0]))
    for name, text in _TABLES.items()
}
# What a run may have to do with each table, in SQL; a reader needs SELECT alone.
RIGHTS = {
    "meta": "SELECT",
    "audit": "SELECT, INSERT",
    "intents": "SELECT, INSERT, UPDATE",
    "outbox": "SELECT, INSERT, UPDATE",
    "holders": "SELECT, INSERT, DELETE",
    "samples": "SELECT, INSERT",
    "countings": "SELECT, INSERT, DELETE",
    "canaries": "SELECT, INSERT, DELETE",
    "schemas": "SELECT, INSERT",
    "readings": "SELECT, INSERT, UPDATE",
}
# The sequences that number rows on a server, by their tables.
SEQUENCES = {name: f"{name}_id_seq" for name in ("intents", "outbox", "samples")}
