"""The text of metrics: what Prometheus' own parsers read of it, whatever the labels hold."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families as plain_families

from reconciler.adapters.metrics import metrics_text
from reconciler.domain.metrics import Latencies, Metric, MetricFamily

Parser = Callable[[str], Iterable[Any]]
HOSTILE = (
    'a"} 1\nreconciler_evil{x="',
    "back\\slash\\n",
    "# EOF\n# HELP x y",
    "two\nlines\r\n",
    "{tenant=\"x\"}",
    "ünïcode \u202e \u2028",
    "",
)  # fmt: skip


def text_of(*labels: str) -> str:
    found = tuple(Metric(("acme", label), number) for number, label in enumerate(labels))
    family = MetricFamily("reconciler_x", "Of x.", ("tenant", "attribute"), found)
    seconds = Latencies("reconciler_y_seconds", "Of y.", (0.1, 0.2))
    empty = MetricFamily("reconciler_z", "Of nothing.", (), ())
    return metrics_text((family, seconds, empty))


# The textfile collector has the parser of the plain format, which takes the rest for comments.
@pytest.mark.parametrize("parser", [openmetrics_families, plain_families])
def test_whatever_stands_in_a_label_comes_back_as_it_was(parser: Parser) -> None:
    families = {each.name: each for each in parser(text_of(*HOSTILE))}

    assert families.keys() == {"reconciler_x", "reconciler_y_seconds"}
    found = {each.labels["attribute"]: each.value for each in families["reconciler_x"].samples}
    assert found == {label: number for number, label in enumerate(HOSTILE)}
    assert families["reconciler_x"].type == "gauge"
    assert families["reconciler_y_seconds"].type == "summary"


def test_the_text_ends_as_openmetrics_ends() -> None:
    assert text_of("x").endswith("# EOF\n")
    assert metrics_text(()) == "# EOF\n"
