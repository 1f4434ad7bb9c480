import pytest

from reconciler.domain.health import Diagnosis, Finding, Grade


def diagnosis(*grades: Grade) -> Diagnosis:
    findings = tuple(Finding(f"check {grade}", grade, "words") for grade in grades)
    return Diagnosis(
        tenant="acme", dialect="genesys", base_url="https://scim.example.com", findings=findings
    )


@pytest.mark.parametrize("grade", Grade)
def test_only_a_problem_keeps_the_program_from_its_work(grade: Grade) -> None:
    assert diagnosis(grade).well is (grade is not Grade.PROBLEM)
    assert diagnosis(Grade.OK, grade, Grade.OK).well is diagnosis(grade).well


def test_where_nothing_was_looked_at_nothing_is_wrong() -> None:
    assert diagnosis().well
    assert diagnosis().learnt == {}
