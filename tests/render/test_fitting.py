"""Parts that become shorter until they fit: in the order of the cuts, and no more than needed."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.render.fitting import Cut, Part, TooLong, fit
from reconciler.render.markdown_text import size

texts = st.text(st.sampled_from("aé名🎉"), max_size=8)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    """A part that each of some cuts makes shorter than it was."""
    text = draw(texts)
    remaining: dict[Cut, str] = {}
    shorter = text
    for cut in draw(st.lists(st.sampled_from(Cut), unique=True).map(sorted)):
        shorter = shorter[: len(shorter) // 2]
        remaining[cut] = shorter
    return Part(text, remaining.get)


def whole(some: list[Part]) -> tuple[str, ...]:
    return tuple(part.text for part in some if isinstance(part.text, str))


def after(some: list[Part], last: Cut) -> tuple[str, ...]:
    """What is left of the parts when that cut and all before it are carried through."""
    remaining = []
    for part in some:
        text = part.text
        for cut in Cut:
            shorter = part.shorter(cut) if cut <= last else None
            text = text if shorter is None else shorter
        assert isinstance(text, str)
        remaining.append(text)
    return tuple(remaining)


def total(some: tuple[str, ...]) -> int:
    return sum(map(size, some))


@given(st.lists(parts(), max_size=6), st.integers(0, 120))
def test_parts_are_cut_until_they_fit(some, room):
    fitted = fit(some, room)

    assert total(fitted.texts) <= max(room, total(after(some, Cut.HIGHLIGHTS)))


@given(st.lists(parts(), max_size=6), st.integers(0, 120))
def test_cuts_are_made_in_their_order(some, room):
    fitted = fit(some, room)

    begun = [cut for cut in Cut if fitted.cuts[cut]]
    if not begun:
        assert fitted.texts == whole(some)
        return
    before = after(some, Cut(begun[-1] - 1)) if begun[-1] > 1 else whole(some)
    last = after(some, begun[-1])
    assert all(t in (b, e) for t, b, e in zip(fitted.texts, before, last, strict=True))
    assert total(before) > room
    first = next(n for n, t in enumerate(fitted.texts) if t != before[n])
    assert fitted.texts[:first] == before[:first]
    assert total((*fitted.texts[:first], before[first], *fitted.texts[first + 1 :])) > room


def test_what_is_too_long_to_be_shown_is_cut_like_a_text_of_that_size() -> None:
    shorter: dict[Cut, str | TooLong] = {Cut.ROWS: TooLong(50), Cut.GRAVE_ROWS: "short"}
    gone = Part(TooLong(100), shorter.get)
    stays = Part("as it is", {Cut.CREATES: ""}.get)

    fitted = fit([gone, stays], 20)

    assert fitted.texts == ("short", "")
    assert fitted.cuts == {Cut.CREATES: 1, Cut.ROWS: 1, Cut.GRAVE_ROWS: 1}
    assert fit([stays, Part(TooLong(100), {Cut.ROWS: ""}.get)], 60).texts == ("", "")
