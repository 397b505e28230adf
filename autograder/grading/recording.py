"""What a test asked of the student's code and what came back, kept so that it can be asked of other code as well."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from autograder.grading.suite import TestTarget
from autograder.student import wire
from autograder.target.failures import StudentError


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, or the kind of error that came instead, and its text."""

    request: dict[str, Any]
    answer: Any = None
    error: str = ""
    text: str = ""


@dataclass
class Record:
    """One test's exchanges, in order. It is `whole` unless the student's process broke or lacked something."""

    seed: int
    exchanges: list[Exchange] = field(default_factory=list)
    whole: bool = True


class Recorder:
    """A target with a memory of what the current test asked."""

    def __init__(self, target: TestTarget) -> None:
        self._target = target
        self.record = Record(0)

    def begin(self, seed: int, cpu_seconds: float) -> None:
        self.record = Record(seed)
        self._target.begin(seed, cpu_seconds)

    def request(self, request: dict[str, Any], resolve: Callable[[int, str], Any] = wire.Ref) -> Any:
        try:
            answer = self._target.request(request, resolve)
        except StudentError as error:
            self.record.exchanges.append(Exchange(request, error=error.kind, text=error.text))
            raise
        except BaseException:
            self.record.whole = False
            raise
        self.record.exchanges.append(Exchange(request, answer))
        return answer
