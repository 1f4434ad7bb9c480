"""Generated populations for the tests of impact: changes, and users who hold all sorts of values.

`expected` counts as a person would, user by user and pair by pair, with nothing of our own code.
"""

from itertools import combinations
from typing import Any

from hypothesis import strategies as st

URN = "urn:example:hr"
_URI = "reference"
# By hand, from RFC 7643 section 2.3 and what that names: the types that each value is of.
SAMPLES: list[tuple[Any, set[str]]] = [
    ("text with blanks", {"string"}),
    ("plain", {"string", _URI}),
    ("word", {"string", "binary", _URI}),
    ("d29yZA==", {"string", "binary", _URI}),
    ("d29yZA", {"string", "binary", _URI}),
    ("d29yZA=", {"string", _URI}),
    ("d29_ZA==", {"string", _URI}),
    ("true", {"string", "boolean", "binary", _URI}),
    ("False", {"string", _URI}),
    (True, {"string", "boolean"}),
    (0, {"string", "integer", "decimal"}),
    (-7, {"string", "integer", "decimal"}),
    (2.5, {"string", "decimal"}),
    (3.0, {"string", "integer", "decimal"}),
    (10**30, {"string", "integer", "decimal"}),
    ("12", {"string", "integer", "decimal", "binary", _URI}),
    ("-12", {"string", "integer", "decimal", _URI}),
    ("1.5", {"string", "decimal", _URI}),
    ("1e3", {"string", "decimal", "binary", _URI}),
    ("5.0", {"string", "decimal", _URI}),
    ("1,5", {"string", _URI}),
    ("007", {"string", "binary", _URI}),
    ("+7", {"string", "binary", _URI}),
    (" 7", {"string"}),
    ("٣", {"string"}),
    ("NaN", {"string", "binary", _URI}),
    ("2026-01-31T08:00:00Z", {"string", "dateTime"}),
    ("2026-01-31T08:00:00.123+01:00", {"string", "dateTime"}),
    ("2026-01-31T24:00:00", {"string", "dateTime"}),
    ("2024-02-29T00:00:00Z", {"string", "dateTime"}),
    ("2026-02-29T00:00:00Z", {"string"}),
    ("2026-01-31", {"string", _URI}),
    ("2026-01-31 08:00:00Z", {"string"}),
    ("2026-01-31T08:00:60Z", {"string"}),
    ("12026-12-31T23:59:59-14:00", {"string", "dateTime"}),
    ("https://example.com/a?b=c#d", {"string", _URI}),
    ("https://[::1]:8080/a", {"string", _URI}),
    ("../Users/2819c223", {"string", _URI}),
    ("urn:ietf:params:scim", {"string", _URI}),
    ("https://example.com/a b", {"string"}),
    ("https://example.com/%zz", {"string"}),
    ("a#b#c", {"string"}),
    ("1:2", {"string"}),
    ({"part": "x"}, {"complex"}),
    (["x"], set()),
]
TEXTS = ("a", "A", "b", "north", "North", "NORTH", "south", "", "1")
Document = dict[str, Any]


@st.composite
def populations(draw: st.DrawFn, values: st.SearchStrategy[Any], *, several: bool) -> list[Any]:
    """What each of up to twelve users holds of one attribute; None where a user has none."""
    one = values | st.none()
    return draw(st.lists(st.lists(one, max_size=3) if several else one, max_size=12))


def held_by(value: Any) -> list[Any]:
    """The values of one user, of a list or alone."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if item is not None and item != ""]


def expected(kind: str, held: list[Any], *, after: Document) -> int:
    """The number of users that a change of one attribute hurts, by what each of them holds."""
    people = {number: held_by(value) for number, value in enumerate(held)}
    exact = after.get("caseExact", False)

    def spelled(value: Any) -> str:
        return str(value) if exact else str(value).lower()

    match kind:
        case "required":
            hurt = {n for n, values in people.items() if values == []}
        case "multiValued":
            hurt = {n for n, values in people.items() if len(values) >= 2}
        case "removed" | "retired":
            hurt = {n for n, values in people.items() if values}
        case "canonicalValues":
            allowed = [spelled(value) for value in after["canonicalValues"]]
            hurt = {n for n, vs in people.items() for v in vs if spelled(v) not in allowed}
        case "type":
            types = {repr(value): kinds for value, kinds in SAMPLES}
            hurt = {
                n for n, vs in people.items() for v in vs if after["type"] not in types[repr(v)]
            }
        case "uniqueness":
            hurt = {
                number
                for pair in combinations(people, 2)
                for number in pair
                if set.intersection(*({spelled(v) for v in people[one]} for one in pair))
            }
        case "caseExact":
            every = {v for values in people.values() for v in values}
            twice = {v for v in every if any(w != v and w.lower() == v.lower() for w in every)}
            hurt = {n for n, values in people.items() if twice & set(values)}
        case _:
            raise AssertionError(kind)
    return len(hurt)
