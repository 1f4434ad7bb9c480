"""Traces for OpenTelemetry: a span for a run, for each tenant, and for each request."""

import threading
import time
from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode

from reconciler import __version__
from reconciler.facts import Fact, Telling, Value, telling
from reconciler.occurrences import (
    Occurrence,
    RequestEnded,
    TenantBegun,
    TenantEnded,
    tenant_at_work,
)

LAST = 3.0  # seconds that a receiver has for what is left when the run is over
_HURRIED = 0.5  # seconds of these after a signal


class Traces:
    """The spans of one run, sent to where the variables OTEL_* say.

    A receiver that is down, or slow, costs spans and nothing else.
    """

    def __init__(self, *, command: str, run_id: str) -> None:
        name = Resource({"service.name": "reconciler", "service.version": __version__})
        self._provider = TracerProvider(
            resource=name.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("reconciler", __version__)
        self._run = self._tracer.start_span(
            f"reconciler {command}",
            attributes=_attributes({Fact.RUN_ID: run_id, Fact.COMMAND: command}),
        )
        self._run_id = run_id
        self._lock = threading.Lock()
        self._tenants: dict[str, Span] = {}
        self._ended: dict[str, int] = {}

    def __call__(self, occurrence: Occurrence) -> None:
        """Make a span of a request, and an event of what else is worth it."""
        if (found := telling(occurrence)) is None:
            return
        named = found.facts.get(Fact.TENANT, tenant_at_work())
        span = self._run if named is None else self._tenant(str(named))
        match occurrence:
            case RequestEnded():
                self._request(occurrence, found, span)
            case TenantBegun():
                pass
            case TenantEnded(tenant=tenant, failure=failure):
                self._ended[tenant] = time.time_ns()
                if failure is not None:
                    span.set_status(StatusCode.ERROR, failure)
            case _:
                span.add_event(found.event, _attributes(found.facts))

    def end(self, code: int, *, hurry: bool) -> None:
        """End all spans, and send what was not sent yet, within a few seconds."""
        now = time.time_ns()
        for tenant, span in self._tenants.items():
            span.end(self._ended.get(tenant, now))
        self._run.set_attributes(_attributes({Fact.EXIT_CODE: code}))
        if code not in (0, 2):
            self._run.set_status(StatusCode.ERROR)
        self._run.end()
        # In a thread, for what sends has a patience of its own.
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_HURRIED if hurry else LAST)

    def _tenant(self, name: str) -> Span:
        with self._lock:
            if name not in self._tenants:
                self._tenants[name] = self._tracer.start_span(
                    f"tenant {name}",
                    trace.set_span_in_context(self._run),
                    attributes=_attributes({Fact.TENANT: name, Fact.RUN_ID: self._run_id}),
                )
            return self._tenants[name]

    def _request(self, ended: RequestEnded, found: Telling, above: Span) -> None:
        now = time.time_ns()
        span = self._tracer.start_span(
            ended.method,
            trace.set_span_in_context(above),
            kind=SpanKind.CLIENT,
            attributes=_attributes(found.facts),
            start_time=now - round(ended.seconds * 1e9),
        )
        if ended.status is None or ended.status >= 400:
            span.set_status(StatusCode.ERROR, ended.lost)
        span.end(now)


def _attributes(facts: Mapping[Fact, Value]) -> dict[str, Value]:
    return {fact.attribute: value for fact, value in facts.items()}
