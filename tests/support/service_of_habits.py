"""A service of known habits, and the two manifests that tests plan and apply against it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import Random
from ssl import SSLContext

from reconciler.domain.jsontext import Json
from tests.support.fakes import FakeClock
from tests.support.faultserver import FaultServer, Received, Script, serving
from tests.support.habits import Habits
from tests.support.simulation import Request, SimulatedTenant
from tests.support.sockets import script

TENANT = """
apiVersion: reconciler/v1
kind: Tenant
metadata: {{name: acme}}
spec:
  dialect: {dialect}
  baseUrl: {url}
  auth: {{type: bearer, token: {{env: ACME_TOKEN}}}}
"""
EXTENSION = """
apiVersion: reconciler/v1
kind: SchemaExtension
metadata: {{name: hr}}
spec:
  onDrift: update
  manages: attributes
  schema:
    id: {urn}
    name: {name}
    attributes:
      - {{name: grade, type: string, idcsDisplayName: Grade}}
      - {{name: {new}, type: string, idcsDisplayName: New}}
"""


@contextmanager
def service(habits: Habits, *stored: Mapping[str, Json]) -> Iterator[FaultServer]:
    with served(simulated(habits, *stored)) as server:
        yield server


def simulated(habits: Habits, *stored: Mapping[str, Json]) -> SimulatedTenant:
    return SimulatedTenant(
        clock=FakeClock(), draw=lambda _: None, random=Random(0), habits=habits,
        stored=[dict(each) for each in stored],
    )  # fmt: skip


@contextmanager
def served(tenant: SimulatedTenant, tls: SSLContext | None = None) -> Iterator[FaultServer]:
    def handle(request: Received) -> Script:
        sent = Request(request.method, request.target, request.headers, request.body)
        return script(*tenant.respond(sent), elsewhere="")

    with serving(handle, tls) as server:
        yield server
