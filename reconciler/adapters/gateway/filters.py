"""A trial of a service's `pr` filters, as a Finding of doctor; no user is kept."""

from reconciler.domain.adoption import CountableSchema
from reconciler.domain.calibration import Calibration, Probes
from reconciler.domain.doctor import Finding, Grade
from reconciler.domain.rules.sites import USER
from reconciler.domain.scim import Schema
from reconciler.errors import TenantError


def judge_filters(probes: Probes, deployed: Schema | None, name: str = "") -> Finding:
    """Hold the filters against a page of users.

    `deployed` is an extension that users may carry, `name` that of its manifest: what most of them
    hold of it, its URN-qualified filter (RFC 7644 section 3.10) has to find.
    """
    subject = None if deployed is None else CountableSchema.of(deployed, None)
    try:
        found = Calibration.of(probes, USER, () if subject is None else (subject,))
        if found.total is None:
            return _unknown("users cannot be counted")
        if found.total == found.seen == 0:
            return _unknown("there are no users to count")
        if found.doubt is not None:
            return _doubt(found.doubt)
        if subject is None:
            return _believed("no extension to try is live")
        return _of_extension(found, subject, name)
    except TenantError:
        return _unknown("users cannot be counted")


def _of_extension(found: Calibration, subject: CountableSchema, name: str) -> Finding:
    tallies = found.first[subject.schema_id].tallies
    known = [each for each in subject.countables if tallies[each.name]]
    if not known:
        return _believed(f"nobody on the first page carries {name}, so that is untried")
    most = max(known, key=lambda each: (tallies[each.name], each.name))
    query = f"`{subject.schema_id}:{most.name} pr`"
    count = found.probes.present(USER, subject.schema_id, most.name).count
    if count is None:
        holders = f"and {tallies[most.name]} users of one page hold a value"
        return _doubt(f"{query} is refused, {holders}")
    doubt = found.doubt_of_count(subject, most, count) or found.doubt_of(subject)
    if doubt is not None:
        return _doubt(doubt)
    return _believed(f"{query} finds no fewer than hold one, and no more than may")


def _believed(message: str) -> Finding:
    return Finding("filter", Grade.OK, f"`pr` filters can be believed; {message}")


def _doubt(message: str) -> Finding:
    return Finding("filter", Grade.WARNING, f"`pr` filters cannot be believed: {message}")


def _unknown(message: str) -> Finding:
    return Finding("filter", Grade.UNKNOWN, f"`pr` filters were not tried: {message}")
