"""The same tests as an autograder.zip of otter-grader's own kind: they run in otter's kernel, with the submission."""

import subprocess
import sys
from pathlib import Path

from autograder.spec import Unit

_CASE = """
@test_case(points={points})
def {test}():
    assert bare.of_this_folder({root!r}, {rules!r}, {topic!r})[{test!r}]

"""
_HEAD = """\
from otter.test_files import test_case

import bare

OK_FORMAT = False
name = {name!r}
points = {points}
"""


def make_zip(unit: Unit, rules: Path, topic_name: str, folder: Path) -> Path:
    """Write otter's tests of a topic, and have otter pack them."""
    tests = folder / "tests"
    tests.mkdir(parents=True, exist_ok=True)
    for item in unit.spec.topic(topic_name).items:
        cases = [
            _CASE.format(
                points=float(item.points * item.weight(test)),
                test=test,
                root=str(unit.root),
                rules=str(rules),
                topic=topic_name,
            )
            for test in item.tests
        ]
        head = _HEAD.format(name=item.name, points=float(item.points))
        (tests / f"{item.name}.py").write_text("\n".join([head, *cases]), encoding="utf-8")
    command = [*otter(), "generate", "-t", str(tests), "-o", str(folder / "autograder.zip"), "--no-requirements"]
    subprocess.run([*command, "--no-environment"], check=True, cwd=folder, capture_output=True)
    return folder / "autograder.zip"


def otter() -> list[str]:
    return [sys.executable, "-m", "otter"]


def environment() -> dict[str, str]:
    """What is added to the environment: the folder of `bare`, for the kernel."""
    return {"PYTHONPATH": str(Path(__file__).parent)}
