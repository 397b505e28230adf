"""From a run in the gradebook to reports: its results, what readers gave, lateness, in this order, and then in writing.

The gradebook keeps none of it added up, so that a decision of a reader or another rule for lateness needs no grading.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from autograder.course.lateness import Lateness
from autograder.gradebook import Run, load_result, load_results
from autograder.gradebook.readers import with_readers
from autograder.report import write_class, write_forms, write_notes, write_result
from autograder.results import Result
from autograder.spec import Unit


@dataclass(frozen=True)
class Publisher:
    """Writes the reports of one run into `out`."""

    book: Engine
    unit: Unit
    run: Run
    out: Path

    def one(self, student: str) -> None:
        """The reports of one student."""
        result = load_result(self.book, self.run, student)
        assert result is not None
        for whole in self._whole([result], student):
            self._write(whole)

    def everybody(self, written: Sequence[str] = ()) -> list[Result]:
        """The pages of the class, and the reports of all but those of `written`, which stand already.

        Comes back with the results in short (see `write_class`).
        """
        stand = set(written)

        def one_after_another() -> Iterator[Result]:
            for result in self._whole(load_results(self.book, self.run)):
                if result.student not in stand:
                    self._write(result)
                yield result

        return write_class(one_after_another(), self.unit, self.out)

    def _write(self, result: Result) -> None:
        folder = self.out / result.student
        write_result(result, self.unit, folder)
        write_forms(result, self.unit, folder, self.run.given.get("also", ()))
        write_notes(result, self.out)

    def _whole(self, results: Iterable[Result], student: str | None = None) -> Iterator[Result]:
        told = self.run.given.get("submitted", {})
        late = Lateness(self.unit.spec.late, {name: datetime.fromisoformat(text) for name, text in told.items()})
        for result in with_readers(self.book, self.unit, self.run, results, student):
            yield late.applied(result)
