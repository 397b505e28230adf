"""The unit's pictures: every right module gives one, and what it shows is what its caption promises."""

from pathlib import Path

import pytest

from autograder.grading.illustration import picture_of
from autograder.spec import load
from autograder.student.workbench import BenchConfig
from autograder.target.inprocess import InProcessTarget

ROOT = Path(__file__).resolve().parent.parent.parent
UNIT = load(ROOT)


def picture(item_id, path):
    topic, item = UNIT.spec.topic(item_id.split(".")[0]), UNIT.spec.item(item_id)
    config = BenchConfig(topic.name, str(path.parent), UNIT.spec.importable, str(UNIT.props), isolated=False)
    if path.stem != topic.name:
        pytest.fail("the file of a topic has its name")
    target = InProcessTarget(config, quiet=True)
    target.load()
    return picture_of(UNIT, topic, item, target)


def versions(topic, tmp_path):
    """The solution, and different right modules, each in a folder where it has the topic's name."""
    yield UNIT.solutions / f"{topic}.py"
    for path in sorted((ROOT / "tests" / "right" / topic).glob("*.py")):
        folder = tmp_path / path.stem
        folder.mkdir()
        (folder / f"{topic}.py").write_bytes(path.read_bytes())
        yield folder / f"{topic}.py"


def test_attention_looks_at_the_word_before_and_never_ahead(tmp_path):
    shown = [picture("attention.scaled_dot_product_attention", path) for path in versions("attention", tmp_path)]
    assert len(shown) > 1
    assert set(shown) == {shown[0]}  # right modules differ by rounding alone
    values = shown[0].values
    assert all(abs(sum(row) - 1) < 0.01 for row in values)
    assert all(weight == 0 for r, row in enumerate(values) for weight in row[r + 1 :])
    assert all(0.5 < row[r] < 0.95 for r, row in enumerate(values[1:]))  # a preference that the scale matters for


def test_gradients_vanish_and_explode(tmp_path):
    shown = [picture("bptt.state_gradient_norms", path) for path in versions("bptt", tmp_path)]
    assert len(shown) > 1
    assert None not in shown
    first = {name: values[0] for name, values in shown[0].lines}
    last = {name: values[-1] for name, values in shown[0].lines}
    assert first["scale 0.5"] < 1e-9 < last["scale 0.5"]
    assert first["scale 2"] > 100 * last["scale 2"]
