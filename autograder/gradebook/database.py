"""Opening a gradebook, and transactions on it.

The default is one SQLite file beside the reports, with a write-ahead log: readers do not wait for writers, and a
process that is killed leaves each transaction done or not done. A URL names another database, PostgreSQL for one.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from autograder.errors import GraderError, UsageError
from autograder.gradebook.schema import VERSION, about, metadata

VARIABLE = "AUTOGRADER_GRADEBOOK"
FILE_NAME = "gradebook.sqlite"
_BUSY_MS = 30_000  # how long one waits for another's transaction
_ROOM = 1 << 16  # bytes


def gradebook_of(folder: Path, given: str | None = None) -> str | Path:
    """Where the gradebook of the reports in `folder` is: as given, else as the environment says, else in the folder."""
    return given or os.environ.get(VARIABLE) or folder / FILE_NAME


def open_gradebook(where: str | Path, make: bool = True) -> Engine:
    """The gradebook at a path or a database's URL, with its tables made; only if it is there, without `make`.

    Connections are closed after use, so that a fork shares none. Raises `UsageError` for what cannot be one.
    """
    is_url = "://" in str(where)
    if not is_url:
        _ready_file(Path(where), make)
    shown = str(where).split("@")[-1] if is_url else str(where)  # no password
    try:
        engine = create_engine(str(where) if is_url else f"sqlite:///{where}", poolclass=NullPool)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise UsageError(f"the gradebook {shown} cannot be opened: {error}") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _as_we_want_it)
        event.listen(engine, "begin", _begin)
    try:
        with writing(engine) as connection:
            metadata.create_all(connection)
            version = connection.scalar(select(about.c.value).where(about.c.name == "version"))
            if version is None:
                connection.execute(insert(about).values(name="version", value=str(VERSION)))
    except GraderError as error:
        raise UsageError(str(error)) from None
    if version is not None and int(version) > VERSION:
        raise UsageError(f"the gradebook {shown} was made by a newer autograder (tables {version}, here {VERSION})")
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: all of it is kept at the end, or nothing. `GraderError` where it cannot be kept."""
    with _told(engine), engine.connect() as connection:
        writer = connection.execution_options(writes=True)
        with writer.begin():
            yield writer


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that reads: what it sees does not change while it lasts."""
    with _told(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def _told(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        is_file = engine.dialect.name == "sqlite"
        where = str(engine.url.database) if is_file else engine.url.render_as_string()
        why = "the disk is full" if is_file and _is_full(Path(where).parent) else error.orig
        raise GraderError(
            f"the gradebook {where}: {why}. What is in it is as it was before; "
            "once that is mended, the same command goes on"
        ) from error


def _is_full(folder: Path) -> bool:
    """Whether the disk has no room for a transaction; SQLite itself may call that an I/O error."""
    try:
        return shutil.disk_usage(folder).free < _ROOM
    except OSError:
        return False


def _ready_file(path: Path, make: bool) -> None:
    """The file, which only its owner may read: it holds what students wrote and what tests saw."""
    if path.exists():
        return
    if not make:
        raise UsageError(f"{path}: there is no gradebook; `autograder grade ... --out {path.parent}` makes one")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError as error:
        raise UsageError(f"{path}: the gradebook cannot be made: {error.strerror}") from None


def _as_we_want_it(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    """One that will write says so at once: it waits for its turn here, and not in the midst of it."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
