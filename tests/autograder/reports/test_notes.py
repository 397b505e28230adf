"""Notes, which the instructor alone may read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.report.notes import write_notes

Make = Callable[..., Any]


def test_notes_go_to_the_instructor_alone(tmp_path: Path, result: Make) -> None:
    write_notes(result(), tmp_path)
    text = (tmp_path / "instructor" / "Ada Lovelace.txt").read_text()
    assert "attention.scaled_dot_product_attention  test_a_query_that_may_attend_to_nothing_gets_zeros_" in text
    assert "    expected weights [[0., 0.]]" in text


def test_no_notes_no_file_and_an_old_one_goes(tmp_path: Path, result: Make) -> None:
    write_notes(result(items=()), tmp_path)
    assert not (tmp_path / "instructor").exists()
    write_notes(result(), tmp_path)
    write_notes(result(items=()), tmp_path)
    assert list((tmp_path / "instructor").iterdir()) == []


def test_notes_stay_in_their_folder_whatever_the_student_is_called(tmp_path: Path, result: Make) -> None:
    for name in ("../../x", "..", "a/b", "", "\x00"):
        write_notes(result(name), tmp_path / "out")
    assert len(list((tmp_path / "out" / "instructor").iterdir())) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
