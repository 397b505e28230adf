"""Mutants: what is changed, what is left alone, and that a mutant is known by its text."""

import ast
from pathlib import Path

import pytest

from autograder.verify.mutants import helpers_of, mutants_of

RIGHT = (Path(__file__).parent / "tiny_unit" / "solutions" / "words.py").read_text()


def becomes(line, others=""):
    """What the one line of a function becomes in its mutants."""
    source = f"import math\n{others}\ndef f(x, y=None):\n    {line}\n"
    found = mutants_of(source, frozenset(["f"]))
    for mutant in found:
        ast.parse(mutant.applied_to(source))
        assert mutant.line == line
    return {mutant.becomes for mutant in found}


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("return x < y", {"return x <= y", "return x >= y"}),
        ("return x is not y", {"return x is y"}),
        ("return x + y", {"return x - y", "return x", "return y"}),
        ("return x @ y", {"return (y) @ (x)"}),
        ("return x // 2", {"return x / 2", "return x // 3", "return x // 1", "return x"}),
        (
            "return x.sum(dim=-1)",
            {"return x.sum(dim=0)", "return x.sum(dim=(-2))", "return x.sum()", "return x.mean(dim=-1)"},
        ),
        ("return x.detach()", {"return x"}),
        ("return x[y:]", {"return x[(y) + 1:]", "return x[(y) - 1:]", "return x[:]"}),
        ("return f(x, y)", {"return f(y, x)"}),
        ("return -x", {"return x"}),
        ("return x and not y", {"return x or not y", "return x and y"}),
        ("return [a for a in x if a]", {"return [a for a in x if True]", "return [a for a in x if not (a)]"}),
        ("return 1 if x else 2", {"return 1", "return 2"}),
        ("return x.T", {"return x"}),
        ("x += y", {"pass", "x = y", "x -= y"}),
        ("x.append(y)", {"pass", "x.extend(y)"}),
        ("return x, y", {"return y, x"}),
        ("for _ in range(x): pass", {"for _ in range((x) - 1): pass", "for _ in range((x) + 1): pass"}),
        ("return 1e-5 * x", {"return 0.0 * x", "return 2e-05 * x"}),
        ("return 'é' + x[0]", {"return 'é' + x[1]"}),
    ],
)
def test_what_a_line_becomes(line, some):
    assert some <= becomes(line)


@pytest.mark.parametrize("line", ["raise ValueError(f'{x} < {1}')", "'''text'''", "return max(x, y)[:]"])
def test_what_is_left_alone(line):
    assert not {each for each in becomes(line) if "y, x" in each or "2" in each}


def test_a_with_goes_and_its_body_stays():
    source = "import torch\ndef f(x):\n    with torch.no_grad():\n        return x\n"
    changed = [mutant.applied_to(source) for mutant in mutants_of(source, frozenset(["f"]))]
    assert "import torch\ndef f(x):\n    if True:\n        return x\n" in changed


def test_a_decorator_goes():
    source = "import torch\n@torch.no_grad()\ndef f(x):\n    return x\n"
    assert [mutant.applied_to(source) for mutant in mutants_of(source, frozenset(["f"]))] == [
        "import torch\n\ndef f(x):\n    return x\n"
    ]


def test_every_mutant_is_another_program_and_stands_once():
    found = mutants_of(RIGHT, frozenset(["count_words", "most_common"]))
    changed = [mutant.applied_to(RIGHT) for mutant in found]
    assert len(set(changed)) == len(changed) > 10
    assert RIGHT not in changed


def test_only_what_was_asked_for_is_changed():
    source = "def f(x):\n    return x + 1\n\n\ndef g(x):\n    return x + 1\n"
    for mutant in mutants_of(source, frozenset(["g"])):
        assert mutant.applied_to(source).startswith("def f(x):\n    return x + 1\n")


def test_a_helper_belongs_to_the_items_that_use_it():
    source = "\n".join(
        f"def {name}():\n    return {value}\n" for name, value in zip("abcd", ("b()", "c()", "1", "2"), strict=True)
    )
    assert helpers_of(source, frozenset(["a", "d"])) == {"b": frozenset(["a"]), "c": frozenset(["a"])}
