"""Reports call common mistakes by their name, and nothing by a wrong one; what breaks a hidden test is noticed.

Samples, each the same on every run; `autograder verify --names` proves all of it.
"""

import random
from pathlib import Path

import pytest

from autograder.spec import load
from autograder.verify import cases, matrix, prove
from autograder.verify.controls import controls
from autograder.verify.names import Names

ROOT = Path(__file__).resolve().parent.parent.parent
UNIT = load(ROOT)
pytestmark = pytest.mark.usefixtures("isolation")


def sample(found, count):
    found = list(found)
    return random.Random(7).sample(found, count)


@pytest.mark.parametrize("topic", ["attention", "bptt"])
def test_what_has_no_name_gets_no_wrong_one(topic):
    """Half-written code, random numbers, and two mistakes at once."""
    every = list(controls(UNIT, UNIT.spec.topic(topic)))
    chosen = [*sample([case for case in every if not case.says], 8), *sample([case for case in every if case.says], 6)]
    verdicts = prove(UNIT, chosen, [b"names"], names=True).verdicts
    assert Names((), (), verdicts).wrong == []
    assert sum(bool(verdict.failed) for verdict in verdicts) > 10  # else nothing was to be named


@pytest.mark.parametrize("topic", ["attention", "bptt"])
def test_common_mistakes_are_named(topic):
    common = [case for case in cases(UNIT, [UNIT.spec.topic(topic)]) if case.mistake and case.mistake.common]
    verdicts = prove(UNIT, sample(common, 6), [b"names"], names=True).verdicts
    assert Names(verdicts, (), ()).wrong == []
    assert sum(verdict.named for verdict in verdicts) >= 5


def with_loosened_tests(folder):
    """This unit, with every comparison of a softmax so loose that it sees only what is very wrong."""
    (folder / "tests" / "hidden").mkdir(parents=True)
    for path in ROOT.iterdir():
        if path.name != "tests":
            (folder / path.name).symlink_to(path)
    for path in (ROOT / "tests").iterdir():
        if path.name != "hidden":
            (folder / "tests" / path.name).symlink_to(path)
    loosened = 0
    for path in (ROOT / "tests" / "hidden").rglob("*.py"):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text()
        if "attention" in str(path.relative_to(ROOT)):
            loosened += text.count("atol=ROUNDING")
            text = text.replace("atol=ROUNDING", "atol=0.5")
        copy.write_text(text)
    assert loosened > 5
    return load(folder)


@pytest.mark.parametrize("loose", [False, True], ids=["as it is", "loosened"])
def test_a_loosened_tolerance_is_noticed(loose, tmp_path):
    """Also where some test still catches every mistake: a test that catches fewer than it did makes `verify` fail."""
    unit = with_loosened_tests(tmp_path) if loose else UNIT
    topic = unit.spec.topic("attention")
    about = [case for case in cases(unit, [topic]) if case.mistake and case.mistake.item == "attention.softmax"]
    proof = prove(unit, about, [b"verify-1"])
    blunted = list(matrix.blunted(unit, [topic], matrix.grids((topic,), proof), unit.spec.verify.sharpness))
    assert any("test_softmax_of_any_shape catches" in line for line in blunted) is loose
    assert bool(blunted) is loose
