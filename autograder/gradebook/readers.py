"""Results as reports show them: with the marks that readers gave, and, once that is released, with what they said.

A result is kept as the machine made it, so that a regrade finds it and decisions hold for as long as the answer is the
same. What readers decided is put in whenever reports are written. The release of answers is kept as well: reports
that are written later show model answers, rubrics and notes, too, until it is taken back.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Boolean, Column, Engine, Integer, String, Table, insert, select

from autograder.gradebook.database import reading, writing
from autograder.gradebook.decisions import by_answer, latest
from autograder.gradebook.schema import metadata
from autograder.gradebook.settling import Decision, Settled, State, apply, settle
from autograder.gradebook.store import Answer, Run, load_answers
from autograder.key import Question, load_key
from autograder.results import Feedback, ItemResult, Mark, Result, Status
from autograder.spec import Unit
from autograder.student import answers as literals

releases = Table(
    "releases",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("released", Boolean, nullable=False),
    Column("made_at", String, nullable=False),
)


def release_answers(engine: Engine, released: bool) -> None:
    """From now on reports show, or no longer show, model answers, rubrics and readers' notes."""
    with writing(engine) as connection:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        connection.execute(insert(releases).values(released=released, made_at=now))


def with_readers(
    engine: Engine, unit: Unit, run: Run, results: Iterable[Result], student: str | None = None
) -> Iterator[Result]:
    """Each result with what readers gave, as it stands now. Where all are one student's, say whose."""
    with reading(engine) as connection:
        decisions = by_answer(latest(connection, student=student))
        newest = select(releases.c.released).order_by(releases.c.number.desc()).limit(1)
        key = _key(unit) if connection.scalar(newest) else {}
    for result in results:
        yield _Read(result, decisions, _answers(engine, run, result), key).applied()


def with_marks_of(engine: Engine, run: Run, until: str | None = None) -> Callable[[Result], Result]:
    """What puts into a result of the run the marks that readers had given until then, or have given by now."""
    with reading(engine) as connection:
        decisions = by_answer(latest(connection, until=until))
    return lambda result: _Read(result, decisions, _answers(engine, run, result)).marked()


def _answers(engine: Engine, run: Run, result: Result) -> dict[str, Answer]:
    if not any(item.prose for item in result.items):
        return {}
    return {answer.item: answer for answer in load_answers(engine, run, result.student)}


@dataclass(frozen=True)
class _Read:
    """A result, and what readers decided on its answers."""

    result: Result
    decisions: Mapping[tuple[str, str], list[Decision]]  # of the whole class
    answers: Mapping[str, Answer]
    key: Mapping[str, tuple[Question, str]] = field(default_factory=dict)  # empty: answers are not released

    def marked(self) -> Result:
        """With the marks that readers gave."""
        return apply(self.result, self._all_settled())

    def applied(self) -> Result:
        """And with what they said, once that is released."""
        settled = self._all_settled()
        result = apply(self.result, settled)
        if not self.key:
            return result
        return replace(result, items=tuple(self._told(item, settled.get(item.id)) for item in result.items))

    def _all_settled(self) -> dict[str, Settled]:
        return {item.id: self._settled(item.id) for item in self.result.items if item.prose}

    def _settled(self, item: str) -> Settled:
        return settle(self.decisions.get((self.result.student, item), []), self._answer(item).sha256)

    def _answer(self, item: str) -> Answer:
        return self.answers.get(item) or Answer.of(item, "")

    def _told(self, item: ItemResult, settled: Settled | None) -> ItemResult:
        """The item with what its student is told about the answer; nothing before a reader is done with it."""
        if settled is None or item.id not in self.key or item.pending or item.status is Status.NOT_ATTEMPTED:
            return item
        question, model = self.key[item.id]
        return replace(item, feedback=_feedback(question, model, self._answer(item.id).text, settled))


def _feedback(question: Question, model: str, text: str, settled: Settled) -> Feedback:
    decision = settled.decision if settled.state is State.SETTLED else None
    rubric = decision.rubric if decision else question.rubric
    marks = tuple(
        Mark(concept.points, concept.says, number in decision.given if decision else None)
        for number, concept in enumerate(rubric, 1)
    )
    return Feedback(
        question=question.question,
        answer=text,
        model=model,
        marks=marks,
        points=decision.points if decision else None,
        note=decision.note if decision else "",
    )


def _key(unit: Unit) -> Mapping[str, tuple[Question, str]]:
    """By item, the question and its model answer."""
    found = {}
    for topic in unit.spec.topics:
        if topic.kind == "answers":
            key = load_key(unit, topic)
            model = literals.read((unit.solutions / topic.file).read_bytes()).values
            for item in topic.items:
                if item.completion is not None:
                    found[item.id] = key[item.name], str(model.get(item.name, ""))
    return found
