"""URLs of the store: which may be given, which file or server they name, how they are shown."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

from reconciler.domain.loopback import is_loopback_host
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


_URL = re.compile(
    r"""
    (?P<driver>[\w\+]+)://
    (?:(?P<user>[^:/]*)(?::(?P<password>[^@]*))?@)?
    (?:(?:\[(?P<ipv6>[^/\?]+)\]|(?P<host>[^/:\?]+))?(?::(?P<port>[^/\?]*))?)?
    (?:/(?P<database>[^\?]*))?
    (?:\?(?P<query>.*))?
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The parts of a store's URL, each as it is meant: percent signs are read."""

    driver: str
    user: str | None = None
    host: str | None = None
    port: int | None = None
    database: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    repeats: bool = False  # a parameter of the query, which says two things then

    def parameters(self) -> dict[str, str]:
        """The parameters of libpq."""
        named = {"user": self.user, "host": self.host, "dbname": self.database}
        given = {name: value for name, value in named.items() if value}
        return given | ({"port": str(self.port)} if self.port else {}) | dict(self.query)


def address_of(url: str) -> Path | Address:
    """The file that a store URL names, relative to the working directory, or the server's address.

    A link to a file stands for that file.
    Raises UsageError for any other URL, without repeating it: it may hold a password.
    """
    parts = _parts(url)
    match parts.driver:
        case "sqlite":
            return _file(parts)
        case "postgresql+psycopg":
            return _server(parts)
        case other:
            raise UsageError(f"--state (RECONCILER_STATE) cannot be {other}: {SUPPORTED}")


def _parts(url: str) -> Address:
    found = _URL.match(url)
    port = found["port"] if found else None
    if found is None or not (port is None or (port.isascii() and port.isdigit())):
        raise UsageError(f"--state (RECONCILER_STATE) is no database URL: {SUPPORTED}")
    pairs = parse_qsl(found["query"] or "")
    query = dict(pairs)
    if found["password"] is not None or "password" in query:
        raise UsageError(
            "--state (RECONCILER_STATE) holds a password: take it out of the URL; "
            "PGPASSFILE, PGPASSWORD or a service file can carry it"
        )
    return Address(
        driver=found["driver"],
        user=None if found["user"] is None else unquote(found["user"]),
        host=found["host"] or found["ipv6"],
        port=int(port) if port else None,
        database=None if found["database"] is None else unquote(found["database"]),
        query=query,
        repeats=len(query) != len(pairs),
    )


def folder_of(url: str) -> Path | None:
    """The folder in which the file of a store lies; None for a store on a server."""
    address = address_of(url)
    return address.parent if isinstance(address, Path) else None


def shown(server: Address) -> str:
    """A server's URL for messages: where it is, and not by which user or options."""
    host = server.host or ""
    service = server.query.get("service")
    return "".join(
        (
            f"{server.driver}://",
            f"[{host}]" if ":" in host else host,
            "" if server.port is None else f":{server.port}",
            "" if server.database is None else f"/{quote(server.database, safe=' +/')}",
            f"?{urlencode({'service': service})}" if service else "",
        )
    )


def _file(parts: Address) -> Path:
    path = parts.database or ""
    bare = not (parts.user or parts.host or parts.port or parts.query)
    if not bare or path in ("", ":memory:") or "\0" in path:
        raise UsageError(
            "--state (RECONCILER_STATE) has to name a file, with nothing else in the URL: "
            "sqlite:///.reconciler/state.db, or sqlite:////var/lib/reconciler/state.db"
        )
    return _itself(Path(path))


def _itself(file: Path) -> Path:
    """The file that a link leads to: SQLite's log, and our locks, lie beside the file itself."""
    try:
        linked = file.is_symlink()
    except OSError:  # whoever opens it says what is wrong with it
        return file
    return Path(os.path.realpath(file)) if linked else file


def _server(parts: Address) -> Address:
    if parts.repeats or set(parts.query) - PARAMETERS:
        raise UsageError(
            '--state (RECONCILER_STATE) may say after the "?", once each, only '
            f"{', '.join(sorted(PARAMETERS))}"
        )
    if (parts.host and "host" in parts.query) or (parts.port and "port" in parts.query):
        raise UsageError(
            "--state (RECONCILER_STATE) names its host or its port twice, before and after "
            'the "?": leave one out'
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
        return replace(parts, query={**parts.query, "sslmode": "verify-full"})
    return parts


def _host(parts: Address) -> str:
    return parts.host or parts.query.get("host", "")


def _is_here(parts: Address) -> bool:
    """True where the server is on this machine: loopback, or a socket in a folder.

    Of several hosts, which libpq tries in turn, all have to be.
    """
    return all(_is_local(host) for host in _host(parts).split(","))


def _is_local(host: str) -> bool:
    return host == "" or host.startswith(("/", "@")) or is_loopback_host(host)
