"""A solution that is loaded when a test first asks for something of it."""

import pytest

from autograder.errors import GraderError
from autograder.student.workbench import BenchConfig
from autograder.target.inprocess import LateTarget
from autograder.target.proxy import Student

SOLUTION = """
import random

random.random()


def drawn():
    return random.random()
"""
PROPS = """
def letters(count):
    return iter("abcdef"[:count])


def made(function):
    return iter([function()])
"""


@pytest.fixture
def made(tmp_path):
    """(make, loaded): a target for this source; how often one was loaded."""
    loaded = []

    def make(source=SOLUTION):
        (tmp_path / "topic.py").write_text(source)
        (tmp_path / "props").mkdir()
        (tmp_path / "props" / "common.py").write_text(PROPS)
        config = BenchConfig("topic", str(tmp_path), props=str(tmp_path / "props"), reveal=True, isolated=False)
        return LateTarget(config, loaded.append)

    return make, loaded


def test_what_props_make_needs_no_solution(made):
    make, loaded = made
    target = make("this is not Python")
    target.begin(3, 1.0)
    letters = Student(target).prop("letters", 4)
    assert letters.take(2) == ["a", "b"]
    assert loaded == []


def test_a_solution_is_loaded_once_and_keeps_what_is_held(made):
    make, loaded = made
    target = make()
    target.begin(3, 1.0)
    solution = Student(target)
    letters = solution.prop("letters", 4)
    first = [solution.drawn(), solution.drawn()]
    assert letters.take(1) == ["a"]
    target.begin(3, 1.0)
    assert [solution.drawn(), solution.drawn()] == first  # loading has drawn nothing of a test's numbers
    assert loaded == [target]


@pytest.mark.parametrize("source", ["this is not Python", "1 / 0"])
def test_a_solution_that_cannot_be_loaded_is_the_graders_fault_each_time(made, source):
    make, loaded = made
    target = make(source)
    asks = (
        lambda solution: solution.drawn(),
        lambda solution: solution.value("x"),
        lambda solution: solution.prop("made", solution.drawn),
    )
    for ask in asks * 2:
        target.begin(3, 1.0)
        with pytest.raises(GraderError, match="cannot be loaded"):
            ask(Student(target))
    assert loaded == []
