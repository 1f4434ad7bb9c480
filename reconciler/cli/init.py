"""`init`: a repository to begin with, of the examples and workflows that come with the program."""

import re
import shlex
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TypeVar, assert_never

from reconciler.adapters.clock import StopSignal, SystemClock, install
from reconciler.adapters.packaged import repository_text, template_text
from reconciler.cli.beginnings import common_files, manifest_text
from reconciler.cli.commands.init import Forge, Options, Service
from reconciler.cli.files import refuse_standard_output, write_below
from reconciler.cli.invocation import Invocation
from reconciler.errors import UsageError
from reconciler.render.plain_text import counted, visible

_WORKFLOWS = ("validate", "plan", "apply", "drift", "deliver", "adoption", "report")
_OUR_ACTION = "./.github/actions/reconcile"
_NO_ACTION = "OWNER/NAME@COMMIT"
_OWNERS = ".github/CODEOWNERS"
_TRIES = 3
_ACTION = re.compile(r"([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)@([0-9a-f]{40})")
_VARIABLES = re.compile(r"\{env: ([A-Z0-9_]+)\}")

AWord = TypeVar("AWord", bound=StrEnum)


def init(invocation: Invocation, options: Options) -> None:
    """Write the files that are not there yet, and say what to do next; raises UsageError."""
    folder = options.folder or invocation.common.folder
    action = _NO_ACTION if options.action is None else options.action
    if options.action is not None and not _ACTION.fullmatch(action):
        raise UsageError(
            f"--action: {visible(action)!r} is no action at a commit; write OWNER/NAME@COMMIT, the "
            "commit with its 40 digits: a branch or a tag can be moved"
        )
    refuse_standard_output("FOLDER", folder)
    service, forge = _answers(invocation, options)
    if options.action is not None and forge is Forge.NONE:
        raise UsageError("--action is for workflows, and --forge none writes none; leave one out")
    files = dict(_files(invocation, service, forge, action))
    there = [name for name in files if (folder / name).exists()]
    for name, text in files.items():
        path = folder / name
        if name not in there:
            write_below(path, text)
            invocation.console.data(f"  + {visible(path)}\n")
    for name in there:
        invocation.console.data(f"  = {visible(folder / name)}  is there, and stays as it is\n")
    if ".gitignore" in there and not _ignores_state(folder / ".gitignore"):
        invocation.console.say(
            f"warning: {folder / '.gitignore'} has no line .reconciler/: add it, for the state of "
            "runs and secrets of the built-in tenant are kept there"
        )
    invocation.console.data(f"{counted(len(files) - len(there), 'file')} written\n")
    if forge is Forge.GITHUB and action == _NO_ACTION:
        invocation.console.say(
            f"the workflows name no action yet: replace {_NO_ACTION} in .github/workflows by that "
            "of your organisation, at a commit"
        )
    if _OWNERS in files and _OWNERS not in there:
        invocation.console.say(
            f"{_OWNERS} names no team yet: put yours in place of @OWNER/identity"
        )
    variables = _variables(files[_tenant_file(service)])
    enter = f"cd {shlex.quote(str(folder))} && " if folder != Path() else ""
    exports = " ".join(f"{name}=…" for name in variables)
    invocation.console.data(
        f"\nNext, with your tenant's address in {_tenant_file(service)}:\n"
        f"  {enter}reconciler validate\n"
        f"  {exports} reconciler doctor\n"
    )


def _answers(invocation: Invocation, options: Options) -> tuple[Service, Forge]:
    """What the options say, else a person; raises UsageError where neither does."""
    if not invocation.console.interactive:
        missing = [
            f"{option}, one of {', '.join(of)}"
            for option, given, of in (
                ("--service", options.service, Service),
                ("--forge", options.forge, Forge),
            )
            if given is None
        ]
        if missing:
            raise UsageError(f"nobody is there to be asked: give {' and '.join(missing)}")
    return (
        options.service or _asked(invocation, "--service", Service),
        options.forge or _asked(invocation, "--forge", Forge),
    )


def _asked(invocation: Invocation, option: str, of: type[AWord]) -> AWord:
    """The answer of a person, who may mistype; raises UsageError after the third that is none."""
    words = ", ".join(of)
    stop = StopSignal()
    install(stop)
    answer = ""
    for _ in range(_TRIES):
        answer = invocation.console.ask(f"{option} ({words}): ", check=SystemClock(stop).check)
        if answer in set(of):
            return of(answer)
    raise UsageError(f"{option}: {visible(answer)!r} is none of {words}")


def _ignores_state(gitignore: Path) -> bool:
    try:
        lines = gitignore.read_bytes().splitlines()
    except OSError:
        return False
    return any(line.strip().strip(b"/") == b".reconciler" for line in lines)


def _files(
    invocation: Invocation, service: Service, forge: Forge, action: str
) -> Iterator[tuple[str, str]]:
    """Each file by its path in the repository."""
    tenant = manifest_text(f"tenants/_example-{service}.yaml")
    match service:
        case Service.GENESYS:
            extension, name = "hr-extension", "hr-extension"
        case Service.SAP | Service.ORACLE | Service.KEYCLOAK | Service.RFC7644:
            extension, name = f"_example-{service}", f"hr-{service}"
        case _:
            assert_never(service)
    yield _tenant_file(service), tenant
    yield f"desired-state/extensions/{name}.yaml", manifest_text(f"extensions/{extension}.yaml")
    yield from common_files(invocation)
    yield ".pre-commit-config.yaml", template_text("init/pre-commit-config.yaml")
    match forge:
        case Forge.NONE:
            return
        case Forge.GITHUB:
            yield _OWNERS, template_text("init/CODEOWNERS")
            variables = _variables(tenant)
            for name in _WORKFLOWS:
                path = f".github/workflows/{name}.yml"
                yield path, _workflow(repository_text(path), action, variables)
        case _:
            assert_never(forge)


def _tenant_file(service: Service) -> str:
    return f"desired-state/tenants/acme-{'scim' if service is Service.RFC7644 else service}.yaml"


def _variables(tenant: str) -> list[str]:
    """The variables that the tenant's credentials come from; not those of webhooks."""
    return _VARIABLES.findall(tenant.partition("\n  webhooks:")[0])


def _workflow(text: str, action: str, variables: list[str]) -> str:
    """A workflow that uses the action, and hands on the variables of the tenant."""
    name, _, commit = action.partition("@")
    uses = f"{name}/.github/actions/reconcile@{commit}"
    mine = {f"GENESYS_{each.partition('_')[2]}": each for each in variables}
    ours = text.replace(_OUR_ACTION, uses)
    return re.sub(r"\bGENESYS_[A-Z_]+", lambda found: mine.get(found[0], found[0]), ours)
