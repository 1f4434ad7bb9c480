"""Run the built-in tenant as a server of its own, on loopback."""

from __future__ import annotations

import os
from dataclasses import dataclass

from reconciler.cli.exits import Exit
from reconciler.cli.options import flag, number, text
from reconciler.errors import Interrupted, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.invocation import Invocation
    from reconciler.domain.secret import Secret
    from reconciler.embedded import DevTenantAccess

_A_DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `dev-tenant`."""

    port: int = number("loopback port; 0 takes a free one", metavar="N", default=8765, least=0)
    name: str = text("which store it keeps", metavar="NAME", default="dev")
    dialect: str = text("the service that it plays", metavar="NAME", default="genesys")
    users: int = number("made-up users that it has", metavar="N", default=0, least=0)
    raw: bool = flag("serve schemas as they were posted, without their defaults")


def run(invocation: Invocation, options: Options) -> int:
    """Print a Tenant manifest that fits, put its secrets into files, serve until a signal."""
    from reconciler.adapters.clock import StopSignal, SystemClock, install
    from reconciler.adapters.dialects import sound_dialects
    from reconciler.cli.wiring import EMBEDDED_FOLDER
    from reconciler.domain.dialect import Transport
    from reconciler.domain.messages import listed, quoted
    from reconciler.embedded import DevTenantSetup, load_models, serve

    stop = StopSignal()
    install(stop)
    clock = SystemClock(stop)
    dialects = sound_dialects(invocation.common.dialects)
    if options.dialect not in dialects:
        raise UsageError(
            f"--dialect {quoted(options.dialect)}: known are {listed(dialects)}; "
            "--dialects names a folder of your own"
        )
    if dialects[options.dialect].transport is not Transport.SCIM:
        raise UsageError(
            f"--dialect {options.dialect}: the built-in tenant plays services with /Schemas alone"
        )
    setup = DevTenantSetup(dialect=dialects[options.dialect], raw=options.raw, users=options.users)
    folder = invocation.common.folder
    with serve(options.name, folder / EMBEDDED_FOLDER, port=options.port, setup=setup) as access:
        secrets = invocation.common.secrets_dir or folder / ".reconciler/secrets"
        for kind, secret in (
            ("client-id", access.client_id),
            ("client-secret", access.client_secret),
            ("webhook-secret", access.webhook_secret),
        ):
            _write_secret(secrets / f"{options.name}-{kind}", secret)
        load_models()  # before it can be asked, else the first change is told to take that long
        invocation.console.data(_manifest(options, access))
        invocation.console.say(
            f"serving {access.base_url}; its secrets are in {secrets}: "
            f"use --secrets-dir {secrets}. Ctrl-C ends it"
        )
        try:
            while True:
                clock.sleep(_A_DAY)
        except Interrupted:
            invocation.console.say("stopped")
    return Exit.WELL


def _write_secret(path: Path, secret: Secret) -> None:
    """For its owner only, from the first byte on."""
    from reconciler.private_files import make_private_folder

    try:
        make_private_folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o600)  # a file that was there keeps its mode otherwise
            file.write(secret.reveal())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _manifest(options: Options, access: DevTenantAccess) -> str:
    name = options.name
    return f"""\
apiVersion: reconciler/v1
kind: Tenant
metadata:
  name: {name}
spec:
  dialect: {options.dialect}
  baseUrl: {access.base_url}
  auth:
    type: oauth2-client-credentials
    tokenUrl: {access.token_url}
    clientId: {{file: {name}-client-id}}
    clientSecret: {{file: {name}-client-secret}}
  webhooks:
    - url: {access.webhook_url}
      secret: {{file: {name}-webhook-secret}}
"""
