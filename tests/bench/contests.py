"""The contests behind the rows: who takes turns, and what their costs say."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tests.bench import validate
from tests.bench.measuring import Command, Contest, Costs, Figure
from tests.bench.worlds import PROGRAM, QUERY, World
from tests.support.dask_cluster import dask_cluster
from tests.support.fleet.manifests import ENVIRON
from tests.support.fleet.trail import write_trail

# The peers ask no service whether what is new is searchable.
APPLY = ("apply", "--auto-approve", "--max-tenants", "1000000", "--searchable-timeout", "0")
MS50 = 0.05
MS5 = 0.005
RECORDS = 200_000
PLANNED = (10, 100, 1000)
WIDE = (4000, 2000)  # attributes of a schema

Make = Callable[[World], Contest]


class NotHeld(Exception):
    """A peer is not there; the message says why."""


def beyond(costs: Costs, name: str, number: int) -> float:
    """What `number` tenants cost without start-up: a tenant's share, from `number` and from one."""
    share = (costs[f"{name} {number}"].cpu - costs[f"{name} 1"].cpu) / (number - 1)
    return number * share


def idle(world: World) -> Contest:
    """A tenant's share in an apply that finds everything in sync, in fleets of two sizes."""
    sizes = (1, 30, 120)

    def figures(costs: Costs) -> Mapping[str, Figure]:
        many, few = (beyond(costs, "apply, idle,", n) / n for n in (120, 30))
        return {"idle": Figure(many, few)}

    return Contest({f"apply, idle, {n}": world.fleet(n).ours(*APPLY) for n in sizes}, figures)


def tutorial(world: World) -> Contest:
    """A fleet gets one extension more, and HR hears of each."""
    site = world.fleet(100, extensions=6, webhooks=True)
    [schema] = site.bodies(5).iterdir()
    receiver = f"{world.service.origin}/hr"
    commands = {
        "ours": site.ours(*APPLY, delay=MS50),
        "ours, 32 threads": site.ours(*APPLY, "--parallelism", "32", delay=MS50),
        "tutorial": site.floor("tutorial", "roots", schema, receiver, delay=MS50),
    }

    def figures(costs: Costs) -> Mapping[str, Figure]:
        peer = costs["tutorial"].wall
        return {
            "tutorial": Figure(costs["ours"].wall, peer),
            "tutorial-32": Figure(costs["ours, 32 threads"].wall, peer),
        }

    return Contest(commands, figures)


def plan(number: int, *, own: bool = False) -> Make:
    """A plan of so many tenants that are in sync, beside a token and the listing of each."""

    def make(world: World) -> Contest:
        commands = {}
        for tenants in (1, number):
            site = world.fleet(tenants, own=own)
            commands[f"plan {tenants}"] = site.ours("plan")
            commands[f"reads {tenants}"] = site.floor("reads", "roots", 16)
        rounds = 25 if number == 10 else 11 if own else None  # a small difference of large numbers

        def figures(costs: Costs) -> Mapping[str, Figure]:
            ours, floor = (beyond(costs, name, number) for name in ("plan", "reads"))
            return {"plan-own" if own else f"plan-{number}": Figure(ours, floor)}

        return Contest(commands, figures, rounds)

    return make


def plan_wall(world: World) -> Contest:
    """The clock, where the network is what takes time."""
    site = world.fleet(100)
    commands = {
        "plan 100": site.ours("plan", "--parallelism", "16", delay=MS50),
        "reads 100": site.floor("reads", "roots", 16, delay=MS50),
    }
    return Contest(
        commands,
        lambda costs: {"plan-wall": Figure(costs["plan 100"].wall, costs["reads 100"].wall)},
    )


def creates(world: World) -> Contest:
    """Ten extensions for each of twenty tenants that have none."""
    site = world.fleet(20, extensions=10, live=0)
    commands = {
        "apply": site.ours(*APPLY),
        "changes": site.floor("changes", "roots", 16, site.bodies(*range(10))),
    }
    return Contest(
        commands, lambda costs: {"creates": Figure(costs["apply"].cpu, costs["changes"].cpu)}
    )


def distant(world: World) -> Contest:
    """A change whose store is on a server 5 ms away, each way: ten in a tenant, less one."""
    libpq, state = world.distant_database(MS5)
    commands = {}
    for number in (1, 10):
        site = world.fleet(1, extensions=number, live=0)
        commands[f"apply {number}"] = site.ours(*APPLY, "--state", state)
        commands[f"changes {number}"] = site.floor(
            "distant", "roots", site.bodies(*range(number)), libpq
        )

    def figures(costs: Costs) -> Mapping[str, Figure]:
        one = {
            name: (costs[f"{name} 10"].wall - costs[f"{name} 1"].wall) / 9
            for name in ("apply", "changes")
        }
        return {"distant": Figure(one["apply"], one["changes"])}

    return Contest(commands, figures, 11)


