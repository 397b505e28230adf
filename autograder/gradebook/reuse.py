"""Parts of results, kept with their keys and found again by them."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select

from autograder.gradebook import schema
from autograder.gradebook.database import reading
from autograder.gradebook.keys import Key
from autograder.gradebook.store import TopicRow, loaded
from autograder.grading.parts import Before, Graded, Part


def rows_of(graded: Graded, keys: Mapping[str, Key]) -> list[TopicRow]:
    """What is kept of a result's parts beside the result and the answers themselves."""
    return [
        TopicRow(
            topic=part.topic,
            key=keys[part.topic].hash,
            parts=keys[part.topic].parts,
            before={"broken": part.before.broken, "wrong": part.before.wrong},
            state={
                "problems": part.problems,
                "isolation": part.isolation,
                "broken": part.broken,
                "wrong": part.wrong,
            },
        )
        for part in graded.parts
    ]


def known_parts(engine: Engine, keys: Mapping[str, Key]) -> dict[str, list[Part]]:
    """By topic, the newest part with that key for each thing that it may have been told of the topics before it."""
    table = schema.topics
    hashes = [key.hash for key in keys.values()]
    newest = (
        select(table.c.key, table.c.before, func.max(table.c.run).label("run"))
        .where(table.c.key.in_(hashes))
        .group_by(table.c.key, table.c.before)
        .subquery()
    )
    same = (table.c.key == newest.c.key) & (table.c.before == newest.c.before) & (table.c.run == newest.c.run)
    first = (
        select(table.c.topic, newest, func.min(table.c.student).label("student"))
        .join(newest, same)
        .group_by(table.c.topic, newest.c.key, newest.c.before, newest.c.run)
    )
    found: dict[str, list[Part]] = {}
    with reading(engine) as connection:
        wanted = connection.execute(first).all()
        results: dict[tuple[int, str], Mapping[str, Any]] = {}
        for row in wanted:
            whose = (row.run, row.student)
            if whose not in results:
                results[whose] = _of_a_result(connection, *whose)
            found.setdefault(row.topic, []).append(_part(row, results[whose]))
    return found


def _of_a_result(connection: Connection, run: int, student: str) -> Mapping[str, Any]:
    def where(table: Any) -> Any:
        return (table.c.run == run) & (table.c.student == student)

    text = connection.scalar(select(schema.results.c.result).where(where(schema.results)))
    answers = connection.execute(select(schema.answers).where(where(schema.answers))).all()
    topics = connection.execute(select(schema.topics).where(where(schema.topics))).all()
    assert text is not None
    return {
        "items": loaded(text).items,
        "prose": {row.item: row.text for row in answers},
        "states": {row.topic: json.loads(row.state) for row in topics},
    }


def _part(row: Row[Any], whole: Mapping[str, Any]) -> Part:
    before, state = json.loads(row.before), whole["states"][row.topic]
    return Part(
        topic=row.topic,
        before=Before(tuple(before["broken"]), tuple(before["wrong"])),
        items=tuple(item for item in whole["items"] if item.topic == row.topic),
        problems=tuple(state["problems"]),
        isolation=tuple(state["isolation"]),
        broken=state["broken"],
        wrong=tuple(state["wrong"]),
        prose={item: text for item, text in whole["prose"].items() if item.split(".")[0] == row.topic},
    )


def differences(known: Part, made: Part) -> list[str]:
    """The items whose marks differ between two parts that should be equal, a line each with both marks."""
    marks = {item.id: (item.score, item.pending, item.status) for item in known.items}
    lines = []
    for item in made.items:
        before = marks.get(item.id)
        if before is not None and before != (item.score, item.pending, item.status):
            lines.append(f"{item.id}: {before[0]} ({before[2]}) before, {item.score} ({item.status}) now")
    return lines
