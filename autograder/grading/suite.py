"""The collected tests of a unit, to be run against any target, as often as wanted.

A suite is a pytest plugin. pytest collects the test files once, and where it would run its loop the suite hands itself
to `body`, which runs single tests. Each test gets two fixtures: `student`, the code under test, and `reference`, the
solution with the same interface. How a test ends is told in an `Outcome`:

- an `expect_*` check that fails, or a bare assert: the student's fault; only the first speaks to the student
- an error, a hang or a crash of the student's code: the student's fault
- anything else a test raises: the grader's fault, a `GraderError`, never a mark of 0
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import pytest

from autograder.errors import GraderError
from autograder.grading.outcome import Outcome, outcome_of
from autograder.results import Status
from autograder.spec import Item, Kind, Unit
from autograder.student.workbench import BenchConfig, seed_everything
from autograder.target.failures import student_error
from autograder.target.inprocess import InProcessTarget, LateTarget
from autograder.target.proxy import Student, Target

T = TypeVar("T")

# Plugins of pytest that have nothing to do here.
_UNUSED = (
    *("cacheprovider", "warnings", "logging", "junitxml", "unittest", "terminal", "faulthandler", "debugging"),
    *(
        "setuponly",
        "setupplan",
        "stepwise",
        "pastebin",
        "doctest",
        "threadexception",
        "unraisableexception",
        "subtests",
    ),
)

# A test draws other numbers than the code under test, whose fresh weights might else be a test's own inputs.
_TESTS_OWN = 0x5DEECE66D


class TestTarget(Target, Protocol):
    """A target that can be told that a test begins."""

    def begin(self, seed: int, cpu_seconds: float) -> None: ...


def begin_test(target: TestTarget, seed: int, cpu_seconds: float) -> None:
    """The start of a test, on both sides of the line."""
    target.begin(seed, cpu_seconds)
    seed_everything(seed ^ _TESTS_OWN)


@dataclass
class _Current:
    """The test that runs now."""

    topic: str
    target: TestTarget
    seed: int
    cpu_seconds: float


class Suite(Generic[T]):
    """The tests of some topics, collected; see `collect`."""

    def __init__(self, unit: Unit, kind: Kind, body: Callable[["Suite[T]"], T]) -> None:
        self.unit = unit
        self.kind = kind
        self.result: T | None = None
        self.errors: list[str] = []
        self.failure: BaseException | None = None
        self.on_failure: Callable[[BaseException], None] = lambda _: None  # called while the failed test's frames stand
        self._body = body
        self._tests: dict[tuple[str, str], list[pytest.Function]] = {}
        self._references: dict[str, InProcessTarget] = {}
        self._current: _Current | None = None

    def claim(self, topic: str, test: str) -> str:
        """What the test claims, in the student's words: the first paragraph of its docstring."""
        text = self._tests[topic, test][0].function.__doc__ or test.removeprefix("test_").replace("_", " ")
        return " ".join(text.strip().split("\n\n")[0].split())

    def run(self, topic: str, item: Item, test: str, target: TestTarget, seed: int, reveal: bool = False) -> Outcome:
        """Run one test against a target. With `reveal` the message may tell what the student's code said."""
        outcomes = []
        for variant in self._tests[topic, test]:
            self._current = _Current(topic, target, seed, item.cpu_seconds or self.unit.spec.limits.cpu_seconds)
            began = time.perf_counter()
            error = self._error_of(variant)
            outcomes.append(outcome_of(error, item, variant.nodeid, time.perf_counter() - began, reveal))
            if outcomes[-1].status is not Status.PASSED:
                break
        first_wrong = next((each for each in outcomes if each.status is not Status.PASSED), outcomes[0])
        return first_wrong.lasting(sum(each.seconds for each in outcomes))

    def _error_of(self, test: pytest.Function) -> pytest.ExceptionInfo[BaseException] | None:
        """What a test raises, if anything. No report of pytest's is made of it: that costs more than most tests.

        One that asks for nothing but the code under test is called as it is: to set it up costs as much as a request.
        """
        if test.fixturenames == ["student"] and not any(test.iter_markers()):
            return self._raised(lambda: test.obj(self._begun()))
        hooks = test.ihook
        raised = self._raised(hooks.pytest_runtest_setup, item=test)
        raised = raised or self._raised(hooks.pytest_runtest_call, item=test)
        afterwards = self._raised(hooks.pytest_runtest_teardown, item=test, nextitem=None)
        test._initrequest()  # its fixtures are let go, and it can be run again
        return raised or afterwards

    def _raised(self, hook: Callable[..., object], **told: object) -> pytest.ExceptionInfo[BaseException] | None:
        try:
            hook(**told)
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise
        except BaseException as error:
            self.on_failure(error)
            return pytest.ExceptionInfo.from_current()
        return None

    def _begun(self) -> Student:
        """The code under test, at the start of the current test."""
        assert self._current is not None
        begin_test(self._current.target, self._current.seed, self._current.cpu_seconds)
        return Student(self._current.target)

    # -- pytest's hooks and fixtures

    @pytest.fixture
    def student(self) -> Student:
        """The code under test."""
        return self._begun()

    @pytest.fixture
    def reference(self, student: Student) -> Student:  # noqa: ARG002  # comes first: it sets the seeds
        """The solution, called as the student is called."""
        assert self._current is not None
        target = self._reference(self._current.topic)
        target.begin(self._current.seed, self._current.cpu_seconds)
        return Student(target)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.errors.append(str(report.longrepr))

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for test in session.items:
            assert isinstance(test, pytest.Function)
            topic = self.unit.topic_of(self.unit.root / test.path.relative_to(session.config.rootpath))
            self._tests.setdefault((topic, test.originalname), []).append(test)
        if not self.errors:
            try:
                self.result = self._body(self)
            except BaseException as error:  # raised again by `collect`, outside pytest
                self.failure = error
        return True

    def _reference(self, topic: str) -> InProcessTarget:
        if topic not in self._references:
            config = BenchConfig(
                topic,
                str(self.unit.solutions),
                self.unit.spec.importable,
                str(self.unit.props),
                kind=self.unit.spec.topic(topic).kind,
                reveal=True,
                isolated=False,
            )
            self._references[topic] = LateTarget(config, self._must_be_whole)
        return self._references[topic]

    def _must_be_whole(self, solution: InProcessTarget) -> None:
        """A solution whose cells fail is the grader's fault."""
        for failure in solution.request({"op": "failures"}):
            told = student_error(failure)
            raise GraderError(f"{solution.file}: cell {failure['cell']} of the solution fails: {told} ({told.place})")


def collect(unit: Unit, kind: Kind, topics: Sequence[str], body: Callable[[Suite[T]], T]) -> T:
    """Collect the tests of these topics and give them to `body`; its result."""
    suite = Suite(unit, kind, body)
    if not topics:  # pytest would look for tests everywhere
        return body(suite)
    options = [
        *("-c", os.devnull, f"--rootdir={unit.root}", "--noconftest", "--import-mode=importlib"),
        *(part for name in _UNUSED for part in ("-p", f"no:{name}")),
        "--capture=no",
    ]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # whatever else is installed here changes no mark
    os.environ.setdefault("MPLBACKEND", "Agg")  # a solution's plot opens no window
    files = [str(path) for topic in topics for path in unit.suite(kind, topic)]
    code = pytest.main([*options, *files], plugins=[suite])
    if suite.failure is not None:
        raise suite.failure
    if suite.errors:
        raise GraderError("the tests cannot be collected:\n" + "\n".join(suite.errors))
    if suite.result is None:
        raise GraderError(f"pytest ended with status {code} before any test ran")
    return suite.result
