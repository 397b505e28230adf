"""The unit as a whole: stubs follow solutions, rules name what there is, and the hidden tests are proved."""

import ast
import os
from pathlib import Path

import pytest

from autograder.mistakes import mistakes_of, right_modules_of
from autograder.release.stubs import stub_of
from autograder.spec import load
from autograder.student.notebook import combined, read
from autograder.student.preloading import preload
from autograder.student.traps import meant, resolve
from autograder.verify import cases, changed, mutant_cases, prove
from autograder.verify.survivors import explanations_of

ROOT = Path(__file__).resolve().parent.parent.parent
UNIT = load(ROOT)
TOPICS = [topic.name for topic in UNIT.spec.topics]
TESTED = [topic.name for topic in UNIT.spec.topics if topic.kind != "answers"]
MODULES = [topic.name for topic in UNIT.spec.topics if topic.kind == "module"]


def tree(path):
    """The code of a file, or of the cells of a notebook."""
    return combined(read(path.read_bytes())) if path.suffix == ".ipynb" else ast.parse(path.read_text())


def definitions(path):
    """(name, signature, docstring) of every function, class and method of a file, but those inside of a function."""
    code = tree(path)
    inner = {
        id(node)
        for function in ast.walk(code)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if node is not function
    }
    found = []
    for node in ast.walk(code):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and id(node) not in inner:
            signature = ast.unparse(node.args) if isinstance(node, ast.FunctionDef) else ""
            found.append((node.name, signature, ast.get_docstring(node)))
    return found


@pytest.mark.parametrize("topic", UNIT.spec.topics, ids=TOPICS)
def test_a_stub_is_what_is_made_of_its_solution(topic):
    stub = (UNIT.assignments / topic.file).read_text()
    assert stub == stub_of(topic, (UNIT.solutions / topic.file).read_text()), "run: make stubs"
    assert "SOLUTION" not in stub


@pytest.mark.parametrize("topic", TESTED)
def test_a_stub_says_what_its_solution_says(topic):
    file = UNIT.spec.topic(topic).file
    assert definitions(UNIT.assignments / file) == definitions(UNIT.solutions / file)


@pytest.mark.parametrize("topic", MODULES)
def test_every_item_is_something_that_the_solution_defines(topic):
    names = {name for name, _, _ in definitions(UNIT.solutions / f"{topic}.py")}
    for item in UNIT.spec.topic(topic).items:
        assert item.name in names


@pytest.mark.parametrize("topic", TESTED)
def test_every_item_has_a_public_test(topic):
    for item in UNIT.spec.topic(topic).items:
        assert item.public, f"{item.id} has no public test"


@pytest.mark.parametrize("topic", TOPICS)
def test_every_forbidden_name_exists(topic):
    """A name that is spelled wrong would forbid nothing."""
    forbidden = UNIT.spec.topic(topic).forbidden
    for name in forbidden.names if forbidden else ():
        assert list(meant((name,))) or resolve(name) is not None, name


@pytest.mark.parametrize("topic", TOPICS)
def test_every_item_that_is_built_on_has_a_stand_in(topic):
    for item in UNIT.spec.topic(topic).items:
        for other in item.builds_on:
            other_topic, _, name = other.partition(".")
            source = (UNIT.stand_ins / f"{other_topic}.py").read_text()
            assert name in {"", *(getattr(node, "name", "") for node in ast.parse(source).body)}, other


@pytest.mark.parametrize("topic", TESTED)
def test_every_test_says_what_it_claims(topic):
    for kind in ("public", "hidden"):
        for node in (node for path in UNIT.suite(kind, topic) for node in ast.parse(path.read_text()).body):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert ast.get_docstring(node), f"{node.name} has no docstring for the student"


@pytest.mark.parametrize("topic", MODULES)
def test_every_handout_is_there(topic):
    handout = UNIT.assignments / (UNIT.spec.topic(topic).handout or "")
    assert handout.is_file()
    for item in UNIT.spec.topic(topic).items:
        assert f"`{item.name}" in handout.read_text()


@pytest.mark.parametrize("topic", TESTED)
def test_the_bank_is_large_enough_to_prove_something(topic):
    bank = mistakes_of(UNIT, UNIT.spec.topic(topic))
    for item in UNIT.spec.topic(topic).items:
        assert any(mistake.item == item.id for mistake in bank), item.id
    assert len(right_modules_of(UNIT, UNIT.spec.topic(topic))) >= 3


def test_solutions_and_right_modules_pass_stubs_score_nothing_and_mistakes_are_caught():
    """`make verify`, with one seed, and each mistake only until a test has caught it.

    With VERIFY=changed, topics that were proved as they are now are left out: CI keeps build/verify from run to run.
    """
    topics, how = list(UNIT.spec.topics), "make test"
    if os.environ.get("VERIFY") == "changed":
        topics = changed.unproved(UNIT, topics, how)
    if not topics:
        pytest.skip("every topic was proved before, and nothing that it depends on has changed")
    assert prove(UNIT, list(cases(UNIT, topics)), [b"make test"], hurry=True).wrong == ()
    changed.keep(UNIT, topics, how)


@pytest.mark.parametrize("topic", UNIT.spec.topics, ids=TOPICS)
def test_every_explanation_of_a_mutant_is_about_a_mutant_that_there_is(topic):
    there = {(item, case.mutant.line, case.mutant.becomes) for case in mutant_cases(UNIT, topic) for item in case.items}
    for explanation in explanations_of(UNIT, topic):
        for mutant in explanation.mutants:
            assert (explanation.item, mutant.line, mutant.becomes) in there


def test_the_engine_has_no_word_about_the_unit():
    words = [*TOPICS, "softmax", "language model", "GPT-2"]
    for path in (ROOT / "autograder").rglob("*.py"):
        code = path.read_text()
        for node in ast.walk(ast.parse(code)):  # docstrings may give examples
            if isinstance(node, (ast.Name, ast.Attribute)):
                name = node.id if isinstance(node, ast.Name) else node.attr
                assert name not in words, f"{path.name}: {name}"


def test_the_preloaded_modules_are_there():
    preload(UNIT.spec.preload_for(UNIT.spec.topics))
