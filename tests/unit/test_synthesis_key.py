"""The written answers as a whole: questions, key and handout fit, and near misses can be told from each other."""

import ast
from pathlib import Path

import numpy as np
import pytest
import yaml

from autograder.grading import companions, prose
from autograder.key import Check, Key, Miss, Question
from autograder.results import Status
from autograder.spec import Item, load
from autograder.student import answers

ROOT = Path(__file__).resolve().parent.parent.parent
UNIT = load(ROOT)
SOURCE = (ROOT / "solutions" / "synthesis.py").read_text(encoding="utf-8")
VALUES = answers.read(SOURCE.encode()).values
KEY: Key = {
    name: Question.model_validate(entry)
    for name, entry in yaml.safe_load((ROOT / "solutions" / "synthesis.yml").read_text(encoding="utf-8")).items()
}
RIGHT_FILES = sorted((ROOT / "tests" / "right" / "synthesis").glob("*.py"))
# The contract's, in its order.
IDS = (
    *("E1", "E2", "E2A", "E3_KING", "E3_BUTTON", "E3_PAIN", "E3_WATER_BOTTLE", "E4", "E5"),
    *("R1", "R2", "R3", "R3A", "R3B", "R4", "R5"),
    *("B1", "B2", "B2A", "B3"),
    *("T1", "T2", "T3", "T4", "T5", "T6", "T6A", "T7", "T8", "T9", "T10"),
)
MISSES = [
    pytest.param(name, miss, id=miss.id)
    for name, question in KEY.items()
    for miss in (question.check.misses if question.check else ())
]


def right(name):
    return VALUES[f"{name}_CHECK"]


def check_of(name) -> Check:
    check = KEY[name].check
    assert check is not None
    return check


def judged(name, value):
    """What the grader says of an answer to a companion."""
    item = Item(id=f"synthesis.{name}_CHECK", points=1, form=_kind(right(name)))
    return companions.judge(item, check_of(name), right(name), value)


def example_of(name, miss: Miss):
    """An answer with this misconception that is right apart from it."""
    value = right(name)
    if miss.contains is not None:
        return [miss.contains, *value[1:]]
    if miss.length is not None:
        return (value * miss.length)[: miss.length]
    if miss.above is not None:
        return miss.above + 1
    if miss.below is not None:
        return miss.below - 1
    if isinstance(miss.like, list) and "*" in miss.like:
        return [good if entry == "*" else entry for entry, good in zip(miss.like, value, strict=True)]
    return miss.like


def comment_above(name):
    """The comment directly above a constant, as one line."""
    lines = SOURCE.splitlines()
    at = first = next(i for i, line in enumerate(lines) if line.startswith(f"{name} = "))
    while lines[first - 1].startswith("#"):
        first -= 1
    return " ".join(line.removeprefix("# ") for line in lines[first:at])


def _kind(value):
    """number, numbers, word or words."""
    entry = value[0] if isinstance(value, list) else value
    return ("word" if isinstance(entry, str) else "number") + ("s" if isinstance(value, list) else "")


def test_questions_and_companions_are_those_of_the_contract_in_its_order():
    names = [node.targets[0].id for node in ast.parse(SOURCE).body if isinstance(node, ast.Assign)]
    assert names == [name for question in IDS for name in (question, f"{question}_CHECK")]
    assert list(VALUES) == names
    assert answers.read(SOURCE.encode()).problems == []
    assert tuple(KEY) == IDS


@pytest.mark.parametrize(("name", "miss"), MISSES)
def test_a_near_miss_is_wrong_and_named_by_its_misconception(name, miss):
    outcome = judged(name, example_of(name, miss))
    assert outcome.status is Status.FAILED
    assert outcome.diagnosis == miss.says


@pytest.mark.parametrize(("name", "miss"), MISSES)
def test_a_near_miss_of_numbers_is_clearly_off(name, miss):
    """More than twice the tolerance from the right answer and from all other near misses: rounding decides nothing."""
    example, tolerance = example_of(name, miss), check_of(name).tolerance
    others = [example_of(name, other) for other in check_of(name).misses if other.id != miss.id]
    for other in (right(name), *others):
        if _kind(other).startswith("number") and np.shape(other) == np.shape(example):
            assert np.abs(np.array(other, float) - np.array(example, float)).max() > 2 * tolerance


