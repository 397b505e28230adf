"""The command `autograder`. Each command imports what it needs when it runs, so that the first word comes at once.

Exit status: 0 done; 1 some submission could not be graded, or a public test fails; 2 the command line or grading.yml is
wrong.
"""

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import click

from autograder import __version__
from autograder.errors import GraderError, UsageError

if TYPE_CHECKING:
    from autograder.spec import Unit

P = ParamSpec("P")
_rules = click.option("--rules", default="grading.yml", show_default=True, help="Another rule file of the unit.")
_jobs = click.option("--jobs", type=click.IntRange(min=1), help="Submissions graded beside each other; default: cores.")
_cluster = click.option(
    "--cluster", metavar="ADDRESS", help="Grade on a Dask cluster, tcp://HOST:PORT; local:2 tries it here."
)
_force = click.option("--force", is_flag=True, help="Grade everything, and tell where that gives other marks.")
_folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False, exists=True))
_gradebook = click.option(
    "--gradebook",
    metavar="URL",
    help="Another database than DIR/gradebook.sqlite, such as postgresql+psycopg://...; also AUTOGRADER_GRADEBOOK.",
)


def _told(command: Callable[P, int]) -> Callable[P, None]:
    """Turn what a command returns or raises into an exit status, and an error into lines on stderr."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            status = command(*args, **kwargs)
        except UsageError as error:
            click.echo(str(error), err=True)
            status = 2
        except GraderError as error:
            click.echo(f"The grader failed: {error}", err=True)
            status = 1
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            status = 130
        sys.exit(status)

    return run


def _unit_of(rules: str) -> "Unit":
    from autograder.spec import find_root, load

    return load(find_root(Path.cwd()), rules)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="autograder")
def main() -> None:
    """Grade a class with hidden tests, or check your own work with the public ones."""


@main.command()
@click.argument("topics", nargs=-1)
@click.option("--pdb", "debug", is_flag=True, help="Stop in the debugger where a check fails.")
@click.option("--report", type=click.Path(path_type=Path, file_okay=False), help="Also write files for CI there.")
@click.option("--watch", "stay", is_flag=True, help="Stay, and check a topic again whenever its file is saved.")
@_rules
@_told
def check(topics: tuple[str, ...], debug: bool, report: Path | None, stay: bool, rules: str) -> int:
    """Check your own work: the public tests of each TOPIC, or of all."""
    from autograder.spec import find_root, load

    unit = load(find_root(Path.cwd()), rules)
    from rich.console import Console

    if stay:
        if debug:
            raise UsageError("--watch and --pdb do not go together: the debugger would stop every save")
        from autograder.watch import watch

        watch(unit, topics, Console(highlight=False))
        return 0
    from autograder.check import check as run_check

    return 0 if run_check(unit, topics, Console(highlight=False), debug, report) else 1


@main.command()
@click.argument("submissions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where the reports go.")
@_jobs
@click.option("--class", "form", flag_value="class", help="Each SUBMISSION is a class, whatever it looks like.")
@click.option("--one", "form", flag_value="one", help="Each SUBMISSION is one student's, whatever it looks like.")
@_cluster
@_gradebook
@_force
@click.option("--in-docker", is_flag=True, help="In a container, where this machine cannot keep students' code apart.")
@click.option("--submitted", type=click.Path(path_type=Path), help="A CSV of student,submitted: when each came in.")
@click.option(
    "--also",
    type=click.Choice(["junit", "classroom", "classroom50", "gradescope"]),
    multiple=True,
    help="Also write each result in this form; may be given several times.",
)
@_rules
@_told
def grade(
    submissions: tuple[Path, ...],
    out: Path,
    jobs: int | None,
    form: str | None,
    cluster: str | None,
    gradebook: str | None,
    force: bool,
    in_docker: bool,
    submitted: Path | None,
    also: tuple[str, ...],
    rules: str,
) -> int:
    """Grade each SUBMISSION (a folder, .zip, .py or .ipynb of one student, or a class of them).

    What the gradebook holds already, and nothing has changed that it depends on, is not graded again; a run that was
    stopped or killed goes on with the same command.
    """
    from autograder.grade import Options
    from autograder.grade import grade as run_grade
    from autograder.spec import find_root, load

    if in_docker:
        return _in_docker(submissions, out, jobs, form, rules)
    options = Options(jobs, form or "auto", rules, gradebook, force, cluster, submitted, also)
    return run_grade(load(find_root(Path.cwd()), rules), submissions, out, options)


def _in_docker(submissions: tuple[Path, ...], out: Path, jobs: int | None, form: str | None, rules: str) -> int:
    from rich.console import Console

    from autograder.container import grade_in_container
    from autograder.spec import find_root

    options = ["--rules", rules, *(["--jobs", str(jobs)] if jobs else []), *([f"--{form}"] if form else [])]
    root = find_root(Path.cwd())
    return grade_in_container(root, submissions, out, options, Console(stderr=True, highlight=False))


@main.command()
@_folder
@_jobs
@_cluster
@_gradebook
@_force
@_told
def regrade(folder: Path, jobs: int | None, cluster: str | None, gradebook: str | None, force: bool) -> int:
    """Grade again what was graded into DIR, with today's tests, and tell what is different."""
    from autograder.grade import Options
    from autograder.grade import regrade as run_regrade

    return run_regrade(_unit_of, folder, Options(jobs=jobs, gradebook=gradebook, force=force, cluster=cluster))


