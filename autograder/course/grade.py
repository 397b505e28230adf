"""`autograder grade`, `regrade` and `report`: from the command line through the gradebook to reports."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from autograder.course.lateness import read_times
from autograder.course.live import Live
from autograder.course.publisher import Publisher
from autograder.errors import GraderError, UsageError
from autograder.gradebook import (
    begin_run,
    end_run,
    gradebook_of,
    last_run,
    load_students,
    open_gradebook,
)
from autograder.gradebook.keeper import Keeper
from autograder.gradebook.keys import Keys
from autograder.gradebook.readers import release_answers
from autograder.grading.batch import Watcher, default_jobs, grade_each
from autograder.grading.parts import Graded, ungraded
from autograder.grading.seeds import secret_for
from autograder.machine.container import SUBMISSIONS
from autograder.machine.isolation import WAY_OUT, refusal, try_here
from autograder.report.notes import write_notes
from autograder.report.summary import hundredths
from autograder.report.text import clean
from autograder.report.writing import write_class, write_result
from autograder.results import Result, Status
from autograder.spec import Unit
from autograder.submission import Form, Submission, find_submissions

_ROWS = 40  # of the closing table; a larger class is in grades.csv


@dataclass(frozen=True)
class Options:
    """How to grade. `rules` is the rule file's name, kept for the day of a regrade."""

    jobs: int | None = None
    form: str = "auto"
    rules: str = "grading.yml"
    gradebook: str | None = None  # None: in the output folder
    force: bool = False
    cluster: str | None = None  # a scheduler's address; None: this machine
    submitted: Path | None = None  # a table of when each was handed in
    also: tuple[str, ...] = ()  # other forms to write results in
    times: Mapping[str, str] = field(default_factory=dict)  # of an earlier run, by student


def grade(unit: Unit, paths: Sequence[Path], out: Path, options: Options) -> int:
    """Grade what the gradebook does not hold yet, and write all reports into `out`.

    The exit status: 1 where a submission could not be graded at all.
    """
    console = Console(stderr=True, highlight=False)
    missing = [topic.name for topic in unit.spec.topics if not unit.has_hidden(topic)]
    if missing:
        raise UsageError(
            f"{unit.root} has no hidden tests for {', '.join(missing)}: grading needs the instructor's copy"
        )
    _make_folder(out)
    book = open_gradebook(gradebook_of(out, options.gradebook))
    secret = secret_for(out)
    submissions = find_submissions(paths, unit.spec.files, cast(Form, options.form))
    trial = try_here(unit, out, *paths)
    if options.cluster is None and (why := refusal(unit, trial, out, *paths)):
        return _refuse(unit, submissions, out, why, console)
    keys = Keys(unit, secret)
    given = {
        "paths": [str(path.absolute()) for path in paths],
        "form": options.form,
        "rules": options.rules,
        "also": list(options.also),
        "submitted": _times(unit, submissions, options.submitted, options.times, console),
    }
    _tell_unended(book, console)
    run = begin_run(book, unit.spec.unit, given, dict(keys.shared))
    publisher = Publisher(book, unit, run, out)
    keeper = Keeper(book, run, keys, submissions, options.force)
    left = keeper.keep_known()
    jobs = max(1, min(options.jobs or default_jobs(), len(left)))
    where = f", {jobs} at a time" if options.cluster is None else f", by {options.cluster}"
    unreadable = sum(not submission.gradable for submission in submissions)
    told = {
        "that cannot be graded": unreadable,
        "unchanged and in the gradebook": len(submissions) - len(left) - unreadable,
        f"to grade{where}": len(left),
    }
    counts = ", ".join(f"{count} {words}" for words, count in told.items() if count)
    console.print(f"{unit.spec.unit}: {len(submissions)} submissions: {counts}")
    try:
        with Live([submission.student for submission in submissions], console) as live:
            live.expect(len(left))

            def on_graded(number: int, graded: Graded) -> None:
                keeper.keep(number, graded)
                live.finished(number)
                publisher.one(submissions[number].student)

            watcher = Watcher(live.started, on_graded, live.tick)
            if options.cluster is None:
                grade_each(unit, submissions, left, secret, jobs, watcher, known=keeper.known)
            else:
                on_cluster = _cluster_grading()
                on_cluster(unit, options.rules, submissions, left, secret, options.cluster, watcher, keeper.known)
        results = publisher.everybody(written=[submissions[number].student for number in left])
        end_run(book, run)
    except KeyboardInterrupt:
        kept = len(load_students(book, run))
        console.print(f"Stopped. {kept} of {len(submissions)} are graded and kept; the same command goes on from here.")
        return 130
    except OSError as error:
        raise GraderError(
            f"{error.filename or out}: {error.strerror}. What is graded is in the gradebook; "
            "once that is mended, the same command goes on"
        ) from error
    _table(results, console)
    console.print(f"Reports are in {out}/: class.html, grades.csv, and a folder for each student")
    _tell_flaky(keeper, console)
    return 0 if all(result.graded for result in results) else 1


