"""The decisions of readers, kept for good: who gave what to which answer, when, and what stood there before.

Nothing is changed and nothing is deleted. Each decision is a row of its own, and the latest one of a line counts: a
line is one answer and one reader, or one answer and what readers agreed on. So two readers of an answer never
overwrite each other. One who decides says which row they last saw of the line; where another stands there by now, in
a second window or by another hand, nothing is kept and `Conflict` tells.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    func,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from autograder.gradebook.schema import metadata
from autograder.gradebook.settling import Decision, Rubric, rubric_of, rubric_text

AGREED = ""  # the line of what readers agreed on; a reader's own line has the reader's name

rubrics = Table(
    "rubrics",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("concepts", Text, nullable=False),  # JSON: [points, says] each
)

decisions = Table(
    "decisions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("item", String, nullable=False),  # synthesis.E2
    Column("student", String, nullable=False),
    Column("line", String, nullable=False),
    Column("reader", String, nullable=False),
    Column("given", String, nullable=False),  # "1 3"
    Column("adjustment", String, nullable=False),  # "-1/2", in points of the rubric
    Column("note", Text, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("rubric", ForeignKey("rubrics.sha256"), nullable=False),
    Column("answer_sha256", String, nullable=False),
    Column("made_at", String, nullable=False),  # ISO, UTC
    Column("before", Integer, nullable=False),  # the number of what stood on the line, 0 for nothing
    Column("action", String, nullable=False),  # the same for rows that were made together
    Column("undoes", String),  # the action that this one takes back
    UniqueConstraint("item", "student", "line", "before"),  # two who saw the same cannot both be the next
    Index("decisions_by_student", "student"),
    Index("decisions_by_line", "item", "student", "line", "number"),
    sqlite_autoincrement=True,  # a number never comes again
)


@dataclass(frozen=True)
class Draft:
    """What a reader would decide on one answer; `seen` is the number of what they saw on the line, 0 for nothing."""

    student: str
    item: str
    answer_sha256: str
    seen: int
    given: tuple[int, ...] = ()
    adjustment: Fraction = Fraction(0)
    note: str = ""
    finished: bool = True
    withdrawn: bool = False


class Conflict(Exception):
    """Something else stands on a line than the one who decides has seen; `student` says on which."""

    def __init__(self, student: str, item: str) -> None:
        super().__init__(f"{item} of {student}: another decision was made in the meantime")
        self.student = student
        self.item = item


def line_of(reader: str, agreed: bool) -> str:
    return AGREED if agreed else reader


def record(
    connection: Connection,
    drafts: Sequence[Draft],
    rubric: Rubric,
    reader: str,
    agreed: bool = False,
    undoes: int | None = None,
) -> list[int]:
    """Keep all drafts (of one question), or none and raise `Conflict`. The rows' numbers, in the drafts' order.

    The connection is of a transaction that writes, so that nobody decides in between.
    """
    if not reader:
        raise ValueError("reader: a decision has somebody who made it")
    digest = _kept_rubric(connection, rubric)
    line = line_of(reader, agreed)
    stands = _standing(connection, drafts, line)
    made_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    action, numbers = uuid4().hex, list[int]()
    for draft in drafts:
        if stands.get(draft.student, 0) != draft.seen:
            raise Conflict(draft.student, draft.item)
        row = {
            "item": draft.item,
            "student": draft.student,
            "line": line,
            "reader": reader,
            "given": " ".join(str(number) for number in sorted(draft.given)),
            "adjustment": str(draft.adjustment),
            "note": draft.note,
            "finished": draft.finished,
            "withdrawn": draft.withdrawn,
            "rubric": digest,
            "answer_sha256": draft.answer_sha256,
            "made_at": made_at,
            "before": draft.seen,
            "action": action,
            "undoes": undoes,
        }
        try:
            done = connection.execute(insert(decisions).values(row))
        except IntegrityError:
            raise Conflict(draft.student, draft.item) from None
        assert done.inserted_primary_key is not None
        numbers.append(done.inserted_primary_key[0])
    return numbers


def undo(connection: Connection, item: str, reader: str, agreed: bool = False) -> list[Decision]:
    """Take back the reader's last action on a question that still stands: what was before it is decided anew.

    Returns what stands now, nothing where there was nothing to take back. Undone actions stay in the history.
    `Conflict` where another reader has agreed on something since.
    """
    line = line_of(reader, agreed)
    undone = select(decisions.c.undoes).where(decisions.c.item == item, decisions.c.undoes.is_not(None))
    mine = and_(decisions.c.item == item, decisions.c.reader == reader, decisions.c.line == line)
    last = select(func.max(decisions.c.number)).where(
        mine, decisions.c.undoes.is_(None), decisions.c.action.not_in(undone)
    )
    action = connection.scalar(select(decisions.c.action).where(decisions.c.number == last.scalar_subquery()))
    if action is None:
        return []
    taken = _decisions(connection, _query().where(mine, decisions.c.action == action))
    before = {
        each.number: each
        for each in _decisions(connection, _query().where(decisions.c.number.in_([each.before for each in taken])))
    }
    stands = _standing(connection, taken, line)
    whose = dict(
        connection.execute(
            select(decisions.c.number, decisions.c.reader).where(decisions.c.number.in_(stands.values()))
        ).all()
    )
    again: dict[Rubric, list[Draft]] = {}
    for each in taken:
        if whose[stands[each.student]] != reader:
            raise Conflict(each.student, item)
        old = before.get(each.before)
        model = old or each
        draft = Draft(
            each.student,
            each.item,
            model.answer_sha256,
            stands[each.student],
            model.given,
            model.adjustment,
            model.note,
            model.finished,
            withdrawn=old is None or old.withdrawn,
        )
        again.setdefault(model.rubric, []).append(draft)
    numbers: list[int] = []
    for rubric, drafts in again.items():
        numbers += record(connection, drafts, rubric, reader, agreed, undoes=action)
    return _decisions(connection, _query().where(decisions.c.number.in_(numbers)))


def latest(
    connection: Connection, item: str | None = None, student: str | None = None, until: str | None = None
) -> list[Decision]:
    """The latest decision of every line: of one question, of one student, or of all; of those made `until` then."""
    of = decisions.alias()
    last = select(func.max(of.c.number)).group_by(of.c.item, of.c.student, of.c.line)
    if item is not None:
        last = last.where(of.c.item == item)
    if student is not None:
        last = last.where(of.c.student == student)
    if until is not None:
        last = last.where(of.c.made_at <= until)
    return _decisions(connection, _query().where(decisions.c.number.in_(last)).order_by(decisions.c.number))


def history(connection: Connection, item: str, student: str) -> list[Decision]:
    """Every decision on one answer, the first one first."""
    query = _query().where(decisions.c.item == item, decisions.c.student == student).order_by(decisions.c.number)
    return _decisions(connection, query)


def by_answer(found: Iterable[Decision]) -> dict[tuple[str, str], list[Decision]]:
    """Decisions by (student, item)."""
    sorted_out: dict[tuple[str, str], list[Decision]] = {}
    for decision in found:
        sorted_out.setdefault((decision.student, decision.item), []).append(decision)
    return sorted_out


def _query() -> "Select[tuple[object, ...]]":
    return select(decisions)


def _decisions(connection: Connection, query: "Select[tuple[object, ...]]") -> list[Decision]:
    rows = connection.execute(query).all()
    wanted = select(rubrics).where(rubrics.c.sha256.in_({row.rubric for row in rows}))
    return list(_made(rows, {row.sha256: rubric_of(row.concepts) for row in connection.execute(wanted)}))


def _made(rows: "Iterable[Row[tuple[object, ...]]]", known: Mapping[str, Rubric]) -> Iterator[Decision]:
    for row in rows:
        yield Decision(
            number=row.number,
            student=row.student,
            item=row.item,
            reader=row.reader,
            agreed=row.line == AGREED,
            given=tuple(int(number) for number in row.given.split()),
            adjustment=Fraction(row.adjustment),
            note=row.note,
            finished=row.finished,
            withdrawn=row.withdrawn,
            rubric=known[row.rubric],
            answer_sha256=row.answer_sha256,
            made_at=row.made_at,
            before=row.before,
        )


def _standing(connection: Connection, drafts: Iterable[Draft | Decision], line: str) -> dict[str, int]:
    """By student, the number of what stands on the line."""
    items = {draft.item for draft in drafts}
    if len(items) != 1:
        raise ValueError(f"decisions that are made together are on one question, not on {sorted(items)}")
    query = (
        select(decisions.c.student, func.max(decisions.c.number).label("number"))
        .where(decisions.c.item == items.pop(), decisions.c.line == line)
        .group_by(decisions.c.student)
    )
    return {row.student: row.number for row in connection.execute(query)}


def _kept_rubric(connection: Connection, rubric: Rubric) -> str:
    text = rubric_text(rubric)
    digest = sha256(text.encode()).hexdigest()
    if connection.scalar(select(rubrics.c.sha256).where(rubrics.c.sha256 == digest)) is None:
        connection.execute(insert(rubrics).values(sha256=digest, concepts=text))
    return digest