def memory(number: int, *formats: str) -> Make:
    """The peak of a plan of so many."""

    def make(world: World) -> Contest:
        site = world.fleet(number)
        commands = {f"{form} {number}": site.ours("plan", "--format", form) for form in formats}
        commands["reads"] = site.floor("reads", "roots", 16)

        def figures(costs: Costs) -> Mapping[str, Figure]:
            peak = {form: costs[f"{form} {number}"].memory for form in formats}
            return {
                (f"memory-{form}" if number == 1000 else f"memory-{number}"): Figure(
                    peak[form], costs["reads"].memory
                )
                for form in formats
            }

        return Contest(commands, figures, 2 if number == 1000 else 1)

    return make


def start(world: World) -> Contest:
    """What it takes to answer at all, beside an interpreter that does nothing."""
    site = world.fleet(1)
    commands = {
        "pass": Command((sys.executable, "-I", "-c", "pass"), site.path),
        "--version": Command((PROGRAM, "--version"), site.path),
        "--help": Command((PROGRAM, "--help"), site.path),
        "plan of one": site.ours("plan"),
    }

    def figures(costs: Costs) -> Mapping[str, Figure]:
        nothing = costs["pass"].cpu
        return {
            "version": Figure(costs["--version"].cpu, nothing),
            "help": Figure(costs["--help"].cpu, nothing),
            "plan-one": Figure(costs["plan of one"].cpu, nothing),
        }

    return Contest(commands, figures, 11)


def deliver(world: World) -> Contest:
    """Two hundred events that wait, for one receiver."""
    site = world.fleet(20, extensions=10, live=0, webhooks=True)
    site.ours(*APPLY, hr=503).cost()
    waiting = site.path / "waiting"
    site.store.rename(waiting)
    receiver = f"{world.service.origin}/hr"
    commands = {
        "deliver": site.ours("webhooks", "deliver", "--now", delay=MS50, store=waiting),
        "posts": site.floor("posts", waiting / "state.db", 10, receiver, delay=MS50),
    }
    return Contest(
        commands, lambda costs: {"deliver": Figure(costs["deliver"].wall, costs["posts"].wall)}
    )


def audit(world: World) -> Contest:
    """The last twenty records of a long trail, beside those of a short one."""
    long, short = (_trail(world, records) for records in (RECORDS, 20))
    listing = (PROGRAM, "audit", "list")
    raw = (sys.executable, QUERY, ".reconciler/state.db")
    commands = {
        "audit list": Command(listing, long),
        "audit list, 20 records": Command(listing, short),
        "raw query": Command(raw, long),
        "pass": Command((sys.executable, "-I", "-c", "pass"), long),
    }

    def figures(costs: Costs) -> Mapping[str, Figure]:
        ours = costs["audit list"].cpu - costs["audit list, 20 records"].cpu
        floor = costs["raw query"].cpu - costs["pass"].cpu
        return {"audit-list": Figure(max(ours, 0.0), floor)}

    return Contest(commands, figures, 15)


def _trail(world: World, records: int) -> Path:
    """A working directory whose store holds a trail of so many records."""
    site = world.fleet(1)
    site.ours(*APPLY).cost()
    write_trail(site.store / "state.db", records)
    return site.path


def attributes(world: World) -> Contest:
    """An attribute's share in a plan that changes all of a schema, in schemas of two sizes."""
    many, few = WIDE
    words = (PROGRAM, "plan", "--max-file-kib", "4096")
    commands = {
        f"plan, {number} attributes": Command(words, _changed(world, number))
        for number in (1, few, many)
    }

    def figures(costs: Costs) -> Mapping[str, Figure]:
        one, *wide = (cost.cpu for cost in costs.values())
        few_each, many_each = (
            (cpu - one) / (number - 1) for cpu, number in zip(wide, (few, many), strict=True)
        )
        return {"attributes-growth": Figure(many_each * many, few_each * many)}

    return Contest(commands, figures)


def _changed(world: World, number: int) -> Path:
    """A working directory whose built-in tenant has that many attributes, described otherwise."""
    folder = world.folder / f"wide-{number}"
    desired = folder / "desired-state"
    desired.mkdir(parents=True)
    tenant = {"dialect": "rfc7644", "baseUrl": "embedded://local"}
    (desired / "tenant.yaml").write_text(validate.manifest("Tenant", "local", tenant))
    for description in ("What it was for", "What it is for"):
        columns = [
            {"name": f"attribute{index}", "description": f"{description}, number {index}"}
            for index in range(number)
        ]
        schema = {"id": "urn:example:wide", "name": "wide", "attributes": columns}
        text = validate.manifest("SchemaExtension", "wide", {"onDrift": "update", "schema": schema})
        if (desired / "wide.yaml").exists():
            Command((PROGRAM, *APPLY, "--max-file-kib", "4096"), folder).run()
        (desired / "wide.yaml").write_text(text)
    return folder


def validation(world: World) -> Contest:
    """Manifests checked offline, beside check-jsonschema on the same files."""
    many, few = validate.MANY, validate.FEW
    commands = {
        name: Command(tuple(words), world.folder)
        for name, words in validate.contenders(world.folder / "validate").items()
    }

    def figures(costs: Costs) -> Mapping[str, Figure]:
        check, plain, fast, plain_few, fast_few = (cost.cpu for cost in costs.values())
        return {
            "validate": Figure(plain, check),
            "validate-fast": Figure(fast, check),
            "validate-growth": Figure(plain / many, plain_few / few),
            "validate-fast-growth": Figure(fast / many, fast_few / few),
        }

    return Contest(commands, figures, 3)


