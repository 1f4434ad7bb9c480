"""Redaction: no form of a credential is left in text that came from outside."""

import base64
import html
import json
import pickle
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.foreign import Foreign
from reconciler.domain.redaction import REDACTED, Redaction
from reconciler.domain.secret import Secret

PASSWORD = 's3cr3t/"CANARY"+pw&ü'
FORMS = {
    "as it is": PASSWORD,
    "percent-encoded": quote(PASSWORD, safe=""),
    "percent-encoded in lower case": quote(PASSWORD, safe="").lower().replace("canary", "CANARY"),
    "percent-encoded in part": PASSWORD.replace("3", "%33", 1),
    "percent-encoded in all": "".join(f"%{octet:02X}" for octet in PASSWORD.encode()),
    "percent-encoded twice": quote(quote(PASSWORD, safe=""), safe=""),
    "as a form sends it": quote_plus(PASSWORD),
    "as JSON": json.dumps(PASSWORD)[1:-1],
    "as JSON without ASCII": json.dumps(PASSWORD, ensure_ascii=False)[1:-1],
    "as JSON in JSON": json.dumps(json.dumps(PASSWORD)[1:-1])[1:-1],
    "as JSON escapes in all": "".join(f"\\u{ord(c):04x}" for c in PASSWORD),
    "as HTML": html.escape(PASSWORD),
    "as character references": "".join(f"&#{ord(c)};" for c in PASSWORD),
    "as hexadecimal references": "".join(f"&#x{ord(c):X};" for c in PASSWORD),
    "folded": PASSWORD[:9] + "\r\n  " + PASSWORD[9:],
    "in Base64": base64.b64encode(PASSWORD.encode()).decode(),
    "in Base64 for URLs": base64.urlsafe_b64encode(PASSWORD.encode()).decode().rstrip("="),
    "in the Base64 of a form": base64.b64encode(quote_plus(PASSWORD).encode()).decode(),
    "in the Base64 of JSON": base64.b64encode(json.dumps(PASSWORD).encode()).decode(),
    "in hexadecimal": PASSWORD.encode().hex(),
    "in hexadecimal in upper case": PASSWORD.encode().hex().upper(),
    "in hexadecimal with blanks": PASSWORD.encode().hex(" "),
    "in the hexadecimal of a form": quote_plus(PASSWORD).encode().hex(),
    "in Base64 in a URL": quote(base64.b64encode(PASSWORD.encode()).decode(), safe=""),
    **{
        f"in Base64 after {before} and before more": base64.b64encode(
            b"x" * before + PASSWORD.encode() + b": more"
        ).decode()
        for before in range(4)
    },
}


CONTROLLED = "line one\r\n\tline\b\ftwo"
FORMS_OF_LINES = {
    "as JSON": json.dumps(CONTROLLED)[1:-1],
    "as JSON in JSON": json.dumps(json.dumps(CONTROLLED)[1:-1])[1:-1],
    "percent-encoded": quote(CONTROLLED),
}


@pytest.mark.parametrize("form", FORMS_OF_LINES.values(), ids=FORMS_OF_LINES.keys())
def test_redaction_takes_out_a_secret_of_several_lines(form: str) -> None:
    assert redaction(CONTROLLED).text(f"<{form}>") == f"<{REDACTED}>"


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("two words", "<two+words>", "<…>"),
        ("word\u20ac1", r"<word\u20ac1>", "<…>"),
        ("~~~???>>>", "<fn5-Pz8_Pj4->", "<…>"),
        ("t0k3n-1234", f"<{base64.b64encode(b't0k3n-1234 t0k3n-1234').decode()}>", "<…>"),
        ("t0k3n-1234", "<dDBrM24tMTIzNA== dDBrM24tMTIzNA==>", "<… …>"),
    ],
    ids=[
        "a blank in a form",
        "beyond Latin-1",
        "Base64 for URLs",
        "twice in one Base64",
        "in two of them",
    ],
)
def test_redaction_takes_out_each_occurrence(secret: str, text: str, shown: str) -> None:
    assert redaction(secret).text(text) == shown


def redaction(*secrets: str, names: tuple[str, ...] = ()) -> Redaction:
    return Redaction(map(Secret, secrets), map(Secret, names))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_redaction_takes_out_every_form_of_a_secret(form: str) -> None:
    assert redaction(PASSWORD).text(f"refused: <{form}> is wrong") == (
        f"refused: <{REDACTED}> is wrong"
    )


def test_redaction_takes_user_names_out_of_messages_only() -> None:
    mine = redaction("pa55word", names=("hr",))

    assert mine.message("401: hr:pa55word is unknown") == "401: …:… is unknown"
    assert mine.text("hr data of hr-system") == "hr data of hr-system"


def test_redaction_goes_through_names_and_texts_of_json() -> None:
    found = redaction("t0k3n-1234").value({"t0k3n-1234": [{"a": "my t0k3n-1234"}, 7, None, True]})

    assert found == {"…": [{"a": "my …"}, 7, None, True]}
    assert redaction("t0k3n-1234").value(["a", {"b": 7}]) == ["a", {"b": 7}]


