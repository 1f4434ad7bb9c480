"""The errors of PostgreSQL and its driver, in our words: what happened, and what would help."""

import re
from dataclasses import dataclass

from reconciler.adapters.database.tables import RIGHTS, SEQUENCES


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerError:
    """An error of a statement: the server's code, its text, and what it names; None for nothing."""

    code: str | None
    text: str
    constraint: str | None
    column: str | None


def reason(error: ServerError, *, lost: bool) -> str:
    """The message for an error, by the server's code of it, if it is the server's, and its text.

    Without the driver's own text on how to connect, which may repeat what the URL or the
    environment says.
    """
    if error.code is None:  # the server has not said it
        return _LOST if lost else unreachable(error.text)
    if error.code == "42501":
        return _not_permitted(error.text)
    if error.code in ("23505", "23502") and (error.column == "id" or _numbered(error.constraint)):
        return _UNNUMBERED
    if error.code == "08P01":
        pooled = (message for needle, message in _POOLER if needle in error.text.replace(" ", "_"))
        return next(pooled, _LOST)
    if (message := _REASONS.get(error.code) or _REASONS.get(error.code[:2])) is not None:
        return message.format(text=error.text)
    return f"answers with an error: {error.text}"


def _numbered(constraint: str | None) -> bool:
    return constraint in {f"{table}_pkey" for table in SEQUENCES}


def _not_permitted(text: str) -> str:
    """By the names in it, for it may be in any language; what it does not name is ours to guess."""
    names = set(re.findall(r"\w+", text))
    for table, rights in RIGHTS.items():
        if table in names:
            return (
                f"does not allow this to its user: {text}; GRANT {rights} ON {table} to it, and "
                "let the owner of the tables make them, bring them forward or move them"
            )
        if SEQUENCES.get(table) in names:
            sequence = SEQUENCES[table]
            return (
                f"does not allow this to its user: {text}; GRANT USAGE ON SEQUENCE {sequence} to it"
            )
    return (
        f"does not allow this to its user: {text}; grant it the rights that docs/state.md names, "
        "or those of the schema's owner where tables are to be made or brought forward"
    )


def unreachable(text: str) -> str:
    """Why there is no connection, after what the driver says of it."""
    found = (message for needle, message in _FAILURES if needle in text)
    return next(found, "cannot be reached: no connection to the server could be made or kept")


