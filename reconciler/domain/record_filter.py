"""RecordFilter: the records of the trail that somebody asks for."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reconciler.domain.documents import AuditDocument
from reconciler.domain.records import Event, Status
from reconciler.domain.scim import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFilter:
    """What a record has to have; an empty member lets every record pass.

    `tenants`, `schemas` and `actors` are globs, those of `schemas` over a URN, the name of its
    manifest or tenant/name, without regard to case. `since` (inclusive) and `until` (exclusive) are
    UTC, RFC 3339 with milliseconds, as records have them. `commit` and `run` are the beginnings of
    what the record has.
    """

    tenants: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    statuses: tuple[Status, ...] = ()
    since: str | None = None
    until: str | None = None
    commit: str = ""
    run: str = ""

    def takes(self, record: AuditDocument) -> bool:
        """Test whether the record is asked for; an edited trail may hold any kind of value."""
        at = str(record["timestamp"])
        return (
            _fits((record["tenant"],), self.tenants)
            and _fits(_names(record), map(fold, self.schemas))
            and _fits((record["actor"],), self.actors)
            and (not self.events or record["event"] in self.events)
            and (not self.statuses or record["status"] in self.statuses)
            and (self.since is None or self.since <= at)
            and (self.until is None or at < self.until)
            and str(record["commit"] or "").startswith(self.commit)
            and str(record["run_id"]).startswith(self.run)
        )


def _names(record: AuditDocument) -> tuple[str, ...]:
    """What the extension of a record can be called, as `--target` takes it."""
    change = str(record["change"] or "")
    names = (str(record["schema_id"] or ""), change, change.partition("/")[2])
    return tuple(map(fold, names))


def _fits(names: Iterable[str | None], globs: Iterable[str]) -> bool:
    wanted, known = tuple(globs), tuple(str(name or "") for name in names)
    return not wanted or any(fnmatchcase(name, glob) for name in known for glob in wanted)
