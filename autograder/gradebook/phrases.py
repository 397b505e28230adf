"""Phrases that readers keep for their notes, by question. A removed one is no longer offered; it is not deleted."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Boolean, Column, Connection, Integer, String, Table, Text, insert, select, update

from autograder.gradebook.schema import metadata
from autograder.gradebook.store import storable

phrases = Table(
    "phrases",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("item", String, nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("reader", String, nullable=False),
    Column("made_at", String, nullable=False),
    Column("removed", Boolean, nullable=False),
)


@dataclass(frozen=True)
class Phrase:
    number: int
    text: str


def keep_phrase(connection: Connection, item: str, text: str, reader: str) -> None:
    """Offer the text from now on; once, however often it is kept."""
    text = storable(text)
    if text not in {phrase.text for phrase in load_phrases(connection, item)}:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = {"item": item, "text": text, "reader": reader, "made_at": now, "removed": False}
        connection.execute(insert(phrases).values(row))


def remove_phrase(connection: Connection, item: str, number: int) -> None:
    which = (phrases.c.item == item, phrases.c.number == number)
    connection.execute(update(phrases).where(*which).values(removed=True))


def load_phrases(connection: Connection, item: str) -> list[Phrase]:
    """What is offered for a question, the oldest first."""
    query = select(phrases).where(phrases.c.item == item, phrases.c.removed.is_(False)).order_by(phrases.c.number)
    return [Phrase(row.number, row.text) for row in connection.execute(query)]
