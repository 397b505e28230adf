"""What commands have in common: options, exit statuses, the unit that they are about."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import click

from autograder.errors import GraderError, UsageError

if TYPE_CHECKING:
    from autograder.spec import Unit

P = ParamSpec("P")
rules = click.option("--rules", default="grading.yml", show_default=True, help="Another rule file of the unit.")
jobs = click.option("--jobs", type=click.IntRange(min=1), help="Submissions graded beside each other; default: cores.")
cluster = click.option(
    "--cluster", metavar="ADDRESS", help="Grade on a Dask cluster, tcp://HOST:PORT; local:2 tries it here."
)
force = click.option("--force", is_flag=True, help="Grade everything, and tell where that gives other marks.")
folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False, exists=True))
gradebook = click.option(
    "--gradebook",
    metavar="URL",
    help="Another database than DIR/gradebook.sqlite, such as postgresql+psycopg://...; also AUTOGRADER_GRADEBOOK.",
)


def told(command: Callable[P, int]) -> Callable[P, None]:
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


def unit_of(rules: str = "grading.yml") -> "Unit":
    from autograder.spec import find_root, load

    return load(find_root(Path.cwd()), rules)
