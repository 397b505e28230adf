"""One submission in, one `Result` out, with the parts that it is made of.

Each topic is run in a worker of its own. An item that loses marks is tried again with what it builds on replaced by
stand-ins, so that a wrong softmax costs the softmax and not the attention built on it; the better result counts.
Wrong code costs marks; an error of the grader is raised as `GraderError` and costs nobody anything.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Any, Self

from autograder.grading.answers import grade_answers, not_handed_in
from autograder.grading.diagnosis import Diagnoser
from autograder.grading.outcome import Outcome
from autograder.grading.parts import Before, Graded, Known, Part, Standing, fitting, put_together, ungraded
from autograder.grading.recording import Record
from autograder.grading.runs import Run, Sought
from autograder.grading.suite import Suite
from autograder.grading.topic import TopicRun
from autograder.pictures import Picture
from autograder.results import ItemResult, Status, TestResult, item_status
from autograder.spec import Item, Topic, Unit
from autograder.submission import Submission
from autograder.target.launcher import Launcher
from autograder.target.loading import left_out


@dataclass
class Session:
    """Grades submissions, one after another, with tests and a launcher that are warm."""

    unit: Unit
    suite: Suite[Any]
    launcher: Launcher
    secret: bytes
    diagnoser: Diagnoser | None  # None: mistakes are not named, and there are no pictures

    def grade(
        self,
        submission: Submission,
        only: frozenset[str] | None = None,
        known: Known | None = None,
        sought: Sought = Sought.MARKS,
        again: Sequence[Run] = (),
    ) -> Graded:
        """Grade one submission, or `only` these items of it; parts that are `known` are not made again.

        With `again` it is graded once more with each of these, in the same workers. Raises `GraderError` where the
        grader is at fault.
        """
        if not submission.gradable:
            return Graded(ungraded(self.unit, submission, submission.problems))
        runs = (Run(self.secret, sought), *again)
        deadline = time.monotonic() + len(runs) * self.unit.spec.limits.submission_seconds
        standings, parts = [Standing() for _ in runs], [list[Part]() for _ in runs]
        for topic in self.unit.spec.topics:
            wanted = [item for item in topic.items if only is None or item.id in only]
            if not wanted:
                continue
            with _Workers(self, topic, submission, deadline, kept=len(runs) > 1) as workers:
                caught = frozenset[str]()
                for run, standing, own in zip(runs, standings, parts, strict=True):
                    before = standing.before(topic)
                    part = fitting(known or {}, topic, before)
                    if topic.kind == "answers" and own is not parts[0]:
                        part = parts[0][-1]  # no seed plays a part
                    if part is None:
                        part = _TopicGrading(self, submission, topic, before, workers, run, caught).part(wanted)
                    standing.after(part)
                    own.append(part)
                    caught |= _not_passed(part)
        first, *others = [put_together(self.unit, submission, own) for own in parts]
        return replace(first, again=tuple(other.result for other in others))


class _Workers:
    """A topic's workers: with what was handed in and, for second tries, with stand-ins in place of some of it.

    A context manager. With `kept` they live as long as it does, so that several runs use them; otherwise they end
    when what uses them ends.
    """

    def __init__(
        self, session: Session, topic: Topic, submission: Submission, deadline: float, *, kept: bool = False
    ) -> None:
        self._make = partial(
            TopicRun, session.unit, topic, submission, session.suite, session.launcher, deadline=deadline
        )
        self._kept: dict[tuple[tuple[str, ...], tuple[str, ...]], TopicRun] | None = {} if kept else None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def run(self, modules: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> Iterator[TopicRun]:
        """The topic with stand-ins for these modules, and for these names of its own."""
        if self._kept is None:
            with self._make(modules, names) as run:
                yield run
            return
        if (modules, names) not in self._kept:
            self._kept[modules, names] = self._stack.enter_context(self._make(modules, names))
        yield self._kept[modules, names]


@dataclass
class _TopicGrading:
    """One topic of one submission on its way."""

    session: Session
    submission: Submission
    topic: Topic
    before: Before
    workers: _Workers
    how: Run
    caught: Collection[str] = ()  # tests that something did not pass in an earlier run: they come first in a hurry
    problems: list[str] = field(default_factory=list)
    isolation: tuple[str, ...] = ()
    broken: bool = False
    wrong: set[str] = field(default_factory=set)  # items that lost marks at the first try
    prose: dict[str, str] = field(default_factory=dict)

    def part(self, items: Sequence[Item]) -> Part:
        """What these items of the topic contribute."""
        results = self._answers(items) if self.topic.kind == "answers" else self._results(items)
        return Part(
            self.topic.name,
            self.before,
            tuple(results),
            tuple(self.problems),
            self.isolation,
            self.broken,
            tuple(sorted(self.wrong)),
            self.prose,
        )

    def _results(self, items: Sequence[Item]) -> list[ItemResult]:
        topic = self.topic
        if topic.file not in self.submission.files:
            self.broken = True
            self.wrong = {item.id for item in items}
            self.problems.append(f"{topic.file} was not handed in.")
            outcome = Outcome(Status.NOT_ATTEMPTED, f"{topic.file} was not handed in.")
            return [self._result(item, dict.fromkeys(item.tests, outcome)) for item in items]
        listed = {each.name for each in self.session.unit.spec.topics}
        # Those that the rules do not ask for at all are never handed in.
        missing = tuple(sorted({*self.before.broken, *(topic.below - listed)}))
        hurry = self.caught if self.how.sought is Sought.LOSSES else None
        with self.workers.run(missing) as run:
            first = {item.id: run.run_item(item, self.how.secret, {}, hurry) for item in items}
            self.wrong = {
                id for id, found in first.items() if any(o.status is not Status.PASSED for o in found.values())
            }
            self.isolation = run.isolation
            self.problems += [left_out(topic.file, cell) for cell in sorted(run.ended_cells)]
            if run.failed_import is not None:
                self.broken = True
                self.problems.append(next(iter(first[items[0].id].values())).message)
                return [self._result(item, first[item.id]) for item in items]
            pictures = self._pictures(run, items, first)
        results = [self._better(item, first[item.id], run.records, missing) for item in items]
        return [replace(result, picture=pictures.get(result.id)) for result in results]

    def _pictures(
        self, run: TopicRun, items: Sequence[Item], found: Mapping[str, Mapping[str, Outcome]]
    ) -> dict[str, Picture]:
        """Of the items that have one, and whose code came to an end with some test at least."""
        if self.session.diagnoser is None or self.how.sought is not Sought.MARKS:
            return {}
        shows = (Status.PASSED, Status.PARTIAL, Status.FAILED)
        made = {
            item.id: run.picture(item)
            for item in items
            if item.picture and any(outcome.status in shows for outcome in found[item.id].values())
        }
        return {item: picture for item, picture in made.items() if picture is not None}

    def _answers(self, items: Sequence[Item]) -> list[ItemResult]:
        topic = self.topic
        if topic.file not in self.submission.files:
            self.problems.append(f"{topic.file} was not handed in.")
            found = not_handed_in(topic)
        else:
            graded = grade_answers(self.session.unit, topic, self.submission, self.session.launcher)
            self.problems += graded.problems
            self.isolation = graded.isolation
            self.prose = dict(graded.prose)
            found = graded.items
        wanted = {item.id for item in items}
        return [result for result in found if result.id in wanted]

    def _better(
        self,
        item: Item,
        first: dict[str, Outcome],
        records: Mapping[str, Record],
        missing: tuple[str, ...],
    ) -> ItemResult:
        """The item's result, or that of a second try with stand-ins where it earns more; mistakes are named."""
        told = set(self.before.broken).intersection(missing, _modules(item))
        stood_in = tuple(f"{name}.py" for name in sorted(told))
        result = self._result(item, first, stood_in)
        timeouts = {test: outcome for test, outcome in first.items() if outcome.status is Status.TIMEOUT}
        tried_again = len(timeouts) < len(first) and item.builds_on
        if result.status is Status.PASSED:
            return result
        if not tried_again:
            return self._result(item, self._diagnosed(item, first, records), stood_in)
        with self.workers.run(_modules(item), _names(item)) as run:
            wrong = {*self.before.wrong, *self.wrong}
            to_mend = tuple(other for other in item.builds_on if other in wrong) or item.builds_on
            lost = [test for test, outcome in first.items() if outcome.status is not Status.PASSED]
            hurry = None if self.how.sought is Sought.MARKS else lost
            again = run.run_item(item, self.how.secret, timeouts, hurry)
        second = self._result(item, again, to_mend)
        if self.how.sought is not Sought.MARKS:
            return second if second.status is Status.PASSED else result
        spoke = result.status is Status.NOT_ATTEMPTED and second.status is not Status.NOT_ATTEMPTED
        if second.score > result.score or spoke:
            return self._result(item, self._diagnosed(item, again, run.records), to_mend)
        return self._result(item, self._diagnosed(item, first, records), stood_in)

    def _diagnosed(self, item: Item, outcomes: dict[str, Outcome], records: Mapping[str, Record]) -> dict[str, Outcome]:
        """The outcomes, with the mistake's sentence and hint where one is known for certain."""
        diagnoser = self.session.diagnoser if self.how.sought is Sought.MARKS else None
        mistake = diagnoser.name(self.topic, item, outcomes, records) if diagnoser else None
        if mistake is None:
            return outcomes
        text = f"{mistake.says} {mistake.hint}"
        return {
            test: replace(outcome, diagnosis=text) if outcome.status is Status.FAILED else outcome
            for test, outcome in outcomes.items()
        }

    def _result(self, item: Item, outcomes: Mapping[str, Outcome], replaced: tuple[str, ...] = ()) -> ItemResult:
        worth = item.worth()
        visible = (item.visibility or self.session.unit.spec.visibility) != "hidden"
        tests = tuple(
            TestResult(
                test=test,
                name=self.session.suite.claim(self.topic.name, test),
                status=outcome.status,
                score=worth[test] * outcome.fraction,
                max_score=worth[test],
                visible=visible,
                message=outcome.message,
                diagnosis=outcome.diagnosis,
                seconds=round(outcome.seconds, 3),
                note=outcome.note,
            )
            for test, outcome in outcomes.items()
        )
        score = sum((test.score for test in tests), Fraction(0))
        return ItemResult(
            item.id, score, item.points, item.extra, item.level, item_status(tests), tests, replaced=replaced
        )


def _not_passed(part: Part) -> frozenset[str]:
    """The tests, of those that were run, that something did not pass."""
    return frozenset(test.test for item in part.items for test in item.tests if test.status is not Status.PASSED)


def _modules(item: Item) -> tuple[str, ...]:
    """The other topics that an item builds on."""
    own = item.id.split(".")[0]
    return tuple(sorted({other.split(".")[0] for other in item.builds_on} - {own}))


def _names(item: Item) -> tuple[str, ...]:
    """The names of its own topic that an item builds on."""
    own = item.id.split(".")[0]
    return tuple(other.split(".")[1] for other in item.builds_on if other.startswith(f"{own}."))
