"""A folder whose one tenant is built in and has users, and whose manifest can hurt them."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.people import URN, Extension, store_users, users
from tests.support.program import Folder

Attributes = Mapping[str, Mapping[str, Any]]
NEW = "urn:example:2.0:User:New"


@dataclass(frozen=True)
class ImpactWorld:
    """The tenant `local`, to which HR was deployed with the attributes that it was made with."""

    folder: Folder
    tenants: tuple[str, ...] = ("local",)

    @classmethod
    def deployed(
        cls, path: Path, attributes: Attributes, tenants: tuple[str, ...] = ("local",)
    ) -> "ImpactWorld":
        made = cls(Folder(path), tenants)
        made.want(attributes)
        done = made.folder.run("apply", "--auto-approve")
        assert done.code == 0, done.everything
        return made

    def want(self, attributes: Attributes, *, new: bool = False, **spec: Any) -> None:
        """Write the manifests anew; with `new` there is one more schema to create."""
        documents: list[Any] = [
            {
                "kind": "Tenant",
                "metadata": {"name": name},
                "spec": {"dialect": "rfc7644", "baseUrl": f"embedded://{name}"},
            }
            for name in self.tenants
        ]
        listed = [{"name": name, **members} for name, members in attributes.items()]
        documents.append(_extension("hr", URN, listed, spec))
        if new:
            documents.append(_extension("new", NEW, [{"name": "a"}], {}))
        text = "\n---\n".join(json.dumps({"apiVersion": "reconciler/v1", **d}) for d in documents)
        self.folder.write("desired-state/all.yaml", text + "\n")

    def populate(
        self, number: int, extension: Callable[[int], Extension | None], tenant: str = "local"
    ) -> None:
        store_users(self.store(tenant), users(number, extension))

    def store(self, tenant: str = "local") -> Path:
        return self.folder.path / f".reconciler/embedded/{tenant}.db"

    def query(self, statement: str) -> Any:
        with closing(sqlite3.connect(self.store())) as shell:
            return shell.execute(statement).fetchone()[0]

    def impact(self, *arguments: str) -> dict[tuple[str, str], tuple[Any, Any, str]]:
        """What a plan says of each measure of HR on the first tenant."""
        done = self.folder.run("plan", "--impact", "--format", "json", *arguments)
        assert done.code == 0, done.everything
        return impact_in(json.loads(done.out))


def impact_in(plan: Any) -> dict[tuple[str, str], tuple[Any, Any, str]]:
    (change,) = (c for c in plan["tenants"][0]["changes"] if c["manifest"] == "hr")
    return {(m["path"], m["kind"]): (m["users"], m["of"], m["risk"]) for m in change["impact"]}


def _extension(name: str, urn: str, attributes: list[Any], spec: Mapping[str, Any]) -> Any:
    schema = {"id": urn, "name": name, "attributes": attributes}
    metadata = {"name": name}
    return {"kind": "SchemaExtension", "metadata": metadata, "spec": {"schema": schema, **spec}}
