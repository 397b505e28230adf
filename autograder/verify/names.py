"""What reports call the mistakes, and what they call what is no mistake of the bank."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.spec import Unit
from autograder.verify.proof import Verdict


@dataclass(frozen=True)
class Names:
    """What came of naming: mistakes in the solution, common ones in other right modules, and controls."""

    here: tuple[Verdict, ...]
    elsewhere: tuple[Verdict, ...]
    nameless: tuple[Verdict, ...]  # see `autograder.verify.controls`

    @property
    def wrong(self) -> list[Verdict]:
        return [verdict for verdict in (*self.here, *self.elsewhere, *self.nameless) if verdict.misnamed]

    @property
    def named(self) -> int:
        return sum(verdict.named for verdict in self.elsewhere)

    @property
    def told(self) -> Iterator[str]:
        """What was found, in lines for the terminal."""
        for verdict in self.wrong:
            yield f"✗ {verdict.case.name}: called {verdict.diagnosis!r}"
        yield f"Common mistakes put into other right modules: {self.named} of {len(self.elsewhere)} named"
        yield f"Half-written code, random numbers, two mistakes at once: {len(self.nameless)}"
        yield f"Called by a wrong name: {len(self.wrong)}"

    def write_csv(self, path: Path) -> None:
        """Each mistake and control, whether it got its right name, a wrong one or none, and what it was called."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("item", "case", "name", "called"))
            mistakes = (verdict for verdict in self.here if verdict.case.mistake)
            for verdict in (*mistakes, *self.elsewhere, *self.nameless):
                name = "wrong" if verdict.misnamed else "right" if verdict.named else "none"
                writer.writerow((" ".join(sorted(verdict.case.about)), verdict.case.name, name, verdict.diagnosis))

    def missed(self, unit: Unit) -> Iterator[str]:
        """What is less than `verify:` in grading.yml demands."""
        limits = unit.spec.verify
        if self.named < limits.named * len(self.elsewhere):
            demanded = f"{float(limits.named):.0%}"
            yield f"{self.named} of {len(self.elsewhere)} common mistakes are named; grading.yml demands {demanded}"
        if len(self.wrong) > limits.wrong_names:
            yield f"{len(self.wrong)} names are wrong; grading.yml allows {limits.wrong_names}"
