"""URLs of the store: which may be given, which file or server they name, how they are shown."""

import os
from ipaddress import ip_address
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from reconciler.errors import UsageError

SUPPORTED = "what is supported is sqlite:///PATH and postgresql+psycopg://[USER@]HOST[:PORT]/NAME"

# What libpq may be told in a URL. None of these carries a password.
PARAMETERS = frozenset(
    {
        "application_name",
        "channel_binding",
        "connect_timeout",
        "gssencmode",
        "host",
        "options",
        "passfile",
        "port",
        "service",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
    }
)


def address_of(url: str) -> Path | URL:
    """The file that a store URL names, relative to the working directory, or the server's URL.

    A link to a file stands for that file.
    Raises UsageError for any other URL, without repeating it: it may hold a password.
    """
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        raise UsageError(f"--state (RECONCILER_STATE) is no database URL: {SUPPORTED}") from error
    if parts.password is not None or "password" in parts.query:
        raise UsageError(
            "--state (RECONCILER_STATE) holds a password: take it out of the URL; "
            "PGPASSFILE, PGPASSWORD or a service file can carry it"
        )
    match parts.drivername:
        case "sqlite":
            return _file(parts)
        case "postgresql+psycopg":
            return _server(parts)
        case other:
            raise UsageError(f"--state (RECONCILER_STATE) cannot be {other}: {SUPPORTED}")


def folder_of(url: str) -> Path | None:
    """The folder in which the file of a store lies; None for a store on a server."""
    address = address_of(url)
    return address.parent if isinstance(address, Path) else None


def shown(server: URL) -> str:
    """A server's URL for messages: where it is, and not as whom or how it is asked."""
    service = server.query.get("service")
    query = {"service": service} if isinstance(service, str) else {}
    return URL.create(
        server.drivername,
        host=server.host,
        port=server.port,
        database=server.database,
        query=query,
    ).render_as_string()


def _file(parts: URL) -> Path:
    path = parts.database or ""
    bare = not (parts.username or parts.host or parts.port or parts.query)
    if not bare or path in ("", ":memory:") or "\0" in path:
        raise UsageError(
            "--state (RECONCILER_STATE) has to name a file, with nothing else in the URL: "
            "sqlite:///.reconciler/state.db, or sqlite:////var/lib/reconciler/state.db"
        )
    return _itself(Path(path))


def _itself(file: Path) -> Path:
    """Where a link leads: the log that SQLite keeps, and our locks, lie beside the file itself."""
    try:
        linked = file.is_symlink()
    except OSError:  # whoever opens it says what is wrong with it
        return file
    return Path(os.path.realpath(file)) if linked else file


def _server(parts: URL) -> URL:
    unknown = sorted(set(parts.query) - PARAMETERS)
    repeated = sorted(name for name, value in parts.query.items() if not isinstance(value, str))
    if unknown or repeated:
        raise UsageError(
            "--state (RECONCILER_STATE) may say after the «?», once each, only "
            f"{', '.join(sorted(PARAMETERS))}"
        )
    if (parts.host and "host" in parts.query) or (parts.port and "port" in parts.query):
        raise UsageError(
            "--state (RECONCILER_STATE) names its host or its port twice, before and after "
            "the «?»: leave one out"
        )
    if not (parts.database or "service" in parts.query):
        raise UsageError(f"--state (RECONCILER_STATE) names no database: {SUPPORTED}")
    if not ({"sslmode", "service"} & set(parts.query) or _is_here(parts)):
        raise UsageError(
            "--state (RECONCILER_STATE) names another machine and does not say how the way there "
            "is protected: add ?sslmode=verify-full, with sslrootcert=FILE where its authority is "
            "your own, or ?sslmode=disable for a network that nobody else is on"
        )
    if not (_host(parts) or {"sslmode", "service"} & set(parts.query)):
        # PGHOST may name any machine; the way to a socket, which is the default, has no TLS.
        return parts.update_query_dict({"sslmode": "verify-full"})
    return parts


def _host(parts: URL) -> str:
    return parts.host or str(parts.query.get("host", ""))


def _is_here(parts: URL) -> bool:
    """Whether the server is on this machine: loopback, or a socket in a folder.

    Of several hosts, which libpq tries in turn, all have to be.
    """
    return all(_is_local(host) for host in _host(parts).split(","))


def _is_local(host: str) -> bool:
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
