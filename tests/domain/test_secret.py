import json
import logging
import operator
import pickle
from dataclasses import asdict, dataclass
from pprint import pformat

import pytest

from reconciler.domain.secret import Secret

VALUE = "s3cr3t-whsec_abc"


@dataclass
class Holder:
    secret: Secret
    secrets: tuple[Secret, ...]


def test_a_secret_leaves_its_process_in_nothing() -> None:
    for holder in (
        Secret(VALUE),
        Holder(Secret(VALUE), ()),
        [Holder(Secret(""), (Secret(VALUE),))],
    ):
        with pytest.raises(TypeError, match="a secret is not pickled"):
            pickle.dumps(holder)


def test_a_secret_is_revealed_only_on_request() -> None:
    assert Secret(VALUE).reveal() == VALUE


@pytest.mark.parametrize(
    "text",
    [
        repr(Secret(VALUE)),
        str(Secret(VALUE)),
        f"{Secret(VALUE)} {Secret(VALUE)!r} {Secret(VALUE)!s} {Secret(VALUE)!a}",
        str.format("{} {!r}", Secret(VALUE), Secret(VALUE)),
        operator.mod("%s %r", (Secret(VALUE), Secret(VALUE))),
        repr([Secret(VALUE), {"a": (Secret(VALUE),)}]),
        repr(Holder(Secret(VALUE), (Secret(VALUE),))),
        pformat(Holder(Secret(VALUE), (Secret(VALUE),))),
        repr(asdict(Holder(Secret(VALUE), (Secret(VALUE),)))),
    ],
)
def test_a_secret_is_not_shown_however_it_is_printed(text: str) -> None:
    assert "Secret(" in text
    assert VALUE not in text


def test_a_secret_in_a_log_line_or_an_error_is_not_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logging.getLogger("test").warning("token %s, %r", Secret(VALUE), Secret(VALUE))
    assert "Secret(" in caplog.text
    assert VALUE not in caplog.text
    assert VALUE not in repr(ValueError(Secret(VALUE)))


def test_a_secret_cannot_be_written_as_json_formatted_wide_or_unfolded() -> None:
    with pytest.raises(TypeError) as refused:
        json.dumps(Secret(VALUE))
    assert VALUE not in str(refused.value)
    with pytest.raises(TypeError) as refused:
        format(Secret(VALUE), ">40")
    assert VALUE not in str(refused.value)
    assert not hasattr(Secret(VALUE), "__dict__")


def test_secrets_are_equal_where_their_values_are() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret("other")
    assert {Secret(VALUE): 1}.keys() != {VALUE: 1}.keys()
    assert len({Secret(VALUE), Secret(VALUE), Secret("other")}) == 2
