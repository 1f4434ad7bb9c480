"""The environment: options, trust, the actor and secrets. No other module reads it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import TextIO, assert_never
from urllib.parse import urlsplit

from reconciler.domain.manifest import SecretRef, SecretSource
from reconciler.domain.secret import Secret
from reconciler.errors import SecretUnset, UsageError

_ORIGINS, _HOSTS, _CANARIES = ALLOW_LISTS = (
    "RECONCILER_ALLOWED_ORIGINS",
    "RECONCILER_WEBHOOK_HOSTS",
    "RECONCILER_CANARY_USERS",
)
# What Kubernetes sets in each container for each service; with a value where the name could be ours
_SERVICE = (
    r"\w+_(SERVICE_HOST=.*|SERVICE_PORT(_\w+)?=.*|PORT=(tcp|udp|sctp)://.*|"
    r"PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=.*)"
)
_SECRET_SIZE = 64 * 1024  # bytes; a key of 16,384 bits in PEM takes 13 KiB
_GITHUB = "https://api.github.com"
# OWNER/NAME, neither of them `.` or `..`: the two become segments of a path.
_REPOSITORY = r"(?!\.{1,2}/)[A-Za-z0-9._-]+/(?!\.{1,2}\Z)[A-Za-z0-9._-]+"
# No user name, query or fragment: what stands there would be sent, or shown, beside a token.
_API_URL = (
    r"(https://[A-Za-z0-9.-]+|http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\]))(:[0-9]{1,5})?"
    r"(/[A-Za-z0-9._~/-]*)?"
)
_SERVER = r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?"
_NARROWEST = 40  # cells of a terminal
_USUAL_WIDTH = 80
_NO_ORIGIN = "the URL of {} names no host and port; write https://HOST or https://HOST:PORT"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GitHubAccess:
    """The repository, the address of GitHub's REST API (no slash at its end), and a token."""

    api_url: str
    repository: str
    token: Secret


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Settings:
    """The environment, as one mapping made once, so that a test can give its own.

    `beside` has the allow-lists of the caller who sent what this process works on: both bind.
    """

    environ: Mapping[str, str] = field(repr=False)
    beside: "Settings | None" = None

    @classmethod
    def from_process(cls) -> "Settings":
        """The settings of this process."""
        return cls(dict(os.environ))

    @property
    def allow_lists(self) -> dict[str, str]:
        """The variables that allow something, as far as they are set; none holds a secret."""
        return {name: self.environ[name] for name in ALLOW_LISTS if name in self.environ}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all variables but those that Kubernetes sets for a service."""
        return tuple(name for name in self.environ if not self._of_a_service(name))

    def variable(self, name: str) -> str | None:
        """A variable; set to nothing counts as not set."""
        return self.environ.get(name) or None

    def option(self, name: str) -> str | None:
        """The variable of an option, where it was not set by Kubernetes."""
        return None if self._of_a_service(name) else self.variable(name)

    def _of_a_service(self, name: str) -> bool:
        """Test whether Kubernetes says by it where a service is.

        A service that is called `reconciler` gets RECONCILER_PORT, which is an option as well.
        """
        return bool(re.fullmatch(_SERVICE, f"{name}={self.environ.get(name)}", re.DOTALL))

    def origins_of(self, tenant: str) -> tuple[str, ...] | None:
        """The origins that the credentials of a tenant may go to; None where nothing is set.

        An entry `NAME=ORIGIN` pins: that tenant goes there and nowhere else, and no other does.
        NAME may be a glob. Entries without a name are for the tenants that none pins.
        """
        # Not by `variable`: a list that is set and empty allows nothing. A workflow that passes on
        # a variable which nobody has set must not send credentials anywhere.
        listed = self.environ.get(_ORIGINS)
        return None if listed is None else _pins(listed).of(tenant) or _pins(listed).of_others

    @property
    def webhook_hosts(self) -> tuple[str, ...] | None:
        """The hosts that webhooks may go to; None where nothing is set."""
        listed = self.environ.get(_HOSTS)  # set to nothing, it allows nothing
        own = None if listed is None else tuple(host.lower() for host in _listed(listed))
        callers = None if self.beside is None else self.beside.webhook_hosts
        if own is None or callers is None:
            return callers if own is None else own
        return tuple(host for host in own if host in callers)

    def is_canary_user(self, user_name: str) -> bool:
        """Test whether a user may be written to; where nothing is set, nobody may."""
        listed = (self.environ.get(_CANARIES) or "").split(",")
        own = {each.strip().casefold() for each in listed if each.strip()}
        allowed = user_name.casefold() in own
        return allowed and (self.beside is None or self.beside.is_canary_user(user_name))

    def colour(self, *, terminal: bool) -> bool:
        """Test whether to colour: NO_COLOR decides, then FORCE_COLOR, then the terminal."""
        if self.variable("NO_COLOR"):
            return False
        return bool(self.variable("FORCE_COLOR")) or terminal

    def draws(self, stream: TextIO) -> bool:
        """Test whether a stream is a terminal that knows more than to print."""
        return stream.isatty() and self.variable("TERM") != "dumb"

    def width_of(self, stream: TextIO) -> int | None:
        """The cells of a line of the terminal that a stream is; None for any other stream."""
        if not stream.isatty():
            return None
        return self.width(os.get_terminal_size(stream.fileno()).columns)

    def width(self, terminal: int) -> int:
        """The cells of a line of a terminal that says it has so many: COLUMNS decides."""
        given = self.variable("COLUMNS") or ""
        width = int(given) if re.fullmatch("[0-9]{1,4}", given) else terminal
        return max(width, _NARROWEST) if width else _USUAL_WIDTH

    @property
    def actor(self) -> str:
        """The actor, for the audit: the account of the CI run, or of this machine."""
        if name := self.variable("GITHUB_ACTOR"):
            return f"github:{_printable(name)}"
        import getpass  # a plan has no actor

        try:
            return f"user:{_printable(getpass.getuser())}"
        except (KeyError, OSError):  # a uid without a name, as in a container
            return f"uid:{os.getuid()}"

    @property
    def ci(self) -> bool:
        """True in a job of a CI system, whose disk may go with it."""
        return (self.variable("CI") or "false").lower() not in ("false", "0")

    @property
    def traced(self) -> bool:
        """True where a receiver of traces is named, and nobody has turned them off."""
        names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
        off = (self.variable("OTEL_SDK_DISABLED") or "").lower() == "true"
        off = off or (self.variable("OTEL_TRACES_EXPORTER") or "otlp") != "otlp"
        return any(self.variable(name) for name in names) and not off

    @property
    def in_github_job(self) -> bool:
        """True in a job of GitHub Actions."""
        return self.variable("GITHUB_ACTIONS") == "true"

    def repository_page(self) -> str | None:
        """The page of the repository whose job this is; None where none is named."""
        server = self.variable("GITHUB_SERVER_URL") or ""
        repository = self.variable("GITHUB_REPOSITORY") or ""
        known = re.fullmatch(_SERVER, server) and re.fullmatch(_REPOSITORY, repository)
        return f"{server}/{repository}" if known else None

    def run_page(self) -> str | None:
        """The page of the run of this job; None where it is none."""
        page, run = self.repository_page(), self.variable("GITHUB_RUN_ID") or ""
        return f"{page}/actions/runs/{run}" if page and re.fullmatch("[0-9]+", run) else None

    def github(self) -> GitHubAccess:
        """GitHub's own settings; raises UsageError. No tenant's credential comes from them."""
        repository = self.variable("GITHUB_REPOSITORY") or ""
        if not re.fullmatch(_REPOSITORY, repository):
            raise UsageError(
                "GITHUB_REPOSITORY has to name the repository as OWNER/NAME; a job of GitHub "
                "Actions has it, elsewhere set it"
            )
        url = (self.variable("GITHUB_API_URL") or _GITHUB).rstrip("/")
        if not re.fullmatch(_API_URL, url):
            raise UsageError(
                "GITHUB_API_URL has to be an https URL without user name and query, or http on "
                "this machine's loopback; the token goes nowhere else"
            )
        token = (self.variable("GITHUB_TOKEN") or "").strip()
        if not re.fullmatch(r"[!-~]+", token):
            raise UsageError(
                "GITHUB_TOKEN is not set, or is no token; in a workflow write "
                "`env: {GITHUB_TOKEN: ${{ github.token }}}` at the step"
            )
        return GitHubAccess(api_url=url, repository=repository, token=Secret(token))

    def require_allowed(
        self, url: str, *, what: str, tenant: str = "", whose: str = _ORIGINS
    ) -> None:
        """Raise UsageError where a tenant's credentials may not go to the origin of `url`."""
        allowed, at = self.origins_of(tenant), origin(url, of=what)
        if allowed is not None and at not in allowed:
            pinned = _pins(self.environ[_ORIGINS]).of(tenant)
            raise UsageError(
                f"{what} is at {at}, which {whose} does not list "
                "for it; no credential was sent. If the manifest is right, add "
                f"{f'{tenant}={at}' if pinned else at} there"
            )
        if self.beside is not None:
            whose = f"{_ORIGINS} of the machine that called the workers"
            self.beside.require_allowed(url, what=what, tenant=tenant, whose=whose)

    def secret(self, ref: SecretRef, *, secrets_dir: Path | None) -> Secret:
        """The secret of a reference; raises UsageError naming the reference and its place."""
        match ref.source:
            case SecretSource.FILE:
                return Secret(_from_file(ref, secrets_dir))
            case SecretSource.ENV:
                value = (self.variable(ref.name) or "").strip()
                if not value:
                    raise SecretUnset(
                        f"variable {ref.name} is not set; {ref.place} takes a secret from it. "
                        f"Export {ref.name}, or change the manifest"
                    )
                return Secret(value)
            case _:
                assert_never(ref.source)

    def secret_file(self, ref: SecretRef, *, secrets_dir: Path | None) -> Path:
        """The file of a reference, below --secrets-dir; raises UsageError where it leaves that."""
        return _file_of(ref, secrets_dir)


