import pytest

from reconciler.domain.doctor import Finding, Grade, TenantFindings


def found(*grades: Grade) -> TenantFindings:
    findings = tuple(Finding(f"check {grade}", grade, "words") for grade in grades)
    return TenantFindings(
        tenant="acme", dialect="genesys", base_url="https://scim.example.com", findings=findings
    )


@pytest.mark.parametrize("grade", Grade)
def test_only_a_problem_keeps_the_program_from_its_work(grade: Grade) -> None:
    assert found(grade).well is (grade is not Grade.PROBLEM)
    assert found(Grade.OK, grade, Grade.OK).well is found(grade).well


def test_findings_of_a_tenant_that_was_not_read_are_well() -> None:
    assert found().well
    assert found().learnt == {}


def test_learnt_capabilities_are_the_last_of_each_finding() -> None:
    both = TenantFindings(
        tenant="acme",
        dialect="genesys",
        base_url="https://scim.example.com",
        findings=(
            Finding("etag", Grade.OK, "message", {"etag": "none", "creates": False}),
            Finding("create", Grade.OK, "message", {"creates": True}),
        ),
    )

    assert list(both.learnt.items()) == [("etag", "none"), ("creates", True)]
