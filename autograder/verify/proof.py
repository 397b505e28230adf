"""Grading the cases: what came of each, with every seed.

With the first seed a mistake meets every test of its item, so that the matrix of tests and mistakes is whole. With
the others it is only asked whether it is caught again: the tests that caught it come first, and one that does ends it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.grading.batch import Watcher, grade_class
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
    seed: bytes,
    watcher: Watcher | None = None,
    names: bool = False,
    hurry: Mapping[str, frozenset[str]] | bool = False,
    jobs: int | None = None,
) -> Proof:
    """Grade every case with one seed; with `names`, see what the report calls each mistake (slow).

    With `hurry`, of what must lose marks only the tests up to the first that it does not pass are run; a mapping names,
    by case, those to begin with.
    """
    submissions = [
        Submission(student=str(number), source=Path(case.name), files=case.files)
        for number, case in enumerate(all_cases)
    ]
    only = {str(number): case.items for number, case in enumerate(all_cases)}
    begin = hurry if isinstance(hurry, Mapping) else {}
    hurried = {
        str(number): begin.get(case.name, frozenset[str]())
        for number, case in enumerate(all_cases)
        if hurry is not False and case.must_lose and not case.named
    }
    results = grade_class(unit, submissions, seed, jobs, watcher=watcher, only=only, names=names, hurry=hurried)
    return Proof(tuple(_verdict(case, result) for case, result in zip(all_cases, results, strict=True)))


def prove_again(unit: Unit, proof: Proof, seeds: Sequence[bytes], watcher: Watcher | None, jobs: int | None) -> Proof:
    """The proof, with what further seeds bring: a case is caught only if it is caught with each of them."""
    for seed in seeds:
        begin = {verdict.case.name: verdict.failed for verdict in proof.verdicts}
        again = prove(unit, [verdict.case for verdict in proof.verdicts], seed, watcher, hurry=begin, jobs=jobs)
        proof = Proof(tuple(_both(one, two) for one, two in zip(proof.verdicts, again.verdicts, strict=True)))
    return proof


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
    wrong: Iterator[str] = iter(dict.fromkeys((*one.wrong, *two.wrong)))
    return replace(one, wrong=tuple(wrong), lost=one.lost and two.lost, failed=one.failed | two.failed)
