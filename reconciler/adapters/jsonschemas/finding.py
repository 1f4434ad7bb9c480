"""Finding: one fault by a JSON Schema."""

from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: the path in the document and what is wrong; `at_key` points at the name."""

    path: Path
    message: str
    at_key: bool = False
