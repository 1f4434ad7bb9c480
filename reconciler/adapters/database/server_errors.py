"""The errors of PostgreSQL and its driver, in our words: what happened, and what would help."""


def reason(state: str | None, text: str, *, lost: bool) -> str:
    """The message for an error, by the server's code of it, if it is the server's, and its text.

    Without the driver's own text on how to connect, which may repeat what the URL or the
    environment says.
    """
    if state is None:  # the server has not said it
        return _LOST if lost else unreachable(text)
    if (message := _REASONS.get(state) or _REASONS.get(state[:2])) is not None:
        return message
    return f"answers with an error: {text}"


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
        "believe with sslrootcert=FILE in --state, or sslrootcert=system for those of this machine",
    ),
    ("private key file", "cannot be asked: the file that sslkey names is not there or not private"),
    ("not permitted to log in", "does not let this user log in: grant it LOGIN"),
    ("not currently accepting", "takes no connections: see ALLOW_CONNECTIONS of the database"),
    ("does not exist", "has no such database or user: create it, or name another with --state"),
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
    "Run again when it is back: the next run looks"
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
    "42501": "does not allow this to its user: grant it the rights of the schema's owner",
    "53100": "cannot grow, the server's disk is full: free some space and run again",
    "53200": "has no room for so many locks: raise its max_locks_per_transaction",
    "53300": "has no connection left: end some, or raise its max_connections",
    "58": "cannot be read or written, the server's disk gives an error: check that disk",
    "XX": "is damaged, as its server says: restore it from a backup",
}
