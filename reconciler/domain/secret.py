"""Secret: a value that is used and never shown."""

from typing import NoReturn


class Secret:
    """A credential in memory; printing, formatting or logging it shows only `Secret(…)`.

    No dataclass: `asdict` of whatever holds it would unfold it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends or signs with it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __deepcopy__(self, _: object) -> "Secret":
        return self

    def __reduce__(self) -> NoReturn:
        """Raise TypeError: no secret leaves its process, in whatever it stands."""
        raise TypeError("a secret is not pickled: where it is needed, it is read")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)
