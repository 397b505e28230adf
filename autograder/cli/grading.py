"""Commands that grade a class, and tell what was graded."""

from pathlib import Path

import click

from autograder.cli import options
from autograder.errors import UsageError


@click.command()
@click.argument("submissions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where the reports go.")
@options.jobs
@click.option("--class", "form", flag_value="class", help="Each SUBMISSION is a class, whatever it looks like.")
@click.option("--one", "form", flag_value="one", help="Each SUBMISSION is one student's, whatever it looks like.")
@options.cluster
@options.gradebook
@options.force
@click.option("--in-docker", is_flag=True, help="In a container, where this machine cannot keep students' code apart.")
@click.option("--submitted", type=click.Path(path_type=Path), help="A CSV of student,submitted: when each came in.")
@click.option(
    "--also",
    type=click.Choice(["junit", "classroom", "classroom50", "gradescope"]),
    multiple=True,
    help="Also write each result in this form; may be given several times.",
)
@options.rules
@options.told
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
    from autograder.course.grade import Options
    from autograder.course.grade import grade as run_grade

    if in_docker:
        return _in_docker(out)
    how = Options(jobs, form or "auto", rules, gradebook, force, cluster, submitted, also)
    return run_grade(options.unit_of(rules), submissions, out, how)


def _in_docker(out: Path) -> int:
    """The command that is running, once more in a container; see `contained` for what that is told."""
    from rich.console import Console

    from autograder.cli.contained import contained
    from autograder.machine.container import in_container
    from autograder.spec import find_root

    context = click.get_current_context()
    words, mounts = contained(context, find_root(Path.cwd()))
    return in_container(str(context.info_name), words, mounts, out, Console(stderr=True, highlight=False))


@click.command()
@options.folder
@options.jobs
@options.cluster
@options.gradebook
@options.force
@options.told
def regrade(folder: Path, jobs: int | None, cluster: str | None, gradebook: str | None, force: bool) -> int:
    """Grade again what was graded into DIR, with today's tests, and tell what is different."""
    from autograder.course.grade import Options
    from autograder.course.grade import regrade as run_regrade

    return run_regrade(options.unit_of, folder, Options(jobs=jobs, gradebook=gradebook, force=force, cluster=cluster))


@click.command()
@options.folder
@click.argument("runs", nargs=-1, type=int, metavar="[RUN RUN]")
@options.gradebook
@options.told
def diff(folder: Path, runs: tuple[int, ...], gradebook: str | None) -> int:
    """Who gained and lost what between two runs in DIR, and why; the last two unless told otherwise."""
    from autograder.course.compare import diff as run_diff

    return run_diff(folder, runs, gradebook)


@click.command()
@options.folder
@options.gradebook
@click.option(
    "--release-answers/--withhold-answers",
    "released",
    default=None,
    help="From now on students' reports show model answers, rubrics and readers' notes, or no longer.",
)
@options.told
def report(folder: Path, gradebook: str | None, released: bool | None) -> int:
    """Write all reports in DIR again, from the gradebook and what readers decided; nothing is graded."""
    from autograder.course.grade import report as run_report

    return run_report(options.unit_of, folder, gradebook, released)


@click.command()
@options.folder
@click.option("--reader", "readers", multiple=True, metavar="NAME", help="Who reads; several times for several.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: any that is free.")
@click.option("--export", "exported", type=click.Path(path_type=Path, dir_okay=False), help="Write decisions as CSV.")
@click.option("--import", "imported", type=click.Path(path_type=Path, dir_okay=False), help="Take decisions from CSV.")
@options.gradebook
@options.told
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
    desk = command.opened(options.unit_of, folder, gradebook)
    if exported is not None:
        return command.export(desk, exported)
    if imported is not None:
        return command.take_in(desk, imported)
    return command.serve(desk, readers, port)


@click.command()
@options.rules
@options.told
def doctor(rules: str) -> int:
    """Tell which layers keep a student's code apart on this machine, and whether hidden tests can be run."""
    from rich.console import Console

    from autograder.machine.doctor import doctor as run_doctor

    return run_doctor(options.unit_of(rules), Console(highlight=False))


@click.command()
@click.argument("submissions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where similar.html goes.")
@click.option("--class", "form", flag_value="class", help="Each SUBMISSION is a class, whatever it looks like.")
@options.rules
@options.told
def similar(submissions: tuple[Path, ...], out: Path, form: str | None, rules: str) -> int:
    """Find submissions that resemble each other, for a person to look at. Similarity is no proof."""
    from autograder.course.similarity import similar as run_similar

    return run_similar(options.unit_of(rules), submissions, out, form or "auto")
