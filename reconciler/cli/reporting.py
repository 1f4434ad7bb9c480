"""The report of a run, however it ends: the summary on screen, `--report FILE`, a job's outputs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.adapters.clock import wall_time
from reconciler.adapters.database import Store
from reconciler.cli.console import Console
from reconciler.cli.exits import Exit, exit_code, meaning
from reconciler.cli.files import require_folder, write_file
from reconciler.cli.github_job import JobOutputs
from reconciler.cli.invocation import Invocation
from reconciler.cli.state_store import ephemeral
from reconciler.domain.documents import ReportDocument
from reconciler.domain.outcome import RunSummary
from reconciler.domain.records import Run, rfc3339
from reconciler.errors import ReconcilerError, StateError, UsageError
from reconciler.fleet import Fleet
from reconciler.render.json_text import json_text
from reconciler.render.report_document import Ended, report_document
from reconciler.render.report_markdown import report_markdown
from reconciler.render.summary_text import summary_text


@dataclass(slots=True, kw_only=True)
class Report:
    """The facts of the run so far; `code` is what it will exit with.

    `shard` is the one that it is about, if any.
    """

    invocation: Invocation
    started_at: str
    run: Run
    code: int = Exit.ERROR
    error: str | None = None
    summary: RunSummary | None = None
    head: tuple[int, str] | None = None
    shard: str | None = None
    metrics: Path | None = None
    numbers: str | None = None

    def follow(self, run: Callable[[], RunSummary], fleet: Fleet, store: Store) -> int:
        """Carry out the run of a fleet, show it, and give its exit code.

        After an error that ended it, what it had done by then is shown.
        """
        finished = False
        try:
            self.summary = run()
            finished = True
            return run_code(self.summary)
        finally:
            if self.summary is None:
                self.summary = fleet.summary_so_far()
            try:
                self.head = store.head()
                if self.metrics is not None:
                    self.numbers = self._numbers(fleet, store)
            except StateError:  # what the run has done is known without it
                self.head = None
            if finished or self.summary.touched:
                console = self.invocation.console
                lost = ephemeral(self.invocation)
                console.text(summary_text(self.summary, paint=console.paint, ephemeral=lost))

    def _numbers(self, fleet: Fleet, store: Store) -> str:
        """The text of the metrics; the file is written when the run is over and shown."""
        from reconciler.adapters.metrics import metrics_text
        from reconciler.domain.fleet_status import fleet_status
        from reconciler.domain.metrics import TIMED, run_metrics

        desired, trail = fleet.desired, store.fleet_trail()
        selected = replace(desired.manifests, tenants=desired.tenants())
        status = fleet_status(selected, trail, fleet.context.clock.now())
        assert self.summary is not None
        return metrics_text(run_metrics(status, store.timed(TIMED), self.summary.outcomes))

    def write(self, path: Path, text: str) -> None:
        """Write a file of the run; where that fails, how the run itself ended says more."""
        try:
            write_file(path, text)
        except UsageError as error:
            self.invocation.console.complain(f"error: {error}")
            self.code = self.code or Exit.ERROR

    def document(self, ended_at: str) -> ReportDocument:
        """The report of a run that ended at an RFC 3339 time."""
        ended = Ended(
            started_at=self.started_at,
            ended_at=ended_at,
            code=int(self.code),
            meaning=meaning(self.code),
            error=self.error,
            head=self.head,
            shard=self.shard,
        )
        return report_document(self.run, ended, self.summary)


def run_code(summary: RunSummary) -> int:
    """The exit code of a run that came to its end."""
    unreadable = summary.plan.summary().unreadable
    did = summary.wrote or bool(summary.recovered)
    not_tried = {*summary.locked, *summary.misconfigured}
    failed = any(
        not outcome.kind.verified
        for outcome in summary.outcomes
        if outcome.change.subject.tenant not in not_tried
    )
    if summary.misconfigured and not (did or failed or summary.unapproved):
        return Exit.ERROR
    if summary.locked and not (did or failed or summary.unapproved):
        return Exit.LOCKED
    if summary.partial or (did and (unreadable or summary.locked)):
        return Exit.PARTLY
    return Exit.ERROR if unreadable else Exit.WELL


@contextmanager
def reported(
    invocation: Invocation,
    file: Path | None,
    metrics: Path | None,
    outputs: JobOutputs,
    printed: Console | None = None,
) -> Iterator[Report]:
    """Write the report to `file`, where one is named, when the block ends or raises.

    It is data of `printed`, where that is given; what of it a job wants to know goes to `outputs`.
    """
    for option, path in (("--report", file), ("--metrics", metrics)):
        if path is not None:
            require_folder(option, path)
    run = Run(id="", actor=invocation.settings.actor)
    report = Report(invocation=invocation, started_at=_now(), run=run, metrics=metrics)
    try:
        yield report
    except ReconcilerError as error:
        report.code, report.error = exit_code(error), str(error)
        raise
    finally:
        ended_at = _now()
        if metrics is not None and report.numbers is not None:
            report.write(metrics, report.numbers)
        if printed is not None:
            printed.data(json_text(report.document(ended_at)))
        if file is not None:
            report.write(file, json_text(report.document(ended_at)))
        outputs.code = report.code
        if (summary := report.summary) is not None:
            outputs.summary = lambda: report_markdown(report.document(ended_at))
            if summary.planned:
                outputs.digest = summary.plan.digest()
                outputs.changes = sum(1 for outcome in summary.outcomes if outcome.kind.verified)


def _now() -> str:
    return rfc3339(wall_time())
