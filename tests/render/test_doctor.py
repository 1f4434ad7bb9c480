from reconciler.adapters.jsonschemas import check
from reconciler.domain.doctor import Finding, Grade, TenantFindings
from reconciler.render.doctor import capability_block, doctor_data, doctor_text
from reconciler.render.paint import Paint

FOUND = TenantFindings(
    tenant="acme",
    dialect="sap",
    base_url="https://x.example/scim",
    findings=(
        Finding("token", Grade.OK, "given"),
        Finding("etag", Grade.WARNING, "none\x1b[31m", {"etag": "none", "creates": True}),
        Finding("compression", Grade.UNKNOWN, "?", {"pageSize": 50}),
    ),
)


def test_each_finding_is_a_line_and_nothing_foreign_reaches_the_terminal() -> None:
    assert doctor_text(FOUND, paint=Paint()) == (
        "Tenant acme  (sap, https://x.example/scim)\n"
        "GRADE    CHECK        FOUND\n"
        "ok       token        given\n"
        "warning  etag         none\\x1b[31m\n"
        "unknown  compression  ?\n"
    )


def test_colours_add_nothing_to_the_text_of_findings() -> None:
    painted = doctor_text(FOUND, paint=Paint(on=True))
    assert "\x1b[33mwarning\x1b[0m  etag" in painted
    assert "\x1b[31m]" not in painted


def test_the_json_of_findings_holds_what_the_text_holds() -> None:
    document = doctor_data([FOUND])
    (reported,) = document["tenants"]
    assert (
        check(
            {"format_version": "1.0", "command": "doctor", "data": document, "diagnostics": []},
            "output",
        )
        == ()
    )
    assert (reported["name"], reported["well"]) == ("acme", True)
    assert reported["findings"][1] == {"check": "etag", "grade": "warning", "words": "none\x1b[31m"}
    assert reported["capabilities"] == {"etag": "none", "creates": True, "pageSize": 50}


def test_learnt_capabilities_are_a_block_for_a_manifest() -> None:
    assert capability_block(FOUND) == (
        "# What doctor learnt of tenant acme: for spec of its manifest.\n"
        "capabilities:\n"
        '  etag: "none"\n'
        "  creates: true\n"
        "  pageSize: 50\n"
    )


def test_a_problem_is_what_keeps_a_tenant_from_being_well() -> None:
    ill = TenantFindings(
        tenant="a", dialect="b", base_url="c", findings=(Finding("x", Grade.PROBLEM, "y"),)
    )
    assert (FOUND.well, ill.well) == (True, False)
