"""The gradebook: what is saved comes back, whole or not at all."""

import os
import stat
from fractions import Fraction
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, select, text
from sqlalchemy.pool import NullPool

from autograder.errors import GraderError, UsageError
from autograder.gradebook import (
    Answer,
    begin_run,
    end_run,
    last_run,
    load_answers,
    load_result,
    load_results,
    open_gradebook,
    reading,
    runs,
    save_result,
    writing,
)
from autograder.gradebook.schema import answers, metadata, results, submissions
from autograder.gradebook.store import Handed
from autograder.results import ItemResult, Result, Status, TestResult

PARTS = {"engine": "1"}


def result_of(student: str, third: Fraction = Fraction(1, 3), **rest: object) -> Result:
    test = TestResult("test_it", "It holds.", Status.PARTIAL, third, Fraction(1), True, "<b>ü\0", None, 0.25, "note")
    item = ItemResult("words.count", third, Fraction(1), False, "core", Status.PARTIAL, (test,), replaced=("a.py",))
    return Result(student, (item,), ("a problem",), ("rlimits",), "ab" * 32, "0.1", extra_cap=Fraction(7, 3), **rest)


def handed(student: str, place: int = 0) -> Handed:
    return Handed(student, place, f"class/{student}.zip", "ab" * 32)


@pytest.fixture(params=["sqlite", "postgres"])
def book(request: pytest.FixtureRequest, tmp_path: Path):
    """An empty gradebook of each kind; on PostgreSQL where AUTOGRADER_TEST_POSTGRES names a database to be emptied."""
    if request.param == "sqlite":
        return open_gradebook(tmp_path / "gradebook.sqlite")
    url = os.environ.get("AUTOGRADER_TEST_POSTGRES")
    if not url:
        pytest.skip("AUTOGRADER_TEST_POSTGRES names no database")
    metadata.drop_all(create_engine(url, poolclass=NullPool))
    return open_gradebook(url)


def again(book: Engine) -> Engine:
    """The same gradebook, opened once more."""
    return open_gradebook(
        book.url.database if book.dialect.name == "sqlite" else os.environ["AUTOGRADER_TEST_POSTGRES"]
    )


def save(book: Engine, *what: object) -> None:
    with writing(book) as connection:
        save_result(connection, *what)


def test_a_result_comes_back_as_it_was(book):
    run = begin_run(book, "Tiny", {"paths": ["class"]}, PARTS)
    save(book, run, handed("ada"), result_of("ada"), [Answer.of("words.E1", "A text.")])
    found = load_result(again(book), run, "ada")
    assert found == result_of("ada")
    assert found.score == Fraction(1, 3)
    assert found.items[0].tests[0] == result_of("ada").items[0].tests[0]
    assert load_result(book, run, "nobody") is None


def test_text_that_no_database_keeps_costs_no_result(book):
    run = begin_run(book, "Tiny", {}, PARTS)
    bad = "a\ud800b\0c"
    result = Result("ada", (), (bad,), (), "", "0.1", graded=False)
    save(book, run, Handed("ada", 0, bad, ""), result, [Answer.of("words.E1", bad)])
    assert load_result(book, run, "ada").problems == ("a?b\0c",)
    answer = load_answers(book, run, "ada")[0]
    assert answer.text == "a?b\ufffdc"
    assert answer == Answer.of("words.E1", bad)


def test_results_come_in_the_order_of_the_class(book):
    run = begin_run(book, "Tiny", {}, PARTS)
    for student, place in (("zoe", 1), ("ada", 2), ("bob", 0)):
        save(book, run, handed(student, place), result_of(student))
    assert [each.student for each in load_results(book, run)] == ["bob", "zoe", "ada"]


def test_a_second_result_takes_the_place_of_the_first(book):
    run = begin_run(book, "Tiny", {}, PARTS)
    save(book, run, handed("ada"), result_of("ada"), [Answer.of("words.E1", "old")])
    save(book, run, handed("ada"), result_of("ada", Fraction(1)), [Answer.of("words.E2", "new")])
    assert load_result(book, run, "ada").score == 1
    assert [answer.text for answer in load_answers(book, run, "ada")] == ["new"]


def test_a_result_is_there_whole_or_not_at_all(book):
    run = begin_run(book, "Tiny", {}, PARTS)
    save(book, run, handed("ada"), result_of("ada"), [Answer.of("words.E1", "old")])

    @event.listens_for(book, "before_cursor_execute")
    def fail(_connection, _cursor, statement, _parameters, _context, _many):
        if statement.startswith("INSERT INTO answers"):
            raise OSError("killed here")

    with pytest.raises(OSError, match="killed here"):
        save(book, run, handed("ada"), result_of("ada", Fraction(1)), [Answer.of("words.E1", "new")])
    event.remove(book, "before_cursor_execute", fail)
    assert load_result(book, run, "ada").score == Fraction(1, 3)
    assert load_answers(book, run, "ada")[0].text == "old"


def test_a_run_is_the_last_one_once_it_has_ended(book):
    assert last_run(book) is None
    first = end_run(book, begin_run(book, "Tiny", {"paths": ["class"]}, PARTS))
    second = begin_run(book, "Tiny", {}, {})
    assert last_run(book) == first
    assert last_run(book, ended=False) == second
    assert runs(book) == [first, second]


def test_rows_of_no_submission_are_refused(book):
    with pytest.raises(GraderError, match=r"(?i)foreign key"), writing(book) as connection:
        connection.execute(answers.insert().values(run=7, student="x", item="i", sha256="", text=""))


def test_the_file_is_for_its_owner_and_has_a_write_ahead_log(tmp_path):
    book = open_gradebook(tmp_path / "gradebook.sqlite")
    assert stat.S_IMODE(Path(book.url.database).stat().st_mode) == 0o600
    with reading(book) as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert connection.scalar(select(submissions.c.run)) is None
        assert connection.scalar(select(results.c.run)) is None


def test_what_is_no_gradebook_is_told_and_left_alone(tmp_path):
    path = tmp_path / "gradebook.sqlite"
    path.write_text("this is no database, but a text that is somewhat longer than a header\n" * 20)
    with pytest.raises(UsageError, match=r"gradebook.sqlite: file is not a database"):
        open_gradebook(path)
    assert path.read_text().startswith("this is no database")
    with pytest.raises(UsageError, match="cannot be opened"):
        open_gradebook("nosuch://host/grades")
    with pytest.raises(UsageError, match="there is no gradebook"):
        open_gradebook(tmp_path / "none.sqlite", make=False)


def test_a_newer_gradebook_is_left_alone(book):
    with writing(book) as connection:
        connection.execute(text("UPDATE about SET value = '99' WHERE name = 'version'"))
    with pytest.raises(UsageError, match="newer autograder"):
        again(book)
