"""`release`: what is handed out, to students and to other platforms."""

from pathlib import Path

import click

from autograder.cli import options


@click.group()
def release() -> None:
    """Make what is handed out."""


@release.command()
@click.option(
    "--check", "only_check", is_flag=True, help="Write nothing; exit 1 where a stub is not what it should be."
)
@options.told
def stubs(only_check: bool) -> int:
    """Make the stubs in assignments/ from the solutions."""
    from autograder.release.stubs import write_stubs

    changed = write_stubs(options.unit_of(), only_check)
    for path in changed:
        click.echo(f"{'differs' if only_check else 'written'}: {path}")
    return 1 if changed and only_check else 0


@release.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="A folder to be made.")
@click.option("--repository", default="", help="Where it will be on the web, for the first cell on Google Colab.")
@click.option(
    "--with-answers",
    "solved",
    multiple=True,
    metavar="TOPIC",
    help="Put this topic's solution in as well, for self-study; then do not mark it. May be given again.",
)
@options.told
def student(out: Path, repository: str, solved: tuple[str, ...]) -> int:
    """Make the repository that students get: no solution, no hidden test, no answer is in it."""
    from autograder.release.student import release_student

    unit = options.unit_of()
    count = release_student(unit, out, repository, solved)
    click.echo(f"{out}: {count} files; nothing of the solutions, the hidden tests, the answers or the seeds is in them")
    if solved:
        others = ", ".join(topic.name for topic in unit.spec.topics if topic.name not in solved)
        click.echo(
            f"except {', '.join(solved)}, solved: grade with rules that leave it out (grade --rules FILE), such as"
        )
        click.echo(f"  based_on: grading.yml\n  topics: [{others}]\n  total: 100")
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
@options.told
def otter(out: Path, grades: Path | None) -> int:
    """Make the zip for `otter run` and `otter grade` of otter-grader 7. It holds the solutions: keep it to yourself."""
    from autograder.release.otter import otter_zip

    otter_zip(options.unit_of(), out.absolute(), (grades or out.parent).absolute())
    click.echo(f"{out}: otter run -a {out} STUDENT.zip")
    return 0


@release.command()
@_zip_out
@_grades
@options.told
def gradescope(out: Path, grades: Path | None) -> int:
    """Make the zip for Gradescope. It holds the solutions: keep it to yourself."""
    from autograder.release.container import gradescope_zip

    gradescope_zip(options.unit_of(), out.absolute(), (grades or out.parent).absolute())
    click.echo(f"{out}: upload it as the assignment's autograder")
    return 0


@release.command()
@click.option(
    "--check", "only_check", is_flag=True, help="Write nothing; exit 1 where the file is not what it should be."
)
@click.argument("topics", nargs=-1)
@options.told
def fingerprints(topics: tuple[str, ...], only_check: bool) -> int:
    """Make tests/public/fingerprints.json, by which `check` names misconceptions, from the mistakes (minutes).

    With a TOPIC only its part is made again.
    """
    from autograder.release.fingerprints import write_fingerprints

    differs = write_fingerprints(options.unit_of(), topics, only_check)
    if differs:
        click.echo(f"{'differs' if only_check else 'written'}: tests/public/fingerprints.json")
    return 1 if differs and only_check else 0
