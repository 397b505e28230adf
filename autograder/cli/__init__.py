"""The command `autograder`. Each command imports what it needs when it runs, so that the first word comes at once.

Exit status: 0 done; 1 some submission could not be graded, or a public test fails; 2 the command line or grading.yml is
wrong.
"""

from importlib.util import find_spec

import click

from autograder import __version__
from autograder.cli.checking import check


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="autograder")
def main() -> None:
    """Grade a class with hidden tests, or check your own work with the public ones."""


main.add_command(check)
if find_spec("autograder.cli.grading") is not None:  # a student's copy of the engine checks, and does nothing else
    from autograder.cli import exchange, grading, proving, release

    for command in (
        *(
            grading.grade,
            grading.regrade,
            grading.diff,
            grading.report,
            grading.review,
            grading.doctor,
            grading.similar,
        ),
        *(proving.verify, proving.soak, exchange.export, exchange.collect, exchange.publish, release.release),
    ):
        main.add_command(command)
