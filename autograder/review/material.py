"""What there is to read: the questions in prose with rubric and model answer, and what each student wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy import Engine, select

from autograder.gradebook import Answer, last_run, reading, schema
from autograder.gradebook.settling import Rubric
from autograder.gradebook.store import loaded
from autograder.key import load_key
from autograder.report.text import clean, flowing
from autograder.results import ItemResult, Status
from autograder.spec import Item, Topic, Unit
from autograder.student import answers as literals

MAX_TEXT = 20_000  # characters of an answer that are shown


@dataclass(frozen=True)
class Question:
    """A question in prose. Without `quality` no marks hang on it, and what a reader says is to learn from."""

    item: str
    text: str
    rubric: Rubric
    model: str
    quality: Fraction | None

    @property
    def name(self) -> str:
        return self.item.partition(".")[2]


@dataclass(frozen=True)
class Written:
    """One student's answer as it is shown. `remark` is what the machine said of it: it may be too short to count."""

    student: str
    text: str
    sha256: str
    remark: str = ""


@dataclass(frozen=True)
class Material:
    """All questions, and by question the answers, in the order of the class."""

    run: int
    questions: Mapping[str, Question]
    answers: Mapping[str, tuple[Written, ...]]

    def hashes(self, item: str) -> dict[str, str]:
        """By student, the name of the text that stands there now."""
        return {written.student: written.sha256 for written in self.answers.get(item, ())}


def questions_of(unit: Unit) -> dict[str, Question]:
    """The questions in prose, those that a reader's marks hang on first."""
    found: dict[str, Question] = {}
    for topic in unit.spec.topics:
        if topic.kind == "answers":
            found |= {question.item: question for question in _questions(unit, topic)}
    return dict(sorted(found.items(), key=lambda pair: pair[1].quality is None))


def _questions(unit: Unit, topic: Topic) -> list[Question]:
    key = load_key(unit, topic)
    model = literals.read((unit.solutions / topic.file).read_bytes()).values
    prose: list[Item] = [item for item in topic.items if item.completion is not None]
    return [
        Question(
            item.id,
            key[item.name].question,
            key[item.name].rubric,
            flowing(str(model.get(item.name, ""))),
            item.quality,
        )
        for item in prose
    ]


def load_material(unit: Unit, engine: Engine) -> Material | None:
    """What the newest run of the class holds; None where nothing was graded yet."""
    run = last_run(engine)
    if run is None:
        return None
    questions = questions_of(unit)
    with reading(engine) as connection:
        rows = connection.execute(select(schema.answers).where(schema.answers.c.run == run.id)).all()
        texts = {(row.student, row.item): Answer(row.item, row.text, row.sha256) for row in rows}
        ours = select(schema.results.c.result).join(schema.submissions).where(schema.results.c.run == run.id)
        results = connection.scalars(ours.order_by(schema.submissions.c.place)).all()
    answers: dict[str, list[Written]] = {item: [] for item in questions}
    for result in map(loaded, results):
        for item in result.items:
            if item.id in answers and item.status is not Status.NOT_ATTEMPTED:
                answer = texts.get((result.student, item.id)) or Answer.of(item.id, "")
                text = flowing(clean(answer.text, MAX_TEXT, lines=1000))
                answers[item.id].append(Written(result.student, text, answer.sha256, _remark(item)))
    return Material(run.id, questions, {item: tuple(found) for item, found in answers.items()})


def _remark(item: ItemResult) -> str:
    first = item.tests[0] if item.tests else None
    return clean(first.message, 500) if first is not None and first.status is not Status.PASSED else ""
