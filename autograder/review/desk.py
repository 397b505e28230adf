"""What a reader sees and does, without the web: questions, answers, decisions.

Readers do not see who wrote an answer unless they ask, nor what another reader gave before they have finished their
own, unless they are there to settle differences (`agreed`). Everything is read from the gradebook anew for each
request, so that it may change under the pages.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from threading import Lock
from typing import Any

from sqlalchemy import Engine

from autograder.errors import UsageError
from autograder.gradebook import last_run, reading, writing
from autograder.gradebook.decisions import Draft, by_answer, history, latest, record, undo
from autograder.gradebook.phrases import keep_phrase, load_phrases, remove_phrase
from autograder.gradebook.settling import Decision, Settled, State, settle, total_of
from autograder.report.summary import marks
from autograder.review.agreement import Agreement, agreements
from autograder.review.evidence import suggestions
from autograder.review.likeness import Place, arranged
from autograder.review.material import Material, Question, Written, load_material
from autograder.spec import Unit

Json = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A question in the overview. `mine` and `anyone` count answers that are read; `differ` those to be agreed on."""

    question: Question
    answers: int
    mine: int
    anyone: int
    settled: int
    differ: int
    stale: int
    agreements: Sequence[Agreement]


def alias(item: str, student: str) -> str:
    """What an answer is called on the page: no name, and the same tomorrow."""
    return sha256(f"{item}\0{student}".encode()).hexdigest()[:16]


class Desk:
    """One class. Safe for threads: what it holds is replaced as a whole."""

    def __init__(self, unit: Unit, engine: Engine) -> None:
        self._unit = unit
        self.engine = engine
        self._lock = Lock()
        self._material: Material | None = None
        self._places: dict[str, list[Place]] = {}

    def material(self) -> Material:
        """The newest run; `UsageError` where there is none."""
        with self._lock:
            run = last_run(self.engine)
            if run is None:
                raise UsageError("nothing is graded yet")
            if self._material is None or self._material.run != run.id:
                self._material = load_material(self._unit, self.engine)
                self._places = {}
            assert self._material is not None
            return self._material

    def overview(self, reader: str) -> list[Row]:
        """All questions, with what is left in each."""
        material = self.material()
        with reading(self.engine) as connection:
            found = by_answer(latest(connection))
        return [self._row(material, question, found, reader) for question in material.questions.values()]

    def _row(
        self, material: Material, question: Question, found: dict[tuple[str, str], list[Decision]], reader: str
    ) -> Row:
        written = material.answers[question.item]
        by_student = {each.student: found.get((each.student, question.item), []) for each in written}
        states = [settle(by_student[each.student], each.sha256).state for each in written]
        fresh = [
            decision
            for each in written
            for decision in by_student[each.student]
            if decision.counts and decision.answer_sha256 == each.sha256
        ]
        return Row(
            question,
            answers=len(written),
            mine=sum(decision.reader == reader and not decision.agreed for decision in fresh),
            anyone=len({decision.student for decision in fresh}),
            settled=states.count(State.SETTLED),
            differ=states.count(State.DISPUTED),
            stale=states.count(State.STALE),
            agreements=agreements(fresh),
        )

    def question(self, item: str, reader: str, agreed: bool = False, suggest: bool = False) -> Json:
        """A question and all its answers, like ones in a row."""
        material = self.material()
        question = material.questions[item]
        written = material.answers[item]
        places = self._arranged(material, item)
        with reading(self.engine) as connection:
            found = by_answer(latest(connection, item))
            phrases = load_phrases(connection, item)
        answers = []
        for place in places:
            each = written[place.index]
            answer = _shown(question, each, found.get((each.student, item), ()), reader, agreed)
            answer |= {"text": each.text, "remark": each.remark, "group": place.group}
            if suggest:
                answer["suggestions"] = [
                    {"concept": found.concept, "spans": found.spans}
                    for found in suggestions(each.text, question.rubric)
                ]
            answers.append(answer)
        return {
            "item": item,
            "total": total_of(question.rubric),
            "answers": answers,
            "phrases": [{"number": phrase.number, "text": phrase.text} for phrase in phrases],
        }

    def _arranged(self, material: Material, item: str) -> list[Place]:
        with self._lock:
            if item not in self._places or self._material is not material:
                self._places[item] = arranged([each.text for each in material.answers[item]])
            return self._places[item]

    def decide(self, item: str, drafts: Sequence[tuple[str, Draft]], reader: str, agreed: bool) -> Json:
        """Keep decisions, each with the alias of its answer; `Conflict` where something else stands there by now.

        `KeyError` for an answer that there is not, or not any more. A draft's student is filled in here.
        """
        material = self.material()
        written = {alias(item, each.student): each for each in material.answers[item]}
        named = [replace(draft, student=written[name].student) for name, draft in drafts]
        if [name for name, draft in drafts if written[name].sha256 != draft.answer_sha256]:
            raise KeyError(item)
        question = material.questions[item]
        with writing(self.engine) as connection:
            record(connection, named, question.rubric, reader, agreed)
        return self._now(item, {draft.student for draft in named}, reader, agreed)

    def undo(self, item: str, reader: str, agreed: bool) -> Json:
        with writing(self.engine) as connection:
            restored = undo(connection, item, reader, agreed)
        return self._now(item, {decision.student for decision in restored}, reader, agreed)

    def current(self, item: str, names: Iterable[str], reader: str, agreed: bool) -> Json:
        """How answers stand, by their aliases."""
        students = self._students(item)
        return self._now(item, {students[name] for name in names if name in students}, reader, agreed)

    def _now(self, item: str, students: set[str], reader: str, agreed: bool) -> Json:
        """How these answers stand, and of each answer of the question how many have read it."""
        material = self.material()
        question = material.questions[item]
        with reading(self.engine) as connection:
            found = by_answer(latest(connection, item))
        shown, read_by = [], {}
        for each in material.answers[item]:
            made = found.get((each.student, item), [])
            read_by[alias(item, each.student)] = _readers(made, each)
            if each.student in students:
                shown.append(_shown(question, each, made, reader, agreed))
        return {"answers": shown, "read_by": read_by}

    def names(self, item: str) -> dict[str, str]:
        """Who wrote what, for a reader who asks."""
        return self._students(item)

    def _students(self, item: str) -> dict[str, str]:
        return {alias(item, each.student): each.student for each in self.material().answers[item]}

    def history(self, item: str, name: str, reader: str) -> list[Json]:
        """Every decision on one answer; those of others only when the reader has finished."""
        student = self._students(item)[name]
        written = next(each for each in self.material().answers[item] if each.student == student)
        with reading(self.engine) as connection:
            made = history(connection, item, student)
        mine = [each for each in made if each.reader == reader and not each.agreed]
        seen = made if mine and _is_fresh(mine[-1], written) else [each for each in made if each.reader == reader]
        return [_decision(each, written) | {"agreed": each.agreed} for each in seen]

    def keep_phrase(self, item: str, text: str, reader: str) -> list[Json]:
        with writing(self.engine) as connection:
            keep_phrase(connection, item, text, reader)
            return [{"number": each.number, "text": each.text} for each in load_phrases(connection, item)]

    def remove_phrase(self, item: str, number: int) -> list[Json]:
        with writing(self.engine) as connection:
            remove_phrase(connection, item, number)
            return [{"number": each.number, "text": each.text} for each in load_phrases(connection, item)]


