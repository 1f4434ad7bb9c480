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

    `tenants`, `schemas` and `actors` are globs, URNs without regard to case. `since` (inclusive)
    and `until` (exclusive) are UTC, RFC 3339 with milliseconds, as records have them. `commit` and
    `run` are the beginnings of what the record has.
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
            _fits(record["tenant"], self.tenants)
            and _fits(fold(str(record["schema_id"] or "")), map(fold, self.schemas))
            and _fits(record["actor"], self.actors)
            and (not self.events or record["event"] in self.events)
            and (not self.statuses or record["status"] in self.statuses)
            and (self.since is None or self.since <= at)
            and (self.until is None or at < self.until)
            and str(record["commit"] or "").startswith(self.commit)
            and str(record["run_id"]).startswith(self.run)
        )


def _fits(text: str | None, globs: Iterable[str]) -> bool:
    wanted = tuple(globs)
    return not wanted or any(fnmatchcase(str(text or ""), glob) for glob in wanted)
