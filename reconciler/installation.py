"""The project's address, and the way in which the installation that runs gets an extra."""

import sys
from enum import StrEnum
from pathlib import Path

ADDRESS = "https://github.com/OWNER/reconciler"
PACKAGE = "scim-schema-reconciler"
_NO_ONE = "OWNER"  # in the place of a name


class Extra(StrEnum):
    """The extras of the package, by what each brings."""

    DASK = "dask"  # tenants on the workers of a cluster
    DEMO = "demo"  # the built-in tenant
    FAST = "fast"  # a faster validator
    JWT = "jwt"  # private keys and certificates
    OTEL = "otel"  # traces of a run
    POSTGRESQL = "postgresql"  # the state store on a server


def address_note(address: str = ADDRESS) -> str:
    """The address for a message: it says so while no project has it."""
    if _NO_ONE not in address:
        return address
    return f"{address}, where {_NO_ONE} is a placeholder: the project has no public address yet"


def way_to(extra: Extra) -> str:
    """A command that adds what the extra brings, after the way in which we were installed.

    It names the libraries, for an index need not have our own package.
    """
    needed = _libraries(extra)
    if not needed:
        return f"install with the extra {extra}; docs/install.md of the project ({address_note()})"
    import shlex

    return f"add it by: {shlex.join((*_installer(), *needed))}"


def _libraries(extra: Extra) -> tuple[str, ...]:
    """What the metadata lists for the extra; nothing where the source runs without any."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        lines = requires(PACKAGE) or []
    except PackageNotFoundError:
        return ()
    parted = (line.partition(";") for line in lines)
    marks = f"extra == '{extra}'", f'extra == "{extra}"'
    return tuple(library.strip() for library, _, mark in parted if mark.strip() in marks)


def _installer() -> tuple[str, ...]:
    from importlib.metadata import distribution

    if (Path(sys.prefix) / "pipx_metadata.json").is_file():
        return "pipx", "inject", PACKAGE
    if (distribution(PACKAGE).read_text("INSTALLER") or "").strip() == "uv":
        return "uv", "pip", "install", "--python", sys.executable
    return sys.executable, "-m", "pip", "install"
