"""`check`, the one command of a student's copy."""

from pathlib import Path

import click

from autograder.cli import options
from autograder.errors import UsageError


@click.command()
@click.argument("topics", nargs=-1)
@click.option("--pdb", "debug", is_flag=True, help="Stop in the debugger where a check fails.")
@click.option("--report", type=click.Path(path_type=Path, file_okay=False), help="Also write files for CI there.")
@click.option("--watch", "stay", is_flag=True, help="Stay, and check a topic again whenever its file is saved.")
@options.rules
@options.told
def check(topics: tuple[str, ...], debug: bool, report: Path | None, stay: bool, rules: str) -> int:
    """Check your own work: the public tests of each TOPIC, or of all."""
    unit = options.unit_of(rules)
    from autograder.target.launcher import CAN_FORK

    if CAN_FORK and not debug and not stay:
        from autograder.desk.forked import check as check_in_a_fork

        return 0 if check_in_a_fork(unit, topics, report) else 1
    from rich.console import Console

    if stay:
        if debug:
            raise UsageError("--watch and --pdb do not go together: the debugger would stop every save")
        from autograder.desk.watch import watch

        watch(unit, topics, Console(highlight=False))
        return 0
    from autograder.desk.check import check as run_check

    return 0 if run_check(unit, topics, Console(highlight=False), debug, report) else 1
