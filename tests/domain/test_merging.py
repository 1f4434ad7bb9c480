"""The plans, or the reports, of all shards → those of one run."""

from typing import cast

import pytest

from reconciler.domain.documents import (
    ApprovalDocument,
    PlanFacts,
    ReportDocument,
    ReportTenant,
    TenantDocument,
    WavesDocument,
)
from reconciler.domain.jsontext import digest
from reconciler.domain.merging import merged_plan, merged_report
from reconciler.errors import UsageError

DIGESTS = {name: f"sha256:{name[-1] * 64}" for name in ("tenant-a", "tenant-b", "tenant-c")}


def tenant_of(name: str, *, action: str = "create") -> TenantDocument:
    change = {"id": f"{name}/hr", "action": action}
    return cast(TenantDocument, {"name": name, "digest": DIGESTS[name], "changes": [change]})


def plan_of(
    shard: str | None,
    *tenants: TenantDocument,
    approvals: tuple[ApprovalDocument, ...] = (),
    limits: tuple[str, ...] = (),
    commit: str = "c0ffee",
) -> PlanFacts:
    number = len(tenants)
    plan: PlanFacts = {
        "format_version": "2.0",
        "tool_version": "1.0.0",
        "digest": digest(sorted(each["digest"] for each in tenants)),
        "git": {"commit": commit, "dirty": False},
        "tenants_from": None,
        "selection": {"tenant": [], "target": [], "exclude": []},
        "tenants": [*tenants],
        "approvals": [*approvals],
        "exceeded_limits": [*limits],
        "summary": {
            "create": number,
            "update": 0,
            "destroy": 0,
            "in_sync": 0,
            "drifted": 1,
            "excluded": 0,
            "blocked": 0,
            "unmanaged": 0,
            "unreadable": 0,
            "drift": {"changed": 1, "missing": number, "unmanaged": 0, "outdated": 0},
        },
    }
    if shard is not None:
        plan["selection"]["shard"] = shard
    return plan


def merged(*plans: PlanFacts, max_tenants: int = 50) -> PlanFacts:
    tenants = sorted((t for plan in plans for t in plan["tenants"]), key=lambda each: each["name"])
    files = {f"{number}.json": plan for number, plan in enumerate(plans)}
    return merged_plan(files, tenants, max_tenants=max_tenants)


def test_the_plans_of_all_shards_are_that_of_one_run() -> None:
    one, other = tenant_of("tenant-b"), tenant_of("tenant-a")

    whole = merged(plan_of("2/2", one), plan_of("1/2", other))

    assert whole == {
        **plan_of(None, other, one),
        "summary": {
            **plan_of(None, other, one)["summary"],
            "drifted": 2,
            "drift": {"changed": 2, "missing": 2, "unmanaged": 0, "outdated": 0},
        },
    }


def test_what_is_due_in_all_shards_is_what_was_due() -> None:
    one, other = plan_of("1/2"), plan_of("2/2")
    one["selection"]["due"], other["selection"]["due"] = ["b", "d"], ["a", "c"]

    assert merged(one, other)["selection"]["due"] == ["a", "b", "c", "d"]
    with pytest.raises(UsageError, match="differ in --due"):
        merged(one, plan_of("2/2"))


def test_the_waves_are_those_of_one_run() -> None:
    def waves(sizes: list[str], *tenants: list[str]) -> WavesDocument:
        numbered = enumerate(tenants, start=1)
        return {"sizes": sizes, "waves": [{"number": n, "tenants": each} for n, each in numbered]}

    one, other, third = (tenant_of(f"tenant-{letter}") for letter in "abc")
    third["wave"] = 1
    whole = merged(plan_of("1/2", one, other), plan_of("2/2", third))
    shards = [plan_of("1/2", one, other), plan_of("2/2", third)]
    shards[0]["waves"] = waves(["2", "100%"], ["tenant-a", "tenant-b"])
    shards[1]["waves"] = waves(["2", "100%"], ["tenant-c"])

    assert whole["waves"] == waves([], ["tenant-c"], ["tenant-a", "tenant-b"])
    assert merged(*shards)["waves"] == waves(["2", "100%"], ["tenant-a", "tenant-c"], ["tenant-b"])
    assert "waves" not in merged(plan_of("1/1", one, other))
    with pytest.raises(UsageError, match="differ in sizes of waves"):
        merged(shards[0], plan_of("2/2", third))


def test_approvals_are_gathered_by_kind_and_owner_in_the_order_of_one_plan() -> None:
    def needed(kind: str, owner: str, *names: str) -> ApprovalDocument:
        return cast(ApprovalDocument, {"kind": kind, "owners": [owner], "changes": [*names]})

    whole = merged(
        plan_of(
            "1/2",
            approvals=(
                needed("narrowing", "@sec", "tenant-b/hr"),
                needed("additive", "@hr", "tenant-a/z", "tenant-a/b", "tenant-c/hr"),
            ),
        ),
        plan_of(
            "2/2",
            approvals=(
                needed("narrowing", "@hr", "tenant-d/hr"),
                needed("additive", "@hr", "tenant-b/hr"),
            ),
        ),
    )

    assert whole["approvals"] == [
        needed("narrowing", "@hr", "tenant-d/hr"),
        needed("narrowing", "@sec", "tenant-b/hr"),
        needed("additive", "@hr", "tenant-a/z", "tenant-a/b", "tenant-b/hr", "tenant-c/hr"),
    ]