@main.command()
@_folder
@click.argument("runs", nargs=-1, type=int, metavar="[RUN RUN]")
@_gradebook
@_told
def diff(folder: Path, runs: tuple[int, ...], gradebook: str | None) -> int:
    """Who gained and lost what between two runs in DIR, and why; the last two unless told otherwise."""
    from autograder.compare import diff as run_diff

    return run_diff(folder, runs, gradebook)


@main.command()
@_folder
@_gradebook
@click.option(
    "--release-answers/--withhold-answers",
    "released",
    default=None,
    help="From now on students' reports show model answers, rubrics and readers' notes, or no longer.",
)
@_told
def report(folder: Path, gradebook: str | None, released: bool | None) -> int:
    """Write all reports in DIR again, from the gradebook and what readers decided; nothing is graded."""
    from autograder.grade import report as run_report

    return run_report(_unit_of, folder, gradebook, released)


@main.command()
@_folder
@click.option("--reader", "readers", multiple=True, metavar="NAME", help="Who reads; several times for several.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: any that is free.")
@click.option("--export", "exported", type=click.Path(path_type=Path, dir_okay=False), help="Write decisions as CSV.")
@click.option("--import", "imported", type=click.Path(path_type=Path, dir_okay=False), help="Take decisions from CSV.")
@_gradebook
@_told
def review(
    folder: Path,
    readers: tuple[str, ...],
    port: int,
    exported: Path | None,
    imported: Path | None,
    gradebook: str | None,
) -> int:
    """Read the written answers of DIR in the browser and give their marks; on this machine alone."""
    try:
        from autograder.review import command
    except ImportError as error:
        raise UsageError(f"reading needs {error.name}: pip install 'autograder[review]'") from None

    if exported is not None and imported is not None:
        raise UsageError("--export and --import: one of the two")
    desk = command.opened(_unit_of, folder, gradebook)
    if exported is not None:
        return command.export(desk, exported)
    if imported is not None:
        return command.take_in(desk, imported)
    return command.serve(desk, readers, port)


@main.command()
@_rules
@_told
def doctor(rules: str) -> int:
    """Tell which layers keep a student's code apart on this machine, and whether hidden tests can be run."""
    from rich.console import Console

    from autograder.doctor import doctor as run_doctor
    from autograder.spec import find_root, load

    return run_doctor(load(find_root(Path.cwd()), rules), Console(highlight=False))


