"""Commands that prove the hidden tests."""

from typing import Any

import click

from autograder.cli import options


@click.command()
@click.argument("topics", nargs=-1)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Runs, each with its own seed.")
@click.option("--names", is_flag=True, help="Tell how many mistakes a report calls by their name (slow).")
@click.option("--mutants", is_flag=True, help="Change the solutions by themselves; tell which changes no test sees.")
@click.option("--matrix", "show_matrix", is_flag=True, help="Print which test catches which mistake.")
@click.option("--record", is_flag=True, help="Write down how many mistakes each test catches: they must stay as sharp.")
@click.option("--changed/--all", "only_changed", help="Skip what was proved before, as it is now.  [default: all]")
@click.option("--jobs", type=click.IntRange(min=1), help="Cases graded beside each other; default: cores and 1.")
@options.rules
@options.told
def verify(rules: str, **asked: Any) -> int:
    """Prove the tests of each TOPIC, or of all: solutions pass, stubs score nothing, wrong answers are caught."""
    from autograder.verify import Asked
    from autograder.verify import verify as run_verify

    return run_verify(options.unit_of(rules), Asked(**asked))


@click.command()
@click.argument("topics", nargs=-1)
@click.option("--runs", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--training-runs", type=click.IntRange(min=0), default=20, show_default=True, help="With the long items.")
@click.option("--training-over", type=float, default=7, show_default=True, help="CPU seconds that make an item long.")
@click.option(
    "--right-runs", type=click.IntRange(min=0), default=200, show_default=True, help="With the different right modules."
)
@options.told
def soak(topics: tuple[str, ...], runs: int, training_runs: int, training_over: float, right_runs: int) -> int:
    """Look for flaky tests: what must get full marks, graded with ever new seeds. Can be stopped and goes on."""
    from autograder.verify.soak import soak as run_soak

    return run_soak(options.unit_of(), topics, runs, training_runs, training_over, right_runs)