@pytest.mark.parametrize(("name", "miss"), MISSES)
def test_what_is_said_of_a_near_miss_is_short_and_gives_no_answer_away(name, miss):
    assert miss.id.startswith(f"{name.lower()}_")
    assert miss.says.endswith((".", "?", ")"))
    assert len(miss.says) < 180
    value = right(name)
    words = miss.says.replace(".", " ").replace(",", " ").split()
    if _kind(value) in ("number", "word"):
        assert str(value) not in words
    elif _kind(value) == "numbers":
        assert ", ".join(map(str, value)) not in miss.says


def test_every_near_miss_has_a_name_of_its_own():
    ids = [miss.id for name in KEY for miss in check_of(name).misses]
    assert len(ids) == len(set(ids))
    assert all(len(check_of(name).misses) >= 2 for name in KEY)


@pytest.mark.parametrize("name", IDS)
def test_a_rubric_has_two_to_four_concepts(name):
    assert 2 <= len(KEY[name].rubric) <= 4
    assert all(concept.says.endswith((".", ")")) for concept in KEY[name].rubric)


@pytest.mark.parametrize("name", IDS)
def test_a_model_answer_has_at_most_six_sentences(name):
    text = VALUES[name]
    assert 8 <= len(text.split()) <= 130
    assert sum(text.count(end) for end in (". ", ".\n", "? ", ".)")) <= 6


@pytest.mark.parametrize("name", IDS)
def test_the_comment_above_an_answer_asks_its_question(name):
    question, companion = comment_above(name), comment_above(f"{name}_CHECK")
    assert question.startswith(f"{name}. ")
    head, _, asked = companion.partition(": ")
    assert head.startswith(f"Companion of {name}, a ")
    assert ("list of" in head) == isinstance(right(name), list)
    assert ("word" in head) == _kind(right(name)).startswith("word")
    assert asked


@pytest.mark.parametrize("name", [name for name in IDS if _kind(right(name)).startswith("number") and name != "R1"])
def test_no_comment_holds_the_right_answer(name):
    """R1 asks for a part of a list that has to be shown."""
    comment = comment_above(f"{name}_CHECK")
    if isinstance(right(name), list):
        assert ", ".join(map(str, right(name))) not in comment
    else:
        assert str(right(name)) not in comment.replace(".", " ").replace(",", " ").split()


@pytest.mark.parametrize("path", RIGHT_FILES, ids=lambda path: path.stem)
def test_a_different_right_file_is_right_in_all_companions(path):
    found = answers.read(path.read_bytes())
    assert found.problems == []
    assert set(found.values) == set(VALUES)
    wrong = [name for name in IDS if judged(name, found.values[f"{name}_CHECK"]).status is not Status.PASSED]
    assert wrong == []


@pytest.mark.parametrize("name", IDS)
@pytest.mark.skipif("synthesis" not in [topic.name for topic in UNIT.spec.topics], reason="not in grading.yml yet")
def test_the_form_that_check_tells_fits_right_answers_and_says_no_more_than_the_question(name):
    item = UNIT.spec.item(f"synthesis.{name}_CHECK")
    assert item.form is not None
    assert item.form.split()[-1] == _kind(right(name))
    assert companions.form_problem(item, right(name)) == ""
    if any(
        len(example_of(name, miss)) != len(right(name))
        for miss in check_of(name).misses
        if _kind(right(name)).endswith("s")
    ):
        assert item.form in ("numbers", "words"), "its length would rule a near miss out"
    assert all(f'"{word}"' in comment_above(item.name) for word in item.allowed)


@pytest.mark.parametrize("name", IDS)
def test_no_question_is_an_answer_as_it_stands_in_the_file(name):
    topic, item, asked = UNIT.spec.topic("synthesis"), UNIT.spec.item(f"synthesis.{name}"), comment_above(name)
    assert prose.questions_above(SOURCE)[name] == asked
    for copied in (asked, asked.removeprefix(f"{name}. ")):
        assert prose.judge(topic, item, {name: copied}, [KEY[name].question, asked]).status is Status.FAILED


def test_the_handout_names_every_question():
    handout = (ROOT / "assignments" / "synthesis.md").read_text(encoding="utf-8")
    assert [name for name in VALUES if f"`{name}`" not in handout] == []