_FAILURES = (
    (
        "no password supplied",
        "asks for a password: give it with PGPASSFILE, PGPASSWORD or a service file",
    ),
    (
        "password authentication failed",
        "does not accept the user or the password: see PGPASSFILE, PGPASSWORD or the service file",
    ),
    (
        "no encryption",
        "does not let this user in from here without TLS: ask for it with sslmode in --state, "
        "or see the server's pg_hba.conf",
    ),
    ("pg_hba.conf", "does not let this user in from here: see the server's pg_hba.conf"),
    (
        "root certificate file",
        "shows a certificate that nobody here can judge: name the file of the authorities to "
        "believe with sslrootcert=FILE in --state, one that is there, or sslrootcert=system for "
        "those of this machine",
    ),
    ("private key file", "cannot be asked: the file that sslkey names is not there or not private"),
    ("not permitted to log in", "does not let this user log in: grant it LOGIN"),
    ("not currently accepting", "takes no connections: see ALLOW_CONNECTIONS of the database"),
    ("does not exist", "has no such database or user: create it, or name another with --state"),
    (
        "unsupported startup parameter",
        "is behind a connection pooler that takes no `options`: leave them out of --state, and let "
        "the database set the search_path for its user (ALTER ROLE … SET search_path = …)",
    ),
    (
        "no more connections allowed",
        "has no connection left at its pooler: end some, or raise max_client_conn there",
    ),
    ("query_wait_timeout", "gets no connection from its pooler: see the pooler's log"),
    ("cannot connect to server", "is not there for its pooler: see the pooler's log"),
    ("too many clients", "has no connection left: end some, or raise its max_connections"),
    ("too many connections for", "has no connection left: end some, or raise its limit"),
    ("remaining connection slots", "has no connection left: end some, or raise max_connections"),
    (
        "does not support SSL",
        "speaks no TLS, and sslmode asks for it: set it up, or see sslmode in --state",
    ),
    ("certificate", "shows a certificate that is not accepted: see sslrootcert in --state"),
    ("definition of service", "is named by a service that no file defines: see PGSERVICEFILE"),
    ("failed to resolve host", "cannot be reached: no such host is known, look at --state"),
    ("could not translate host", "cannot be reached: no such host is known, look at --state"),
    (
        "Connection refused",
        "cannot be reached: nobody listens on that host and port; start the server, "
        "or name another with --state",
    ),
    (
        "No such file or directory",
        "cannot be reached: there is no such socket or file, look at --state",
    ),
    ("bad value", 'is named by a URL that the driver cannot use: look at what follows the "?"'),
    ("timeout", "cannot be reached: it did not answer in time; run again, or see what is between"),
    ("starting up", "is starting: run again in a moment"),
    ("shutting down", "is shutting down: run again when it is back"),
    ("NUL", "cannot hold a text with a NUL character"),
    ("invalid", 'is named by a URL that the driver cannot use: look at what follows the "?"'),
)
_LOST = (
    "was lost: the connection to its server ended; whether this step was recorded is not known. "
    "Run again when it is back: the next run looks. Where this comes back, the log of the server, "
    "or of a connection pooler in between, says why"
)
_ENDED = (
    "was lost: {text}; whether this step was recorded is not known. Run again: the next run looks"
)
_UNNUMBERED = (
    "has a table whose next number is taken or not there, as in a copy whose sequences were not "
    "set: `reconciler state check` names them, and the statements that set them; nothing of this "
    "step was recorded"
)
# What PgBouncer says, whose texts are in English and which has one code for all of it.
_POOLER = (
    (
        "transaction_blocks_not_allowed",
        "is behind a connection pooler in statement mode, which keeps no transaction together: "
        "let it pool by transaction or by session (pool_mode), or connect to the server itself",
    ),
    (
        "query_wait_timeout",
        "gets no connection from its pooler: all are in use. Each run keeps one and needs a "
        "second from time to time: raise default_pool_size there, or connect to the server itself",
    ),
    (
        "idle_transaction_timeout",
        _ENDED.format(text="its pooler ends transactions that wait")
        + ". A run keeps one as long as it holds a lock: raise idle_transaction_timeout there",
    ),
    (
        "query_timeout",
        _ENDED.format(text="its pooler ends statements that take long")
        + ". Raise query_timeout there",
    ),
    (
        "client_idle_timeout",
        _ENDED.format(text="its pooler ends connections that wait")
        + ". Raise client_idle_timeout there",
    ),
)
_REASONS = {
    "08": _LOST,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": "is starting or shutting down: run again in a moment",
    "57P05": _LOST,
    "55P03": (
        "is locked: another process is writing to it and did not end in time; "
        "wait for that process, or stop it"
    ),
    "25006": "is read-only: name the primary server with --state, not a replica",
    "25P03": _ENDED + ". Raise idle_in_transaction_session_timeout for its user",
    "25P04": _ENDED + ". Raise transaction_timeout for its user",
    "57014": (
        "ended a statement: {text}. Give its user more time (ALTER ROLE … SET statement_timeout "
        "= '60s'), or ask who ended it; nothing of this step was recorded"
    ),
    "42P01": "is not whole: {text}; restore it from a backup, or name another with --state",
    "42703": "is not whole: {text}; restore it from a backup, or name another with --state",
    "53100": "cannot grow, the server's disk is full: free some space and run again",
    "53200": "has no room for so many locks: raise its max_locks_per_transaction",
    "53300": "has no connection left: end some, or raise its max_connections",
    "58": "cannot be read or written, the server's disk gives an error: check that disk",
    "XX": "is damaged, as its server says: restore it from a backup",
}
