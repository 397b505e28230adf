"""Decisions as CSV: each reader's latest on each answer, out for other programs and colleagues, and in again.

    student,item,reader,given,adjustment,note,agreed,answer_sha256,points,of,state,made_at

`given` holds numbers of the rubric's concepts ("1 3"; empty: none). The last four columns are for information and are
not read. A row without `answer_sha256` is on the text that stands there now. What comes in is a decision like any
other, kept with who and when; a row that says what stands there already changes nothing, so the same file can come in
twice. Text that a spreadsheet would take for a formula has an apostrophe in front.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from sqlalchemy import Connection, Engine

from autograder.gradebook import reading, writing
from autograder.gradebook.decisions import Draft, latest, line_of, record
from autograder.gradebook.settling import Decision, settle, total_of
from autograder.gradebook.store import storable
from autograder.report.summary import marks
from autograder.review.material import Material, Question

COLUMNS = ("student", "item", "reader", "given", "adjustment", "note", "agreed", "answer_sha256")
FOR_INFORMATION = ("points", "of", "state", "made_at")
_NEEDED = ("student", "item", "reader", "given")
_FORMULA = tuple("=+-@\t\r'\uff1d\uff0b\uff0d\uff20")
_YES = {"yes": True, "no": False, "": False}
MAX_NOTE = 4000

Line = tuple[str, str, str]  # student, item, line


@dataclass
class Taken:
    """What came of a file: how many decisions were kept, stood already, are stale; and a line on each wrong row."""

    kept: int = 0
    same: int = 0
    stale: int = 0
    problems: list[str] = field(default_factory=list)


class _Wrong(Exception):
    """What is wrong with a row."""


def rows_of(material: Material, engine: Engine) -> tuple[str, int]:
    """All that counts or would, were its answer the same, as CSV, and how many."""
    with reading(engine) as connection:
        found = [decision for decision in latest(connection) if decision.counts]
    by_answer: dict[tuple[str, str], list[Decision]] = {}
    for decision in found:
        by_answer.setdefault((decision.student, decision.item), []).append(decision)
    hashes = {item: material.hashes(item) for item in material.questions}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, *FOR_INFORMATION))
    for decision in sorted(found, key=lambda each: (each.item, each.student, each.agreed, each.reader)):
        now = hashes.get(decision.item, {}).get(decision.student, "")
        state = settle(by_answer[decision.student, decision.item], now).state.value
        writer.writerow(
            (
                guarded(decision.student),
                decision.item,
                guarded(decision.reader),
                " ".join(map(str, decision.given)),
                guarded(str(decision.adjustment)) if decision.adjustment else "",
                guarded(decision.note),
                "yes" if decision.agreed else "no",
                decision.answer_sha256,
                marks(decision.points),
                total_of(decision.rubric),
                state if decision.answer_sha256 == now else "stale",
                decision.made_at,
            )
        )
    return text.getvalue(), len(found)


def bring_in(material: Material, engine: Engine, text: str, name: str) -> Taken:
    """Keep the decisions of a CSV text; each row is a step of its own, so that a wrong one costs no other."""
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    taken = Taken()
    try:
        missing = [column for column in _NEEDED if column not in (rows.fieldnames or ())]
        if missing:
            taken.problems.append(f"{name}: line 1: lacks the column {', '.join(missing)}; nothing was taken")
            return taken
        with writing(engine) as connection:
            stands = {(each.student, each.item, line_of(each.reader, each.agreed)): each for each in latest(connection)}
            seen: set[Line] = set()
            for row in rows:
                try:
                    _take(material, connection, row, stands, seen, taken)
                except _Wrong as error:
                    taken.problems.append(f"{name}: line {rows.line_num}: {error}")
    except csv.Error as error:
        taken.problems.append(f"{name}: line {rows.line_num}: not CSV: {error}; the rows before it were taken")
    return taken


def _take(
    material: Material,
    connection: Connection,
    row: Mapping[str, str | None],
    stands: Mapping[Line, Decision],
    seen: set[Line],
    taken: Taken,
) -> None:
    if None in row or any(row[column] is None for column in _NEEDED):
        raise _Wrong("has more or fewer cells than there are columns")
    cells = {column: unguarded((row.get(column) or "").strip()) for column in COLUMNS}
    question = material.questions.get(cells["item"])
    if question is None:
        raise _Wrong(f"item: there is no question {cells['item']!r}")
    if not cells["reader"]:
        raise _Wrong("reader: is empty; a decision has somebody who made it")
    draft = _draft(material, question, cells)
    agreed = _YES.get(cells["agreed"].casefold())
    if agreed is None:
        raise _Wrong(f"agreed: yes or no, not {cells['agreed']!r}")
    line = (draft.student, draft.item, line_of(cells["reader"], agreed))
    if line in seen:
        raise _Wrong("this reader's decision on this answer stands in the file twice; the first one was taken")
    seen.add(line)
    now = stands.get(line)
    if draft.answer_sha256 != material.hashes(question.item).get(draft.student):
        taken.stale += 1
    if now is not None and now.counts and _says(now) == _says(draft):
        taken.same += 1
        return
    record(connection, [_on(draft, now)], question.rubric, cells["reader"], agreed)
    taken.kept += 1


def _draft(material: Material, question: Question, cells: Mapping[str, str]) -> Draft:
    hashes = material.hashes(question.item)
    student = cells["student"]
    if student not in hashes:
        raise _Wrong(f"student: {student!r} has no answer to {question.item}")
    digest = cells["answer_sha256"].casefold() or hashes[student]
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise _Wrong("answer_sha256: 64 hexadecimal digits, or empty for the answer as it is now")
    if len(cells["note"]) > MAX_NOTE:
        raise _Wrong(f"note: longer than {MAX_NOTE} characters")
    adjustment = _amount(cells["adjustment"], question)
    return Draft(
        student, question.item, digest, 0, _given(cells["given"], question), adjustment, storable(cells["note"])
    )


def _given(text: str, question: Question) -> tuple[int, ...]:
    number = len(question.rubric)
    parts = text.replace(",", " ").replace(";", " ").split()
    if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= number for part in parts):
        raise _Wrong(f"given: numbers of the rubric, 1 to {number}, not {text!r}")
    return tuple(sorted({int(part) for part in parts}))


def _amount(text: str, question: Question) -> Fraction:
    try:
        amount = Fraction(text or "0") if len(text) <= 20 and "e" not in text.casefold() else None
    except (ValueError, ZeroDivisionError):
        amount = None
    if amount is None:
        raise _Wrong(f"adjustment: a number of points, such as 1/2 or -1, not {text!r}")
    if abs(amount) > total_of(question.rubric):
        raise _Wrong(f"adjustment: more than all {total_of(question.rubric)} points of the rubric")
    return amount


def _says(decision: Decision | Draft) -> tuple[object, ...]:
    return tuple(sorted(decision.given)), decision.adjustment, decision.note, decision.answer_sha256


def _on(draft: Draft, now: Decision | None) -> Draft:
    seen = now.number if now is not None else 0
    return Draft(draft.student, draft.item, draft.answer_sha256, seen, draft.given, draft.adjustment, draft.note)


def guarded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, and that `unguarded` gives back as it was."""
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and guarded(cell[1:]) == cell else cell
