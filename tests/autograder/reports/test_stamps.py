"""Reports are written again only where what they are made of has changed, or they are not as they were written."""

from contextlib import ExitStack
from dataclasses import replace

import pytest

from autograder.course import stamps
from autograder.course.publisher import Publisher
from autograder.gradebook import begin_run, open_gradebook, save_result, writing
from autograder.gradebook.store import Handed


@pytest.fixture
def publish(unit, result, tmp_path):
    """Publishes a class of two, each time as a command that was started anew would, and tells which files are new.

    Bob is not graded: there is no plot of one student's marks, which would take most of the time.
    """
    out = tmp_path / "out"
    book = open_gradebook(tmp_path / "gradebook.sqlite")
    run = begin_run(book, unit.spec.unit, {"also": ["junit"]}, {})

    def keep(changed: dict) -> None:
        with writing(book) as connection:
            for place, name in enumerate(("Ada", "Bob")):
                found = changed.get(name, result(name, graded=name == "Ada"))
                save_result(connection, run, Handed(name, place, name, ""), found)

    def files() -> dict[str, int]:
        """Each report and its inode, which is another once it is written again."""
        paths = (path for path in out.rglob("*") if path.is_file() and path.name not in (stamps.NAME, "junit.xml"))
        return {path.relative_to(out).as_posix(): path.stat().st_ino for path in paths}

    def published(rules=unit, **changed) -> set[str]:
        keep(changed)
        before = files()
        with ExitStack() as stack:
            for path in before:
                stack.enter_context((out / path).open())  # an inode that is in use is given to no other file
            Publisher(book, rules, run, out).everybody()
            return {path for path, inode in files().items() if before.get(path) != inode}

    published.out, published.files = out, files
    published()
    return published


def contents(publish) -> dict[str, bytes]:
    return {path: (publish.out / path).read_bytes() for path in publish.files()}


OF_ADA = {"Ada/results.json", "Ada/report.md", "Ada/report.html", "instructor/Ada.txt"}
OF_CLASS = {"grades.csv", "class.html"}


def test_what_stands_is_not_written_again(publish):
    assert {*OF_ADA, *OF_CLASS} < publish.files().keys()
    assert publish() == set()


@pytest.mark.parametrize("path", sorted(OF_ADA | OF_CLASS))
def test_what_was_changed_or_deleted_by_hand_comes_back(publish, path):
    before = contents(publish)
    (publish.out / path).write_bytes(before[path].replace(b"a", b"b"))
    assert publish() == (OF_ADA if path in OF_ADA else OF_CLASS)
    assert contents(publish) == before
    (publish.out / path).unlink()
    assert publish() == (OF_ADA if path in OF_ADA else OF_CLASS)
    assert contents(publish) == before


def test_notes_that_should_not_be_there_go(publish, result):
    publish(Ada=result("Ada", items=()))
    notes = publish.out / "instructor" / "Ada.txt"
    assert not notes.exists()
    notes.write_text("by hand")
    publish(Ada=result("Ada", items=()))
    assert not notes.exists()


def test_another_result_writes_that_students_reports_and_the_pages_of_the_class(publish, result):
    assert publish(Ada=result("Ada", problems=())) == OF_ADA | OF_CLASS


def test_other_rules_write_everything(publish, unit):
    first, *others = unit.spec.topics
    topics = (first.model_copy(update={"title": "Another title"}), *others)
    rules = replace(unit, spec=unit.spec.model_copy(update={"topics": topics}))
    assert publish(rules) == set(publish.files())
    assert b"Another title" in contents(publish)["Ada/report.html"]


def test_another_engine_or_library_writes_everything(publish, monkeypatch):
    for part in ("whole_engine", "version_of"):
        monkeypatch.setattr(stamps, part, lambda *_: "another")
        assert publish() == set(publish.files())


def test_a_link_to_similar_submissions_is_written_once_there_are_some(publish):
    (publish.out / "similar.html").write_text("pairs")
    assert publish() == OF_CLASS


@pytest.mark.parametrize("broken", [b"[]", b'{"Ada": 1}', b"\xff"])
def test_without_stamps_that_can_be_read_everything_is_written(publish, broken):
    (publish.out / stamps.NAME).write_bytes(broken)
    assert publish() == set(publish.files())


def test_what_was_written_when_the_command_was_killed_is_written_again(publish, result, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(stamps.Stamps, "save", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish(Ada=result("Ada", problems=()))
    assert publish() == OF_ADA | OF_CLASS


def test_the_stamp_is_of_every_file_of_the_engine(tmp_path, monkeypatch):
    from autograder.gradebook import keys

    (tmp_path / "templates").mkdir()
    (tmp_path / "a.py").write_text("1")
    monkeypatch.setattr(keys, "ENGINE", tmp_path)
    seen = {keys.whole_engine()}
    for name in ("templates/page.j2", "b.py"):
        (tmp_path / name).write_text("2")
        seen.add(keys.whole_engine())
    assert len(seen) == 3