def test_redaction_leaves_what_our_own_texts_say() -> None:
    mine = redaction("grade")

    assert mine.text("live: grade, %67rade, Z3JhZGU=", own="grade of hr") == "live: grade, …, …"
    assert mine.text("live: Z3JhZGU=", own="Z3JhZGU= is ours") == "live: Z3JhZGU="
    assert mine.texts(("a grade", "b"), own="x") == ("a …", "b")


def test_redaction_leaves_our_words_whole_and_hides_what_is_a_part_of_them() -> None:
    mine = redaction("age")

    assert mine.text("page, age, pages", own="page\0nothing") == "page, …, p…s"
    assert mine.text("age", own=f"a\0age\0{REDACTED}") == "age"
    assert mine.text("old age", own=f"page\0old {REDACTED}") == f"old {REDACTED}{REDACTED}"
    two = redaction("two words")
    assert two.text("so two words", own="these two words are ours") == "so two words"
    assert two.text("so two words", own="the words are two") == "so …"
    assert two.text("so two words", own="two wordsmiths, two words") == "so two words"
    assert mine.text("x" * 80 + "age", own="x" * 80 + "age is ours") == "x" * 80 + "…"


def test_redaction_of_a_sentence_goes_through_its_foreign_parts_alone() -> None:
    sentence = ("the page holds ", Foreign("a page"), " and a page")

    assert redaction("page").parts(sentence) == ("the page holds ", "a …", " and a page")
    assert redaction("page").parts(sentence, own="a page") == sentence


def test_redaction_goes_through_numbers_of_json() -> None:
    held = {"pin": 4711, "of": [4711.5, 17, True]}

    assert redaction("4711").value(held) == {"pin": "…", "of": ["….5", 17, True]}
    assert redaction("True", "1").value([True, None]) == [True, None]


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("41abcdefgh", "100%41%61bcdefgh", "100%…"),
        ("nabcdefgh%", r"DOM\nabcd%65fgh%41", r"DOM\…41"),
        ("sixfold", "s%69xfold", "…"),
        ("sixfold", "s i x f o l d", "s i x f o l d"),
        ("sevenfold", "s e v e n f o l d", "…"),
        (r"DOM\admin1", r"<DOM\\admin1>", "<…>"),
        ("two & three", "two%20%26amp%3B%20three", "…"),
        ("rocket\U0001f680fuel", r"rocket\u{1f680}fuel rocket\ud83d\ude80fuel", "… …"),
        ("rocket\U0001f680fuel", "%72ocket%f0%9f%9a%80fuel", "…"),
        ("hexadecimal", r"\x68exadecimal\q", r"…\q"),
        ("00\x1f0000}", r"<00\u001f0000}>", "<…>"),
        ("00000000", "0%30000000", "…"),
        ("unharmed", "&amp;amp;amp;amp;amp;lt; %", "&amp;amp;amp;amp;amp;lt; %"),
        ("unharmed", r"%ff%e2%28 \u{ffffff} &#9999999; %", r"%ff%e2%28 \u{ffffff} &#9999999; %"),
    ],
)  # fmt: skip
def test_redaction_finds_what_is_encoded_within_other_text(
    secret: str, text: str, shown: str
) -> None:
    assert redaction(secret).text(text) == shown


def test_a_longer_secret_is_taken_out_before_one_that_it_begins_with() -> None:
    assert redaction("abc", "abcdefgh").text("x abcdefgh y abc") == "x … y …"


def test_without_credentials_nothing_is_taken_out() -> None:
    nothing = redaction("", names=("",))

    assert nothing.message("any text") == "any text"
    assert nothing.value({"a": "100 %"}) == {"a": "100 %"}


def test_a_redaction_does_not_show_what_it_takes_out() -> None:
    assert PASSWORD not in repr(redaction(PASSWORD))


@given(
    secret=st.text(st.characters(codec="utf-8"), min_size=8, max_size=40),
    around=st.tuples(st.text(max_size=10), st.text(max_size=10)),
    encoded=st.sets(st.integers(0, 39)),
    form=st.sampled_from(["percent", "json"]),
)
def test_redaction_leaves_no_partly_encoded_secret(
    secret: str, around: tuple[str, str], encoded: set[int], form: str
) -> None:
    def spelled(index: int, character: str) -> str:
        if index not in encoded:
            return character
        if form == "percent":
            return "".join(f"%{octet:02x}" for octet in character.encode())
        return json.dumps(character)[1:-1]

    text = "".join(spelled(index, character) for index, character in enumerate(secret))

    shown = redaction(secret).text(around[0] + text + around[1])
    assert text not in shown
    assert REDACTED in shown


@given(secret=st.binary(min_size=6, max_size=40), before=st.binary(max_size=9))
def test_redaction_leaves_no_secret_within_base64(secret: bytes, before: bytes) -> None:
    value = secret.hex()
    text = base64.b64encode(before + value.encode() + b"!").decode()

    shown = redaction(value).text(f"sent {text} to us")
    assert shown == "sent … to us"


def test_what_knows_a_secret_leaves_its_process_in_nothing() -> None:
    for knowing in (Redaction((Secret("s3cret"),)), Redaction((), (Secret("client"),))):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(knowing)

    assert pickle.loads(pickle.dumps(Redaction())).text("s3cret") == "s3cret"
