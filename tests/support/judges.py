"""Clients and suites that others wrote, run against a tenant, and what they say of it."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.peers import PEERS, Kit, built
from tests.support.program import DevTenant

AS_WANTED = "as wanted"


def judge(kit: Kit, tenant: DevTenant, *arguments: str) -> dict[str, str]:
    """How each check of that kit ended, by its name."""
    home = built(kit)
    told = f"{tenant.base_url}\n{tenant.token()}\n"
    done = subprocess.run(
        [*kit.start, *arguments],
        cwd=home, input=told, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(line.split("\t") for line in done.stdout.splitlines())


def meant_to_differ(kit: Kit) -> frozenset[str]:
    """The checks that are meant to end otherwise, each below its reason."""
    reasons: dict[str, list[str]] = json.loads(_list_of(kit).read_text())
    return frozenset(name for names in reasons.values() for name in names)


def assert_differs_as_listed(kit: Kit, outcomes: Mapping[str, str], within: str = "") -> None:
    """Every check that differs is on the kit's list, and every one there, within that, differs."""
    differing = {name: end for name, end in outcomes.items() if end != AS_WANTED}
    listed = {name for name in meant_to_differ(kit) if name.startswith(within)}

    unlisted = "\n".join(f"{name}: {differing[name]}" for name in sorted(differing.keys() - listed))
    assert not unlisted, f"these differ and are not in {_list_of(kit)}:\n{unlisted}"
    stale = sorted(listed - differing.keys())
    assert not stale, f"these are in {_list_of(kit)} and do not differ: {stale}"


def _list_of(kit: Kit) -> Path:
    return PEERS / f"differs/{kit.folder}.json"
