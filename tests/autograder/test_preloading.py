"""What is preloaded: modules are imported, functions called with the words behind them."""

import sys

import pytest

from autograder.student.preloading import module_of, preload


def test_modules_are_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    preload(("colorsys",))
    assert "colorsys" in sys.modules


def test_a_function_gets_its_words(monkeypatch):
    got = []
    monkeypatch.setattr("os.path.isdir", lambda *words: got.append(words))
    preload(("os.path:isdir one two",))
    assert got == [("one", "two")]


@pytest.mark.parametrize("entry", ["no.such.module", "os:no_such_function"])
def test_what_is_not_there_is_told(entry):
    with pytest.raises((ImportError, AttributeError)):
        preload((entry,))


def test_the_module_of_an_entry():
    assert module_of("torch.nn") == "torch.nn"
    assert module_of("package.module:function an argument") == "package.module"
