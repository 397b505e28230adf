"""A pytest plugin for a student's folder: `student` for the tests of tests/public, without `autograder check`.

Editors show it as their panel of tests. The code under test runs in a process of its own, as in `check`, which is made
anew after a test that broke it. What a failure says to the student is all that is shown of it.
"""

from collections.abc import Generator, Iterator

import pytest

from autograder.desk.check import SEED
from autograder.desk.start import launcher_for
from autograder.desk.target import DeskTarget
from autograder.grading.suite import begin_test
from autograder.spec import Topic, Unit, find_root, load
from autograder.target.failures import Finding
from autograder.target.launcher import Launcher
from autograder.target.proxy import Student


@pytest.fixture(scope="session")
def _unit(pytestconfig: pytest.Config) -> Unit:
    return load(find_root(pytestconfig.rootpath))


@pytest.fixture(scope="session")
def _launcher(_unit: Unit) -> Iterator[Launcher]:
    with launcher_for(_unit, _unit.spec.topics) as launcher:
        yield launcher


@pytest.fixture(scope="module")
def _desk(request: pytest.FixtureRequest, _unit: Unit, _launcher: Launcher) -> Iterator[DeskTarget]:
    """The topic's code, for the tests of one file."""
    topic = _unit.spec.topic(_unit.topic_of(request.path.resolve()))
    desk = DeskTarget(_unit, topic, _unit.assignments, _launcher)
    yield desk
    desk.close()


@pytest.fixture
def student(request: pytest.FixtureRequest, _desk: DeskTarget) -> Student:
    """The code under test."""
    item = _item_seconds(_desk.topic, request.node.originalname)
    target = _desk.ready()
    begin_test(target, SEED, item or _desk.unit.spec.limits.cpu_seconds)
    return Student(target)


def _item_seconds(topic: Topic, test: str) -> float | None:
    return next((item.cpu_seconds for item in topic.items if test in item.public), None)


@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A finding is about the student's code: its message says it, and no traceback of ours."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, Finding):
        report.longrepr = str(call.excinfo.value)
    return report
