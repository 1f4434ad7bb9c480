"""Problem: something wrong in a manifest, and the place where it is written."""

from dataclasses import dataclass
from enum import StrEnum

Pointer = tuple[str | int, ...]
"""The place of a member within a document: keys and indices."""


class Severity(StrEnum):
    """The weight of a Problem; only an error stops a run."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file; line and column count from 1."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong in a manifest, at its place.

    A breaking change also says whom it hurts (`consumers`) and what to do instead (`recipe`).
    """

    place: Place
    severity: Severity
    rule: str
    message: str
    recipe: str = ""
    consumers: tuple[str, ...] = ()

    def __str__(self) -> str:
        at = f"{self.place.path}:{self.place.line}:{self.place.column}"
        return f"{at}: {self.severity}[{self.rule}]: {self.text}"

    @property
    def text(self) -> str:
        """The message, whom it hurts, and what to do, on one line."""
        whom = f" ({', '.join(self.consumers)})" if self.consumers else ""
        return f"{self.message}{whom}" + (f"; {self.recipe}" if self.recipe else "")