def _is_fresh(decision: Decision, written: Written) -> bool:
    return decision.counts and decision.answer_sha256 == written.sha256


def _readers(made: Iterable[Decision], written: Written) -> int:
    return sum(_is_fresh(decision, written) and not decision.agreed for decision in made)


def _shown(question: Question, written: Written, made: Iterable[Decision], reader: str, settling: bool) -> Json:
    """How an answer stands for this reader."""
    made = list(made)
    mine = next((each for each in made if each.reader == reader and not each.agreed), None)
    agreed = next((each for each in made if each.agreed), None)
    others = [each for each in made if each.reader != reader and not each.agreed and _is_fresh(each, written)]
    settled = settle(made, written.sha256)
    open_to_me = settling or (mine is not None and _is_fresh(mine, written))
    return {
        "id": alias(question.item, written.student),
        "sha256": written.sha256,
        "mine": _decision(mine, written) if mine else None,
        "agreed": _decision(agreed, written) if agreed else None,
        "others": [_decision(each, written) for each in others] if open_to_me else [],
        "read_by": _readers(made, written),
        "state": settled.state.value,
        "settled": _points(settled),
    }


def _points(settled: Settled) -> str | None:
    return marks(settled.decision.points) if settled.decision else None


def _decision(decision: Decision, written: Written) -> Json:
    return {
        "number": decision.number,
        "reader": decision.reader,
        "given": list(decision.given),
        "says": [decision.rubric[number - 1].says for number in decision.given],
        "adjustment": str(decision.adjustment) if decision.adjustment else "",
        "points": marks(decision.points),
        "note": decision.note,
        "finished": decision.finished,
        "withdrawn": decision.withdrawn,
        "stale": decision.answer_sha256 != written.sha256,
        "made_at": decision.made_at,
    }


def is_amount(adjustment: Fraction, question: Question) -> bool:
    """Whether an adjustment is one: no more than the whole rubric, up or down."""
    return abs(adjustment) <= total_of(question.rubric)
