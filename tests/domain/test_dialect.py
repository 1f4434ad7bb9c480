import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.worlds import dialect
from tests.strategies import lower

PREFIX = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:"
RFC = (
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:Schema",
    "urn:ietf:params:scim:api:messages:2.0:ListResponse",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
)


@pytest.mark.parametrize("schema_id", RFC)
def test_the_schemas_of_the_rfcs_are_protected_in_every_dialect(schema_id: str) -> None:
    assert dialect(protected_prefixes=()).protects(schema_id)
    assert dialect(protected_prefixes=()).protects(schema_id.upper())


@pytest.mark.parametrize(
    ("schema_id", "protected"),
    [
        (PREFIX + "2.0:User", True),
        (PREFIX.upper() + "x", True),
        (PREFIX, True),
        (PREFIX[:-1], False),
        (PREFIX[:-1] + "2:User", False),
        ("urn:ietf:params:scim:schemas:extension:genesys:2.0:User:HRExtension", False),
        ("x" + PREFIX, False),
        ("", False),
        ("urn:ietf:params:scim:schemas:corex:2.0:User", False),
        ("urn:ietf:params:scim:schemas:extension:enterprise2:User", False),
    ],
)
def test_only_what_begins_with_a_protected_prefix_is_protected(
    schema_id: str, protected: bool
) -> None:
    assert dialect(protected_prefixes=("urn:other:", PREFIX)).protects(schema_id) is protected


@given(st.text(), st.sampled_from([PREFIX, "urn:Acme:"]))
def test_protection_ignores_the_case_of_ascii_letters_and_of_no_other(
    rest: str, prefix: str
) -> None:
    service = dialect(protected_prefixes=(prefix,))
    assert service.protects(prefix + rest)
    assert service.protects(lower(prefix) + rest)
    assert not service.protects(prefix.replace("m", "\u217f", 1) + rest) or "m" not in prefix


def test_a_letter_that_only_looks_like_the_prefix_is_not_protected() -> None:
    service = dialect(protected_prefixes=("urn:kelvin:",))
    assert service.protects("urn:KELVIN:x")
    assert not service.protects("urn:\u212aELVIN:x")
