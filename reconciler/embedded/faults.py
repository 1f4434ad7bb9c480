"""Faults: the ways in which the built-in tenant misbehaves on demand, as data."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from reconciler.domain.jsontext import Json
from reconciler.embedded.lag import Lag
from reconciler.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults of the tenant: a counter is for so many requests, a flag until it is taken back.

    Requests are those below the SCIM base path that carry a valid token.
    """

    too_many_requests: int = 0  # answered 429, with Retry-After
    retry_after: int = 1  # seconds
    server_errors: int = 0  # answered 503
    drop_after_commit: int = 0  # writes that are stored, then the connection closes unanswered
    lag_reads: int = 0  # reads by id, and the list until then, that do not show a write
    ignore_posts: bool = False  # a schema is answered 201 and not stored
    drop_attribute: str | None = None  # a schema is stored without the attribute of that name
    ignore_paging: bool = False  # GET /Schemas answers with everything
    forbid: bool = False  # answered 403
    no_create: bool = False  # POST /Schemas answers 405
    html: bool = False  # answered 200 with a web page
    hr_down: bool = False  # the HR receiver answers 503
    token_lifetime: int = 3600  # seconds that a token issued now lives

    @classmethod
    def from_json(cls, document: Json) -> Faults:
        """Read what to_json wrote, or a part of it; raises ValueError with a message."""
        if not isinstance(document, dict):
            raise ValueError("faults are an object")  # noqa: TRY004 — the document, not the call
        defaults = asdict(cls())
        for name, value in document.items():
            if name not in defaults:
                raise ValueError(f"no fault is called {name!r}; there are {', '.join(defaults)}")
            if not _fits(value, defaults[name]):
                raise ValueError(f"{name} does not take {value!r}")
        return cls(**document)

    def to_json(self) -> dict[str, Json]:
        return asdict(self)


def faults_file(folder: Path, name: str) -> Path:
    """The file of the faults that a built-in tenant begins with, where there is one."""
    return folder / f"{name}.faults.json"


def first_faults(file: Path) -> Faults:
    """The faults that the file sets, none without it; raises UsageError where it cannot be read."""
    try:
        return Faults.from_json(json.loads(file.read_bytes()))
    except FileNotFoundError:
        return Faults()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} sets no faults: {error}") from error


def _fits(value: Json, default: Json) -> bool:
    match default:
        case bool():  # before int: in Python True is an int as well
            return isinstance(value, bool)
        case int():
            return isinstance(value, int) and not isinstance(value, bool) and value >= 0
        case _:
            return value is None or isinstance(value, str)


class Counter(StrEnum):
    """The faults that run out."""

    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERRORS = "server_errors"
    DROP_AFTER_COMMIT = "drop_after_commit"


class FaultBox:
    """The faults of a running tenant, which count down as requests use them up.

    `lag` are the writes that are not shown yet.
    """

    def __init__(self, faults: Faults) -> None:
        self._lock = threading.Lock()
        self._faults = faults
        self.lag = Lag()

    @property
    def current(self) -> Faults:
        return self._faults

    def set(self, faults: Faults) -> None:
        with self._lock:
            self._faults = faults
        self.lag.end()

    def take(self, counter: Counter) -> bool:
        """Count one request down; true where it is one of those that fail so."""
        with self._lock:
            remaining: int = getattr(self._faults, counter)
            if remaining:
                fewer = {**self._faults.to_json(), counter.value: remaining - 1}
                self._faults = Faults.from_json(fewer)
        return remaining > 0
