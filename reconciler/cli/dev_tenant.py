"""`dev-tenant`: the built-in tenant as a server of its own, until a signal ends it."""

import os
from pathlib import Path

from reconciler.adapters.clock import StopSignal, SystemClock, install
from reconciler.cli.exits import Exit
from reconciler.cli.main import Invocation
from reconciler.cli.wiring import EMBEDDED_FOLDER
from reconciler.domain.secret import Secret
from reconciler.embedded.server import DevTenantAccess, serve
from reconciler.errors import Interrupted, UsageError

_A_DAY = 86400.0


def run(invocation: Invocation) -> int:
    """Print a Tenant manifest that fits, put its secrets into files, serve until a signal."""
    name = invocation.arguments.text("name") or "dev"
    stop = StopSignal()
    install(stop)
    clock = SystemClock(stop)
    with serve(name, EMBEDDED_FOLDER, port=invocation.arguments.number("port")) as access:
        secrets = invocation.arguments.path("secrets_dir") or Path(".reconciler/secrets")
        _write_secrets(name, secrets, access)
        invocation.console.data(_manifest(name, access))
        invocation.console.out.flush()
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


def _write_secrets(name: str, folder: Path, access: DevTenantAccess) -> None:
    for what, secret in (
        ("client-id", access.client_id),
        ("client-secret", access.client_secret),
        ("webhook-secret", access.webhook_secret),
    ):
        _write_secret(folder / f"{name}-{what}", secret)


def _write_secret(path: Path, secret: Secret) -> None:
    """For its owner only, from the first byte on."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o600)  # a file that was there keeps its mode otherwise
            file.write(secret.reveal())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _manifest(name: str, access: DevTenantAccess) -> str:
    return f"""\
apiVersion: reconciler/v1
kind: Tenant
metadata:
  name: {name}
spec:
  dialect: genesys
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
