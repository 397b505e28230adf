"""`autograder grade`: from the command line to reports, with a progress bar and a closing table."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from autograder.errors import UsageError
from autograder.grading.batch import Watcher, default_jobs, grade_class
from autograder.grading.seeds import secret_for
from autograder.lateness import Lateness, read_times
from autograder.report import write_class, write_forms, write_notes, write_result
from autograder.report.summary import hundredths
from autograder.report.text import clean
from autograder.results import Result, Status
from autograder.spec import Unit
from autograder.submission import Form, Submission, find_submissions

_ROWS = 40  # of the closing table; a larger class is in grades.csv


def grade(
    unit: Unit,
    paths: Sequence[Path],
    out: Path,
    jobs: int | None,
    form: str,
    submitted: Path | None = None,
    also: Sequence[str] = (),
) -> int:
    """Grade and write reports into `out`. The exit status: 1 where a submission could not be graded at all."""
    console = Console(stderr=True, highlight=False)
    missing = [topic.name for topic in unit.spec.topics if not unit.has_hidden(topic)]
    if missing:
        raise UsageError(
            f"{unit.root} has no hidden tests for {', '.join(missing)}: grading needs the instructor's copy"
        )
    _make_folder(out)
    secret = secret_for(out)
    submissions = find_submissions(paths, unit.spec.files, cast(Form, form))
    late = _lateness(unit, submissions, submitted, console)
    jobs = min(jobs or default_jobs(), len(submissions))
    console.print(f"{unit.spec.unit}: {len(submissions)} submissions, {jobs} at a time")
    with _Live(unit, out, console, len(submissions), late) as live:
        results = grade_class(unit, submissions, secret, jobs, Watcher(live.started, live.finished, live.tick))
    results = [late.applied(result) for result in results]
    for result in results:
        write_forms(result, unit, out / result.student, also)
    write_class(results, unit, out)
    _table(results, console)
    console.print(f"Reports are in {out}/: class.html, grades.csv, and a folder for each student")
    return 0 if all(result.graded for result in results) else 1


def _lateness(unit: Unit, submissions: Sequence[Submission], table: Path | None, console: Console) -> Lateness:
    """What is known of when they were handed in; the table wins over the platform."""
    times = {each.student: each.submitted for each in submissions if each.submitted is not None}
    if table is not None:
        told, strangers = read_times(table, unit.spec.late, [each.student for each in submissions])
        times |= told
        if strangers:
            console.print(escape(f"{table}: nothing was handed in by {', '.join(strangers)}"))
        if unit.spec.late is None:
            console.print(escape(f"{table} changes nothing: the rules have no `late:`"))
    return Lateness(unit.spec.late, times)


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from None


class _Live:
    """The progress bar: how many are done, who is being graded and for how long. Writes each report as it is there."""

    def __init__(self, unit: Unit, out: Path, console: Console, total: int, late: Lateness) -> None:
        self._unit = unit
        self._late = late
        self._out = out
        self._running: dict[str, float] = {}
        columns = (
            TextColumn("graded"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}"),
        )
        # No thread draws it: jobs are forked from this process, and a fork wants one thread.
        self._progress = Progress(*columns, console=console, auto_refresh=False, transient=True)
        self._task = self._progress.add_task("", total=total, now="importing libraries and collecting tests")

    def __enter__(self) -> "_Live":
        self._progress.__enter__()
        self._progress.refresh()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.__exit__(None, None, None)

    def started(self, submission: Submission) -> None:
        self._running[submission.student] = time.monotonic()

    def finished(self, result: Result) -> None:
        self._running.pop(result.student, None)
        result = self._late.applied(result)
        folder = self._out / result.student
        write_result(result, self._unit, folder)
        write_notes(result, self._out)
        self._progress.advance(self._task)

    def tick(self) -> None:
        now = time.monotonic()
        names = ", ".join(f"{name} {now - since:.0f} s" for name, since in sorted(self._running.items()))
        self._progress.update(self._task, now=escape(clean(names, 80)))
        self._progress.refresh()


def _table(results: Sequence[Result], console: Console) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("student", overflow="fold")
    table.add_column("marks", justify="right")
    table.add_column("")
    for result in results[:_ROWS]:
        marks = f"{hundredths(result.score)} / {hundredths(result.max_score)}" if result.graded else "not graded"
        table.add_row(Text(clean(result.student, 80)), marks, Text(_remark(result), style="dim"))
    console.print(table)
    if len(results) > _ROWS:
        console.print(f"... and {len(results) - _ROWS} more")


def _remark(result: Result) -> str:
    if not result.graded:
        return clean(result.problems[0], 100) if result.problems else ""
    counts = {
        "timed out": Status.TIMEOUT,
        "crashed": Status.CRASHED,
        "not attempted": Status.NOT_ATTEMPTED,
        "failed": Status.FAILED,
        "partial": Status.PARTIAL,
    }
    found = ((word, sum(item.status is status for item in result.items)) for word, status in counts.items())
    return ", ".join(f"{count} {word}" for word, count in found if count)
