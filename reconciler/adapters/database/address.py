"""URLs of the store: which may be given, which file or server they name, how they are shown."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlencode

from reconciler.domain.loopback import is_loopback_host
from reconciler.errors import UsageError

_PATH = re.compile(r"[\w./-]+\.(db|sqlite3?)")
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

_FILES = frozenset({"passfile", "sslcert", "sslcrl", "sslkey", "sslrootcert"})
_RELATIVE = re.compile(r"(?!/|:memory:|\Z)")

_URL = re.compile(
    r"""
    (?P<driver>[\w\+]+)://
    (?:(?P<user>[^:/]*)(?::(?P<password>[^@]*))?@)?
    (?:(?:\[(?P<ipv6>[^/\?]+)\]|(?P<host>[^/:\?]+))?(?::(?P<port>[^/\?]*))?)?
    (?:/(?P<database>[^\?]*))?
    (?:\?(?P<query>.*))?
    """,
    re.VERBOSE | re.DOTALL,
)


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


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
    # docs/decisions.md, "A state URL is read in one way, and whole"
    found = _URL.fullmatch(url)
    if found is None:
        # A path alone holds no password, so it can be repeated.
        written = f"; for that file write sqlite:///{url}" if _PATH.fullmatch(url) else ""
        raise UsageError(f"--state (RECONCILER_STATE) is no database URL: {SUPPORTED}{written}")
    names = {pair.partition("=")[0].lower() for pair in (found["query"] or "").split("&")}
    if found["password"] is not None or "password" in names:
        raise UsageError(
            "--state (RECONCILER_STATE) holds a password: take it out of the URL; "
            "PGPASSFILE, PGPASSWORD or a service file can carry it"
        )
    if _CONTROL.search(url):
        raise UsageError(
            "--state (RECONCILER_STATE) holds a line end or another control character: take it out"
        )
    match found["driver"]:
        case "sqlite":
            return _file(found)
        case "postgresql+psycopg":
            return _server(_parts(found))
        case other:
            raise UsageError(f"--state (RECONCILER_STATE) cannot be {other}: {SUPPORTED}")


def _parts(found: re.Match[str]) -> Address:
    """The parts of a server's URL; raises UsageError for one that would be dropped or guessed."""
    host, port = found["host"] or found["ipv6"], found["port"]
    if port is not None and not (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 2**16):
        raise UsageError(f"--state (RECONCILER_STATE) is no database URL: {SUPPORTED}")
    if found["user"] == "" or "%" in (host or ""):
        raise UsageError(
            "--state (RECONCILER_STATE) has no user before its @, or a % in its host: leave the @ "
            'out, and name the folder of a socket after the "?", as in ?host=/run/postgresql'
        )
    pairs = _pairs(found["query"])
    query = dict(pairs)
    return Address(
        driver=found["driver"],
        user=None if found["user"] is None else _decoded(found["user"]),
        host=host,
        port=None if port is None else int(port),
        database=None if found["database"] is None else _decoded(found["database"]),
        query=query,
        repeats=len(query) != len(pairs),
    )


def _pairs(query: str | None) -> list[tuple[str, str]]:
    """The parameters after the "?", each with its value."""
    if query is None:
        return []
    if "+" in query:
        raise UsageError(
            '--state (RECONCILER_STATE) has a + after the "?", which some read as a blank: write '
            "%20 for a blank and %2B for a plus"
        )
    pairs = [pair.partition("=") for pair in query.split("&")]
    if not all(name and value for name, _, value in pairs):
        raise UsageError(
            '--state (RECONCILER_STATE) has to give NAME=VALUE after the "?", or several with & '
            "between them, none of them empty"
        )
    return [(_decoded(name), _decoded(value)) for name, _, value in pairs]


def _decoded(text: str) -> str:
    """The text with its percent signs read, RFC 3986 section 2.1."""
    problem = f"--state (RECONCILER_STATE) holds percent signs that make no text: {SUPPORTED}"
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise UsageError(problem) from error
    if _CONTROL.search(decoded):
        raise UsageError(problem)
    return decoded


def file_of(url: str) -> Path | None:
    """The file of a store; None for a store on a server."""
    address = address_of(url)
    return address if isinstance(address, Path) else None


def begun_in(folder: Path, url: str) -> str:
    """The URL, where each relative path in it begins in a folder; any other URL as it is."""
    found = _URL.fullmatch(url)
    if found is None or folder == Path():
        return url
    if found["driver"] == "sqlite" and _RELATIVE.match(found["database"] or ""):
        at = found.start("database")
        return f"{url[:at]}{quote(str(folder))}/{url[at:]}"
    at = len(url) if found["query"] is None else found.start("query")
    pairs = (pair.partition("=") for pair in url[at:].split("&"))
    begun = (
        f"{name}={quote(str(folder / unquote(value)))}"
        if name in _FILES and value != "system"
        else f"{name}{sign}{value}"
        for name, sign, value in pairs
    )
    return url[:at] + "&".join(begun)


def folder_of(url: str) -> Path | None:
    """The folder in which the file of a store lies; None for a store on a server."""
    file = file_of(url)
    return None if file is None else file.parent


def files_beside(file: Path) -> tuple[Path, ...]:
    """The file of a store, and what SQLite keeps beside it while it is open."""
    return tuple(file.with_name(f"{file.name}{end}") for end in ("", "-wal", "-shm", "-journal"))


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


def _file(found: re.Match[str]) -> Path:
    written = found["database"] or ""
    others = ("user", "host", "ipv6", "port", "query")
    path = _decoded(written)
    alone = all(found[each] is None for each in others)
    if not alone or path in ("", ":memory:") or path.endswith("/"):
        raise UsageError(
            "--state (RECONCILER_STATE) has to name a file, with nothing else in the URL: "
            "sqlite:///.reconciler/state.db, or sqlite:////var/lib/reconciler/state.db; "
            "a question mark of its name is %3F there"
        )
    if path != written and os.path.lexists(written):
        raise UsageError(
            f"--state (RECONCILER_STATE) stands for the file {path!r}, and there is a file "
            f"{written!r} too, for which an earlier release may have taken it: move that one "
            "to where it belongs, or write %25 for each % of its name"
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
