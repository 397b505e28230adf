"""Between a class that is being graded and the gradebook: what is known already, and what is to be kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine

from autograder.gradebook.database import writing
from autograder.gradebook.keys import Keys
from autograder.gradebook.reuse import differences, known_parts, rows_of
from autograder.gradebook.store import Answer, Handed, Run, save_result
from autograder.grading.parts import Graded, Known, from_known, ungraded
from autograder.submission import Submission

_AT_ONCE = 20  # results that are known, in one transaction


@dataclass
class Keeper:
    """One run's. With `force` nothing known is used, but what comes out otherwise for the same key is remembered."""

    book: Engine
    run: Run
    keys: Keys
    submissions: Sequence[Submission]
    force: bool = False
    flaky: list[str] = field(default_factory=list)

    def known(self, number: int) -> Known:
        """The parts of this submission's result that need not be made again."""
        return {} if self.force else known_parts(self.book, self.keys.keys(self.submissions[number]))

    def keep(self, number: int, graded: Graded) -> None:
        """Keep what came of a submission, whole or not at all."""
        if self.force:
            self._compare(number, graded)
        self._put([(number, graded)])

    def keep_known(self) -> list[int]:
        """Keep what needs no grading: what is known as a whole, and what cannot be graded. The numbers of the rest."""
        left: list[int] = []
        found: list[tuple[int, Graded]] = []
        for number, submission in enumerate(self.submissions):
            if submission.gradable:
                known = self.known(number)
                graded = from_known(self.keys.unit, submission, known) if known else None
            else:
                graded = Graded(ungraded(self.keys.unit, submission, submission.problems))
            if graded is None:
                left.append(number)
                continue
            found.append((number, graded))
            if len(found) == _AT_ONCE:
                self._put(found)
                found.clear()
        self._put(found)
        return left

    def _put(self, several: Sequence[tuple[int, Graded]]) -> None:
        if not several:
            return
        with writing(self.book) as connection:
            for number, graded in several:
                submission = self.submissions[number]
                handed = Handed(submission.student, number, str(submission.source), submission.sha256)
                answers = [Answer.of(item, text) for part in graded.parts for item, text in part.prose.items()]
                keys = self.keys.keys(submission) if graded.parts else {}
                save_result(connection, self.run, handed, graded.result, answers, rows_of(graded, keys))

    def _compare(self, number: int, graded: Graded) -> None:
        submission = self.submissions[number]
        known = known_parts(self.book, self.keys.keys(submission)) if graded.parts else {}
        for part in graded.parts:
            for other in known.get(part.topic, ()):
                if other.before == part.before:
                    self.flaky += [f"{submission.student}: {line}" for line in differences(other, part)]
