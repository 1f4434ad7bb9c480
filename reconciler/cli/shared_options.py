"""Groups of options that several commands have, and their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.cli.options import (
    Heading,
    flag,
    format_choice,
    group,
    many,
    number,
    optional_text,
)

RETRY_DEADLINE = 120  # seconds, in which one change is tried
METRICS = "write numbers as OpenMetrics, for Prometheus' textfile collector"  # --metrics
SEARCHABLE_TIMEOUT = 30  # seconds, in which what is new is asked for after a change


def max_tenants_option() -> int:
    """Declare the limit on the tenants that one run changes."""
    return number(
        "how many tenants one run may change", metavar="N", default=50, heading=Heading.SELECTION
    )


class PlanFormat(StrEnum):
    """The forms of a plan on standard output."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


class TextOrJson(StrEnum):
    """The forms of what is for people and for programs alike."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PartOptions:
    """The extensions that a run is about, and which and how many tenants at once."""

    target: tuple[str, ...] = many(
        "only these extensions, by manifest name, tenant/name or URN; repeatable",
        metavar="GLOB",
        heading=Heading.SELECTION,
        key="selection.target",
    )
    exclude: tuple[str, ...] = many(
        "leave these extensions out; repeatable",
        metavar="GLOB",
        heading=Heading.SELECTION,
        key="selection.exclude",
    )
    shard: str | None = optional_text(
        "only the tenants of one of N parts, by their names; job/N takes I from "
        "JOB_COMPLETION_INDEX, counted from 0",
        metavar="I/N",
        heading=Heading.SELECTION,
    )
    parallelism: int = number(
        "tenants or webhooks at once; inside a tenant there is one writer",
        metavar="N",
        default=16,
        heading=Heading.SELECTION,
        key="parallelism",
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FleetOptions(PartOptions):
    """The part of the fleet that a run is about, how much of it at once, and how much at most."""

    tenant: tuple[str, ...] = many(
        "only these tenants; repeatable",
        metavar="GLOB",
        heading=Heading.SELECTION,
        key="selection.tenant",
    )
    due: bool = flag(
        "only tenants that are due, by their spec.every and when the store says they were read",
        heading=Heading.SELECTION,
    )
    dask: str | None = optional_text(
        "work on the tenants on the workers of a Dask cluster, by its scheduler: tls://HOST:PORT, "
        "or tcp:// on this machine; as many at once as the workers have threads",
        metavar="ADDRESS",
        heading=Heading.SELECTION,
    )
    max_tenants: int = max_tenants_option()
    waves: str | None = optional_text(
        "how many of the changed tenants are written once each wave is over, as numbers or shares: "
        "1,10%,100%; the next wave begins when all of it is verified",
        metavar="SIZES",
        heading=Heading.SELECTION,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FileOptions:
    """The limits on the files that are read from the folder of manifests."""

    max_file_kib: int = number(
        "how large a manifest file may be", metavar="KIB", default=256, heading=Heading.LIMITS
    )
    max_total_mib: int = number(
        "how large all of them may be together", metavar="MIB", default=64, heading=Heading.LIMITS
    )
    max_documents: int = number(
        "how many documents they may hold", metavar="N", default=20_000, heading=Heading.LIMITS
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ReadingOptions(FileOptions):
    """The limits on what is read from the folder of manifests, and on each schema."""

    max_attributes: int = number(
        "how many attributes a schema may have, sub-attributes too, in a manifest or live",
        metavar="N",
        default=10_000,
        heading=Heading.LIMITS,
    )
    allow_empty: bool = flag("a folder without manifests is meant", heading=Heading.READING)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RequestOptions:
    """The deadline of one request."""

    request_deadline: int = number(
        "how long one request may take in all",
        metavar="SECONDS",
        default=30,
        heading=Heading.READING,
        key="deadlines.request",
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DeadlineOptions(RequestOptions):
    """The deadlines of one request, and of the reading of one tenant; how much of it is read."""

    read_deadline: int = number(
        "how long reading one tenant may take in all, its token and retries included",
        metavar="SECONDS",
        default=120,
        heading=Heading.READING,
        key="deadlines.read",
    )
    max_page_mib: int = number(
        "how large one answer of a tenant may be", metavar="MIB", default=5, heading=Heading.LIMITS
    )
    max_tenant_mib: int = number(
        "how large the list of a tenant's schemas may be in all",
        metavar="MIB",
        default=64,
        heading=Heading.LIMITS,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CountingOptions:
    """The deadline of a count of users, page by page."""

    count_deadline: int = number(
        "how long counting the users of one tenant may take in all",
        metavar="SECONDS",
        default=600,
        heading=Heading.READING,
        key="deadlines.count",
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SendingOptions(RequestOptions):
    """The sending of webhooks, where that is all that a run does, to whom the manifests name."""

    reading: ReadingOptions = group(ReadingOptions)
    parallelism: int = number(
        "webhooks at once", metavar="N", default=10, heading=Heading.SELECTION, key="parallelism"
    )
    format: TextOrJson = format_choice("text or JSON", default=TextOrJson.TEXT)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PruningOptions:
    """The time for which the store keeps what is over."""

    keep_delivered: int = number(
        "how long a delivered webhook can be listed and sent again",
        metavar="DAYS",
        default=90,
        heading=Heading.WRITING,
    )
