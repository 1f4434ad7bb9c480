"""The made parts of pages are what `make docs` would write."""

from reconciler.domain.explaining import KINDS
from tests.support import (
    architecture_page,
    commands_page,
    facts_page,
    man_page,
    manifest_keys,
    settings_schema,
)


def test_the_page_of_commands_is_what_make_docs_would_write() -> None:
    assert commands_page.PAGE.read_text() == commands_page.commands_page()


def test_the_architecture_page_is_what_make_docs_would_write() -> None:
    text = architecture_page.PAGE.read_text()

    assert text == architecture_page.with_parts(text)


def test_the_tables_of_manifest_keys_are_what_make_docs_would_write() -> None:
    text = manifest_keys.page_text()

    assert manifest_keys.PAGE.read_text() == text
    assert text.count("| key of `spec` | value | default | meaning |") == len(KINDS)


def test_the_json_schema_of_settings_is_what_make_docs_would_write() -> None:
    assert settings_schema.FILE.read_text() == settings_schema.settings_schema()


def test_the_table_of_names_is_what_make_docs_would_write() -> None:
    text = facts_page.PAGE.read_text()

    assert text == facts_page.with_table(text)


def test_the_manual_page_is_what_make_docs_would_write() -> None:
    assert man_page.PAGE.read_text() == man_page.man_page()
