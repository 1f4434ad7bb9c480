"""`drift-issues`: one issue on GitHub for each tenant that is not as the manifests say."""

import re
from collections import Counter
from pathlib import Path

from reconciler.adapters.github import Issue, Posted, Posts
from reconciler.cli.commands.drift_issues import Options
from reconciler.cli.exits import Exit
from reconciler.cli.github_job import add_summary
from reconciler.cli.github_posts import github_posts
from reconciler.cli.invocation import Invocation
from reconciler.cli.saved_plan import saved_plan
from reconciler.domain.documents import PlanDocument
from reconciler.errors import UsageError
from reconciler.render.drift_markdown import drift_body, drift_title, drifts, ended_body
from reconciler.render.markers import DRIFT, tenant_of
from reconciler.render.plain_text import counted

_DEEDS = ("opened", "updated", "reopened", "closed")


def follow_drift(invocation: Invocation, options: Options) -> int:
    """Open, update and close our issues; show how the fleet is, also when all is well."""
    file = options.plan
    if file is None:
        raise UsageError("give --plan FILE, which `reconciler plan --out FILE` writes")
    with saved_plan(file) as plan:
        _require_whole(plan, file)
        with github_posts(invocation, permission="issues: write") as posts:
            done = _follow(posts, plan)
        tenants = plan["tenants"]
        unread = sum(1 for tenant in tenants if tenant["error"] is not None)
        drifted = sum(1 for tenant in tenants if tenant["error"] is None and drifts(tenant))
    issues = ", ".join(f"{done[what]} {what}" for what in _DEEDS)
    line = (
        f"{counted(len(tenants), 'tenant')}: {len(tenants) - drifted - unread} in sync, "
        f"{drifted} with drift, {unread} not readable; issues: {issues}"
    )
    invocation.console.say(line)
    add_summary(invocation, lambda: f"### Drift\n\n{line}")
    return Exit.WELL


def _require_whole(plan: PlanDocument, file: Path) -> None:
    """Raise UsageError for a plan that cannot say that a tenant is in sync."""
    if plan["selection"]["target"] or plan["selection"]["exclude"]:
        raise UsageError(
            f"{file} is a partial plan, which cannot say that a tenant is in sync; "
            "plan without --target and --exclude"
        )
    # The names go into markers and titles of issues, where a file made by hand could say anything.
    names = [tenant["name"] for tenant in plan["tenants"]]
    if any(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) is None for name in names):
        raise UsageError(f"{file} names a tenant as no manifest can; make a new plan")


def _follow(posts: Posts, plan: PlanDocument) -> Counter[str]:
    """Make each tenant's issue follow its drift, and count what was done."""
    ours: dict[str, list[Issue]] = {}
    for issue in posts.issues(DRIFT):
        ours.setdefault(tenant_of(issue.body) or "", []).append(issue)
    done: Counter[str] = Counter()
    drifted = [t["name"] for t in plan["tenants"] if t["error"] is None and drifts(t)]
    closed = _closed(posts, [name for name in drifted if name not in ours])
    for tenant in plan["tenants"]:
        name, issues = tenant["name"], ours.pop(tenant["name"], [])
        if tenant["error"] is not None:  # not read, so nothing is known of its drift
            continue
        if not drifts(tenant):
            done += _close(posts, name, issues, gone=False)
        elif issues:
            posted = posts.update_issue(issues[0], drift_title(tenant), drift_body(tenant))
            done["updated"] += posted is Posted.UPDATED
        elif (before := closed.get(name)) is not None:
            # One that a person has closed stays so as long as it says all there is to say.
            if before.body != drift_body(tenant).strip():
                posts.reopen_issue(before, drift_title(tenant), drift_body(tenant))
                done["reopened"] += 1
        else:
            posts.open_issue(drift_title(tenant), drift_body(tenant))
            done["opened"] += 1
    ours.pop("", None)  # whose marker somebody has edited
    # Only a plan of every manifest shows that a tenant which it does not name is in none.
    source = plan["tenants_from"]
    selection = plan["selection"]
    part = selection["tenant"] or "shard" in selection or "due" in selection
    if not part and not (source and source["unread"]):
        for name, issues in ours.items():
            done += _close(posts, name, issues, gone=True)
    return done


def _closed(posts: Posts, names: list[str]) -> dict[str, Issue]:
    """The closed issue of each tenant that changed last, as far as there is one."""
    found: dict[str, Issue] = {}
    wanted = set(names)
    if not wanted:
        return found
    for issue in posts.closed_issues(DRIFT):
        name = tenant_of(issue.body)
        if name in wanted:
            found.setdefault(name, issue)
        if len(found) == len(wanted):
            break
    return found


def _close(posts: Posts, name: str, issues: list[Issue], *, gone: bool) -> Counter[str]:
    for issue in issues:
        posts.close_issue(issue, ended_body(name, issue.body, gone=gone))
    return Counter(closed=len(issues))
