"""The folders in which the contenders work: fleets of several sizes, and stores with a past."""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.bench.measuring import Command
from tests.support.distant import far_away
from tests.support.fleet.manifests import ENVIRON, Fleet
from tests.support.fleet.schemas import extension
from tests.support.fleet.service import Running
from tests.support.postgres import started_server

PROGRAM = str(Path(sys.executable).with_name("reconciler"))
FLOOR, QUERY = (str(Path(__file__).with_name(name)) for name in ("floor.py", "query.py"))
EXTENSIONS = 5


@dataclass(frozen=True)
class World:
    """A temporary folder, and the service that all fleets are at."""

    folder: Path
    service: Running
    stack: ExitStack  # what is opened for a contest, until all are held
    numbers: Iterator[int] = field(default_factory=count)

    def distant_database(self, seconds: float) -> tuple[str, str]:
        """A new database on a server so far away, each way: for libpq, and for `--state`."""
        server = self.stack.enter_context(started_server())
        port = self.stack.enter_context(far_away(server.port, seconds))
        place = f"postgres@127.0.0.1:{port}/{server.new()}"
        return f"postgresql://{place}", f"postgresql+psycopg://{place}"

    def fleet(
        self,
        tenants: int,
        *,
        extensions: int = EXTENSIONS,
        live: int = EXTENSIONS,
        webhooks: bool = False,
        own: bool = False,
        in_rows: bool = False,
    ) -> "Site":
        folder = self.folder / f"{next(self.numbers)}"
        fleet = Fleet(
            origin=self.service.origin,
            tenants=tenants,
            extensions=extensions,
            live=live,
            webhooks=webhooks,
            own=own,
            in_rows=in_rows,
        )
        fleet.write(folder / "desired-state")
        (folder / "roots").write_text("\n".join(map(fleet.root, fleet.names)))
        return Site(folder, fleet, self.service)


@dataclass(frozen=True)
class Site:
    """A working directory with the desired state of a fleet."""

    path: Path
    fleet: Fleet
    service: Running

    def ours(
        self, *words: str, delay: float = 0.0, hr: int = 204, store: Path | None = None
    ) -> Command:
        """The program, each time on the fleet as it was and on an empty store, or a copy of one."""

        def before() -> None:
            self.service.set(reset=True, delay=delay, hr=hr)
            shutil.rmtree(self.path / ".reconciler", ignore_errors=True)
            if store is not None:
                shutil.copytree(store, self.path / ".reconciler")

        return Command((PROGRAM, *words), self.path, ENVIRON, before)

    def floor(self, name: str, *arguments: object, delay: float = 0.0) -> Command:
        """A floor, on the fleet as it was."""

        def before() -> None:
            self.service.set(reset=True, delay=delay, hr=204)
            for left in self.path.glob("floor.db*"):
                left.unlink()

        words = (sys.executable, FLOOR, name, *map(str, arguments))
        return Command(words, self.path, {}, before)

    def bodies(self, *indexes: int) -> Path:
        """Extensions as files, for the floors."""
        folder = self.path / "bodies"
        folder.mkdir()
        for index in indexes:
            (folder / f"{index}.json").write_text(json.dumps(extension(index)))
        return folder

    @property
    def store(self) -> Path:
        """Where a run in this folder keeps its store."""
        return self.path / ".reconciler"