def _times(
    unit: Unit, submissions: Sequence[Submission], table: Path | None, before: Mapping[str, str], console: Console
) -> dict[str, str]:
    """When they were handed in, as far as it is known: the table wins over the platform, and that over `before`."""
    times = dict(before) | {each.student: each.submitted.isoformat() for each in submissions if each.submitted}
    if table is not None:
        told, strangers = read_times(table, unit.spec.late, [each.student for each in submissions])
        times |= {student: moment.isoformat() for student, moment in told.items()}
        if strangers:
            console.print(escape(f"{table}: nothing was handed in by {', '.join(strangers)}"))
        if unit.spec.late is None:
            console.print(escape(f"{table} changes nothing: the rules have no `late:`"))
    return times


def _refuse(unit: Unit, submissions: Sequence[Submission], out: Path, why: str, console: Console) -> int:
    """Without isolation there are reports, and no marks in them."""
    problem = "Not graded: no isolation. Your code was not run; your instructor knows why."
    results = [ungraded(unit, submission, (problem,)) for submission in submissions]
    for result in results:
        write_result(result, unit, out / result.student)
        write_notes(result, out)
    write_class(results, unit, out)
    console.print(f"not graded: no isolation: {why}.\n{WAY_OUT}.", style="bold", soft_wrap=True)
    return 1


def regrade(unit_of: "UnitOf", out: Path, options: Options) -> int:
    """Grade again what the last run in `out` graded, and tell what is different."""
    from autograder.course.compare import compare, show

    book = open_gradebook(gradebook_of(out, options.gradebook), make=False)
    earlier, newest = last_run(book), last_run(book, ended=False)
    if newest is None:
        raise UsageError(f"{out} holds no run yet: use `autograder grade SUBMISSION... --out {out}`")
    given = newest.given
    unit = unit_of(given["rules"])
    paths = [Path(path) for path in given["paths"]]
    if gone := [str(path) for path in paths if not path.exists()]:
        if all(path.startswith(f"{SUBMISSIONS}/") for path in gone):
            raise UsageError(f"{out} was graded in a container: `autograder grade ... --in-docker` grades it again")
        raise UsageError(f"{', '.join(gone)}: the submissions that were graded here are no longer there")
    again = replace(
        options,
        form=given["form"],
        rules=given["rules"],
        also=tuple(given.get("also", ())),
        times=given.get("submitted", {}),
    )
    status = grade(unit, paths, out, again)
    latest = last_run(book)
    if earlier is not None and latest is not None and latest.id != earlier.id:
        show(compare(book, earlier, latest), Console(highlight=False))
    return status


def report(unit_of: "UnitOf", out: Path, gradebook: str | None = None, released: bool | None = None) -> int:
    """Write all reports again, from the gradebook. The exit status is that of the grading.

    `released` says whether from now on they show model answers, rubrics and readers' notes; None leaves that as it is.
    """
    console = Console(stderr=True, highlight=False)
    book = open_gradebook(gradebook_of(out, gradebook), make=False)
    run = last_run(book) or last_run(book, ended=False)
    if run is None:
        raise UsageError(f"{out} holds no run yet: use `autograder grade SUBMISSION... --out {out}`")
    unit = unit_of(run.given["rules"])
    _make_folder(out)
    if released is not None:
        release_answers(book, released)
    try:
        results = Publisher(book, unit, run, out).everybody()
    except OSError as error:
        raise GraderError(f"{error.filename or out}: {error.strerror}. The gradebook is as it was") from error
    console.print(f"Reports of the run of {run.began}, {len(results)} submissions, are in {out}/")
    return 0 if all(result.graded for result in results) else 1


UnitOf = Callable[[str], Unit]  # the unit with the rules of this file


def _cluster_grading() -> "Callable[..., None]":
    try:
        from autograder.cluster.dispatch import grade_on_cluster
    except ImportError as error:
        raise UsageError(f"--cluster needs Dask ({error}): pip install -e '.[cluster]'") from None
    return grade_on_cluster


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from None


def _tell_unended(book: Engine, console: Console) -> None:
    newest = last_run(book, ended=False)
    if newest is not None and newest.ended is None:
        count = len(load_students(book, newest))
        console.print(f"The run of {newest.began} did not come to its end; its {count} results are used again")


def _tell_flaky(keeper: Keeper, console: Console) -> None:
    if not keeper.flaky:
        return
    console.print(f"\n[bold red]{len(keeper.flaky)} marks differ though nothing changed that they depend on[/]:")
    for line in keeper.flaky:
        console.print(f"  {clean(line, 200)}", markup=False)
    console.print("A test that gives other marks for the same code must be mended before marks are published.")


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
