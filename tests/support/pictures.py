"""The pictures of README, light and dark: a plan in a terminal, and the comment of a pull request.

`python -m tests.support.pictures` (`make pictures`) draws them of what the program prints; it needs
Chromium for the comment.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME, TerminalTheme
from rich.text import Text

from tests.support.browser import shown
from tests.support.git import WHO
from tests.support.pages import stage
from tests.support.program import ROOT

PICTURES = ROOT / "docs/pictures"
COLUMNS = 100
THEMES = {"light": DEFAULT_TERMINAL_THEME, "dark": SVG_EXPORT_THEME}
# That of rich, without the font that it would fetch from elsewhere.
SVG = (ROOT / "tests/data/terminal.svg").read_text()
STYLE = (ROOT / "tests/data/comment.css").read_text()


def story(folder: Path) -> Path:
    """Two tenants that are in sync, and a pull request that adds an attribute to both."""
    path = stage(folder).path
    tenant = path / "desired-state/tenants/local.yaml"
    beside = tenant.read_text().replace("name: local", "name: local-eu")
    (path / "desired-state/tenants/local-eu.yaml").write_text(
        beside.replace("embedded://local", "embedded://local-eu")
    )
    program(path, "apply", "--auto-approve", "-q")
    extension = path / "desired-state/extensions/hr-extension.yaml"
    text = extension.read_text().replace(
        "spec:\n",
        'spec:\n  onDrift: update\n  owners: {exposing: ["@acme/privacy"]}\n'
        "  personal: [badgeNumber]\n",
    )
    extension.write_text(text + "      - {name: badgeNumber, type: string, returned: always}\n")
    return path


def program(folder: Path, *arguments: str) -> str:
    """What the program prints in a terminal of so many columns, with its colours."""
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", *arguments],
        cwd=folder,
        env={**WHO, "PATH": os.environ["PATH"], "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def terminal_picture(text: str, theme: TerminalTheme) -> str:
    """A text with colours as a terminal shows it, as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(text))
    return console.export_svg(
        title="reconciler plan", theme=theme, code_format=SVG, unique_id="plan"
    )


def comment_page(markdown: str) -> str:
    """The comment as GitHub shows it, near enough: its Markdown as HTML, in a frame."""
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    signs = {"+": "add", "-": "del"}
    painted = re.sub(
        r'(?m)^(<pre><code class="language-diff">)?([+-]) (.*)$',
        lambda m: f'{m[1] or ""}<span class="{signs[m[2]]}">{m[2]} {m[3]}</span>',
        body,
    )
    head = "<b>github-actions</b> commented"
    return (
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><div class=comment>"
        f"<div class=head>{head}</div><div class=body>{painted}</div></div>"
    )


def main() -> None:
    """Draw all of them anew."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = story(Path(folder))
        text = program(path, "plan", "--markdown", "plan.md")
        page = path / "comment.html"
        page.write_text(comment_page((path / "plan.md").read_text()))
        for scheme, theme in THEMES.items():
            (PICTURES / f"plan-{scheme}.svg").write_text(terminal_picture(text, theme))
            with shown(page, scheme=scheme, width=900) as browser:
                file = PICTURES / f"comment-{scheme}.png"
                browser.locator("body").screenshot(path=file)


if __name__ == "__main__":
    main()
