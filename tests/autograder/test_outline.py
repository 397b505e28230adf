"""What is still a stub, told from the source."""

import ast

import pytest

from autograder.student.outline import outline

STUBS = {
    "a function": "def f(x):\n    raise NotImplementedError",
    "with a docstring and a message": 'def f(x):\n    """Doc."""\n    raise NotImplementedError("later")',
    "a class": "class f:\n    def __init__(self):\n        super().__init__()\n        raise NotImplementedError",
    "a class, in one method": "class f:\n    a = 1\n    def go(self):\n        raise NotImplementedError",
}
WRITTEN = {
    "a function": "def f(x):\n    return x",
    "one that is begun": "def f(x):\n    y = x\n    raise NotImplementedError",
    "one that raises for some": "def f(x):\n    if x:\n        raise NotImplementedError\n    return x",
    "another error": "def f(x):\n    raise ValueError",
    "a class": "class f:\n    def __init__(self):\n        self.x = 1",
}


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_is_unwritten(name):
    assert [(each[0], each[3]) for each in outline(ast.parse(STUBS[name]))] == [("f", True)]


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_begun_is_written(name):
    assert [(each[0], each[3]) for each in outline(ast.parse(WRITTEN[name]))] == [("f", False)]


def test_a_name_that_is_defined_twice_is_what_it_was_last():
    again = ast.parse("def f():\n    raise NotImplementedError\n\ndef f():\n    return 1\n")
    assert [each[3] for each in outline(again)] == [False, False]


def test_lines_are_counted_from_one():
    assert outline(ast.parse("x = 1\n\ndef f():\n    return 1\n")) == [("f", 3, 4, False)]
