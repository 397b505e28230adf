"""What a student is told of a notebook's cell that failed: whose fault it is, and what to do."""

import json

import pytest

from autograder.desk.cells import tell
from autograder.student.notebook import Cell
from autograder.target.failures import StudentError, student_error


def error(kind: str, text: str = "", function: str = "", line: int = 2, source: str = "use(it)") -> StudentError:
    frames = [["/x/tour.ipynb, cell 2", line, function, source, []]]
    return student_error({"kind": kind, "name": kind, "text": text, "frames": frames})


def cells(*sources: str) -> list[Cell]:
    return [Cell(number, source) for number, source in enumerate(sources, 1)]


UNDEFINED = error("NameError", "name 'words' is not defined")


def test_a_function_that_is_not_written_yet_is_no_failure_of_the_cell_that_calls_it():
    told = tell(6, error("NotImplementedError", function="most_positive"), [], frozenset({6}))
    assert told.heading == "cell 6 is passed over: `most_positive` is not written yet"
    assert told.passed_over
    assert tell(6, error("NotImplementedError"), [], frozenset({6})).heading == "cell 6 is not written yet"


@pytest.mark.parametrize(
    "maker",
    [
        "words = 1",
        "import words",
        "from a import b as words",
        "def words(): pass",
        "class words: pass",
        "for words in []: pass",
        "with open('x') as words: pass",
        "if True:\n    a, (words, *b) = 1, (2, 3)",
        "print(words := 3)",
        "words: int = 4",
    ],
)
def test_a_name_that_a_later_cell_makes_is_told_with_that_cell(maker):
    told = tell(2, UNDEFINED, cells("a = 1", "use(words)", "b = 2", maker), frozenset({2}))
    assert told.heading == "cell 2 failed, line 2: use(it)"
    assert "`words` is made in cell 4, further down." in told.text
    assert not told.passed_over


@pytest.mark.parametrize(
    "other", ["def f():\n    words = 1", "use(words)", "[words for words in a]", "words.x = 1", "("]
)
def test_a_cell_that_only_mentions_the_name_does_not_make_it(other):
    told = tell(2, UNDEFINED, cells("a = 1", "use(words)", other), frozenset({2}))
    assert told.text == "NameError: name 'words' is not defined"


def test_a_name_of_a_cell_above_that_failed_itself():
    told = tell(2, UNDEFINED, cells("words = 1 / 0", "use(words)"), frozenset({1, 2}))
    assert told.heading == "cell 2 is passed over: it needs `words`"
    assert told.text == "cell 1 would make it, and did not get that far."


def test_a_name_of_a_cell_that_is_left_out():
    training = Cell(1, "words = train()", run=False)
    told = tell(2, UNDEFINED, [training, Cell(2, "use(words)")], frozenset({2}))
    assert told.passed_over
    assert "not run when graded" in told.text


def test_any_other_error_is_shown_as_it_is():
    told = tell(2, error("KeyError", "'oak'"), cells("a = 1", "use(it)"), frozenset({2}))
    assert (told.heading, told.text) == ("cell 2 failed, line 2: use(it)", "KeyError: 'oak'")


def test_check_tells_of_an_open_function_and_of_cells_out_of_order(autograder, tmp_path):
    import shutil
    from pathlib import Path

    unit = Path(shutil.copytree(Path(__file__).with_name("tiny_notebooks"), tmp_path / "unit"))
    path = unit / "assignments" / "tour.ipynb"
    book = json.loads(path.read_text())
    for number, source in enumerate(("shout(['a'])", "print(late)", "late = 3")):
        cell = {"cell_type": "code", "id": f"new-{number}", "metadata": {}, "execution_count": None, "outputs": []}
        book["cells"].append(cell | {"source": source})
    path.write_text(json.dumps(book))
    said = autograder("check", "tour", cwd=unit).stdout
    assert "is passed over: `shout` is not written yet" in said
    assert "`late` is made in cell 10, further down." in " ".join(said.split())
    assert "NameError" not in said
