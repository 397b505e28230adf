"""Pictures of what a student's functions give: made in the jail, checked before they are kept, and worth no mark."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from autograder.errors import UsageError
from autograder.gradebook import last_run, load_results, open_gradebook
from autograder.pictures import HeatMap, NoPicture, heat_map, lines
from autograder.report import html
from autograder.report.drawing import drawn
from autograder.results import ItemResult, Result, Status
from autograder.spec import Spec, Unit, load

SOLUTION = (Path(__file__).with_name("tiny_unit") / "solutions" / "words.py").read_text()

PICTURES = """
from autograder.pictures import heat_map


def counts(student):
    found = student.count_words("oak elm oak picture")
    row = [found["oak"], found["elm"]]
    return heat_map("How often", "In the text of the picture.", ["the text"], ["oak", "elm"], [row])
"""


def when_drawn(does: str) -> str:
    """The solution, which does something else once a picture is asked for, and no test any more."""
    return SOLUTION.replace("    counts = {}", f"    if 'picture' in text:\n        {does}\n    counts = {{}}", 1)


CLASS = {
    "right": SOLUTION,
    "raises": when_drawn("raise RuntimeError('no')"),
    "hangs": when_drawn("while True: pass"),
    "exits": when_drawn("import os; os._exit(0)"),
    "breaks-what-comes-after": when_drawn("global most_common; most_common = None; return 1 / 0"),
    "not-a-number": when_drawn("return {'oak': float('nan'), 'elm': 1}"),
    "words": when_drawn("return {'oak': '<script>', 'elm': '1'}"),
    "another-shape": when_drawn("return {'oak': [1] * 100_000, 'elm': 1}"),
    "something-else": when_drawn("return 7"),
    "stub": (Path(__file__).with_name("tiny_unit") / "assignments" / "words.py").read_text(),
}


@pytest.fixture
def unit(tiny_unit: Path) -> Path:
    rules = tiny_unit / "grading.yml"
    rules.write_text(
        rules.read_text().replace(
            "      - id: words.count_words\n", "      - id: words.count_words\n        picture: counts\n"
        )
    )
    (tiny_unit / "tests" / "pictures").mkdir()
    (tiny_unit / "tests" / "pictures" / "words.py").write_text(PICTURES)
    return tiny_unit


def pictures(out: Path) -> dict[str, object]:
    book = open_gradebook(out / "gradebook.sqlite")
    return {
        result.student: next(item.picture for item in result.items if item.id == "words.count_words")
        for result in load_results(book, last_run(book))
    }


def test_a_picture_is_kept_where_there_is_one_and_changes_no_mark(autograder, unit, tmp_path, read_results):
    for name, code in CLASS.items():
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "words.py").write_text(code)
    done = autograder("grade", tmp_path / "class", "--out", tmp_path / "out", cwd=unit)
    assert done.returncode == 0, done.stderr
    found = pictures(tmp_path / "out")
    assert found.pop("right") == HeatMap(
        "How often", "In the text of the picture.", ("the text",), ("oak", "elm"), ((2.0, 1.0),)
    )
    assert set(found.values()) == {None}
    scores = {name: result["score"] for name, result in read_results(tmp_path / "out").items()}
    assert scores == dict.fromkeys(CLASS, 3.5) | {"stub": 0.0}
    page = (tmp_path / "out" / "right" / "report.html").read_text()
    assert 'aria-label="How often. the text: oak 2, elm 1."' in page
    assert "<svg viewBox" not in (tmp_path / "out" / "words" / "report.html").read_text()
    first = (tmp_path / "out" / "right" / "report.html").read_bytes()
    again = autograder("grade", tmp_path / "class", "--out", tmp_path / "out", cwd=unit)
    assert "unchanged" in again.stderr
    assert pictures(tmp_path / "out")["right"] is not None  # a part that is used again brings its picture
    assert (tmp_path / "out" / "right" / "report.html").read_bytes() == first


def test_a_picture_that_is_not_there_is_told_before_anything_is_graded(unit):
    (unit / "tests" / "pictures" / "words.py").write_text("def others(student):\n    return None\n")
    with pytest.raises(UsageError, match=r"words.count_words: picture: tests/pictures/words.py has no function counts"):
        load(unit)


NOT_NUMBERS = {
    "nan": np.array([[math.nan, 1.0]]),
    "infinite": [[math.inf, 1.0]],
    "words": [["1", "2"]],
    "truth": [[True, False]],
    "complex": np.array([[1j, 1]]),
    "objects": [[None, 1.0]],
    "too many": np.ones((1, 10**6)),
    "one row too many": np.ones((2, 2)),
    "lists of different lengths": [[1.0], [1.0, 2.0]],
    "a number": 3.0,
    "nothing": None,
}


@pytest.mark.parametrize("value", NOT_NUMBERS.values(), ids=NOT_NUMBERS)
def test_what_is_not_the_numbers_that_were_asked_for_is_no_picture(value):
    with pytest.raises(NoPicture):
        heat_map("t", "s", ["a"], ["b", "c"], value)


def test_numbers_are_rounded_so_that_machines_agree():
    first = heat_map("t", "s", ["a"], ["b", "c"], [[1 / 3, -0.0]])
    assert first == heat_map("t", "s", ["a"], ["b", "c"], np.array([[1 / 3 + 1e-9, 0.0]]))
    assert str(first.values) == "((0.333, 0.0),)"


def test_a_line_is_told_in_numbers_and_drawn_within_its_frame():
    falling = [10.0**-power for power in range(40)]
    picture = lines("Norms", "Read.", "step", "norm", {"half": falling, "none": [0.0] * 40}, 40, logarithmic=True)
    drawing = drawn(picture)
    assert drawing.says == (
        "Norms. norm by step: half: 1 at 1, 1e-10 at 11, 1e-20 at 21, 1e-29 at 30, 1e-39 at 40. "
        "none: 0 at 1, 0 at 11, 0 at 21, 0 at 30, 0 at 40."
    )
    places = [pair.split(",") for stroke in drawing.strokes for pair in stroke.points.split()]
    assert all(0 <= float(x) <= drawing.width and 0 <= float(y) <= drawing.height for x, y in places)
    assert {stroke.pattern for stroke in drawing.strokes} == {None, 0, 1}  # told apart without colours


@pytest.mark.parametrize("values", [[5.0], [0.0, 0.0], [-1e300, 1e300], [1.0, 1.0, 1.0]])
@pytest.mark.parametrize("logarithmic", [False, True])
def test_any_numbers_can_be_drawn(values, logarithmic):
    drawing = drawn(lines("t", "s", "x", "y", {"a": values}, len(values), logarithmic))
    assert "nan" not in repr(drawing)


def test_a_report_shows_it_open_where_marks_are_missing_and_folded_where_not():
    picture = heat_map("How often", "In a text.", ["oak"], ["a", "b"], [[0.004, 1.0]])
    for status, opened in ((Status.FAILED, True), (Status.PASSED, False)):
        item = ItemResult("words.a", Fraction(0), Fraction(1), False, "core", status, picture=picture)
        page = html.render(Result("ada", (item,), (), (), "", "1"), Unit(Path(), Spec(unit="Words", topics=())))
        assert (f'<details class="pictured"{" open" * opened}><summary>How often</summary>') in page
        assert ">0.00</text>" in page  # nearly nothing is not nothing
        assert ">1</text>" in page
