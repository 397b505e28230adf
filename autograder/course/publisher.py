"""From a run in the gradebook to reports: its results, what readers gave, lateness, in this order, and then in writing.

The gradebook keeps none of it added up, so that a decision of a reader or another rule for lateness needs no grading.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine

from autograder.course.lateness import Lateness
from autograder.course.stamps import Stamps
from autograder.gradebook import Run, load_result, load_results
from autograder.gradebook.readers import with_readers
from autograder.report.notes import notes_of, write_notes
from autograder.report.seen import Seen
from autograder.report.writing import CLASS, SIMILAR, write_forms, write_result, write_seen
from autograder.results import Result
from autograder.spec import Unit


@dataclass(frozen=True)
class Publisher:
    """Writes the reports of one run into `out`, but for those that stand there already, made of the same."""

    book: Engine
    unit: Unit
    run: Run
    out: Path

    def one(self, student: str) -> None:
        """The reports of one student."""
        result = load_result(self.book, self.run, student)
        assert result is not None
        for whole in self._whole([result], student):
            self._write(whole, self._stamps.made_of(whole))

    def everybody(self, written: Sequence[str] = ()) -> list[Result]:
        """The pages of the class, and the reports of all but those of `written`, which stand already.

        Comes back with the results in short (see `write_class`).
        """
        stand = set(written)
        made_of: list[str] = []

        def one_after_another() -> Iterator[Result]:
            for result in self._whole(load_results(self.book, self.run)):
                made_of.append(self._stamps.made_of(result))
                if result.student not in stand:
                    self._write(result, made_of[-1])
                yield result

        seen = Seen.of(one_after_another())
        pages = [self.out / name for name in CLASS]
        of_class = self._stamps.made_of(made_of, (self.out / SIMILAR).is_file())
        if not self._stamps.stand(self.out, of_class, pages):
            write_seen(seen, self.unit, self.out)
            self._stamps.put(self.out, of_class, pages)
        self._stamps.save()
        return seen.results

    @cached_property
    def _stamps(self) -> Stamps:
        return Stamps(self.out, self.unit)

    def _write(self, result: Result, made_of: str) -> None:
        folder, forms = self.out / result.student, self.run.given.get("also", ())
        stands = self._stamps.stand(folder, made_of, self._files(result.student))
        if stands and not forms:
            return
        if not stands:
            write_result(result, self.unit, folder)
            write_notes(result, self.out)
        write_forms(result, self.unit, folder, forms)  # always: one says when it was written
        self._stamps.put(folder, made_of, self._files(result.student))

    def _files(self, student: str) -> list[Path]:
        """All that there is of a student's reports, other forms and the notes included."""
        folder = self.out / student
        return [*(sorted(folder.iterdir()) if folder.is_dir() else ()), notes_of(student, self.out)]

    def _whole(self, results: Iterable[Result], student: str | None = None) -> Iterator[Result]:
        told = self.run.given.get("submitted", {})
        late = Lateness(self.unit.spec.late, {name: datetime.fromisoformat(text) for name, text in told.items()})
        for result in with_readers(self.book, self.unit, self.run, results, student):
            yield late.applied(result)
