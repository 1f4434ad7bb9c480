"""Traces of real runs, taken by a receiver that decodes them; and receivers that are not there."""

import socket
import time
from collections.abc import Iterator

import pytest

from reconciler.facts import Fact
from tests.support.fleet.manifests import CLIENT_SECRET, ENVIRON, WEBHOOK_SECRET
from tests.support.fleet.places import APPLY, Place, fleet, place, service
from tests.support.otlp import Receiver, attributes, receiving
from tests.support.program import Folder

__all__ = ["place", "service"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def folder_of(place: Place, tenants: int = 2, *, missing: int = 0) -> Folder:
    return Folder(place.folder_of(fleet(place.service, tenants, missing=missing)), ENVIRON)


def test_an_apply_is_a_span_with_one_for_each_tenant_and_each_request(
    place: Place, receiver: Receiver
):
    folder = folder_of(place, missing=1)

    done = folder.run(*APPLY, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)

    assert done.code == 0, done.everything
    [run] = receiver.named("reconciler apply")
    tenants = receiver.named("tenant ")
    assert {span.name for span in tenants} == {"tenant acme-00000", "tenant acme-00001"}
    assert len(tenants) == 2
    assert {span.parent_span_id for span in tenants} == {run.span_id}
    requests = receiver.named("GET") + receiver.named("POST")
    assert {span.parent_span_id for span in requests} == {span.span_id for span in tenants}
    assert {span.trace_id for span in receiver.spans} == {run.trace_id}
    assert len(requests) + 3 == len(receiver.spans)
    for span in requests:
        assert run.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano


def test_the_attributes_of_spans_are_those_of_the_table(place: Place, receiver: Receiver):
    folder = folder_of(place, missing=1)

    folder.run(*APPLY, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)

    known = {fact.attribute for fact in Fact}
    for span in receiver.spans:
        assert attributes(span).keys() <= known
        for event in span.events:
            assert {each.key for each in event.attributes} <= known
    [run] = receiver.named("reconciler apply")
    of_run = attributes(run)
    assert of_run["reconciler.run_id"] == folder.audit()[0]["run_id"]
    assert of_run["reconciler.exit_code"] == 0
    [create] = [
        span
        for span in receiver.named("POST")
        if attributes(span)["url.path"] == "/like-2/acme-00000/scim/v2/Schemas"
    ]
    assert attributes(create)["http.response.status_code"] == 201
    assert receiver.resource["service.name"] == "reconciler"


def test_no_secret_is_in_a_span(place: Place, receiver: Receiver):
    folder_of(place, missing=1).run(*APPLY, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)

    sent = b"".join(receiver.bodies)
    for secret in (CLIENT_SECRET, WEBHOOK_SECRET, WEBHOOK_SECRET.removeprefix("whsec_"), "Bearer"):
        assert secret.encode() not in sent


def test_what_the_variables_say_counts(place: Place, receiver: Receiver):
    folder = folder_of(place)
    named = {"OTEL_SERVICE_NAME": "hr", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=prod"}

    folder.run("plan", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{receiver.url}/v1/traces", **named)

    assert receiver.resource["service.name"] == "hr"
    assert receiver.resource["deployment.environment"] == "prod"


@pytest.mark.parametrize("off", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_traces_can_be_turned_off(place: Place, receiver: Receiver, off):
    folder_of(place).run("plan", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **off)

    assert receiver.bodies == []


def test_a_receiver_that_is_down_changes_neither_code_nor_output(place: Place):
    folder = folder_of(place)
    began = time.monotonic()
    plain = folder.run("plan")
    took = time.monotonic() - began

    began = time.monotonic()
    done = folder.run("plan", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")

    assert (done.code, done.out) == (plain.code, plain.out)
    assert done.err.count("\n") == plain.err.count("\n")
    assert time.monotonic() - began < took + 10


def test_a_receiver_that_hangs_delays_the_end_by_seconds(place: Place):
    folder = folder_of(place)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        done = folder.run(
            "plan", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}"
        )

    assert done.code == 0
    assert time.monotonic() - began < 30  # of which 3 for the receiver
