"""One topic of written answers: read in a worker, judged here with the key.

A worked companion earns its marks by being right. Prose earns its completion marks by being an answer; its quality
waits for a reader, and counts in no total until then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from autograder.grading import companions, prose
from autograder.grading.outcome import Outcome, finding_outcome
from autograder.grading.scratch import made_scratch
from autograder.grading.topic import bench_config, worker_config
from autograder.key import Key, load_key, question_of
from autograder.results import ItemResult, Status, TestResult
from autograder.spec import Item, Topic, Unit
from autograder.student import answers
from autograder.student.answers import MAX_PROBLEMS
from autograder.submission import Submission
from autograder.target.failures import Crashed, Finding
from autograder.target.launcher import Launcher
from autograder.target.process import ProcessTarget

COMPLETION = "There is an answer (completion, not correctness)."
CORRECTNESS = "The worked answer is right."


@dataclass(frozen=True)
class Graded:
    """The results of a topic's items, what is to be told about the file, and the answers in prose, by item."""

    items: tuple[ItemResult, ...]
    problems: tuple[str, ...]
    isolation: tuple[str, ...]
    prose: Mapping[str, str]


def grade_answers(unit: Unit, topic: Topic, submission: Submission, launcher: Launcher) -> Graded:
    """Read the topic's file in a worker and judge every answer."""
    key = load_key(unit, topic)
    solved = (unit.solutions / topic.file).read_bytes()
    right = answers.read(solved).values
    asked = prose.questions_above(solved.decode("utf-8-sig"))
    for again in (False, True):
        with made_scratch(unit, topic, submission) as scratch:
            folder = scratch / "assignments"
            config = worker_config(unit, bench_config(unit, topic, folder), folder, scratch)
            target = ProcessTarget(launcher, config, unit.spec.limits)
            try:
                values, problems = target.answers()
                break
            except Finding as error:
                if again or not (isinstance(error, Crashed) and error.killed):  # by somebody else: tried again
                    return _unreadable(topic, error, target.isolation)
            finally:
                target.close()
    unread = {name: Outcome(Status.FAILED, f"Line {line}: {what}.") for line, what, name in problems}
    lost = {name: outcome for name, outcome in unread.items() if name not in values}
    items = tuple(
        _result(item, lost.get(item.name) or _judged(topic, item, key, right, asked, values)) for item in topic.items
    )
    told = [f"{topic.file}, line {line}: {what}" for line, what, _ in problems]
    told += [f"{topic.file}: {what}" for what in strangers(topic, values)]
    texts = {item.id: values.get(item.name) for item in topic.items if item.completion is not None}
    written = {name: text for name, text in texts.items() if prose.is_written(text)}
    return Graded(items, tuple(told), target.isolation, written)


def strangers(topic: Topic, values: Mapping[str, Any]) -> list[str]:
    """What to tell about constants that no question asks for: a name is misspelled, most often."""
    names = [item.name for item in topic.items]
    found = []
    for name in [name for name in values if name not in names][:MAX_PROBLEMS]:
        meant = get_close_matches(name, names, n=1)
        found.append(f"{name} is none of the names asked for" + (f"; did you mean {meant[0]}?" if meant else ""))
    return found


def not_handed_in(topic: Topic) -> tuple[ItemResult, ...]:
    outcome = Outcome(Status.NOT_ATTEMPTED, f"{topic.file} was not handed in.")
    return tuple(_result(item, outcome) for item in topic.items)


def _unreadable(topic: Topic, error: Finding, isolation: tuple[str, ...]) -> Graded:
    outcome = finding_outcome(error, topic.items[0], reveal=True)
    text = f"{topic.file} cannot be read. {outcome.message}"
    items = tuple(_result(item, Outcome(outcome.status, text)) for item in topic.items)
    return Graded(items, (text,), isolation, {})


def _judged(
    topic: Topic, item: Item, key: Key, right: dict[str, Any], asked: dict[str, str], values: dict[str, Any]
) -> Outcome:
    question = key[question_of(item.name)]
    value = values.get(item.name)
    if item.form is not None:
        assert question.check is not None
        return companions.judge(item, question.check, right[item.name], value)
    # As the file asks it, and as the key does, which readers see: the two differ where the file's refers to others.
    return prose.judge(topic, item, values, [question.question, asked.get(item.name, "")])


def _result(item: Item, outcome: Outcome) -> ItemResult:
    machine = item.completion or item.points
    waits = item.quality is not None and outcome.status in (Status.PASSED, Status.FAILED)
    test = TestResult(
        test=item.name,
        name=CORRECTNESS if item.form is not None else COMPLETION,
        status=outcome.status,
        score=machine * outcome.fraction,
        max_score=machine,
        visible=item.visibility != "hidden",
        message=outcome.message,
        diagnosis=outcome.diagnosis,
    )
    return ItemResult(
        id=item.id,
        score=test.score,
        max_score=machine if waits else item.points,
        extra=item.extra,
        level=item.level,
        status=Status.NEEDS_REVIEW if waits else outcome.status,
        tests=(test,),
        pending=(item.quality or Fraction(0)) if waits else Fraction(0),
        prose=item.completion is not None,
    )
