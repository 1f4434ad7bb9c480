"""The page of a fleet: what it says, that nothing foreign gets out of its text, and its size."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

from reconciler.adapters.packaged import template_text
from reconciler.domain.adoption import Count, CountMethod, Sample, SampleHistory, SampleKey
from reconciler.domain.drift import Sighting
from reconciler.domain.fleet_report import (
    FleetReport,
    adoption_in,
    days_until,
    gates_by_trail,
)
from reconciler.domain.fleet_status import Trail, fleet_status
from reconciler.domain.lifecycle import Deployment, FleetCourses, Search
from reconciler.domain.manifest import Manifests, SchemaExtension
from reconciler.domain.records import ChainResult
from reconciler.domain.searching import Searchable, names_in
from reconciler.render.report_html import ReportTemplate, report_html
from tests.support.domain_world import dated_sample, extension, tenant_of

NOW = datetime(2026, 1, 31, tzinfo=UTC)
HOSTILE = (
    "</td></table><script>document.title='x'</script><img src=x onerror=alert(1)>",
    "javascript:alert(1)", "{{ 7 * 7 }}{% raw %}", "\u202egnp.exe", "</style><style>*{}",
    "\" onload=\"",
)  # fmt: skip
HR = extension("HR", {"name": "grade"}, {"name": "badge"})


def page_of(found: FleetReport) -> str:
    template = ReportTemplate(page=template_text("report.html"), style=template_text("report.css"))
    return report_html(found, template)


def sample(tenant: str, attribute: str, holders: int, days: int, urn: str = HR.schema.id) -> Sample:
    key = SampleKey(tenant=tenant, resource_type="User", schema_id=urn, attribute=attribute)
    count = Count(holders=holders, total=200, method=CountMethod.FILTER)
    at = (NOW - timedelta(days=days)).isoformat()
    return Sample(key=key, count=count, measured_at=at)


def fleet(
    tenants: int, desired: SchemaExtension, trail: Trail, samples: tuple[Sample, ...] = ()
) -> FleetReport:
    known = tuple(tenant_of(f"t{number:04}") for number in range(tenants))
    manifests = Manifests(tenants=known, extensions=(desired,))
    status = fleet_status(manifests, trail, NOW)
    return FleetReport(
        status=status,
        max_age=timedelta(hours=26),
        gates=tuple(gates_by_trail(status, known, courses(tenants, desired), ())),
        days=days_until(NOW, ()),
        deliveries=(0.1, 0.2),
        adoption=adoption_in(
            map(dated_sample, samples), histories(samples), status, FleetCourses()
        ),
        chain=ChainResult(3, "f" * 64),
    )


def histories(samples: Iterable[Sample]) -> list[SampleHistory]:
    """What is kept of each attribute where those are all samples."""
    newest = {each.key: each for each in samples}
    return [
        SampleHistory(first_at=each.measured_at, first_value=each.measured_at, newest=each)
        for each in newest.values()
    ]


def courses(tenants: int, desired: SchemaExtension) -> FleetCourses:
    """A course of each tenant that ends with all attributes found searchable, two days ago."""
    at = (NOW - timedelta(days=2)).isoformat()
    names = frozenset(names_in(desired.schema))
    course = (Deployment(at=at, attributes=names), Search(at=at, searchable=Searchable.TRUE))
    return FleetCourses(
        courses={(f"t{n:04}", desired.schema.key): course for n in range(tenants)},
        schemas={desired.schema.fingerprint(): desired.schema},
    )


def in_sync(tenants: int, desired: SchemaExtension) -> Trail:
    seen = Sighting(
        at=(NOW - timedelta(hours=3)).isoformat(), fingerprint=desired.schema.fingerprint()
    )
    return Trail(as_desired={(f"t{n:04}", desired.schema.key): seen for n in range(tenants)})


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes |= {name for name, _ in attrs}


def tags(page: str) -> Tags:
    parser = Tags()
    parser.feed(page)
    return parser


def test_the_numbers_come_first_and_verdicts_have_an_age():
    page = page_of(fleet(3, HR, in_sync(2, HR)))

    assert "<b>2</b>in sync" in page
    assert '<b class="bad">1</b>tenants not looked at for 26 h' in page
    assert "= in-sync, 3 h" in page
    assert "never read" in page


def test_each_attribute_that_hr_may_not_send_has_its_reasons_by_number():
    found = fleet(3, HR, in_sync(2, HR))
    gates = [*found.gates]
    [grade, badge] = gates[0].gates
    gates[0] = replace(gates[0], gates=(grade, replace(badge, reasons=("not <bound>", "late"))))
    page = page_of(replace(found, gates=tuple(gates)))

    assert (
        '<th scope="row">t0000</th><td>read 3 h, searched 2 d</td><td>yes</td>'
        '<td class="bad">no: 1, 2</td>' in page
    )
    assert "<td>read 3 h, searched 2 d</td><td>yes</td><td>yes</td>" in page
    assert (
        '<td>read never, searched 2 d</td><td class="bad">no: 3</td><td class="bad">no: 3</td>'
        in page
    )
    assert (
        "<li>not &lt;bound&gt;</li>\n<li>late</li>\n<li>no apply has looked at it yet</li>" in page
    )


def test_adoption_shows_its_trend_and_each_tenant():
    samples = (sample("t0000", "grade", 10, 9), sample("t0000", "grade", 199, 1))

    page = page_of(fleet(1, HR, in_sync(1, HR), samples))

    assert "<td>199</td><td>200</td><td>99 %</td><td>filling 1</td><td>24 h</td>" in page
    assert '<th scope="row">t0000</th><td>99 %, filling, 24 h</td>' in page
    assert 'aria-label="Trend, from 5 % to 99 %"' in page
    assert 'points="0.0,18.1 100.0,1.1"' in page


def test_one_sample_has_no_trend_and_zero_is_zero():
    page = page_of(fleet(1, HR, in_sync(1, HR), (sample("t0000", "grade", 0, 1),)))

    assert "<td>0 %</td><td>filling 1</td><td>24 h</td><td>-</td>" in page


def test_a_broken_trail_is_said():
    broken = replace(
        fleet(1, HR, Trail()), chain=ChainResult(1, "0" * 64, broken_at=2, reason="edited")
    )

    assert "The trail is broken at record 2: edited." in page_of(broken)


def test_nothing_foreign_becomes_markup_or_a_template():
    blank = fleet(1, HR, Trail(), (sample("t0000", "grade", 1, 1),))
    plain = tags(page_of(blank))
    for text in HOSTILE:
        odd = replace(extension("HR", {"name": "grade"}), name=text)
        urn = f"urn:x:{text}"
        found = fleet(1, odd, Trail(), (sample("t0000", text, 1, 1, urn),))
        status = replace(found.status, tenants=(replace(found.status.tenants[0], name=text),))
        [gate] = found.gates
        refused = tuple(replace(each, reasons=(text,)) for each in gate.gates)

        page = page_of(
            replace(found, status=status, gates=(replace(gate, tenant=text, gates=refused),))
        )

        seen = tags(page)
        assert set(seen.seen) == set(plain.seen)
        assert seen.attributes == plain.attributes
        assert (text in page) == (text in ("javascript:alert(1)", "{{ 7 * 7 }}{% raw %}"))
        assert "49" not in page.partition("<body>")[2].partition("Changes and webhooks")[0]


def test_a_page_of_a_thousand_tenants_is_small():
    many = extension("HR", *({"name": f"attribute{number}"} for number in range(20)))
    samples = tuple(
        sample(f"t{tenant:04}", f"attribute{number}", tenant % 200, 1)
        for tenant in range(1000)
        for number in range(20)
    )

    page = page_of(fleet(1000, many, in_sync(1000, many), samples))

    assert len(page.encode()) < 5_000_000
    assert page.count("<td>yes</td>") == 20_000
