"""`demo`: a scratch folder whose built-in tenant has what a first hour is to show."""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from reconciler.adapters.clock import wall_time
from reconciler.adapters.dialects import sound_dialects
from reconciler.adapters.git import Git
from reconciler.adapters.manifests import load
from reconciler.adapters.packaged import repository_text, template_text
from reconciler.cli.beginnings import common_files, manifest_text
from reconciler.cli.commands.demo import Options
from reconciler.cli.files import make_folder, write_below, write_file
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifest_loading import limits_of
from reconciler.cli.shared_options import ReadingOptions
from reconciler.cli.wiring import EMBEDDED_FOLDER
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import SchemaExtension
from reconciler.embedded import faults_file, require_libraries
from reconciler.errors import GitRefused, UsageError
from reconciler.render.json_text import json_text
from reconciler.render.plain_text import counted, visible

_TENANT = "local"
_HR, _WORK, _NEW = "hr-extension", "work-assignments", "equipment"
_USERS = 40
_WALK = "README.md"
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_INIT = ("-c", "init.defaultBranch=main", "init", "--quiet", "--template=")
_PURPOSE = f"""
Its tenant, {_TENANT}, is built in. On purpose it has
  drift       somebody deleted an attribute of {_HR} by hand
  a refusal   {_WORK} is wanted as no update can make it
  a webhook   that fails, for its HR system is down
  {_USERS} users    who hold values
"""
_ADD = ("add", "--all")
_COMMIT = (
    "-c", "user.name=reconciler demo", "-c", "user.email=demo@example.com",
    "-c", "commit.gpgSign=false", "-c", f"core.hooksPath={os.devnull}",
    "commit", "--quiet", "--message",
)  # fmt: skip


def demo(invocation: Invocation, options: Options) -> None:
    """Make the folder, and say what to do next; raises UsageError where anything is in it."""
    require_libraries()
    folder = options.folder or invocation.common.folder / "reconciler-demo"
    _require_nothing_in(folder)
    make_folder("FOLDER", folder)
    git = Git.of(invocation.settings.environ)
    kept = _done(invocation, git, folder, _INIT)
    files = dict(_files(invocation, empty=options.empty))
    for name, text in files.items():
        write_below(folder / name, text)
        invocation.console.data(f"  + {visible(folder / name)}\n")
    invocation.console.data(f"{counted(len(files), 'file')} written\n")
    kept = kept and _done(invocation, git, folder, _ADD, (*_COMMIT, "Begin"))
    if not options.empty:
        _fill(folder, _extensions(invocation, folder))
        work = files[_manifest_file(_WORK)].replace("type: decimal", "type: integer")
        work = work.replace("spec:\n", "spec:\n  onDrift: update\n", 1)
        write_file(folder / _manifest_file(_WORK), work)
        if kept:
            message = "Count weekly hours in whole numbers"
            _done(invocation, git, folder, _ADD, (*_COMMIT, message))
        invocation.console.data(_PURPOSE)
    enter = f"  cd {shlex.quote(str(folder))}\n" if folder != Path() else ""
    invocation.console.data(f"\nNext:\n{enter}  reconciler plan\n")
    if not options.empty:
        invocation.console.data(f"{_WALK} there goes on from here, step by step.\n")


def _require_nothing_in(folder: Path) -> None:
    try:
        taken = any(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{folder} cannot be looked into: {error.strerror}") from error
    if taken:
        raise UsageError(
            f"{folder} is not empty, and no file is written over; name another folder: "
            "reconciler demo DIR"
        )


def _files(invocation: Invocation, *, empty: bool) -> Iterator[tuple[str, str]]:
    """Each file by its path in the folder, as what is live wants it."""
    yield f"desired-state/tenants/{_TENANT}.yaml", manifest_text(f"tenants/{_TENANT}.yaml")
    for name in (_HR, _WORK):
        yield _manifest_file(name), manifest_text(f"extensions/{name}.yaml")
    yield from common_files(invocation)
    if not empty:
        yield _manifest_file(_NEW), template_text(f"demo/{_NEW}.yaml")
        yield _WALK, _walk()


def _walk() -> str:
    """The page about the demo from its first step on; beside it are no pages to lead to."""
    _, heading, steps = repository_text("docs/demo.md").partition("## 1. ")
    return _LINK.sub(r"\1", f"# A walk through this folder\n\n{heading}{steps}")


def _manifest_file(extension: str) -> str:
    return f"desired-state/extensions/{extension}.yaml"


def _done(invocation: Invocation, git: Git, folder: Path, *calls: tuple[str, ...]) -> bool:
    """Call git; False, and a note, where it refuses: a demo can do without."""
    try:
        for call in calls:
            git(folder, *call)
    except GitRefused as error:
        invocation.console.say(f"the folder is no git repository: {error}")
        return False
    return True


def _extensions(invocation: Invocation, folder: Path) -> dict[str, SchemaExtension]:
    loaded = load(
        folder / "desired-state",
        dialects=sound_dialects(invocation.common.dialects),
        limits=limits_of(ReadingOptions()),
    )
    assert loaded.manifests is not None
    return {each.name: each for each in loaded.manifests.extensions}


def _fill(folder: Path, extensions: dict[str, SchemaExtension]) -> None:
    """Give the tenant users, two extensions of which one has lost an attribute, and a fault."""
    from reconciler.embedded.seeding import fill  # it takes the models

    hr, work = (extensions[name].schema for name in (_HR, _WORK))
    attributes = [each for each in hr.document["attributes"] if each["name"] != "payrollStartDate"]

    def held(number: int) -> dict[str, Json]:
        """The values of a user: three of four have a department, each second one hours."""
        values: dict[str, Json] = {}
        if number % 4:
            department = {"hrDepartmentCode": f"D{number % 5}00", "isContractor": number % 3 == 0}
            values[hr.id] = department
        if number % 2:
            values[work.id] = {"weeklyHours": 37.5 if number % 3 else 40}
        return values

    stores = folder / EMBEDDED_FOLDER
    fill(
        stores, _TENANT, wall_time,
        schemas=({**hr.document, "attributes": attributes}, work.document), users=_USERS, held=held,
    )  # fmt: skip
    write_file(faults_file(stores, _TENANT), json_text({"hr_down": True}))
