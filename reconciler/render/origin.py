"""Origin: the job that made a plan, and when: what a comment says of it, and links to."""

import posixpath
from dataclasses import dataclass
from urllib.parse import quote

from reconciler.domain.documents import SourceDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """When a plan was made, in words, the page of the run, and the page of the folder it ran in.

    None where that is not known. Both are URLs of ours, with nothing in them that Markdown obeys.
    """

    at: str
    run: str | None = None
    files: str | None = None

    def link(self, source: SourceDocument) -> str | None:
        """The page of a manifest at its line; None outside of the repository."""
        path = posixpath.normpath(source["path"])
        if self.files is None or path.startswith(("/", "..")):
            return None
        # Whatever is left is a letter, a digit or one of -._~/, so nothing ends the link.
        return f"{self.files}/{quote(path)}#L{source['line']}"
