"""A small SCIM client for the tests: a token, and requests below the base URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from reconciler.domain.jsontext import Json
from reconciler.embedded import DevTenantAccess, DevTenantSetup, Faults, serve

HR = "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:HRExtension"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"


@dataclass
class TestClock:
    """A clock that stands still until a test moves it."""

    __test__ = False
    moment: datetime = field(default_factory=lambda: datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class Client:
    """Speaks to one running tenant, as a client that holds a token."""

    access: DevTenantAccess
    session: requests.Session
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> str:
        return self.access.base_url.removesuffix("/scim/v2")

    def credentials(self) -> tuple[str, str]:
        return self.access.client_id.reveal(), self.access.client_secret.reveal()

    def renew_token(self) -> requests.Response:
        client_id, client_secret = self.credentials()
        answer = self.session.post(
            self.access.token_url,
            data={
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": client_secret,
            },
            timeout=10,
        )
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return answer

    def send(
        self,
        method: str,
        path: str,
        document: Json = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> requests.Response:
        """One request below the base URL, with the token."""
        return self.session.request(
            method,
            self.access.base_url + path,
            json=document,
            headers={**self.headers, **(headers or {})},
            params=params,
            timeout=10,
        )

    def raw(self, method: str, path: str, body: bytes = b"") -> requests.Response:
        """One request below the server's root, without a token."""
        return self.session.request(method, self.root + path, data=body, timeout=10)

    def break_with(self, faults: Faults) -> None:
        answer = self.session.put(self.root + "/_dev/faults", json=faults.to_json(), timeout=10)
        assert answer.status_code == 200, answer.text


@contextmanager
def connected(access: DevTenantAccess) -> Iterator[Client]:
    with requests.Session() as session:
        session.trust_env = False
        client = Client(access, session)
        client.renew_token()
        yield client


@contextmanager
def running(
    folder: Path,
    clock: TestClock,
    faults: Faults | None = None,
    *,
    setup: DevTenantSetup | None = None,
) -> Iterator[Client]:
    """A tenant called `local` in that folder, and a client of it."""
    setup, faults = setup or DevTenantSetup(), faults or Faults()
    with (
        serve("local", folder, faults=faults, clock=clock, setup=setup) as access,
        connected(access) as client,
    ):
        yield client


def extension(urn: str = HR, **members: Json) -> dict[str, Json]:
    """The tutorial's schema, or another under that URN."""
    return {
        "id": urn,
        "name": urn.rpartition(":")[2],
        "description": "Automated HR integration extension",
        "attributes": [
            {"name": "hrDepartmentCode", "type": "string", "caseExact": True},
            {"name": "isContractor", "type": "boolean"},
            {"name": "payrollStartDate", "type": "dateTime", "mutability": "immutable"},
            {
                "name": "badges",
                "type": "complex",
                "multiValued": True,
                "subAttributes": [
                    {"name": "value", "type": "string"},
                    {"name": "level", "type": "integer"},
                ],
            },
        ],
        **members,
    }
