"""One submission in, one `Result` out.

Each topic is run in a worker of its own. An item that loses marks is tried again with what it builds on replaced by
stand-ins, so that a wrong softmax costs the softmax and not the attention built on it; the better result counts.
Wrong code costs marks; an error of the grader is raised as `GraderError` and costs nobody anything.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from autograder import __version__
from autograder.grading.answers import grade_answers, not_handed_in
from autograder.grading.diagnosis import Diagnoser
from autograder.grading.outcome import Outcome
from autograder.grading.recording import Record
from autograder.grading.suite import Suite
from autograder.grading.topic import TopicRun
from autograder.results import ItemResult, Result, Status, TestResult, item_status
from autograder.spec import Item, Topic, Unit
from autograder.submission import Submission
from autograder.target.launcher import Launcher


@dataclass
class Session:
    """Grades submissions, one after another, with tests and a launcher that are warm."""

    unit: Unit
    suite: Suite[Any]
    launcher: Launcher
    secret: bytes
    diagnoser: Diagnoser | None  # None: mistakes are not named

    def grade(
        self, submission: Submission, only: frozenset[str] | None = None, hurry: Collection[str] | None = None
    ) -> Result:
        """Grade one submission, or `only` these items of it. Raises `GraderError` where the grader is at fault.

        With `hurry` it is found out of each item whether it loses marks, and nothing more: its tests named there come
        first, and the others are left out as soon as one is not passed.
        """
        if not submission.gradable:
            return ungraded(self.unit, submission, submission.problems)
        run = _Run(self, submission, hurry)
        items = []
        for topic in self.unit.spec.topics:
            wanted = [item for item in topic.items if only is None or item.id in only]
            items += run.topic(topic, wanted) if wanted else []
        return Result(
            student=submission.student,
            items=tuple(items),
            problems=(*submission.problems, *run.problems),
            isolation=run.isolation,
            submission_sha256=submission.sha256,
            grader_version=__version__,
            extra_cap=self.unit.spec.extra_cap,
            unit=self.unit.spec.unit,
        )


def ungraded(unit: Unit, submission: Submission, problems: tuple[str, ...]) -> Result:
    """The result of a submission that could not be graded at all: no marks, and why."""
    items = tuple(
        ItemResult(item.id, Fraction(0), item.points, item.extra, item.level, Status.NOT_ATTEMPTED)
        for item in unit.spec.items
    )
    return Result(
        student=submission.student,
        items=items,
        problems=problems,
        isolation=(),
        submission_sha256=submission.sha256,
        grader_version=__version__,
        graded=False,
        unit=unit.spec.unit,
    )


@dataclass
class _Run:
    """One submission on its way through the topics."""

    session: Session
    submission: Submission
    hurry: Collection[str] | None = None
    problems: list[str] = field(default_factory=list)
    isolation: tuple[str, ...] = ()
    broken: set[str] = field(default_factory=set)  # topics that are missing or do not import
    wrong: set[str] = field(default_factory=set)  # items that lost marks at the first try

    def topic(self, topic: Topic, items: Sequence[Item]) -> list[ItemResult]:
        """The results of these items of a topic."""
        if topic.kind == "answers":
            return self._answers(topic, items)
        if topic.file not in self.submission.files:
            self.broken.add(topic.name)
            self.wrong |= {item.id for item in items}
            self.problems.append(f"{topic.file} was not handed in.")
            outcome = Outcome(Status.NOT_ATTEMPTED, f"{topic.file} was not handed in.")
            return [self._result(topic, item, dict.fromkeys(item.tests, outcome)) for item in items]
        listed = {each.name for each in self.session.unit.spec.topics}
        # Those that the rules do not ask for at all are never handed in.
        missing = tuple(sorted((topic.below & self.broken) | (topic.below - listed)))
        with self._start(topic, modules=missing) as run:
            first = {item.id: self._try(run, item, {}, self.hurry) for item in items}
            self.wrong |= {
                id for id, found in first.items() if any(o.status is not Status.PASSED for o in found.values())
            }
            self.isolation = self.isolation or run.isolation
            if run.failed_import is not None:
                self.broken.add(topic.name)
                self.problems.append(next(iter(first[items[0].id].values())).message)
                return [self._result(topic, item, first[item.id]) for item in items]
        return [self._better(topic, item, first[item.id], run.records, missing) for item in items]

    def _answers(self, topic: Topic, items: Sequence[Item]) -> list[ItemResult]:
        if topic.file not in self.submission.files:
            self.problems.append(f"{topic.file} was not handed in.")
            found = not_handed_in(topic)
        else:
            graded = grade_answers(self.session.unit, topic, self.submission, self.session.launcher)
            self.problems += graded.problems
            self.isolation = self.isolation or graded.isolation
            found = graded.items
        wanted = {item.id for item in items}
        return [result for result in found if result.id in wanted]

    def _better(
        self,
        topic: Topic,
        item: Item,
        first: dict[str, Outcome],
        records: Mapping[str, Record],
        missing: tuple[str, ...],
    ) -> ItemResult:
        """The item's result, or that of a second try with stand-ins where it earns more; mistakes are named."""
        told = self.broken.intersection(missing, _modules(item))
        stood_in = tuple(f"{name}.py" for name in sorted(told))
        result = self._result(topic, item, first, stood_in)
        timeouts = {test: outcome for test, outcome in first.items() if outcome.status is Status.TIMEOUT}
        tried_again = len(timeouts) < len(first) and item.builds_on
        if result.status is Status.PASSED:
            return result
        if not tried_again:
            return self._result(topic, item, self._diagnosed(topic, item, first, records), stood_in)
        with self._start(topic, modules=_modules(item), names=_names(item, topic)) as run:
            to_mend = tuple(other for other in item.builds_on if other in self.wrong) or item.builds_on
            lost = [test for test, outcome in first.items() if outcome.status is not Status.PASSED]
            again = self._try(run, item, timeouts, None if self.hurry is None else lost)
        second = self._result(topic, item, again, to_mend)
        spoke = result.status is Status.NOT_ATTEMPTED and second.status is not Status.NOT_ATTEMPTED
        if second.score > result.score or spoke:
            return self._result(topic, item, self._diagnosed(topic, item, again, run.records), to_mend)
        return self._result(topic, item, self._diagnosed(topic, item, first, records), stood_in)

    def _diagnosed(
        self, topic: Topic, item: Item, outcomes: dict[str, Outcome], records: Mapping[str, Record]
    ) -> dict[str, Outcome]:
        """The outcomes, with the mistake's sentence and hint where one is known for certain."""
        diagnoser = self.session.diagnoser
        mistake = diagnoser.name(topic, item, outcomes, records) if diagnoser else None
        if mistake is None:
            return outcomes
        text = f"{mistake.says} {mistake.hint}"
        return {
            test: replace(outcome, diagnosis=text) if outcome.status is Status.FAILED else outcome
            for test, outcome in outcomes.items()
        }

    def _start(self, topic: Topic, modules: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> TopicRun:
        session = self.session
        return TopicRun(session.unit, topic, self.submission, session.suite, session.launcher, modules, names)

    def _try(
        self, run: TopicRun, item: Item, skip: Mapping[str, Outcome], hurry: Collection[str] | None
    ) -> dict[str, Outcome]:
        return run.run_item(item, self.session.secret, skip, hurry)

    def _result(
        self, topic: Topic, item: Item, outcomes: Mapping[str, Outcome], replaced: tuple[str, ...] = ()
    ) -> ItemResult:
        visible = (item.visibility or self.session.unit.spec.visibility) != "hidden"
        tests = tuple(
            TestResult(
                test=test,
                name=self.session.suite.claim(topic.name, test),
                status=outcome.status,
                score=item.points * item.weight(test) * outcome.fraction,
                max_score=item.points * item.weight(test),
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


def _modules(item: Item) -> tuple[str, ...]:
    """The other topics that an item builds on."""
    own = item.id.split(".")[0]
    return tuple(sorted({other.split(".")[0] for other in item.builds_on} - {own}))


def _names(item: Item, topic: Topic) -> tuple[str, ...]:
    """The names of its own topic that an item builds on."""
    return tuple(other.split(".")[1] for other in item.builds_on if other.startswith(f"{topic.name}."))
