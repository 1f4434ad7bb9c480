"""The plans, or the reports, of all shards → those of one run over all tenants."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import merge
from operator import itemgetter
from typing import TypeVar, cast

from reconciler.domain.documents import (
    ApprovalDocument,
    DriftCounts,
    OutcomeCounts,
    PlanCounts,
    PlanFacts,
    ReportDocument,
    ReportShard,
    TenantDocument,
    Tenants,
)
from reconciler.domain.jsontext import Json, canonical, digest
from reconciler.domain.manifest import ChangeKind
from reconciler.domain.messages import listed
from reconciler.domain.plan import Exceeded
from reconciler.domain.waves import WaveSize, waves_document, waves_of
from reconciler.errors import UsageError

Part = TypeVar("Part", PlanFacts, ReportDocument)
Meaning = Callable[[int], str]
_WELL, _ERROR, _PARTLY = 0, 1, 3


def merged_plan(parts: Mapping[str, PlanFacts], tenants: Tenants, *, max_tenants: int) -> PlanFacts:
    """The plan of one run from those of all its shards, by the names of their files.

    `tenants` are those of all parts. Raises UsageError where parts are missing, or are not of one
    run: their commits, refs, selections or releases differ.
    """
    shards = {name: part["selection"].get("shard") for name, part in parts.items()}
    ordered = _all_shards(parts, shards)
    _require_same(
        {
            name: {
                "tool_version": part["tool_version"],
                "git": part["git"],
                "tenants_from": part["tenants_from"],
                "selection": {**part["selection"], "shard": None, "due": None},
                "--due": "due" in part["selection"],
                "sizes of waves": _sizes(part),
            }
            for name, part in ordered.items()
        }
    )
    plans = [*ordered.values()]
    selection = plans[0]["selection"].copy()
    selection.pop("shard", None)
    if "due" in selection:
        selection["due"] = sorted(n for plan in plans for n in plan["selection"].get("due", ()))
    # Not every tenant at once: those of a large fleet do not fit into memory.
    digests = [tenant["digest"] for tenant in tenants]
    limits: Iterator[str] = merge(*(plan["exceeded_limits"] for plan in plans), key=_limited)
    if (changed := changed_tenants(tenants)) > max_tenants:
        limits = iter((str(Exceeded(None, changed, max_tenants, "--max-tenants")), *limits))
    sizes = tuple(map(WaveSize, _sizes(plans[0])))
    return {
        "format_version": plans[0]["format_version"],
        "tool_version": plans[0]["tool_version"],
        "digest": digest(sorted(digests)),
        "git": plans[0]["git"],
        "tenants_from": plans[0]["tenants_from"],
        "selection": selection,
        "tenants": tenants,
        "approvals": _approvals(plans),
        "exceeded_limits": [*limits],
        "summary": _plan_counts(plan["summary"] for plan in plans),
        **waves_document(waves_of(_in_waves(tenants), sizes), sizes),
    }


def changed_tenants(tenants: Iterable[TenantDocument]) -> int:
    """The number of tenants that a plan changes, as --max-tenants counts them."""
    return sum(map(_is_changed, tenants))


def _is_changed(tenant: TenantDocument) -> bool:
    return any(change["action"] in ("create", "update") for change in tenant["changes"])


def _sizes(plan: PlanFacts) -> list[str]:
    return plan["waves"]["sizes"] if "waves" in plan else []


def _in_waves(tenants: Iterable[TenantDocument]) -> dict[str, int | None]:
    """The tenants that waves are made of, as `Plan.waves` has them."""
    return {
        tenant["name"]: tenant.get("wave")
        for tenant in tenants
        if _is_changed(tenant) or ("wave" in tenant and tenant["error"] is not None)
    }


def merged_report(parts: Mapping[str, ReportDocument], meaning: Meaning) -> ReportDocument:
    """The report of all shards of an apply as one, by the names of their files.

    Its times are from the first start to the last end, and what waits is as the last one saw it.
    `meaning` is that of an exit code. Raises UsageError as `merged_plan` does.
    """
    shards = {name: part["run"].get("shard") for name, part in parts.items()}
    ordered = _all_shards(parts, shards)
    _require_same(
        {
            name: {"tool_version": part["tool_version"], "commit": part["run"]["commit"]}
            for name, part in ordered.items()
        }
    )
    reports = [*ordered.values()]
    last = max(reports, key=lambda report: report["run"]["ended_at"])
    heads = [report["audit_head"] for report in reports if report["audit_head"]]
    tenants = [tenant for report in reports for tenant in report["tenants"]]
    planned = all(report["run"]["plan_digest"] for report in reports)
    digests = sorted(found for tenant in tenants if (found := tenant.get("digest")))
    actors = {report["run"]["actor"]: None for report in reports}
    code = _code(reports)
    return {
        "format_version": last["format_version"],
        "tool_version": last["tool_version"],
        "run": {
            "id": None,
            "actor": ", ".join(actors),
            "commit": last["run"]["commit"],
            "plan_digest": digest([*digests]) if planned else None,
            "started_at": min(report["run"]["started_at"] for report in reports),
            "ended_at": last["run"]["ended_at"],
            "shards": [_shard(shard, report) for shard, report in ordered.items()],
        },
        "exit": {"code": code, "meaning": meaning(code), "error": _errors(ordered)},
        "finished": all(report["finished"] for report in reports),
        "summary": cast(OutcomeCounts, _sums(report["summary"] for report in reports)),
        "tenants": sorted(tenants, key=itemgetter("name")),
        "warnings": [*{line: None for report in reports for line in report["warnings"]}],
        "deliveries": {
            "attempts": [each for report in reports for each in report["deliveries"]["attempts"]],
            "not_tried": [each for report in reports for each in report["deliveries"]["not_tried"]],
            "pending": last["deliveries"]["pending"],
            "held": last["deliveries"]["held"],
        },
        "audit_head": max(heads, key=itemgetter("seq"), default=None),
    }


def _all_shards(parts: Mapping[str, Part], shards: Mapping[str, str | None]) -> dict[str, Part]:
    """The parts by their shards, in order; raises UsageError unless each shard is there once."""
    found: dict[int, str] = {}
    counts: dict[str, str] = {}
    for name, shard in shards.items():
        if shard is None:
            raise UsageError(f"{name} is not of a shard: make it with --shard I/N")
        number, _, count = shard.partition("/")
        counts.setdefault(count, name)
        if len(counts) > 1:
            (one, first), (other, second) = counts.items()
            raise UsageError(
                f"{first} is one of {one} shards, and {second} one of {other}; "
                "give those of one run"
            )
        if (twice := found.setdefault(int(number), name)) != name:
            raise UsageError(f"{twice} and {name} are both shard {shard}; give each shard once")
    [count] = counts
    missing = [f"{n}/{count}" for n in range(1, int(count) + 1) if n not in found]
    if missing:
        raise UsageError(f"the union would not be whole: no file is shard {listed(missing)}")
    return {f"{number}/{count}": parts[found[number]] for number in sorted(found)}


def _require_same(facts: Mapping[str, Mapping[str, Json]]) -> None:
    """Raise UsageError where the parts of two shards differ in what one run has once."""
    (first, expected), *others = facts.items()
    for shard, found in others:
        for what, value in found.items():
            if canonical(value) != canonical(expected[what]):
                raise UsageError(
                    f"shards {first} and {shard} differ in {what.replace('_', ' ')}, so they are "
                    "not of one run; make all of them anew, of one commit and with the same options"
                )


def _limited(line: str) -> str:
    return line.partition(":")[0]  # the name of its tenant


def _approvals(plans: Iterable[PlanFacts]) -> list[ApprovalDocument]:
    """The approvals of all plans, in the order of one."""
    groups: dict[tuple[ChangeKind, tuple[str, ...]], list[list[str]]] = defaultdict(list)
    for plan in plans:
        for needed in plan["approvals"]:
            groups[ChangeKind(needed["kind"]), tuple(needed["owners"])].append(needed["changes"])
    order = list(ChangeKind)
    return [
        {
            "kind": kind.value,
            "owners": [*owners],
            "changes": [*merge(*changes, key=lambda change: change.partition("/")[0])],
        }
        for (kind, owners), changes in sorted(
            groups.items(), key=lambda group: (order.index(group[0][0]), group[0][1])
        )
    ]


def _plan_counts(counts: Iterable[PlanCounts]) -> PlanCounts:
    known = [*counts]
    numbers = _sums({key: value for key, value in each.items() if key != "drift"} for each in known)
    drift = cast(DriftCounts, _sums(each["drift"] for each in known))
    return cast(PlanCounts, {**numbers, "drift": drift})


def _sums(counts: Iterable[Mapping[str, object]]) -> dict[str, int]:
    sums = Counter[str]()
    for each in counts:
        for name, number in each.items():
            sums[name] += cast(int, number)
    return {**sums}


def _code(reports: Iterable[ReportDocument]) -> int:
    """The exit code of one run that ended as these did together."""
    codes = {report["exit"]["code"] for report in reports}
    if len(codes) == 1:
        return codes.pop()
    return _PARTLY if codes & {_WELL, _PARTLY} else _ERROR


def _errors(reports: Mapping[str, ReportDocument]) -> str | None:
    lines = [
        f"shard {shard}: {report['exit']['error']}"
        for shard, report in reports.items()
        if report["exit"]["error"] is not None
    ]
    return "\n".join(lines) or None


def _shard(shard: str, report: ReportDocument) -> ReportShard:
    run = report["run"]
    return {
        "shard": shard,
        "id": run["id"],
        "started_at": run["started_at"],
        "ended_at": run["ended_at"],
        "code": report["exit"]["code"],
    }
