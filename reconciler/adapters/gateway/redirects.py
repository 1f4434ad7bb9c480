"""The address that a redirect leads to, and what a manifest would have to say to go there."""

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from reconciler.domain.http_reply import Answer
from reconciler.domain.loopback import is_loopback_host


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect of a request below a base URL.

    `base_url` is the one by which that request would go there at once, None where none does, but
    for a slash at the end of the path.
    """

    address: str  # without query
    base_url: str | None
    other_slash: bool  # it ends with one and ours does not, or the reverse
    same_origin: bool
    same_path: bool  # but for that slash
    same_host: bool  # by another port or scheme, too
    safe: bool  # TLS, or loopback

    @property
    def by_slash(self) -> bool:
        """True where the slash is what is amiss: behind a proxy a service may not know its name."""
        at_home = self.same_host or not self.safe
        return self.same_path and self.other_slash and at_home

    @classmethod
    def of(cls, answer: Answer, base_url: str, path: str) -> "Redirect | None":
        """The redirect that an answer is; None where its Location is no address."""
        base, location = urlsplit(base_url), answer.headers.get("location", "").strip()
        try:
            there = urlsplit(urljoin(urljoin(base_url, path), location))
            origin = _origin(there)
        except ValueError:
            return None
        if (
            not location
            or there.scheme not in ("http", "https")
            or not there.hostname
            or "@" in there.netloc
        ):
            return None
        ending = unquote(path.removeprefix(base.path.rstrip("/"))).rstrip("/")
        found = unquote(there.path)
        fits = bool(ending) and found.rstrip("/").endswith(ending)
        same_origin = origin == _origin(base)
        root = f"{there.scheme}://{there.netloc}"
        return cls(
            address=root + there.path,
            base_url=root + found.rstrip("/").removesuffix(ending) if fits else None,
            other_slash=found.endswith("/") is not path.endswith("/"),
            same_origin=same_origin,
            same_path=found.rstrip("/") == unquote(path).rstrip("/"),
            same_host=there.hostname == base.hostname,
            safe=there.scheme == "https" or is_loopback_host(there.hostname),
        )


def _origin(url: SplitResult) -> tuple[str, str | None, int]:
    return url.scheme, url.hostname, url.port or {"https": 443}.get(url.scheme, 80)
