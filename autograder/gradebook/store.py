"""Saving and loading: runs, and for each (run, student) the submission, the result and the written answers."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, delete, insert, select, update

from autograder.gradebook import schema
from autograder.gradebook.database import reading, writing
from autograder.results import Result


@dataclass(frozen=True)
class Run:
    """One command that graded. `given` is what it was told, `parts` what all its results depend on."""

    id: int
    unit: str
    began: str
    ended: str | None
    given: Mapping[str, Any]
    parts: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What a student wrote to one question in prose."""

    item: str
    text: str
    sha256: str = field(default="")

    @classmethod
    def of(cls, item: str, text: str) -> "Answer":
        text = storable(text)
        return cls(item, text, hashlib.sha256(text.encode()).hexdigest())


@dataclass(frozen=True)
class Handed:
    """What the gradebook keeps of a submission itself."""

    student: str
    place: int
    source: str
    sha256: str


@dataclass(frozen=True)
class TopicRow:
    """What a topic's part of a result depends on, and what it was told and tells."""

    topic: str
    key: str
    parts: Mapping[str, str]
    before: Mapping[str, Any]
    state: Mapping[str, Any]


def storable(text: str) -> str:
    """Text that both databases keep: half a surrogate pair becomes "?", NUL the replacement character."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def dumped(result: Result) -> str:
    """A result as JSON; fractions stay exact."""
    data = _results().dump_python(result, mode="json")
    return storable(json.dumps(data, ensure_ascii=False))  # JSON itself escapes NUL


def loaded(text: str) -> Result:
    return _results().validate_json(text)


@lru_cache(maxsize=1)
def _results() -> TypeAdapter[Result]:
    return TypeAdapter(Result)


# -- runs


def begin_run(engine: Engine, unit: str, given: Mapping[str, Any], parts: Mapping[str, str]) -> Run:
    """A new run, not ended yet."""
    began = _now()
    with writing(engine) as connection:
        values = {"unit": unit, "began": began, "given": _json(given), "parts": _json(parts)}
        done = connection.execute(insert(schema.runs).values(values))
    assert done.inserted_primary_key is not None
    return Run(done.inserted_primary_key[0], unit, began, None, given, parts)


def end_run(engine: Engine, run: Run) -> Run:
    """The run, ended now: it holds a result for every submission."""
    ended = _now()
    with writing(engine) as connection:
        connection.execute(update(schema.runs).where(schema.runs.c.id == run.id).values(ended=ended))
    return replace(run, ended=ended)


def runs(engine: Engine) -> list[Run]:
    """All runs, the first one first."""
    with reading(engine) as connection:
        rows = connection.execute(select(schema.runs).order_by(schema.runs.c.id)).all()
    return [Run(row.id, row.unit, row.began, row.ended, json.loads(row.given), json.loads(row.parts)) for row in rows]


def last_run(engine: Engine, ended: bool = True) -> Run | None:
    """The newest run, of those that came to their end unless told otherwise."""
    return next((run for run in reversed(runs(engine)) if run.ended or not ended), None)


# -- what came of a submission


def save_result(
    connection: Connection,
    run: Run,
    handed: Handed,
    result: Result,
    answers: Iterable[Answer] = (),
    topics: Iterable[TopicRow] = (),
) -> None:
    """Keep this, within a transaction of the caller's. What was kept for this run and student before is replaced."""
    whose = {"run": run.id, "student": handed.student}
    table = schema.submissions
    connection.execute(delete(table).where(table.c.run == run.id, table.c.student == handed.student))  # and its rows
    source = storable(handed.source)
    connection.execute(insert(table).values(**whose, place=handed.place, source=source, sha256=handed.sha256))
    connection.execute(insert(schema.results).values(**whose, graded=result.graded, result=dumped(result)))
    written = [whose | {"item": each.item, "text": each.text, "sha256": each.sha256} for each in answers]
    if written:
        connection.execute(insert(schema.answers), written)
    rows = [
        whose
        | {"topic": each.topic, "key": each.key, "parts": _json(each.parts)}
        | {"before": _json(each.before), "state": _json(each.state)}
        for each in topics
    ]
    if rows:
        connection.execute(insert(schema.topics), rows)


def load_students(engine: Engine, run: Run) -> list[str]:
    """Whose results a run holds, in the order of the class."""
    table = schema.submissions
    with reading(engine) as connection:
        query = select(table.c.student).where(table.c.run == run.id).order_by(table.c.place)
        return list(connection.scalars(query))


def load_result(engine: Engine, run: Run, student: str) -> Result | None:
    """A student's result in a run, if it is there."""
    table = schema.results
    with reading(engine) as connection:
        text = connection.scalar(select(table.c.result).where(table.c.run == run.id, table.c.student == student))
    return None if text is None else loaded(text)


def load_results(engine: Engine, run: Run) -> Iterator[Result]:
    """All results of a run, in the order of the class, one at a time."""
    for student in load_students(engine, run):
        result = load_result(engine, run, student)
        if result is not None:
            yield result


def load_answers(engine: Engine, run: Run, student: str) -> tuple[Answer, ...]:
    """What a student wrote to the questions in prose, in no particular order."""
    table = schema.answers
    with reading(engine) as connection:
        rows = connection.execute(select(table).where(table.c.run == run.id, table.c.student == student)).all()
    return tuple(Answer(row.item, row.text, row.sha256) for row in rows)


def load_topics(engine: Engine, run: Run, student: str) -> dict[str, TopicRow]:
    """What each topic's part of a student's result depends on."""
    table = schema.topics
    with reading(engine) as connection:
        rows = connection.execute(select(table).where(table.c.run == run.id, table.c.student == student)).all()
    return {
        row.topic: TopicRow(row.topic, row.key, json.loads(row.parts), json.loads(row.before), json.loads(row.state))
        for row in rows
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _json(value: Mapping[str, Any]) -> str:
    return storable(json.dumps(value, ensure_ascii=False, sort_keys=True))