def origin(url: str, *, of: str) -> str:
    """Scheme, host and port of a URL in one spelling; the scheme's own port is left out.

    Raises UsageError where there is none, and does not repeat the URL: it may hold a password.
    """
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, (parts.hostname or "").lower(), parts.port
    except ValueError as error:  # brackets around what is no address, a port that is no port
        raise UsageError(_NO_ORIGIN.format(of)) from error
    if not host:
        raise UsageError(_NO_ORIGIN.format(of))
    host = f"[{host}]" if ":" in host else host
    own = {"https": 443, "http": 80}.get(scheme)
    return f"{scheme}://{host}" + ("" if port in (None, own) else f":{port}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Pins:
    """The entries of RECONCILER_ALLOWED_ORIGINS."""

    by_name: Mapping[str, tuple[str, ...]]
    by_glob: tuple[tuple[str, str], ...]
    of_others: tuple[str, ...]

    def of(self, tenant: str) -> tuple[str, ...]:
        """The origins that a tenant is pinned to; none where it is not."""
        by_glob = (origin for glob, origin in self.by_glob if fnmatchcase(tenant, glob))
        return (*self.by_name.get(tenant, ()), *by_glob)


@lru_cache(maxsize=2)  # each tenant looks at it, and it may have an entry for each of them
def _pins(listed: str) -> _Pins:
    by_name: dict[str, tuple[str, ...]] = {}
    by_glob, of_others = [], []
    for name, allowed in map(_entry, _listed(listed)):
        if not name:
            of_others.append(allowed)
        elif any(sign in name for sign in "*?["):
            by_glob.append((name, allowed))
        else:
            by_name[name] = (*by_name.get(name, ()), allowed)
    return _Pins(by_name, tuple(by_glob), tuple(of_others))


def _entry(text: str) -> tuple[str, str]:
    """Name and origin of an entry `NAME=ORIGIN` or `ORIGIN`; without a name the first is empty."""
    name, found, url = text.partition("=")
    entry = "an entry of RECONCILER_ALLOWED_ORIGINS"
    if not found or "/" in name:  # a "=" in the path of a URL pins nothing
        return "", origin(text, of=entry)
    return name, origin(url, of=entry)


def _printable(name: str) -> str:
    """The name; bytes that were no UTF-8 are shown as escapes, for the trail is UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def _listed(variable: str) -> list[str]:
    return variable.replace(",", " ").split()


def _file_of(ref: SecretRef, secrets_dir: Path | None) -> Path:
    if secrets_dir is None:
        raise SecretUnset(
            f"{ref.place} takes a secret from file {ref.name}; give --secrets-dir DIR"
        )
    root = os.path.realpath(secrets_dir)
    # Links are followed, as in a Kubernetes Secret mount; resolve() raises where they go round.
    path = Path(os.path.realpath(secrets_dir / ref.name))
    if not path.is_relative_to(root):
        raise UsageError(
            f"{ref.place}: file {ref.name} leaves --secrets-dir {secrets_dir}; keep it below that"
        )
    return path


def _from_file(ref: SecretRef, secrets_dir: Path | None) -> str:
    path = _file_of(ref, secrets_dir)
    try:
        value = _text_of(path) if path.is_file() else None
    except OSError as error:  # also for a folder that is shut to us
        raise UsageError(
            f"{ref.place}: file {ref.name} below {secrets_dir} cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{ref.place}: file {ref.name} below {secrets_dir} is no text in UTF-8; save it as "
            "such, keys and certificates in PEM form"
        ) from error
    if value is None:
        raise SecretUnset(f"{ref.place}: there is no file {ref.name} below {secrets_dir}")
    if len(value.encode()) > _SECRET_SIZE:
        raise UsageError(
            f"{ref.place}: file {ref.name} below {secrets_dir} holds more than "
            f"{_SECRET_SIZE // 1024} KiB, so it is no secret; name the right file"
        )
    if not value.strip():
        raise SecretUnset(f"{ref.place}: file {ref.name} below {secrets_dir} is empty")
    return value.strip()


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_SECRET_SIZE + 1).decode("utf-8-sig")  # editors of Windows write a BOM
