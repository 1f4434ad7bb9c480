"""Metrics → the text of OpenMetrics, which Prometheus' textfile collector reads."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest

from reconciler.domain.metrics import Latencies, Metrics, quantiles


def metrics_text(metrics: Metrics) -> str:
    """The text of a file; families without a number are left out."""
    written: bytes = generate_latest(_Collected(metrics))
    return written.decode()


class _Collected:
    """What the exposition takes for a registry."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return _families(self._metrics)


def _families(metrics: Metrics) -> Iterator[Metric]:
    for each in metrics:
        if isinstance(each, Latencies):
            if each.seconds:
                yield _summary(each)
        elif each.metrics:
            family = GaugeMetricFamily(each.name, each.help, labels=each.labels)
            for metric in each.metrics:
                family.add_metric(metric.labels, metric.value)
            yield family


def _summary(latencies: Latencies) -> Metric:
    family = Metric(latencies.name, latencies.help, "summary", "seconds")
    for share, seconds in quantiles(latencies.seconds):
        family.add_sample(latencies.name, {"quantile": str(share)}, seconds)
    family.add_sample(f"{latencies.name}_count", {}, len(latencies.seconds))
    family.add_sample(f"{latencies.name}_sum", {}, sum(latencies.seconds))
    return family