@main.command()
@click.argument("submissions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where similar.html goes.")
@click.option("--class", "form", flag_value="class", help="Each SUBMISSION is a class, whatever it looks like.")
@_rules
@_told
def similar(submissions: tuple[Path, ...], out: Path, form: str | None, rules: str) -> int:
    """Find submissions that resemble each other, for a person to look at. Similarity is no proof."""
    from autograder.similarity import similar as run_similar
    from autograder.spec import find_root, load

    return run_similar(load(find_root(Path.cwd()), rules), submissions, out, form or "auto")


@main.command()
@click.argument("topics", nargs=-1)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Runs, each with its own seed.")
@click.option("--names", is_flag=True, help="Tell how many mistakes a report calls by their name (slow).")
@click.option("--mutants", is_flag=True, help="Change the solutions by themselves; tell which changes no test sees.")
@click.option("--matrix", "show_matrix", is_flag=True, help="Print which test catches which mistake.")
@click.option("--record", is_flag=True, help="Write down how many mistakes each test catches: they must stay as sharp.")
@click.option("--changed/--all", "only_changed", help="Skip what was proved before, as it is now.  [default: all]")
@click.option("--jobs", type=click.IntRange(min=1), help="Cases graded beside each other; default: cores.")
@_rules
@_told
def verify(rules: str, **asked: Any) -> int:
    """Prove the tests of each TOPIC, or of all: solutions pass, stubs score nothing, wrong answers are caught."""
    from autograder.spec import find_root, load
    from autograder.verify import Asked
    from autograder.verify import verify as run_verify

    return run_verify(load(find_root(Path.cwd()), rules), Asked(**asked))


