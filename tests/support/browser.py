"""Chromium, headless, as a person would use it; tests are skipped where there is none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="NO CHROMIUM: nothing looks at the page; install Debian's chromium"
)


@contextmanager
def shown(file: Path, *, scheme: str = "light", width: int = 1200) -> Iterator[Page]:
    """The page of a file in a browser without a network; what it asks for fails the test."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(
            offline=True,
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": width, "height": 900},
        )
        page = context.new_page()
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        page.goto(file.as_uri())
        yield page
        browser.close()
    assert requested == [file.as_uri()]
