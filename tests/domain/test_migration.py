"""What comes beside an attribute that no update can change, and when nothing can or need."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.domain.dialect import Dialect, UpdateStrategy
from reconciler.domain.manifest import Retired, SchemaExtension
from reconciler.domain.migration import Migration, migration
from reconciler.errors import UsageError
from tests.support.domain_world import dialect, extension, tenant_of

GRADE = {"name": "grade", "type": "string", "caseExact": True, "x-vendor": [1]}
JOB = {"name": "job", "type": "complex", "subAttributes": [GRADE, {"name": "level"}]}


def migrated(
    name: str, desired: SchemaExtension, service: Dialect | None = None, /, **to: Any
) -> Migration:
    return migration(tenant_of(service=service), desired, name, to)


def test_the_new_attribute_has_all_that_the_old_one_says_but_for_what_is_given():
    found = migrated("grade", extension("HR", GRADE), type="integer")

    assert found.attribute == {"name": "gradeV2", "type": "integer", "x-vendor": [1]}
    assert (found.old, found.new, found.places) == ("grade", "gradeV2", (0,))
    assert found.why == "characteristics of grade would change"
    assert found.new_schema == "urn:example:HR"


def test_values_of_the_old_type_stay_only_where_they_are_given():
    desired = extension("HR", {"name": "grade", "canonicalValues": ["a"], "uniqueness": "server"})

    without = migrated("grade", desired, type="integer").attribute
    found = migrated("grade", desired, type="reference", canonicalValues=["b"]).attribute

    assert without == {"name": "gradeV2", "type": "integer", "uniqueness": "server"}
    assert found["canonicalValues"] == ["b"]


def test_a_part_gets_its_new_one_beside_it():
    found = migrated("job.grade", extension("HR", {"name": "other"}, JOB), MULTIVALUED=True)

    assert (found.new, found.places) == ("job.gradeV2", (1, 0))
    assert found.attribute["multiValued"] is True


@pytest.mark.parametrize(
    ("there", "name", "new"),
    [
        (["grade"], "grade", "gradeV2"),
        (["grade", "GRADEv2"], "grade", "gradeV3"),
        (["gradeV2"], "gradeV2", "gradeV3"),
        (["gradeV9", "gradeV10"], "gradeV9", "gradeV11"),
    ],
)
def test_the_name_is_the_next_that_is_free(there: list[str], name: str, new: str):
    desired = extension("HR", *({"name": each} for each in there))

    assert migrated(name, desired, type="integer").new == new


def test_a_retired_name_is_not_free():
    desired = replace(
        extension("HR", {"name": "grade"}), retired=(Retired(name="GradeV2", type="string"),)
    )

    assert migrated("grade", desired, type="integer").new == "gradeV3"


def test_a_new_name_is_always_a_migration():
    found = migrated("grade", extension("HR", GRADE), name="level")

    assert found.new == "level"
    assert found.why == "an attribute is never renamed: its values would be lost"


def test_the_new_one_is_not_required_for_nobody_has_it_yet():
    required = {"name": "grade", "required": True}

    found = migrated("grade", extension("HR", required), type="integer")

    assert found.attribute["required"] is False
    assert "required" not in migrated("grade", extension("HR", GRADE), type="integer").attribute


@pytest.mark.parametrize(
    ("personal", "name", "new"),
    [
        (("job",), "job", ("jobV2",)),
        (("Job.grade", "other"), "job", ("jobV2.grade",)),
        (("job.grade",), "job.grade", ("job.gradeV2",)),
        (("job",), "job.grade", ()),  # a part of what is personal is
        (("jobs",), "job", ()),
        ((), "job", ()),
    ],
)
def test_what_is_personal_stays_so(personal: tuple[str, ...], name: str, new: tuple[str, ...]):
    desired = replace(extension("HR", JOB, {"name": "jobs"}), personal=personal)

    assert migrated(name, desired, multiValued=True).personal == new


def test_a_service_that_changes_no_schema_gets_a_schema_of_its_own():
    fixed = dialect(updates=UpdateStrategy.NONE)
    desired = replace(extension("HR", JOB), personal=("job",))

    found = migrated("job.grade", desired, fixed, schema="urn:example:HR2", type="integer")

    assert (found.new, found.new_schema) == ("grade", "urn:example:HR2")
    assert found.personal == ("grade",)
    assert found.document == {
        "id": "urn:example:HR2",
        "name": "HR2",
        "attributes": [{"name": "grade", "type": "integer", "x-vendor": [1]}],
    }


@pytest.mark.parametrize(
    ("name", "to", "message"),
    [
        ("grade", {"description": "better"}, "takes that change of grade as an update"),
        ("grade", {}, "say with --to what grade is to become, such as type=integer"),
        ("grade", {"type": "string"}, "wants grade so already, and the way begins at the manifest"),
        ("grade", {"kind": "x"}, "--to kind=… is no characteristic; there are name, type"),
        ("none", {"type": "integer"}, "hr has no attribute none; there are grade, job"),
        ("job.none", {"type": "integer"}, "hr has no attribute job.none; there are grade, level"),
        ("grade.x", {"type": "integer"}, "hr has no attribute grade.x; there are none"),
        ("grade", {"schema": "urn:example:hr"}, "urn:example:hr is the schema that grade is in"),
        ("grade", {"name": ""}, "the new attribute is not sound"),
    ],
)
def test_what_cannot_or_need_not_be_migrated_says_why(name: str, to: dict[str, Any], message: str):
    with pytest.raises(UsageError) as caught:
        migrated(
            name,
            extension("HR", GRADE, JOB),
            **({"type": "integer"} | to if "schema" in to else to),
        )

    assert message in str(caught.value)


def test_a_service_that_changes_no_schema_wants_the_name_of_a_new_one():
    fixed = dialect(updates=UpdateStrategy.NONE)

    with pytest.raises(UsageError, match="--to schema=URN"):
        migrated("grade", extension("HR", GRADE), fixed, type="integer")
