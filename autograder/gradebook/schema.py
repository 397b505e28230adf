"""The gradebook's tables.

    runs          one command that graded: when it began and, unless it was killed, ended; what it was given
    submissions   what a student handed in for a run, by (run, student): where it lay, its hash, its place in order
    results       what came of it: the whole `Result` as JSON, marks as exact fractions ("1/3")
    answers       the texts that were handed in for questions in prose, each with its hash, for those who read them
    topics        for each topic of a result the hash of all that it depends on, so that it can be used again; what that
                  hash is made of, so that a difference can be explained; and what topics know of those before them

A row of `submissions`, its result, its answers and its topics are written in one transaction. Rows are never changed,
except that a run is given its end and that a result is replaced as a whole; a new grading is a new run, which is the
history. What people decide belongs in tables of other modules, which add theirs to `metadata`.

Text from students never holds NUL or half a surrogate pair here: neither database keeps those (see `store.storable`).
"""

import zlib

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.schema import SchemaItem


class Packed(TypeDecorator[str]):
    """Long text, compressed: a result of a whole unit is 160 KB of JSON that says much again and again."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        return None if value is None else zlib.compress(value.encode())

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else zlib.decompress(value).decode()


VERSION = 1  # of the tables here; one that is newer is not touched

metadata = MetaData()

about = Table(
    "about",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("unit", Text, nullable=False),
    Column("began", String, nullable=False),  # ISO, UTC
    Column("ended", String),  # none: killed, or still going
    Column("given", Text, nullable=False),  # JSON: the submissions' paths and the options
    Column("parts", Text, nullable=False),  # JSON: hashes and versions that every result of the run depends on
)

submissions = Table(
    "submissions",
    metadata,
    Column("run", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("student", String, primary_key=True),
    Column("place", Integer, nullable=False),  # in the order of the class
    Column("source", Text, nullable=False),
    Column("sha256", String, nullable=False),
)


def _of_a_submission(name: str, *columns: SchemaItem) -> Table:
    """A table whose rows belong to a row of `submissions`, and go with it."""
    return Table(
        name,
        metadata,
        Column("run", Integer, primary_key=True),
        Column("student", String, primary_key=True),
        *columns,
        ForeignKeyConstraint(("run", "student"), ("submissions.run", "submissions.student"), ondelete="CASCADE"),
    )


results = _of_a_submission(
    "results",
    Column("graded", Boolean, nullable=False),
    Column("result", Packed, nullable=False),
)

answers = _of_a_submission(
    "answers",
    Column("item", String, primary_key=True),  # synthesis.E1
    Column("sha256", String, nullable=False),
    Column("text", Text, nullable=False),
)

topics = _of_a_submission(
    "topics",
    Column("topic", String, primary_key=True),
    Column("key", String, nullable=False),
    Column("parts", Text, nullable=False),  # JSON: what the key is made of
    Column("before", Text, nullable=False),  # JSON: what the topic was told of those before it
    Column("state", Text, nullable=False),  # JSON: what it tells those after it, and what else a result has of it
    Index("topics_by_key", "key"),
)
