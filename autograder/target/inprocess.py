"""A target in the tests' own process: for solutions, mistakes, and a student at the debugger. Never for a submission.

Everything still crosses the wire's encoding, so that a test sees the same forms, copies and refusals on every target;
random states are the target's own, so that what it draws does not shift what the test draws; so is whether gradients
are recorded. Its directory while it works is the code's folder, as in a worker, so that ../data means the same.
"""

import io
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from autograder.errors import GraderError
from autograder.student import wire
from autograder.student.reduce import describe
from autograder.student.workbench import BenchConfig, NoSuchName, Workbench
from autograder.target.failures import Finding, MissingName, student_error

# Operations that run none of the code under test which could draw at random.
_DRAW_NOTHING = frozenset(("get", "at", "set", "value", "parameters", "train", "zero_grad", "same"))


class InProcessTarget:
    """A workbench in this process. An error of the code is the cause of the one that the test sees."""

    def __init__(self, config: BenchConfig, quiet: bool = False, module: ModuleType | None = None) -> None:
        self._bench = Workbench(config, module)  # with a module there is nothing to load
        self._state: list[Any] | None = None
        self._quiet = quiet  # what the code prints goes nowhere

    @property
    def file(self) -> Path:
        return self._bench.file

    def load(self) -> None:
        self.request({"op": "load"})

    def begin(self, seed: int, cpu_seconds: float) -> None:  # noqa: ARG002  # no limits hold in this process
        """The start of a test."""
        self._state = None
        self.request({"op": "begin", "seed": seed})

    def request(self, request: dict[str, Any], resolve: Callable[[int, str], Any] = wire.Ref) -> Any:
        theirs = wire.decode(*wire.encode(request), self._bench.held)
        with nullcontext() if request["op"] in _DRAW_NOTHING else self._own_states():
            answer = self._execute(theirs)
        return wire.decode(*answer, resolve)

    def _execute(self, request: dict[str, Any]) -> tuple[bytes, bytes]:
        try:
            with chdir(self._bench.config.folder), _silence() if self._quiet else nullcontext():
                return wire.encode(self._bench.execute(request))
        except NoSuchName as error:
            raise MissingName(str(error)) from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise student_error(describe(error, self._bench.config.folder, reveal=True)) from error

    @contextmanager
    def _own_states(self) -> Iterator[None]:
        with kept_states():
            if self._state is not None:
                _restore(self._state)
            try:
                yield
            finally:
                self._state = _states()


class LateTarget(InProcessTarget):
    """Loads its code when it is first asked for something of it: what props make needs none.

    `on_loaded` looks at it then. Whatever goes wrong in loading is raised as a `GraderError`.
    """

    def __init__(self, config: BenchConfig, on_loaded: Callable[[InProcessTarget], None]) -> None:
        super().__init__(config, quiet=True)
        self._on_loaded: Callable[[InProcessTarget], None] | None = on_loaded

    def request(self, request: dict[str, Any], resolve: Callable[[int, str], Any] = wire.Ref) -> Any:
        names_something = isinstance(request.get("target"), str) or request["op"] == "value" or request.get("of")
        if self._on_loaded is not None and names_something:
            self._load_now(self._on_loaded)
        return super().request(request, resolve)

    def _load_now(self, on_loaded: Callable[[InProcessTarget], None]) -> None:
        drawn = self._state
        try:
            self.load()
            on_loaded(self)
        except Finding as error:
            config = self._bench.config
            raise GraderError(f"{config.topic} of {config.folder} cannot be loaded: {error}") from error
        self._on_loaded, self._state = None, drawn  # the test that comes first draws what it would draw later


@contextmanager
def kept_states() -> Iterator[None]:
    """Afterwards what is drawn goes on as if nothing had been drawn in between; gradients are recorded as before."""
    ours = _states()
    try:
        yield
    finally:
        _restore(ours)


class _Nowhere(io.TextIOBase):
    """Where what is printed is let go."""

    def write(self, text: str) -> int:
        return len(text)

    def writable(self) -> bool:
        return True


@contextmanager
def _silence() -> Iterator[None]:
    with redirect_stdout(_Nowhere()), redirect_stderr(_Nowhere()):
        yield


def _states() -> list[Any]:
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    return [
        random.getstate(),
        numpy.random.get_state() if numpy else None,
        (torch.get_rng_state(), torch.is_grad_enabled()) if torch else None,
    ]


def _restore(states: list[Any]) -> None:
    python, numpy_state, torch_state = states
    random.setstate(python)
    if numpy_state is not None:
        sys.modules["numpy"].random.set_state(numpy_state)
    if torch_state is not None:
        drawn, gradients = torch_state
        sys.modules["torch"].set_rng_state(drawn)
        sys.modules["torch"].set_grad_enabled(gradients)
