"""The tables of keys in docs/reference/manifests.md, made from schemas/manifest.json.

`python -m tests.support.manifest_keys` (`make docs`) writes them anew.
"""

import json
import re
from collections.abc import Iterator

from reconciler.domain.explaining import Key, ManifestKeys
from tests.support.program import ROOT

PAGE = ROOT / "docs/reference/manifests.md"
MANIFEST = ROOT / "reconciler/schemas/manifest.json"
ELSEWHERE = (("spec", "capabilities"), ("spec", "schema", "attributes", "subAttributes"))
_MARK = re.compile(
    r"(?P<mark><!-- keys of (?P<kind>\w+), made from schemas/manifest.json by `make docs` -->\n\n)"
    r"(\|[^\n]*\n)*"
)


def page_text() -> str:
    """The page with these tables in it."""
    keys = ManifestKeys(json.loads(MANIFEST.read_text()))

    def table(found: re.Match[str]) -> str:
        spec = keys.at(found["kind"], ("spec",))
        assert spec is not None
        head = ("| key of `spec` | value | default | meaning |", "| --- | --- | --- | --- |")
        return found["mark"] + "".join(f"{line}\n" for line in (*head, *_rows(keys, spec)))

    return _MARK.sub(table, PAGE.read_text())


def _rows(keys: ManifestKeys, holder: Key) -> Iterator[str]:
    for key in keys.below(holder):
        words = key.description.replace("|", "\\|")
        if key.only_for:
            words = f"With `type: {'` or `'.join(key.only_for)}`. {words}"
        default = "required" if key.required else f"`{key.default}`" if key.default else ""
        value = ", ".join(f"`{each}`" for each in key.choices) or key.type
        yield f"| `{'.'.join(key.path[1:])}` | {value} | {default} | {words} |"
        # A place of a secret has the same two members everywhere.
        if key.path not in ELSEWHERE and {"env", "file"} != {k.path[-1] for k in keys.below(key)}:
            yield from _rows(keys, key)


def main() -> None:
    """Write them."""
    PAGE.write_text(page_text())


if __name__ == "__main__":
    main()