def test_the_limit_of_a_run_counts_the_tenants_that_all_shards_change() -> None:
    shards = (
        plan_of("1/2", tenant_of("tenant-b"), limits=("tenant b: 3 changes exceed it",)),
        plan_of("2/2", tenant_of("tenant-a"), tenant_of("tenant-c", action="skip"),
                limits=("tenant a: 2 changes exceed it",)),
    )  # fmt: skip
    own = ["tenant a: 2 changes exceed it", "tenant b: 3 changes exceed it"]

    assert merged(*shards, max_tenants=2)["exceeded_limits"] == own
    first, *others = merged(*shards, max_tenants=1)["exceeded_limits"]
    assert "2 changed tenants exceed --max-tenants 1" in first
    assert others == own


@pytest.mark.parametrize(
    ("shards", "message"),
    [
        ((None,), "0.json is not of a shard: make it with --shard I/N"),
        (("1/3", "3/3"), "no file is shard 2/3"),
        (("1/2", "1/2"), "0.json and 1.json are both shard 1/2; give each shard once"),
        (("1/2", "2/3"), "0.json is one of 2 shards, and 1.json one of 3"),
    ],
)
def test_shards_that_are_not_the_whole_are_refused(
    shards: tuple[str | None, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        merged(*map(plan_of, shards))


def test_plans_of_two_commits_are_refused() -> None:
    with pytest.raises(UsageError, match="shards 1/2 and 2/2 differ in git"):
        merged(plan_of("1/2"), plan_of("2/2", commit="decaf"))


def report_of(
    shard: str | None,
    *tenants: str,
    code: int = 0,
    error: str | None = None,
    ended_at: str = "2026-01-01T00:01:00.000Z",
    head: int | None = 1,
    planned: bool = True,
) -> ReportDocument:
    found: list[ReportTenant] = [
        {
            "name": name,
            "digest": DIGESTS[name] if planned else None,
            "locked": None,
            "unreadable": None,
            "recovered": [],
            "changes": [],
        }
        for name in tenants
    ]
    report: ReportDocument = {
        "format_version": "1.0",
        "tool_version": "1.0.0",
        "run": {
            "id": f"run-{shard}",
            "actor": "ci:acme",
            "commit": "c0ffee",
            "plan_digest": digest([DIGESTS[name] for name in tenants]) if planned else None,
            "started_at": f"2026-01-01T00:00:0{(shard or '0')[0]}.000Z",
            "ended_at": ended_at,
        },
        "exit": {"code": code, "meaning": "", "error": error},
        "finished": error is None,
        "summary": {
            "applied": len(tenants),
            "adopted": 0,
            "not-applied": 0,
            "conflict": 0,
            "ignored-by-server": 0,
            "unknown": 0,
            "not-attempted": 0,
        },
        "tenants": found,
        "warnings": ["a warning of both", f"one of {shard}"],
        "deliveries": {"attempts": [], "not_tried": [], "pending": None, "held": []},
        "audit_head": None if head is None else {"seq": head, "hash": f"hash-{head}"},
    }
    if shard is not None:
        report["run"]["shard"] = shard
    return report


def union(*reports: ReportDocument) -> ReportDocument:
    files = {f"{number}.json": report for number, report in enumerate(reports)}
    return merged_report(files, lambda code: f"meaning of {code}")


def test_the_reports_of_all_shards_are_one() -> None:
    late = report_of("1/2", "tenant-b", ended_at="2026-01-01T00:03:00.000Z", head=7)
    late["deliveries"]["pending"] = []

    whole = union(report_of("2/2", "tenant-a", head=9), late)

    assert whole["run"] == {
        "id": None,
        "actor": "ci:acme",
        "commit": "c0ffee",
        "plan_digest": digest([DIGESTS["tenant-a"], DIGESTS["tenant-b"]]),
        "started_at": "2026-01-01T00:00:01.000Z",
        "ended_at": "2026-01-01T00:03:00.000Z",
        "shards": [
            {"shard": "1/2", "id": "run-1/2", "started_at": "2026-01-01T00:00:01.000Z",
             "ended_at": "2026-01-01T00:03:00.000Z", "code": 0},
            {"shard": "2/2", "id": "run-2/2", "started_at": "2026-01-01T00:00:02.000Z",
             "ended_at": "2026-01-01T00:01:00.000Z", "code": 0},
        ],
    }  # fmt: skip
    assert [tenant["name"] for tenant in whole["tenants"]] == ["tenant-a", "tenant-b"]
    assert whole["exit"] == {"code": 0, "meaning": "meaning of 0", "error": None}
    assert whole["finished"]
    assert whole["summary"]["applied"] == 2
    assert whole["warnings"] == ["a warning of both", "one of 1/2", "one of 2/2"]
    assert whole["deliveries"]["pending"] == []
    assert whole["audit_head"] == {"seq": 9, "hash": "hash-9"}


@pytest.mark.parametrize(
    ("codes", "code"),
    [((0, 0), 0), ((4, 4), 4), ((0, 1), 3), ((0, 5), 3), ((3, 4), 3), ((4, 5), 1), ((1, 6), 1)],
)
def test_the_code_of_a_merged_report_says_whether_anything_was_done(
    codes: tuple[int, int], code: int
) -> None:
    one, other = codes

    assert union(report_of("1/2", code=one), report_of("2/2", code=other))["exit"]["code"] == code


def test_errors_of_shards_are_kept_with_their_shards() -> None:
    whole = union(
        report_of("1/2"),
        report_of("2/2", code=1, error="the disk is full", head=None, planned=False),
    )

    assert whole["exit"]["error"] == "shard 2/2: the disk is full"
    assert not whole["finished"]
    assert whole["run"]["plan_digest"] is None


def test_a_report_of_no_shard_is_refused() -> None:
    with pytest.raises(UsageError, match=r"0\.json is not of a shard"):
        union(report_of(None))
