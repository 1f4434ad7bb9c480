"""The short names of extensions in a table, and below it the URN of each, once."""

from reconciler.render.paint import Paint
from reconciler.render.plain_text import visible


class ExtensionNames:
    """The names that a table shows: those of manifests, which `--target` takes."""

    __slots__ = ("_urns",)

    def __init__(self) -> None:
        self._urns: dict[tuple[str, str], None] = {}

    def cell(self, name: str | None, schema_id: str | None) -> str:
        """The name of an extension; the URN where it has none, and `-` without either."""
        if schema_id is None:
            return "-"
        urn = visible(schema_id)
        if not name:
            return urn
        self._urns[visible(name), urn] = None
        return visible(name)

    def cell_of_change(self, change: str | None, schema_id: str | None) -> str:
        """The same, by the plan's id of a change: TENANT/NAME."""
        return self.cell(str(change or "").partition("/")[2], schema_id)

    def foot(self, paint: Paint) -> str:
        """The URN that each name stands for; empty where the table has no name."""
        if not self._urns:
            return ""
        width = max(len(name) for name, _ in self._urns)
        lines = (f"  {name:<{width}}  {urn}\n" for name, urn in sorted(self._urns))
        return f"\n{paint('bold', 'Extensions')}\n{''.join(lines)}"
