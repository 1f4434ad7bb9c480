"""The tables of the store, and the version of their shape.

Only types and rules that SQLite and PostgreSQL share. Moments are text, UTC, RFC 3339 with
milliseconds: they sort as they follow each other, and an export shows them as they are.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

FORMAT_VERSION = 3  # counts up with each change of the tables; see migrations

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("event", Text, nullable=False),
    Column("timestamp", Text, nullable=False),
    Column("status", Text),
    Column("tenant", Text),
    Column("schema_id", Text),
    Column("attributes_count", Integer),
    Column("change", Text),
    Column("run_id", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("commit", Text),
    Column("plan_digest", Text),
    Column("before_digest", Text),
    Column("after_digest", Text),
    Column("latency_ms", Integer),
    Column("webhook_status", Integer),
    Column("detail", Text),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

intents = Table(
    "intents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("change", Text, nullable=False),
    Column("schema_id", Text, nullable=False),
    Column("target_system", Text, nullable=False),
    Column("manages", Text, nullable=False),
    Column("desired", Text, nullable=False),  # the document as written, JSON
    Column("before", Text, nullable=False),
    Column("commit", Text),
    Column("state", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("created_by", ForeignKey(audit.c.seq), nullable=False),
    Column("settled_at", Text),
    Column("settled_by", ForeignKey(audit.c.seq)),
    Column("status", Text),  # how the outcome's record says that it ended
    Column("base_url", Text),  # where the tenant was; since version 3, as the next
    Column("live_before", Text),  # names of attributes, a JSON list; none where nothing was live
    CheckConstraint("manages IN ('schema', 'attributes')"),
    CheckConstraint("state IN ('open', 'settled')"),
    CheckConstraint("(state = 'settled') = (settled_by IS NOT NULL)"),
    Index("intents_of_tenant", "tenant", "state"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("intent_id", ForeignKey(intents.c.id)),  # none for what was adopted without an intent
    Column("tenant", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("schema_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("event_id", Text),
    Column("sequence", Integer),
    Column("body", LargeBinary),
    Column("released_by", ForeignKey(audit.c.seq)),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", Text),
    Column("last_status", Integer),
    Column("last_detail", Text),
    CheckConstraint("state IN ('held', 'ready', 'delivered', 'void', 'given-up')"),
    # What may be sent is whole; what was never verified has no bytes that could be sent.
    CheckConstraint(
        "(state IN ('held', 'void')) = (event_id IS NULL)"
        " AND (event_id IS NULL) = (sequence IS NULL)"
        " AND (event_id IS NULL) = (body IS NULL)"
        " AND (event_id IS NULL) = (released_by IS NULL)"
    ),
    CheckConstraint("(state = 'ready') = (due_at IS NOT NULL)"),
    UniqueConstraint("url", "event_id"),
    Index("outbox_by_state", "state"),
    Index("outbox_sequence", "tenant", "sequence"),
)

holders = Table(
    "holders",  # who holds which tenant, where a server keeps the locks; since version 2
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("process", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("since", Text, nullable=False),
)
