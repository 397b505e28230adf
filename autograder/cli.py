"""The command `autograder`. Each command imports what it needs when it runs, so that the first word comes at once.

Exit status: 0 done; 1 some submission could not be graded, or a public test fails; 2 the command line or grading.yml is
wrong.
"""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import click

from autograder import __version__
from autograder.errors import GraderError, UsageError

P = ParamSpec("P")
_rules = click.option("--rules", default="grading.yml", show_default=True, help="Another rule file of the unit.")


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


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="autograder")
def main() -> None:
    """Grade a class with hidden tests, or check your own work with the public ones."""


@main.command()
@click.argument("topics", nargs=-1)
@click.option("--pdb", "debug", is_flag=True, help="Stop in the debugger where a check fails.")
@_rules
@_told
def check(topics: tuple[str, ...], debug: bool, rules: str) -> int:
    """Check your own work: the public tests of each TOPIC, or of all."""
    from autograder.spec import find_root, load

    unit = load(find_root(Path.cwd()), rules)
    from rich.console import Console

    from autograder.check import check as run_check

    return 0 if run_check(unit, topics, Console(highlight=False), debug) else 1


@main.command()
@click.argument("submissions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where the reports go.")
@click.option("--jobs", type=click.IntRange(min=1), help="Submissions graded beside each other; default: cores.")
@click.option("--class", "form", flag_value="class", help="Each SUBMISSION is a class, whatever it looks like.")
@click.option("--one", "form", flag_value="one", help="Each SUBMISSION is one student's, whatever it looks like.")
@_rules
@_told
def grade(submissions: tuple[Path, ...], out: Path, jobs: int | None, form: str | None, rules: str) -> int:
    """Grade each SUBMISSION (a folder, .zip, .py or .ipynb of one student, or a class of them)."""
    from autograder.grade import grade as run_grade
    from autograder.spec import find_root, load

    return run_grade(load(find_root(Path.cwd()), rules), submissions, out, jobs, form or "auto")


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
