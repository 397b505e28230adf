"""The matrix of tests and mistakes: which test catches what. As a page, as CSV, and on the terminal."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from autograder.grading.costs import Cost, path_of
from autograder.spec import Item, Topic, Unit
from autograder.verify.proof import Proof, Verdict


@dataclass(frozen=True)
class Grid:
    """An item's part of the matrix."""

    item: Item
    verdicts: tuple[Verdict, ...]

    @property
    def idle(self) -> list[str]:
        """Tests that catch no mistake of the bank, where there is any."""
        return [test for test in self.item.tests if self.verdicts and not any(test in v.failed for v in self.verdicts)]


def grids(topics: tuple[Topic, ...], proof: Proof) -> list[Grid]:
    """The matrix of each item that there are mistakes of; a worked companion has no tests, and so no rows."""
    return [Grid(item, verdicts) for topic in topics for item in topic.items if (verdicts := proof.of(item.id))]


def record(unit: Unit, topics: Sequence[Topic], found: Sequence[Grid], costs: Mapping[str, Cost]) -> None:
    """Write down how many mistakes each test catches, so that one that catches fewer some day is seen; and its cost."""
    for topic in topics:
        counts = _counts(topic, found)
        rows = [f"{test},{counts[test]},{_written(costs[test])}\n" for test in counts]
        if rows:
            path_of(unit, topic).write_text("".join(("test,caught,milliseconds,draws\n", *rows)), encoding="utf-8")


def _written(cost: Cost) -> str:
    return f"{cost.milliseconds:g},{'yes' if cost.draws else 'no'}"


def blunted(unit: Unit, topics: Sequence[Topic], found: Sequence[Grid], share: Fraction) -> Iterator[str]:
    """Tests that catch clearly less than this share of what they caught when it was written down."""
    for topic in topics:
        path = path_of(unit, topic)
        if path.is_file():
            now = _counts(topic, found)
            for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
                test, before = row["test"], int(row["caught"])
                # One more or less may be chance: a test's numbers are drawn anew when a solution changes.
                if test in now and now[test] + 1 < share * before:
                    yield f"{topic.name}: {test} catches {now[test]} mistakes; it caught {before}"


def _counts(topic: Topic, found: Sequence[Grid]) -> dict[str, int]:
    return {
        test: sum(test in verdict.failed for verdict in grid.verdicts)
        for grid in found
        if grid.item in topic.items
        for test in grid.item.tests
    }


def write_csv(found: list[Grid], path: Path) -> None:
    """A line for each test and each mistake of its item: whether it is caught."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(("item", "test", "mistake", "common", "caught"))
        for grid in found:
            for verdict in grid.verdicts:
                mistake = verdict.case.mistake
                assert mistake is not None
                for test in grid.item.tests:
                    out.writerow((grid.item.id, test, mistake.id, int(mistake.common), int(test in verdict.failed)))


def write_html(found: list[Grid], path: Path) -> None:
    """The page; it stands alone and runs nothing."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("autograder.verify", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    path.write_text(environment.get_template("matrix.html.j2").render(grids=found) + "\n", encoding="utf-8")


def lines(found: list[Grid]) -> list[str]:
    """For the terminal: a row a test, a column a mistake."""
    told = []
    for grid in found:
        told.append(f"\n{grid.item.id}")
        for test in grid.item.tests:
            row = "".join("x" if test in verdict.failed else "." for verdict in grid.verdicts)
            told.append(f"  {test:60} {row}")
    return told
