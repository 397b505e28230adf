"""A target in the tests' own process: for solutions, mistakes, and a student at the debugger. Never for a submission.

Everything still crosses the wire's encoding, so that a test sees the same forms, copies and refusals on every target;
random states are the target's own, so that what it draws does not shift what the test draws. Its directory while it
works is the code's folder, as in a worker, so that ../data means the same.
"""

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from typing import Any

from autograder.student import wire
from autograder.student.reduce import describe
from autograder.student.workbench import BenchConfig, NoSuchName, Workbench
from autograder.target.failures import MissingName, student_error


class InProcessTarget:
    """A workbench in this process. An error of the code is the cause of the one that the test sees."""

    def __init__(self, config: BenchConfig, quiet: bool = False) -> None:
        self._bench = Workbench(config)
        self._state: list[Any] | None = None
        self._quiet = quiet  # what the code prints goes nowhere

    def load(self) -> None:
        self.request({"op": "load"})

    def begin(self, seed: int, cpu_seconds: float) -> None:  # noqa: ARG002  # no limits hold in this process
        """The start of a test."""
        self._state = None
        self.request({"op": "begin", "seed": seed})

    def request(self, request: dict[str, Any], resolve: Callable[[int, str], Any] = wire.Ref) -> Any:
        theirs = wire.decode(*wire.encode(request), self._bench.held)
        ours = _random_states()
        if self._state is not None:
            _restore(self._state)
        try:
            with chdir(self._bench.config.folder), _silence(self._quiet):
                answer = wire.encode(self._bench.execute(theirs))
        except NoSuchName as error:
            raise MissingName(str(error)) from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise student_error(describe(error, self._bench.config.folder, reveal=True)) from error
        finally:
            self._state = _random_states()
            _restore(ours)
        return wire.decode(*answer, resolve)


@contextmanager
def _silence(wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def _random_states() -> list[Any]:
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    return [
        random.getstate(),
        numpy.random.get_state() if numpy else None,
        torch.get_rng_state() if torch else None,
    ]


def _restore(states: list[Any]) -> None:
    python, numpy_state, torch_state = states
    random.setstate(python)
    if numpy_state is not None:
        sys.modules["numpy"].random.set_state(numpy_state)
    if torch_state is not None:
        sys.modules["torch"].set_rng_state(torch_state)
