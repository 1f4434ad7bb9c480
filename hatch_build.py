"""The metadata that follow from the project's address: its links, and README with whole ones."""

import re
import runpy
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

ELSEWHERE = r"(?![a-z]+:|#|/)"
PICTURE = re.compile(rf'(!\[[^\]]*\]\(|\b(?:src|srcset)="){ELSEWHERE}')
LINK = re.compile(rf'(\]\(|\bhref="){ELSEWHERE}')


class AddressHook(MetadataHookInterface):
    """A hook of hatchling: an index shows README where no file is beside it."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in `readme` and `urls`, by the one constant that knows where the project lives."""
        root = Path(self.root)
        installation = runpy.run_path(str(root / "reconciler/installation.py"))
        address, note = installation["ADDRESS"], installation["address_note"]()
        tag = f"v{runpy.run_path(str(root / 'reconciler/__init__.py'))['__version__']}"
        text = (root / "README.md").read_text(encoding="utf-8")
        if note != address:
            text = f"{text}\nThe links lead to {note}.\n"
        text = PICTURE.sub(rf"\g<1>{address}/raw/{tag}/", text)
        text = LINK.sub(rf"\g<1>{address}/blob/{tag}/", text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = {
            "Source": address,
            "Documentation": f"{address}/blob/{tag}/docs/install.md",
            "Changelog": f"{address}/blob/{tag}/CHANGELOG.md",
            "Issues": f"{address}/issues",
        }
