"""What it costs to ask again what each hidden test asks, measured on the solutions; see `autograder.grading.costs`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from autograder.errors import GraderError
from autograder.grading.costs import STEPS, Cost
from autograder.grading.diagnosis import cost_of
from autograder.grading.likeness import alike
from autograder.grading.pool import warm_up
from autograder.grading.recording import Recorder
from autograder.grading.scratch import made_scratch
from autograder.grading.seeds import seed_for
from autograder.grading.suite import Suite, collect
from autograder.grading.topic import bench_config
from autograder.spec import Topic, Unit
from autograder.student import wire
from autograder.submission import Submission
from autograder.target.inprocess import InProcessTarget
from autograder.verify.cases import files_of

Costs = dict[str, Cost]  # by test


def measured(unit: Unit, topics: Sequence[Topic]) -> Costs:
    """For each hidden test of these topics, rounded so that measuring again seldom gives something else."""
    topics = [topic for topic in topics if topic.kind != "answers"]

    def body(suite: Suite[Costs]) -> Costs:
        warm_up(unit, topics)
        return {test: cost for topic in topics for test, cost in _of(unit, topic, suite).items()}

    return collect(unit, "hidden", [topic.name for topic in topics], body)


def _of(unit: Unit, topic: Topic, suite: Suite[Costs]) -> Costs:
    solutions = Submission("solutions", unit.solutions, files_of(unit, unit.solutions))
    found = {}
    with made_scratch(unit, topic, solutions) as scratch:  # what the code saves is to stay nowhere
        target = InProcessTarget(bench_config(unit, topic, scratch / "assignments", isolated=False), quiet=True)
        target.load()
        for item in topic.items:
            for test in item.tests:
                recorder = _Careful(target)
                suite.run(topic.name, item, test, recorder, seed_for(b"costs", topic.name, test))
                if recorder.changed:
                    raise GraderError(
                        f"{topic.name}: {test} changes in place what it has sent before. A mistake is named "
                        "by asking the same again, so change a copy."
                    )
                cost = cost_of(recorder.record, target)
                found[test] = replace(cost, milliseconds=min(STEPS, key=lambda step: abs(step - cost.milliseconds)))
    return found


class _Careful(Recorder):
    """One that knows whether the test has changed what it sent."""

    def __init__(self, target: InProcessTarget) -> None:
        super().__init__(target)
        self._sent: list[tuple[dict[str, Any], Any]] = []  # each request, and a copy of it

    def request(self, request: dict[str, Any], resolve: Callable[[int, str], Any] = wire.Ref) -> Any:
        self._sent.append((request, wire.decode(*wire.encode(request))))
        return super().request(request, resolve)

    @property
    def changed(self) -> bool:
        return not all(alike(request, copy, tolerance=0) for request, copy in self._sent)
