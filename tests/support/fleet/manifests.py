"""The manifests of a fleet: so many tenants of one service, so many extensions for all of them."""

from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.yaml_writer import yaml_text
from reconciler.domain.jsontext import Json
from tests.support.fleet.schemas import extension

CLIENT_SECRET = "fleet-client-secret"
WEBHOOK_SECRET = "whsec_ZmxlZXQtd2ViaG9vay1zZWNyZXQtMDEyMzQ1Njc4OQ=="
ENVIRON = {
    "FLEET_CLIENT_ID": "fleet",
    "FLEET_CLIENT_SECRET": CLIENT_SECRET,
    "FLEET_WEBHOOK_SECRET": WEBHOOK_SECRET,
}


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """`live` is how many of the extensions each tenant has from the start; see the service."""

    origin: str
    tenants: int
    extensions: int
    live: int
    webhooks: bool = False
    origins: int = 1  # how many addresses of this machine the tenants are spread over
    own: bool = False  # whether each tenant's documents say where they are, so no two are alike
    page_size: int | None = None
    one_client: bool = False  # whether all tenants are reached with one token
    in_rows: bool = False  # whether the tenants are rows of a TenantSet, all at one address

    def write(self, folder: Path) -> Path:
        """A desired state in the folder, which is made."""
        for index in range(self.extensions):
            spec: Json = {"schema": extension(index)}
            _write(folder / f"extensions/department-{index}.yaml", "SchemaExtension", spec)
        if self.in_rows:
            tenants: Json = {"rows": "rows.csv", "template": self._tenant("{name}")}
            _write(folder / "tenants/fleet.yaml", "TenantSet", tenants)
            (folder / "tenants/rows.csv").write_text("\n".join(("name", *self.names)))
            return folder
        for name in self.names:
            _write(folder / f"tenants/{name}.yaml", "Tenant", self._tenant(name))
        return folder

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"acme-{number:05}" for number in range(self.tenants))

    def root(self, name: str) -> str:
        """Where a tenant is; its token endpoint and its SCIM service are below."""
        kind = f"{'own' if self.own else 'like'}-{self.live}"
        return f"{self._origin(name)}/{kind}/{name}"

    def _origin(self, name: str) -> str:
        if self.origins == 1:
            return self.origin
        host = 1 + int(name[-5:]) % self.origins
        return self.origin.replace("127.0.0.1", f"127.0.0.{host}")

    def _tenant(self, name: str) -> Json:
        root = self.root(name)
        auth = {
            "type": "oauth2-client-credentials",
            "tokenUrl": f"{self.origin}/like-0/any/token" if self.one_client else f"{root}/token",
            "clientId": {"env": "FLEET_CLIENT_ID"},
            "clientSecret": {"env": "FLEET_CLIENT_SECRET"},
        }
        spec: Json = {"dialect": "rfc7644", "baseUrl": f"{root}/scim/v2", "auth": auth}
        if self.page_size is not None:
            spec["capabilities"] = {"pageSize": self.page_size}
        if self.webhooks:
            secret = {"env": "FLEET_WEBHOOK_SECRET"}
            spec["webhooks"] = [{"url": f"{self.origin}/hr", "secret": secret}]
        return spec


def _write(path: Path, kind: str, spec: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"name": path.stem}
    members = {"apiVersion": "reconciler/v1", "kind": kind, "metadata": metadata, "spec": spec}
    path.write_text(yaml_text(members))