@main.command()
@click.argument("topics", nargs=-1)
@click.option("--runs", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--training-runs", type=click.IntRange(min=0), default=20, show_default=True, help="With the long items.")
@click.option("--training-over", type=float, default=10, show_default=True, help="CPU seconds that make an item long.")
@click.option(
    "--right-runs", type=click.IntRange(min=0), default=200, show_default=True, help="With the different right modules."
)
@_told
def soak(topics: tuple[str, ...], runs: int, training_runs: int, training_over: float, right_runs: int) -> int:
    """Look for flaky tests: what must get full marks, graded with ever new seeds. Can be stopped and goes on."""
    from autograder.soak import soak as run_soak
    from autograder.spec import find_root, load

    return run_soak(load(find_root(Path.cwd())), topics, runs, training_runs, training_over, right_runs)


@main.command()
@click.argument("platform", type=click.Choice(["canvas", "moodle"]))
@click.argument("table", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--grades", required=True, type=click.Path(path_type=Path, file_okay=False), help="What `grade` made.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The filled table.")
@click.option("--column", help="The column of marks; Canvas needs it, Moodle's is Grade.")
@_told
def export(platform: str, table: Path, grades: Path, out: Path, column: str | None) -> int:
    """Fill TABLE, as Canvas or Moodle exports it, with the totals of `grade`, for importing it there."""
    from autograder.gradebooks import PLATFORMS
    from autograder.gradebooks import export as filled
    from autograder.report.files import write_atomically

    done = filled(PLATFORMS[platform], table, grades, column)
    write_atomically(out, done.text)
    click.echo(f"{out}: {done.filled} totals filled in")
    if done.pending:
        click.echo(f"{done.pending} of them are totals so far: answers wait for a reader", err=True)
    if done.unknown:
        click.echo(f"In no row of {table}: {', '.join(done.unknown)}", err=True)
    return 1 if done.unknown else 0


def _tell(told: Mapping[str, str], failed: Mapping[str, str]) -> int:
    for student, what in told.items():
        click.echo(f"{student}: {what}")
    for student, why in failed.items():
        click.echo(f"{student}: {why}", err=True)
    return 1 if failed else 0


@main.command()
@click.argument("table", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="For submissions/ and times."
)
@click.option("--before", help="The deadline, as 2026-12-11T23:59:00+01:00: the last commit until then is taken.")
@_told
def collect(table: Path, out: Path, before: str | None) -> int:
    """Fetch the students' repositories of TABLE (student,repository), each as it was at the deadline."""
    from datetime import datetime

    from autograder.repositories import collect as run_collect

    try:
        deadline = datetime.fromisoformat(before).astimezone() if before else None
    except ValueError:
        raise UsageError(f"--before {before}: is no time such as 2026-12-11T23:59:00+01:00") from None
    done = run_collect(table, out, deadline)
    return _tell(done.told, done.failed)


@main.command()
@click.argument("table", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--grades", required=True, type=click.Path(path_type=Path, file_okay=False), help="What `grade` made.")
@_told
def publish(table: Path, grades: Path) -> int:
    """Push each report to the branch `feedback` of its student's repository in TABLE (student,repository)."""
    from autograder.repositories import publish as run_publish

    done = run_publish(table, grades)
    return _tell(done.told, done.failed)


@main.group()
def release() -> None:
    """Make what is handed out."""


@release.command()
@click.option(
    "--check", "only_check", is_flag=True, help="Write nothing; exit 1 where a stub is not what it should be."
)
@_told
def stubs(only_check: bool) -> int:
    """Make the stubs in assignments/ from the solutions."""
    from autograder.release.stubs import write_stubs
    from autograder.spec import find_root, load

    changed = write_stubs(load(find_root(Path.cwd())), only_check)
    for path in changed:
        click.echo(f"{'differs' if only_check else 'written'}: {path}")
    return 1 if changed and only_check else 0


@release.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="A folder to be made.")
@click.option("--repository", default="", help="Where it will be on the web, for the first cell on Google Colab.")
@_told
def student(out: Path, repository: str) -> int:
    """Make the repository that students get: no solution, no hidden test, no answer is in it."""
    from autograder.release.student import release_student
    from autograder.spec import find_root, load

    count = release_student(load(find_root(Path.cwd())), out, repository)
    click.echo(f"{out}: {count} files; nothing of the solutions, the hidden tests, the answers or the seeds is in them")
    return 0


_zip_out = click.option("--out", default="autograder.zip", show_default=True, type=click.Path(path_type=Path))
_grades = click.option(
    "--grades",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of `grade`, whose secret of the seeds is packed; default: the folder of --out.",
)


@release.command()
@_zip_out
@_grades
@_told
def otter(out: Path, grades: Path | None) -> int:
    """Make the zip for `otter run` and `otter grade` of otter-grader 7. It holds the solutions: keep it to yourself."""
    from autograder.release.otter import otter_zip
    from autograder.spec import find_root, load

    otter_zip(load(find_root(Path.cwd())), out.absolute(), (grades or out.parent).absolute())
    click.echo(f"{out}: otter run -a {out} STUDENT.zip")
    return 0


@release.command()
@_zip_out
@_grades
@_told
def gradescope(out: Path, grades: Path | None) -> int:
    """Make the zip for Gradescope. It holds the solutions: keep it to yourself."""
    from autograder.release.container import gradescope_zip
    from autograder.spec import find_root, load

    gradescope_zip(load(find_root(Path.cwd())), out.absolute(), (grades or out.parent).absolute())
    click.echo(f"{out}: upload it as the assignment's autograder")
    return 0


@release.command()
@click.option(
    "--check", "only_check", is_flag=True, help="Write nothing; exit 1 where the file is not what it should be."
)
@click.argument("topics", nargs=-1)
@_told
def fingerprints(topics: tuple[str, ...], only_check: bool) -> int:
    """Make tests/public/fingerprints.json, by which `check` names misconceptions, from the mistakes (minutes).

    With a TOPIC only its part is made again.
    """
    from autograder.release.fingerprints import write_fingerprints
    from autograder.spec import find_root, load

    differs = write_fingerprints(load(find_root(Path.cwd())), topics, only_check)
    if differs:
        click.echo(f"{'differs' if only_check else 'written'}: tests/public/fingerprints.json")
    return 1 if differs and only_check else 0


if not Path(__file__).with_name("grade.py").is_file():  # a student's copy of the engine checks, and does nothing else
    main.commands = {"check": check}
