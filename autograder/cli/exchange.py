"""Commands that trade with other places: gradebooks, students' repositories."""

from collections.abc import Mapping
from pathlib import Path

import click

from autograder.cli import options
from autograder.errors import UsageError


@click.command()
@click.argument("platform", type=click.Choice(["canvas", "moodle"]))
@click.argument("table", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--grades", required=True, type=click.Path(path_type=Path, file_okay=False), help="What `grade` made.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The filled table.")
@click.option("--column", help="The column of marks; Canvas needs it, Moodle's is Grade.")
@click.option("--provisional", is_flag=True, help="Fill in totals for which answers still wait for a reader, too.")
@options.told
def export(platform: str, table: Path, grades: Path, out: Path, column: str | None, provisional: bool) -> int:
    """Fill TABLE, as Canvas or Moodle exports it, with the totals of `grade`, for importing it there."""
    from autograder.course.export import PLATFORMS
    from autograder.course.export import export as filled
    from autograder.report.files import write_atomically

    done = filled(PLATFORMS[platform], table, grades, column)
    if done.pending and not provisional:
        raise UsageError(
            f"{done.pending} of {done.filled} totals are not final: answers wait for a reader. Read them with "
            f"`autograder review {grades}`, or say --provisional to fill in what there is so far"
        )
    write_atomically(out, done.text)
    click.echo(f"{out}: {done.filled} totals filled in")
    if done.pending:
        click.echo(f"PROVISIONAL: {done.pending} of them are totals so far, while answers wait for a reader", err=True)
    if done.unknown:
        click.echo(f"In no row of {table}: {', '.join(done.unknown)}", err=True)
    return 1 if done.unknown else 0


def _tell(told: Mapping[str, str], failed: Mapping[str, str]) -> int:
    for student, what in told.items():
        click.echo(f"{student}: {what}")
    for student, why in failed.items():
        click.echo(f"{student}: {why}", err=True)
    return 1 if failed else 0


@click.command()
@click.argument("table", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="For submissions/ and times."
)
@click.option("--before", help="The deadline, as 2026-12-11T23:59:00+01:00: the last commit until then is taken.")
@options.told
def collect(table: Path, out: Path, before: str | None) -> int:
    """Fetch the students' repositories of TABLE (student,repository), each as it was at the deadline."""
    from datetime import datetime

    from autograder.course.repositories import collect as run_collect

    try:
        deadline = datetime.fromisoformat(before).astimezone() if before else None
    except ValueError:
        raise UsageError(f"--before {before}: is no time such as 2026-12-11T23:59:00+01:00") from None
    done = run_collect(table, out, deadline)
    return _tell(done.told, done.failed)


@click.command()
@click.argument("table", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--grades", required=True, type=click.Path(path_type=Path, file_okay=False), help="What `grade` made.")
@options.told
def publish(table: Path, grades: Path) -> int:
    """Push each report to the branch `feedback` of its student's repository in TABLE (student,repository)."""
    from autograder.course.repositories import publish as run_publish

    done = run_publish(table, grades)
    return _tell(done.told, done.failed)
