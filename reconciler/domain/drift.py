"""Drift: a schema of a tenant that has come apart from desired, by kind, and since when.

None of it decides anything: it is no part of a plan's digest, and a plan is made without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.domain.scim import ABSENT, fold


class DriftKind(StrEnum):
    """The ways in which live and desired come apart."""

    CHANGED = "changed"  # live is not as desired, and no change of the manifest is known
    MISSING = "missing"  # it was verified once, and is gone
    UNMANAGED = "unmanaged"  # only live: no manifest names it
    OUTDATED = "outdated"  # live is as it was verified, and the manifest is another since


@dataclass(frozen=True, slots=True)
class Sighting:
    """The time when the trail last has a schema as desired (UTC, RFC 3339), and its fingerprint."""

    at: str
    fingerprint: str


Sightings = Mapping[tuple[str, str], Sighting]  # by tenant and folded id


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One schema that has drifted; `since` is when the trail last has it as desired, if ever."""

    kind: DriftKind
    schema_id: str
    since: str | None = None


def drift_of(
    schema_id: str, *, live: str, desired: str, seen: Sighting | None, stays: bool
) -> Drift | None:
    """The drift of a managed schema that is not in sync; None where it only is not there yet.

    `live` and `desired` are fingerprints of the managed views, `live` or `absent`. `stays` says
    that nothing is done about it: without a trail that is drift, and an update may just be new.
    """
    # docs/decisions.md, "Drift has four kinds, and `since` is the last verification"
    if live == ABSENT:
        return Drift(kind=DriftKind.MISSING, schema_id=schema_id, since=seen.at) if seen else None
    if seen is not None and seen.fingerprint == desired:
        return Drift(kind=DriftKind.CHANGED, schema_id=schema_id, since=seen.at)
    if seen is not None and seen.fingerprint == live:
        outdated = Drift(kind=DriftKind.OUTDATED, schema_id=schema_id, since=seen.at)
        return outdated if stays else None
    return Drift(kind=DriftKind.CHANGED, schema_id=schema_id) if stays else None


def unmanaged_drift(tenant: str, schema_id: str, sightings: Sightings) -> Drift:
    """The drift of a live schema that no manifest names."""
    seen = sightings.get((tenant, fold(schema_id)))
    since = seen.at if seen else None
    return Drift(kind=DriftKind.UNMANAGED, schema_id=schema_id, since=since)
