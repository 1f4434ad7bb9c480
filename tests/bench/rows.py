"""The rows of the table, in order, with what they promise: bounds stand here and nowhere else."""

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """What a row measures, and how it is shown."""

    CPU = "CPU"  # seconds of processor time, user and system, of whole processes
    WALL = "wall"  # seconds by the clock
    MEMORY = "MiB"  # the peak of a process


@dataclass(frozen=True, kw_only=True)
class Row:
    """A promise: a missed `must` fails `make bench`, `goal` is the aim.

    Both bound the ratio to the floor or peer, or, `faster`, how many times faster we are; for
    memory they are MiB.
    """

    key: str
    what: str
    beside: str
    unit: Unit
    must: float
    goal: float
    faster: bool = False

    def held(self, value: float, bound: float) -> bool:
        return value >= bound if self.faster else value <= bound


ROWS = (
    Row(
        key="idle",
        what="apply with nothing to do, a tenant of 120",
        beside="a tenant of 30",
        unit=Unit.CPU,
        must=1.15,
        goal=1.05,
    ),
    *(
        Row(
            key=f"tutorial{key}",
            what=f"apply to 100, a create and a webhook each, 50 ms a request{threads}",
            beside="the tutorial's flow",
            unit=Unit.WALL,
            must=5,
            goal=10,
            faster=True,
        )
        for key, threads in (("", ""), ("-32", ", 32 threads"))
    ),
    *(
        Row(
            key=f"plan-{number}",
            what=f"plan of {number:,}, beyond start-up",
            beside="the same requests",
            unit=Unit.CPU,
            must=1.5,
            goal=1.15,
        )
        for number in (10, 100, 1000)
    ),
    Row(
        key="plan-own",
        what="plan of 100, no two documents alike, beyond start-up",
        beside="the same requests",
        unit=Unit.CPU,
        must=1.5,
        goal=1.15,
    ),
    Row(
        key="plan-wall",
        what="plan of 100, 50 ms a request, 16 threads",
        beside="the same requests",
        unit=Unit.WALL,
        must=1.5,
        goal=1.1,
    ),
    Row(
        key="creates",
        what="apply of 10 creates a tenant, 20 tenants",
        beside="GET, POST, GET, two commits",
        unit=Unit.CPU,
        must=2,
        goal=1.25,
    ),
    Row(
        key="distant",
        what="a change, its store on PostgreSQL 5 ms away each way",
        beside="GET, POST, GET, two commits of two round trips",
        unit=Unit.WALL,
        must=1.75,
        goal=1.25,
    ),
    Row(
        key="memory-text",
        what="peak of plan of 1,000, as text",
        beside="the same requests",
        unit=Unit.MEMORY,
        must=120,
        goal=80,
    ),
    Row(
        key="memory-json",
        what="peak of plan of 1,000, as JSON",
        beside="the same requests",
        unit=Unit.MEMORY,
        must=150,
        goal=80,
    ),
    Row(
        key="memory-10000",
        what="peak of plan of 10,000, as text",
        beside="the same requests",
        unit=Unit.MEMORY,
        must=300,
        goal=300,
    ),
    Row(
        key="shards-cpu",
        what="plan of 10,000 in 4 shards, 50 ms a request, and merge",
        beside="in one process",
        unit=Unit.CPU,
        must=1.75,
        goal=1.3,
    ),
    Row(
        key="shards-wall",
        what="plan of 10,000 in 4 shards at once, 50 ms a request, and merge",
        beside="in one process",
        unit=Unit.WALL,
        must=1,
        goal=0.7,
    ),
    Row(
        key="shards-memory",
        what="peak of a shard of a plan of 10,000",
        beside="in one process",
        unit=Unit.MEMORY,
        must=250,
        goal=120,
    ),
    Row(
        key="dask",
        what="a tenant more of a plan, 50 ms a request, by Dask's workers",
        beside="by threads",
        unit=Unit.WALL,
        must=3,
        goal=2,
    ),
    Row(
        key="version",
        what="--version",
        beside="python -c pass",
        unit=Unit.CPU,
        must=4,
        goal=2,
    ),
    Row(key="help", what="--help", beside="python -c pass", unit=Unit.CPU, must=6, goal=4),
    Row(
        key="plan-one",
        what="plan of one tenant",
        beside="python -c pass",
        unit=Unit.CPU,
        must=20,
        goal=12,
    ),
    Row(
        key="octodns-version",
        what="--version",
        beside="octodns-sync --version",
        unit=Unit.CPU,
        must=1,
        goal=0.5,
    ),
    Row(
        key="octodns-help",
        what="--help",
        beside="octodns-sync --help",
        unit=Unit.CPU,
        must=1,
        goal=0.5,
    ),
    Row(
        key="deliver",
        what="webhooks deliver of 200, 50 ms a request",
        beside="10 connections",
        unit=Unit.WALL,
        must=1.5,
        goal=1.1,
    ),
    Row(
        key="audit-list",
        what="audit list of 200,000 records, beyond start-up",
        beside="a raw sqlite3 query",
        unit=Unit.CPU,
        must=3,
        goal=1.5,
    ),
    Row(
        key="attributes-growth",
        what="plan of a change to each of 4,000 attributes, beyond start-up",
        beside="twice what 2,000 cost",
        unit=Unit.CPU,
        must=1.2,
        goal=1.05,
    ),
    Row(
        key="validate",
        what="validate 1,000 manifests",
        beside="check-jsonschema",
        unit=Unit.CPU,
        must=0.5,
        goal=0.2,
    ),
    Row(
        key="validate-fast",
        what="validate 1,000 manifests, with fast",
        beside="check-jsonschema",
        unit=Unit.CPU,
        must=0.1,
        goal=0.1,
    ),
    Row(
        key="validate-growth",
        what="validate, a manifest of 1,000",
        beside="a manifest of 100",
        unit=Unit.CPU,
        must=1.2,
        goal=1.05,
    ),
    Row(
        key="validate-fast-growth",
        what="validate with fast, a manifest of 1,000",
        beside="a manifest of 100",
        unit=Unit.CPU,
        must=1.2,
        goal=1.05,
    ),
    Row(
        key="rows",
        what="validate 10,000 tenants in rows",
        beside="as JSON manifests",
        unit=Unit.CPU,
        must=1,
        goal=0.4,
    ),
    Row(
        key="rows-growth",
        what="validate 10,000 of 20,000 tenants in rows",
        beside="10,000 alone",
        unit=Unit.CPU,
        must=1.2,
        goal=1.05,
    ),
    Row(
        key="rows-memory",
        what="peak of validate of 10,000 tenants in rows",
        beside="as JSON manifests",
        unit=Unit.MEMORY,
        must=120,
        goal=100,
    ),
)