def tenant_sets(world: World) -> Contest:
    """Ten thousand tenants in rows checked offline, beside as many manifests in JSON."""
    commands = {
        name: Command(tuple(words), world.folder)
        for name, words in validate.tenants(world.folder / "tenants").items()
    }

    def figures(costs: Costs) -> Mapping[str, Figure]:
        rows, more, manifests = costs.values()
        return {
            "rows": Figure(rows.cpu, manifests.cpu),
            "rows-growth": Figure(more.cpu / 2, rows.cpu),
            "rows-memory": Figure(rows.memory, manifests.memory),
        }

    return Contest(commands, figures, 3)


def peers(world: World) -> Contest:
    """octoDNS, the nearest in kind, from its package, in a virtual environment of its own."""
    venv = world.folder / "octodns"
    quiet = ("--quiet", "--disable-pip-version-check")
    pip = (str(venv / "bin/python"), "-m", "pip", "install", *quiet, "octodns==1.22.0")
    for command in ((sys.executable, "-m", "venv", str(venv)), pip):
        if subprocess.run(command, check=False).returncode != 0:
            raise NotHeld(f"octoDNS could not be installed: {' '.join(command)}")
    commands = {
        f"{name} {word}": Command((program, word), world.folder)
        for word in ("--version", "--help")
        for name, program in (("ours", PROGRAM), ("octodns-sync", str(venv / "bin/octodns-sync")))
    }

    def figures(costs: Costs) -> Mapping[str, Figure]:
        return {
            f"octodns-{word}": Figure(
                costs[f"ours --{word}"].cpu, costs[f"octodns-sync --{word}"].cpu
            )
            for word in ("version", "help")
        }

    return Contest(commands, figures, 11)


def ten_thousand(world: World) -> Contest:
    """The peak of a plan of ten thousand; takes minutes, and is left out if nobody asks for it."""
    return memory(10_000, "text")(world)


def shards(world: World) -> Contest:
    """A plan of ten thousand by one process, and by four at once, 50 ms a request."""
    site = world.fleet(10_000, in_rows=True)
    plans = " ".join(f"{number}.json" for number in range(1, 5))
    parts = f"""
        for number in 1 2 3 4; do
            {PROGRAM} plan --shard $number/4 --out $number.json & pids="$pids $!"
        done
        for pid in $pids; do wait $pid || exit; done
        {PROGRAM} merge {plans} --max-tenants 10000 --out merged.json
    """
    whole = site.ours("plan", "--max-tenants", "10000", "--out", "whole.json", delay=MS50)
    shards = site.ours("plan", delay=MS50)
    commands = {"one process": whole, "4 shards": replace(shards, words=("/bin/sh", "-c", parts))}

    def figures(costs: Costs) -> Mapping[str, Figure]:
        merged, one = ((site.path / name).read_bytes() for name in ("merged.json", "whole.json"))
        assert merged == one
        ours, floor = costs["4 shards"], costs["one process"]
        return {
            "shards-cpu": Figure(ours.cpu, floor.cpu),
            "shards-wall": Figure(ours.wall, floor.wall),
            "shards-memory": Figure(ours.memory, floor.memory),
        }

    return Contest(commands, figures, 1)


def dask(world: World) -> Contest:
    """What a tenant more of a plan costs by the workers of a cluster, and by as many threads."""
    few, many = 200, 400
    workers = dask_cluster(world.folder / "cluster", ENVIRON, workers=2, threads=8)
    address = world.stack.enter_context(workers).address
    commands = {}
    for number in (few, many):
        site = world.fleet(number, in_rows=True)
        commands[f"threads, {number}"] = site.ours("plan", delay=MS50)
        commands[f"workers, {number}"] = site.ours("plan", "--dask", address, delay=MS50)

    def figures(costs: Costs) -> Mapping[str, Figure]:
        workers, threads = (
            (costs[f"{who}, {many}"].wall - costs[f"{who}, {few}"].wall) / (many - few)
            for who in ("workers", "threads")
        )
        return {"dask": Figure(workers, threads)}

    return Contest(commands, figures)


CONTESTS: Mapping[str, Make] = {
    "start": start,
    "peers": peers,
    "idle": idle,
    "tutorial": tutorial,
    **{f"plan-{number}": plan(number) for number in PLANNED},
    "plan-own": plan(100, own=True),
    "plan-wall": plan_wall,
    "creates": creates,
    "distant": distant,
    "deliver": deliver,
    "memory": memory(1000, "text", "json"),
    "memory-10000": ten_thousand,
    "shards": shards,
    "dask": dask,
    "audit": audit,
    "attributes": attributes,
    "validate": validation,
    "tenant-sets": tenant_sets,
}
LARGE = ("plan-1000", "memory", "audit", "validate", "tenant-sets")  # not in a quick look
