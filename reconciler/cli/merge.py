"""`merge`: the plans, or the reports, of all shards as one file."""

import re
from collections import Counter
from pathlib import Path

from reconciler.adapters.spool import spooling
from reconciler.cli.approved_plan import require_unedited
from reconciler.cli.commands.merge import Options
from reconciler.cli.exits import Exit, meaning
from reconciler.cli.files import read_report, require_folder, write_file
from reconciler.cli.given import STANDARD_OUTPUT
from reconciler.cli.invocation import Invocation
from reconciler.cli.saved_plan import saved_plan
from reconciler.domain.documents import PlanDocument
from reconciler.domain.merging import merged_plan, merged_report
from reconciler.errors import UsageError
from reconciler.render.json_text import json_text
from reconciler.render.plain_text import counted
from reconciler.render.plan_document import plan_json, sealed

_HEAD = 4096  # bytes of a file in which a report names its run


def merge(invocation: Invocation, options: Options) -> int:
    """Write the union of the files, all plans or all reports; raises UsageError."""
    files = [invocation.common.folder / file for file in options.files]
    if not files:
        raise UsageError("name the files to merge: the plan, or the report, of each shard")
    for file, times in Counter(files).items():
        if times > 1:
            raise UsageError(f"{file} is given {times} times; give each shard once")
        if file.exists() and not (file.is_file() or file.is_dir()):
            raise UsageError(f"{file} is no file but a pipe, and is read twice: save it first")
    if options.out is None:
        raise UsageError("give --out FILE, or --out - for standard output")
    require_folder("--out", options.out, alone=True)
    if _is_report(files[0]):
        reports = {str(file): read_report(file) for file in files}
        report = merged_report(reports, meaning)
        write_file(options.out, json_text(report))
        what = f"{counted(len(files), 'report')} of {counted(len(report['tenants']), 'tenant')}"
        _say(invocation, options.out, what, "")
        return Exit.WELL
    with spooling() as tenants:
        plans: dict[str, PlanDocument] = {}
        for file in files:
            with saved_plan(file) as plan:
                require_unedited(plan)
                for tenant in plan["tenants"]:
                    known = len(tenants)
                    changes = tenants.keep(tenant["changes"])
                    tenants.add_long(
                        tenant["name"], {**tenant, "changes": []}, {"changes": changes}
                    )
                    if len(tenants) == known:
                        raise UsageError(f"{file} has tenant {tenant['name']}, as another file has")
            plans[str(file)] = {**plan, "tenants": []}
        whole = merged_plan(plans, tenants, max_tenants=options.max_tenants)
        write_file(options.out, plan_json(sealed(whole)))
        what = f"{counted(len(files), 'plan')} of {counted(len(tenants), 'tenant')}"
        _say(invocation, options.out, what, f"; digest {whole['digest']}")
    return Exit.WELL


def _is_report(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    return re.search(rb'"run"\s*:\s*\{', head) is not None


def _say(invocation: Invocation, out: Path, what: str, more: str) -> None:
    if out != STANDARD_OUTPUT:
        invocation.console.say(f"{what} merged as {out}{more}")
