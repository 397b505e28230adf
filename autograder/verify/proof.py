"""Grading the cases: what came of each, with every seed.

With the first seed a mistake meets every test of its item, so that the matrix of tests and mistakes is whole. With
the others it is only asked whether it is caught again: the tests that caught it come first, and one that does ends it.
All seeds of a case meet the same worker, since starting one takes longer than most tests.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

from autograder.grading.batch import Watcher, grade_class
from autograder.grading.parts import Graded
from autograder.grading.runs import Run, Sought
from autograder.results import Result, Status
from autograder.spec import Unit
from autograder.submission import Submission
from autograder.verify.cases import Case


@dataclass(frozen=True)
class Verdict:
    """What came of a case. `failed` are the tests of its items that it did not pass."""

    case: Case
    wrong: tuple[str, ...]
    lost: bool
    failed: frozenset[str]
    diagnosis: str = ""

    @property
    def named(self) -> bool:
        return self.case.mistake is not None and self._told_truly

    @property
    def misnamed(self) -> bool:
        """Whether something else was named; a mistake with the same sentence is the same."""
        return bool(self.diagnosis) and not self._told_truly

    @property
    def _told_truly(self) -> bool:
        own = (self.case.mistake.says,) if self.case.mistake else ()
        return self.diagnosis.startswith((*own, *self.case.says))


@dataclass(frozen=True)
class Proof:
    """What came of all cases."""

    verdicts: tuple[Verdict, ...]

    @property
    def wrong(self) -> tuple[str, ...]:
        return tuple(line for verdict in self.verdicts for line in verdict.wrong)

    def of(self, item: str) -> tuple[Verdict, ...]:
        """The mistakes of an item."""
        return tuple(each for each in self.verdicts if each.case.mistake is not None and each.case.mistake.item == item)

    def caught_by(self, item: str) -> dict[str, frozenset[str]]:
        """For each test that caught a mistake of the item, the mistakes' ids."""
        found: dict[str, set[str]] = defaultdict(set)
        for verdict in self.of(item):
            assert verdict.case.mistake is not None
            for test in verdict.failed:
                found[test].add(verdict.case.mistake.id)
        return {test: frozenset(ids) for test, ids in found.items()}


def prove(
    unit: Unit,
    all_cases: Sequence[Case],
    seeds: Sequence[bytes],
    watcher: Watcher | None = None,
    names: bool = False,
    hurry: bool = False,
    jobs: int | None = None,
) -> Proof:
    """Grade every case with these seeds; with `names`, see what the report calls each mistake (slow).

    With `hurry` the first seed, too, only tells whether what must lose marks does.
    """
    submissions = [
        Submission(student=str(number), source=Path(case.name), files=case.files)
        for number, case in enumerate(all_cases)
    ]
    only = {str(number): case.items for number, case in enumerate(all_cases)}

    first = Sought.LOSSES if hurry else Sought.MARKS if names else Sought.CATCHES

    def how(number: int) -> tuple[Sought, tuple[Run, ...]]:
        case = all_cases[number]
        whole = case.named or not case.must_lose
        later = Sought.MARKS if whole else Sought.LOSSES
        return Sought.MARKS if whole else first, tuple(Run(seed, later) for seed in seeds[1:])

    graded = grade_class(unit, submissions, seeds[0], jobs, watcher, only, names, how)
    return Proof(tuple(_of_all_seeds(case, one) for case, one in zip(all_cases, graded, strict=True)))


def _of_all_seeds(case: Case, graded: Graded) -> Verdict:
    return reduce(_both, (_verdict(case, result) for result in (graded.result, *graded.again)))


def _verdict(case: Case, result: Result) -> Verdict:
    about = [item for item in result.items if case.mistake is None or item.id == case.mistake.item]
    tests = [test for item in about for test in item.tests]
    return Verdict(
        case=case,
        wrong=tuple(case.wrong(result)),
        lost=case.lost(result),
        failed=frozenset(test.test for test in tests if test.status is not Status.PASSED),
        diagnosis=next((test.diagnosis for test in tests if test.diagnosis), ""),
    )


def _both(one: Verdict, two: Verdict) -> Verdict:
    """What two seeds say of a case: it is caught only if it is caught with both."""
    wrong: Iterator[str] = iter(dict.fromkeys((*one.wrong, *two.wrong)))
    return replace(one, wrong=tuple(wrong), lost=one.lost and two.lost, failed=one.failed | two.failed)
