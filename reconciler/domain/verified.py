"""LastVerified: what the trail last had as desired of a tenant, at a time or by a commit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from reconciler.domain.scim import fold


class Look(NamedTuple):
    """A record of one schema of a tenant; `digest` is set where it was as desired.

    `at` is UTC, RFC 3339 with milliseconds.
    """

    seq: int
    schema_id: str
    at: str
    digest: str | None
    commit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastVerified:
    """A schema as it was last verified: when, by which commit, and its fingerprint.

    `otherwise` is when it was looked at after that, and was not as desired; None where it was not.
    """

    schema_id: str
    at: str
    digest: str
    commit: str | None
    otherwise: str | None = None


class UnknownMoment(Exception):
    """Nothing was verified then; the message says what there is."""


def verified_at(looks: Sequence[Look], moment: str) -> tuple[LastVerified, ...]:
    """Each schema as it was last verified until a moment, by URN; raises UnknownMoment."""
    found = _last([look for look in looks if look.at <= moment])
    if not found:
        first = min((look.at for look in looks if look.digest), default=None)
        since = f"the first time was {first}" if first else "nor later"
        raise UnknownMoment(f"nothing of the tenant was verified until {moment}; {since}")
    return found


def verified_by(looks: Sequence[Look], commit: str) -> tuple[LastVerified, ...]:
    """Each schema that runs of a commit looked at, as it was verified last until they ended.

    `commit` may be the beginning of one; raises UnknownMoment for none, and for several.
    """
    known = dict.fromkeys(look.commit for look in reversed(looks) if look.commit)
    commits = [each for each in known if each.startswith(commit.lower())]
    if len(commits) != 1:
        raise UnknownMoment(_no_one_commit(commit, commits or [*known], ambiguous=bool(commits)))
    of_runs = [look for look in looks if look.commit == commits[0]]
    keys = {fold(look.schema_id) for look in of_runs}
    end = of_runs[-1].seq
    until = [look for look in looks if look.seq <= end and fold(look.schema_id) in keys]
    found = _last(until)
    if not found:
        raise UnknownMoment(f"no run of commit {commits[0]} found anything as desired")
    return found


def _no_one_commit(commit: str, commits: Sequence[str], *, ambiguous: bool) -> str:
    shown = ", ".join(commits[:_SHOWN]) + (" …" if len(commits) > _SHOWN else "")
    if ambiguous:
        return f"{commit} is the beginning of several commits: {shown}"
    if not commits:
        return "no run of the tenant was of a commit that git knew; give a time"
    return f"no run of the tenant was of a commit {commit}; the last ones were of {shown}"


_SHOWN = 5


def _last(looks: Iterable[Look]) -> tuple[LastVerified, ...]:
    found: dict[str, LastVerified] = {}
    for look in looks:
        key = fold(look.schema_id)
        if look.digest is not None:
            found[key] = LastVerified(
                schema_id=look.schema_id, at=look.at, digest=look.digest, commit=look.commit
            )
        elif key in found:
            found[key] = replace(found[key], otherwise=look.at)
    return tuple(found[key] for key in sorted(found))
