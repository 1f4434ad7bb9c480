"""Memo: worked out once, by whoever asks first, and no part of a value's equality."""

from dataclasses import dataclass, field, replace

from reconciler.domain.memo import Memo


@dataclass(frozen=True, slots=True)
class Square:
    side: int
    _area: Memo[int] = field(init=False, compare=False, repr=False, default_factory=Memo)

    def area(self, done: list[int]) -> int:
        def work_out() -> int:
            done.append(self.side)
            return self.side**2

        return self._area.get(work_out)


def test_a_memo_is_worked_out_once_and_only_when_it_is_needed() -> None:
    done: list[int] = []
    square = Square(3)
    assert done == []

    assert [square.area(done), square.area(done)] == [9, 9]

    assert done == [3]


def test_a_memo_counts_in_no_comparison_and_stands_in_no_repr() -> None:
    one, other = Square(3), Square(3)
    one.area([])

    assert one == other
    assert hash(one) == hash(other)
    assert repr(one) == "Square(side=3)"


def test_a_replaced_value_has_a_memo_of_its_own() -> None:
    square = Square(3)
    square.area([])

    assert replace(square, side=4).area([]) == 16
