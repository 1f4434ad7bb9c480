"""reconciler.toml: a table of values and the line of each; it alone reads TOML."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.errors import UsageError

MAX_BYTES = 16 * 1024

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The text of a file, and what it says; `path` is for messages."""

    path: str
    text: str
    values: Mapping[str, Any]

    @classmethod
    def of(cls, path: str, data: bytes) -> "SettingsFile":
        """The file of these bytes; raises UsageError where they are no TOML, or too many."""
        if len(data) > MAX_BYTES:
            raise UsageError(f"{path}: more than {MAX_BYTES // 1024} KiB; keep settings alone here")
        try:
            text = data.decode("utf-8-sig")  # editors of Windows write a BOM
        except UnicodeDecodeError as error:
            raise UsageError(f"{path}: no text in UTF-8; save it as such") from error
        text = text.replace("\r\n", "\n")
        try:
            return cls(path, text, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{path}: no TOML: {error}") from error
        except (ValueError, RecursionError) as error:  # of numbers and brackets without end
            raise UsageError(f"{path}: no TOML that anybody means") from error

    def settings(self) -> "Iterator[Setting]":
        """Each value that it sets; the tables within a table are values."""
        for name, value in self.values.items():
            if isinstance(value, dict) and value:
                yield from (Setting(self, (name, inner), value[inner]) for inner in value)
            else:
                yield Setting(self, (name,), value)

    def place(self, key: Key) -> str:
        """The path and the line at which the statement of a key begins."""
        lines = self.text.split("\n")
        begins = 0
        for end in range(1, len(lines)):
            values = _parsed("\n".join(lines[:end]))
            if values is None:
                continue  # in the middle of a text or an array
            if _has(values, key):
                break
            begins = end
        return f"{self.path}:{begins + 1}"


@dataclass(frozen=True, slots=True)
class Setting:
    """A value by its key: `("deadlines", "read")` of `read` in the table `deadlines`."""

    file: SettingsFile
    key: Key
    value: Any

    @property
    def name(self) -> str:
        """The key as it is shown."""
        return ".".join(self.key)

    @property
    def place(self) -> str:
        """The path, the line and the key, for a message."""
        return f"{self.file.place(self.key)}: {self.name}"


def _parsed(text: str) -> Mapping[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _has(values: Any, key: Key) -> bool:
    for name in key:
        if not (isinstance(values, dict) and name in values):
            return False
        values = values[name]
    return True
