"""The lines that the page about progress, logs and traces shows are lines as they are made."""

import re

from tests.support.pages import blocks

FORMS = (
    r"(?:plan|apply): \d+ of \d+ tenants(?:, \d+ failed)?, \d+\.\d/s, \d+ s; slowest: \S+, \d+ s",
    r"(?:plan|apply): \S+ (?:done in|could not be read,) \d+\.\d s \(\d of \d(?:, \d failed)?\)",
    r"\S+/\S+: (?:created in \d+\.\d s|Still creating… \d+ s)",
    r"\d{4}-\d\d-\d\dT[\d:.]+Z info run=[0-9a-f]{32}(?: tenant=\S+)?: .+",
    r"export OTEL_EXPORTER_OTLP_ENDPOINT=\S+",
)


def test_each_line_of_the_page_has_the_form_of_one_that_is_made():
    lines = [line for _, text in blocks("docs/watching.md") for line in text.splitlines()]

    assert lines
    assert [line for line in lines if not any(re.fullmatch(form, line) for form in FORMS)] == []
